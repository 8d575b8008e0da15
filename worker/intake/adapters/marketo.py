"""Adobe Marketo Engage: the activity data stream, leads as read back over REST, and webhook templates."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    an_object,
    clean,
    digest,
    each,
    event,
    gather,
    inner,
    instant,
    is_yes,
    key,
    need_key,
    own_key,
    pairs,
)
from worker.intake.adapters.wire import php_pairs
from worker.intake.adapters.words import kind_of_form, kind_of_page, slug

#: leadScore, leadOwner and leadStatus are Marketo's own.
_FIELDS: Final = {
    "email": "email", "lastName": "family_name", "firstName": "given_name", "title": "title",
    "department": "department", "phone": "phone", "mobilePhone": "phone", "company": "company",
    "website": "company_domain", "numberOfEmployees": "employees", "industry": "industry", "state": "region",
    "country": "country", "programName": "campaign",
}  # fmt: skip
#: Form fields and "Change Data Value" name the fields by their SOAP names: FirstName for firstName.
_BY_SOAP: Final = {name[0].upper() + name[1:]: field for name, field in _FIELDS.items()}
#: What is asked of a lead that is read back.
READ_FIELDS: Final = (
    *(name for name in _FIELDS if name != "programName"),
    "id",
    "unsubscribed",
    "createdAt",
    "updatedAt",
)
_ACTS: Final = {
    3: "page_view", 6: "email_sent", 8: "email_bounce", 10: "email_open", 11: "email_click",
    27: "email_bounce",
}  # fmt: skip
_VISIT, _FORM, _UNSUBSCRIBE, _CHANGE, _DELETE, _FIRST_CUSTOM = 1, 2, 9, 13, 37, 100_001
#: Delivered, new lead, score and status changes, lists and campaigns: a lead exists, no more is said.
_QUIET: Final = frozenset((7, 12, 22, 23, 24, 25, 34, 35, 36, 101, 102, 104, 106, 113, 115))
_DATES: Final = ("eventDate", "activityDate", "dateTime", "updatedAt", "createdAt")


def translate(document: Any, source: str) -> Found:
    """Translate stream envelopes (one or an array), a REST answer, or a filled-in webhook template."""
    if isinstance(document, list):
        return each(document, lambda item: _activity(item, source))
    body = an_object(document, "payload")
    if "success" in body and "requestId" in body:  # errors, too, come with HTTP 200
        if body["success"] is not True:
            raise NotUnderstood("success", "Marketo says that the query failed; read the lead again")
        return each(body.get("result"), lambda item: _lead(item, source), "result")
    if isinstance(body.get("data"), dict) or "activityTypeId" in body:
        return each([body], lambda item: _activity(item, source))
    return [_template(body, source)]


def _activity(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    act = inner(item, "data") or item
    found = (item.get("eventid"), item.get("event_id"), item.get("id"), act.get("marketoGUID"))
    made = need_key(next((own_key(word) for word in found if own_key(word)), None), "eventid")
    kind, data = _meaning(act)
    data["campaign"] = act.get("programName")
    whom = need_key(act.get("leadId"), "data.leadId")
    at = instant(act.get("activityDate") or item.get("time"), "data.activityDate")
    told = event(kind, key=key(made), source=source, time=at, subject=whom, data=data)
    if act.get("activityTypeId") != _DELETE:
        told["read_back"] = f"lead:{whom}"  # activities name the lead by its number only
    return [told]


def _meaning(act: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    number, subject = act.get("activityTypeId"), act.get("primaryAttributeValue")
    said = pairs(act.get("attributes"))
    if not isinstance(number, int) or isinstance(number, bool):
        raise NotUnderstood("data.activityTypeId", "missing; send Marketo's number of the activity type")
    if number == _VISIT:
        return "lead.activity", {"activity": kind_of_page(said.get("Webpage URL") or subject)}
    if number == _FORM:
        answers = gather(php_pairs(said.get("Form Fields")), _BY_SOAP)
        return "lead.activity", {**answers, "activity": kind_of_form(subject)}
    if number == _UNSUBSCRIBE:
        return "lead.consent", {"activity": "unsubscribe", "consent": {"email": False}}
    if number == _DELETE:
        return "lead.consent", {"consent": {"all": False}}
    if number == _CHANGE:
        return "lead.captured", gather({str(subject): said.get("New Value")}, {**_FIELDS, **_BY_SOAP})
    if number in _QUIET:
        return "lead.captured", {}
    kind = _ACTS.get(number) or slug(act.get("activityType"))
    if kind is None and number < _FIRST_CUSTOM:
        raise NotUnderstood("data.activityType", f"unknown activity type {number}; send its name")
    return "lead.activity", {
        "activity": kind or f"marketo_{number}",
        **(_mail(act, said) if number in _ACTS else {}),
    }


def _mail(act: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Return which mail it was, and what tells a scanner: Marketo looks for those itself."""
    data = {
        "mail_id": own_key(act.get("primaryAttributeValueId")) or clean(act.get("primaryAttributeValue")),
        "mail_link": said.get("Link"),
        "user_agent": said.get("User Agent"),
    }
    return data | ({"machine": True} if is_yes(said.get("Is Bot Activity")) else {})


def _lead(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    whom = need_key(item.get("id"), "id")
    changed = item.get("updatedAt") or item.get("createdAt")
    made, at = key(whom, changed), instant(changed, "updatedAt")
    return [event("lead.captured", key=made, source=source, time=at, subject=whom, data=_facts(item))]


def _template(body: dict[str, Any], source: str) -> dict[str, Any]:
    """Read a webhook whose keys an admin chose; without a date among them it counts when it arrives."""
    whom, dated = (
        own_key(body.get("leadId")),
        next((body[name] for name in _DATES if clean(body.get(name))), None),
    )
    made = key("webhook", whom, dated, digest(body))
    at = None if dated is None else instant(dated, "createdAt")
    return event("lead.captured", key=made, source=source, time=at, subject=whom, data=_facts(body))


def _facts(body: dict[str, Any]) -> dict[str, Any]:
    data = gather(body, _FIELDS)
    if is_yes(body.get("unsubscribed")):
        data["consent"] = {"email": False}
    return data
