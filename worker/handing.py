"""Flow B: ready leads of one pool are placed with reps, one hand-over a pool at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from routing_rules.place import goes_to_manager, place
from routing_rules.roster import PoolState, Team
from routing_rules.standby import stand_in
from schemas.handover import ClaimOpen, Offer, Park, Placement, Terms, Wait, Waiting
from worker.claiming import open_claims
from worker.logs import get_logger
from worker.offering import policy_of, save_offers
from worker.pool_state import close_book, open_book, read_state, reps_of
from worker.presence import move_to_standby, team_now
from worker.rulebooks import Loaded
from worker.store import assignments
from worker.store.db import Clash, run
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
    #: Pools whose line leads moved to: their own is no more, or everybody there is away.
    moved_to: set[str] = field(default_factory=set)


def hand_over(connection: Connection, pool: str, loaded: Loaded, now: datetime) -> Handed:
    """Place the leads of `pool` that are due: the highest lane first, and in a lane the oldest."""
    result = Handed()
    if pool not in loaded.team.pools:
        _move_to_fallback(connection, pool, loaded, now, result)
        return result
    reps = reps_of(connection, pool, loaded, loaded.team)
    assignments.lock_pool(connection, pool, reps)
    team = team_now(connection, loaded, now)  # absences too, as of the lock
    rows = _take_due(connection, pool, loaded, now)
    if not rows:
        return result
    result.more = len(rows) == BATCH
    manager = team.pools[pool].manager
    if manager not in reps and any(_goes_to_manager(row, loaded, team, reps) for row in rows):
        if not assignments.try_lock_rep(connection, manager):
            raise Clash  # another pool of the same manager has them just now
        reps.add(manager)
    book = open_book(connection, pool, team, now)
    is_matched = any("best_match" in (row.strategy, row.terms.get("then")) for row in rows)
    state = read_state(connection, book, reps, team, now, records=is_matched)
    placed = [(row, _place(row, loaded, team, reps, state, now)) for row in rows]
    moved = _moved_over(placed, loaded, team, reps, now)
    if moved:
        result.moved_to |= move_to_standby(connection, moved, now)
        placed = [(row, one) for row, one in placed if row.lead_id not in moved]
    offers = [(row, one) for row, one in placed if isinstance(one, Offer)]
    claims = [(row, one) for row, one in placed if isinstance(one, ClaimOpen)]
    held = [(row, one) for row, one in placed if isinstance(one, Wait | Park)]
    if offers:
        save_offers(connection, offers, loaded, team, now)
    if claims:
        open_claims(connection, claims, loaded, team, now)
    if held:
        _save_held(connection, held, result)
    close_book(connection, pool, book, state)
    result.offered = len(offers)
    result.waiting += len(claims)
    return result


def _take_due(connection: Connection, pool: str, loaded: Loaded, now: datetime) -> list[Any]:
    """Lock due leads, skipping those that somebody else works on, then read their place in the line.

    A lead rises one lane in so much time, so that no lane waits for ever behind a busier one.
    """
    ids = run(
        connection,
        "SELECT w.lead_id FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id)"
        " WHERE w.pool = :p AND w.look_again_at <= :now"
        " ORDER BY least(9, w.priority + floor(extract(epoch FROM :now - w.ready_at) / :rise)) DESC,"
        " w.ready_at, w.lead_id LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED",
        p=pool, now=now, n=BATCH, rise=loaded.book.source.routing.rise_after,
    ).scalars().all()  # fmt: skip
    if not ids:
        return []
    rows = run(
        connection,
        "SELECT w.*, l.state, l.rule AS ready_rule, l.fit_grade, l.engagement, l.buying_stage, l.persona,"
        " ARRAY(SELECT a.rep FROM tasuki.assignment a WHERE a.lead_id = w.lead_id"
        "       AND a.end_reason = 'declined') AS declined_by,"
        " CASE WHEN w.strategy = 'owner' AND w.owner IS NULL THEN (SELECT a.rep FROM tasuki.assignment a"
        "       WHERE a.lead_id = w.lead_id AND a.accepted_at IS NOT NULL"
        "       ORDER BY a.assignment_id DESC LIMIT 1) END AS former_owner"
        " FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id) WHERE w.lead_id = ANY(:ids)"
        " AND w.pool = :p AND w.look_again_at <= :now FOR UPDATE OF w",
        ids=list(ids), p=pool, now=now,
    )  # fmt: skip
    place_of = {lead_id: place for place, lead_id in enumerate(ids)}
    return sorted(rows, key=lambda row: place_of[row.lead_id])


def _place(
    row: Any, loaded: Loaded, team: Team, reps: set[str], state: PoolState, now: datetime
) -> Placement:
    return place(waiting_of(row, reps), team, policy_of(row.sla, loaded), state, now)


def _moved_over(
    placed: Sequence[tuple[Any, Placement]], loaded: Loaded, team: Team, reps: set[str], now: datetime
) -> dict[int, str]:
    """Return lead -> pool for leads that a pool on stand-by takes over."""
    moved = {}
    for row, one in placed:
        over = stand_in(waiting_of(row, reps), one, team, policy_of(row.sla, loaded), now)
        if over is not None:
            moved[row.lead_id] = over
    return moved


def _goes_to_manager(row: Any, loaded: Loaded, team: Team, reps: set[str]) -> bool:
    return goes_to_manager(waiting_of(row, reps), team, policy_of(row.sla, loaded))


def waiting_of(row: Any, reps: set[str]) -> Waiting:
    """Return a row of the line as the judgement reads it; an owner whom nobody locked is none."""
    terms = msgspec.convert(row.terms, Terms)
    owner = row.owner or (row.former_owner if terms.former else None)
    return Waiting(
        row.lead_id, row.pool, row.rule, row.strategy, row.sla, owner if owner in reps else None,
        frozenset([*row.had, *row.declined_by]), row.hops, terms, row.points, row.persona, row.claim_until,
    )  # fmt: skip


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


def _move_to_fallback(
    connection: Connection, pool: str, loaded: Loaded, now: datetime, result: Handed
) -> None:
    """Send the leads of a pool that the rulebook no longer has to the pool that takes everything."""
    fallback = loaded.book.otherwise.pool
    run(
        connection,
        "UPDATE tasuki.waiting SET pool = :to, look_again_at = :now, reason = 'pool_gone', claim_until = NULL,"
        " claim_reps = '{}' WHERE pool = :p",
        p=pool, to=fallback, now=now,
    )  # fmt: skip
    result.moved_to.add(fallback)
    log.warning("pool.gone", pool=pool, what=fallback)
