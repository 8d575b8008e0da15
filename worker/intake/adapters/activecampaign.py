"""ActiveCampaign webhooks: form-encoded, bracketed keys, already read into a tree by the registry."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    an_object,
    clean,
    event,
    gather,
    inner,
    instant,
    key,
    money,
    need_key,
    own_key,
)

_CONTACT: Final = {
    "email": "email",
    "last_name": "family_name",
    "first_name": "given_name",
    "phone": "phone",
    "customer_acct_name": "company",
    "orgname": "company",
}
_FIELDS: Final = {
    "job_title": "title",
    "department": "department",
    "employees": "employees",
    "country": "country",
    "state": "region",
}
_ACTS: Final = {
    "open": "email_open",
    "click": "email_click",
    "sent": "email_sent",
    "bounce": "email_bounce",
    "reply": "email_reply",
    "forward": "email_forward",
    "share": "email_share",
    "event_attended": "event_attended",
}
_CAPTURES: Final = frozenset(
    ("contact_add", "update", "contact_update", "contact_tag_added", "contact_tag_removed", "list_add")
)
_DEALS: Final = frozenset(("deal_add", "deal_update"))
_UNWANTED: Final = frozenset(
    (
        "account_add", "account_update", "contact_task_add", "contact_task_complete", "deal_note_add",
        "deal_pipeline_add", "deal_stage_add", "deal_task_add", "deal_task_complete", "subscriber_note",
        "sms_sent",
    )
)  # fmt: skip
_DEAL_STATUS: Final = {"0": "opened", "1": "won", "2": "lost"}
_LOST_REASONS: Final = frozenset(("失注理由", "lost reason", "loss reason", "lost_reason", "loss_reason"))


def translate(document: Any, source: str) -> Found:
    """Translate one call; ActiveCampaign sends one event at a time and never repeats it."""
    body = an_object(document, "payload")
    what = str(body.get("type"))
    if what in _UNWANTED:
        return []
    contact, deal = inner(body, "contact"), inner(body, "deal")
    kind, data = _meaning(what, deal, body)
    whom = own_key(contact.get("id")) or own_key(deal.get("contactid"))
    number = need_key(deal.get("id"), "deal[id]") if what in _DEALS else whom
    # Two tags can be set in one second: the tag tells them apart, as nothing else would.
    made = key(what, number, body.get("date_time"), *filter(None, (own_key(body.get("tag")),)))
    at = instant(body.get("date_time"), "date_time")
    person = {**gather(inner(contact, "fields"), _FIELDS), **gather(contact, _CONTACT)}
    return [event(kind, key=made, source=source, time=at, subject=whom, data={**person, **data})]


def _mail(body: dict[str, Any]) -> dict[str, Any]:
    """Return which mail and link it was."""
    link = inner(body, "link")
    return {
        "mail_id": own_key(inner(body, "campaign").get("id")),
        "mail_link": own_key(link.get("url")) or own_key(link.get("id")),
    }


def _meaning(what: str, deal: dict[str, Any], body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if what == "subscribe":
        return "lead.consent", {"activity": "newsletter_signup", "consent": {"email": True}}
    if what == "unsubscribe":
        return "lead.consent", {"activity": "unsubscribe", "consent": {"email": False}}
    if what in _CAPTURES:
        return "lead.captured", {}
    if what in _DEALS:
        return _deal(deal)
    if what in _ACTS:
        return "lead.activity", {"activity": _ACTS[what], **_mail(body)}
    raise NotUnderstood(
        "type", "unknown; known are subscribe, contact_add, contact_tag_added, deal_update, ..."
    )


def _deal(deal: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    status = _DEAL_STATUS.get(str(deal.get("status", "0")))
    if status is None:
        raise NotUnderstood("deal[status]", "unknown; known are 0 open, 1 won, 2 lost")
    amount = deal.get("value_raw") if clean(deal.get("value_raw")) is not None else deal.get("value")
    currency = clean(deal.get("currency"))
    data = {
        "company": deal.get("orgname"),
        "opportunity": own_key(deal.get("id")),
        "amount": money(amount, "deal[value]"),
        "currency": currency.upper() if isinstance(currency, str) else None,
    }
    fields = deal.get("fields")  # numbered or not: deal[fields][0][key], deal[fields][][key]
    for field in fields if isinstance(fields, list) else inner(deal, "fields").values():
        if status == "lost" and str(inner(field).get("key")).lower() in _LOST_REASONS:
            data["reason"] = field.get("value")
    return f"outcome.{status}", {name: value for name, value in data.items() if value is not None}
