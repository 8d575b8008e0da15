"""Locks that a hand-over or a change to a whole line takes before its rows: pools, reps, and the leads of lines.

The order of all locks stands in docs/how-it-works.md: pool, rep, lead by its number, then waiting, assignment, clock.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from worker.store.db import run


def lock_line(connection: Connection, pools: Sequence[str], owner: str | None = None) -> list[int]:
    """Lock the leads in the lines of pools, and those that wait for an owner, by their number; return them.

    Who changes many places in lines does so under these locks: it would wait in a circle with whoever has a lead
    and takes it out of its line.
    """
    return list(
        run(
            connection,
            "SELECT lead_id FROM tasuki.lead WHERE lead_id IN (SELECT lead_id FROM tasuki.waiting"
            "  WHERE pool = ANY(:pools) OR owner = :owner) ORDER BY lead_id FOR NO KEY UPDATE",
            pools=list(pools), owner=owner,
        ).scalars()
    )  # fmt: skip


def lock_pool(connection: Connection, pool: str, reps: Iterable[str]) -> None:
    """Make this the only hand-over for the pool, and for its reps in any pool, until the commit."""
    run(connection, "INSERT INTO tasuki.pool (pool_id) VALUES (:p) ON CONFLICT DO NOTHING", p=pool)
    run(connection, "SELECT 1 FROM tasuki.pool WHERE pool_id = :p FOR UPDATE", p=pool)
    lock_reps(connection, reps)


def lock_reps(connection: Connection, reps: Iterable[str]) -> None:
    """Let nobody else offer to these reps until the commit."""
    run(
        connection,
        "SELECT pg_advisory_xact_lock(7254191, hashtext(r)) FROM"
        " (SELECT r FROM unnest(cast(:reps AS text[])) AS r ORDER BY hashtext(r), r OFFSET 0) AS o",
        reps=sorted(set(reps)),
    )


def try_lock_rep(connection: Connection, rep: str) -> bool:
    """Lock one more rep, out of the order of locks and so without waiting; tell whether it could be done."""
    return bool(
        run(connection, "SELECT pg_try_advisory_xact_lock(7254191, hashtext(:rep))", rep=rep).scalar()
    )
