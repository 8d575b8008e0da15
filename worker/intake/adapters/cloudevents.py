"""CloudEvents 1.0 whose data is not canonical: structured, batch, and binary mode once put together."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import unquote

from schemas.errors import NotUnderstood
from schemas.event import EventData, EventType
from schemas.strict_json import loads
from worker.intake.adapters.shape import (
    Found,
    an_object,
    each,
    event,
    gather,
    inner,
    instant,
    key,
    money,
    need_key,
    own_key,
)

_CANONICAL: Final = frozenset(get_args(EventType))
#: The end of a reverse-DNS type -> canonical type, activity. What a producer concluded is not obeyed.
_ENDINGS: Final = {
    **dict.fromkeys(
        ("lead.created", "lead.updated", "lead.captured", "lead.scored", "lead.qualified", "lead.accepted",
         "lead.declined", "lead.contacted", "contact.created", "contact.updated"),
        ("lead.captured", None),
    ),
    "lead.activity": ("lead.activity", None),
    "lead.unsubscribed": ("lead.consent", "unsubscribe"),
    "form.submitted": ("lead.activity", "form_submit"),
    "mautic.form_on_submit": ("lead.activity", "form_submit"),
    "opportunity.created": ("outcome.opened", None),
    "opportunity.opened": ("outcome.opened", None),
    "opportunity.won": ("outcome.won", None),
    "opportunity.lost": ("outcome.lost", None),
}  # fmt: skip
#: An amount is read as money; whom an account belongs to is for the rulebook to say.
_NOT_READ: Final = ("amount", "account_owner")
_CAMEL: Final = {
    "familyName": "family_name",
    "givenName": "given_name",
    "jobTitle": "title",
    "companyDomain": "company_domain",
    "corporateNumber": "corporate_number",
    "opportunityId": "opportunity",
}
_FIELDS: Final = {**{name: name for name in EventData.model_fields if name not in _NOT_READ}, **_CAMEL}

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


def from_headers(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """Put a request in binary mode together: attributes are `ce-` headers, the body is the data."""
    found: dict[str, Any] = {
        name.lower().removeprefix("ce-"): unquote(_unquoted(value))
        for name, value in headers.items()
        if name.lower().startswith("ce-")
    }
    return {**found, "data": data}


def _unquoted(value: str) -> str:
    """Return a header's value without the quotes in which it may stand: "a" and a are one id (HTTP binding 3.1.3.2)."""
    found = _QUOTED.fullmatch(value.strip())
    return value if found is None else _ESCAPED.sub(r"\1", found[1])


def translate(document: Any, source: str) -> Found:
    """Translate one event or a batch, which may be empty.

    The source of the result is the one that was let in; that of the envelope becomes part of the id, so that
    a producer's systems share the lead's key and nobody speaks for another source.
    """
    items = document if isinstance(document, list) else [document]
    return each(items, lambda item: _read(item, source))


def _read(item: dict[str, Any], source: str) -> list[dict[str, Any]]:
    made = key(need_key(item.get("source"), "source"), need_key(item.get("id"), "id"))
    kind, activity = _kind(item.get("type"))
    said = _data(item)
    lead = inner(said, "lead")
    data = {**gather(said, _FIELDS), **gather(lead, _FIELDS)}
    amount = money(said.get("amount"), "data.amount")
    whom = next(
        (own_key(word) for word in (lead.get("externalId"), said.get("externalId")) if own_key(word)),
        own_key(item.get("subject")),
    )
    if amount is not None:
        data["amount"] = amount
    if activity is not None:
        data.setdefault("activity", activity)
    if kind == "lead.consent":
        data.setdefault("consent", {"email": False})
    if kind.startswith("outcome."):
        data.setdefault("opportunity", whom)
    return [event(kind, key=made, source=source, time=instant(item.get("time")), subject=whom, data=data)]


def _kind(name: Any) -> tuple[str, str | None]:
    ending = ".".join(name.split(".")[-2:]) if isinstance(name, str) else ""
    if ending in _CANONICAL:
        return ending, None
    if ending not in _ENDINGS:
        raise NotUnderstood("type", f"unknown; a type may end in {', '.join(sorted(_ENDINGS))}")
    return _ENDINGS[ending]


def _data(item: dict[str, Any]) -> dict[str, Any]:
    coded = item.get("data_base64")
    if coded is None:
        return an_object(item.get("data"), "data")
    try:
        raw = base64.b64decode(coded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise NotUnderstood("data_base64", "not base64; send the data's bytes in base64") from None
    return an_object(loads(raw), "data_base64")
