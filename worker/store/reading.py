"""What the commands show: read only."""

from typing import Any

from sqlalchemy import Connection

from schemas.errors import NotFound, Refused
from worker.store.db import run
from worker.store.rows import NOW_AS


def find_lead(connection: Connection, who: str) -> int:
    """Return the lead of a number, an e-mail address or a producer's key.

    Raises:
        Refused: when none, or more than one, is known by it.

    """
    if who.isascii() and who.isdigit() and len(who) < 19:  # noqa: PLR2004 - a bigint
        found = run(
            connection,
            f"{NOW_AS.format(start=':i')} SELECT id FROM now_as WHERE merged_into IS NULL",  # noqa: S608
            i=int(who),
        ).scalar()  # fmt: skip
        if found is not None:
            return int(found)
    rows = run(
        connection,
        "SELECT DISTINCT k.lead_id FROM tasuki.lead_key k WHERE k.value = :v OR (k.kind = 'email' AND k.value = :e)",
        v=who, e=who.strip().lower(),
    ).scalars().all()  # fmt: skip
    if not rows:
        raise unknown_lead(who)
    if len(rows) > 1:
        raise Refused(f"{who!r} names several leads: {', '.join(str(row) for row in rows)}; use the number")
    return int(rows[0])


def unknown_lead(who: str) -> NotFound:
    """Return the refusal of a lead that nobody knows: what a lead is found by, and where they are listed."""
    return NotFound(
        f"no lead is known as {who!r}; give its number, its whole e-mail address, or the producer's own key."
        " `tasuki handoff list` and `tasuki account show DOMAIN` list leads,"
        " `tasuki quarantine list` events that were not understood"
    )


def one_lead(connection: Connection, lead_id: int) -> dict[str, Any]:
    """Return the row of `v_lead` and what stands beside it."""
    lead = run(connection, "SELECT * FROM tasuki.v_lead WHERE lead_id = :i", i=lead_id).mappings().one()
    extra = run(
        connection,
        "SELECT rule, review_at, cool_down_until, recycle_count, created_at FROM tasuki.lead WHERE lead_id = :i",
        i=lead_id,
    ).mappings().one()  # fmt: skip
    return {
        **lead,
        **extra,
        "keys": [list(row) for row in run(
            connection, "SELECT kind, value FROM tasuki.lead_key WHERE lead_id = :i ORDER BY 1, 2", i=lead_id
        )],
        "waiting": waiting(connection, lead_id),
        "assignments": _rows(connection, "SELECT * FROM tasuki.v_assignment WHERE lead_id = :i"
                             " ORDER BY assignment_id", lead_id),
        "clocks": _rows(connection, "SELECT * FROM tasuki.v_clock WHERE lead_id = :i ORDER BY clock_id", lead_id),
        "events": _rows(connection, "SELECT * FROM tasuki.v_event WHERE lead_id = :i"
                        " ORDER BY occurred_at DESC LIMIT 20", lead_id),
    }  # fmt: skip


def _rows(connection: Connection, sql: str, lead_id: int) -> list[dict[str, Any]]:
    return [dict(row) for row in run(connection, sql, i=lead_id).mappings()]


def waiting(connection: Connection, lead_id: int) -> dict[str, Any] | None:
    """Return a lead's place in the line of a pool, or None where it is in none."""
    row = run(
        connection,
        "SELECT pool, rule, sla, reason, parked, ready_at, look_again_at, hops FROM tasuki.waiting WHERE lead_id = :i",
        i=lead_id,
    ).mappings().one_or_none()  # fmt: skip
    return None if row is None else dict(row)


def decisions(connection: Connection, lead_id: int) -> list[dict[str, Any]]:
    """Return all decisions on a lead (and on leads merged into it), the oldest first."""
    return _rows(
        connection,
        "SELECT d.decision_id, d.lead_id, d.at, d.verdict, d.from_stage, d.to_stage, d.rule, d.reasons, d.inputs,"
        " d.rulebook_version FROM tasuki.decision d JOIN tasuki.lead l USING (lead_id)"
        " WHERE d.lead_id = :i OR l.merged_into = :i ORDER BY d.decision_id",
        lead_id,
    )


def one_handoff(connection: Connection, assignment_id: int) -> dict[str, Any]:
    """Return an assignment with its clocks, what became of their deadlines, and what its rep did.

    Raises:
        Refused: when there is none.

    """
    row = run(
        connection,
        "SELECT v.*, a.attempts, a.follow_ups, a.followed_up_at, a.end_note, a.hops FROM tasuki.v_assignment v"
        " JOIN tasuki.assignment a USING (assignment_id) WHERE assignment_id = :i",
        i=assignment_id,
    ).mappings().one_or_none()  # fmt: skip
    if row is None:
        raise Refused(f"there is no assignment {assignment_id}; see `tasuki handoff list`")
    return {
        **row,
        "clocks": _rows(
            connection,
            "SELECT kind, policy, started_at, warn_at, due_at, met_at, breached_at, cancelled_at, paused_until,"
            " round(raw_s) AS raw_s, round(business_s) AS business_s FROM tasuki.v_clock WHERE assignment_id = :i"
            " ORDER BY clock_id",
            assignment_id,
        ),
        "moved_deadlines": _rows(
            connection,
            "SELECT c.kind, m.at, m.why, m.old_due_at, m.new_due_at FROM tasuki.v_clock_change m"
            " JOIN tasuki.clock c USING (clock_id) WHERE m.assignment_id = :i ORDER BY m.change_id",
            assignment_id,
        ),
        "pauses": _rows(
            connection,
            "SELECT c.kind, p.reason, p.note, p.paused_by, p.paused_at, p.until_at, p.resumed_at"
            " FROM tasuki.clock_pause p JOIN tasuki.clock c USING (clock_id) WHERE c.assignment_id = :i"
            " ORDER BY p.pause_id",
            assignment_id,
        ),
        "acts": _rows(
            connection,
            "SELECT act, reason, note, at, link_channel FROM tasuki.act WHERE assignment_id = :i ORDER BY act_id",
            assignment_id,
        ),
        "told_in_turn": _rows(
            connection,
            "SELECT kind, step, rep, tell_at, told_at, needless_at FROM tasuki.escalation WHERE assignment_id = :i"
            " ORDER BY escalation_id",
            assignment_id,
        ),
    }  # fmt: skip


def handoffs(
    connection: Connection, *, rep: str | None, pool: str | None, everything: bool, limit: int
) -> list[dict[str, Any]]:
    """Return assignments with the clock that runs, the most urgent first."""
    return [
        dict(row)
        for row in run(
            connection,
            "SELECT a.assignment_id, a.lead_id, l.email, l.company, a.rep, a.pool, a.rule, a.strategy, a.offered_at,"
            " a.accepted_at, a.contacted_at, a.ended_at, a.end_reason, c.kind AS clock, c.due_at, c.warned_at"
            " FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id)"
            " LEFT JOIN tasuki.clock c ON c.assignment_id = a.assignment_id AND c.next_at IS NOT NULL"
            " WHERE (cast(:rep AS text) IS NULL OR a.rep = :rep) AND (cast(:pool AS text) IS NULL OR a.pool = :pool)"
            " AND (:everything OR a.ended_at IS NULL)"
            " ORDER BY a.ended_at IS NOT NULL, c.due_at NULLS LAST, a.assignment_id LIMIT :n",
            rep=rep, pool=pool, everything=everything, n=limit,
        ).mappings()
    ]  # fmt: skip


def standing(connection: Connection, assignment_id: int) -> dict[str, Any]:
    """Return how an assignment stands: its end, the clock that runs, who has the lead now, whether it waits."""
    return dict(
        run(
            connection,
            "SELECT a.assignment_id, a.lead_id, a.rep, a.pool, a.accepted_at, a.contacted_at, a.ended_at,"
            " a.end_reason, c.kind AS clock, c.due_at, n.rep AS now_with, w.lead_id IS NOT NULL AS waits"
            " FROM tasuki.assignment a"
            " LEFT JOIN LATERAL (SELECT kind, due_at FROM tasuki.clock"
            "  WHERE assignment_id = a.assignment_id AND next_at IS NOT NULL ORDER BY due_at LIMIT 1) c ON true"
            " LEFT JOIN tasuki.assignment n ON n.lead_id = a.lead_id AND n.ended_at IS NULL"
            " LEFT JOIN tasuki.waiting w ON w.lead_id = a.lead_id WHERE a.assignment_id = :a",
            a=assignment_id,
        ).mappings().one()
    )  # fmt: skip


def ready_rule(connection: Connection, lead_id: int) -> str | None:
    """Return the rule by which a lead was found sales-ready the last time."""
    found = run(
        connection,
        "SELECT rule FROM tasuki.decision WHERE lead_id = :i AND verdict = 'ready' ORDER BY decision_id DESC LIMIT 1",
        i=lead_id,
    ).scalar()
    return None if found is None else str(found)
