"""The clocks of a promise: when to warn and when it is due, in the rep's business time or by the wall.

A deadline is always reckoned from the start of its clock, with all pauses and absences that are known: so a
calendar, an absence or a policy that changes later gives the deadline that would have been, and reckoning
twice gives the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from routing_rules.calendars import NeverOpens, Span, add_business, business_between
from routing_rules.roster import Rep
from schemas.rulebook.sla import ClockKind, FollowUp, Promise, SlaPolicy

__all__ = [
    "ClockKind", "ClockSpec", "Counted", "durations", "is_endless", "reckon_anew", "settle", "slip_s",
    "start_clock",
]  # fmt: skip

#: Deadlines are stored to the millisecond; what differs by less is the same.
_SAME = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """One clock to start."""

    kind: ClockKind
    policy: str
    #: The instants of the warnings, in order, all before `due_at`.
    warnings: tuple[datetime, ...]
    due_at: datetime
    #: How often the rep was reminded already: each reminder ends a clock and starts the next.
    round: int = 0

    @property
    def warn_at(self) -> datetime | None:
        """The first warning."""
        return self.warnings[0] if self.warnings else None


@dataclass(frozen=True, slots=True)
class Counted:
    """The time that counts for a rep under a policy: its working time or the wall's, without pauses."""

    rep: Rep
    by_wall: bool
    pauses: tuple[Span, ...] = ()

    def after(self, at: datetime, seconds: float) -> datetime:
        """Return when `seconds` of counted time have passed since `at`.

        Where no working time is left to count in (a leave of a year and more), the wall's time counts: a
        promise must end some day.
        """
        if not self.by_wall:
            try:
                return add_business(self.rep.calendar, at, seconds, self.rep.absences + self.pauses)
            except NeverOpens:
                pass
        return _add_wall(at, seconds, self.pauses)

    def between(self, start: datetime, end: datetime) -> float:
        """Return the seconds of counted time from `start` to `end`; 0 when `end` is the earlier one."""
        if end <= start:
            return 0.0
        if self.by_wall:
            return _wall_between(start, end, self.pauses)
        return business_between(self.rep.calendar, start, end, self.rep.absences + self.pauses)


def start_clock(
    policy: SlaPolicy,
    kind: ClockKind,
    rep: Rep,
    at: datetime,
    *,
    contacted_at: datetime | None = None,
    pauses: Sequence[Span] = (),
    extra_s: float = 0.0,
) -> ClockSpec:
    """Return the clock of `kind` that starts, or started, for `rep` at `at`.

    Args:
        policy: what is promised; it makes a promise of this kind.
        kind: which clock.
        rep: whose working time and absences count.
        at: the start.
        contacted_at: for `follow_up`, when first contact was made; `at` if not given.
        pauses: spans in which this clock stands still.
        extra_s: seconds of counted time granted on top, so that no change made the clock late.

    """
    promise = policy.promise(kind)
    if promise is None:
        raise ValueError(f"policy {policy.id} promises nothing of the kind {kind}")
    counted = Counted(rep, policy.time == "wall", tuple(pauses))
    due = _due(promise, counted, at, contacted_at or at, extra_s)
    warnings = tuple(
        when for seconds in promise.warnings if (when := counted.after(at, seconds + extra_s)) < due
    )
    return ClockSpec(kind, policy.id, warnings, due)


def _due(
    promise: Promise, counted: Counted, at: datetime, contacted_at: datetime, extra_s: float
) -> datetime:
    """Return when a promise is due; of a follow-up the next attempt, or the end of all if that is sooner."""
    if not isinstance(promise, FollowUp):
        return counted.after(at, promise.within + extra_s)
    next_one = counted.after(at, (promise.every or promise.within) + extra_s)
    all_of_them = counted.after(contacted_at, promise.within + extra_s)
    return min(next_one, all_of_them) if all_of_them > at else next_one


def is_endless(policy: SlaPolicy, rep: Rep, at: datetime) -> bool:
    """Tell whether the wall's time counts for want of working time within the horizon."""
    if policy.time == "wall":
        return False
    try:
        add_business(rep.calendar, at, 0, rep.absences)
    except NeverOpens:
        return True
    return False


def settle(promised: datetime, reckoned: datetime, earliest: datetime) -> datetime:
    """Return the deadline after a change: later as reckoned; earlier, but not before `earliest`.

    What was promised is never overtaken by the guard itself: a deadline that lies before `earliest` anyway
    stays where it is. So no change makes running work late.
    """
    if reckoned >= promised:
        return reckoned
    return max(reckoned, min(promised, earliest))


def reckon_anew(
    policy: SlaPolicy,
    kind: ClockKind,
    rep: Rep,
    started_at: datetime,
    promised: datetime,
    earliest: datetime,
    *,
    contacted_at: datetime | None = None,
    pauses: Sequence[Span] = (),
    extra_s: float = 0.0,
) -> tuple[ClockSpec, float]:
    """Return a running clock after a change, and the counted seconds granted on top from now on.

    Args:
        policy: as it is now.
        kind: which clock.
        rep: with the calendar and absences as they are now.
        started_at: when it started.
        promised: the deadline until now.
        earliest: a deadline that comes earlier comes no earlier than this; see `settle`.
        contacted_at: for `follow_up`, when first contact was made.
        pauses: spans in which it stands still.
        extra_s: what was granted before.

    """

    def start(extra: float) -> ClockSpec:
        return start_clock(
            policy, kind, rep, started_at, contacted_at=contacted_at, pauses=pauses, extra_s=extra
        )

    clock = start(extra_s)
    if clock.due_at >= promised:
        return clock, extra_s
    counted = Counted(rep, policy.time == "wall", tuple(pauses))
    if promised - clock.due_at < _SAME or counted.between(clock.due_at, promised) == 0:
        return replace(clock, due_at=promised), extra_s
    due = settle(promised, clock.due_at, earliest)
    if due == clock.due_at:
        return clock, extra_s
    extra_s += counted.between(clock.due_at, due)
    return replace(start(extra_s), due_at=due), extra_s


def slip_s(policy: SlaPolicy, rep: Rep, offered_at: datetime, pauses: Sequence[Span] = ()) -> float:
    """Return by how many seconds of the wall the rep's absences put off the deadline of an offer.

    Infinity when the rep is not back within the horizon, and the wall's time counts instead.
    """
    if not rep.absences:
        return 0.0
    if is_endless(policy, rep, offered_at):
        return math.inf
    with_them = start_clock(policy, "accept", rep, offered_at, pauses=pauses)
    without = start_clock(policy, "accept", replace(rep, absences=()), offered_at, pauses=pauses)
    return (with_them.due_at - without.due_at).total_seconds()


def durations(
    rep: Rep | None, start: datetime, end: datetime, pauses: Sequence[Span] = ()
) -> tuple[float, float | None]:
    """Return the seconds from `start` to `end` by the wall and in the rep's working time, both without pauses.

    Of a rep who is not known the second is None.
    """
    if end <= start:
        return 0.0, None if rep is None else 0.0
    raw = _wall_between(start, end, pauses)
    if rep is None:
        return raw, None
    return raw, business_between(rep.calendar, start, end, (*rep.absences, *pauses))


def _add_wall(at: datetime, seconds: float, pauses: Sequence[Span]) -> datetime:
    due = at.astimezone(UTC) + timedelta(seconds=seconds)
    for paused, resumed in sorted(pauses):
        if paused >= due:
            break
        due += max(resumed - max(paused, at), timedelta())
        at = max(at, resumed)
    return due


def _wall_between(start: datetime, end: datetime, pauses: Sequence[Span]) -> float:
    total = end - start
    reached = start
    for paused, resumed in sorted(pauses):
        still = min(resumed, end) - max(paused, reached)
        if still > timedelta():
            total -= still
            reached = min(resumed, end)
    return total.total_seconds()
