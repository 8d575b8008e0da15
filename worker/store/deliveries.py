"""The outbox as its senders see it: what is due of each receiver, taken under a lease, and how each try went.

A lease is two things: the message's next try is moved past it, and its receiver is busy until it ends. So one
worker at a time sends to a receiver, in order, and a worker that dies keeps neither for longer than its lease.
"""

# ruff: noqa: S608 - the columns are ours, and every value is bound

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from worker.store import outbox
from worker.store.db import run
from worker.store.rows import as_json, ms

#: What is read of a message to send it.
COLUMNS: Final = (
    "message_id, idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, route, lead_id, assignment_id,"
    " body, attempts, created_at, next_try_at, waits_for"
)


def free_receivers(connection: Connection, now: datetime, limit: int) -> list[Any]:
    """Lock receivers that have something due, that nobody sends to, and that want it now."""
    return list(
        run(
            connection,
            "SELECT r.receiver, r.failures, r.open_since FROM tasuki.receiver r"
            " WHERE coalesce(r.busy_until, '-infinity') <= :now AND coalesce(r.not_before, '-infinity') <= :now"
            " AND EXISTS (SELECT FROM tasuki.outbox o WHERE o.receiver = r.receiver AND o.next_try_at <= :now)"
            " ORDER BY r.busy_until NULLS FIRST, r.receiver LIMIT :n FOR NO KEY UPDATE SKIP LOCKED",
            now=now, n=limit,
        )
    )  # fmt: skip


def due(connection: Connection, receivers: Sequence[str], now: datetime, limit: int) -> list[Any]:
    """Lock the oldest due messages of each receiver, at most `limit` of each."""
    return list(
        run(
            connection,
            f"SELECT o.* FROM unnest(cast(:names AS text[])) AS r(receiver) CROSS JOIN LATERAL"
            f" (SELECT {COLUMNS} FROM tasuki.outbox WHERE receiver = r.receiver AND next_try_at <= :now"
            "   ORDER BY next_try_at, message_id LIMIT :n FOR UPDATE SKIP LOCKED) AS o"
            " ORDER BY o.next_try_at, o.message_id",
            names=list(receivers), now=now, n=limit,
        )
    )  # fmt: skip


def told_lately(
    connection: Connection, windows: Sequence[tuple[str, str, datetime]]
) -> dict[tuple[str, str], tuple[int, datetime]]:
    """Return for (rep, receiver) how many messages went out since, a digest counted once, and when the first did."""
    rows = run(
        connection,
        "SELECT w.rep, w.receiver, count(DISTINCT coalesce(o.digest_id, o.message_id)) AS n, min(o.sent_at) AS first"
        " FROM json_to_recordset(cast(:rows AS json)) AS w(rep text, receiver text, since bigint)"
        " JOIN tasuki.outbox o ON o.rep = w.rep AND o.receiver = w.receiver"
        "  AND o.sent_at > to_timestamp(w.since / 1000.0) GROUP BY 1, 2",
        rows=as_json([{"rep": rep, "receiver": to, "since": ms(since)} for rep, to, since in windows]),
    )
    return {(row.rep, row.receiver): (row.n, row.first) for row in rows}


def hold(connection: Connection, held: Sequence[tuple[int, datetime, str]]) -> None:
    """Let messages wait: (message, until, why), where why is no error."""
    run(
        connection,
        "UPDATE tasuki.outbox o SET next_try_at = to_timestamp(r.until / 1000.0), waits_for = r.why"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, until bigint, why text)"
        " WHERE o.message_id = r.id AND o.status = 'pending'",
        rows=as_json([{"id": one, "until": ms(until), "why": why} for one, until, why in held]),
    )


def make_digest(
    connection: Connection, key: str, members: Sequence[Any], now: datetime, like: Any = None
) -> Any:
    """Write the message that carries `members`, all to one person by one channel, and return it.

    Args:
        connection: the members, or the digest that carries them, are locked in it.
        key: its idempotency key.
        members: rows with message_id and urgent, the oldest first.
        now: it is due at once.
        like: the message whose way it goes; without one, the way of its first member.

    """
    made = run(
        connection,
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, route,"
        " lead_id, body, created_at, next_try_at)"
        " SELECT :key, 'digest', channel, channel_id, recipient, receiver, rep, :urgent, route, lead_id,"
        " jsonb_build_object('kind', 'digest', 'to', body->'to'), created_at, :now"
        f" FROM tasuki.outbox WHERE message_id = :first RETURNING {COLUMNS}",
        key=key, urgent=any(row.urgent for row in members), now=now, first=(like or members[0]).message_id,
    ).one()  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.outbox SET status = 'in_digest', next_try_at = NULL, waits_for = NULL, digest_id = :digest"
        " WHERE message_id = ANY(:ids) AND status IN ('pending', 'in_digest')",
        digest=made.message_id, ids=[row.message_id for row in members],
    )  # fmt: skip
    return made


def members_of(connection: Connection, digests: Sequence[int]) -> list[Any]:
    """Return what digests carry that still means something, the oldest first."""
    return list(
        run(
            connection,
            "SELECT digest_id, message_id, urgent, body FROM tasuki.outbox WHERE digest_id = ANY(:ids) AND status = 'in_digest'"
            " ORDER BY message_id",
            ids=list(digests),
        )
    )


def renew(connection: Connection, bodies: dict[int, dict[str, Any]]) -> None:
    """Lay over the bodies of messages what has changed since they were written."""
    run(
        connection,
        "UPDATE tasuki.outbox o SET body = o.body || r.body FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, body jsonb) WHERE o.message_id = r.id",
        rows=as_json([{"id": one, "body": body} for one, body in bodies.items()]),
    )


def lease(connection: Connection, messages: Sequence[int], receivers: Sequence[str], until: datetime) -> None:
    """Take messages, and their receivers, until then."""
    run(
        connection,
        "UPDATE tasuki.outbox SET next_try_at = :until, attempts = attempts + 1, waits_for = NULL"
        " WHERE message_id = ANY(:ids)",
        ids=list(messages), until=until,
    )  # fmt: skip
    run(
        connection, "UPDATE tasuki.receiver SET busy_until = :until WHERE receiver = ANY(:names)",
        names=list(receivers), until=until,
    )  # fmt: skip


def record(connection: Connection, results: Sequence[dict[str, Any]], now: datetime) -> list[int]:
    """Record how tries went, of each message that is still this worker's; return those.

    A result has id, try, status (`pending`, `sent`, `refused`, `superseded`), error, next (ISO 8601, to the
    microsecond: what goes back keeps its place), back (the message was not tried after all), and told: the
    messages that stood in it, when it went out. One of these that was overtaken meanwhile went out all the same.
    """
    mine = run(
        connection,
        "UPDATE tasuki.outbox o SET status = r.status, attempts = o.attempts - cast(r.back AS integer),"
        " last_error = CASE WHEN r.back THEN o.last_error ELSE r.error END,"
        " sent_at = CASE WHEN r.status = 'sent' THEN cast(:now AS timestamptz) ELSE o.sent_at END,"
        " next_try_at = cast(r.next AS timestamptz)"
        " FROM json_to_recordset(cast(:rows AS json))"
        "  AS r(id bigint, try integer, status text, error text, next text, back boolean)"
        " WHERE o.message_id = r.id AND o.status = 'pending' AND o.attempts = r.try RETURNING o.message_id",
        rows=as_json(results), now=now,
    ).scalars().all()  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.outbox m SET status = d.status, last_error = d.last_error, sent_at = d.sent_at"
        " FROM tasuki.outbox d WHERE m.digest_id = d.message_id AND m.status = 'in_digest'"
        " AND d.message_id = ANY(:ids) AND d.status IN ('sent', 'refused')",
        ids=list(mine),
    )
    told = [number for one in results if one["status"] == "sent" for number in one["told"]]
    if told:
        outbox.told_too_late(connection, told, now)
    return list(mine)


def to_reroute(connection: Connection, after: datetime, now: datetime, limit: int) -> list[Any]:
    """Lock messages that have another way, and whose receiver has been away since before `after`."""
    return list(
        run(
            connection,
            f"SELECT {', '.join('o.' + name for name in COLUMNS.split(', '))} FROM tasuki.receiver r"
            " JOIN tasuki.outbox o USING (receiver) WHERE r.open_since <= :after"
            " AND coalesce(r.busy_until, '-infinity') <= :now AND o.next_try_at IS NOT NULL AND o.waits_for IS NULL"
            " AND cardinality(o.route) > 0 ORDER BY o.message_id LIMIT :n FOR UPDATE OF o SKIP LOCKED",
            after=after, now=now, n=limit,
        )
    )  # fmt: skip


def with_another_way(connection: Connection, messages: Sequence[int]) -> list[Any]:
    """Lock those of the messages that have another way."""
    return list(
        run(
            connection,
            f"SELECT {COLUMNS} FROM tasuki.outbox WHERE message_id = ANY(:ids) AND cardinality(route) > 0"
            " ORDER BY message_id FOR UPDATE",
            ids=list(messages),
        )
    )


def mark_rerouted(connection: Connection, moved: dict[int, str]) -> None:
    """Close messages for which others stand in: message -> key of the other; what a digest carries moves along.

    It bears the way by which it is told, for what takes it back goes by the same.
    """
    rows = as_json([{"id": one, "key": key} for one, key in moved.items()])
    run(
        connection,
        "UPDATE tasuki.outbox SET status = 'rerouted', next_try_at = NULL, waits_for = NULL"
        " WHERE message_id = ANY(:ids)",
        ids=list(moved),
    )
    run(
        connection,
        "UPDATE tasuki.outbox m SET digest_id = n.message_id, status = 'in_digest', last_error = NULL,"
        " channel = n.channel, channel_id = n.channel_id, recipient = n.recipient, receiver = n.receiver, route = n.route"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, key text)"
        " JOIN tasuki.outbox n ON n.idempotency_key = r.key"
        " WHERE m.digest_id = r.id AND m.status IN ('in_digest', 'refused')",
        rows=rows,
    )
