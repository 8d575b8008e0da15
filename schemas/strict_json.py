"""Strict JSON: what Python's parser lets through and PostgreSQL, or good sense, does not.

Python's `json` accepts NaN, turns 1e999 into infinity, keeps the last of two equal keys, and lets lone
surrogates and U+0000 pass; in PostgreSQL `'NaN' > 100` is true, and U+0000 cannot be stored.
"""

import json
import math
import re
from typing import Any, Final

import msgspec

from schemas.errors import NotUnderstood

#: Deepest nesting of objects and lists that an event may have.
MAX_DEPTH: Final = 32
#: Most digits that a number may have.
MAX_DIGITS: Final = 18

# U+0000, bidirectional overrides and isolates (they make a name read as another), lone surrogates.
_FORBIDDEN = re.compile("[\x00\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


_SPACE = re.compile("[ \t\r\n]*")
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Unfit:
    """Stands in the parsed tree for a value that JSON has no word for, until its place is known."""

    def __init__(self, mend: str) -> None:
        self.mend = mend


class _SeenError(ValueError):
    """Raised by the quick parse at the first unfit value; the slow parse then finds its place."""


def _float(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise _SeenError


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _SeenError
    return int(text)


def _constant(_text: str) -> Any:
    raise _SeenError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _SeenError
    return result


def _mark_float(text: str) -> float | _Unfit:
    number = float(text)
    return number if math.isfinite(number) else _Unfit("number out of range; send a finite number")


def _mark_int(text: str) -> int | _Unfit:
    if len(text) > MAX_DIGITS:
        return _Unfit(f"a number of {len(text)} digits; at most {MAX_DIGITS} are taken, send ids as strings")
    return int(text)


def _mark_constant(text: str) -> _Unfit:
    return _Unfit(f"{text} is not JSON; send a finite number or null")


def _mark_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result[key] = _Unfit("the key stands twice; send it once") if key in result else value
    return result


_quick = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)
_slow = json.JSONDecoder(
    object_pairs_hook=_mark_object,
    parse_float=_mark_float,
    parse_int=_mark_int,
    parse_constant=_mark_constant,
)


#: Finds where a value ends; what it says, NaN among it, is read later.
_ends = json.JSONDecoder(parse_float=len, parse_int=len, parse_constant=len)


def _scan(value: Any, path: str, depth: int) -> None:
    """Walk the tree and refuse the first unfit value, naming its place."""
    if depth > MAX_DEPTH:
        raise NotUnderstood(path or "event", f"nested deeper than {MAX_DEPTH} levels; send it flatter")
    if isinstance(value, _Unfit):
        raise NotUnderstood(path or "event", value.mend)
    if isinstance(value, str):
        found = _FORBIDDEN.search(value)
        if found:
            raise NotUnderstood(path or "event", f"holds the character U+{ord(found[0]):04X}; remove it")
    elif isinstance(value, dict):
        for key, item in value.items():
            if _FORBIDDEN.search(key):
                raise NotUnderstood(path or "event", "a key holds a forbidden character; remove it")
            _scan(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _scan(item, f"{path}[{index}]", depth + 1)


def loads(raw: bytes) -> Any:
    """Parse `raw` as strict JSON in UTF-8.

    Raises:
        NotUnderstood: with the field (or the line and column) and what would be right.

    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUnderstood(f"byte {error.start}", "not UTF-8; send JSON in UTF-8") from None
    try:
        value = _quick.decode(text)
    except (_SeenError, RecursionError, json.JSONDecodeError):
        _explain(text)
        raise
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH or _FORBIDDEN.search(text):
        _scan(value, "", 0)
    return value


def split(raw: bytes) -> list[bytes]:
    """Return the items of an array, each as it was written, so that each is judged by itself.

    What one item holds (a key twice, a number or a character that is not taken) is no fault of its neighbours.

    Raises:
        NotUnderstood: `raw` is no array, or no JSON.

    """
    try:
        return [bytes(item) for item in _raws(raw)]
    except (msgspec.DecodeError, RecursionError):  # msgspec refuses a lone surrogate, wherever it stands
        pass
    try:
        return _items(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        said = type(loads(raw)).__name__  # tells the place, where it is no JSON
        raise NotUnderstood("batch", f"a bare {said}; send an array of events") from None


def _items(text: str) -> list[bytes]:
    """Cut an array into its items by Python's parser.

    Raises:
        ValueError: it is none.
        RecursionError: an item is nested too deeply to find its end.

    """
    items: list[bytes] = []
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError
    at = _after_space(text, at + 1)
    if text[at : at + 1] != "]":
        while True:
            _, end = _ends.raw_decode(text, at)
            items.append(text[at:end].encode())
            at = _after_space(text, end)
            if text[at : at + 1] != ",":
                break
            at = _after_space(text, at + 1)
    if text[at : at + 1] != "]" or _after_space(text, at + 1) != len(text):
        raise ValueError
    return items


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _explain(text: str) -> None:
    """Parse again, slowly, to name the place of what the quick parse refused."""
    try:
        _scan(_slow.decode(text), "", 0)
    except RecursionError:
        raise NotUnderstood("event", f"nested deeper than {MAX_DEPTH} levels; send it flatter") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise NotUnderstood(place, f"not JSON ({error.msg}); send one JSON object") from None
