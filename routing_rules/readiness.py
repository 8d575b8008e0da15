"""Readiness: the named rules that make a lead sales-ready, and what the nearest of them still lacks."""

from routing_rules.compiled import CompiledBook, CompiledReady
from routing_rules.conditions import Node, Test, first_lacking
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
    """Return the nearest rule, and those of its parts that do not hold with what the lead has.

    Nearest is the rule whose furthest part is least far off (to a tenth), then the one that stands first.
    """
    # "Ask for a demo" is always one step away and helps nobody who nurtures: it is named only for want of others.
    rules = [rule for rule in book.ready if not rule.is_hand_raise] or list(book.ready)
    best: tuple[float, str, list[Node]] | None = None
    for rule in rules:
        lacking = [node for node, check in rule.parts if not check(facts)]
        rank = round(max((_gap(node, facts) for node in lacking), default=0.0), 1)
        if best is None or rank < best[0]:
            best = (rank, rule.name, lacking)
    if best is None:
        return None, []
    _, name, lacking = best
    missing = [_missing(node, facts) for node in lacking]
    if not missing and book.stage_rank[facts.values["buying_stage"]] < book.sales_may_start_rank:
        floor = book.stages[book.sales_may_start_rank]
        missing = [Missing("buying_stage", "at_least", floor, facts.values.get("buying_stage"))]
    return name, missing


def _gap(node: Node, facts: Facts) -> float:
    """Return how far a part is from holding: 0 there, 1 all the way to go."""
    if not isinstance(node, Test):
        return 1.0
    operator, want = first_lacking(node, facts)
    have = facts.values.get(node.field)
    if operator in ("gte", "gt") and isinstance(have, int | float) and want > 0:
        return max(0.0, float(want - have) / float(want))
    ranks = node.spec.values
    if operator == "at_least" and have in ranks and len(ranks) > 1:
        return (ranks.index(want) - ranks.index(have)) / (len(ranks) - 1)
    return 1.0


def _missing(node: Node, facts: Facts) -> Missing:
    if not isinstance(node, Test):
        return Missing(node.combiner, "of", [_missing(part, facts).field for part in node.parts])
    have = facts.values.get(node.field)
    if node.spec.kind == "activity":
        within = dict(node.operators).get("within_days")
        return Missing(node.field, "activity", dict(node.operators), facts.count(node.field[9:], within))
    operator, want = first_lacking(node, facts)
    return Missing(node.field, operator, want, have)
