"""Two leads that turn out to be one: merged when it is certain, listed when it is not. Reversible, audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from routing_rules.fold import merge
from worker.logs import get_logger
from worker.store import assignments, leads
from worker.store.db import Clash, run
from worker.store.leads import LeadRow

log = get_logger()


@dataclass(frozen=True, slots=True)
class Meeting:
    """One event that names two leads."""

    lead_id: int
    other: int
    because: str


def settle(connection: Connection, meetings: Sequence[Meeting], now: datetime) -> dict[int, int]:
    """Merge each pair that is certainly one person; return gone -> kept.

    It is certain unless the two carry different keys of one producer: then that producer holds them to be
    two people (a shared address, say), and ops decide.
    """
    moved: dict[int, int] = {}
    for meeting in meetings:
        one, other = _follow(moved, meeting.lead_id), _follow(moved, meeting.other)
        if one == other:
            continue
        rows = leads.lock_leads(connection, [one, other])
        # A lead that is new in this very batch has no row yet, only keys: the older one takes it in.
        kept, gone = sorted((one, other), key=lambda lead_id: (lead_id not in rows, lead_id))
        if _certain(connection, kept, gone):
            _merge(connection, rows, kept, gone, meeting.because, now)
            moved[gone] = kept
        else:
            run(
                connection,
                "INSERT INTO tasuki.merge_candidate (lead_a, lead_b, because, seen_at)"
                " VALUES (:a, :b, :because, :now) ON CONFLICT DO NOTHING",
                a=kept, b=gone, because=meeting.because, now=now,
            )  # fmt: skip
    return {gone: _follow(moved, gone) for gone in moved}


def _follow(moved: dict[int, int], lead_id: int) -> int:
    while lead_id in moved:
        lead_id = moved[lead_id]
    return lead_id


def _certain(connection: Connection, kept: int, gone: int) -> bool:
    clash = run(
        connection,
        "SELECT 1 FROM tasuki.lead_key a JOIN tasuki.lead_key b ON a.kind = b.kind AND a.value <> b.value"
        " WHERE a.lead_id = :a AND b.lead_id = :b AND a.kind LIKE 'ma:%' LIMIT 1",
        a=kept, b=gone,
    ).scalar()  # fmt: skip
    return clash is None


def _merge(
    connection: Connection, rows: dict[int, LeadRow], kept: int, gone: int, because: str, now: datetime
) -> None:
    if any(row.merged_into is not None for row in rows.values()):
        raise Clash
    keys = run(
        connection, "UPDATE tasuki.lead_key SET lead_id = :kept WHERE lead_id = :gone RETURNING kind, value",
        kept=kept, gone=gone,
    ).all()  # fmt: skip
    if gone not in rows:
        return
    one, other = rows[kept], rows[gone]
    run(connection, "UPDATE tasuki.event SET lead_id = :kept WHERE lead_id = :gone", kept=kept, gone=gone)
    run(
        connection,
        "INSERT INTO tasuki.lead_merge (kept, merged, at, because, kept_state, merged_state, keys)"
        " VALUES (:kept, :gone, :now, :because, :one, :other, cast(:keys AS jsonb))",
        kept=kept, gone=gone, now=now, because=because, one=one.before, other=other.before,
        keys=msgspec.json.encode([list(key) for key in keys]).decode(),
    )  # fmt: skip
    _move_sales(connection, one, other, now)
    run(
        connection,
        "UPDATE tasuki.lead SET state = :state WHERE lead_id = :kept",
        state=leads.encode_state(merge(one.state, other.state)).decode(), kept=kept,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.lead SET merged_into = :kept, review_at = NULL WHERE lead_id = :gone",
        kept=kept, gone=gone,
    )  # fmt: skip
    log.info("lead.merged", lead_id=kept, reason=because, lead_ids=[kept, gone])


#: How far a lead has come; the further standing survives a merge.
_FURTHER = ("disqualified", "inquiry", "nurture", "lost", "mql", "sal", "sql", "won")


def _move_sales(connection: Connection, one: LeadRow, other: LeadRow, now: datetime) -> None:
    """Keep the further of the two standings with its assignment; end the other's."""
    mine, theirs = (_FURTHER.index(row.standing.lifecycle_stage) for row in (one, other))
    if theirs <= mine:
        assignments.end_for_leads(connection, [(other.lead_id, "merged")], now)
        return
    assignments.end_for_leads(connection, [(one.lead_id, "merged")], now)
    for table in ("waiting", "assignment", "clock"):
        live = (
            ""
            if table == "waiting"
            else " AND ended_at IS NULL"
            if table == "assignment"
            else " AND next_at IS NOT NULL"
        )
        run(
            connection,
            f"UPDATE tasuki.{table} SET lead_id = :kept WHERE lead_id = :gone{live}",  # noqa: S608 - constants
            kept=one.lead_id, gone=other.lead_id,
        )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.lead k SET lifecycle_stage = g.lifecycle_stage, rule = g.rule, owner = g.owner,"
        " track = g.track FROM tasuki.lead g WHERE k.lead_id = :kept AND g.lead_id = :gone",
        kept=one.lead_id, gone=other.lead_id,
    )  # fmt: skip
