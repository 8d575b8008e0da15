"""What nobody knows of a lead and would help: the least facts that could become known, told no wider than is true."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from routing_rules.compiled import CompiledBook
from routing_rules.conditions import Node, parse, positive_tests, tests_of
from routing_rules.fields import SENIORITIES
from routing_rules.thresholds import ready_conditions
from schemas.decision import Step, Way
from schemas.lead import LeadState

#: More people than any company has.
_MOST_PEOPLE: Final = 10_000_000
#: A title and a department that mean a rank and a function, as `titles` reads them.
_RANK: Final = {"staff": "担当", "senior": "主任", "manager": "課長", "head": "部長", "director": "本部長", "executive": "取締役"}  # fmt: skip
_FUNCTION: Final = {
    "it": "情報システム部", "marketing": "マーケティング部", "sales": "営業部", "finance": "経理部", "hr": "人事部",
    "operations": "業務部", "engineering": "開発部", "purchasing": "購買部", "legal": "法務部",
    "general_affairs": "総務部", "management": "経営企画部",
}  # fmt: skip
#: Operators that part numbers in two.
_SPLITS: Final = ("gte", "gt", "lte", "lt")
#: Fields of which a fact can become known, in the order in which they are told.
_LEARNABLE: Final = ("person.seniority", "person.function", "company.employees", "company.country")


def learnable(
    book: CompiledBook, state: LeadState, at_ms: int, values_of: Callable[[LeadState], Mapping[str, Any]]
) -> list[Step]:
    """Return what could become known of a lead, the least first, as the rules ask for it.

    Args:
        book: the compiled rulebook.
        state: the fold of the lead's events.
        at_ms: when it would become known.
        values_of: reads the facts of a lead.

    """
    values = values_of(state)
    personas = book.source.persona.personas
    conditions = [rule.when for persona in personas for rule in persona.fit]
    conditions += [must.when for persona in personas for must in persona.must]
    conditions += [signal.when for signal in book.source.scoring.signals.values()]
    conditions += book.source.journey.evidence.values()
    conditions += ready_conditions(book.source.readiness)
    nodes = [parse(condition, stages=book.stages) for condition in conditions]
    wanted: dict[str, set[Any]] = {}
    for test in (test for node in nodes for test in positive_tests(node) if test.field in _LEARNABLE):
        names = wanted.setdefault(test.field, set())
        for operator, want in test.operators:
            if operator in ("eq", "in"):
                names.update(want if operator == "in" else (want,))
    found: list[Step] = []
    for field in _LEARNABLE:
        if field in values:
            continue
        if field == "person.seniority" and field in wanted:
            found += [Step("fact", field, rank, "at_least") for rank in _RANK]
        elif field == "company.employees":
            found += _sizes(nodes)
        else:
            found += [Step("fact", field, name, "eq") for name in sorted(wanted.get(field, ()))]
    return [step for step in found if values_of(knows(state, step, at_ms)).get(step.name) == step.amount]


def _sizes(nodes: Iterable[Node]) -> list[Step]:
    """Return the numbers of people at which any answer may change, from below and from above."""
    tests = [test for node in nodes for test in tests_of(node) if test.field == "company.employees"]
    asked = [(operator, want) for test in tests for operator, want in test.operators]
    splits = {int(want) + (operator in ("gt", "lte")) for operator, want in asked if operator in _SPLITS}
    exact = {int(want) for operator, want in asked if operator == "eq"}
    return [
        *(Step("fact", "company.employees", size, "gte") for size in sorted({1, *splits, *exact})),
        *(Step("fact", "company.employees", size - 1, "lte") for size in sorted(splits, reverse=True)),
    ]


def knows(state: LeadState, step: Step, at_ms: int) -> LeadState:
    """Return the lead as if it had just said a fact that nobody knew."""
    said = dict(state.facts)
    if step.name == "person.seniority":
        before = state.fact("title")
        said["title"] = (at_ms, f"{before} {_RANK[step.amount]}" if before else _RANK[step.amount])
    elif step.name == "person.function":
        said["department"] = (at_ms, _FUNCTION[step.amount])
    else:
        said[step.name.removeprefix("company.")] = (at_ms, step.amount)
    return msgspec.structs.replace(state, facts=said)


def by_facts(steps: Iterable[Step], ways_by: Callable[[Step], list[Way]]) -> Iterator[Way]:
    """Yield the ways of each field by the least fact that does, told no wider than it is true.

    "50 people or more" only where any number from there on does, however many; else just "50".
    """
    for _, of_field in groupby(steps, lambda step: step.name):
        exact: list[Way] = []
        for step in of_field:
            ways = ways_by(step)
            if step.operator == "eq":
                yield from ways
            elif ways and _no_more(ways_by(_furthest(step)), ways):
                yield from ways
                break
            elif not exact:
                told = msgspec.structs.replace(step, operator="eq")
                exact = [msgspec.structs.replace(way, steps=[told, *way.steps[1:]]) for way in ways]
        else:
            yield from exact


def _furthest(step: Step) -> Step:
    """Return the other end of what a step says: the largest number, or one, or the highest rank."""
    end: Any = {"gte": _MOST_PEOPLE, "lte": 1}.get(step.operator, SENIORITIES[-1])
    return msgspec.structs.replace(step, amount=end)


def _no_more(ways: list[Way], than: list[Way]) -> bool:
    """Tell whether ways ask for the same besides their fact as others, or for fewer points."""
    if [len(way.steps) for way in ways] != [len(way.steps) for way in than]:
        return False
    pairs = [
        pair
        for one, other in zip(ways, than, strict=True)
        for pair in zip(one.steps[1:], other.steps[1:], strict=True)
    ]
    return all(
        one.kind == other.kind and one.name == other.name and one.amount <= other.amount
        for one, other in pairs
    )
