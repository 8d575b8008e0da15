"""Path expressions of a mapping: `$.form.answers[?key=email].value`. They only look; nothing is evaluated.

`$` is the payload (or the item of `each`), `$$` always the whole payload. Then follow, as often as wished: `.name` or `['any name']`,
`[0]` and `[-1]`, `[*]` for every item or value, `[?key=value]` for the items whose `key` (a dotted name) has
that value.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

#: The longest expression, and the most values that one may find.
MAX_CHARS: Final = 300
MAX_FOUND: Final = 10_000

_STEP = re.compile(
    r"\.(?P<name>[^\s.\[\]'\"?*=]+)"
    r"|\[(?P<index>-?\d{1,6})\]"
    r"|(?P<every>\[\*\])"
    r"|\[(?P<quoted>'[^']*'|\"[^\"]*\")\]"
    r"|\[\?(?P<key>[^\s.\[\]'\"?*=]+(?:\.[^\s.\[\]'\"?*=]+)*)=(?P<value>'[^']*'|\"[^\"]*\"|[^\]'\"]*)\]"
)

Step = Callable[[Iterable[Any]], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled expression."""

    text: str
    steps: tuple[Step, ...]
    #: Names and indexes only, as far as they go: what `without` takes out.
    plain: tuple[str | int, ...] | None
    #: Whether it begins at the whole payload and not at the item.
    from_root: bool = False

    def find(self, value: Any) -> list[Any]:
        """Return all values at the path, in the payload's order; none where there is no such place."""
        found: Iterable[Any] = [value]
        for step in self.steps:
            found = step(found)
        result = []
        for one in found:
            result.append(one)
            if len(result) > MAX_FOUND:
                raise ValueError(f"{self.text} finds more than {MAX_FOUND} values")
        return result


def _name(name: str) -> Step:
    return lambda values: (value[name] for value in values if isinstance(value, dict) and name in value)


def _index(index: int) -> Step:
    return lambda values: (
        value[index] for value in values if isinstance(value, list) and -len(value) <= index < len(value)
    )


def _every(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list):
            yield from value


def _where(key: str, wanted: str) -> Step:
    def pick(values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            for item in value if isinstance(value, list) else [value]:
                found = item
                for name in key.split("."):
                    found = found.get(name) if isinstance(found, dict) else None
                if found is not None and as_text(found) == wanted:
                    yield item

    return pick


def as_text(value: Any) -> str:
    """Return a plain value as the text that it is compared by: true, 1 and "1" as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


@lru_cache(maxsize=2_000)
def compile_path(text: str) -> Path:
    """Compile an expression.

    Raises:
        ValueError: with what is wrong and at which character.

    """
    if not text.startswith("$"):
        raise ValueError("a path begins with $, such as $.email; write a constant as {value: ...}")
    if len(text) > MAX_CHARS:
        raise ValueError(f"a path of {len(text)} characters; at most {MAX_CHARS} are taken")
    steps: list[Step] = []
    plain: list[str | int] | None = []
    from_root = text.startswith("$$")
    at = 2 if from_root else 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"not a path from its character {at + 1} on; see docs/intake.md")
        step, key = _of(match)
        steps.append(step)
        plain = None if plain is None or key is None else [*plain, key]
        at = match.end()
    return Path(
        text, tuple(steps), None if plain is None or from_root else tuple(plain), from_root
    )  # fmt: skip


def _of(match: re.Match[str]) -> tuple[Step, str | int | None]:
    if match["name"] is not None:
        return _name(match["name"]), match["name"]
    if match["quoted"] is not None:
        return _name(match["quoted"][1:-1]), match["quoted"][1:-1]
    if match["index"] is not None:
        return _index(int(match["index"])), int(match["index"])
    if match["every"] is not None:
        return _every, None
    value = match["value"]
    return _where(match["key"], value[1:-1] if value[:1] in ("'", '"') else value.strip()), None
