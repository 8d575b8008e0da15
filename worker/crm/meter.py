"""One connection's breaker, pace and daily budget, shared by all workers through its row."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from schemas.errors import Away
from worker.now import wall_seconds
from worker.settings import settings
from worker.store.db import in_transaction, run

#: Seconds for which the breaker stays open after the 1st, 2nd, ... failure in a row, unless the CRM asks for more.
OPEN_S: Final = (5, 15, 60, 120, 300)
#: The longest wait that a CRM may ask for, in seconds.
LONGEST_WAIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the CRM may be called now."""

    is_open: bool
    #: Failures in a row; while there are any, one call tries it first.
    failures: int = 0
    error: str | None = None


def gate(connection: Connection, name: str, now: datetime) -> Gate:
    """Tell whether the breaker lets calls through."""
    row = run(
        connection, "SELECT failures, open_until, last_error FROM tasuki.crm_connection WHERE connection = :c",
        c=name,
    ).one_or_none()  # fmt: skip
    if row is None:
        return Gate(is_open=False)
    return Gate(row.open_until is not None and row.open_until > now, row.failures, row.last_error)


def failed(connection: Connection, name: str, away: Away, now: datetime) -> tuple[int, datetime]:
    """Open the breaker: nobody calls before the CRM had time to recover. Return failures in a row, and until when."""
    failures = 1 + int(
        run(connection, "SELECT failures FROM tasuki.crm_connection WHERE connection = :c FOR UPDATE", c=name)
        .scalar() or 0
    )  # fmt: skip
    wait_s = min(max(away.retry_after_s or 0, OPEN_S[min(failures, len(OPEN_S)) - 1]), LONGEST_WAIT_S)
    until = now + timedelta(seconds=wait_s / max(wall_seconds(1.0), 1e-9))
    run(
        connection,
        "INSERT INTO tasuki.crm_connection (connection, failures, open_until, last_error)"
        " VALUES (:c, :failures, :until, :error) ON CONFLICT (connection) DO UPDATE"
        " SET failures = excluded.failures, open_until = excluded.open_until, last_error = excluded.last_error",
        c=name, failures=failures, until=until, error=str(away),
    )  # fmt: skip
    return failures, until


def worked(connection: Connection, name: str, now: datetime, calls_left: int | None = None) -> None:
    """Close the breaker: the CRM answers."""
    run(
        connection,
        "INSERT INTO tasuki.crm_connection (connection, last_ok_at, calls_left) VALUES (:c, :now, :left)"
        " ON CONFLICT (connection) DO UPDATE SET failures = 0, open_until = NULL, last_error = NULL,"
        " last_ok_at = excluded.last_ok_at, calls_left = coalesce(excluded.calls_left, crm_connection.calls_left)",
        c=name, now=now, left=calls_left,
    )  # fmt: skip


def close(connection: Connection, name: str) -> None:
    """Close the breaker by hand: whatever was wrong is mended."""
    run(
        connection,
        "UPDATE tasuki.crm_connection SET failures = 0, open_until = NULL WHERE connection = :c", c=name,
    )  # fmt: skip


def take_turn(name: str, most_s: float = 60.0) -> None:
    """Count one call and wait until it may be made, by the wall's time.

    Args:
        name: the connection.
        most_s: seconds that may be waited.

    Raises:
        Away: the day's budget is spent, until midnight UTC; or too many wait for their turn.

    """
    wait_s = in_transaction(lambda connection: _reserve(connection, name))
    if wait_s is None:
        left_s = in_transaction(_until_midnight_s)
        raise Away(f"the day's {settings().crm_daily_calls} calls are spent (TASUKI_CRM_DAILY_CALLS)", left_s)
    if wait_s > most_s:
        raise Away(
            f"{settings().crm_calls_per_s:g} calls a second are too few (TASUKI_CRM_CALLS_PER_S)", wait_s
        )
    if wait_s > 0:
        time.sleep(wait_s)


_RESERVE: Final = """
INSERT INTO tasuki.crm_connection AS k (connection, free_at, day, calls_today)
SELECT :c, clock_timestamp() + cast(:gap AS interval), cast(clock_timestamp() AT TIME ZONE 'UTC' AS date), 1
ON CONFLICT (connection) DO UPDATE SET
    free_at = greatest(k.free_at, clock_timestamp()) + cast(:gap AS interval),
    calls_today = CASE WHEN k.day = excluded.day THEN k.calls_today + 1 ELSE 1 END,
    day = excluded.day
WHERE k.day IS DISTINCT FROM excluded.day OR k.calls_today < :budget
RETURNING extract(epoch FROM free_at - cast(:gap AS interval) - clock_timestamp()) AS wait_s
"""


def _reserve(connection: Connection, name: str) -> float | None:
    row = run(
        connection, _RESERVE, c=name, gap=timedelta(seconds=1 / settings().crm_calls_per_s),
        budget=settings().crm_daily_calls,
    ).one_or_none()  # fmt: skip
    return None if row is None else float(row.wait_s)


def _until_midnight_s(connection: Connection) -> float:
    sql = """SELECT extract(epoch FROM date_trunc('day', t) + interval '1 day' - t)
             FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS t) AS n"""
    return float(run(connection, sql).scalar())
