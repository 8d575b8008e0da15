"""The outbox as people see it: where each message is, why, and what can be done about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.store import receivers
from worker.store.db import run

_SHOWN = (
    "o.message_id, o.kind, o.channel, o.channel_id, o.recipient, o.receiver, o.rep, o.lead_id, o.assignment_id,"
    " o.status, o.attempts, o.created_at, o.next_try_at, o.sent_at, o.urgent, o.route, o.digest_id, o.fallback_of,"
    " o.idempotency_key, o.waits_for, CASE WHEN o.status = 'pending' THEN r.open_since END AS away_since, o.last_error"
)


def listed(
    connection: Connection, *, status: str | None, receiver: str | None, everything: bool, limit: int
) -> list[dict[str, Any]]:
    """Return messages, those that are not delivered first, then the newest."""
    return [
        dict(row)
        for row in run(
            connection,
            f"SELECT {_SHOWN} FROM tasuki.outbox o LEFT JOIN tasuki.receiver r USING (receiver)"  # noqa: S608 - our columns
            " WHERE (cast(:status AS text) IS NULL OR o.status = :status)"
            " AND (cast(:receiver AS text) IS NULL OR o.receiver = :receiver OR o.rep = :receiver)"
            " AND (:everything OR cast(:status AS text) IS NOT NULL"
            "      OR o.status IN ('pending', 'in_digest', 'refused'))"
            " ORDER BY o.status NOT IN ('pending', 'in_digest', 'refused'), o.message_id DESC LIMIT :n",
            status=status, receiver=receiver, everything=everything, n=limit,
        ).mappings()
    ]  # fmt: skip


def one(connection: Connection, message_id: int) -> dict[str, Any] | None:
    """Return a message with its body and its receiver's health."""
    row = run(
        connection,
        f"SELECT {_SHOWN}, o.body, r.failures, r.open_since, r.not_before, r.last_ok_at,"  # noqa: S608 - our columns
        " r.last_error AS receiver_error FROM tasuki.outbox o LEFT JOIN tasuki.receiver r USING (receiver)"
        " WHERE o.message_id = :i",
        i=message_id,
    ).mappings().one_or_none()  # fmt: skip
    return None if row is None else dict(row)


def carried(connection: Connection, digest_id: int) -> list[Any]:
    """Return the bodies of what a digest carries, sent or not."""
    return list(
        run(
            connection, "SELECT body FROM tasuki.outbox WHERE digest_id = :i ORDER BY message_id", i=digest_id
        ).scalars()
    )


def retry(connection: Connection, now: datetime, *, message_id: int | None, receiver: str | None) -> int:
    """Have messages tried at once: one, or all of a receiver that wait or were refused, whose breaker is closed.

    What was sent or overtaken is left alone. Returns how many.
    """
    if receiver is not None:
        receivers.reset(connection, receiver)
    again = (
        run(
            connection,
            "UPDATE tasuki.outbox SET status = 'pending', next_try_at = created_at, waits_for = NULL, digest_id = NULL"
            " WHERE status IN ('pending', 'refused')"
            " AND (message_id = :i OR (cast(:r AS text) IS NOT NULL AND receiver = :r))"
            " AND NOT EXISTS (SELECT FROM tasuki.receiver v WHERE v.receiver = outbox.receiver AND v.busy_until > :now"
            "                 AND outbox.next_try_at = v.busy_until)"
            " AND (digest_id IS NULL OR status = 'refused') RETURNING message_id",
            i=message_id, r=receiver, now=now,
        )
        .scalars()
        .all()
    )  # fmt: skip
    return len(again)


def reopen(connection: Connection, message_id: int) -> bool:
    """Have a message that was dropped or sent another way tried again, all the same."""
    return (
        run(
            connection,
            "UPDATE tasuki.outbox SET status = 'pending', next_try_at = created_at, digest_id = NULL"
            " WHERE message_id = :i AND status IN ('dropped', 'rerouted') RETURNING message_id",
            i=message_id,
        ).one_or_none()
        is not None
    )


def drop(connection: Connection, message_ids: Sequence[int], reason: str) -> int:
    """Give messages up, with the reason on record; what a digest carries goes with it. Returns how many."""
    gone = (
        run(
            connection,
            "UPDATE tasuki.outbox SET status = 'dropped', next_try_at = NULL, waits_for = NULL, last_error = :why"
            " WHERE (message_id = ANY(:ids) OR (digest_id = ANY(:ids) AND status = 'in_digest'))"
            " AND status IN ('pending', 'in_digest', 'refused') RETURNING message_id",
            ids=list(message_ids), why=f"dropped: {reason}"[:500],
        )
        .scalars()
        .all()
    )  # fmt: skip
    return len(gone)


def open_breakers(connection: Connection) -> list[Any]:
    """Return the receivers that are left alone, with what waits for them."""
    return list(
        run(
            connection,
            "SELECT r.receiver, r.open_since, r.not_before, r.failures, r.last_error,"
            " (SELECT count(*) FROM tasuki.outbox o WHERE o.receiver = r.receiver AND o.next_try_at IS NOT NULL) AS n"
            " FROM tasuki.receiver r WHERE r.open_since IS NOT NULL ORDER BY r.open_since",
        )
    )


def oldest_undelivered(connection: Connection) -> Any:
    """Return the oldest message that waits, but for quiet hours and digests."""
    return run(
        connection,
        "SELECT message_id, receiver, created_at FROM tasuki.outbox WHERE next_try_at IS NOT NULL"
        " AND waits_for IS NULL ORDER BY created_at LIMIT 1",
    ).one_or_none()
