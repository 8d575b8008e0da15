"""Readiness rules whose thresholds differ by persona: the same rule, with other numbers in it."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.base import Condition
from schemas.rulebook.readiness import ReadinessFile, ReadyRule, Thresholds

#: Operators that ask for at least something.
_FLOORS: Final = ("gte", "gt", "at_least")
Path = tuple[str | int, ...]


def asked(thresholds: Thresholds) -> dict[str, Any]:
    """Return the fields that a persona's thresholds name, with what they ask."""
    return thresholds.model_dump(exclude_unset=True, exclude_none=True)


def floors(condition: Any, field: str, path: Path = ()) -> Iterator[Path]:
    """Return the places at which a condition asks for at least something of a field; not what it excludes."""
    if not isinstance(condition, dict):
        return
    for key, value in condition.items():
        if key in ("all", "any") and isinstance(value, list):
            for place, part in enumerate(value):
                yield from floors(part, field, (*path, key, place))
        elif key == field and isinstance(value, dict):
            yield from ((*path, key, operator) for operator in value if operator in _FLOORS)


def for_persona(rule: ReadyRule, persona: str) -> Condition:
    """Return a rule's condition as it reads for one persona."""
    condition: Any = rule.when
    thresholds = rule.personas.get(persona)
    for field, want in asked(thresholds).items() if thresholds else ():
        for place in floors(rule.when, field):
            condition = _with(condition, place, want)
    return dict(condition)


def ready_conditions(file: ReadinessFile) -> list[Condition]:
    """Return what the readiness rules ask for, of anybody and of each persona."""
    return [
        *(rule.when for rule in file.ready),
        *(for_persona(rule, persona) for rule in file.ready for persona in rule.personas),
    ]


def _with(node: Any, path: Path, want: Any) -> Any:
    if not path:
        return want
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        return [_with(item, rest, want) if place == key else item for place, item in enumerate(node)]
    return {name: _with(value, rest, want) if name == key else value for name, value in node.items()}
