"""Flow B: ready leads of one pool are placed with reps, one hand-over a pool at a time."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.place import place
from routing_rules.roster import Load, PoolState, local_midnight
from routing_rules.sla import ClockSpec, start_clock
from schemas.handover import Offer, Park, Wait, Waiting
from worker.logs import get_logger
from worker.notices.compose import about_lead, notice
from worker.rulebooks import Loaded
from worker.store import assignments, crm, leads, outbox
from worker.store.db import run
from worker.store.rows import as_json, ms

log = get_logger()

#: Leads placed in one transaction.
BATCH: Final = 200


@dataclass(slots=True)
class Handed:
    """What one hand-over came to."""

    offered: int = 0
    waiting: int = 0
    parked: int = 0
    #: Whether more leads may be due in this pool.
    more: bool = False
    #: A pool that is no more: its leads moved to this one.
    moved_to: set[str] = field(default_factory=set)


def hand_over(connection: Connection, pool: str, loaded: Loaded, now: datetime) -> Handed:
    """Place the leads of `pool` that are due, the most urgent and then the oldest first."""
    result = Handed()
    if pool not in loaded.team.pools:
        _move_to_fallback(connection, pool, loaded, now, result)
        return result
    members = [member.rep for member in loaded.team.pools[pool].members]
    owners = run(
        connection, "SELECT DISTINCT owner FROM tasuki.waiting WHERE pool = :p AND owner IS NOT NULL", p=pool
    ).scalars()
    reps = {rep for rep in {*members, loaded.team.pools[pool].manager, *owners} if rep in loaded.team.reps}
    assignments.lock_pool(connection, pool, reps)
    rows = _take_due(connection, pool, now)
    if not rows:
        return result
    result.more = len(rows) == BATCH
    state = _pool_state(connection, pool, reps, loaded, now)
    before = dict(state.credit)
    offers: list[tuple[Any, Offer]] = []
    held: list[tuple[Any, Wait | Park]] = []
    for row in rows:
        placement = _place(row, loaded, state, now)
        if isinstance(placement, Offer):
            offers.append((row, placement))
        else:
            held.append((row, placement))
    if offers:
        _save_offers(connection, offers, loaded, now)
    if held:
        _save_held(connection, held, result)
    _save_credit(connection, pool, before, state.credit)
    result.offered = len(offers)
    return result


def _take_due(connection: Connection, pool: str, now: datetime) -> list[Any]:
    """Lock due leads, skipping those that somebody else works on, then read their place in the line."""
    ids = run(
        connection,
        "SELECT w.lead_id FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id)"
        " WHERE w.pool = :p AND w.look_again_at <= :now ORDER BY w.priority DESC, w.ready_at, w.lead_id"
        " LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED",
        p=pool, now=now, n=BATCH,
    ).scalars().all()  # fmt: skip
    if not ids:
        return []
    return list(
        run(
            connection,
            "SELECT w.*, l.state, l.rule AS ready_rule, l.fit_grade, l.engagement, l.buying_stage, l.persona,"
            " ARRAY(SELECT a.rep FROM tasuki.assignment a WHERE a.lead_id = w.lead_id"
            "       AND a.end_reason = 'declined') AS declined_by"
            " FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id) WHERE w.lead_id = ANY(:ids)"
            " AND w.pool = :p ORDER BY w.priority DESC, w.ready_at, w.lead_id FOR UPDATE OF w",
            ids=list(ids), p=pool,
        )
    )  # fmt: skip


def _pool_state(
    connection: Connection, pool: str, reps: set[str], loaded: Loaded, now: datetime
) -> PoolState:
    midnights = {rep: local_midnight(loaded.team.reps[rep], now) for rep in sorted(reps)}
    counted = assignments.loads(connection, midnights)
    credit = run(connection, "SELECT rep, credit FROM tasuki.pool_credit WHERE pool = :p", p=pool)
    return PoolState(
        loads={rep: Load(*counted.get(rep, (0, 0))) for rep in reps},
        credit={row.rep: row.credit for row in credit},
    )


def _place(row: Any, loaded: Loaded, state: PoolState, now: datetime) -> Offer | Wait | Park:
    waiting = Waiting(
        row.lead_id, row.pool, row.rule, row.strategy, row.sla,
        row.owner if row.owner in loaded.team.reps else None, frozenset([*row.had, *row.declined_by]), row.hops,
    )  # fmt: skip
    return place(waiting, loaded.team, _policy(row.sla, loaded), state, now)


def _policy(policy_id: str, loaded: Loaded) -> Any:
    """Return the policy in force under that name, or the default route's when it is gone."""
    policies = loaded.book.policies
    return policies.get(policy_id) or policies[loaded.book.otherwise.sla]


def _save_offers(
    connection: Connection, offers: list[tuple[Any, Offer]], loaded: Loaded, now: datetime
) -> None:
    rows = [
        {"lead": row.lead_id, "rep": offer.rep, "pool": row.pool, "rule": row.rule, "strategy": offer.strategy,
         "sla": _policy(row.sla, loaded).id, "ready": ms(row.ready_at), "had": list(row.had), "hops": row.hops,
         "skipped": offer.skipped, "version": loaded.version}
        for row, offer in offers
    ]  # fmt: skip
    made = run(
        connection,
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, had, hops,"
        " skipped, rulebook_version)"
        " SELECT lead, rep, pool, rule, strategy, sla, to_timestamp(ready / 1000.0), :now,"
        " ARRAY(SELECT json_array_elements_text(had)), hops, skipped, version"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(lead bigint, rep text, pool text, rule text,"
        " strategy text, sla text, ready bigint, had json, hops integer, skipped jsonb, version integer)"
        " RETURNING lead_id, assignment_id",
        rows=as_json(rows), now=now,
    )  # fmt: skip
    assignment_of = {row.lead_id: row.assignment_id for row in made}
    clocks: list[tuple[int, int, ClockSpec]] = []
    messages: list[dict[str, Any]] = []
    for row, offer in offers:
        rep = loaded.team.reps[offer.rep]
        assignment_id = assignment_of[row.lead_id]
        clock = start_clock(_policy(row.sla, loaded), "accept", rep, now)
        clocks.append((assignment_id, row.lead_id, clock))
        about = about_lead(
            row.lead_id, leads.decode_state(row.state),
            {"persona": row.persona, "fit_grade": row.fit_grade, "engagement": row.engagement,
             "buying_stage": row.buying_stage, "ready_because": row.ready_rule},
        )  # fmt: skip
        messages += notice(
            "offer", rep, assignment_id, about, because=f"{row.rule} / {offer.strategy}",
            due_at=clock.due_at, policy=clock.policy,
        )  # fmt: skip
    assignments.insert_clocks(connection, clocks, now)
    outbox.add(connection, messages, now)
    lead_ids = list(assignment_of)
    run(connection, "DELETE FROM tasuki.waiting WHERE lead_id = ANY(:ids)", ids=lead_ids)
    run(
        connection,
        "UPDATE tasuki.lead l SET owner = r.rep, updated_at = :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(lead bigint, rep text) WHERE l.lead_id = r.lead",
        rows=as_json([{"lead": row["lead"], "rep": row["rep"]} for row in rows]), now=now,
    )  # fmt: skip
    crm.mark(connection, lead_ids, now)


def _save_held(connection: Connection, held: list[tuple[Any, Wait | Park]], result: Handed) -> None:
    rows = []
    for row, placement in held:
        parked = isinstance(placement, Park)
        reason = placement.reason if isinstance(placement, Park) else "full"
        rows.append(
            {"id": row.lead_id, "at": ms(placement.look_again_at), "parked": parked, "reason": reason}
        )
        if reason == "nobody_left":
            log.warning("lead.nobody_left", lead_id=row.lead_id, pool=row.pool)
        result.parked += parked
        result.waiting += not parked
    run(
        connection,
        "UPDATE tasuki.waiting w SET look_again_at = to_timestamp(r.at / 1000.0), parked = r.parked,"
        " reason = r.reason FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, at bigint, parked boolean, reason text) WHERE w.lead_id = r.id",
        rows=as_json(rows),
    )


def _save_credit(connection: Connection, pool: str, before: dict[str, int], after: dict[str, int]) -> None:
    changed = [{"rep": rep, "credit": credit} for rep, credit in after.items() if before.get(rep) != credit]
    if changed:
        run(
            connection,
            "INSERT INTO tasuki.pool_credit (pool, rep, credit)"
            " SELECT :p, rep, credit FROM json_to_recordset(cast(:rows AS json)) AS r(rep text, credit bigint)"
            " ON CONFLICT (pool, rep) DO UPDATE SET credit = excluded.credit",
            p=pool, rows=as_json(changed),
        )  # fmt: skip


def _move_to_fallback(
    connection: Connection, pool: str, loaded: Loaded, now: datetime, result: Handed
) -> None:
    """Send the leads of a pool that the rulebook no longer has to the pool that takes everything."""
    fallback = loaded.book.otherwise.pool
    run(
        connection,
        "UPDATE tasuki.waiting SET pool = :to, look_again_at = :now, reason = 'pool_gone' WHERE pool = :p",
        p=pool, to=fallback, now=now,
    )  # fmt: skip
    result.moved_to.add(fallback)
    log.warning("pool.gone", pool=pool, what=fallback)
