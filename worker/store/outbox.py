"""What must be told, written in the same transaction as what it tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.store.db import run
from worker.store.rows import NOW_AS, as_json

#: Kinds that mean nothing any more once their assignment has ended.
_OVERTAKEN = ("offer", "claimed", "warning", "reminder", "moved")
#: Reasons for which an assignment ends that its rep knows best.
_KNOWN_ENDS = ("won", "lost")


def add(connection: Connection, messages: Sequence[dict[str, Any]], now: datetime) -> None:
    """Write messages; one whose idempotency key is there already is not written again.

    Args:
        connection: the transaction of the decision itself.
        messages: with key, kind, channel, recipient, receiver, rep, urgent, route, lead, assignment and body.
        now: when; they are due at once.

    """
    if not messages:
        return
    new = {row["receiver"] for row in messages} - {"email", "webhook"}
    if new:
        run(
            connection,
            "INSERT INTO tasuki.receiver (receiver) SELECT unnest(cast(:names AS text[])) ON CONFLICT DO NOTHING",
            names=sorted(new),
        )
    run(
        connection,
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, route,"
        " lead_id, assignment_id, body, fallback_of, created_at, next_try_at)"
        " SELECT key, kind, channel, channel_id, recipient, receiver, rep, urgent, ARRAY(SELECT json_array_elements_text(route)),"
        " lead, assignment, body, fallback_of, :now, :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(key text, kind text, channel text, channel_id text, recipient text,"
        " receiver text, rep text, urgent boolean, route json, lead bigint, assignment bigint, body jsonb,"
        " fallback_of bigint) ON CONFLICT (idempotency_key) DO NOTHING",
        rows=as_json(messages), now=now,
    )  # fmt: skip


def supersede(connection: Connection, assignment_ids: Sequence[int]) -> None:
    """Stop what was not told yet of assignments that ended."""
    run(
        connection,
        "UPDATE tasuki.outbox SET status = 'superseded', next_try_at = NULL"
        " WHERE assignment_id = ANY(:ids) AND status IN ('pending', 'in_digest') AND kind = ANY(:kinds)",
        ids=list(assignment_ids), kinds=list(_OVERTAKEN),
    )  # fmt: skip


def answered(connection: Connection, assignment_ids: Sequence[int], clocks: Sequence[str]) -> None:
    """Stop what was not told yet of clocks that a rep has met: nobody is asked for what was done."""
    _stop(connection, assignment_ids, clocks, _OVERTAKEN)


def warned_too_early(connection: Connection, assignment_ids: Sequence[int], clocks: Sequence[str]) -> None:
    """Stop warnings that were not told yet of clocks whose deadlines moved so far that they warn of them again."""
    _stop(connection, assignment_ids, clocks, ["warning"])


def _stop(
    connection: Connection, assignment_ids: Sequence[int], clocks: Sequence[str], kinds: Sequence[str]
) -> None:
    """Stop messages that were not told yet; the webhook of all notices is for machines, which want the whole story."""
    run(
        connection,
        "UPDATE tasuki.outbox SET status = 'superseded', next_try_at = NULL WHERE assignment_id = ANY(:ids)"
        " AND status IN ('pending', 'in_digest') AND kind = ANY(:kinds) AND body ->> 'clock' = ANY(:clocks)"
        " AND receiver <> 'webhook'",
        ids=list(assignment_ids), kinds=list(kinds), clocks=list(clocks),
    )  # fmt: skip


def withdraw(connection: Connection, assignments: Sequence[Any], now: datetime) -> None:
    """Tell those who were offered a lead, and were told so, that it is no longer theirs: by the same way, and as fast.

    Whoever was told anything of the lead that could not wait for the morning is told this at night, too. An offer
    that itself still waits was never told, and is not taken back.

    Args:
        connection: the transaction in which the assignments ended, or a later one.
        assignments: rows with assignment_id and end_reason; of those won or lost nobody is told.
        now: when; the messages are due at once.

    """
    rows = [
        {"id": row.assignment_id, "because": row.end_reason}
        for row in assignments
        if row.end_reason not in _KNOWN_ENDS
    ]
    if not rows:
        return
    run(
        connection,
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, route, lead_id,"
        " assignment_id, body, created_at, next_try_at)"
        " SELECT 'withdrawn:' || o.assignment_id || ':' || o.channel"
        "  || CASE WHEN o.receiver = o.channel THEN '' ELSE ':' || o.receiver END,"
        " 'withdrawn', o.channel, o.channel_id, o.recipient, o.receiver, o.rep,"
        " EXISTS (SELECT FROM tasuki.outbox u WHERE u.assignment_id = o.assignment_id AND u.rep = o.rep AND u.urgent"
        "  AND u.status = 'sent' AND u.kind = ANY(:kinds)), o.route,"
        " o.lead_id, o.assignment_id, o.body || jsonb_build_object('kind', 'withdrawn', 'because', r.because),"
        " :now, :now FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, because text)"
        " JOIN tasuki.outbox o ON o.assignment_id = r.id AND o.kind IN ('offer', 'claimed') AND o.status = 'sent'"
        " ON CONFLICT (idempotency_key) DO NOTHING",
        rows=as_json(rows), now=now, kinds=list(_OVERTAKEN),
    )  # fmt: skip


def close_claims(
    connection: Connection, lead_ids: Sequence[int], now: datetime, winners: Mapping[int, str] | None = None
) -> None:
    """Stop telling that leads can be claimed; tell those who were told that it is over, but for the winners.

    A lead that took another in may go on with that one's claim: what was told bears the other's number.
    """
    if not lead_ids:
        return
    run(
        connection,
        "UPDATE tasuki.outbox SET status = 'superseded', next_try_at = NULL"
        " WHERE lead_id IN (SELECT tasuki.one_person(i) FROM unnest(cast(:ids AS bigint[])) AS i)"
        " AND status IN ('pending', 'in_digest') AND kind = 'claim_open'",
        ids=list(lead_ids),
    )
    _tell_over(connection, {lead_id: (winners or {}).get(lead_id) for lead_id in lead_ids}, now)


def _tell_over(
    connection: Connection,
    winners: Mapping[int, str | None],
    now: datetime,
    only: Sequence[int] | None = None,
) -> None:
    """Tell who was told that leads could be claimed (all of them, or those of some messages) that it is over."""
    run(
        connection,
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, route, lead_id,"
        " body, created_at, next_try_at)"
        " SELECT 'claim_over:' || o.idempotency_key, 'claim_over', o.channel, o.channel_id, o.recipient, o.receiver,"
        " o.rep, o.urgent, o.route, o.lead_id,"
        " o.body || jsonb_build_object('kind', 'claim_over', 'because', r.winner), :now, :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, winner text)"
        " CROSS JOIN LATERAL tasuki.one_person(r.id) AS p(lead)"
        " JOIN tasuki.outbox o ON o.lead_id = p.lead AND o.kind = 'claim_open' AND o.status = 'sent'"
        " WHERE o.body -> 'to' ->> 'rep' IS DISTINCT FROM r.winner"
        " AND (cast(:only AS bigint[]) IS NULL OR o.message_id = ANY(:only)) ON CONFLICT (idempotency_key) DO NOTHING",
        rows=as_json([{"id": lead_id, "winner": winner} for lead_id, winner in winners.items()]), now=now,
        only=None if only is None else list(only),
    )  # fmt: skip


def told_too_late(connection: Connection, messages: Sequence[int], now: datetime) -> None:
    """Note that messages went out although they were overtaken meanwhile, and take back what they said.

    Their lead moved on while they were being sent: whoever ended it saw nothing that was told. So what would
    have followed then follows here.
    """
    late = run(
        connection,
        "UPDATE tasuki.outbox o SET status = 'sent', sent_at = :now, last_error = NULL"  # noqa: S608 - a constant
        " WHERE message_id = ANY(:ids) AND status = 'superseded'"
        " RETURNING message_id, kind, lead_id, assignment_id,"
        f" CASE WHEN kind = 'claim_open' THEN ({NOW_AS.format(start='o.lead_id')} SELECT a.rep FROM now_as n"
        "  JOIN tasuki.assignment a ON a.lead_id = n.id AND a.offered_at >= o.created_at"
        "  ORDER BY a.assignment_id LIMIT 1) END AS winner",
        ids=list(messages), now=now,
    ).all()  # fmt: skip
    ended = run(
        connection,
        "SELECT assignment_id, end_reason FROM tasuki.assignment WHERE assignment_id = ANY(:ids)"
        " AND ended_at IS NOT NULL",
        ids=[row.assignment_id for row in late if row.assignment_id is not None],
    ).all()  # fmt: skip
    withdraw(connection, ended, now)
    opened = [row for row in late if row.kind == "claim_open"]
    if opened:
        winners = {row.lead_id: row.winner for row in opened}
        _tell_over(connection, winners, now, only=[row.message_id for row in opened])
