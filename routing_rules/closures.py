"""Conditions compiled to closures over facts. An answer has three values: True, False, and None for "not known"."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from routing_rules.conditions import Node, Test, regex
from routing_rules.facts import Facts
from routing_rules.fields import ACTIVITY_PREFIX, FieldSpec

Answer = bool | None
Check = Callable[[Facts], Answer]


def compile_node(node: Node) -> Check:
    """Turn a tree into one function over facts."""
    if isinstance(node, Test):
        return _compile_test(node)
    checks = tuple(compile_node(part) for part in node.parts)
    if node.combiner == "all":
        return _all(checks)
    if node.combiner == "any":
        return _any(checks)
    return _none(checks)


def _all(checks: tuple[Check, ...]) -> Check:
    def check(facts: Facts) -> Answer:
        answer: Answer = True
        for one in checks:
            said = one(facts)
            if said is False:
                return False
            if said is None:
                answer = None
        return answer

    return check


def _any(checks: tuple[Check, ...]) -> Check:
    def check(facts: Facts) -> Answer:
        answer: Answer = False
        for one in checks:
            said = one(facts)
            if said:
                return True
            if said is None:
                answer = None
        return answer

    return check


def _none(checks: tuple[Check, ...]) -> Check:
    any_holds = _any(checks)

    def check(facts: Facts) -> Answer:
        said = any_holds(facts)
        return None if said is None else not said

    return check


def _compile_test(test: Test) -> Check:
    if test.spec.kind == "activity":
        return _activity(test.field.removeprefix(ACTIVITY_PREFIX), dict(test.operators))
    if test.spec.kind == "hand_raise":
        days = dict(test.operators)["within_days"]
        return lambda facts: facts.hand_raised_within(days)
    checks = tuple(_scalar(test.field, test.spec, name, value) for name, value in test.operators)
    return checks[0] if len(checks) == 1 else _all(checks)


def compile_lacking(test: Test) -> Callable[[Facts], tuple[str, Any]]:
    """Compile what names the first operator of a test that does not hold: of two bounds, the broken one."""
    first = test.operators[0]
    if test.spec.kind in ("activity", "hand_raise") or len(test.operators) == 1:
        return lambda _facts: first
    checks = tuple(
        ((operator, want), _scalar(test.field, test.spec, operator, want))
        for operator, want in test.operators
    )
    return lambda facts: next((said for said, check in checks if not check(facts)), first)


def _activity(kind: str, operators: dict[str, Any]) -> Check:
    within = operators.get("within_days")
    at_most = operators.get("at_most")
    at_least = operators.get("at_least", 1 if at_most is None else 0)

    def check(facts: Facts) -> Answer:
        if kind not in facts.ledger:
            return bool(at_least <= 0)
        count = facts.count(kind, within)
        return count >= at_least and (at_most is None or count <= at_most)

    return check


def _scalar(field: str, spec: FieldSpec, operator: str, want: Any) -> Check:
    """Compile one operator on one field; an unknown value gives None, but for `exists`."""
    if operator == "exists":
        return lambda facts: (facts.values.get(field) is not None) is want
    if operator == "at_least":
        operator, want = "in", list(spec.values[spec.values.index(want) :])
    return _COMPILERS[operator](field, want)


# One closure for each operator, without a call inside: conditions are asked some twenty-five times an event.


def _eq(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have == want)


def _ne(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have != want)


def _in(field: str, want: Any) -> Check:
    options = frozenset(want)
    return lambda facts: None if (have := facts.values.get(field)) is None else have in options


def _not_in(field: str, want: Any) -> Check:
    options = frozenset(want)
    return lambda facts: None if (have := facts.values.get(field)) is None else have not in options


def _contains(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else want in have


def _matches(field: str, want: Any) -> Check:
    pattern = regex(want)

    @lru_cache(maxsize=4_096)  # titles and names come again and again
    def holds(value: str) -> bool:
        return pattern.search(value) is not None

    return lambda facts: None if (have := facts.values.get(field)) is None else holds(have)


def _gt(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have > want)


def _gte(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have >= want)


def _lt(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have < want)


def _lte(field: str, want: Any) -> Check:
    return lambda facts: None if (have := facts.values.get(field)) is None else bool(have <= want)


_COMPILERS: Final[dict[str, Callable[[str, Any], Check]]] = {
    "eq": _eq, "ne": _ne, "in": _in, "not_in": _not_in, "contains": _contains, "matches": _matches,
    "gt": _gt, "gte": _gte, "lt": _lt, "lte": _lte,
}  # fmt: skip
