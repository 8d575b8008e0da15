"""How far each backfill has come: one row for each file and way of reading it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.store.db import run


def begin(
    connection: Connection, *, file: str, digest: str, source: str, read_as: str, hand_over: bool, now: datetime
) -> Any:  # fmt: skip
    """Return the row of a backfill, made if there is none; it is the same for whoever reads the same again."""
    run(
        connection,
        "INSERT INTO tasuki.backfill (file, digest, source, read_as, hand_over, started_at, seen_at)"
        " VALUES (:file, :digest, :source, :read_as, :hand_over, :now, :now)"
        " ON CONFLICT (digest, source, read_as) DO UPDATE SET seen_at = excluded.seen_at",
        file=file, digest=digest, source=source, read_as=read_as, hand_over=hand_over, now=now,
    )  # fmt: skip
    return run(
        connection,
        "SELECT * FROM tasuki.backfill WHERE digest = :digest AND source = :source AND read_as = :read_as",
        digest=digest, source=source, read_as=read_as,
    ).one()  # fmt: skip


def read(connection: Connection, backfill_id: int) -> Any:
    """Return the row of a backfill."""
    return run(connection, "SELECT * FROM tasuki.backfill WHERE backfill_id = :id", id=backfill_id).one()


def advance(connection: Connection, backfill_id: int, came_from: int, rows: int, now: datetime, **counts: int) -> bool:  # fmt: skip
    """Move a backfill on in the transaction that judged the rows; False when another one moved it.

    Args:
        connection: the batch's own transaction.
        backfill_id: which.
        came_from: how many rows were done before, as this one knows it.
        rows: how many are done now.
        now: when.
        counts: events, applied, repeats and refused of these rows.

    """
    result = run(
        connection,
        "UPDATE tasuki.backfill SET rows_done = rows_done + :rows, seen_at = :now, events = events + :events,"
        " applied = applied + :applied, repeats = repeats + :repeats, refused = refused + :refused"
        " WHERE backfill_id = :id AND rows_done = :came_from",
        id=backfill_id, came_from=came_from, rows=rows, now=now, **counts,
    )  # fmt: skip
    return int(result.rowcount) == 1


def finish(connection: Connection, backfill_id: int, now: datetime) -> Any:
    """Note that a backfill came to its end, and return its row."""
    run(
        connection,
        "UPDATE tasuki.backfill SET finished_at = coalesce(finished_at, :now) WHERE backfill_id = :id",
        id=backfill_id, now=now,
    )  # fmt: skip
    return read(connection, backfill_id)


def listed(connection: Connection, limit: int = 50) -> list[Any]:
    """Return backfills, the newest first."""
    return list(
        run(
            connection,
            "SELECT file, source, started_at, finished_at, rows_done, applied, repeats, refused, hand_over"
            " FROM tasuki.backfill ORDER BY backfill_id DESC LIMIT :n",
            n=limit,
        )
    )


_HELD = "history_until IS NOT NULL AND merged_into IS NULL AND lifecycle_stage IN ('inquiry', 'nurture')"


def held(connection: Connection, at_most: int) -> list[int]:
    """Return leads that are known from history only, the best ones first."""
    return list(
        run(
            connection,
            f"SELECT lead_id FROM tasuki.lead WHERE {_HELD}"  # noqa: S608 - a constant
            " ORDER BY fit_grade, engagement DESC, lead_id LIMIT :n",
            n=at_most,
        ).scalars()
    )


def lock_held(connection: Connection, lead_ids: Sequence[int]) -> list[int]:
    """Lock those of the leads that are still known from history only, in the order of all locks, and return them."""
    return list(
        run(
            connection,
            f"SELECT lead_id FROM tasuki.lead WHERE lead_id = ANY(:ids) AND {_HELD}"  # noqa: S608 - a constant
            " ORDER BY lead_id FOR NO KEY UPDATE",
            ids=list(lead_ids),
        ).scalars()
    )
