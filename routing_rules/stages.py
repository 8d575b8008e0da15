"""The buying stage: forward by evidence, and back when the evidence grows too old. A function of evidence and now.

Evidence is a condition. Beside whether it holds, each tells until when: the first instant (ms) at which it holds no
more if nothing else happens, or, where it holds no more, the instant at which it last stopped.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from routing_rules.closures import Check, compile_node
from routing_rules.conditions import Node, Test, tests_of
from routing_rules.facts import DAY_MS, Facts
from routing_rules.fields import ACTIVITY_PREFIX
from schemas.activity import HAND_RAISES

#: An instant in ms; never: it did not hold at any time; always: it does not end.
Until = Callable[[Facts], float]
NEVER: Final = -math.inf
ALWAYS: Final = math.inf


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage, its evidence, and where a lead goes when that has grown too old."""

    id: str
    until: Until
    #: None: to where the other evidence puts it.
    back_to: str | None
    lasts_ms: int


def stage_now(facts: Facts, stages: tuple[StageRule, ...], first: str) -> tuple[str, float]:
    """Return the furthest stage that holds, by evidence or by falling back to it, and until when.

    Args:
        facts: the lead at one instant.
        stages: from the last to the second.
        first: the first stage, which needs no evidence.

    """
    fallen: dict[str, float] = {}
    for stage in stages:
        end = max(stage.until(facts), fallen.get(stage.id, NEVER))
        if end > facts.now_ms:
            return stage.id, end
        if stage.back_to is not None and end > NEVER:
            fallen[stage.back_to] = max(end + stage.lasts_ms, fallen.get(stage.back_to, NEVER))
    return first, ALWAYS


def compile_until(node: Node) -> Until:
    """Compile until when a condition holds."""
    if _only_fades(node):
        return _fading(node)
    check, tests = compile_node(node), _moving(node)
    return lambda facts: _searched(facts, check, tests)


def _moving(node: Node) -> list[Test]:
    return [test for test in tests_of(node) if test.spec.kind in ("activity", "hand_raise")]


def grows_old(node: Node) -> bool:
    """Tell whether evidence can grow too old at all: some test in it counts the last so many days only."""
    return any("within_days" in dict(test.operators) for test in _moving(node))


def _only_fades(node: Node) -> bool:
    """Tell whether a condition, while nothing happens, can only stop holding and never start."""
    if isinstance(node, Test):
        return "at_most" not in dict(node.operators)
    return node.combiner != "none" and all(_only_fades(part) for part in node.parts)


def _fading(node: Node) -> Until:
    if isinstance(node, Test):
        return _fading_test(node)
    parts = tuple(_fading(part) for part in node.parts)
    if node.combiner == "any":
        return _latest(parts)
    check, tests = compile_node(node), _moving(node)

    def all_of(facts: Facts) -> float:
        if check(facts):
            return min((part(facts) for part in parts), default=ALWAYS)
        return _searched(facts, check, tests)

    return all_of


def _latest(parts: tuple[Until, ...]) -> Until:
    def until(facts: Facts) -> float:
        latest = NEVER
        for part in parts:
            end = part(facts)
            latest = max(latest, end)
        return latest

    return until


def _fading_test(test: Test) -> Until:
    operators = dict(test.operators)
    if test.spec.kind == "hand_raise":
        return _raised(operators["within_days"] * DAY_MS)
    if test.spec.kind != "activity":
        check = compile_node(test)
        return lambda facts: ALWAYS if check(facts) else NEVER
    kind = test.field.removeprefix(ACTIVITY_PREFIX)
    least, within = operators.get("at_least", 1), operators.get("within_days")
    if least == 1 and within is not None and within == int(within):
        return _once_within(kind, int(within))
    return lambda facts: _enough_until(facts.ledger.get(kind, {}), least, within)


def _once_within(kind: str, within: int) -> Until:
    """Compile the usual evidence: once in so many days."""

    def until(facts: Facts) -> float:
        days = facts.ledger.get(kind)
        return (max(days) + within) * DAY_MS if days else NEVER

    return until


def _raised(span_ms: float) -> Until:
    def until(facts: Facts) -> float:
        raised = HAND_RAISES & facts.last.keys()
        return math.floor(max(facts.last[kind] for kind in raised) + span_ms) + 1 if raised else NEVER

    return until


def _enough_until(days: dict[int, int], least: float, within: float | None) -> float:
    """Return until when the last `within` days held `least` activities: of the newest days that did, the oldest."""
    if least <= 0:
        return ALWAYS
    if within is None:
        return ALWAYS if sum(days.values()) >= least else NEVER
    if sum(days.values()) < least:
        return NEVER
    newest_first = sorted(days, reverse=True)
    for at, newest in enumerate(newest_first):
        count = 0
        for day in newest_first[at:]:
            if day <= newest - within:
                break
            count += days[day]
            if count >= least:
                return math.ceil(day + within) * DAY_MS
    return NEVER


def _searched(facts: Facts, check: Check, tests: list[Test]) -> float:
    """Find the instant by looking at every one at which an answer may change."""
    changes = sorted({int(at) for test in tests for at in _changes(facts, test)})
    if check(facts):
        return next((at for at in changes if at > facts.now_ms and not check(_as_of(facts, at))), ALWAYS)
    past = [at for at in changes if at <= facts.now_ms]
    for at, end in zip(reversed(past[:-1]), reversed(past[1:]), strict=True):
        if check(_as_of(facts, at)):
            return end
    return NEVER


def _changes(facts: Facts, test: Test) -> Iterator[float]:
    """Return the instants (ms) at which a test may answer otherwise than just before."""
    within = dict(test.operators).get("within_days")
    if test.spec.kind == "hand_raise":
        for kind in HAND_RAISES & facts.last.keys():
            yield from (facts.last[kind], math.floor(facts.last[kind] + (within or 0) * DAY_MS) + 1)
        return
    for day in facts.ledger.get(test.field.removeprefix(ACTIVITY_PREFIX), ()):
        yield day * DAY_MS
        if within is not None:
            yield math.ceil(day + within) * DAY_MS


def _as_of(facts: Facts, at_ms: int) -> Facts:
    """Return the facts at another instant: without what was done later, and with everything else as it is."""
    today = at_ms // DAY_MS
    ledger = {
        kind: {day: count for day, count in days.items() if day <= today}
        for kind, days in facts.ledger.items()
    }
    last = {kind: at for kind, at in facts.last.items() if at <= at_ms}
    return Facts(facts.values, ledger, last, at_ms)
