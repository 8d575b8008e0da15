"""The quick way to understand an event: what plainly holds is taken at once, all else is left to the slow way.

`read(raw)` either returns exactly what strict JSON and the pydantic contract together would make of the event, or
None: then they decide, and explain a refusal. So this file may be as narrow as it likes, and must never be wider;
tests/schemas/test_quick.py holds it to that. It costs a third of the slow way, which is a good part of an event.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, get_args

import msgspec

from schemas.activity import SalesActivity
from schemas.event import EVENT_TYPES, PROFILE
from schemas.event_fields import head_count, normal_email
from schemas.identity import DEAL_STATUS, SALES_ACTIVITY, deal_key, keys_of
from schemas.lead_event import LeadEvent, flatten
from schemas.strict_json import MAX_DEPTH, MAX_DIGITS
from schemas.understanding import EARLIEST, MAX_AHEAD, MAX_EVENT_BYTES

_decode = msgspec.json.Decoder().decode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_EARLIEST_MS: Final = (EARLIEST - _EPOCH) // _MS
_MAX_AHEAD_MS: Final = MAX_AHEAD // _MS
_TYPES: Final = frozenset(EVENT_TYPES)
_OUTCOMES: Final = frozenset({*DEAL_STATUS, SALES_ACTIVITY})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
#: A plain address in lower case; any other goes through `normal_email`.
_PLAIN_EMAIL = re.compile(r"[a-z0-9_+\-](?:[a-z0-9._+\-]{0,62}[a-z0-9_+\-])?@(?:[a-z0-9\-]+\.)+[a-z0-9\-]+")
#: Escapes and bytes that may stand for a character that strict JSON refuses.
_ESCAPED = re.compile(rb"\\u(?:00|20|d|D)")
_WRITTEN = re.compile(rb"\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_SPACED_KEY = re.compile(rb"\"[ \t\r\n]+:")
_MAX_NUMBER: Final = 10**MAX_DIGITS
_LEAST_NUMBER: Final = 10 ** (MAX_DIGITS - 1)  # strict JSON counts the sign as a digit
_ENVELOPE_CHARS: Final = 255


class _UnsureError(Exception):
    """This field needs the slow way."""


def read(raw: bytes, received_ms: int) -> LeadEvent | None:
    """Return the event that `raw` plainly is, or None.

    Args:
        raw: one canonical event as JSON.
        received_ms: when it was accepted, in ms since 1970.

    """
    if len(raw) > MAX_EVENT_BYTES or _is_doubtful(raw):
        return None
    try:
        document = _decode(raw)
        if type(document) is not dict or _keys_in(document, 0) != raw.count(b'":'):
            return None  # a key that stands twice, or one that cannot be told from the text of a value
        return _event(document, received_ms)
    except (msgspec.DecodeError, RecursionError, _UnsureError, KeyError, ValueError):
        return None


def _is_doubtful(raw: bytes) -> bool:
    """Tell whether `raw` may hold a forbidden character, or a key whose colon does not follow at once."""
    if b"\\u" in raw and _ESCAPED.search(raw) is not None:
        return True
    if (b"\xe2\x80" in raw or b"\xe2\x81" in raw) and _WRITTEN.search(raw) is not None:
        return True
    return _SPACED_KEY.search(raw) is not None


def _keys_in(value: dict[str, Any] | list[Any], depth: int) -> int:
    """Count the keys of a document, and refuse what is deep or has a number of too many digits."""
    if depth > MAX_DEPTH:
        raise _UnsureError
    items: Iterable[Any] = value
    count = 0
    if isinstance(value, dict):
        items, count = value.values(), len(value)
    for item in items:
        kind = type(item)
        if kind is str or item is None:
            continue
        if kind is dict or kind is list:
            count += _keys_in(item, depth + 1)
        elif kind is int and not -_LEAST_NUMBER < item < _MAX_NUMBER:
            raise _UnsureError
    return count


def _event(document: dict[str, Any], received_ms: int) -> LeadEvent | None:
    event_id, source = _name(document["id"]), _name(document["source"])
    event_type, said = document["type"], document["data"]
    if type(event_type) is not str or event_type not in _TYPES or type(said) is not dict:
        return None
    at_ms = _at_ms(document["time"])
    if not _EARLIEST_MS <= at_ms < received_ms + _MAX_AHEAD_MS:
        return None
    subject = document.get("subject")
    if subject is not None:
        subject = _name(subject)
    data: dict[str, Any] = {}
    for name, value in said.items():
        check = _CHECKS.get(name)
        if check is not None and value is not None and (held := check(value)) is not None:
            data[name] = held
    needed = _NEEDED[event_type]
    if needed is not None and not data.get(needed):
        return None
    if event_type == SALES_ACTIVITY and "activity" in data:
        return None
    email = data.get("email")
    deal = deal_key(event_type, subject, email, data.get("opportunity")) if event_type in _OUTCOMES else None
    keys = keys_of(source, subject, email, deal)
    if not keys:
        return None
    return flatten(event_id, source, event_type, at_ms, subject, keys, data)


_NEEDED: Final = {
    name: "consent" if name == "lead.consent" else "opportunity" if name in DEAL_STATUS
    else "activity" if name == "lead.activity" else "sales_activity" if name == SALES_ACTIVITY else None
    for name in EVENT_TYPES
}  # fmt: skip


def _at_ms(value: Any) -> int:
    if type(value) is not str or _TIME.fullmatch(value) is None:
        raise _UnsureError
    return (datetime.fromisoformat(value) - _EPOCH) // _MS


def _printable(value: str) -> bool:
    """Tell whether text is on one line and without controls, also where it holds full-width spaces."""
    return value.isprintable() or ("\u3000" in value and value.replace("\u3000", " ").isprintable())


def _name(value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= _ENVELOPE_CHARS or not _printable(value):
        raise _UnsureError
    text = value.strip()
    if not text:
        raise _UnsureError
    return text


def _line(at_most: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        if type(value) is not str or len(value) > at_most or not _printable(value):
            raise _UnsureError
        return value.strip() or None

    return check


def _email(value: Any) -> str | None:
    if type(value) is not str or len(value) > 254:  # noqa: PLR2004 - shorter than any limit of an address
        raise _UnsureError
    if _PLAIN_EMAIL.fullmatch(value) is not None and "xn--" not in value:
        return value
    return normal_email(value) if value.strip() else None


def _count(value: Any) -> int | None:
    if type(value) is str:
        if not value or value.isspace():
            return None
        value = head_count(value)
    if type(value) is not int or not 0 <= value <= 10_000_000:  # noqa: PLR2004 - as in the contract
        raise _UnsureError
    return value


def _amount(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1e15:  # noqa: PLR2004 - as in the contract
        raise _UnsureError
    return float(value)


def _flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise _UnsureError
    return value


def _consent(value: Any) -> dict[str, bool]:
    if type(value) is not dict:
        raise _UnsureError
    for channel, word in value.items():
        if channel not in _CHANNELS or not (word is True or word is False):
            raise _UnsureError
    return value


def _of_form(pattern: str) -> Callable[[Any], str | None]:
    form = re.compile(pattern, re.ASCII)

    @lru_cache(maxsize=1_024)
    def holds(value: str) -> bool:
        return form.fullmatch(value) is not None

    def check(value: Any) -> str | None:
        if type(value) is not str or not holds(value):
            raise _UnsureError
        return value

    return check


def _country(value: Any) -> str:
    if type(value) is not str or len(value) != 2 or not (value.isascii() and value.isalpha()):  # noqa: PLR2004
        raise _UnsureError
    return value.upper()


_CHANNELS: Final = frozenset({"email", "phone", "all"})
_REP = r"[a-z][a-z0-9_]{0,63}"
_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(PROFILE | {"opportunity", "opportunity_stage", "reason", "by"}, _line(500)),
    **dict.fromkeys(("mail_link", "user_agent"), _line(4_000)),
    "mail_id": _line(500),
    "mail_sent_at": _at_ms,
    "machine": _flag,
    "email": _email,
    "employees": _count,
    "country": _country,
    "language": _of_form(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}"),
    "corporate_number": _of_form(r"[0-9]{13}"),
    "account_owner": _of_form(_REP),
    "activity": _of_form(r"[a-z][a-z0-9_]{1,63}"),
    "consent": _consent,
    "amount": _amount,
    "currency": _of_form(r"[A-Z]{3}"),
    "sales_activity": _of_form("|".join(get_args(SalesActivity))),
}
