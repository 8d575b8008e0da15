"""What every adapter needs: to read foreign values with care and to write a canonical event."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.errors import NotUnderstood
from worker.intake.adapters.words import country_code, host, language_code


class OnlyATest(NotUnderstood):
    """A platform's own test delivery: it is kept and shown as one, and makes no lead."""


Found = list[dict[str, Any] | NotUnderstood]

#: Most events taken from one payload; Segment sends up to 4,000.
MAX_PARTS: Final = 5_000
#: The longest event id (`schemas.event_fields`).
MAX_KEY: Final = 255
#: What a date without an offset means.
HOME_ZONE: Final = ZoneInfo("Asia/Tokyo")
#: Epoch numbers from here on are milliseconds (1973), smaller ones seconds (until the year 5138).
_FIRST_MS: Final = 100_000_000_000

#: What only helps to tell a machine, and its limit: too long it is cut, and no event is refused for it.
_HINTS: Final = {"mail_id": 500, "mail_link": 4_000, "user_agent": 4_000}
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_JOINT = re.compile(r"[%|\s\x00-\x1f\x7f]")
_MONEY = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,15})(\.\d+)?(万|億)?")
_UNITS: Final = {None: 1, "万": 10_000, "億": 100_000_000}


def clean(value: Any) -> Any:
    """Return text on one line, and None for what says nothing."""
    if not isinstance(value, str):
        return value
    return _BREAKS.sub(" ", value).strip() or None


def event(
    kind: str, *, key: str, source: str, time: str | None, subject: Any = None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Write one canonical event; without `time` it is undated and the registry dates it by its arrival."""
    said = {name: word for name, value in data.items() if (word := clean(value)) is not None}
    for name, read in (("country", country_code), ("language", language_code), ("company_domain", host)):
        if name in said:
            said[name] = read(said[name])
            if said[name] is None:
                del said[name]
    for name, most in _HINTS.items():
        if name in said:
            said[name] = said[name][:most] if isinstance(said[name], str) else None
    result: dict[str, Any] = {"id": key, "source": source, "type": kind}
    if time is not None:
        result["time"] = time
    if (whom := own_key(subject)) is not None:
        result["subject"] = whom
    result["data"] = said
    return result


def own_key(value: Any) -> str | None:
    """Return a producer's key of a lead as text: 53 and "53" are one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def need_key(value: Any, place: str) -> str:
    """Return a key that must be there."""
    found = own_key(value)
    if found is None:
        raise NotUnderstood(place, "missing; send the record's id")
    return found


def key(*parts: Any) -> str:
    """Join parts to an event id of at most 255 characters; `a|b` with `c` is not `a` with `b|c`."""
    texts = ("" if part is None else str(part) for part in parts)
    joined = "|".join(_JOINT.sub(lambda found: f"%{ord(found[0]):02X}", text) for text in texts)
    if len(joined) <= MAX_KEY:
        return joined
    return f"{joined[:180]}#{hashlib.sha256(joined.encode()).hexdigest()}"


def digest(content: Any) -> str:
    """Return a short hash of any JSON value, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def instant(value: Any, place: str = "time") -> str:
    """Return when something happened, in UTC, from ISO 8601 or an epoch in seconds or milliseconds."""
    try:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            found = found if found.tzinfo else found.replace(tzinfo=HOME_ZONE)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000 if abs(value) >= _FIRST_MS else value, UTC)
        else:
            raise NotUnderstood(place, "missing; send when it happened")
        return found.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        raise NotUnderstood(place, "not a time; send ISO 8601 with an offset") from None


def money(value: Any, place: str = "amount") -> float | None:
    """Return an amount from 1200000, "1,044,055.00", "¥1,200,000" or "120万円"; None when there is none."""
    value = clean(value)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value is None else float(value)
    text = unicodedata.normalize("NFKC", value) if isinstance(value, str) else ""
    found = _MONEY.fullmatch(re.sub(r"[\s¥$€£円]", "", text))
    if found is None:
        raise NotUnderstood(place, "not an amount; send a plain number such as 1200000")
    return float(found[1].replace(",", "") + (found[2] or "")) * _UNITS[found[3]]


def is_yes(value: Any) -> bool:
    """Tell whether a flag is set: platforms send true, 1, "1", "true", "yes"."""
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}


def gather(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return canonical fields from foreign ones; of two names for one field the first that says something."""
    found: dict[str, Any] = {}
    for foreign, name in names.items():
        if name not in found and (word := clean(values.get(foreign))) is not None:
            found[name] = word
    return found


def pairs(items: Any) -> dict[str, Any]:
    """Return name/value pairs, which forms and activities send as a list, as one object."""
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return {str(item.get("name")): item.get("value") for item in found}


def an_object(value: Any, place: str) -> dict[str, Any]:
    """Return a JSON object, or refuse."""
    if not isinstance(value, dict):
        raise NotUnderstood(place, f"a bare {type(value).__name__}; send an object")
    return value


def inner(value: Any, *names: str) -> dict[str, Any]:
    """Return the object at a path, and an empty one for anything else (PHP writes an empty one as [])."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def each(items: Any, read: Callable[[dict[str, Any]], list[dict[str, Any]]], place: str = "") -> Found:
    """Read one by one; what is not understood stands in its place and its neighbours go through."""
    if not isinstance(items, list):
        raise NotUnderstood(place or "payload", f"a bare {type(items).__name__}; send an array")
    if len(items) > MAX_PARTS:
        raise NotUnderstood(place or "payload", f"{len(items)} events; at most {MAX_PARTS} are taken")
    found: Found = []
    for index, item in enumerate(items):
        try:
            found.extend(read(an_object(item, "event")))
        except NotUnderstood as problem:
            found.append(type(problem)(f"{place}[{index}].{problem.place}", problem.mend))
    return found
