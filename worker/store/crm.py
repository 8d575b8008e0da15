"""What the CRM must know, as rows: marked in the transaction that changes the lead, written later by `worker.crm`.

One row a lead and connection: a new change raises its version, so a burst of changes is one write. What is
written is read from the lead when it is written, never kept here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.settings import settings
from worker.store.db import run
from worker.store.rows import as_json


@dataclass(frozen=True, slots=True)
class Taken:
    """A lead that this worker has to itself to write."""

    lead_id: int
    version: int
    lease: int
    attempts: int
    erase: bool
    object: str | None
    crm_id: str | None
    written: dict[str, str]


def mark(connection: Connection, lead_ids: Iterable[int], now: datetime) -> None:
    """Note that leads must be written to the CRM; one statement, and none when no CRM is configured.

    Args:
        connection: the transaction that changes the leads.
        lead_ids: which; repeats are harmless.
        now: when; they are due at once.

    """
    ids = sorted(set(lead_ids))
    if settings().crm == "none" or not ids:
        return
    _want(connection, ids, now, erase=False)


def erase(connection: Connection, lead_ids: Iterable[int], now: datetime) -> None:
    """Note that leads are erased: their CRM records are dealt with as the mapping's `erase` says.

    To be called in the transaction that erases. What is needed later (the record's id) stands in
    `tasuki.crm_link`, which that transaction leaves alone; it is deleted once the CRM has answered.
    """
    ids = sorted(set(lead_ids))
    if settings().crm == "none" or not ids:
        return
    _want(connection, ids, now, erase=True)


def _want(connection: Connection, ids: list[int], now: datetime, *, erase: bool) -> None:
    run(
        connection,
        "INSERT INTO tasuki.crm_push AS p (connection, lead_id, erase, wanted_at, next_try_at)"
        " SELECT :c, i, :erase, :now, :now FROM unnest(cast(:ids AS bigint[])) AS i ORDER BY i"
        " ON CONFLICT (connection, lead_id) DO UPDATE SET version = p.version + 1, wanted_at = excluded.wanted_at,"
        " erase = p.erase OR excluded.erase, status = 'pending', next_try_at = excluded.next_try_at, attempts = 0",
        c=settings().crm, ids=ids, erase=erase, now=now,
    )  # fmt: skip


def mark_all(connection: Connection, stages: Sequence[str], now: datetime) -> int:
    """Note that every lead in one of these stages, or with a record, must be written; return how many."""
    done = run(
        connection,
        "INSERT INTO tasuki.crm_push AS p (connection, lead_id, wanted_at, next_try_at)"
        " SELECT :c, lead_id, :now, :now FROM tasuki.lead l WHERE merged_into IS NULL AND"
        " (lifecycle_stage = ANY(:stages) OR EXISTS (SELECT 1 FROM tasuki.crm_link k"
        "  WHERE k.connection = :c AND k.lead_id = l.lead_id)) ORDER BY lead_id"
        " ON CONFLICT (connection, lead_id) DO UPDATE SET version = p.version + 1, wanted_at = excluded.wanted_at,"
        " status = 'pending', next_try_at = excluded.next_try_at, attempts = 0",
        c=settings().crm, stages=list(stages), now=now,
    )  # fmt: skip
    return int(done.rowcount)


def retry(connection: Connection, name: str, lead_id: int | None, now: datetime) -> int:
    """Have leads that are refused, waiting or written in part tried at once; return how many."""
    done = run(
        connection,
        "UPDATE tasuki.crm_push SET status = 'pending', next_try_at = :now, attempts = 0 WHERE connection = :c"
        " AND (status IN ('refused', 'pending') OR (status = 'written' AND note IS NOT NULL)) AND (cast(:l AS bigint) IS NULL OR lead_id = :l)",
        c=name, l=lead_id, now=now,
    )  # fmt: skip
    return int(done.rowcount)


def one(connection: Connection, name: str, lead_id: int) -> dict[str, Any]:
    """Return how one lead stands with the CRM."""
    row = run(
        connection, "SELECT * FROM tasuki.v_crm_push WHERE connection = :c AND lead_id = :l", c=name, l=lead_id
    )  # fmt: skip
    return dict(row.mappings().one())


def take(
    connection: Connection, name: str, now: datetime, until: datetime, limit: int, only: int | None = None
) -> list[Taken]:
    """Lease leads that are due, skipping those that another worker takes or writes.

    Args:
        connection: committed before anything is sent.
        name: the connection.
        now: the present.
        until: when the lease of a worker that died ends.
        limit: leads at most.
        only: this lead and no other.

    """
    rows = run(
        connection,
        "UPDATE tasuki.crm_push p SET leased_until = :until, lease = p.lease + 1, attempts = p.attempts + 1"
        " FROM (SELECT connection, lead_id FROM tasuki.crm_push WHERE connection = :c AND next_try_at <= :now"
        "       AND (leased_until IS NULL OR leased_until <= :now)"
        "       AND (cast(:only AS bigint) IS NULL OR lead_id = :only) ORDER BY next_try_at, lead_id LIMIT :n"
        "       FOR UPDATE SKIP LOCKED) d LEFT JOIN tasuki.crm_link l USING (connection, lead_id)"
        " WHERE p.connection = d.connection AND p.lead_id = d.lead_id"
        " RETURNING p.lead_id, p.version, p.lease, p.attempts, p.erase, l.object, l.crm_id, l.written",
        c=name, now=now, until=until, n=limit, only=only,
    )  # fmt: skip
    return sorted(
        (Taken(row.lead_id, row.version, row.lease, row.attempts, row.erase, row.object, row.crm_id,
               row.written or {}) for row in rows),
        key=lambda one: one.lead_id,
    )  # fmt: skip


_FACTS = (
    "SELECT l.lead_id, l.merged_into, l.state, l.lifecycle_stage, l.persona, l.fit, l.fit_grade, l.engagement,"
    " l.buying_stage, l.track, l.rule, l.owner, a.accepted_at, a.contacted_at,"
    " a.offered_at, c.due_at, d.rule AS ready_rule, d.at AS ready_at,"
    " EXISTS (SELECT 1 FROM tasuki.assignment h WHERE h.lead_id = l.lead_id) AS was_with_sales"
    " FROM tasuki.lead l"
    " LEFT JOIN tasuki.assignment a ON a.lead_id = l.lead_id AND a.ended_at IS NULL"
    " LEFT JOIN tasuki.clock c ON c.assignment_id = a.assignment_id AND c.next_at IS NOT NULL"
    " LEFT JOIN LATERAL (SELECT rule, at FROM tasuki.decision WHERE lead_id = l.lead_id AND verdict = 'ready'"
    "                    ORDER BY decision_id DESC LIMIT 1) d ON true"
    " WHERE l.lead_id = ANY(:ids)"
)


def facts(connection: Connection, lead_ids: Sequence[int]) -> dict[int, Any]:
    """Return what there is to tell of leads now, with the live assignment and its clock."""
    return {row.lead_id: row for row in run(connection, _FACTS, ids=list(lead_ids))}


def record(connection: Connection, name: str, results: Sequence[dict[str, Any]], now: datetime) -> int:
    """Record how each lead went, unless somebody else took it since; return how many were ours.

    A lead that changed while it was written stays pending and is due at once.

    Args:
        connection: a transaction of its own.
        name: the connection.
        results: with id, lease, version, status (`written`, `pending`, `refused`, `not_needed`, `erased`),
            error, note, and `next` (ms since 1970) for what is pending.
        now: when.

    """
    done = run(
        connection,
        "UPDATE tasuki.crm_push p SET leased_until = NULL, last_error = r.error, note = r.note,"
        " written_version = CASE WHEN r.status = 'written' THEN r.version ELSE p.written_version END,"
        " written_at = CASE WHEN r.status = 'written' THEN cast(:now AS timestamptz) ELSE p.written_at END,"
        " status = CASE WHEN p.version > r.version THEN 'pending' ELSE r.status END,"
        " attempts = CASE WHEN p.version > r.version OR r.status = 'written' THEN 0 ELSE p.attempts END,"
        " next_try_at = CASE WHEN p.version > r.version THEN cast(:now AS timestamptz)"
        "                    WHEN r.status = 'pending' THEN to_timestamp(r.next / 1000.0) END"
        " FROM (SELECT * FROM json_to_recordset(cast(:rows AS json)) AS x(id bigint, lease bigint, version bigint,"
        "       status text, error text, note text, next bigint) ORDER BY id) r"
        " WHERE p.connection = :c AND p.lead_id = r.id AND p.lease = r.lease",
        c=name, rows=as_json(results), now=now,
    )  # fmt: skip
    return int(done.rowcount)


def set_aside(connection: Connection, name: str, one: Taken, error: str, until: datetime) -> None:
    """Give back the lead at which the CRM went away, to be tried after others, unless it changed meanwhile."""
    run(
        connection,
        "UPDATE tasuki.crm_push SET leased_until = NULL, last_error = :error,"
        " next_try_at = CASE WHEN version > :version THEN next_try_at ELSE :until END"
        " WHERE connection = :c AND lead_id = :l AND lease = :lease AND status = 'pending'",
        c=name, l=one.lead_id, lease=one.lease, version=one.version, error=error, until=until,
    )  # fmt: skip


def release(connection: Connection, name: str, taken: Sequence[Taken], error: str) -> None:
    """Give back what could not be tried because the CRM is away; that is no fault of the leads."""
    run(
        connection,
        "UPDATE tasuki.crm_push p SET leased_until = NULL, last_error = :error, attempts = greatest(attempts - 1, 0)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, lease bigint)"
        " WHERE p.connection = :c AND p.lead_id = r.id AND p.lease = r.lease AND p.status = 'pending'",
        c=name, error=error, rows=as_json([{"id": one.lead_id, "lease": one.lease} for one in taken]),
    )  # fmt: skip
