"""Meta Lead Ads: the thin webhook (ids only), and the lead as read back from the Graph API."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    OnlyATest,
    an_object,
    clean,
    each,
    event,
    gather,
    instant,
    key,
    need_key,
)
from worker.intake.adapters.words import kind_of_form

#: Questions of one's own have their whole text as name; they are not read.
_FIELDS: Final = {
    "work_email": "email",
    "email": "email",
    "full_name": "name",
    "last_name": "family_name",
    "first_name": "given_name",
    "job_title": "title",
    "work_phone_number": "phone",
    "phone_number": "phone",
    "company_name": "company",
    "number_of_employees": "employees",
    "state": "region",
    "province": "region",
    "country": "country",
}
_TEST_ID: Final = "444444444444"
_TEST_ANSWER: Final = "<test lead:"


def translate(document: Any, source: str) -> Found:
    """Translate a webhook, a lead, or a page of leads of a form."""
    body = an_object(document, "payload")
    if "entry" in body:
        entries = body["entry"] if isinstance(body["entry"], list) else [body["entry"]]
        changes = [change for entry in entries for change in _changes(entry)]
        return each(changes, lambda item: _thin(item, source), "entry.changes")
    return each(body.get("data", [body]), lambda item: _lead(item, source))


def _changes(entry: Any) -> list[Any]:
    """Return the changes of an entry; one of messages has none, and a broken one stands for itself."""
    if isinstance(entry, dict) and "changes" not in entry:
        return []
    changes = entry.get("changes") if isinstance(entry, dict) else entry
    return changes if isinstance(changes, list) else [changes]


def _thin(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    """Read a notice that there is a lead; its answers come when it is read back."""
    if item.get("field") != "leadgen":
        return []
    value = an_object(item.get("value"), "value")
    whom = need_key(value.get("leadgen_id"), "value.leadgen_id")
    if whom == _TEST_ID:
        raise OnlyATest("value.leadgen_id", f"test delivery: Meta's sample {_TEST_ID}; no lead is made of it")
    at = instant(value.get("created_time"), "value.created_time")
    made = key("leadgen", whom)  # the bare leadgen_id is the key of the lead read back, which says more
    found = event("lead.captured", key=made, source=source, time=at, subject=whom, data={})
    return [{**found, "read_back": f"lead:{whom}"}]


def _lead(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    whom = need_key(item.get("id"), "id")
    fields = item.get("field_data")
    if not isinstance(fields, list):
        raise NotUnderstood("field_data", "missing; read the lead with its field_data")
    answers: dict[str, Any] = {}
    for field in fields:
        values = field.get("values") if isinstance(field, dict) else None
        if isinstance(values, list) and values:
            answers[str(field.get("name"))] = values[0]
    dummy = next((name for name, said in answers.items() if str(said).startswith(_TEST_ANSWER)), None)
    if dummy is not None:
        words = "test delivery: a dummy answer of Meta's Testing Tool; no lead is made of it"
        raise OnlyATest(f"field_data.{dummy}", words)
    data = gather(answers, _FIELDS)
    data["campaign"] = clean(item.get("campaign_name"))
    data["activity"] = kind_of_form(item.get("form_name"))
    at = instant(item.get("created_time"), "created_time")
    return [event("lead.activity", key=key(whom), source=source, time=at, subject=whom, data=data)]
