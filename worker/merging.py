"""Two leads that turn out to be one: merged when it is certain, listed when it is not. Reversible, audited."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from routing_rules.fold import merge
from routing_rules.permission import ruled_out_by_a_rep
from schemas.lead import Standing
from worker import nurturing
from worker.logs import get_logger
from worker.store import assignments, crm, leads
from worker.store.db import Clash, run
from worker.store.leads import LeadRow
from worker.store.rows import as_json

log = get_logger()


@dataclass(frozen=True, slots=True)
class Meeting:
    """One event that names two leads."""

    lead_id: int
    other: int
    because: str


def settle(
    connection: Connection, meetings: Sequence[Meeting], batch: Iterable[int], now: datetime
) -> dict[int, int]:
    """Merge each pair that is certainly one person; return gone -> kept.

    It is certain unless the two carry different keys of one producer: then that producer holds them to be
    two people (a shared address, say), and ops decide; or unless people said that they are two.

    Args:
        connection: the batch's transaction, which has no lead yet.
        meetings: the pairs.
        batch: every lead of the batch: all are locked here by their numbers, the pairs among them.
        now: the instant.

    """
    leads.lock(connection, {*batch, *(one.other for one in meetings)})
    moved: dict[int, int] = {}
    for meeting in meetings:
        one, other = _follow(moved, meeting.lead_id), _follow(moved, meeting.other)
        if one == other:
            continue
        rows = leads.lock_leads(connection, [one, other])
        # A lead that is new in this very batch has no row yet, only keys: the older one takes it in.
        kept, gone = sorted((one, other), key=lambda lead_id: (lead_id not in rows, lead_id))
        if _certain(connection, kept, gone):
            merge_leads(connection, rows, kept, gone, meeting.because, now)
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
        " WHERE a.lead_id = :a AND b.lead_id = :b AND a.kind LIKE 'ma:%'"
        " UNION ALL SELECT 1 FROM tasuki.merge_candidate WHERE settled = 'apart'"
        "  AND (lead_a, lead_b) IN ((:a, :b), (:b, :a)) LIMIT 1",
        a=kept, b=gone,
    ).scalar()  # fmt: skip
    return clash is None


def merge_leads(
    connection: Connection, rows: dict[int, LeadRow], kept: int, gone: int, because: str, now: datetime,
    by: str | None = None,
) -> None:  # fmt: skip
    """Let one lead take in another: keys, events, state, and the further of the two standings.

    Args:
        connection: the transaction.
        rows: the two, locked; one that is new in this very batch has only keys and is not among them.
        kept: which one stays.
        gone: which one is taken in.
        because: the evidence, such as the kind of key that both have.
        now: the instant.
        by: who said so, where people did.

    Raises:
        Clash: one of them was merged by another worker.

    """
    if any(row.merged_into is not None for row in rows.values()):
        raise Clash
    if gone in rows:  # while it still has the keys by which the MA platform knows it
        nurturing.merged_away(connection, gone, now)
    before = run(
        connection, "SELECT kind, value FROM tasuki.lead_key WHERE lead_id = :kept", kept=kept
    ).all()  # fmt: skip
    keys = run(
        connection, "UPDATE tasuki.lead_key SET lead_id = :kept WHERE lead_id = :gone RETURNING kind, value",
        kept=kept, gone=gone,
    ).all()  # fmt: skip
    if gone not in rows:
        return
    one, other = rows[kept], rows[gone]
    merge_id = run(
        connection,
        "INSERT INTO tasuki.lead_merge (kept, merged, at, because, by, kept_state, merged_state, keys, kept_keys)"
        " VALUES (:kept, :gone, :now, :because, :by, :one, :other, cast(:keys AS jsonb), cast(:mine AS jsonb))"
        " RETURNING merge_id",
        kept=kept, gone=gone, now=now, because=because, by=by, one=one.before, other=other.before,
        keys=as_json([list(key) for key in keys]), mine=as_json([list(key) for key in before]),
    ).scalar()  # fmt: skip
    run(
        connection,
        "WITH moved AS (UPDATE tasuki.event SET lead_id = :kept WHERE lead_id = :gone RETURNING source, event_id)"
        " INSERT INTO tasuki.lead_merge_event (merge_id, source, event_id) SELECT :m, source, event_id FROM moved",
        kept=kept, gone=gone, m=merge_id,
    )  # fmt: skip
    _move_sales(connection, one, other, merge_id, now)
    _join_rows(connection, one, other, now)
    crm.mark(connection, [kept, gone], now)  # the one is written; the other's record goes over to it
    log.info("lead.merged", lead_id=kept, reason=because, lead_ids=[kept, gone])


def _join_rows(connection: Connection, one: LeadRow, other: LeadRow, now: datetime) -> None:
    """Let one lead's row say what both said, and the other's that it was taken in."""
    kept, gone = one.lead_id, other.lead_id
    run(
        connection,
        "UPDATE tasuki.lead k SET state = :state, account_key = coalesce(k.account_key, g.account_key),"
        " recycle_count = k.recycle_count + g.recycle_count,"
        " recycled_at = greatest(k.recycled_at, g.recycled_at),"
        " cool_down_until = greatest(k.cool_down_until, g.cool_down_until),"
        " history_until = greatest(k.history_until, g.history_until) FROM tasuki.lead g WHERE k.lead_id = :kept AND g.lead_id = :gone",
        state=leads.encode_state(merge(one.state, other.state)).decode(), kept=kept, gone=gone,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.lead SET merged_into = :kept, review_at = NULL WHERE lead_id = :gone",
        kept=kept, gone=gone,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.merge_candidate SET settled = 'merged', settled_at = :now WHERE settled IS NULL"
        " AND (lead_a, lead_b) IN ((:kept, :gone), (:gone, :kept))",
        now=now, kept=kept, gone=gone,
    )  # fmt: skip


#: How far a lead has come; the further standing survives a merge. What a rep ruled out stays so, unless sales
#: has the other one.
_FURTHER = ("disqualified", "inquiry", "nurture", "lost", "ruled_out", "mql", "sal", "sql", "won")


def _how_far(standing: Standing) -> int:
    return _FURTHER.index("ruled_out" if ruled_out_by_a_rep(standing) else standing.lifecycle_stage)


def _move_sales(connection: Connection, one: LeadRow, other: LeadRow, merge_id: int, now: datetime) -> None:
    """Keep the further of the two standings with its assignment; end the other's. Record both for an undo.

    Of two in the same stage that which a rep holds is the further; and who let either pass let the person pass.
    """
    held = run(
        connection, "SELECT lead_id FROM tasuki.assignment WHERE lead_id = ANY(:ids) AND ended_at IS NULL",
        ids=[one.lead_id, other.lead_id],
    ).scalars().all()  # fmt: skip
    mine, theirs = ((_how_far(row.standing), row.lead_id in held) for row in (one, other))
    moves = theirs > mine
    had = _share_who_had(connection, one.lead_id, other.lead_id)
    run(
        connection,
        "UPDATE tasuki.lead_merge SET standing = jsonb_build_object('moved', cast(:moves AS boolean),"
        " 'kept', (SELECT to_jsonb(s) FROM (SELECT lifecycle_stage, rule, owner, track, recycled_at,"
        "   cool_down_until, history_until FROM tasuki.lead"
        "  WHERE lead_id = :kept) s),"
        " 'had', cast(:had AS jsonb),"
        " 'assignments', (SELECT coalesce(jsonb_agg(assignment_id), '[]') FROM tasuki.assignment"
        "  WHERE lead_id = :gone AND ended_at IS NULL)) WHERE merge_id = :m",
        moves=moves, kept=one.lead_id, gone=other.lead_id, m=merge_id, had=json.dumps(had),
    )  # fmt: skip
    if not moves:
        assignments.end_for_leads(connection, [(other.lead_id, "merged")], now)
        return
    assignments.end_for_leads(connection, [(one.lead_id, "merged")], now)
    move_live(connection, other.lead_id, one.lead_id)
    run(
        connection,
        "UPDATE tasuki.lead k SET lifecycle_stage = g.lifecycle_stage, rule = g.rule, owner = g.owner,"
        " track = g.track FROM tasuki.lead g WHERE k.lead_id = :kept AND g.lead_id = :gone",
        kept=one.lead_id, gone=other.lead_id,
    )  # fmt: skip


def _share_who_had(connection: Connection, one: int, other: int) -> dict[str, list[str]]:
    """Give each of the two, in a line or with a rep, those who let the other pass; return whose they were, for an undo."""
    rows = run(
        connection,
        "SELECT lead_id, unnest(had) AS rep FROM tasuki.waiting WHERE lead_id = ANY(:ids) UNION"
        " SELECT lead_id, unnest(had) FROM tasuki.assignment WHERE lead_id = ANY(:ids) AND ended_at IS NULL"
        " ORDER BY rep",
        ids=[one, other],
    ).all()  # fmt: skip
    whose = {
        name: [row.rep for row in rows if row.lead_id == lead_id]
        for name, lead_id in (("kept", one), ("merged", other))
    }
    had = sorted({row.rep for row in rows})
    if not had:
        return whose
    values = {"had": had, "ids": [one, other]}
    run(
        connection,
        "UPDATE tasuki.waiting SET had = cast(:had AS text[]) WHERE lead_id = ANY(:ids)",
        **values,
    )
    run(  # who holds one is not asked to give it up
        connection,
        "UPDATE tasuki.assignment SET had = array_remove(cast(:had AS text[]), rep)"
        " WHERE lead_id = ANY(:ids) AND ended_at IS NULL",
        **values,
    )
    return whose


def move_live(connection: Connection, from_lead: int, to_lead: int) -> None:
    """Move what lives of a lead with sales, its place in a line, its assignment and clocks, to another lead."""
    for table, live in (
        ("waiting", ""),
        ("assignment", " AND ended_at IS NULL"),
        ("clock", " AND next_at IS NOT NULL"),
        ("escalation", " AND tell_at IS NOT NULL"),
    ):
        run(
            connection,
            f"UPDATE tasuki.{table} SET lead_id = :to WHERE lead_id = :from{live}",  # noqa: S608 - constants
            **{"to": to_lead, "from": from_lead},
        )  # fmt: skip
