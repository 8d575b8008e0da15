"""The parts of a readiness rule: whether each holds, how far it is from holding, and what it still lacks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from routing_rules.closures import Check, compile_lacking, compile_node
from routing_rules.conditions import Node, Test
from routing_rules.facts import Facts
from schemas.decision import Missing


@dataclass(frozen=True, slots=True)
class Part:
    """One part, compiled: these are asked of every lead that is held."""

    check: Check
    #: How far the part is from holding: 0 there, 1 all the way to go.
    gap: Callable[[Facts], float]
    missing: Callable[[Facts], Missing]


def compile_part(node: Node) -> Part:
    """Compile one part of a rule."""
    return Part(compile_node(node), _gap(node), _missing(node))


def _gap(node: Node) -> Callable[[Facts], float]:
    if not isinstance(node, Test):
        return lambda _facts: 1.0
    gaps = {operator: _gap_of(node, operator, want) for operator, want in node.operators}
    if len(gaps) == 1:
        return next(iter(gaps.values()))
    lacking = compile_lacking(node)
    return lambda facts: gaps[lacking(facts)[0]](facts)


def _gap_of(test: Test, operator: str, want: Any) -> Callable[[Facts], float]:
    """Compile the gap of one operator: a share of the way for numbers and ranks, all of it for what else."""
    field, ranks = test.field, test.spec.values
    if operator in ("gte", "gt") and want > 0:

        def share(facts: Facts) -> float:
            have = facts.values.get(field)
            if have is None:
                return 1.0
            return float(want - have) / float(want) if have < want else 0.0

        return share
    if operator == "at_least" and test.spec.kind == "ordered" and len(ranks) > 1:
        top = ranks.index(want)
        steps: dict[Any, float] = {rank: (top - place) / (len(ranks) - 1) for place, rank in enumerate(ranks)}
        return lambda facts: steps.get(facts.values.get(field), 1.0)
    return lambda _facts: 1.0


def _missing(node: Node) -> Callable[[Facts], Missing]:
    if not isinstance(node, Test):
        names = [part.field if isinstance(part, Test) else part.combiner for part in node.parts]
        combiner = node.combiner
        return lambda _facts: Missing(combiner, "of", names)
    field, lacking = node.field, compile_lacking(node)
    if node.spec.kind == "activity":
        operators = dict(node.operators)
        kind, within = field[9:], operators.get("within_days")
        return lambda facts: Missing(field, "activity", operators, facts.count(kind, within))

    def missing(facts: Facts) -> Missing:
        operator, want = lacking(facts)
        return Missing(field, operator, want, facts.values.get(field))

    return missing
