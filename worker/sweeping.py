"""Flow D: whatever fell due. Every worker sweeps; locked rows are skipped, so none is handled twice."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.sla import ClockSpec, start_clock
from schemas.rulebook.sla import Promise
from worker.acting import line_row
from worker.logs import get_logger
from worker.notices.compose import Occasion, about_lead, notice, why_you
from worker.rulebooks import Loaded
from worker.store import assignments, leads, outbox
from worker.store.db import run
from worker.store.rows import as_json

log = get_logger()

#: Clocks handled in one transaction.
BATCH: Final = 500


@dataclass(slots=True)
class Swept:
    """What one sweep of the clocks came to."""

    warned: int = 0
    breached: int = 0
    #: Pools whose leads went back into the line.
    pools: set[str] = field(default_factory=set)
    more: bool = False


def sweep_clocks(connection: Connection, loaded: Loaded, now: datetime) -> Swept:
    """Handle up to `BATCH` clocks whose warning or end is due."""
    result = Swept()
    due = _take_due(connection, now)
    if not due:
        return result
    result.more = len(due) >= BATCH
    warn = [row for row in due if row.warned_at is None and row.warn_at is not None and row.warn_at <= now]
    breach = [row for row in due if row.due_at <= now]
    messages: list[dict[str, Any]] = []
    if warn:
        run(
            connection,
            "UPDATE tasuki.clock SET warned_at = :now, next_at = due_at WHERE clock_id = ANY(:ids)",
            ids=[row.clock_id for row in warn], now=now,
        )  # fmt: skip
        overdue = {row.clock_id for row in breach}
        for row in warn:
            if row.clock_id not in overdue:
                messages += _tell(row, row.rep, "warning", loaded, now)
        result.warned = len(warn)
    if breach:
        messages += _breach(connection, breach, loaded, now, result)
    outbox.add(connection, messages, now)
    return result


def _take_due(connection: Connection, now: datetime) -> list[Any]:
    """Lock the leads of due clocks, skipping those that somebody works on, then the clocks themselves."""
    ids = run(
        connection,
        "SELECT c.clock_id FROM tasuki.clock c JOIN tasuki.lead l USING (lead_id)"
        " WHERE c.next_at <= :now ORDER BY c.next_at LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED",
        now=now, n=BATCH,
    ).scalars().all()  # fmt: skip
    if not ids:
        return []
    return list(
        run(
            connection,
            "SELECT c.*, a.rep, a.pool, a.rule, a.strategy, a.sla, a.ready_at, a.had, a.hops,"
            " a.rulebook_version, l.state, l.persona, l.fit_grade, l.engagement, l.buying_stage,"
            " l.rule AS ready_rule FROM tasuki.clock c JOIN tasuki.assignment a USING (assignment_id)"
            " JOIN tasuki.lead l ON l.lead_id = c.lead_id"
            " WHERE c.clock_id = ANY(:ids) AND c.next_at <= :now ORDER BY c.clock_id FOR UPDATE OF c, a",
            ids=list(ids), now=now,
        )
    )  # fmt: skip


def _breach(
    connection: Connection, rows: list[Any], loaded: Loaded, now: datetime, result: Swept
) -> list[dict[str, Any]]:
    """End the clocks; the lead goes to the next rep, or its rep is reminded under a new clock."""
    run(
        connection,
        "UPDATE tasuki.clock SET breached_at = :now, next_at = NULL WHERE clock_id = ANY(:ids)",
        ids=[row.clock_id for row in rows], now=now,
    )  # fmt: skip
    result.breached = len(rows)
    messages: list[dict[str, Any]] = []
    renewed: list[tuple[int, int, ClockSpec]] = []
    passed_on: list[Any] = []
    for row in rows:
        promise = _promise(row, loaded)
        rep = loaded.team.reps.get(row.rep)
        if rep is not None and (promise.on_breach == "remind" or row.strategy == "escalation"):
            policy = loaded.book.policies.get(row.policy) or loaded.book.policies[loaded.book.otherwise.sla]
            clock = start_clock(policy, row.kind, rep, now)
            renewed.append((row.assignment_id, row.lead_id, clock))
            messages += _tell(row, row.rep, "reminder", loaded, now)
        else:
            passed_on.append(row)
            result.pools.add(row.pool)
        pool = loaded.team.pools.get(row.pool)
        if pool is not None and pool.manager != row.rep:
            messages += _tell(row, pool.manager, "breach", loaded, now)
    if renewed:
        assignments.insert_clocks(connection, renewed, now)
    if passed_on:
        _pass_on(connection, passed_on, now)
    return messages


def _promise(row: Any, loaded: Loaded) -> Promise:
    policy = loaded.book.policies.get(row.policy) or loaded.book.policies[loaded.book.otherwise.sla]
    return policy.accept if row.kind == "accept" else policy.contact


def _pass_on(connection: Connection, rows: list[Any], now: datetime) -> None:
    """End assignments by their breach and put the leads back into the line, at its head."""
    ended = [(row.lead_id, f"{row.kind}_breached") for row in rows]
    assignments.end_for_leads(connection, ended, now)
    assignments.back_in_line(
        connection, [line_row(row, now, f"{row.kind}_breached", hops=row.hops + 1) for row in rows], now
    )
    run(
        connection,
        "UPDATE tasuki.lead l SET lifecycle_stage = 'mql', updated_at = :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint) WHERE l.lead_id = r.id",
        rows=as_json([{"id": row.lead_id} for row in rows]), now=now,
    )  # fmt: skip


def _tell(row: Any, rep_id: str, kind: str, loaded: Loaded, now: datetime) -> list[dict[str, Any]]:
    rep = loaded.team.reps.get(rep_id)
    if rep is None:
        return []
    holder = loaded.team.reps.get(row.rep)
    about = about_lead(
        row.lead_id, leads.decode_state(row.state), row, loaded, now,
        rep=row.rep, rep_name=holder.spec.name.model_dump() if holder else None,
    )  # fmt: skip
    why = why_you(row.rule, row.strategy, row.pool, loaded)
    what = Occasion(
        kind, row.policy, row.kind, f"{row.kind} / {row.policy}", row.due_at, why, step=row.clock_id
    )
    return notice(what, rep, row.assignment_id, about, loaded, now)


def due_reviews(connection: Connection, now: datetime, limit: int = BATCH) -> list[int]:
    """Lock held leads whose review is due and return them."""
    return list(
        run(
            connection,
            "SELECT lead_id FROM tasuki.lead WHERE review_at <= :now AND lifecycle_stage IN ('inquiry', 'nurture')"
            " AND merged_into IS NULL ORDER BY review_at LIMIT :n FOR NO KEY UPDATE SKIP LOCKED",
            now=now, n=limit,
        ).scalars()
    )  # fmt: skip


def due_pools(connection: Connection, now: datetime) -> list[str]:
    """Return the pools that have a lead to place."""
    return list(
        run(
            connection, "SELECT DISTINCT pool FROM tasuki.waiting WHERE look_again_at <= :now", now=now
        ).scalars()
    )
