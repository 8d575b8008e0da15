"""Conditions as data: `{field: {operator: value}}` with `all`, `any`, `none`.

A condition is parsed once into a small tree, which lint and explanations read; `closures` make of it what judges.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import re2

from routing_rules.fields import FIELDS, OPERATORS, FieldSpec, spec_of

#: A condition may not be nested deeper, nor hold more tests, than this.
MAX_DEPTH: Final = 8
MAX_TESTS: Final = 200
_COMBINERS: Final = ("all", "any", "none")


class ConditionError(ValueError):
    """A condition that means nothing; `path` leads from the condition to the place."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        """Keep the path apart, so that the file's line can be found."""
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Test:
    """One field against one or more operators, all of which must hold."""

    __test__ = False  # not a pytest class

    field: str
    spec: FieldSpec
    operators: tuple[tuple[str, Any], ...]
    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`all`, `any` or `none` of its parts."""

    combiner: str
    parts: "tuple[Test | Group, ...]"


Node = Test | Group


def parse(
    condition: Any,
    *,
    stages: Sequence[str] = (),
    judged: bool = True,
    path: tuple[str | int, ...] = (),
    depth: int = 0,
) -> Node:
    """Read a condition into a tree.

    Args:
        condition: as it stands in the rule file; an empty mapping always holds.
        stages: the journey's stages, lowest first.
        judged: whether fields that the judgement makes may be asked here.
        path: where the condition stands in its file.
        depth: how deep it is nested.

    Raises:
        ConditionError: with the place and the mend.

    """
    if depth > MAX_DEPTH:
        raise ConditionError(path, f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(condition, dict):
        raise ConditionError(path, "a condition is a mapping such as {company.employees: {gte: 300}}")
    parts: list[Node] = []
    for key, value in condition.items():
        here = (*path, key)
        if key in _COMBINERS:
            if not isinstance(value, list):
                raise ConditionError(here, f"`{key}` takes a list of conditions")
            inner = [
                parse(item, stages=stages, judged=judged, path=(*here, index), depth=depth + 1)
                for index, item in enumerate(value)
            ]
            parts.append(Group(key, tuple(inner)))
        else:
            parts.append(_parse_test(str(key), value, tuple(stages), judged, here))
    node = parts[0] if len(parts) == 1 else Group("all", tuple(parts))
    if depth == 0 and len(tests_of(node)) > MAX_TESTS:
        raise ConditionError(path, f"more than {MAX_TESTS} tests in one condition")
    return node


def _parse_test(
    field: str, operators: Any, stages: tuple[str, ...], judged: bool, path: tuple[str | int, ...]
) -> Test:
    spec = spec_of(field, stages)
    if spec is None:
        near = get_close_matches(field, [*FIELDS, *_COMBINERS], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConditionError(path, f"no field is called {field}{hint}")
    if spec.judged and not judged:
        raise ConditionError(path, f"{field} is made by the judgement and not known here")
    if not isinstance(operators, dict) or not operators:
        raise ConditionError(path, f"{field} takes operators such as {{{_example(spec)}}}")
    for operator, value in operators.items():
        if operator not in OPERATORS[spec.kind]:
            known = ", ".join(sorted(OPERATORS[spec.kind]))
            raise ConditionError((*path, operator), f"{field} does not take `{operator}`; it takes {known}")
        problem = _value_problem(spec, str(operator), value)
        if problem:
            raise ConditionError((*path, operator), f"{field}: {problem}")
    return Test(field, spec, tuple(operators.items()), path)


def _example(spec: FieldSpec) -> str:
    return {"number": "gte: 300", "activity": "at_least: 1, within_days: 30"}.get(spec.kind, "eq: value")


def _value_problem(spec: FieldSpec, operator: str, value: Any) -> str | None:
    """Say what is wrong with an operator's value, or None."""
    if operator == "exists":
        return None if isinstance(value, bool) else "`exists` takes true or false"
    if operator in ("in", "not_in"):
        if not isinstance(value, list) or not value:
            return f"`{operator}` takes a list"
        problems = (_value_problem(spec, "eq", item) for item in value)
        return next((problem for problem in problems if problem), None)
    if spec.kind in ("number", "activity", "hand_raise"):
        return _number_problem(operator, value)
    if spec.kind == "flag":
        return None if isinstance(value, bool) else "takes true or false"
    return _text_problem(spec, operator, value)


def _number_problem(operator: str, value: Any) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return f"`{operator}` takes a number, not {value!r}"
    return "`within_days` takes a number above 0" if operator == "within_days" and value <= 0 else None


def _text_problem(spec: FieldSpec, operator: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"`{operator}` takes text, not {value!r} (put it in quotes)"
    if operator == "matches":
        try:
            regex(value)
        except re2.error as error:
            said = error.args[0] if error.args else error
            return f"not a regular expression: {said.decode() if isinstance(said, bytes) else said}"
        return None
    if spec.values and operator != "contains" and value not in spec.values:
        return f"{value!r} is not one of {', '.join(spec.values)}"
    return None


def regex(pattern: str) -> Any:
    """Compile a regular expression whose time grows with the text only, and which is quiet about errors."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def tests_of(node: Node) -> list[Test]:
    """Return every test of a tree, in reading order."""
    if isinstance(node, Test):
        return [node]
    return [test for part in node.parts for test in tests_of(part)]


def positive_tests(node: Node, *, speaks_for: bool = True) -> Iterator[Test]:
    """Yield the tests that may help a condition when they hold: not those under `none`, but for one in another."""
    if isinstance(node, Test):
        if speaks_for:
            yield node
        return
    for part in node.parts:
        yield from positive_tests(part, speaks_for=speaks_for is not (node.combiner == "none"))


def lines(nodes: Iterable[Node], field: str, least: float) -> set[float]:
    """Return the values of a number at which conditions may begin to hold; `least` is the least above another."""
    tests = [test for node in nodes for test in positive_tests(node) if test.field == field]
    return {
        round(want + least, 2) if operator == "gt" else float(want)
        for test in tests
        for operator, want in test.operators
        if operator in ("gte", "gt", "eq")
    }
