"""The clocks of a promise: when to warn and when it is due, in the rep's business time or by the wall."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from routing_rules.calendars import NeverOpens, add_business
from routing_rules.roster import Rep
from schemas.rulebook.sla import Promise, SlaPolicy

ClockKind = Literal["accept", "contact"]


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """One clock to start."""

    kind: ClockKind
    policy: str
    warn_at: datetime | None
    due_at: datetime


def start_clock(policy: SlaPolicy, kind: ClockKind, rep: Rep, at: datetime) -> ClockSpec:
    """Return the clock of `kind` that starts for `rep` at `at`."""
    promise: Promise = policy.accept if kind == "accept" else policy.contact

    def after(seconds: int) -> datetime:
        if policy.time == "wall":
            return at + timedelta(seconds=seconds)
        try:
            return add_business(rep.calendar, at, seconds, rep.absences)
        except NeverOpens:  # a leave of a year and more: the promise must still end some day
            return at + timedelta(seconds=seconds)

    warn_at = None if promise.warn_after is None else after(promise.warn_after)
    return ClockSpec(kind, policy.id, warn_at, after(promise.within))
