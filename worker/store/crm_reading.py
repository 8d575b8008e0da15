"""What the commands show of the CRM: read only."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.settings import settings
from worker.store.db import run


def fare(connection: Connection, name: str, now: datetime) -> dict[str, Any]:
    """Return how a connection fares: its breaker, its budget, and how much waits."""
    row = run(
        connection,
        "SELECT count(*) FILTER (WHERE status = 'pending') AS waiting,"
        " count(*) FILTER (WHERE status = 'pending' AND last_error IS NOT NULL) AS failing,"
        " count(*) FILTER (WHERE status = 'refused') AS refused,"
        " count(*) FILTER (WHERE status = 'written') AS written,"
        " count(*) FILTER (WHERE status = 'written' AND note IS NOT NULL) AS in_part,"
        " min(wanted_at) FILTER (WHERE status = 'pending') AS oldest FROM tasuki.crm_push WHERE connection = :c",
        c=name,
    ).one()  # fmt: skip
    state = run(
        connection,
        "SELECT failures, open_until, last_error, last_ok_at, calls_left, pulled_at,"
        " CASE WHEN day = cast(clock_timestamp() AT TIME ZONE 'UTC' AS date) THEN calls_today ELSE 0 END AS calls_today"
        " FROM tasuki.crm_connection WHERE connection = :c",
        c=name,
    ).one_or_none()  # fmt: skip
    is_open = state is not None and state.open_until is not None and state.open_until > now
    breaker = "open" if is_open else "trying" if state is not None and state.failures else "closed"
    return {
        "waiting": row.waiting,
        "oldest": row.oldest,
        "failing": row.failing,
        "refused": row.refused,
        "written": row.written,
        "written_in_part": row.in_part,
        "breaker": breaker,
        "open_until": state.open_until if is_open and state is not None else None,
        "last_error": state.last_error if state is not None else None,
        "last_ok_at": state.last_ok_at if state is not None else None,
        "calls_today": state.calls_today if state is not None else 0,
        "calls_a_day": settings().crm_daily_calls,
        "calls_left_by_the_crm": state.calls_left if state is not None else None,
        "pulled_at": state.pulled_at if state is not None else None,
    }


def troubled(connection: Connection, name: str, limit: int) -> list[dict[str, Any]]:
    """Return leads that are not written, or not wholly, those that need somebody first."""
    rows = run(
        connection,
        "SELECT lead_id, status, object, crm_id, wanted_at, attempts, next_try_at, last_error, note"
        " FROM tasuki.v_crm_push WHERE connection = :c AND (status = 'refused'"
        " OR (status = 'pending' AND last_error IS NOT NULL) OR (status = 'written' AND note IS NOT NULL))"
        " ORDER BY status = 'refused' DESC, status = 'pending' DESC, lead_id LIMIT :n",
        c=name, n=limit,
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]
