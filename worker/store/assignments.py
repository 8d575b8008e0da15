"""Waiting leads, assignments and their clocks, as sets.

Locks are always taken in this order: pool, rep, lead, then waiting, assignment, clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.roster import Load
from routing_rules.sla import ClockSpec
from worker.store import crm, outbox
from worker.store.db import run
from worker.store.rows import as_json, ms, ms_or_none


def insert_waiting(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put ready leads into the line of their pool."""
    run(
        connection,
        "INSERT INTO tasuki.waiting (lead_id, pool, rule, strategy, sla, owner, priority, ready_at,"
        " look_again_at, value, points, terms, rulebook_version)"
        " SELECT id, pool, rule, strategy, sla, owner, priority, to_timestamp(now / 1000.0),"
        " to_timestamp(now / 1000.0), value, points, coalesce(terms, '{}'), version"
        " FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, pool text, rule text, strategy text, sla text, owner text, priority smallint,"
        " now bigint, value text, points integer, terms jsonb, version integer)"
        " ON CONFLICT (lead_id) DO NOTHING",
        rows=as_json(rows),
    )


def end_for_leads(connection: Connection, ended: Sequence[tuple[int, str]], now: datetime) -> set[str]:
    """Take leads out of the hands of sales and out of every line; return the pools with new room.

    Those are the pools of the assignments, and others of their reps in whose lines some wait for room.

    Args:
        connection: the leads are locked in it.
        ended: lead and reason.
        now: when.

    """
    rows = as_json([{"id": lead_id, "reason": reason} for lead_id, reason in ended])
    leave_line(connection, [lead for lead, _ in ended], now)
    gone = list(
        run(
            connection,
            "UPDATE tasuki.assignment a SET ended_at = :now, end_reason = r.reason"
            " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, reason text)"
            " WHERE a.lead_id = r.id AND a.ended_at IS NULL"
            " RETURNING a.assignment_id, a.lead_id, a.rep, a.pool, a.end_reason",
            rows=rows, now=now,
        )
    )  # fmt: skip
    cancel_clocks(connection, [row.assignment_id for row in gone], now)
    run(
        connection,
        "UPDATE tasuki.lead SET owner = NULL WHERE lead_id = ANY(:ids)",
        ids=[row.lead_id for row in gone],
    )
    outbox.supersede(connection, [row.assignment_id for row in gone])
    outbox.withdraw(connection, gone, now)
    crm.mark(connection, [lead for lead, _ in ended], now)
    pools = {row.pool for row in gone}
    return pools | _wake_one(connection, pools, {row.rep for row in gone}, now)


def _wake_one(connection: Connection, pools: Iterable[str], reps: Iterable[str], now: datetime) -> set[str]:
    """Make one lead due of each line in which some wait for room: the poke that follows may be lost.

    Of the lines of these pools, and of all others of their reps: a member has an account in each pool that has
    looked for one to take a lead. Return the pools.

    Whoever is looked at then, the hand-over gives the room in the order of the line. The lead is locked before its
    place in the line, as by everybody, and one that somebody works on is passed over: nothing is waited for, since
    leads of higher numbers may be locked already. Its pool is returned all the same.
    """
    if not reps:
        return set()
    return set(
        run(
            connection,
            "WITH p AS MATERIALIZED (SELECT pool FROM tasuki.pool_credit WHERE rep = ANY(:reps)"
            "  UNION SELECT unnest(cast(:pools AS text[]))),"
            " woken AS (UPDATE tasuki.waiting SET look_again_at = :now WHERE lead_id IN (SELECT w.lead_id"
            "  FROM p CROSS JOIN LATERAL (SELECT c.lead_id FROM tasuki.waiting c JOIN tasuki.lead l USING (lead_id)"
            "   WHERE c.pool = p.pool AND c.reason = 'full' AND c.look_again_at > :now"
            "   ORDER BY c.priority, c.ready_at, c.lead_id LIMIT 1 FOR NO KEY UPDATE OF l SKIP LOCKED) AS w))"
            " SELECT p.pool FROM p WHERE EXISTS (SELECT FROM tasuki.waiting c"
            "  WHERE c.pool = p.pool AND c.reason = 'full' AND c.look_again_at > :now)",
            pools=sorted(pools), reps=sorted(reps), now=now,
        ).scalars()
    )  # fmt: skip


def look_now(connection: Connection, lead_ids: Sequence[int], now: datetime) -> None:
    """Have leads that wait, and are locked, looked at now, were it due later."""
    run(
        connection,
        "UPDATE tasuki.waiting SET look_again_at = :now WHERE lead_id = ANY(:ids) AND look_again_at > :now",
        ids=list(lead_ids), now=now,
    )  # fmt: skip


def leave_line(
    connection: Connection, lead_ids: Sequence[int], now: datetime, winners: Mapping[int, str] | None = None
) -> None:
    """Take leads out of their lines; who was told that one could be claimed is told that it is over.

    Args:
        connection: the leads are locked in it.
        lead_ids: which.
        now: when.
        winners: lead -> the rep who got it, and is told so otherwise.

    """
    waited = run(
        connection, "DELETE FROM tasuki.waiting WHERE lead_id = ANY(:ids) RETURNING lead_id, claim_until",
        ids=list(lead_ids),
    ).all()  # fmt: skip
    outbox.close_claims(
        connection, [row.lead_id for row in waited if row.claim_until is not None], now, winners
    )


def end_claims(connection: Connection, lead_ids: Sequence[int], now: datetime) -> None:
    """End claims of leads that move to the line of another pool, whose reps were never asked."""
    over = run(
        connection,
        "UPDATE tasuki.waiting SET claim_until = NULL, claim_reps = '{}'"
        " WHERE lead_id = ANY(:ids) AND claim_until IS NOT NULL RETURNING lead_id",
        ids=list(lead_ids),
    ).scalars().all()  # fmt: skip
    outbox.close_claims(connection, over, now)


def mark_worked(connection: Connection, lead_ids: Sequence[int], now: datetime) -> None:
    """An opportunity was opened: whoever holds the lead has accepted and contacted it."""
    held = run(
        connection,
        "UPDATE tasuki.assignment SET accepted_at = coalesce(accepted_at, :now),"
        " contacted_at = coalesce(contacted_at, :now), followed_up_at = coalesce(followed_up_at, :now)"
        " WHERE lead_id = ANY(:ids) AND ended_at IS NULL RETURNING assignment_id",
        ids=list(lead_ids), now=now,
    ).scalars().all()  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.clock SET met_at = :now, next_at = NULL, paused_at = NULL, paused_until = NULL"
        " WHERE next_at IS NOT NULL AND assignment_id = ANY(:held)",
        held=list(held), now=now,
    )  # fmt: skip
    outbox.answered(connection, held, ["accept", "contact", "follow_up"])
    leave_line(connection, lead_ids, now)


def cancel_clocks(connection: Connection, assignment_ids: Sequence[int], now: datetime) -> None:
    """End the running clocks of assignments that ended."""
    run(
        connection,
        "UPDATE tasuki.clock SET cancelled_at = :now, next_at = NULL, paused_at = NULL, paused_until = NULL"
        " WHERE assignment_id = ANY(:ids) AND next_at IS NOT NULL",
        ids=list(assignment_ids), now=now,
    )  # fmt: skip


def insert_clocks(
    connection: Connection, clocks: Sequence[tuple[int, int, ClockSpec]], now: datetime
) -> None:
    """Start clocks, given as (assignment, lead, clock)."""
    run(
        connection,
        "INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, warn_at, warnings, due_at,"
        " next_at, round)"
        " SELECT a, l, policy, kind, :now, to_timestamp(warn / 1000.0),"
        " ARRAY(SELECT to_timestamp(cast(w AS bigint) / 1000.0) FROM json_array_elements_text(warnings) w),"
        " to_timestamp(due / 1000.0), to_timestamp(least(warn, due) / 1000.0), round"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(a bigint, l bigint, policy text, kind text, warn bigint,"
        " warnings json, due bigint, round integer)",
        now=now,
        rows=as_json(
            [
                {"a": assignment_id, "l": lead_id, "policy": clock.policy, "kind": clock.kind,
                 "warn": ms_or_none(clock.warn_at), "warnings": [ms(at) for at in clock.warnings],
                 "due": ms(clock.due_at), "round": clock.round}
                for assignment_id, lead_id, clock in clocks
            ]
        ),
    )  # fmt: skip


def meet_clock(connection: Connection, assignment_id: int, kind: str, now: datetime) -> None:
    """End a running clock as met."""
    run(
        connection,
        "UPDATE tasuki.clock SET met_at = :now, next_at = NULL, paused_at = NULL, paused_until = NULL"
        " WHERE assignment_id = :id AND kind = :kind AND next_at IS NOT NULL",
        id=assignment_id, kind=kind, now=now,
    )  # fmt: skip


def back_in_line(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Put leads whose assignment ended back into the line, with the reps who had them.

    Value and what the strategy asks come from the lead's last assignment.
    """
    run(
        connection,
        "INSERT INTO tasuki.waiting (lead_id, pool, rule, strategy, sla, owner, priority, ready_at,"
        " look_again_at, reason, had, hops, value, points, terms, rulebook_version)"
        " SELECT r.id, r.pool, r.rule,"
        " CASE WHEN a.strategy = 'owner' THEN coalesce(a.terms ->> 'then', r.strategy) ELSE r.strategy END,"
        " r.sla, NULL, 9, to_timestamp(r.ready / 1000.0), :now, r.reason,"
        " ARRAY(SELECT json_array_elements_text(r.had)), r.hops, a.value, coalesce(a.points, 1),"
        " coalesce(a.terms, '{}'), r.version FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, pool text, rule text, strategy text, sla text, ready bigint, reason text, had json,"
        " hops integer, version integer) LEFT JOIN LATERAL (SELECT strategy, value, points, terms"
        " FROM tasuki.assignment WHERE lead_id = r.id ORDER BY assignment_id DESC LIMIT 1) a ON true"
        " ON CONFLICT (lead_id) DO NOTHING",
        rows=as_json(rows), now=now,
    )  # fmt: skip


def loads(connection: Connection, reps: Mapping[str, tuple[datetime, datetime | None]]) -> dict[str, Load]:
    """Return what reps hold in all pools together.

    Args:
        connection: the reps are locked in it.
        reps: for each, their local midnight, and the instant since which their caps count; None without caps.

    """
    rows = run(
        connection,
        "SELECT r.rep, live.n AS open, live.points,"
        " (SELECT count(*) FROM tasuki.assignment a WHERE a.rep = r.rep"
        "  AND a.offered_at >= to_timestamp(r.since / 1000.0)) AS today,"
        " CASE WHEN r.caps IS NULL THEN '{}' ELSE ARRAY(SELECT a.offered_at FROM tasuki.assignment a"
        "  WHERE a.rep = r.rep AND a.offered_at >= to_timestamp(r.caps / 1000.0) ORDER BY a.offered_at)"
        " END AS given"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(rep text, since bigint, caps bigint)"
        " CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(a.points), 0) AS points"
        "  FROM tasuki.assignment a WHERE a.rep = r.rep AND a.ended_at IS NULL) live",
        rows=as_json(
            [
                {"rep": rep, "since": ms(since), "caps": ms_or_none(caps)}
                for rep, (since, caps) in reps.items()
            ]
        ),
    )
    return {row.rep: Load(row.open, row.today, int(row.points), list(row.given)) for row in rows}


def records(
    connection: Connection, reps: Iterable[str], since: datetime
) -> dict[tuple[str, str | None], tuple[int, int]]:
    """Return leads won and lost by rep and persona, since an instant."""
    rows = run(
        connection,
        "SELECT a.rep, l.persona, count(*) FILTER (WHERE a.end_reason = 'won') AS won, count(*) AS ended"
        " FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id) WHERE a.rep = ANY(:reps)"
        " AND a.end_reason IN ('won', 'lost') AND a.ended_at >= :since GROUP BY a.rep, l.persona",
        reps=sorted(reps), since=since,
    )  # fmt: skip
    return {(row.rep, row.persona): (row.won, row.ended - row.won) for row in rows}
