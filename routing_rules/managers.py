"""Who gets a lead that the reps of a pool let pass: the pool's manager, or whom they report to while they are away."""

from collections.abc import Collection
from datetime import datetime, timedelta

from routing_rules.calendars import next_open
from routing_rules.roster import Rep, Team
from schemas.rulebook.team import PoolSpec


def managers_of(pool: PoolSpec, had: Collection[str], team: Team, now: datetime) -> list[str]:
    """Return the pool's manager and, as long as one cannot take a lead, whom they report to; the first goes first.

    One cannot who had the lead, is not active, or is on an absence and back later than the pool's `standby_after`
    from now. A night or a full day is waited for.
    """
    return _up_from(pool.manager, pool, had, team, now)


def takes_over(rep: str, pool: PoolSpec, team: Team, now: datetime) -> bool:
    """Tell whether there is somebody whom `rep` reports to, in turn, who can take what `rep` had."""
    last = _up_from(rep, pool, {rep}, team, now)[-1]
    return not _cannot(team.reps[last], pool, {rep}, now)


def _up_from(rep: str, pool: PoolSpec, had: Collection[str], team: Team, now: datetime) -> list[str]:
    chain = [rep]
    while _cannot(team.reps[chain[-1]], pool, had, now):
        above = team.reps[chain[-1]].spec.reports_to
        if above is None or above in chain or above not in team.reps:
            break
        chain.append(above)
    return chain


def nobody_acts(pool: PoolSpec, team: Team, now: datetime) -> bool:
    """Tell whether the manager is away, everybody whom they report to in turn, and the manager of a stand-by."""
    if not _cannot(team.reps[managers_of(pool, (), team, now)[-1]], pool, (), now):
        return False
    return pool.standby is None or _cannot(team.reps[team.pools[pool.standby].manager], pool, (), now)


def _cannot(rep: Rep, pool: PoolSpec, had: Collection[str], now: datetime) -> bool:
    if rep.spec.id in had or not rep.spec.active:
        return True
    if not rep.is_absent(now):
        return False
    back = next_open(rep.calendar, now, rep.without_offers)
    return back is None or back - now > timedelta(seconds=pool.standby_after)
