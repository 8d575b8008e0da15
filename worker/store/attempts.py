"""How often a stream entry was tried after its first try failed or its worker died: counted before each try."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from worker.store.db import run


def known(connection: Connection, stream_ids: Sequence[str]) -> dict[str, int]:
    """Return the tries of those entries that were tried again before."""
    rows = run(
        connection,
        "SELECT stream_id, tries FROM tasuki.attempt WHERE stream_id = ANY(:ids)",
        ids=list(stream_ids),
    )
    return {row.stream_id: row.tries for row in rows}


def count(connection: Connection, stream_ids: Sequence[str], now: datetime) -> None:
    """Count one more try of each; to be committed before the try."""
    run(
        connection,
        "INSERT INTO tasuki.attempt (stream_id, tries, first_at)"
        " SELECT unnest(cast(:ids AS text[])), 1, :now"
        " ON CONFLICT (stream_id) DO UPDATE SET tries = tasuki.attempt.tries + 1",
        ids=sorted(stream_ids), now=now,
    )  # fmt: skip


def forget(connection: Connection, stream_ids: Sequence[str]) -> None:
    """Forget the tries of entries that came through."""
    run(connection, "DELETE FROM tasuki.attempt WHERE stream_id = ANY(:ids)", ids=list(stream_ids))
