"""Open clocks follow what changes: a calendar, an absence, a policy. And ended clocks are measured.

A change and the wish to follow it (`tasuki.clock_recompute`) are written in one transaction. Every sweep works
such wishes off, a set of clocks in a transaction, with the progress in the same row: a killed worker's wish goes
on where it was, and two workers never follow the same one at once. A sweep that finds a deadline passed while a
wish is open reckons it anew first, so no clock is breached by hours that are no longer true.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.managers import takes_over
from routing_rules.roster import Rep
from routing_rules.sla import Counted, durations, is_endless, reckon_anew, slip_s
from schemas.rulebook.sla import SlaPolicy
from worker import rulebooks
from worker.giving_back import line_row
from worker.logs import get_logger
from worker.notices.compose import Occasion
from worker.notices.telling import tell
from worker.presence import team_now
from worker.rulebooks import Loaded, policy_of, pool_of
from worker.store import assignments, crm, outbox
from worker.store import clocks as rows_of
from worker.store.db import run
from worker.store.rows import as_json, ms

log = get_logger()

#: Clocks handled in one transaction.
BATCH: Final = 500


@dataclass(slots=True)
class Followed:
    """What following a change came to."""

    looked: int = 0
    moved: int = 0
    #: Pools whose leads went back into the line: their rep is away for too long.
    pools: set[str] = field(default_factory=set)
    #: Whether there is more to do at once.
    more: bool = False


def follow_changes(connection: Connection, loaded: Loaded, now: datetime) -> Followed:
    """Work off a part of the oldest wish to reckon open clocks anew."""
    wish = rows_of.take_asked(connection)
    if wish is None:
        return Followed()
    if wish.may_begin is None:
        rows_of.begin(connection, wish.recompute_id, now)
        return Followed(more=True)
    if not wish.may_begin:
        return Followed()
    found: list[Any] = []
    if _concerns_clocks(wish):
        found = rows_of.lock_next(connection, wish.reached, wish.rep, BATCH)
    done = follow(connection, found, loaded, now, wish.why)
    done.more = True  # the next look finds the rest, or the next wish
    rows_of.progress(
        connection, wish.recompute_id, now, reached=found[-1].clock_id if found else wish.reached,
        looked=done.looked, moved=done.moved, done=len(found) < BATCH,
    )  # fmt: skip
    return done


def _concerns_clocks(wish: Any) -> bool:
    """Tell whether a publish changed the team or the promises; most do not."""
    if wish.to_version is None or wish.from_version is None:
        return True
    before, after = (rulebooks.load(version).book.source for version in (wish.from_version, wish.to_version))
    fallbacks = before.routing.otherwise.sla, after.routing.otherwise.sla
    return (
        before.team != after.team
        or before.sla.policies != after.sla.policies
        or fallbacks[0] != fallbacks[1]  # what follows for clocks whose own policy is gone
    )


def follow(
    connection: Connection, rows: Sequence[Any], loaded: Loaded, now: datetime, why: str, *,
    grace_s: int | None = None, asked: bool = False,
) -> Followed:  # fmt: skip
    """Reckon locked running clocks anew, each from its start; move those that come out otherwise.

    Later as reckoned. Earlier only so far that the rulebook's `grace` (or `grace_s`) is left from now on, and the
    rep is told. An offer that the rep's absences would put off by more than `slip_at_most` goes to a colleague
    instead. Where the rep `asked` for the change there is nothing to tell, and the lead stays.
    """
    result = Followed(looked=len(rows))
    if not rows:
        return result
    team = team_now(connection, loaded, now, since=min(row.started_at for row in rows))
    pauses = rows_of.pauses(connection, [row.clock_id for row in rows])
    grace = loaded.book.source.sla.grace if grace_s is None else grace_s
    moved: list[dict[str, Any]] = []
    slipped: list[Any] = []
    no_more: list[Any] = []
    messages: list[dict[str, Any]] = []
    new_due: list[int] = []
    for row in rows:
        rep = team.reps.get(row.rep)
        if rep is None:
            continue
        policy = policy_of(row.policy, loaded)
        if policy.promise(row.kind) is None:
            no_more.append(row)
            continue
        stood = pauses.get(row.clock_id, [])
        change = _change(row, policy, rep, stood, now, grace)
        later = change is not None and change["due"] > ms(row.due_at)
        may_move = row.strategy != "escalation" or takes_over(row.rep, pool_of(row.pool, loaded), team, now)
        if (
            not asked
            and may_move
            and (later or is_endless(policy, rep, now))
            and _slips(row, policy, rep, stood)
        ):
            slipped.append(row)
            continue
        if change is None:
            continue
        if not asked and change["due"] < ms(row.due_at):
            messages += _tell_earlier(row, rep, change["at"], why, loaded, now)
        moved.append(change)
        if change["due"] != ms(row.due_at):
            new_due.append(row.lead_id)
    rows_of.move(connection, [{k: v for k, v in one.items() if k != "at"} for one in moved], now, why)
    _stop_warnings(connection, rows, moved)
    if no_more:
        rows_of.end_promise(connection, no_more, now, why)
    if slipped:
        pass_on(connection, [(row, "rep_away", row.hops) for row in slipped], now)
        result.pools = {row.pool for row in slipped}
    outbox.add(connection, messages, now)
    crm.mark(connection, [*new_due, *(row.lead_id for row in no_more)], now)
    result.moved = len(moved) + len(slipped) + len(no_more)
    return result


def _change(
    row: Any, policy: SlaPolicy, rep: Rep, pauses: list[Any], now: datetime, grace_s: int
) -> dict[str, Any] | None:
    """Return what a clock becomes, or None when it stays as it is."""
    counted = Counted(rep, policy.time == "wall", tuple(pauses))
    clock, extra_s = reckon_anew(
        policy, row.kind, rep, row.started_at, row.due_at, counted.after(now, grace_s),
        contacted_at=row.contacted_at, pauses=pauses, extra_s=row.extra_s,
    )  # fmt: skip
    warnings = [ms(at) for at in clock.warnings]
    before = row.warnings or ([row.warn_at] if row.warn_at is not None else [])
    if ms(clock.due_at) == ms(row.due_at) and warnings == [ms(at) for at in before]:
        return None
    return {
        "id": row.clock_id, "due": ms(clock.due_at), "warnings": warnings, "extra": extra_s,
        "warned": min(_given(row), sum(at <= now for at in clock.warnings)), "at": clock.due_at,
    }  # fmt: skip


def _stop_warnings(connection: Connection, rows: Sequence[Any], moved: Sequence[dict[str, Any]]) -> None:
    """Stop warnings that wait to be told of clocks that warn of their new deadlines again."""
    warned = {one["id"]: one["warned"] for one in moved}
    again = [row for row in rows if warned.get(row.clock_id, _given(row)) < _given(row)]
    if again:
        outbox.warned_too_early(
            connection, [row.assignment_id for row in again], sorted({row.kind for row in again})
        )


def _given(row: Any) -> int:
    """Return how many of its warnings a clock has given."""
    return max(int(row.warned), int(row.warned_at is not None))


def _slips(row: Any, policy: SlaPolicy, rep: Rep, pauses: list[Any]) -> bool:
    return row.kind == "accept" and slip_s(policy, rep, row.started_at, pauses) > policy.accept.slip_at_most


def pass_on(connection: Connection, moves: Sequence[tuple[Any, str, int]], now: datetime) -> None:
    """End assignments (row, reason, hops from now on) and put the leads back into the line, at its head."""
    assignments.end_for_leads(connection, [(row.lead_id, reason) for row, reason, _ in moves], now)
    lines = [line_row(row, reason, hops=hops) for row, reason, hops in moves]
    assignments.back_in_line(connection, lines, now)
    run(
        connection,
        "UPDATE tasuki.lead l SET lifecycle_stage = 'mql', updated_at = :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint) WHERE l.lead_id = r.id",
        rows=as_json([{"id": row.lead_id} for row, _, _ in moves]), now=now,
    )  # fmt: skip


def _tell_earlier(
    row: Any, rep: Rep, due_at: datetime, why: str, loaded: Loaded, now: datetime
) -> list[dict[str, Any]]:
    step = f"{row.clock_id}.{ms(due_at)}.{ms(now)}"  # the same deadline may come back more than once
    what = Occasion("moved", row.policy, row.kind, why, due_at, step=step)
    return tell(what, rep, row, loaded, now)


def measure_ended(connection: Connection, loaded: Loaded, now: datetime) -> int:
    """Store how long clocks ran that have ended: by the wall and in the rep's working time, without pauses.

    Return how many; `BATCH` means that there may be more. A rep who is in the rulebook no more has no working
    time: only the wall's is stored.
    """
    rows = rows_of.lock_unmeasured(connection, BATCH)
    if not rows:
        return 0
    team = team_now(connection, loaded, now, since=min(row.started_at for row in rows))
    pauses = rows_of.pauses(connection, [row.clock_id for row in rows])
    measured = []
    for row in rows:
        rep = team.reps.get(row.rep)
        spans = pauses.get(row.clock_id, [])
        raw, business = durations(rep, row.started_at, row.ended_at, spans)
        measured.append({"id": row.clock_id, "raw": raw, "business": business})
    rows_of.measured(connection, measured)
    return len(rows)
