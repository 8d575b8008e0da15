"""What would make a held lead sales-ready: the smallest changes of four kinds, each tried by the judgement itself.

- points: engagement rises by so much;
- activity: the lead does one thing, so many times;
- fact: one thing that nobody knows of it becomes known;
- both: one of these once, and points.

Nothing here is asked while events are judged: it is worked out when somebody reads, from the inputs of a decision.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from routing_rules.compiled import CompiledBook
from routing_rules.conditions import lines, parse, positive_tests
from routing_rules.engagement import STEP
from routing_rules.facts import DAY_MS, gather
from routing_rules.judge import facts_as_judged, judge
from routing_rules.learnable import by_facts, knows, learnable
from routing_rules.permission import barred
from routing_rules.readiness import first_ready
from routing_rules.thresholds import ready_conditions
from schemas.activity import HAND_RAISES, NOT_THE_LEADS_DOING
from schemas.decision import Judgement, Step, Way
from schemas.lead import WITH_MARKETING, LeadState, Standing

#: Times that one activity is tried at most.
MOST_TIMES: Final = 5
#: What is not the lead's doing, and what nobody wishes for.
_NOT_TO_WISH: Final = NOT_THE_LEADS_DOING | {"unsubscribe"}


def smallest_changes(
    state: LeadState, standing: Standing, book: CompiledBook, now_ms: int, account_owner: str | None = None
) -> list[Way]:
    """Return the smallest changes that make a held lead ready, the smallest first; none for a lead that is not held.

    Each is the least of its kind: one time less, a hundredth of a point less or a lower rank does not do.
    Two steps are tried only where no single one does.

    Args:
        state: the fold of its events.
        standing: where it is in our process.
        book: the compiled rulebook.
        now_ms: the instant of the question.
        account_owner: the rep who owns its account, if one does.

    """
    asked = _Asked(state, standing, book, now_ms, account_owner)
    now = asked.judged(state, now_ms)
    if now.lifecycle_stage not in WITH_MARKETING or now.verdict == "unchanged":
        return []
    asked.standing = msgspec.structs.replace(standing, lifecycle_stage=now.lifecycle_stage)
    permitted, steps = _with_permission(state, now, now_ms)
    until = next((one.want for one in now.reasons.missing if one.field == "cool_down"), None)
    at_ms = now_ms if until is None else until
    if now.verdict == "ready" or asked.judged(permitted, at_ms).verdict == "ready":
        rule = asked.judged(permitted, at_ms).reasons.rule or ""
        return [Way(steps, rule, until)] if steps or until is not None else []
    ways = list(_single(asked, permitted, at_ms, until))
    if until is not None:  # a wish to talk ends the cool-down at once
        ways = [way for way in ways if way.steps[0].name not in HAND_RAISES]
        ways += _activities(asked, permitted, now_ms, None, HAND_RAISES)
    if all(way.steps[0].name in HAND_RAISES for way in ways):
        ways += _double(asked, permitted, at_ms, until, {way.steps[0].name for way in ways})
    ranked = sorted(ways, key=lambda way: _effort(way, book))
    return [msgspec.structs.replace(way, steps=[*steps, *way.steps]) for way in ranked]


class _Asked:
    """One lead and the rulebook that it is asked against."""

    def __init__(
        self, state: LeadState, standing: Standing, book: CompiledBook, now_ms: int, owner: str | None
    ) -> None:
        self.state, self.standing, self.book, self.now_ms, self.owner = state, standing, book, now_ms, owner

    def judged(self, state: LeadState, at_ms: int) -> Judgement:
        return judge(state, self.standing, self.book, at_ms, self.owner)

    def learnable(self, state: LeadState, at_ms: int) -> list[Step]:
        """Return what could become known of a lead as it would be."""
        return learnable(
            self.book, state, at_ms, lambda lead: gather(lead, self.standing, at_ms, self.owner).values
        )

    def ready_with(self, state: LeadState, at_ms: int) -> str | None:
        """Return the rule by which a lead would be ready."""
        judged = self.judged(state, at_ms)
        return judged.reasons.rule or "" if judged.verdict == "ready" else None


def _with_permission(state: LeadState, now: Judgement, now_ms: int) -> tuple[LeadState, list[Step]]:
    """Return the lead as it would be if it could be contacted, and the step that this takes."""
    if all(one.field != "contact_channel" for one in now.reasons.missing):
        return state, []
    known = "email" in state.facts or "phone" in state.facts
    consent = {"all": (now_ms, True)} if known else state.consent
    facts = state.facts if known else {**state.facts, "phone": (now_ms, "+81300000000")}
    step = Step("permission" if known else "fact", "contact_channel")
    return msgspec.structs.replace(state, consent=consent, facts=facts), [step]


def _single(asked: _Asked, state: LeadState, at_ms: int, until: int | None) -> Iterator[Way]:
    points = points_short(asked.judged(state, at_ms), state, asked, at_ms)
    if points is not None:
        yield Way([Step("points", amount=points[0])], points[1], until)
    yield from _activities(asked, state, at_ms, until, frozenset(_kinds(asked.book)))

    def with_fact(step: Step) -> list[Way]:
        rule = asked.ready_with(knows(state, step, at_ms), at_ms)
        return [] if rule is None else [Way([step], rule, until)]

    yield from by_facts(asked.learnable(state, at_ms), with_fact)


def _double(
    asked: _Asked, state: LeadState, at_ms: int, until: int | None, enough: set[str]
) -> Iterator[Way]:
    """Yield one activity once, or one fact, together with points; nothing that is `enough` alone."""
    acts = frozenset(_kinds(asked.book)) - enough
    for kind in _kinds(asked.book):
        if kind not in HAND_RAISES:
            yield from _and_points(asked, did(state, kind, 1, at_ms), Step("activity", kind), at_ms, until)

    def with_fact(step: Step) -> list[Way]:
        learned = knows(state, step, at_ms)
        return list(_and_points(asked, learned, step, at_ms, until)) or _and_act(
            asked, learned, step, at_ms, until, acts
        )

    yield from by_facts(asked.learnable(state, at_ms), with_fact)


def _and_act(
    asked: _Asked, state: LeadState, step: Step, at_ms: int, until: int | None, acts: frozenset[str]
) -> list[Way]:
    """Return a fact together with the one activity that is worth least, where points do not add to the fact."""
    ways = [way for way in _activities(asked, state, at_ms, until, acts) if way.steps[0].amount == 1]
    ways.sort(key=lambda way: _effort(way, asked.book))
    return [Way([step, *way.steps], way.rule, until) for way in ways[:1]]


def _and_points(asked: _Asked, state: LeadState, step: Step, at_ms: int, until: int | None) -> Iterator[Way]:
    points = points_short(asked.judged(state, at_ms), state, asked, at_ms)
    if points is not None:
        yield Way([step, Step("points", amount=points[0])], points[1], until)


def _activities(
    asked: _Asked, state: LeadState, at_ms: int, until: int | None, kinds: frozenset[str]
) -> Iterator[Way]:
    for kind in _kinds(asked.book):
        for times in range(1, MOST_TIMES + 1) if kind in kinds else ():
            rule = asked.ready_with(did(state, kind, times, at_ms), at_ms)
            if rule is not None:
                yield Way([Step("activity", kind, times)], rule, until)
                break


def did(state: LeadState, kind: str, times: int, at_ms: int) -> LeadState:
    """Return the lead as if it had just done something so many times."""
    day = at_ms // DAY_MS
    days = dict(state.ledger.get(kind, {}))
    days[day] = days.get(day, 0) + times
    return msgspec.structs.replace(
        state, ledger={**state.ledger, kind: days}, last={**state.last, kind: at_ms}
    )


def points_short(now: Judgement, state: LeadState, asked: _Asked, at_ms: int) -> tuple[float, str] | None:
    """Return the points by which engagement alone would have to rise, and the rule that then holds; None where it cannot."""
    facts = facts_as_judged(now, state, asked.standing, asked.book, at_ms, asked.owner)
    if barred(facts, state, asked.standing):  # then no number of points does
        return None
    values = facts.values
    # Below nothing there is nothing to see, and yet the way up begins there.
    have = now.engagement or min(0.0, round(sum(now.reasons.engagement.values()), 2))
    nodes = [
        parse(condition, stages=asked.book.stages)
        for condition in ready_conditions(asked.book.source.readiness)
    ]
    for line in sorted(lines(nodes, "engagement", STEP)):
        if line <= now.engagement:
            continue
        values["engagement"] = line
        rule = first_ready(facts, asked.book)
        if rule is not None:
            return round(line - have, 2), rule.name
    return None


def _kinds(book: CompiledBook) -> list[str]:
    """Return what a lead can do that may help: what earns points, and what conditions ask for."""
    earns = [kind for kind, rule in book.source.scoring.activities.items() if rule.points > 0]
    asked = [
        test.field.removeprefix("activity.")
        for condition in (*book.source.journey.evidence.values(), *ready_conditions(book.source.readiness))
        for test in positive_tests(parse(condition, stages=book.stages))
        if test.spec.kind == "activity"
    ]  # fmt: skip
    return [kind for kind in dict.fromkeys([*earns, *asked]) if kind not in _NOT_TO_WISH]


def _effort(way: Way, book: CompiledBook) -> tuple[Any, ...]:
    """Rank ways: points alone, then few acts that are worth little, then facts, then a wish to talk."""
    first = way.steps[0]
    order = {"points": 0, "activity": 1, "fact": 2, "permission": 3}[first.kind]
    if first.name in HAND_RAISES:
        order = 4
    worth = book.source.scoring.activities.get(first.name)
    times = first.amount if first.kind == "activity" else 1
    return len(way.steps), order, times, 0.0 if worth is None else worth.points
