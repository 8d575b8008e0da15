"""Who takes over while everybody of a pool is away."""

from datetime import datetime, timedelta

from routing_rules.calendars import is_open
from routing_rules.roster import Rep, Team
from schemas.handover import Park, Placement, Waiting
from schemas.rulebook.sla import SlaPolicy


def stand_in(waiting: Waiting, placed: Placement, team: Team, policy: SlaPolicy, now: datetime) -> str | None:
    """Return the pool that a lead moves to instead of being parked, or None when it stays.

    It moves when its pool names a stand-by, the next opening is further off than `standby_after`, and
    somebody over there is at work who may take it. A lead that waits for its account's owner stays: the
    wait for an owner has a limit of its own. Somebody must be at work, so two pools that stand by for each
    other pass nothing to and fro.
    """
    pool = team.pools[waiting.pool]
    if not isinstance(placed, Park) or placed.reason != "closed" or pool.standby is None:
        return None
    if placed.look_again_at - now <= timedelta(seconds=pool.standby_after):
        return None
    if waiting.strategy == "owner" and waiting.owner is not None and waiting.owner not in waiting.had:
        return None
    other = team.pools[pool.standby]
    takers = [member.rep for member in other.members if member.weight and member.rep not in waiting.had]
    if waiting.hops >= policy.hops:
        takers = [other.manager]
    return other.id if any(_is_at_work(team.reps[rep], now) for rep in takers) else None


def _is_at_work(rep: Rep, now: datetime) -> bool:
    return rep.spec.active and is_open(rep.calendar, now, rep.without_offers)
