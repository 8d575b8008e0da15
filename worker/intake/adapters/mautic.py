"""Mautic webhooks: `{event type: [event, ...]}`, with PHP's empty arrays where objects are expected."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    OnlyATest,
    an_object,
    clean,
    digest,
    each,
    event,
    gather,
    inner,
    instant,
    key,
    own_key,
)
from worker.intake.adapters.words import kind_of_form, kind_of_page

#: `title` is a form of address here (様), the job title is `position`; points and owner are Mautic's own.
_FIELDS: Final = {
    "email": "email", "lastname": "family_name", "firstname": "given_name", "position": "title",
    "department": "department", "phone": "phone", "mobile": "phone", "company": "company",
    "website": "company_domain", "companynumber_of_employees": "employees",
    "number_of_employees": "employees", "industry": "industry", "state": "region", "country": "country",
    "preferred_locale": "language",
}  # fmt: skip
#: Answers of a form that are words about the person; other answers are free text.
_ANSWERS: Final = {
    "email": "email", "last_name": "family_name", "lastname": "family_name", "first_name": "given_name",
    "firstname": "given_name", "company": "company", "phone": "phone", "position": "title",
    "job_title": "title", "employees": "employees", "prefecture": "region",
}  # fmt: skip
_SAVED: Final = ("lead_post_save_new", "lead_post_save_update", "lead_points_change", "lead_company_change")
#: The doNotContact reason that is not somebody's word.
_BOUNCED: Final = 2


def translate(document: Any, source: str) -> Found:
    """Translate one request; queued mode groups several events under each type."""
    found: Found = []
    for name, value in an_object(document, "payload").items():
        if not name.startswith("mautic."):
            continue
        if isinstance(value, dict) and name in value:
            # "Send test payload" nests the type twice in some versions
            found.append(OnlyATest(name, "test delivery: Mautic's test payload; no lead is made of it"))
            continue
        items = value if isinstance(value, list) else [value]
        found += each(items, lambda item, name=name: _read(item, name, source), name)  # type: ignore[misc]
    if not found and not any(name.startswith("mautic.") for name in document):
        raise NotUnderstood("payload", 'no Mautic event; send {"mautic.form_on_submit": [...]}')
    return found


def _read(item: dict[str, Any], name: str, source: str) -> list[dict[str, Any]]:
    name = name.removeprefix("mautic.")
    place = next((place for place in ("submission", "hit", "stat") if inner(item, place)), None)
    act = inner(item, place) if place else item
    lead = inner(act, "lead") or inner(item, "contact") or inner(item, "lead")
    subject = own_key(lead.get("id")) or own_key(item.get("id"))  # a deletion keeps the id outside
    kind, data, at = _meaning(name, act, item)
    return [
        event(
            kind,
            key=key(name, subject, item.get("timestamp"), digest(item)),
            source=source,
            time=instant(clean(at) or item.get("timestamp")),
            subject=subject,
            data={**_profile(lead), **data},
        )
    ]


def _meaning(name: str, act: dict[str, Any], item: dict[str, Any]) -> tuple[str, dict[str, Any], Any]:
    """Return the event type, what it says beside the profile, and when it happened."""
    if name in _SAVED:
        return "lead.captured", {}, item.get("timestamp")
    if name == "form_on_submit":
        form, answers = inner(act, "form"), gather(inner(act, "results"), _ANSWERS)
        kind = kind_of_form(form.get("name"), form.get("alias"))
        return "lead.activity", {**answers, "activity": kind}, act.get("dateSubmitted")
    if name == "page_on_hit":
        clicked = act.get("redirect") and act.get("email")
        kind = "email_click" if clicked else kind_of_page(act.get("url"))
        data = {"activity": kind, "user_agent": clean(act.get("userAgent"))}
        if clicked:
            data |= {"mail_id": own_key(inner(act, "email").get("id")), "mail_link": clean(act.get("url"))}
        return "lead.activity", data, act.get("dateHit")
    if name in ("email_on_open", "email_on_send"):
        opened = name == "email_on_open"
        at = (act.get("lastOpened") or act.get("dateRead")) if opened else act.get("dateSent")
        data = {
            "activity": "email_open" if opened else "email_sent",
            "mail_id": own_key(inner(act, "email").get("id")),
        }
        if opened and clean(act.get("dateSent")):
            data["mail_sent_at"] = instant(clean(act["dateSent"]), "dateSent")
        return "lead.activity", data, at
    if name == "lead_channel_subscription_changed":
        return (*_permission(item), item.get("timestamp"))
    if name == "lead_post_delete":
        return "lead.consent", {"consent": {"all": False}}, item.get("timestamp")
    raise NotUnderstood(
        "type", f"unknown Mautic event {name[:80]}; known are form_on_submit, page_on_hit, ..."
    )


def _permission(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    status = item.get("new_status")
    if status == "bounced":
        return "lead.activity", {"activity": "email_bounce"}
    if status not in ("contactable", "unsubscribed", "manual"):
        raise NotUnderstood("new_status", "unknown; known are contactable, unsubscribed, bounced, manual")
    channel = "email" if item.get("channel") == "email" else "phone"
    return "lead.consent", {"consent": {channel: status == "contactable"}}


def _profile(lead: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for group in inner(lead, "fields").values():
        for alias, field in group.items() if isinstance(group, dict) else ():
            values[alias] = field.get("value") if isinstance(field, dict) else field
    data = gather(values, _FIELDS)
    refused = lead.get("doNotContact")
    for entry in map(inner, refused if isinstance(refused, list) else ()):
        if entry.get("channel") == "email" and entry.get("reason") != _BOUNCED:
            data["consent"] = {"email": False}
    return data
