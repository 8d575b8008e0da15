"""Readiness: the named rules that make a lead sales-ready, and what the nearest of them still lacks."""

from routing_rules.compiled import CompiledBook, CompiledReady
from routing_rules.facts import Facts
from routing_rules.parts import Part
from schemas.decision import Missing


def rules_for(
    facts: Facts, book: CompiledBook
) -> tuple[tuple[CompiledReady, ...], tuple[CompiledReady, ...]]:
    """Return the rules as they read for the lead's persona: all, and those towards which nurture leads."""
    own = book.ready_of.get(facts.values["persona"]) if book.ready_of else None
    return (book.ready, book.guiding) if own is None else own


def first_ready(facts: Facts, book: CompiledBook) -> CompiledReady | None:
    """Return the first rule that holds.

    Before the stage at which sales may start, only an explicit wish to talk makes a lead ready.
    """
    may_start = book.stage_rank[facts.values["buying_stage"]] >= book.sales_may_start_rank
    for rule in rules_for(facts, book)[0]:
        if (may_start or rule.is_hand_raise) and rule.check(facts):
            return rule
    return None


def what_is_missing(facts: Facts, book: CompiledBook) -> tuple[str | None, list[Missing]]:
    """Return the nearest rule, and those of its parts that do not hold with what the lead has.

    Nearest is the rule whose furthest part is least far off (to a tenth), then the one that stands first.
    """
    best: tuple[float, str, list[Part]] | None = None
    for rule in rules_for(facts, book)[1]:
        lacking: list[Part] = []
        furthest = 0.0
        for part in rule.parts:
            if not part.check(facts):
                lacking.append(part)
                gap = part.gap(facts)
                furthest = max(furthest, gap)
        rank = round(furthest, 1)
        if best is None or rank < best[0]:
            best = (rank, rule.name, lacking)
    if best is None:
        return None, []
    _, name, lacking = best
    missing = [part.missing(facts) for part in lacking]
    if not missing and book.stage_rank[facts.values["buying_stage"]] < book.sales_may_start_rank:
        floor = book.stages[book.sales_may_start_rank]
        missing = [Missing("buying_stage", "at_least", floor, facts.values.get("buying_stage"))]
    return name, missing
