"""What a lead loses by waiting, to the instant: below which line its points fall when, and when its stage does.

Worked out for a reader and not for every event: nothing here changes a verdict.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from routing_rules.compiled import CompiledBook
from routing_rules.conditions import Node, lines, parse, tests_of
from routing_rules.engagement import STEP, engagement, falls_below
from routing_rules.facts import DAY_MS, Facts, gather
from routing_rules.fit import best_fit, fit_grade
from routing_rules.judge import buying_stage, engaged, judge, without_machines
from routing_rules.readiness import first_ready
from routing_rules.stages import stage_now
from routing_rules.thresholds import for_persona
from schemas.activity import HAND_RAISES
from schemas.lead import WITH_MARKETING, WITH_SALES, LeadState, Standing

#: Nobody plans further ahead, in days.
FURTHEST: Final = 1_100


class Fall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that ends if nothing more happens."""

    #: `engagement`, `buying_stage`, or `ready`.
    field: str
    #: The line, the stage, or the rule by which the lead is ready now.
    line: Any
    #: The first instant (ms) at which it is so no more.
    at_ms: int
    #: The points or the stage that it then has.
    then: Any = None


def outlook(
    state: LeadState,
    standing: Standing,
    book: CompiledBook,
    now_ms: int,
    account_owner: str | None = None,
) -> list[Fall]:
    """Return what falls, the soonest first; nothing for a lead that is neither held, ready nor with sales.

    Args:
        state: the fold of the lead's events.
        standing: where it is in our process.
        book: the rulebook.
        now_ms: the instant from which is looked ahead.
        account_owner: the rep who owns its account, if one does.

    """
    stage = judge(state, standing, book, now_ms, account_owner).lifecycle_stage
    if stage not in WITH_MARKETING | WITH_SALES:  # nothing that falls is of any use to it
        return []
    facts = gather(state, standing, now_ms, account_owner)
    without_machines(facts, state, book)
    now = _at(facts, book, now_ms)
    falls = [*_points(now, book), *_stage(now, book), *_ready(now, book)]
    return sorted(falls, key=lambda fall: (fall.at_ms, fall.field))


def _at(facts: Facts, book: CompiledBook, at_ms: int) -> Facts:
    """Return the facts as they are at another instant if nothing happens, with fit, points and stage."""
    then = _moved(facts, at_ms)
    best = best_fit(then, book)
    then.values |= {"persona": best.persona.id, "fit": best.fit, "fit_grade": fit_grade(best.fit, book)}
    then.values["engagement"], _ = engaged(then, book)
    then.values["buying_stage"], _ = buying_stage(then, book)
    return then


def _points(now: Facts, book: CompiledBook) -> Iterator[Fall]:
    """Return when the points fall below each line that a readiness rule draws and the lead reaches."""
    signals = {name: points for name, points, check in book.signals if check(now)}
    for line in sorted(lines(_rules(now.values["persona"], book), "engagement", STEP), reverse=True):
        day = falls_below(now.ledger, book.scoring, now.today, line, signals)
        if day is not None and day <= now.today + FURTHEST:
            left, _ = engagement(now.ledger, book.scoring, day, signals)
            yield Fall("engagement", line, day * DAY_MS, left)


def _rules(persona: str, book: CompiledBook) -> list[Node]:
    """Return the readiness rules as they read for a persona."""
    return [parse(for_persona(rule, persona), stages=book.stages) for rule in book.source.readiness.ready]


def _fits(book: CompiledBook) -> list[Node]:
    """Return what fit asks, of every persona."""
    personas = book.source.persona.personas
    whens = [rule.when for persona in personas for rule in persona.fit]
    whens += [must.when for persona in personas for must in persona.must]
    return [parse(when, stages=book.stages, judged=False) for when in whens]


def _stage(now: Facts, book: CompiledBook) -> Iterator[Fall]:
    """Return when the stage first falls. It may rise before: evidence may also ask that something was not done."""
    before, _ = buying_stage(now, book)
    for at_ms in _instants(now, book):
        stage, _ = buying_stage(_moved(now, at_ms), book)
        if book.stage_rank[stage] < book.stage_rank[before]:
            yield Fall("buying_stage", before, at_ms, stage)
            return
        before = stage


def _ready(now: Facts, book: CompiledBook) -> Iterator[Fall]:
    """Return when the lead meets no readiness rule any more."""
    rule = first_ready(now, book)
    if rule is None:
        return
    for at_ms in _instants(now, book):
        if first_ready(_at(now, book, at_ms), book) is None:
            yield Fall("ready", rule.name, at_ms)
            return


def _instants(now: Facts, book: CompiledBook) -> Iterator[int]:
    """Yield the instants at which anything may change if nothing happens, the soonest first."""
    ends = _ends_of_raises(now, book)
    last, at_ms = now.now_ms + FURTHEST * DAY_MS, now.now_ms
    while at_ms < last:
        _, until = stage_now(_moved(now, at_ms), book.stage_rules, book.stages[0])
        midnight = (at_ms // DAY_MS + 1) * DAY_MS
        at_ms = int(min(midnight, until, *(end for end in ends if end > at_ms)))
        yield at_ms


def _ends_of_raises(now: Facts, book: CompiledBook) -> list[int]:
    """Return the instants, off midnight, at which a wish to talk grows too old for some rule."""
    raised = HAND_RAISES & now.last.keys()
    spans = {
        dict(test.operators)["within_days"]
        for node in (*_rules(now.values["persona"], book), *_fits(book), *_evidence(book))
        for test in tests_of(node)
        if test.spec.kind == "hand_raise"
    }
    return [math.floor(now.last[kind] + days * DAY_MS) + 1 for kind in raised for days in spans]


def _evidence(book: CompiledBook) -> list[Node]:
    return [parse(when, judged=False) for when in book.source.journey.evidence.values()]


def _moved(facts: Facts, at_ms: int) -> Facts:
    return Facts(dict(facts.values), facts.ledger, facts.last, at_ms)
