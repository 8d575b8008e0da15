"""The line of a pool: which of its leads are looked at now, and how a row of it reads to the judgement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from schemas.handover import Terms, Waiting
from worker.rulebooks import Loaded
from worker.store.db import run

#: Leads placed in one transaction.
BATCH: Final = 200
#: Leads that wait for room are looked at for each place that is free.
FOR_A_PLACE: Final = 2
#: A lead rises one lane in so much time, so that no lane waits for ever behind a busier one.
_LANE: Final = "least(9, w.priority + floor(extract(epoch FROM :now - w.ready_at) / :rise))"
#: Of leads of one priority (0 to 9, as the table has it) the oldest are in the highest lane, so the first of each priority, which an index has in
#: order, are enough to choose from: however long the line is, a set of it costs the same. Twice as many as are
#: taken are chosen, for those that somebody else works on.
_TAKE: Final = (
    f"SELECT c.lead_id, c.lane, c.ready_at FROM (SELECT w.lead_id, {_LANE} AS lane, w.ready_at"  # noqa: S608
    "  FROM generate_series(0, 9) AS of(priority) CROSS JOIN LATERAL (SELECT w.* FROM tasuki.waiting w"
    "   WHERE w.pool = :p AND w.priority = of.priority AND {which} ORDER BY w.ready_at, w.lead_id LIMIT 2 * :n) AS w"
    "  ORDER BY lane DESC, w.ready_at, w.lead_id LIMIT 2 * :n) AS c JOIN tasuki.lead l USING (lead_id)"
    " ORDER BY c.lane DESC, c.ready_at, c.lead_id LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED"
)
#: A row of the line (`w`) with its lead (`l`). Who declined the person declined every lead that was merged,
#: and who accepted one of them had the person before.
ROW: Final = (
    "w.*, l.state, l.rule AS ready_rule, l.fit_grade, l.engagement, l.buying_stage, l.persona,"
    " ARRAY(SELECT a.rep FROM tasuki.assignment a WHERE a.lead_id IN (SELECT tasuki.one_person(w.lead_id))"
    "       AND a.end_reason = 'declined') AS declined_by,"
    " CASE WHEN w.strategy = 'owner' AND w.owner IS NULL THEN (SELECT a.rep FROM tasuki.assignment a"
    "       WHERE a.lead_id IN (SELECT tasuki.one_person(w.lead_id)) AND a.accepted_at IS NOT NULL"
    "       ORDER BY a.assignment_id DESC LIMIT 1) END AS former_owner"
)


def holds(connection: Connection, pool: str, now: datetime) -> tuple[bool, bool]:
    """Tell whether a lead of the line is due, and whether one waits for room."""
    due, full = run(
        connection,
        "SELECT EXISTS (SELECT 1 FROM tasuki.waiting WHERE pool = :p AND look_again_at <= :now),"
        " EXISTS (SELECT 1 FROM tasuki.waiting WHERE pool = :p AND reason = 'full')",
        p=pool, now=now,
    ).one()  # fmt: skip
    return bool(due), bool(full)


def take(
    connection: Connection, pool: str, loaded: Loaded, now: datetime, *, free: Sequence[str], places: int
) -> tuple[list[Any], bool]:
    """Lock the leads that are looked at now, the highest lane first and in a lane the oldest, and read them.

    Those are the leads that are due and, where somebody has room, the first who wait for room: a place goes to
    who waited for it, and not to who came last. Leads that somebody else works on are skipped.

    Args:
        connection: holds the pool's lock.
        pool: whose line.
        loaded: the rulebook in force.
        now: business time.
        free: reps of the pool who are at work and have room.
        places: how many leads they have room for.

    Returns:
        The rows, and whether more may be due.

    """
    rise = loaded.book.source.routing.rise_after
    wanted = {"p": pool, "now": now, "rise": rise}
    due = run(connection, _TAKE.format(which="w.look_again_at <= :now"), n=BATCH, **wanted).all()
    full = (
        run(
            connection,
            _TAKE.format(
                which="w.reason = 'full' AND w.look_again_at > :now AND EXISTS"
                " (SELECT 1 FROM unnest(cast(:free AS text[])) AS f WHERE f <> ALL (w.had))"
            ),
            n=min(FOR_A_PLACE * places, BATCH), free=list(free), **wanted,
        ).all()
        if free
        else []
    )  # fmt: skip
    ids = [
        row.lead_id for row in sorted([*due, *full], key=lambda row: (-row.lane, row.ready_at, row.lead_id))
    ]
    return _read(connection, pool, ids), len(due) == BATCH


def _read(connection: Connection, pool: str, ids: Sequence[int]) -> list[Any]:
    if not ids:
        return []
    rows = run(
        connection,
        f"SELECT {ROW} FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id)"  # noqa: S608 - a constant
        " WHERE w.lead_id = ANY(:ids) AND w.pool = :p FOR UPDATE OF w",
        ids=list(ids), p=pool,
    )  # fmt: skip
    place_of = {lead_id: place for place, lead_id in enumerate(ids)}
    return sorted(rows, key=lambda row: place_of[row.lead_id])


def waiting_of(row: Any, reps: set[str]) -> Waiting:
    """Return a row of the line as the judgement reads it; an owner whom nobody locked is none."""
    terms = msgspec.convert(row.terms, Terms)
    owner = row.owner or (row.former_owner if terms.former else None)
    return Waiting(
        row.lead_id, row.pool, row.rule, row.strategy, row.sla, owner if owner in reps else None,
        frozenset([*row.had, *row.declined_by]), row.hops, terms, row.points, row.persona, row.claim_until,
    )  # fmt: skip
