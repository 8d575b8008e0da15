"""Flow C: what a rep does with a lead, answered at once: done, or overtaken and by whom."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from routing_rules.sla import start_clock
from schemas.errors import Overtaken, Refused
from schemas.handover import Act
from schemas.rulebook.nurture import RecycleReason
from worker.rulebooks import Loaded
from worker.store import assignments, crm, leads
from worker.store.db import run
from worker.store.rows import ms


@dataclass(frozen=True, slots=True)
class Answer:
    """What an act came to."""

    assignment_id: int
    lead_id: int
    rep: str
    done: str
    #: Pools to hand over again: room appeared, or the lead goes to the next rep.
    pools: frozenset[str] = frozenset()


def act(
    connection: Connection, assignment_id: int, what: Act, loaded: Loaded, now: datetime, *,
    rep: str | None = None, reason: str | None = None, note: str | None = None,
) -> Answer:  # fmt: skip
    """Carry out a rep's act.

    Raises:
        Overtaken: the assignment has ended; the message says how and when.
        Refused: there is no such assignment, it is another rep's, or the reason is not in the rulebook.

    """
    held = _lock(connection, assignment_id)
    if rep is not None and rep != held.rep:
        raise Refused(f"assignment {assignment_id} is {held.rep}'s, not {rep}'s")
    if held.ended_at is not None:
        raise Overtaken(_how_it_ended(connection, held))
    if what == "accept":
        done = _accept(connection, held, loaded, now)
        pools: frozenset[str] = frozenset()
    elif what == "contacted":
        done = _contacted(connection, held, loaded, now)
        pools = frozenset()
    else:
        done, pools = _decline(connection, held, loaded, now, reason, note)
    run(
        connection,
        "INSERT INTO tasuki.act (assignment_id, lead_id, rep, act, reason, note, at)"
        " VALUES (:a, :l, :rep, :act, :reason, :note, :now)",
        a=assignment_id, l=held.lead_id, rep=held.rep, act=what, reason=reason, note=note, now=now,
    )  # fmt: skip
    crm.mark(connection, [held.lead_id] if what != "decline" else [], now)  # a decline ended the assignment
    return Answer(assignment_id, held.lead_id, held.rep, done, pools)


def _lock(connection: Connection, assignment_id: int) -> Any:
    """Lock lead, then assignment: the order that everybody keeps."""
    lead_id = run(
        connection, "SELECT lead_id FROM tasuki.assignment WHERE assignment_id = :a", a=assignment_id
    ).scalar()
    if lead_id is None:
        raise Refused(f"there is no assignment {assignment_id}; see `tasuki handoff list`")
    run(connection, "SELECT 1 FROM tasuki.lead WHERE lead_id = :l FOR NO KEY UPDATE", l=lead_id)
    return run(
        connection, "SELECT * FROM tasuki.assignment WHERE assignment_id = :a FOR UPDATE", a=assignment_id
    ).one()


def _how_it_ended(connection: Connection, held: Any) -> str:
    now_with = run(
        connection,
        "SELECT rep FROM tasuki.assignment WHERE lead_id = :l AND ended_at IS NULL", l=held.lead_id,
    ).scalar()  # fmt: skip
    ended = f"assignment {held.assignment_id} ended ({held.end_reason}) at {held.ended_at:%Y-%m-%d %H:%M} UTC"
    return f"{ended}; the lead is now with {now_with}" if now_with else ended


def _accept(connection: Connection, held: Any, loaded: Loaded, now: datetime) -> str:
    if held.accepted_at is not None:
        return f"already accepted at {held.accepted_at:%Y-%m-%d %H:%M} UTC"
    run(
        connection, "UPDATE tasuki.assignment SET accepted_at = :now WHERE assignment_id = :a",
        a=held.assignment_id, now=now,
    )  # fmt: skip
    assignments.meet_clock(connection, held.assignment_id, "accept", now)
    policy = loaded.book.policies.get(held.sla) or loaded.book.policies[loaded.book.otherwise.sla]
    rep = loaded.team.reps.get(held.rep)
    if rep is not None:
        clock = start_clock(policy, "contact", rep, now)
        assignments.insert_clocks(connection, [(held.assignment_id, held.lead_id, clock)], now)
    _move_lead(connection, held, now, stage="sal", rule="accepted", loaded=loaded)
    run(
        connection,
        "INSERT INTO tasuki.account (account_key, owner, since) SELECT account_key, :rep, :now FROM tasuki.lead"
        " WHERE lead_id = :l AND account_key IS NOT NULL ON CONFLICT (account_key) DO NOTHING",
        rep=held.rep, now=now, l=held.lead_id,
    )  # fmt: skip
    return "accepted"


def _contacted(connection: Connection, held: Any, loaded: Loaded, now: datetime) -> str:
    if held.contacted_at is not None:
        return f"already contacted at {held.contacted_at:%Y-%m-%d %H:%M} UTC"
    if held.accepted_at is None:
        _accept(connection, held, loaded, now)
    run(
        connection, "UPDATE tasuki.assignment SET contacted_at = :now WHERE assignment_id = :a",
        a=held.assignment_id, now=now,
    )  # fmt: skip
    assignments.meet_clock(connection, held.assignment_id, "contact", now)
    return "contacted"


def _decline(
    connection: Connection, held: Any, loaded: Loaded, now: datetime, reason: str | None, note: str | None
) -> tuple[str, frozenset[str]]:
    known = loaded.book.reasons
    if reason is None or reason not in known:
        raise Refused(f"decline needs a reason of nurture.yaml: {', '.join(known)}")
    chosen = known[reason]
    assignments.end_for_leads(connection, [(held.lead_id, "declined")], now)
    run(
        connection, "UPDATE tasuki.assignment SET end_note = :note WHERE assignment_id = :a",
        note=f"{reason}: {note}" if note else reason, a=held.assignment_id,
    )  # fmt: skip
    if chosen.then == "next_rep":
        assignments.back_in_line(connection, [line_row(held, now, "declined", hops=held.hops)], now)
        _move_lead(connection, held, now, stage="mql", rule=f"declined.{reason}", loaded=loaded)
        return "declined; goes to the next rep", frozenset({held.pool})
    if chosen.then == "disqualify":
        _move_lead(connection, held, now, stage="disqualified", rule=f"declined.{reason}", loaded=loaded)
        return "declined; disqualified", frozenset({held.pool})
    _recycle(connection, held, chosen, now, loaded)
    return f"declined; back to nurture{f' on track {chosen.track}' if chosen.track else ''}", frozenset(
        {held.pool}
    )


def line_row(held: Any, now: datetime, reason: str, *, hops: int) -> dict[str, Any]:
    """Return the row that puts a lead back into the line, never to be offered to this rep again."""
    del now
    return {
        "id": held.lead_id, "pool": held.pool, "rule": held.rule,
        "strategy": "least_loaded" if held.strategy in ("owner", "escalation") else held.strategy,
        "sla": held.sla, "ready": ms(held.ready_at), "reason": reason, "had": [*held.had, held.rep],
        "hops": hops, "version": held.rulebook_version,
    }  # fmt: skip


def _recycle(connection: Connection, held: Any, reason: RecycleReason, now: datetime, loaded: Loaded) -> None:
    """Hand the lead back to marketing: on the reason's track, and away from sales for its cool-down."""
    until = now + timedelta(seconds=reason.cool_down)
    run(
        connection,
        "UPDATE tasuki.lead SET recycle_count = recycle_count + 1, recycled_at = :now, cool_down_until = :until,"
        " track = coalesce(:track, track), review_at = :until WHERE lead_id = :l",
        now=now, until=until, track=reason.track or loaded.book.tracks[-1].id, l=held.lead_id,
    )  # fmt: skip
    _move_lead(connection, held, now, stage="nurture", rule=f"declined.{reason.id}", loaded=loaded)


def _move_lead(
    connection: Connection, held: Any, now: datetime, *, stage: str, rule: str, loaded: Loaded
) -> None:
    """Move the lead's lifecycle by a rep's word, and record that as a decision with its inputs."""
    row = leads.read_lead(connection, held.lead_id)
    if row is None:
        raise Refused(f"there is no lead {held.lead_id}")
    if stage == "mql" and row.standing.lifecycle_stage in ("mql", "sal"):
        rule = row.standing.rule or rule
    run(
        connection,
        "UPDATE tasuki.lead SET lifecycle_stage = :stage, rule = :rule, updated_at = :now WHERE lead_id = :l",
        stage=stage, rule=rule, now=now, l=held.lead_id,
    )  # fmt: skip
    leads.insert_decisions(
        connection,
        [{"id": held.lead_id, "now": ms(now), "verdict": "act", "was": row.standing.lifecycle_stage,
          "stage": stage, "rule": rule, "version": loaded.version,
          "reasons": msgspec.json.encode({"act": rule, "rep": held.rep}).decode(),
          "inputs": msgspec.json.encode({"assignment_id": held.assignment_id, "rep": held.rep}).decode()}],
    )  # fmt: skip
