"""Running clocks in rows: what is open, what a change makes of it, pauses and durations; as sets."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.calendars import Span
from worker.store import outbox
from worker.store.db import run
from worker.store.leads import JUDGED
from worker.store.rows import as_json

#: A clock with what handling it needs.
_ROWS: Final = (
    "SELECT c.*, a.rep, a.pool, a.rule, a.strategy, a.sla, a.ready_at, a.had, a.hops, a.rulebook_version,"  # noqa: S608
    f" a.contacted_at, {JUDGED} FROM tasuki.clock c JOIN tasuki.assignment a USING (assignment_id)"
    " JOIN tasuki.lead l ON l.lead_id = c.lead_id WHERE c.clock_id = ANY(:ids) AND c.next_at IS NOT NULL"
)
#: When a clock is next looked at: the end of its pause, the next warning, its end. Rows of the first version
#: know one warning only.
_LOOK_AGAIN: Final = (
    "UPDATE tasuki.clock c SET next_at = coalesce(c.paused_until, least(c.due_at, coalesce("
    "c.warnings[c.warned + 1], CASE WHEN c.warned_at IS NULL THEN c.warn_at END, c.due_at)))"
    " WHERE c.clock_id = ANY(:ids) AND c.next_at IS NOT NULL"
)
_RECORD: Final = (
    "INSERT INTO tasuki.clock_change (clock_id, assignment_id, lead_id, at, why, old_due_at, new_due_at)"
    " SELECT c.clock_id, c.assignment_id, c.lead_id, :now, :why, c.due_at, to_timestamp(r.due / 1000.0)"
    " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, due bigint)"
    " JOIN tasuki.clock c ON c.clock_id = r.id WHERE c.due_at <> to_timestamp(r.due / 1000.0)"
)
_MOVE: Final = (
    "UPDATE tasuki.clock c SET due_at = to_timestamp(r.due / 1000.0), warned = r.warned, extra_s = r.extra,"
    " warnings = r.at, warn_at = r.at[1]"
    " FROM (SELECT m.*, ARRAY(SELECT to_timestamp(cast(w AS bigint) / 1000.0)"
    "  FROM json_array_elements_text(m.warnings) w) AS at FROM json_to_recordset(cast(:rows AS json))"
    "  AS m(id bigint, due bigint, warnings json, warned integer, extra double precision)) AS r"
    " WHERE c.clock_id = r.id"
)


def read(connection: Connection, ids: Sequence[int], *, due: datetime | None = None) -> list[Any]:
    """Lock running clocks whose leads are locked, and return them; only those due by `due` if given."""
    more = "" if due is None else " AND c.next_at <= :due"
    values = {} if due is None else {"due": due}
    return list(
        run(connection, f"{_ROWS}{more} ORDER BY c.clock_id FOR UPDATE OF c, a", ids=list(ids), **values)
    )


def lock_next(connection: Connection, after: int, rep: str | None, limit: int) -> list[Any]:
    """Lock the next running clocks (of one rep, or of all) with their leads; return them by their number."""
    ids = run(
        connection,
        "SELECT c.clock_id FROM tasuki.clock c WHERE c.next_at IS NOT NULL AND c.clock_id > :after"
        " ORDER BY c.clock_id LIMIT :n"
        if rep is None
        else "SELECT c.clock_id FROM tasuki.assignment a JOIN tasuki.clock c USING (assignment_id)"
        " WHERE a.rep = :rep AND a.ended_at IS NULL AND c.next_at IS NOT NULL AND c.clock_id > :after"
        " ORDER BY c.clock_id LIMIT :n",
        after=after, n=limit, **({} if rep is None else {"rep": rep}),
    ).scalars().all()  # fmt: skip
    if not ids:
        return []
    run(
        connection,
        "SELECT 1 FROM tasuki.lead WHERE lead_id IN (SELECT lead_id FROM tasuki.clock WHERE clock_id = ANY(:ids))"
        " ORDER BY lead_id FOR NO KEY UPDATE",
        ids=list(ids),
    )
    return read(connection, ids)


def due_of(connection: Connection, assignment_ids: Sequence[int]) -> dict[tuple[int, str | None], datetime]:
    """Return when the running clocks of assignments run out, by assignment and kind."""
    rows = run(
        connection,
        "SELECT assignment_id, kind, due_at FROM tasuki.clock WHERE assignment_id = ANY(:ids) AND next_at IS NOT NULL",
        ids=list(assignment_ids),
    )
    return {(row.assignment_id, row.kind): row.due_at for row in rows}


def move(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime, why: str) -> None:
    """Give clocks new instants, and put every new deadline on record.

    Args:
        connection: the clocks are locked in it.
        rows: with id, due, warnings (ms), warned, extra; old_due in ms.
        now: when.
        why: what changed.

    """
    if not rows:
        return
    run(connection, _RECORD, rows=as_json(rows), now=now, why=why)
    run(connection, _MOVE, rows=as_json(rows))
    look_again(connection, [row["id"] for row in rows])


def look_again(connection: Connection, ids: Sequence[int]) -> None:
    """Work out anew when running clocks are next looked at."""
    run(connection, _LOOK_AGAIN, ids=list(ids))


def end_promise(connection: Connection, rows: Sequence[Any], now: datetime, why: str) -> None:
    """End clocks whose policy makes no such promise any more: nothing more is owed."""
    ids = [row.clock_id for row in rows]
    run(
        connection,
        "INSERT INTO tasuki.clock_change (clock_id, assignment_id, lead_id, at, why, old_due_at)"
        " SELECT clock_id, assignment_id, lead_id, :now, :why, due_at FROM tasuki.clock WHERE clock_id = ANY(:ids)",
        ids=ids, now=now, why=why,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.clock SET cancelled_at = :now, next_at = NULL, paused_at = NULL, paused_until = NULL"
        " WHERE clock_id = ANY(:ids)",
        ids=ids, now=now,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.assignment SET followed_up_at = :now WHERE assignment_id = ANY(:ids)",
        ids=[row.assignment_id for row in rows], now=now,
    )  # fmt: skip
    outbox.answered(connection, [row.assignment_id for row in rows], sorted({row.kind for row in rows}))


def warn(connection: Connection, warned: dict[int, int], now: datetime) -> None:
    """Note how many of their warnings clocks (clock -> number) have given."""
    run(
        connection,
        "UPDATE tasuki.clock c SET warned_at = :now, warned = r.n"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, n integer) WHERE c.clock_id = r.id",
        rows=as_json([{"id": clock_id, "n": number} for clock_id, number in warned.items()]), now=now,
    )  # fmt: skip
    look_again(connection, list(warned))


def breach(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """End clocks as breached."""
    run(
        connection,
        "UPDATE tasuki.clock SET breached_at = :now, next_at = NULL WHERE clock_id = ANY(:ids)",
        ids=list(ids), now=now,
    )  # fmt: skip


# --- pauses -------------------------------------------------------------------------------------------------------


def pauses(connection: Connection, ids: Iterable[int]) -> dict[int, list[Span]]:
    """Return the spans in which clocks stood or stand still; one that runs ends at its limit."""
    found: dict[int, list[Span]] = {}
    rows = run(
        connection,
        "SELECT clock_id, paused_at, coalesce(resumed_at, until_at) AS until FROM tasuki.clock_pause"
        " WHERE clock_id = ANY(:ids) ORDER BY pause_id",
        ids=list(ids),
    )
    for row in rows:
        found.setdefault(row.clock_id, []).append((row.paused_at, row.until))
    return found


def end_pauses(connection: Connection, ids: Sequence[int]) -> None:
    """End pauses that have reached their limit; the deadline was reckoned with it."""
    run(
        connection,
        "UPDATE tasuki.clock_pause SET resumed_at = until_at WHERE clock_id = ANY(:ids) AND resumed_at IS NULL",
        ids=list(ids),
    )
    run(
        connection,
        "UPDATE tasuki.clock SET paused_at = NULL, paused_until = NULL WHERE clock_id = ANY(:ids)",
        ids=list(ids),
    )
    look_again(connection, ids)


# --- durations ----------------------------------------------------------------------------------------------------


def lock_unmeasured(connection: Connection, limit: int) -> list[Any]:
    """Lock clocks that have ended and whose durations are not known yet."""
    return list(
        run(
            connection,
            "SELECT c.clock_id, c.started_at, coalesce(c.met_at, c.breached_at, c.cancelled_at) AS ended_at, a.rep"
            " FROM tasuki.clock c JOIN tasuki.assignment a USING (assignment_id)"
            " WHERE c.next_at IS NULL AND c.raw_s IS NULL ORDER BY c.clock_id LIMIT :n FOR UPDATE OF c SKIP LOCKED",
            n=limit,
        )
    )


def measured(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store durations, given with id, raw and business; and end the pauses that their clocks ended in."""
    run(
        connection,
        "UPDATE tasuki.clock c SET raw_s = r.raw, business_s = r.business FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, raw double precision, business double precision) WHERE c.clock_id = r.id",
        rows=as_json(rows),
    )
    run(
        connection,
        "UPDATE tasuki.clock_pause p SET resumed_at = least(p.until_at, coalesce(c.met_at, c.breached_at,"
        " c.cancelled_at)) FROM tasuki.clock c WHERE c.clock_id = p.clock_id AND p.resumed_at IS NULL"
        " AND p.clock_id = ANY(:ids)",
        ids=[row["id"] for row in rows],
    )


# --- changes to follow --------------------------------------------------------------------------------------------


def ask(
    connection: Connection,
    why: str,
    now: datetime,
    *,
    rep: str | None = None,
    from_version: int | None = None,
    to_version: int | None = None,
) -> None:
    """Ask, in the transaction of a change, that open clocks be reckoned anew (of one rep, or of all)."""
    run(
        connection,
        "INSERT INTO tasuki.clock_recompute (why, rep, from_version, to_version, asked_at)"
        " VALUES (:why, :rep, :f, :t, :now)",
        why=why, rep=rep, f=from_version, t=to_version, now=now,
    )  # fmt: skip


def asked(connection: Connection) -> str | None:
    """Return what change open clocks have still to follow, the oldest; None when there is none."""
    why: str | None = run(
        connection,
        "SELECT why FROM tasuki.clock_recompute WHERE done_at IS NULL ORDER BY recompute_id LIMIT 1",
    ).scalar()
    return why


def take_asked(connection: Connection) -> Any:
    """Lock the oldest wish that nobody works on; None when there is none.

    `may_begin` is null at the first look; then it tells whether every transaction that was running at that
    first look has ended: one of them may have read what was before the change and start a clock by it.
    """
    return run(
        connection,
        "SELECT *, pg_snapshot_xmin(pg_current_snapshot()) >= begins_after AS may_begin"
        " FROM tasuki.clock_recompute WHERE done_at IS NULL ORDER BY recompute_id LIMIT 1 FOR UPDATE SKIP LOCKED",
    ).one_or_none()


def begin(connection: Connection, recompute_id: int, now: datetime) -> None:
    """Note the transactions that must end before the work begins."""
    run(
        connection,
        "UPDATE tasuki.clock_recompute SET begins_after = pg_snapshot_xmax(pg_current_snapshot()), looked_at = :now"
        " WHERE recompute_id = :i",
        i=recompute_id, now=now,
    )  # fmt: skip


def progress(
    connection: Connection, recompute_id: int, now: datetime, *, reached: int, looked: int, moved: int, done: bool
) -> None:  # fmt: skip
    """Note how far a wish was followed, in the transaction that did it: after a kill it goes on there."""
    run(
        connection,
        "UPDATE tasuki.clock_recompute SET reached = :reached, looked = looked + :looked, moved = moved + :moved,"
        " looked_at = :now, done_at = CASE WHEN :done THEN cast(:now AS timestamptz) END WHERE recompute_id = :i",
        i=recompute_id, reached=reached, looked=looked, moved=moved, now=now, done=done,
    )  # fmt: skip
