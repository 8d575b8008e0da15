"""Pauses: a clock stands still for a reason of sla.yaml, and goes on by itself when the reason's time is used up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from routing_rules.counted import counted
from schemas.errors import Refused
from worker.acting import lock_live
from worker.clocks import follow
from worker.rulebooks import Loaded
from worker.store import clocks
from worker.store.db import run
from worker.zone import local_day_time


@dataclass(frozen=True, slots=True)
class Paused:
    """A clock that was paused or resumed."""

    assignment_id: int
    kind: str
    due_at: datetime
    #: When it goes on by itself; None when it runs.
    until: datetime | None = None


def pause(
    connection: Connection, assignment_id: int, reason: str, loaded: Loaded, now: datetime, *, by: str,
    until: datetime | None = None, rep: str | None = None, note: str | None = None,
) -> Paused:  # fmt: skip
    """Let the running clock of an assignment stand still until `until`, at most as long as the reason has left.

    Raises:
        Overtaken: the assignment has ended.
        Refused: the reason is none, not for this clock or used up; or no clock runs, or it stands still already.

    """
    row = _running(connection, assignment_id, rep, loaded, now)
    known = loaded.book.pauses
    if reason not in known:
        told = ", ".join(known) or "none: sla.yaml lists no `pauses`"
        raise Refused(f"no pause is called {reason}; there are {told}")
    chosen = known[reason]
    if row.kind not in chosen.clocks:
        raise Refused(f"{reason} does not pause the {row.kind} clock, only {', '.join(chosen.clocks)}")
    if row.paused_at is not None:
        raise Refused(f"the {row.kind} clock stands still already, until {local_day_time(row.paused_until)}")
    if row.due_at <= now:
        raise Refused(
            f"the {row.kind} clock ran out at {local_day_time(row.due_at)}; it is too late to pause"
        )
    latest = now + timedelta(seconds=chosen.at_most) - _used(connection, row.clock_id, reason)
    if latest <= now:
        raise Refused(
            f"{reason} is used up on this clock: at most {counted(chosen.at_most // 3600, 'hour')} in all"
        )
    until = until or latest
    if not now < until <= latest:
        raise Refused(f"a pause for {reason} ends after now, and by {local_day_time(latest)}")
    run(
        connection,
        "INSERT INTO tasuki.clock_pause (clock_id, reason, note, paused_by, paused_at, until_at)"
        " VALUES (:c, :reason, :note, :by, :now, :until)",
        c=row.clock_id, reason=reason, note=note, by=by, now=now, until=until,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.clock SET paused_at = :now, paused_until = :until WHERE clock_id = :c",
        c=row.clock_id, now=now, until=until,
    )  # fmt: skip
    return _anew(connection, row, loaded, now, f"paused: {reason}", until)


def resume(
    connection: Connection, assignment_id: int, loaded: Loaded, now: datetime, *, rep: str | None = None
) -> Paused:
    """Let a paused clock go on now.

    Raises:
        Overtaken: the assignment has ended.
        Refused: its clock does not stand still.

    """
    row = _running(connection, assignment_id, rep, loaded, now)
    if row.paused_at is None:
        raise Refused(f"the {row.kind} clock of assignment {assignment_id} runs; there is nothing to resume")
    run(
        connection,
        "UPDATE tasuki.clock_pause SET resumed_at = least(until_at, :now) WHERE clock_id = :c AND resumed_at IS NULL",
        c=row.clock_id, now=now,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.clock SET paused_at = NULL, paused_until = NULL WHERE clock_id = :c", c=row.clock_id,
    )  # fmt: skip
    return _anew(connection, row, loaded, now, "resumed", None)


def _running(
    connection: Connection, assignment_id: int, rep: str | None, loaded: Loaded, now: datetime
) -> Any:
    held = lock_live(connection, assignment_id, rep)
    ids = run(
        connection,
        "SELECT clock_id FROM tasuki.clock WHERE assignment_id = :a AND next_at IS NOT NULL", a=assignment_id,
    ).scalars().all()  # fmt: skip
    rows = clocks.read(connection, ids)
    if not rows:
        raise Refused(f"no clock of assignment {assignment_id} runs")
    if held.rep not in loaded.team.reps:
        raise Refused(f"{held.rep} is in the rulebook no more: nobody's time can be counted")
    why = clocks.asked(connection)
    if why is None:
        return rows[0]
    # What the rep asks for has no grace: a change that is still to be followed is followed first, with its own.
    follow(connection, rows, loaded, now, why)
    rows = clocks.read(connection, ids)
    if not rows:
        raise Refused(f"no clock of assignment {assignment_id} runs any more: {why}")
    return rows[0]


def _used(connection: Connection, clock_id: int, reason: str) -> timedelta:
    used: timedelta = run(
        connection,
        "SELECT coalesce(sum(resumed_at - paused_at), interval '0') FROM tasuki.clock_pause"
        " WHERE clock_id = :c AND reason = :reason",
        c=clock_id, reason=reason,
    ).scalar()  # fmt: skip
    return used


def _anew(
    connection: Connection, row: Any, loaded: Loaded, now: datetime, why: str, until: datetime | None
) -> Paused:
    """Move the deadline by the pause, as the rep asked for it: there is nothing to tell, and no grace."""
    follow(connection, clocks.read(connection, [row.clock_id]), loaded, now, why, grace_s=0, asked=True)
    clocks.look_again(connection, [row.clock_id])
    left = clocks.read(connection, [row.clock_id])
    if not left:
        raise Refused(f"the rulebook makes no {row.kind} promise any more: nothing is owed, and nothing runs")
    return Paused(row.assignment_id, row.kind, left[0].due_at, until)
