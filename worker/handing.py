"""Flow B: ready leads of one pool are placed with reps, one hand-over a pool at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.managers import managers_of
from routing_rules.place import free_places, goes_to_manager, place
from routing_rules.roster import PoolState, Team
from routing_rules.standby import stand_in
from schemas.handover import ClaimOpen, Offer, Park, Placement, Wait
from worker import line
from worker.claiming import open_claims
from worker.logs import get_logger
from worker.offering import save_offers
from worker.pool_state import OUTCOMES_COUNT, close_book, loads_of, open_book, read_state, reps_of
from worker.presence import move_to_standby, team_now
from worker.rulebooks import Loaded, policy_of
from worker.store import assignments, locking
from worker.store.db import Clash, run
from worker.store.rows import as_json, ms

log = get_logger()


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
    """Place the leads of `pool` that are due, and those who wait for room where there is some."""
    result = Handed()
    if pool not in loaded.team.pools:
        _move_to_fallback(connection, pool, loaded, now, result)
        return result
    reps = reps_of(connection, pool, loaded, loaded.team)
    locking.lock_pool(connection, pool, reps)
    due, full = line.holds(connection, pool, now)
    if not due and not full:
        return result
    team = team_now(connection, loaded, now)  # absences too, as of the lock
    book = open_book(connection, pool, team, now)
    state = read_state(connection, book, reps, team, now)
    free, places = free_places(team.pools[pool], team, state, now) if full else ([], 0)
    rows, result.more = line.take(connection, pool, loaded, now, free=free, places=places)
    for manager in sorted(_managers(rows, loaded, team, reps, now) - reps):
        if not locking.try_lock_rep(connection, manager):
            raise Clash  # another pool of the same manager has them just now
        reps.add(manager)
        state.loads |= loads_of(connection, {manager}, team, now)
    if any("best_match" in (row.strategy, row.terms.get("then")) for row in rows):
        state.records = assignments.records(connection, reps, now - OUTCOMES_COUNT)
    placed = [(row, _place(row, loaded, team, reps, state, now)) for row in rows]
    moved = _moved_over(placed, loaded, team, reps, now)
    if moved:
        result.moved_to |= move_to_standby(connection, moved, now)
        placed = [(row, one) for row, one in placed if row.lead_id not in moved]
    _save(connection, placed, loaded, team, now, result)
    close_book(connection, pool, book, state)
    return result


def _save(
    connection: Connection, placed: Sequence[tuple[Any, Placement]], loaded: Loaded, team: Team, now: datetime,
    result: Handed,
) -> None:  # fmt: skip
    offers = [(row, one) for row, one in placed if isinstance(one, Offer)]
    claims = [(row, one) for row, one in placed if isinstance(one, ClaimOpen)]
    held = [(row, one) for row, one in placed if isinstance(one, Wait | Park)]
    if offers:
        save_offers(connection, offers, loaded, team, now)
    if claims:
        open_claims(connection, claims, loaded, team, now)
    if held:
        _save_held(connection, held, result)
    result.offered = len(offers)
    result.waiting += len(claims)


def _place(
    row: Any, loaded: Loaded, team: Team, reps: set[str], state: PoolState, now: datetime
) -> Placement:
    return place(line.waiting_of(row, reps), team, policy_of(row.sla, loaded), state, now)


def _moved_over(
    placed: Sequence[tuple[Any, Placement]], loaded: Loaded, team: Team, reps: set[str], now: datetime
) -> dict[int, str]:
    """Return lead -> pool for leads that a pool on stand-by takes over."""
    moved = {}
    for row, one in placed:
        over = stand_in(line.waiting_of(row, reps), one, team, policy_of(row.sla, loaded), now)
        if over is not None:
            moved[row.lead_id] = over
    return moved


def _managers(rows: Sequence[Any], loaded: Loaded, team: Team, reps: set[str], now: datetime) -> set[str]:
    """Return the managers whom leads of the line may go to now."""
    found: set[str] = set()
    for row in rows:
        waiting = line.waiting_of(row, reps)
        if goes_to_manager(waiting, team, policy_of(row.sla, loaded)):
            found.update(managers_of(team.pools[row.pool], waiting.had, team, now))
    return found


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
    moved = run(
        connection,
        "UPDATE tasuki.waiting SET pool = :to, look_again_at = :now, reason = 'pool_gone' WHERE pool = :p"
        " AND lead_id = ANY(:ids) RETURNING lead_id",
        p=pool, to=fallback, now=now, ids=locking.lock_line(connection, [pool]),
    ).scalars()  # fmt: skip
    assignments.end_claims(connection, list(moved), now)
    result.moved_to.add(fallback)
    log.warning("pool.gone", pool=pool, what=fallback)
