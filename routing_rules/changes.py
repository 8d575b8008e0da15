"""One-step changes of the signed rule files: every threshold a step up or down, a value in or out, a rule less."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from routing_rules.fields import FIELDS, spec_of
from schemas.rulebook.book import Rulebook

Path = tuple[str | int, ...]
Kind = Literal["threshold", "take_out", "put_in", "drop"]

#: Steps of counts and days as people choose them: 1, 2, 3, 5, 10, 20, ...
LADDER: Final = tuple(lead * 10**power for power in range(7) for lead in (1, 2, 3, 5))
#: Fields on a scale of 0-100 move by this.
SCALE_STEP: Final = 10
#: Grades and fit points move by this.
GRADE_STEP: Final = 5
_SCALES: Final = ("fit", "engagement")
_NUMBERS: Final = ("gte", "gt", "lte", "lt")
_COMBINERS: Final = ("all", "any", "none")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: where it stands (file, then keys and places), what stands there and what would."""

    path: Path
    kind: Kind
    before: Any
    after: Any
    #: The field that a threshold or value is about; a grade's letter, or the name of an entry.
    field: str = ""


def changes(book: Rulebook, seen: Mapping[str, Sequence[str]]) -> list[Change]:
    """Return every change that is tried.

    Args:
        book: the rulebook to change.
        seen: field -> words that past leads had, for lists that may take one in.

    """
    return [*_persona(book, seen), *_readiness(book, seen), *_journey(book, seen)]


def changed(book: Rulebook, change: Change) -> Rulebook:
    """Return the rulebook with one change made; the book itself stays as it is."""
    made: Rulebook = _replaced(book, change.path, change)
    return made


def _replaced(node: Any, path: Path, change: Change) -> Any:
    """Copy only what the path leads through."""
    if not path:
        return change.after
    key, rest = path[0], path[1:]
    if isinstance(node, BaseModel):
        return node.model_copy(update={str(key): _replaced(getattr(node, str(key)), rest, change)})
    if isinstance(node, dict):
        return {
            name: _replaced(value, rest, change) if name == key else value for name, value in node.items()
        }
    if change.kind == "drop" and not rest:
        return [item for place, item in enumerate(node) if place != key]
    return [_replaced(item, rest, change) if place == key else item for place, item in enumerate(node)]


def _persona(book: Rulebook, seen: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    grades = book.persona.grades
    for letter, least, most in (
        ("A", grades.B + 1, 100),
        ("B", grades.C + 1, grades.A - 1),
        ("C", 1, grades.B - 1),
    ):
        have = getattr(grades, letter)
        for want in (have + GRADE_STEP, have - GRADE_STEP):
            if least <= want <= most:
                yield Change(("persona", "grades", letter), "threshold", have, want, letter)
    for place, persona in enumerate(book.persona.personas):
        here: Path = ("persona", "personas", place)
        for index, rule in enumerate(persona.fit):
            at: Path = (*here, "fit", index)
            yield from _in_condition(rule.when, (*at, "when"), seen, ())
            for points in (rule.points + SCALE_STEP, rule.points - SCALE_STEP):
                if 1 <= points <= 100:  # noqa: PLR2004 - the contract's bounds
                    yield Change((*at, "points"), "threshold", rule.points, points, "points")
            if len(persona.fit) > 1:
                yield Change(at, "drop", rule, None)
        for index, out in enumerate(persona.disqualify):
            yield from _in_condition(out.when, (*here, "disqualify", index, "when"), seen, ())


def _readiness(book: Rulebook, seen: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    stages = tuple(book.journey.stages)
    for index, rule in enumerate(book.readiness.ready):
        at: Path = ("readiness", "ready", index)
        yield from _in_condition(rule.when, (*at, "when"), seen, stages)
        if len(book.readiness.ready) > 1:
            yield Change(at, "drop", rule, None)


def _journey(book: Rulebook, seen: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    stages = book.journey.stages
    for stage, condition in book.journey.evidence.items():
        yield from _in_condition(condition, ("journey", "evidence", stage), seen, ())
    have = book.journey.sales_may_start_at
    at = stages.index(have)
    for place in (at + 1, at - 1):
        if 0 <= place < len(stages):
            yield Change(("journey", "sales_may_start_at"), "threshold", have, stages[place], "buying_stage")


def _in_condition(
    condition: Any, path: Path, seen: Mapping[str, Sequence[str]], stages: tuple[str, ...]
) -> Iterator[Change]:
    for key, value in condition.items():
        if key in _COMBINERS:
            for place, part in enumerate(value):
                yield from _in_condition(part, (*path, key, place), seen, stages)
            continue
        for operator, want in value.items():
            at: Path = (*path, key, operator)
            for after in _steps(key, operator, want, stages):
                yield Change(at, "threshold", want, after, key)
            if isinstance(want, list):
                yield from _in_list(key, want, at, seen)


def _in_list(field: str, words: list[Any], at: Path, seen: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    if len(words) > 1:
        for word in words:
            yield Change(at, "take_out", words, [one for one in words if one != word], field)
    closed = FIELDS[field].values if field in FIELDS else ()
    for word in seen.get(field, ()):
        if word not in words and (not closed or word in closed):
            yield Change(at, "put_in", words, [*words, word], field)


def _steps(field: str, operator: str, want: Any, stages: tuple[str, ...]) -> list[Any]:
    """Return the next values up and down."""
    spec = spec_of(field, stages)
    if spec is None or isinstance(want, bool | list):
        return []
    if spec.kind == "ordered" and operator == "at_least":
        at = spec.values.index(want)
        return [spec.values[place] for place in (at + 1, at - 1) if 0 <= place < len(spec.values)]
    if operator in ("at_least", "at_most"):
        return [want + 1, *([want - 1] if want > 1 else [])]
    if operator == "within_days" or operator in _NUMBERS:
        if field in _SCALES:
            return [want + SCALE_STEP, *([want - SCALE_STEP] if want > SCALE_STEP else [])]
        up = next((step for step in LADDER if step > want), None)
        down = next((step for step in reversed(LADDER) if step < want), None)
        return [step for step in (up, down) if step is not None]
    return []
