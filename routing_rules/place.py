"""Place a ready lead: who may take it now, and which of them does."""

from datetime import datetime, timedelta
from typing import Final

from routing_rules.calendars import is_open, next_open
from routing_rules.roster import PoolState, Rep, Team
from routing_rules.strategies import least_loaded, round_robin
from schemas.handover import Offer, Park, Placement, Wait, Waiting
from schemas.rulebook.sla import SlaPolicy
from schemas.rulebook.team import Member

#: A full pool is looked at again after this, even if no freed capacity was noticed.
RECHECK: Final = timedelta(minutes=15)
#: A lead waits for its account's owner at most so long (a weekend); then the pool takes it.
OWNER_WAIT: Final = timedelta(hours=72)
#: A lead that nobody may take any more is shown, and looked at again after this.
STUCK_RECHECK: Final = timedelta(hours=24)


def place(waiting: Waiting, team: Team, policy: SlaPolicy, state: PoolState, now: datetime) -> Placement:
    """Decide who gets `waiting` now, and settle `state` when somebody does.

    The gates come first (present, at work, room, never had this lead); then the strategy chooses. After
    `policy.hops` reps have let it pass, or when every rep of the pool had it, the pool's manager gets it.
    """
    pool = team.pools[waiting.pool]
    able = [m for m in pool.members if m.weight and m.rep not in waiting.had and team.reps[m.rep].spec.active]
    if waiting.hops >= policy.hops or not able:
        return _take(waiting, [Member(rep=pool.manager)], team, state, now, "escalation")
    if waiting.strategy == "owner" and waiting.owner is not None and waiting.owner not in waiting.had:
        placed = _take(waiting, [Member(rep=waiting.owner)], team, state, now, "owner")
        if isinstance(placed, Offer):
            return placed
        is_back_soon = isinstance(placed, Park) and placed.look_again_at - now <= OWNER_WAIT
        if is_back_soon and "closed" in placed.skipped.values():  # an owner who left is never back
            return placed
    strategy = "least_loaded" if waiting.strategy == "owner" else waiting.strategy
    return _take(waiting, pool.members, team, state, now, strategy)


def _take(
    waiting: Waiting, members: list[Member], team: Team, state: PoolState, now: datetime, strategy: str
) -> Placement:
    skipped: dict[str, str] = {}
    candidates: list[Member] = []
    openings: list[datetime] = []
    for member in members:
        rep = team.reps[member.rep]
        why_not = _why_not(waiting, member, rep, state, now)
        if why_not is None:
            candidates.append(member)
            continue
        skipped[member.rep] = why_not
        if why_not in ("closed", "out_of_rotation"):
            opening = next_open(rep.calendar, now, rep.without_offers)
            if opening is not None:
                openings.append(opening)
    if candidates:
        pick = round_robin if strategy == "round_robin" else least_loaded
        rep_id = pick(candidates, state, waiting.lead_id)
        load = state.load(rep_id)
        load.open += 1
        load.today += 1
        return Offer(rep_id, strategy, skipped)
    if "full" in skipped.values() or "day_full" in skipped.values():
        return Wait(min([now + RECHECK, *openings]), skipped)
    if openings:
        return Park(min(openings), "closed", skipped)
    return Park(now + STUCK_RECHECK, "nobody_left", skipped)


def _why_not(waiting: Waiting, member: Member, rep: Rep, state: PoolState, now: datetime) -> str | None:
    """Return the gate that keeps a rep from the lead, or None."""
    if member.weight == 0:
        return "no_weight"
    if not rep.spec.active:
        return "inactive"
    if member.rep in waiting.had:
        return "had_it"
    if not is_open(rep.calendar, now, rep.absences):
        return "closed"
    if rep.is_out(now):
        return "out_of_rotation"
    load = state.load(member.rep)
    if load.open >= rep.spec.capacity.open:
        return "full"
    return "day_full" if load.today >= rep.spec.capacity.per_day else None
