"""Place a ready lead: who may take it now, and which of them does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from routing_rules import caps
from routing_rules.calendars import is_open, next_open
from routing_rules.managers import managers_of
from routing_rules.roster import PoolState, Rep, Team, can_take
from routing_rules.strategies import Choice, best_match, least_loaded, round_robin
from schemas.handover import ClaimOpen, Offer, Park, Placement, Wait, Waiting
from schemas.rulebook.sla import SlaPolicy
from schemas.rulebook.team import Member, PoolSpec

#: A full pool is looked at again after this, even if no freed capacity was noticed.
RECHECK: Final = timedelta(minutes=15)
#: A lead that nobody may take any more is shown, and looked at again after this.
STUCK_RECHECK: Final = timedelta(hours=24)
#: Why a rep is passed over for now: off at work, or without room.
_OFF: Final = ("closed", "absent", "out_of_rotation")


def place(waiting: Waiting, team: Team, policy: SlaPolicy, state: PoolState, now: datetime) -> Placement:
    """Decide who gets `waiting` now, and settle `state` when somebody does.

    The gates come first (present, at work, room, never had this lead); then the strategy chooses. After
    `policy.hops` reps have let it pass, or when every rep of the pool had it, the pool's manager gets it, or whom
    they report to while they are away for long.
    """
    pool = team.pools[waiting.pool]
    if goes_to_manager(waiting, team, policy):
        turn = [Member(rep=rep) for rep in managers_of(pool, waiting.had, team, now)]
        return _take(waiting, turn, team, state, now, "escalation")
    strategy = waiting.strategy
    if strategy == "owner":
        placed = _to_owner(waiting, team, state, now)
        if placed is not None:
            return placed
    elif strategy == "claim" and (waiting.claim_until is None or now < waiting.claim_until):
        return _to_claim(waiting, pool, team, state, now)
    if strategy in ("owner", "claim"):
        strategy = waiting.terms.then
    return _take(waiting, pool.members, team, state, now, strategy)


def goes_to_manager(waiting: Waiting, team: Team, policy: SlaPolicy) -> bool:
    """Tell whether enough reps let the lead pass, or nobody of the pool is left who could ever take it.

    A manager who had it as a member of the pool does not get it again while somebody is left.
    """
    pool = team.pools[waiting.pool]
    somebody = any(
        member.weight and member.rep not in waiting.had and can_take(team.reps[member.rep].spec)
        for member in pool.members
    )
    return not somebody or (waiting.hops >= policy.hops and pool.manager not in waiting.had)


def _to_owner(waiting: Waiting, team: Team, state: PoolState, now: datetime) -> Placement | None:
    """Give the lead to its owner, or let it wait for one who is back soon; None: the pool takes it."""
    if waiting.owner is None or waiting.owner in waiting.had:
        return None
    placed = _take(waiting, [Member(rep=waiting.owner)], team, state, now, "owner")
    if isinstance(placed, Offer):
        return placed
    is_back_soon = isinstance(placed, Park) and placed.look_again_at - now <= timedelta(
        seconds=waiting.terms.owner_wait_s
    )
    is_off = any(why in _OFF for why in placed.skipped.values())  # an owner who left is never back
    return placed if is_back_soon and is_off else None


def _to_claim(waiting: Waiting, pool: PoolSpec, team: Team, state: PoolState, now: datetime) -> Placement:
    """Open the lead to all who could take it now; the first to claim it gets it."""
    candidates, skipped = gates(waiting, pool.members, team, state, now)
    if not candidates:
        return _hold(skipped, team, state, now)
    until = waiting.claim_until or now + timedelta(seconds=waiting.terms.claim_for_s)
    return ClaimOpen(tuple(member.rep for member in candidates), until, skipped)


def _take(
    waiting: Waiting, members: Sequence[Member], team: Team, state: PoolState, now: datetime, strategy: str
) -> Placement:
    candidates, skipped = gates(waiting, members, team, state, now)
    if not candidates:
        return _hold(skipped, team, state, now)
    choice = _choose(waiting, candidates, team, state, strategy, _absent(waiting, members, skipped))
    take(state, choice.rep, waiting.points, now)
    return Offer(choice.rep, strategy, skipped, choice.considered, choice.shares, choice.missed)


def _choose(
    waiting: Waiting,
    candidates: list[Member],
    team: Team,
    state: PoolState,
    strategy: str,
    absent: list[Member],
) -> Choice:
    if strategy == "round_robin":
        return round_robin(candidates, state, waiting.lead_id, absent)
    if strategy == "best_match":
        return best_match(candidates, state, waiting, team)
    if strategy in ("owner", "escalation"):  # there is nobody to compare with
        return Choice(candidates[0].rep)
    return least_loaded(candidates, state, waiting.lead_id, waiting.terms.by)


def _absent(waiting: Waiting, members: Sequence[Member], skipped: dict[str, str]) -> list[Member]:
    """Return those who miss their turn by an absence and not by being off, full or passed over for good."""
    return [
        member for member in members if skipped.get(member.rep) == "absent" and member.rep not in waiting.had
    ]


def take(state: PoolState, rep: str, points: int, now: datetime) -> None:
    """Count a lead that a rep takes now towards their load."""
    load = state.load(rep)
    load.open += 1
    load.today += 1
    load.value += points
    load.given.append(now)


def gates(
    waiting: Waiting, members: Sequence[Member], team: Team, state: PoolState, now: datetime
) -> tuple[list[Member], dict[str, str]]:
    """Return who may take the lead now, and why the others may not."""
    candidates: list[Member] = []
    skipped: dict[str, str] = {}
    for member in members:
        why_not = _why_not(waiting, member, team.reps[member.rep], state, now)
        if why_not is None:
            candidates.append(member)
        else:
            skipped[member.rep] = why_not
    return candidates, skipped


def free_places(pool: PoolSpec, team: Team, state: PoolState, now: datetime) -> tuple[list[str], int]:
    """Return the members who are at work and have room, and for how many leads in all."""
    able, _ = gates(Waiting(0, pool.id, "", "", "", None), pool.members, team, state, now)
    reps = [member.rep for member in able]
    return reps, sum(team.reps[rep].spec.capacity.open - state.load(rep).open for rep in reps)


def _why_not(waiting: Waiting, member: Member, rep: Rep, state: PoolState, now: datetime) -> str | None:
    """Return the gate that keeps a rep from the lead, or None."""
    if member.weight == 0:
        return "no_weight"
    if not rep.spec.active:
        return "inactive"
    if member.rep in waiting.had:
        return "had_it"
    if not is_open(rep.calendar, now, rep.absences):
        return "absent" if rep.is_absent(now) else "closed"
    if rep.is_out(now):
        return "out_of_rotation"
    load, capacity = state.load(member.rep), rep.spec.capacity
    if load.open >= capacity.open:
        return f"full {load.open}/{capacity.open}"
    if load.today >= capacity.per_day:
        return f"day_full {load.today}/{capacity.per_day}"
    for cap in capacity.caps:
        counted = caps.count(cap, rep.calendar.zone, load.given, now)
        if counted >= cap.at_most:
            return f"cap_{cap.per} {counted}/{cap.at_most}"
    return None


def _hold(skipped: dict[str, str], team: Team, state: PoolState, now: datetime) -> Wait | Park:
    """Say when to look again: at the first opening, or when the first full rep at work has room."""
    soonest: list[datetime] = []
    is_full = False
    for rep_id, why in skipped.items():
        rep = team.reps[rep_id]
        if why in _OFF:
            opening = next_open(rep.calendar, now, rep.without_offers)
        elif why.startswith(("full", "day_full", "cap_")):
            is_full = True
            opening = _room_at(rep, state, now)
        else:
            continue
        if opening is not None:
            soonest.append(opening)
    if is_full:
        return Wait(min(soonest, default=now + STUCK_RECHECK), skipped)
    if soonest:
        return Park(min(soonest), "closed", skipped)
    return Park(now + STUCK_RECHECK, "nobody_left", skipped)


def _room_at(rep: Rep, state: PoolState, now: datetime) -> datetime | None:
    """Return when a full rep can next take a lead: exactly for caps, soon for open leads that may end any time.

    None when a limit of 0 never lets them.
    """
    load, capacity = state.load(rep.spec.id), rep.spec.capacity
    zone = rep.calendar.zone
    if capacity.open == 0 or capacity.per_day == 0:
        return None
    at = now
    if load.open >= capacity.open:
        at = now + RECHECK
    if load.today >= capacity.per_day:
        at = max(at, caps.next_start("day", zone, now))
    for cap in capacity.caps:
        if caps.count(cap, zone, load.given, now) >= cap.at_most:
            free = caps.frees_at(cap, zone, load.given, now)
            if free is None:
                return None
            at = max(at, free)
    return next_open(rep.calendar, at, rep.without_offers)
