"""Make offers of placements: the assignment, its turn in the ledger, and the end of the lead's wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.roster import Team
from routing_rules.sla import ClockSpec, start_clock
from schemas.handover import Offer
from worker.notices.compose import Occasion
from worker.notices.telling import tell
from worker.rulebooks import Loaded, policy_of
from worker.store import assignments, crm, outbox, turns
from worker.store.db import run
from worker.store.rows import as_json, ms

#: A row of the line with its lead, and where it goes.
Placed = tuple[Any, Offer]


def save_offers(
    connection: Connection, offers: Sequence[Placed], loaded: Loaded, team: Team, now: datetime
) -> None:
    """Write offers with their accept clocks and notices."""
    assignment_of = insert_assignments(connection, offers, loaded, now)
    clocks: list[tuple[int, int, ClockSpec]] = []
    messages: list[dict[str, Any]] = []
    for row, offer in offers:
        rep = team.reps[offer.rep]
        assignment_id = assignment_of[row.lead_id]
        clock = start_clock(policy_of(row.sla, loaded), "accept", rep, now)
        clocks.append((assignment_id, row.lead_id, clock))
        what = Occasion("offer", clock.policy, "accept", f"{row.rule} / {offer.strategy}", clock.due_at)
        messages += tell(what, rep, row, loaded, now, assignment_id=assignment_id, strategy=offer.strategy)
    assignments.insert_clocks(connection, clocks, now)
    outbox.add(connection, messages, now)


def insert_assignments(
    connection: Connection, offers: Sequence[Placed], loaded: Loaded, now: datetime
) -> dict[int, int]:
    """Write assignments and their turns, and take the leads out of the line; return lead -> assignment."""
    rows = [
        {"lead": row.lead_id, "rep": offer.rep, "pool": row.pool, "rule": row.rule, "strategy": offer.strategy,
         "sla": policy_of(row.sla, loaded).id, "ready": ms(row.ready_at), "had": list(row.had), "hops": row.hops,
         "skipped": offer.skipped, "considered": offer.considered, "value": row.value, "points": row.points,
         "terms": row.terms, "version": loaded.version}
        for row, offer in offers
    ]  # fmt: skip
    made = run(
        connection,
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, had, hops,"
        " skipped, considered, value, points, terms, rulebook_version)"
        " SELECT lead, rep, pool, rule, strategy, sla, to_timestamp(ready / 1000.0), :now,"
        " ARRAY(SELECT json_array_elements_text(had)), hops, skipped, considered, value, points, terms, version"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(lead bigint, rep text, pool text, rule text,"
        " strategy text, sla text, ready bigint, had json, hops integer, skipped jsonb, considered jsonb,"
        " value text, points integer, terms jsonb, version integer)"
        " RETURNING lead_id, assignment_id",
        rows=as_json(rows), now=now,
    )  # fmt: skip
    assignment_of = {row.lead_id: row.assignment_id for row in made}
    turns.record_taken(
        connection,
        [{"pool": row.pool, "rep": offer.rep, "amount": -sum(offer.shares.values()), "shares": offer.shares,
          "missed": offer.missed, "lead": row.lead_id, "assignment": assignment_of[row.lead_id]}
         for row, offer in offers], now,
    )  # fmt: skip
    assignments.leave_line(
        connection, list(assignment_of), now, {row.lead_id: offer.rep for row, offer in offers}
    )
    run(
        connection,
        "UPDATE tasuki.lead l SET owner = r.rep, updated_at = :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(lead bigint, rep text) WHERE l.lead_id = r.lead",
        rows=as_json([{"lead": row["lead"], "rep": row["rep"]} for row in rows]), now=now,
    )  # fmt: skip
    crm.mark(connection, list(assignment_of), now)
    return assignment_of
