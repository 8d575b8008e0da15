"""Readiness: the named rules that make a lead sales-ready, and what the nearest of them still lacks."""

from routing_rules.compiled import CompiledBook, CompiledReady
from routing_rules.conditions import Node, Test
from routing_rules.facts import Facts
from schemas.decision import Missing


def first_ready(facts: Facts, book: CompiledBook) -> CompiledReady | None:
    """Return the first rule that holds.

    Before the stage at which sales may start, only an explicit wish to talk makes a lead ready.
    """
    may_start = book.stage_rank[facts.values["buying_stage"]] >= book.sales_may_start_rank
    for rule in book.ready:
        if (may_start or rule.is_hand_raise) and rule.check(facts):
            return rule
    return None


def what_is_missing(facts: Facts, book: CompiledBook) -> tuple[str | None, list[Missing]]:
    """Return the rule with the fewest parts that do not hold, and those parts with what the lead has."""
    best: tuple[str, list[Node]] | None = None
    for rule in book.ready:
        lacking = [node for node, check in rule.parts if not check(facts)]
        if best is None or len(lacking) < len(best[1]):
            best = (rule.name, lacking)
    if best is None:
        return None, []
    name, lacking = best
    missing = [_missing(node, facts) for node in lacking]
    if not missing:
        floor = book.stages[book.sales_may_start_rank]
        missing = [Missing("buying_stage", "at_least", floor, facts.values.get("buying_stage"))]
    return name, missing


def _missing(node: Node, facts: Facts) -> Missing:
    if not isinstance(node, Test):
        return Missing(node.combiner, "of", [_missing(part, facts).field for part in node.parts])
    have = facts.values.get(node.field)
    if node.spec.kind == "activity":
        within = dict(node.operators).get("within_days")
        return Missing(node.field, "activity", dict(node.operators), facts.count(node.field[9:], within))
    operator, want = node.operators[0]
    return Missing(node.field, operator, want, have)
