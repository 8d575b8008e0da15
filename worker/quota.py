"""How many offers a rep may decline in a day: the pool's `declines_per_day`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.roster import local_midnight, next_midnight
from schemas.errors import QuotaUsedUp
from worker.rulebooks import Loaded
from worker.store.db import run


def lock_declines(connection: Connection, assignment_id: int) -> None:
    """Let only one decline of this assignment's rep be counted at a time, until the commit.

    Taken before the lead's lock. Who holds a lead never waits for it, so nobody waits in a circle.
    """
    run(
        connection,
        "SELECT pg_advisory_xact_lock(7254192, hashtext(rep)) FROM tasuki.assignment WHERE assignment_id = :a",
        a=assignment_id,
    )


def require_quota(connection: Connection, held: Any, loaded: Loaded, now: datetime) -> None:
    """Refuse a decline when the rep has used up the pool's quota of their present day.

    Raises:
        QuotaUsedUp: with the quota and when it renews.

    """
    pool, rep = loaded.team.pools.get(held.pool), loaded.team.reps.get(held.rep)
    quota = None if pool is None else pool.declines_per_day
    if quota is None or rep is None:
        return
    if quota == 0:
        raise QuotaUsedUp(
            f"leads of {held.pool} cannot be declined (declines_per_day: 0); the lead stays with {held.rep}",
            quota, None,
        )  # fmt: skip
    declined = run(
        connection,
        "SELECT count(*) FROM tasuki.act JOIN tasuki.assignment a USING (assignment_id)"
        " WHERE act.rep = :rep AND act.act = 'decline' AND act.at >= :since AND a.pool = :pool",
        rep=held.rep, pool=held.pool, since=local_midnight(rep, now),
    ).scalar()  # fmt: skip
    if declined >= quota:
        renews_at = next_midnight(rep, now)
        local = renews_at.astimezone(rep.calendar.zone)
        raise QuotaUsedUp(
            f"the quota of {held.pool} is used up ({quota} declined today); it renews at"
            f" {local:%Y-%m-%d %H:%M %Z}; the lead stays with {held.rep}",
            quota, renews_at,
        )  # fmt: skip
