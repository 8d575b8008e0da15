"""Sets of rows as one JSON parameter, and times in it as milliseconds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

#: Names `now_as`: the lead of a number (which `start` gives) and those that took it in, one after the other.
NOW_AS: Final = (
    "WITH RECURSIVE now_as(id, merged_into) AS"
    " (SELECT lead_id, merged_into FROM tasuki.lead WHERE lead_id = {start} UNION"
    "  SELECT l.lead_id, l.merged_into FROM now_as n JOIN tasuki.lead l ON l.lead_id = n.merged_into)"
)

_encode = msgspec.json.Encoder().encode


def as_json(rows: Sequence[Any]) -> str:
    """Return rows as the JSON text that `json_to_recordset` reads."""
    return _encode(rows).decode()


def ms(at: datetime) -> int:
    """Return an instant in milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def ms_or_none(at: datetime | None) -> int | None:
    """Return an instant in milliseconds since 1970, or None."""
    return None if at is None else ms(at)


def utc_ms(at_ms: int) -> datetime:
    """Return an instant from milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
