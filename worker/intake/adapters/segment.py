"""Segment: identify, track, page, screen and group calls, alone or in an array."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    clean,
    each,
    event,
    gather,
    inner,
    instant,
    is_yes,
    key,
    own_key,
)
from worker.intake.adapters.words import kind_of_page, slug

_TRAITS: Final = {
    "email": "email", "name": "name", "lastName": "family_name", "last_name": "family_name",
    "firstName": "given_name", "first_name": "given_name", "title": "title", "job_title": "title",
    "department": "department", "phone": "phone", "employees": "employees", "website": "company_domain",
    "industry": "industry", "country": "country", "region": "region",
}  # fmt: skip
#: Of an event's properties only these are words about the person: `title` and `name` are those of a page.
_PROPERTIES: Final = {
    "email": "email",
    "job_title": "title",
    "department": "department",
    "phone": "phone",
    "employees": "employees",
    "country": "country",
}
_COMPANY: Final = {
    "name": "company",
    "industry": "industry",
    "employees": "employees",
    "employee_count": "employees",
    "website": "company_domain",
}
#: Event names belong to the customer; these are the usual ones. Others count under their own name.
_EVENTS: Final = {
    "demo_requested": "demo_request", "request_demo": "demo_request", "demo_booked": "demo_request",
    "contact_form_submitted": "contact_request", "contact_requested": "contact_request",
    "quote_requested": "quote_request", "trial_requested": "trial_request", "pricing_viewed": "pricing_view",
    "pricing_page_viewed": "pricing_view", "case_study_viewed": "case_study_view",
    "careers_viewed": "careers_view", "page_viewed": "page_view",
    "whitepaper_downloaded": "whitepaper_download", "ebook_downloaded": "whitepaper_download",
    "newsletter_subscribed": "newsletter_signup", "form_submitted": "form_submit",
    "webinar_attendance": "webinar_attended", "email_delivered": "email_sent", "email_opened": "email_open",
    "email_link_clicked": "email_click", "email_clicked": "email_click", "email_bounced": "email_bounce",
    "signed_in": "product_login", "logged_in": "product_login",
}  # fmt: skip
_UNSUBSCRIBED: Final = frozenset(("unsubscribed", "email_unsubscribed", "unsubscribe"))


def translate(document: Any, source: str) -> Found:
    """Translate one message or an array of them."""
    items = document if isinstance(document, list) else [document]
    return each(items, lambda item: _read(item, source))


def _read(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    message = own_key(item.get("messageId")) or own_key(item.get("message_id"))
    if message is None:
        raise NotUnderstood("messageId", "missing; it tells a repeat from news")
    call = item.get("type")
    if call == "alias":
        return []
    kind, data = _meaning(item, call)
    subject = own_key(item.get("userId")) or own_key(item.get("anonymousId"))
    at = instant(item.get("timestamp") or item.get("originalTimestamp"))
    return [event(kind, key=key(message), source=source, time=at, subject=subject, data=data)]


def _meaning(item: dict[str, Any], call: Any) -> tuple[str, dict[str, Any]]:
    context, traits, properties = inner(item, "context"), inner(item, "traits"), inner(item, "properties")
    data = _person(inner(context, "traits"))
    data["language"] = context.get("locale")
    data["user_agent"] = context.get("userAgent") if call in ("track", "page", "screen") else None
    data["campaign"] = inner(context, "campaign").get("name")
    if call == "identify":
        return "lead.captured", {**data, **_person(traits)}
    if call == "group":
        return "lead.captured", {**data, **gather(traits, _COMPANY)}
    if call == "track":
        name = slug(item.get("event"))
        said = {**data, **gather(properties, _PROPERTIES), **_company(properties.get("company"))}
        if name in _UNSUBSCRIBED:
            return "lead.consent", {**said, "activity": "unsubscribe", "consent": {"email": False}}
        kind = _EVENTS.get(name, name) if name else "other"
        return "lead.activity", {**said, **_mail(properties), "activity": kind}
    if call in ("page", "screen"):
        url = properties.get("path") or properties.get("url") or inner(context, "page").get("path")
        return "lead.activity", {**data, "activity": kind_of_page(url)}
    raise NotUnderstood("type", "unknown call; known are identify, track, page, screen, group, alias")


def _mail(properties: dict[str, Any]) -> dict[str, Any]:
    """Return which mail and link it was, by the names of Segment's specification, and whether a machine did it."""
    names = {"campaign_id": "mail_id", "email_id": "mail_id", "link_url": "mail_link"}
    data = {name: own_key(word) for name, word in gather(properties, names).items()}
    is_machine = any(is_yes(properties.get(name)) for name in ("machine", "prefetched"))
    return data | ({"machine": True} if is_machine else {})


def _person(traits: dict[str, Any]) -> dict[str, Any]:
    return {**gather(traits, _TRAITS), **_company(traits.get("company"))}


def _company(company: Any) -> dict[str, Any]:
    """Read a company, which is an object or a name."""
    if isinstance(company, dict):
        return gather(company, _COMPANY)
    return {} if clean(company) is None else {"company": company}
