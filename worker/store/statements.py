"""What a rep's statement is made of: read only."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.store.db import run


def turns_seen(
    connection: Connection, rep: str, *, pool: str | None, since: datetime | None, limit: int
) -> list[dict[str, Any]]:
    """Return the turns that a rep took, was compared for or was passed over in, the newest first."""
    return [
        dict(row)
        for row in run(
            connection,
            "SELECT t.turn_id, t.at, t.pool, t.kind, t.rep, t.lead_id, t.assignment_id, t.amount, t.makeup, t.why,"
            " a.strategy, a.rule, a.value, coalesce(a.considered, '{}') AS considered,"
            " coalesce(a.skipped, '{}') AS skipped"
            " FROM tasuki.turn t LEFT JOIN tasuki.assignment a USING (assignment_id)"
            " WHERE (t.rep = :rep OR (t.kind = 'taken'"
            "  AND (jsonb_exists(a.skipped, :rep) OR jsonb_exists(a.considered, :rep))))"
            " AND (cast(:pool AS text) IS NULL OR t.pool = :pool)"
            " AND (cast(:since AS timestamptz) IS NULL OR t.at >= :since)"
            " ORDER BY t.turn_id DESC LIMIT :n",
            rep=rep, pool=pool, since=since, n=limit,
        ).mappings()
    ]  # fmt: skip


def accounts_of(
    connection: Connection, rep: str, *, pool: str | None, since: datetime | None
) -> list[dict[str, Any]]:
    """Return, for each pool that a rep took part in, turns taken and due, and what is owed now (in units)."""
    return [
        dict(row)
        for row in run(
            connection,
            "SELECT c.pool, c.credit, c.makeup, c.makeup_until, c.away_since,"
            " count(*) FILTER (WHERE t.kind = 'taken' AND t.rep = :rep) AS taken,"
            " count(*) FILTER (WHERE t.kind = 'returned' AND t.rep = :rep) AS given_back,"
            " count(*) FILTER (WHERE t.kind = 'taken') AS pool_taken,"
            " coalesce(sum(cast(t.shares ->> :rep AS bigint)), 0) AS due,"
            " coalesce(sum(-t.amount) FILTER (WHERE t.rep = :rep AND t.kind IN ('taken', 'returned')), 0) AS had"
            " FROM tasuki.pool_credit c LEFT JOIN tasuki.turn t ON t.pool = c.pool"
            "  AND (cast(:since AS timestamptz) IS NULL OR t.at >= :since)"
            " WHERE c.rep = :rep AND (cast(:pool AS text) IS NULL OR c.pool = :pool)"
            " GROUP BY c.pool, c.credit, c.makeup, c.makeup_until, c.away_since ORDER BY c.pool",
            rep=rep, pool=pool, since=since,
        ).mappings()
    ]  # fmt: skip
