"""HubSpot: webhooks v3 (thin, one property an event), workflow webhooks, and form submissions as polled."""

from typing import Any, Final

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import (
    Found,
    an_object,
    digest,
    each,
    event,
    gather,
    inner,
    instant,
    is_yes,
    key,
    money,
    need_key,
    pairs,
)
from worker.intake.adapters.words import kind_of_form

#: All values are strings. lifecyclestage, hubspotscore and hubspot_owner_id are HubSpot's own.
_PROPERTIES: Final = {
    "email": "email", "lastname": "family_name", "firstname": "given_name", "jobtitle": "title",
    "department": "department", "phone": "phone", "mobilephone": "phone", "company": "company",
    "website": "company_domain", "numemployees": "employees", "numberofemployees": "employees",
    "company_size": "employees", "industry": "industry", "state": "region", "country": "country",
    "hs_language": "language",
}  # fmt: skip
#: What is asked of a contact that is read back.
READ_PROPERTIES: Final = (*_PROPERTIES, "hs_email_optout", "createdate", "lastmodifieddate")
_TOLD: Final = {"amount": "amount", "closed_lost_reason": "reason", "hs_closed_lost_reason": "reason"}
#: Objects whose changes say nothing of a lead.
_OTHER_OBJECTS: Final = frozenset(("company", "ticket", "product", "line_item", "conversation", "object"))
#: Newer apps subscribe to `object.*` of a type; others than these say nothing of a lead.
_BY_TYPE: Final = {"0-1": "contact", "0-3": "deal"}


def translate(document: Any, source: str) -> Found:
    """Translate an array of thin events, one workflow contact, contacts read back, or form submissions."""
    if isinstance(document, list):
        told = _told_of_deals(document)
        return each(document, lambda item: _change(item, source, told))
    body = an_object(document, "payload")
    if "results" in body:
        return each(body["results"], lambda item: _submission(item, source), "results")
    if "contacts" in body:
        return each(body["contacts"], lambda item: _contact(item, source), "contacts")
    if "vid" in body:
        return [_workflow(body, source)]
    return each([body], lambda item: _change(item, source, {}))


def _told_of_deals(items: list[Any]) -> dict[str, dict[str, Any]]:
    """Collect amounts and lost reasons of one delivery by deal; the latest counts."""
    told: dict[str, dict[str, Any]] = {}
    changes = [item for item in items if str(inner(item).get("propertyName")) in _TOLD]
    for item in sorted(changes, key=lambda item: str(item.get("occurredAt"))):
        word = {_TOLD[item["propertyName"]]: item.get("propertyValue")}
        told.setdefault(str(item.get("objectId")), {}).update(word)
    return told


def _change(item: dict[str, Any], source: str, told: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    name = item.get("subscriptionType") or item.get("eventType")  # the documentation says eventType
    kind, _, what = name.partition(".") if isinstance(name, str) else ("", "", "")
    if kind == "object":
        kind = _BY_TYPE.get(str(item.get("objectTypeId")), kind)
    if kind in _OTHER_OBJECTS or what == "associationChange":
        return []
    if kind not in ("contact", "deal"):
        raise NotUnderstood("subscriptionType", "unknown; known are contact.* and deal.*")
    whom = need_key(_survivor(item) if what == "merge" else item.get("objectId"), "objectId")
    at, prop, value = instant(item.get("occurredAt")), item.get("propertyName"), item.get("propertyValue")
    if kind == "deal":
        is_stage = prop == "dealstage" or what == "creation"
        return [_deal(item, whom, at, source, told.get(whom, {}))] if is_stage else []
    made = _name(item, whom)
    if what in ("deletion", "privacyDeletion"):
        no = {"consent": {"all": False}}
        return [event("lead.consent", key=made, source=source, time=at, subject=whom, data=no)]
    if prop == "hs_email_optout" and is_yes(value):
        no = {"consent": {"email": False}}
        return [event("lead.consent", key=made, source=source, time=at, subject=whom, data=no)]
    data = {_PROPERTIES[prop]: value} if isinstance(prop, str) and prop in _PROPERTIES else {}
    found = event("lead.captured", key=made, source=source, time=at, subject=whom, data=data)
    if what in ("creation", "merge", "restore"):
        found["read_back"] = f"contact:{whom}"  # it says no more than that there is a contact
    return [found]


def _survivor(item: dict[str, Any]) -> Any:
    return item.get("newObjectId") or item.get("primaryObjectId")


def _name(item: dict[str, Any], whom: str, *more: str) -> str:
    """Name an event; eventId is documented as not unique. Ids are logged, so the value goes in as a hash."""
    what = item.get("subscriptionType") or item.get("eventType")
    value = item.get("propertyValue")
    parts = (item.get("appId"), item.get("subscriptionId"), whom, what, item.get("propertyName"))
    return key(*parts, None if value is None else digest(value), item.get("occurredAt"), *more)


def _deal(item: dict[str, Any], deal: str, at: str, source: str, told: dict[str, Any]) -> dict[str, Any]:
    """Read a deal's stage, with the amount and the reason of the same delivery; alone those tell nothing."""
    status = {"closedwon": "won", "closedlost": "lost"}.get(str(item.get("propertyValue")), "opened")
    data = {"opportunity": deal, "amount": money(told.get("amount"))}
    if item.get("propertyName") == "dealstage":
        data["opportunity_stage"] = item.get("propertyValue")
    if status == "lost":
        data["reason"] = told.get("reason")
    made = _name(item, deal, *([digest(told)] if told else []))
    # Contacts and deals are numbered apart, so a deal's number must not be taken for a contact's.
    return event(f"outcome.{status}", key=made, source=source, time=at, subject=f"deal:{deal}", data=data)


def _workflow(body: dict[str, Any], source: str) -> dict[str, Any]:
    whom = need_key(body["vid"], "vid")
    values = {name: inner(field).get("value") for name, field in inner(body, "properties").items()}
    changed = values.get("lastmodifieddate") or values.get("createdate")
    data = gather(values, _PROPERTIES)
    if is_yes(values.get("hs_email_optout")):
        data["consent"] = {"email": False}
    at = instant(changed, "properties.lastmodifieddate")
    return event("lead.captured", key=key(whom, changed), source=source, time=at, subject=whom, data=data)


def _contact(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    """Read a contact as the CRM API gives it, read back by its id."""
    whom, values = need_key(item.get("id"), "id"), inner(item, "properties")
    changed = item.get("updatedAt") or values.get("lastmodifieddate")
    data = gather(values, _PROPERTIES)
    if is_yes(values.get("hs_email_optout")):
        data["consent"] = {"email": False}
    made, at = key("read", whom, changed), instant(changed, "updatedAt")
    return [event("lead.captured", key=made, source=source, time=at, subject=whom, data=data)]


def _submission(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    data = {**gather(pairs(item.get("values")), _PROPERTIES), "activity": kind_of_form(item.get("pageUrl"))}
    at = instant(item.get("submittedAt"), "submittedAt")
    made = need_key(item.get("conversionId"), "conversionId")
    return [event("lead.activity", key=key(made), source=source, time=at, data=data)]
