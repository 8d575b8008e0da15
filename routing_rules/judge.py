"""The judgement: fit, engagement, buying stage, readiness, verdict. Pure; one screen to read."""

import math
from typing import Final

from routing_rules.compiled import CompiledBook, CompiledPersona, Fit
from routing_rules.engagement import engagement
from routing_rules.facts import DAY_MS, Facts, gather
from routing_rules.machines import Filtered, people_only
from routing_rules.readiness import first_ready, what_is_missing
from routing_rules.rest import Back, back_from_lost, resting, stirred_at
from routing_rules.routing import route
from routing_rules.stages import stage_now
from schemas.activity import HAND_RAISES, NOT_THE_LEADS_DOING
from schemas.decision import Judgement, Missing, Reasons, VerdictKind
from schemas.lead import WITH_SALES, LeadState, Standing

#: Raised by one whenever the same inputs may give another judgement; decisions say under which they were made.
JUDGEMENT: Final = 4
#: Combinations of facts whose fit is kept, in a few MB a rulebook version.
FITS_KEPT: Final = 20_000


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
    persona, fit = best.persona, best.fit
    points, parts = engaged(facts, book)
    grade = fit_grade(fit, book)
    values = facts.values
    values["persona"] = persona.id
    values["fit"] = fit
    values["fit_grade"] = grade
    values["engagement"] = points
    stage, stage_until = buying_stage(facts, book)
    values["buying_stage"] = stage

    def conclude(
        verdict: VerdictKind, lifecycle_stage: str, *, rule: str | None = None, track: str | None = None,
        review_at_ms: int | None = None, nearest: str | None = None, missing: list[Missing] | None = None,
    ) -> Judgement:  # fmt: skip
        destination = route(facts, book) if verdict == "ready" else None
        reasons = Reasons(
            best.rules, best.known, list(best.lacks), list(best.open), parts, filtered, stage_until, rule, nearest,
            missing or [], destination,
        )  # fmt: skip
        return Judgement(
            verdict, lifecycle_stage, persona.id, fit, grade, points, stage, track, review_at_ms, reasons
        )

    now: str = standing.lifecycle_stage
    outcome = _outcome(state)
    back = back_from_lost(state, book.rest) if outcome == "lost" and book.rest is not None else None
    if back is not None and back.at_ms <= now_ms:
        outcome = None  # lost for long enough
    again_ms = None if outcome is None or back is None else back.at_ms
    if outcome is not None and outcome != now:
        return conclude("unchanged", outcome, rule=f"outcome.{outcome}", review_at_ms=again_ms)
    if outcome is not None or now == "won" or ruled_out_by_a_rep(standing):
        return conclude("unchanged", now, rule=standing.rule, review_at_ms=again_ms)
    out = None if now == "sql" else _disqualifier(facts, persona)
    if out is not None:
        return conclude("disqualify", "disqualified", rule=out)
    if now in WITH_SALES:
        if _may_contact(state):
            return conclude("unchanged", now, rule=standing.rule)
        now = "nurture"  # permission was withdrawn while sales had the lead
    missing = barred(facts, state, standing)
    if not missing:
        ready = first_ready(facts, book)
        if ready is not None:
            return conclude("ready", "mql", rule=ready.name)
    verdict, rule, track, review_at_ms = _held(state, standing, facts, book, back, stage_until)
    nearest: str | None = None
    lacking: list[Missing] = []
    held_as_before = (standing.lifecycle_stage, standing.track, standing.buying_stage, standing.fit_grade,
                      standing.persona, standing.rule) == ("nurture", track, stage, grade, persona.id, rule)  # fmt: skip
    if not (news_only and held_as_before):
        nearest, lacking = what_is_missing(facts, book)
    return conclude(
        verdict, "nurture", rule=rule, track=track, review_at_ms=review_at_ms, nearest=nearest,
        missing=[*missing, *lacking],
    )  # fmt: skip


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


def best_fit(facts: Facts, book: CompiledBook) -> Fit:
    """Return how well the lead matches the persona that fits best.

    fit = 100 * points of the rules that hold / points of all rules. An unknown fact earns nothing and is
    told by the known share; with `least_known` below 1, fit is reckoned of what is known. Who lacks a must-have
    of a persona has fit 0 with it, and that persona only if none is left.
    """
    if book.fit_fields is None:
        return _best_fit(facts, book)
    asked = tuple(map(facts.values.get, book.fit_fields))
    best = book.fit_known.get(asked)
    if best is None:
        if len(book.fit_known) >= FITS_KEPT:
            book.fit_known.clear()
        best = book.fit_known[asked] = _best_fit(facts, book)
    return best


def _best_fit(facts: Facts, book: CompiledBook) -> Fit:
    best: Fit | None = None
    best_rank = (-1, -1)
    for persona in book.personas:
        earned = 0
        unknown = 0
        held: list[int] = []
        for index, (points, check) in enumerate(persona.fit):
            said = check(facts)
            if said:
                earned += points
                held.append(index)
            elif said is None:
                unknown += points
        most: float = persona.most
        if unknown and book.least_known < 1:
            most = max(most - unknown, most * book.least_known)
        fit = round(100 * earned / most)
        lacks, unsure = _must_haves(facts, persona) if persona.must else ((), ())
        rank = (0 if lacks else 1, fit)
        if rank > best_rank:
            known = round(1 - unknown / persona.most, 2)
            best, best_rank = Fit(persona, 0 if lacks else fit, held, known, lacks, unsure), rank
    assert best is not None  # noqa: S101 - the contract asks for at least one persona
    return best


def _must_haves(facts: Facts, persona: CompiledPersona) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the must-haves that the lead lacks, and those of which nobody knows."""
    lacks, unsure = [], []
    for index, (check, refuses_unknown) in enumerate(persona.must):
        said = check(facts)
        if said is None:
            unsure.append(index)
        if said is False or (said is None and refuses_unknown):
            lacks.append(index)
    return tuple(lacks), tuple(unsure)


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


def fit_grade(fit: int, book: CompiledBook) -> str:
    """Return A, B, C or D by the rulebook's thresholds."""
    grades = book.grades
    if fit >= grades.A:
        return "A"
    if fit >= grades.B:
        return "B"
    return "C" if fit >= grades.C else "D"


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


def _outcome(state: LeadState) -> str | None:
    """Return what the CRM's newest words make of the lead: an open deal outweighs won, won outweighs lost.

    An open deal does not hold a lead that no longer permits contact, nor a lost one a lead that asked to talk
    since: both go on as marketing's.
    """
    if not state.deals:
        return None
    statuses = {deal.status for deal in state.deals.values()}
    if "opened" in statuses and _may_contact(state):
        return "sql"
    if "won" in statuses:
        return "won"
    newest = max(deal.at_ms for deal in state.deals.values())
    return None if "opened" in statuses or _raised_hand_since(state, newest) else "lost"


def loss_of(state: LeadState, book: CompiledBook) -> Back | None:
    """Return when a lead that counts as lost comes back, by the rules of `lost`."""
    lost = book.rest is not None and _outcome(state) == "lost"
    return back_from_lost(state, book.rest) if lost and book.rest is not None else None


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


def ruled_out_by_a_rep(standing: Standing) -> bool:
    """Tell whether a rep's word, and not a rule, disqualified the lead: rules do not undo it."""
    by_a_rep = (standing.rule or "").startswith(("declined.", "recycled."))
    return standing.lifecycle_stage == "disqualified" and by_a_rep


def _track(standing: Standing, chosen: str, now_ms: int) -> str:
    """Return the track that a recycle reason asked for until its cool-down ends, else the chosen one."""
    cooling = standing.cool_down_until_ms is not None and standing.cool_down_until_ms > now_ms
    return standing.track if cooling and standing.track is not None else chosen


def _may_contact(state: LeadState) -> bool:
    """Tell whether a channel is left: permission not withdrawn, and an address or number known."""
    facts = state.facts
    return ("email" in facts and not state.denied("email")) or (
        "phone" in facts and not state.denied("phone")
    )


def barred(facts: Facts, state: LeadState, standing: Standing) -> list[Missing]:
    """Return what keeps sales away whatever the rules say: no channel left, a cool-down, or mere history."""
    missing = []
    if not _may_contact(state):
        missing.append(Missing("contact_channel", "exists", True))
    until = standing.cool_down_until_ms
    if (
        until is not None
        and until > facts.now_ms
        and not _raised_hand_since(state, standing.recycled_at_ms or 0)
    ):
        missing.append(Missing("cool_down", "until", until))
    history = standing.history_until_ms
    if history is not None and not _did_something_since(facts, history):
        missing.append(Missing("history", "until_it_acts", history))
    return missing


def _did_something_since(facts: Facts, since_ms: int) -> bool:
    """Tell whether the lead itself acted later: what is only known from history wakes nobody, nor does a machine."""
    return any(at_ms > since_ms for kind, at_ms in facts.last.items() if kind not in NOT_THE_LEADS_DOING)


def _raised_hand_since(state: LeadState, since_ms: int) -> bool:
    last = state.last
    return any(last[kind] > since_ms for kind in HAND_RAISES & last.keys())


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
