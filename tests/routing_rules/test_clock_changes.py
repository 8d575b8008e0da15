"""Clocks with pauses and absences against a watch on the wall, and what a change may do to a running one."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing_rules.calendars import Span
from routing_rules.roster import Rep
from routing_rules.sla import Counted, durations, is_endless, reckon_anew, settle, slip_s, start_clock
from schemas.rulebook.sla import SlaPolicy
from tests.factories import a_policy, a_team
from tests.routing_rules.test_calendars import MINUTE, Case, cases

MINUTES = 60


def a_rep(case: Case) -> Rep:
    """Return a rep who keeps a case's calendar and absences."""
    return replace(a_team().reps["ann"], calendar=case.cal, absences=case.absences)


def a_promise(within_min: int, time: str, *warn_after_min: int) -> SlaPolicy:
    """Return a policy whose contact clock runs so many minutes."""
    contact = {"within": f"{within_min}m", "warn_after": [f"{minutes}m" for minutes in warn_after_min]}
    return a_policy(time=time, contact=contact)


def pauses_near(at: datetime) -> st.SearchStrategy[tuple[Span, ...]]:
    """Return up to three pauses around an instant, which may overlap or be in the past."""
    span = st.tuples(st.integers(-60, 600), st.integers(1, 300))
    return st.lists(span, max_size=3).map(
        lambda spans: tuple((at + n * MINUTE, at + (n + m) * MINUTE) for n, m in spans)
    )


def counts(case: Case, at: datetime, pauses: tuple[Span, ...], time: str) -> bool:
    """Look at one minute the slow way: is it counted?"""
    if any(paused <= at < resumed for paused, resumed in pauses):
        return False
    return time == "wall" or case.is_open_on_the_wall(at)


@given(cases(), st.data(), st.sampled_from(["business", "wall"]))
def test_due_is_what_a_watch_on_the_wall_says(case: Case, data: st.DataObject, time: str) -> None:
    """Minute by minute: a clock is due when as many minutes were counted as were promised; so is its warning."""
    start = case.at.replace(second=0, microsecond=0)
    pauses = data.draw(pauses_near(start))
    watched = (start + n * MINUTE for n in range(4 * 24 * MINUTES))
    counted = [at for at in watched if counts(case, at, pauses, time)]
    assume(len(counted) > 1)
    within = data.draw(st.integers(2, len(counted)))
    warned = data.draw(st.integers(1, within - 1))
    clock = start_clock(a_promise(within, time, warned), "contact", a_rep(case), start, pauses=pauses)
    assert clock.due_at == counted[within - 1] + MINUTE
    if counted[warned - 1] + MINUTE < clock.due_at:
        assert clock.warnings == (counted[warned - 1] + MINUTE,)


@given(cases(), st.data(), st.integers(0, 3 * 24 * MINUTES))
def test_both_durations_are_what_a_watch_says(case: Case, data: st.DataObject, minutes: int) -> None:
    """Raw is the wall's time without pauses, business the rep's working time without pauses and absences."""
    start = case.at.replace(second=0, microsecond=0)
    pauses = data.draw(pauses_near(start))
    watched = [start + n * MINUTE for n in range(minutes)]
    raw, business = durations(a_rep(case), start, start + minutes * MINUTE, pauses)
    assert raw == 60 * sum(counts(case, at, pauses, "wall") for at in watched)
    assert business == 60 * sum(counts(case, at, pauses, "business") for at in watched)


@given(cases(), st.data(), st.sampled_from(["business", "wall"]), st.integers(0, 5_000), st.integers(0, 600))
def test_a_change_never_makes_running_work_late(
    case: Case, data: st.DataObject, time: str, later_min: int, within: int
) -> None:
    """Whatever changes: later is as reckoned; earlier leaves the grace or the old deadline; done twice is done once."""
    rep = a_rep(case)
    started = case.at
    before = start_clock(a_promise(within + 1, time), "contact", rep, started)
    after = a_promise(data.draw(st.integers(1, 700)), time)
    changed = replace(rep, absences=data.draw(st.sampled_from([(), rep.absences, rep.absences[:1]])))
    pauses = data.draw(pauses_near(started))
    now = started + later_min * MINUTE
    assume(now < before.due_at)
    grace = data.draw(st.integers(0, 7_200))
    earliest = Counted(changed, time == "wall", pauses).after(now, grace)
    reckoned = start_clock(after, "contact", changed, started, pauses=pauses).due_at
    clock, extra = reckon_anew(after, "contact", changed, started, before.due_at, earliest, pauses=pauses)
    assert clock.due_at > now or clock.due_at == reckoned == earliest
    if reckoned >= before.due_at:
        assert (clock.due_at, extra) == (reckoned, 0)
    else:
        assert clock.due_at >= min(before.due_at, earliest)
        assert clock.due_at <= before.due_at
    again, more = reckon_anew(
        after, "contact", changed, started, clock.due_at, earliest, pauses=pauses, extra_s=extra
    )
    assert (again.due_at, more) == (clock.due_at, extra)
    # The grace that was given stays given, however late it is looked at again.
    much_later = reckon_anew(
        after, "contact", changed, started, clock.due_at, clock.due_at + timedelta(days=9), pauses=pauses, extra_s=extra
    )[0]  # fmt: skip
    assert much_later.due_at == clock.due_at


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_settling_keeps_what_was_promised(promised: int, reckoned: int, earliest: int) -> None:
    """A deadline moves later freely, and earlier only as far as is still to be kept."""
    base = datetime(2026, 11, 24, tzinfo=UTC)
    old, new, floor = (base + n * MINUTE for n in (promised, reckoned, earliest))
    came = settle(old, new, floor)
    if new >= old:
        assert came == new
    else:
        assert new <= came <= old
        assert came >= min(old, floor)


@pytest.mark.parametrize(
    "every, within, start, contacted, due",
    [
        ("16h", "40h", "2026-11-24 10:00", "2026-11-24 10:00", "2026-11-25 17:00"),  # nine hours a day
        ("16h", "20h", "2026-11-25 17:00", "2026-11-24 10:00", "2026-11-26 12:00"),  # all of them are due sooner
        (None, "20h", "2026-11-25 17:00", "2026-11-24 10:00", "2026-11-26 12:00"),
        ("16h", "4h", "2026-11-25 17:00", "2026-11-24 10:00", "2026-11-27 15:00"),  # after the end a reminder's own time
    ],
)  # fmt: skip
def test_follow_up_is_due_one_by_one_and_in_all(
    every: str | None, within: str, start: str, contacted: str, due: str
) -> None:
    """The next attempt is due `every` after the last, all of them `within`; a clock never starts overdue."""
    promise: dict[str, Any] = {"attempts": 3, "within": within, "every": every}
    at, first, wanted = (datetime.fromisoformat(text + "+09:00") for text in (start, contacted, due))
    policy = a_policy(follow_up=promise)
    clock = start_clock(policy, "follow_up", a_team().reps["ann"], at, contacted_at=first)
    assert clock.due_at == wanted
    assert clock.due_at > at


def test_a_policy_without_such_a_promise_starts_no_clock() -> None:
    """A clock of a kind that nobody promised is a mistake, not a clock."""
    with pytest.raises(ValueError, match="promises nothing of the kind follow_up"):
        start_clock(a_policy(), "follow_up", a_team().reps["ann"], datetime(2026, 11, 24, tzinfo=UTC))


def test_how_far_absences_put_an_offer_off() -> None:
    """A day away is a day and a night later; nothing is put off when nobody is away, nor by a leave elsewhere."""
    ann = a_team().reps["ann"]
    at = datetime.fromisoformat("2026-11-24T10:00:00+09:00")
    day = timedelta(days=1)
    gone = replace(ann, absences=((at, at + day),))
    assert slip_s(a_policy(), ann, at) == 0
    assert slip_s(a_policy(), replace(ann, absences=((at + 3 * day, at + 4 * day),)), at) == 0
    assert slip_s(a_policy(), gone, at) == day.total_seconds()


def test_no_working_time_left_is_seen() -> None:
    """A leave of years is told apart from a long one, and by the wall there is always time."""
    ann = a_team().reps["ann"]
    at = datetime(2026, 11, 24, tzinfo=UTC)
    for_years = replace(ann, absences=((at, at + timedelta(days=800)),))
    assert not is_endless(a_policy(), ann, at)
    assert is_endless(a_policy(), for_years, at)
    assert not is_endless(a_policy(time="wall"), for_years, at)
    assert slip_s(a_policy(), for_years, at) == math.inf
