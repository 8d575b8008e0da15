"""The health of receivers, shared by all workers: a breaker for each, as a row.

well:  failures in a row are counted; a success sets them to nothing.
open:  after `OPEN_AFTER` of them. One message at a time goes out as a probe, each time after a longer wait;
       the first that arrives closes the breaker, and what waited goes out, the oldest first.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from worker.store.db import run

#: Failures in a row after which a receiver is left alone but for probes.
OPEN_AFTER: Final = 5
#: Seconds to the first probe; doubled each time.
FIRST_PROBE_S: Final = 30
#: And at most.
LAST_PROBE_S: Final = 300


def probe_wait(failures: int) -> timedelta:
    """Return the wait after so many failures in a row; none while the breaker is closed."""
    if failures < OPEN_AFTER:
        return timedelta()
    return timedelta(seconds=min(FIRST_PROBE_S * 2 ** min(failures - OPEN_AFTER, 10), LAST_PROBE_S))


def worked(connection: Connection, receiver: str, now: datetime) -> bool:
    """Note that a receiver answers; close its breaker. Return whether it was open."""
    before = _row(connection, receiver)
    run(
        connection,
        "UPDATE tasuki.receiver SET failures = 0, open_since = NULL, not_before = NULL, last_error = NULL,"
        " last_ok_at = :now WHERE receiver = :r",
        r=receiver, now=now,
    )  # fmt: skip
    was_open = before is not None and before.open_since is not None
    if was_open:
        wake(connection, receiver)
    return was_open


def wake(connection: Connection, receiver: str) -> None:
    """Let what waited for a receiver go out, in the order in which it was written."""
    run(
        connection,
        "UPDATE tasuki.outbox SET next_try_at = created_at WHERE receiver = :r AND next_try_at > created_at"
        " AND waits_for IS NULL AND last_error IS NOT NULL",
        r=receiver,
    )  # fmt: skip


def failed(
    connection: Connection, receiver: str, error: str, now: datetime, retry_after_s: float | None
) -> bool:
    """Note a failure, and the receiver's own wish to wait. Return whether the breaker opened by it."""
    before = _row(connection, receiver)
    failures = (before.failures if before is not None else 0) + 1
    opens = failures >= OPEN_AFTER
    wait = max(probe_wait(failures), timedelta(seconds=retry_after_s or 0))
    run(
        connection,
        "UPDATE tasuki.receiver SET failures = :n, last_error = :e, not_before = :until,"
        " open_since = CASE WHEN :opens THEN coalesce(open_since, :now) ELSE open_since END WHERE receiver = :r",
        r=receiver, n=failures, e=error, now=now, opens=opens, until=now + wait if wait else None,
    )  # fmt: skip
    return opens and (before is None or before.open_since is None)


def _row(connection: Connection, receiver: str) -> Any:
    return run(
        connection,
        "SELECT failures, open_since FROM tasuki.receiver WHERE receiver = :r FOR NO KEY UPDATE", r=receiver,
    ).one_or_none()  # fmt: skip


def release(connection: Connection, receiver: str, until: datetime) -> None:
    """Give a receiver back, if it is still ours: its lease ends at `until`."""
    run(
        connection,
        "UPDATE tasuki.receiver SET busy_until = NULL WHERE receiver = :r AND busy_until = :until",
        r=receiver, until=until,
    )  # fmt: skip


def reset(connection: Connection, receiver: str) -> bool:
    """Forget a receiver's failures, by hand; return whether there is such a receiver."""
    known = run(
        connection,
        "UPDATE tasuki.receiver SET failures = 0, open_since = NULL, not_before = NULL WHERE receiver = :r"
        " RETURNING receiver",
        r=receiver,
    ).one_or_none()
    if known is not None:
        wake(connection, receiver)
    return known is not None
