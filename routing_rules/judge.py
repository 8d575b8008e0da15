"""The judgement: fit, engagement, buying stage, readiness, verdict. Pure; one screen to read."""

import math
from typing import Final

from routing_rules.compiled import CompiledBook, CompiledPersona
from routing_rules.engagement import engagement
from routing_rules.facts import DAY_MS, Facts, gather
from routing_rules.fit import best_fit, fit_grade
from routing_rules.machines import Filtered, people_only
from routing_rules.outcome import outcome_of
from routing_rules.permission import barred, may_contact, ruled_out_by_a_rep
from routing_rules.readiness import first_ready, what_is_missing
from routing_rules.rest import Back, back_from_lost, resting, stirred_at
from routing_rules.routing import route
from routing_rules.stages import stage_now
from schemas.decision import Judgement, Missing, Reasons, VerdictKind
from schemas.lead import WITH_SALES, LeadState, Standing

#: Raised by one whenever the same inputs may give another judgement; decisions say under which they were made.
JUDGEMENT: Final = 4


def judge(
    state: LeadState,
    standing: Standing,
    book: CompiledBook,
    now_ms: int,
    account_owner: str | None = None,
    *,
    news_only: bool = False,
) -> Judgement:
    """Judge one lead.

    Args:
        state: the fold of its events.
        standing: where it is in our process.
        book: the compiled rulebook.
        now_ms: the instant of the judgement.
        account_owner: the rep who owns its account, if one does.
        news_only: leave out what is missing where the judgement is no news: nobody will record it.

    """
    facts = gather(state, standing, now_ms, account_owner)
    filtered = without_machines(facts, state, book)
    best = best_fit(facts, book)
    points, parts = engaged(facts, book)
    grade = fit_grade(best.fit, book)
    values = facts.values
    values["persona"] = best.persona.id
    values["fit"] = best.fit
    values["fit_grade"] = grade
    values["engagement"] = points
    stage, stage_until = buying_stage(facts, book)
    values["buying_stage"] = stage

    verdict, lifecycle_stage, rule, track, review_at_ms, nearest, missing = _decide(
        state, standing, facts, book, best.persona, stage_until, news_only=news_only
    )
    destination = route(facts, book) if verdict == "ready" else None
    reasons = Reasons(
        best.rules, best.known, list(best.lacks), list(best.open), parts, filtered, stage_until, rule, nearest, missing,
        destination,
    )  # fmt: skip
    return Judgement(
        verdict, lifecycle_stage, best.persona.id, best.fit, grade, points, stage, track, review_at_ms, reasons
    )  # fmt: skip


#: Verdict, lifecycle stage, rule, track, next look, the nearest readiness rule and what is missing of it.
_Decided = tuple[VerdictKind, str, str | None, str | None, int | None, str | None, list[Missing]]


def _decide(
    state: LeadState, standing: Standing, facts: Facts, book: CompiledBook, persona: CompiledPersona,
    stage_until: int | None, *, news_only: bool,
) -> _Decided:  # fmt: skip
    """Return the verdict: first the CRM's word, then who is out, then who is sales', then who is ready; else held."""
    now: str = standing.lifecycle_stage
    outcome = outcome_of(state)
    back = back_from_lost(state, book.rest) if outcome == "lost" and book.rest is not None else None
    if back is not None and back.at_ms <= facts.now_ms:
        outcome = None  # lost for long enough
    again_ms = None if outcome is None or back is None else back.at_ms
    if outcome is not None and outcome != now:
        return "unchanged", outcome, f"outcome.{outcome}", None, again_ms, None, []
    if outcome is not None or now == "won" or ruled_out_by_a_rep(standing):
        return "unchanged", now, standing.rule, None, again_ms, None, []
    out = None if now == "sql" else _disqualifier(facts, persona)
    if out is not None:
        return "disqualify", "disqualified", out, None, None, None, []
    if now in WITH_SALES and may_contact(state):  # else permission was withdrawn while sales had the lead
        return "unchanged", now, standing.rule, None, None, None, []
    missing = barred(facts, state, standing)
    ready = None if missing else first_ready(facts, book)
    if ready is not None:
        return "ready", "mql", ready.name, None, None, None, []
    verdict, rule, track, review_at_ms = _held(state, standing, facts, book, back, stage_until)
    nearest: str | None = None
    if not (news_only and _is_held_as_before(standing, facts, track, rule)):
        nearest, lacking = what_is_missing(facts, book)
        missing += lacking
    return verdict, "nurture", rule, track, review_at_ms, nearest, missing


def _is_held_as_before(standing: Standing, facts: Facts, track: str | None, rule: str | None) -> bool:
    values = facts.values
    return (
        standing.lifecycle_stage == "nurture"
        and standing.track == track
        and standing.buying_stage == values["buying_stage"]
        and standing.fit_grade == values["fit_grade"]
        and standing.persona == values["persona"]
        and standing.rule == rule
    )


def _held(
    state: LeadState, standing: Standing, facts: Facts, book: CompiledBook, back: Back | None, stage_until: int | None
) -> tuple[VerdictKind, str | None, str | None, int]:  # fmt: skip
    """Return verdict, rule, track and next look of a lead that marketing holds: taken by a track, or let rest."""
    chosen = next(track.id for track in book.tracks if track.check(facts))
    on = _track(standing, chosen if back is None else back.track, facts.now_ms)
    withdrawn = standing.lifecycle_stage in WITH_SALES
    rule = None if back is None else back.rule
    track: str | None = on
    rests_ms: int | None = None
    if book.rest is not None:
        since = stirred_at(state, facts.last, standing, back)
        rested, track, rests_ms = resting(state, facts, book.rest, on, since)
        rule = rested or rule
        on = track or on  # who is on no track is looked at as on the one that it would be on
    after_ms = book.review_after_ms.get(on, book.review_after_ms[chosen])
    recycled = withdrawn or (back is not None and standing.lifecycle_stage == "lost")
    return (
        "recycle" if recycled else "nurture",
        "consent_withdrawn" if withdrawn else rule,
        track,
        _review_at(standing, facts.now_ms, after_ms, stage_until, rests_ms),
    )


def without_machines(facts: Facts, state: LeadState, book: CompiledBook) -> Filtered:
    """Leave out of the facts what machines did, where the rulebook looks for it, and return how much that is."""
    if book.machines is None or not state.traces:
        return {}
    people = people_only(state, book.machines)
    facts.ledger, facts.last = people.ledger, people.last
    return people.filtered


def engaged(facts: Facts, book: CompiledBook) -> tuple[float, dict[str, float]]:
    """Return the engagement in points, and what it is made of."""
    held = {name: points for name, points, check in book.signals if check(facts)} if book.signals else None
    return engagement(facts.ledger, book.scoring, facts.today, held)


def buying_stage(facts: Facts, book: CompiledBook) -> tuple[str, int | None]:
    """Return the furthest stage that has evidence; the first stage needs none.

    Of a journey that says where leads fall back to, also when the lead does if nothing more happens.
    """
    if book.falls_back:
        stage, until = stage_now(facts, book.stage_rules, book.stages[0])
        return stage, None if until == math.inf else int(until)
    for stage, check in book.evidence:
        if check(facts):
            return stage, None
    return book.stages[0], None


def facts_as_judged(
    now: Judgement, state: LeadState, standing: Standing, book: CompiledBook, now_ms: int, owner: str | None
) -> Facts:
    """Return the facts that a judgement rests on, with what it made of them, for who asks further of them."""
    facts = gather(state, standing, now_ms, owner)
    without_machines(facts, state, book)
    facts.values.update(
        persona=now.persona, fit=now.fit, fit_grade=now.fit_grade, engagement=now.engagement,
        buying_stage=now.buying_stage,
    )  # fmt: skip
    return facts


def _disqualifier(facts: Facts, persona: CompiledPersona) -> str | None:
    for reason, check in persona.disqualify:
        if check(facts):
            return reason
    return None


def _track(standing: Standing, chosen: str, now_ms: int) -> str:
    """Return the track that a recycle reason asked for until its cool-down ends, else the chosen one."""
    cooling = standing.cool_down_until_ms is not None and standing.cool_down_until_ms > now_ms
    return standing.track if cooling and standing.track is not None else chosen


def _review_at(
    standing: Standing, now_ms: int, review_after_ms: int, stage_until: int | None, rests_ms: int | None
) -> int:
    """Return the next look: after the track's time, or sooner when the cool-down ends, the stage falls or rest begins.

    Rounded up to a full UTC day's start plus a minute: engagement changes at 00:00 UTC only.
    """
    at_ms = now_ms + review_after_ms
    if review_after_ms >= DAY_MS:
        at_ms = at_ms // DAY_MS * DAY_MS + 60_000
    until = standing.cool_down_until_ms
    sooner = (stage_until, rests_ms, until if until is not None and until > now_ms else None)
    return min([at_ms, *(one for one in sooner if one is not None)])
