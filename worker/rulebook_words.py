"""What pydantic finds wrong with a rule file, told in words of the one who edits it."""

from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from worker.rulebook_yaml import Path

_TYPES: Final = {
    "string_type": "takes text (put it in quotes)",
    "int_type": "takes a whole number",
    "int_from_float": "takes a whole number",
    "float_type": "takes a number",
    "bool_type": "takes true or false",
    "list_type": "takes a list",
    "dict_type": "takes a mapping (key: value)",
    "model_type": "takes a mapping (key: value)",
    "model_attributes_type": "takes a mapping (key: value)",
    "date_type": "takes a day such as 2026-11-24",
    "date_parsing": "takes a day such as 2026-11-24",
    "date_from_datetime_parsing": "takes a day such as 2026-11-24",
    "datetime_type": "takes an instant such as 2026-11-24T09:00:00+09:00",
    "datetime_parsing": "takes an instant such as 2026-11-24T09:00:00+09:00",
    "datetime_from_date_parsing": "takes an instant such as 2026-11-24T09:00:00+09:00",
    "timezone_aware": "takes an instant with its zone, such as 2026-11-24T09:00:00+09:00",
}
_LIMITS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_LENGTHS: Final = {
    "too_short": ("at least", "min_length", "of them"),
    "too_long": ("at most", "max_length", "of them"),
    "string_too_short": ("at least", "min_length", "characters"),
    "string_too_long": ("at most", "max_length", "characters"),
}
_PATTERNS: Final = {
    r"^[a-z][a-z0-9_]{0,63}$": "lower-case letters, digits and underscores, a letter first",
    r"^[a-z][a-z0-9_]{1,63}$": "an activity kind such as pricing_view (lower case, underscores)",
    r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$": "a country or subdivision such as JP or US-CA",
    "^([A-Z]{2}|EEA)$": "a country such as DE, or EEA",
    "^[ABCD]$": "one of A, B, C, D",
}


def place_of(error: ErrorDetails) -> Path:
    """Return the path in the file: pydantic's, without its own marks."""
    return tuple(part for part in error["loc"] if part != "[key]")


def say(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what is wrong and how to mend it.

    Args:
        error: one finding of pydantic.
        model: the model of the whole file.

    """
    kind = error["type"]
    path = place_of(error)
    if kind == "missing":
        return f"`{path[-1]}` is missing; write it here"
    if kind == "extra_forbidden":
        return f"unknown key `{path[-1]}`{_hint(str(path[-1]), _keys_at(model, path[:-1]))}"
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return _say_value(error, _short(error["input"]))


def _say_value(error: ErrorDetails, given: str) -> str:
    """Tell what a value should have been."""
    kind = error["type"]
    context = error.get("ctx", {})
    if kind in _TYPES:
        return f"{_TYPES[kind]}, not {given}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]:g}, not {given}"
    if kind == "literal_error":
        known = str(context["expected"]).replace("'", "")
        hint = _hint(str(error["input"]), known.replace(" or ", ", ").split(", "), say_known=False)
        return f"takes {known}, not {given}{hint}"
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"takes {_PATTERNS.get(pattern, pattern)}; not {given}"
    if kind in _LENGTHS:
        words, key, unit = _LENGTHS[kind]
        return f"needs {words} {context[key]} {unit}"
    return f"{error['msg']}, not {given}"


def _hint(word: str, known: list[str], *, say_known: bool = True) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known here: {', '.join(known)}" if known and say_known else ""


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line of a terminal


def _keys_at(model: Any, path: Path) -> list[str]:
    """Return the keys that the model at `path` knows."""
    inside: Any = model
    for part in path:
        inside = _bare(inside)
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            known = inside.model_fields.get(str(part))
            inside = None if known is None else known.annotation
        else:
            arguments = get_args(inside)
            inside = arguments[-1] if arguments else None
    inside = _bare(inside)
    is_model = isinstance(inside, type) and issubclass(inside, BaseModel)
    return list(inside.model_fields) if is_model else []


def _bare(annotation: Any) -> Any:
    """Return an annotation without `Annotated` and without `| None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
