"""Flow E: messages of the outbox, each delivered at least once under one key, with back-off."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection

from schemas.errors import Away, Refused
from worker.logs import get_logger
from worker.notices.channels import send
from worker.now import wall_seconds
from worker.store.db import in_transaction, run
from worker.store.rows import as_json, ms

log = get_logger()

#: Messages leased and sent at a time.
BATCH: Final = 40
#: Seconds for which one worker has its messages to itself; a dead worker's are taken up again after it.
LEASE_S: Final = 60.0
#: Seconds before each next try; the last one goes on for ever, so that nothing told is dropped silently.
BACKOFF_S: Final = (5, 15, 60, 300, 1_800, 3_600, 7_200, 18_000)
#: The longest wait that a receiver may ask for, in seconds.
LONGEST_WAIT_S: Final = 86_400
#: Tries after which a message is logged as stuck.
STUCK_AFTER: Final = 5


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round came to."""

    sent: int = 0
    failed: int = 0
    refused: int = 0


def deliver_due(now: datetime) -> Delivered:
    """Lease the messages that are due, send them, and record how each went.

    The lease is committed before anything is sent: a worker that dies in between lets the message be sent
    again, under the same key, by another.
    """
    rows = in_transaction(lambda connection: _lease(connection, now))
    if not rows:
        return Delivered()
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(lambda row: _try_send(row, now), rows))
    in_transaction(lambda connection: _record(connection, results, now))
    count = {
        status: sum(1 for result in results if result["status"] == status)
        for status in ("sent", "pending", "refused")
    }
    return Delivered(count["sent"], count["pending"], count["refused"])


def _lease(connection: Connection, now: datetime) -> list[Any]:
    from_now = now + timedelta(seconds=LEASE_S / max(wall_seconds(1.0), 1e-9))
    return list(
        run(
            connection,
            "UPDATE tasuki.outbox SET next_try_at = :until, attempts = attempts + 1 WHERE message_id IN"
            " (SELECT message_id FROM tasuki.outbox WHERE next_try_at <= :now ORDER BY next_try_at LIMIT :n"
            "  FOR UPDATE SKIP LOCKED)"
            " RETURNING message_id, idempotency_key, channel, recipient, kind, lead_id, body, attempts, next_try_at",
            now=now, until=from_now, n=BATCH,
        )
    )  # fmt: skip


def _try_send(row: Any, now: datetime) -> dict[str, Any]:
    result: dict[str, Any] = {"id": row.message_id, "try": row.attempts, "error": None, "next": None}
    try:
        send(row.channel, row.recipient, row.idempotency_key, row.body, now)
    except Refused as refusal:
        log.warning("message.refused", message_id=row.message_id, lead_id=row.lead_id, channel=row.channel)
        return {**result, "status": "refused", "error": str(refusal)}
    except Away as away:
        if row.attempts >= STUCK_AFTER:
            log.warning(
                "message.stuck", message_id=row.message_id, channel=row.channel, attempts=row.attempts
            )
        wait = min(away.retry_after_s or _back_off_s(row.message_id, row.attempts), LONGEST_WAIT_S)
        return {**result, "status": "pending", "error": str(away), "next": ms(now + timedelta(seconds=wait))}
    return {**result, "status": "sent"}


def _back_off_s(message_id: int, attempts: int) -> float:
    """Return seconds to the next try, spread by up to a fifth so that a recovering receiver is not rushed."""
    base = BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1]
    return base * (0.9 + 0.2 * (crc32(f"{message_id}:{attempts}".encode()) % 1000) / 1000)


def _record(connection: Connection, results: list[dict[str, Any]], now: datetime) -> None:
    """Record the outcome of each message that is still this worker's: nobody tried it since."""
    run(
        connection,
        "UPDATE tasuki.outbox o SET status = r.status, last_error = r.error,"
        " sent_at = CASE WHEN r.status = 'sent' THEN cast(:now AS timestamptz) ELSE o.sent_at END,"
        " next_try_at = to_timestamp(r.next / 1000.0)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, try integer, status text, error text, next bigint)"
        " WHERE o.message_id = r.id AND o.status = 'pending' AND o.attempts = r.try",
        rows=as_json(results), now=now,
    )  # fmt: skip
