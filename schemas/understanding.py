"""Check a parsed document as a canonical event; a refusal names the field and the mend."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError as PydanticValidationError

from schemas.errors import NotUnderstood
from schemas.event import EVENT_TYPES, Event
from schemas.event_fields import LINE
from schemas.identity import SALES_ACTIVITY

#: The largest event taken, in bytes of JSON.
MAX_EVENT_BYTES: Final = 256 * 1024
#: Event times before this are typing errors or empty dates, not history.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: An event time further ahead of its receipt than this is refused; nearer ones are capped at receipt.
MAX_AHEAD: Final = timedelta(hours=24)
_NEEDED: Final = {
    "lead.activity": ("activity", "name what the lead did, such as pricing_view"),
    "lead.consent": ("consent", 'say which channel, such as {"email": false}'),
    "outcome.opened": ("opportunity", "name the CRM's opportunity"),
    "outcome.won": ("opportunity", "name the CRM's opportunity"),
    "outcome.lost": ("opportunity", "name the CRM's opportunity"),
    SALES_ACTIVITY: ("sales_activity", "say what the rep did, such as call_made"),
}


def understand(document: Any, received_at: datetime) -> Event:
    """Check one parsed document as a canonical event.

    Args:
        document: what strict JSON gave.
        received_at: when it was accepted; times far ahead of it are refused.

    Raises:
        NotUnderstood: with the field and the mend.

    """
    if not isinstance(document, dict):
        raise NotUnderstood(
            "event", f"a bare {type(document).__name__}; send an object with id, source, type, time, data"
        )
    try:
        event = Event.model_validate(document)
    except PydanticValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]") or "event"
        if first["type"] == "literal_error" and place == "type":
            raise NotUnderstood("type", f"unknown event type; known are {', '.join(EVENT_TYPES)}") from None
        raise NotUnderstood(place, _mend(first)) from None
    _check_meaning(event, received_at)
    return event


#: pydantic's error type -> what is wrong and what would be right.
_MENDS: Final = {
    "missing": "missing; send it",
    "string_type": "not text; send it as a string in quotes",
    "string_too_short": "empty; send it",
    "string_pattern_mismatch": "not of the form {pattern}",
    "int_type": "not a whole number; send one such as 500",
    "int_parsing": "not a whole number; send one such as 500",
    "int_from_float": "not a whole number; send one such as 500",
    "float_type": "not a number; send one such as 1200000",
    "float_parsing": "not a number; send one such as 1200000",
    "bool_type": "not true or false; send one of them",
    "bool_parsing": "not true or false; send one of them",
    "datetime_type": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "datetime_parsing": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "datetime_from_date_parsing": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "timezone_aware": "has no zone; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "dict_type": "not an object; send {{...}}",
    "literal_error": "unknown; known are {expected}",
    "model_type": "not an object; send {{...}}",
    "model_attributes_type": "not an object; send {{...}}",
}


def _mend(error: Any) -> str:
    """Say what is wrong with a field, and what would be right, without quoting what was sent."""
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == LINE:
        return "holds a control character; send text on one line"
    known = _MENDS.get(error["type"])
    if known is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return known.format(**error.get("ctx", {}))


def _check_meaning(event: Event, received_at: datetime) -> None:
    if event.time < EARLIEST:
        raise NotUnderstood(
            "time", f"{event.time.isoformat()} is before {EARLIEST.date()}; send when it happened"
        )
    if event.time > received_at + MAX_AHEAD:
        raise NotUnderstood(
            "time",
            f"{event.time.isoformat()} is more than a day after it was received; check the sender's clock",
        )
    needed = _NEEDED.get(event.type)
    if needed and getattr(event.data, needed[0]) in (None, {}):
        raise NotUnderstood(f"data.{needed[0]}", f"missing; {needed[1]}")
    if event.type == SALES_ACTIVITY and event.data.activity is not None:
        raise NotUnderstood("data.activity", "is the lead's doing; say what the rep did in sales_activity")
    try:
        keys = event.identity_keys
    except ValueError as error:
        raise NotUnderstood("subject", str(error)) from None
    if not keys:
        raise NotUnderstood("subject", "no identity: send subject (your own key of the lead) or data.email")
