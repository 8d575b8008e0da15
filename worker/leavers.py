"""Reps who left (not in the rulebook, or not active) and still hold leads.

An offer that they never accepted goes back into the line at once; it is no breach and no hop. A lead that they
accepted stays, for the talk with the customer is theirs: the pool's manager is told once, and `tasuki doctor`
lists it until somebody ends it, or until its next deadline is missed: then the next rep gets it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.managers import managers_of
from worker.giving_back import line_row
from worker.logs import get_logger
from worker.notices.compose import Occasion
from worker.notices.telling import tell
from worker.presence import team_now
from worker.rulebooks import Loaded, pool_of
from worker.store import assignments, leads, outbox
from worker.store.db import run

log = get_logger()

#: Assignments handled in one transaction.
BATCH: Final = 500


@dataclass(slots=True)
class Left:
    """What one sweep of leavers came to."""

    returned: int = 0
    told: int = 0
    #: Pools whose leads went back into the line.
    pools: set[str] = field(default_factory=set)


def sweep_leavers(connection: Connection, loaded: Loaded, now: datetime) -> Left:
    """Look after the leads of reps who left."""
    result = Left()
    team = team_now(connection, loaded, now)
    gone = holders_who_left(connection, [rep for rep, one in team.reps.items() if one.spec.active])
    if not gone:
        return result
    rows = _lock(connection, gone)
    offered = [row for row in rows if row.accepted_at is None]
    if offered:
        assignments.end_for_leads(connection, [(row.lead_id, "rep_left") for row in offered], now)
        lines = [line_row(row, "rep_left", hops=row.hops) for row in offered]
        assignments.back_in_line(connection, lines, now)
        result.pools = {row.pool for row in offered}
        result.returned = len(offered)
    messages: list[dict[str, Any]] = []
    for row in rows:
        pool = pool_of(row.pool, loaded)
        if row.accepted_at is not None and pool.manager != row.rep:
            what = Occasion("rep_left", row.sla, "contact", f"{row.rep}: rep_left", None)
            for manager in managers_of(pool, (), team, now):
                messages += tell(what, team.reps[manager], row, loaded, now, holder=row.rep)
            result.told += 1
    outbox.add(connection, messages, now)
    if result.returned or result.told:
        log.info("leavers.swept", returned=result.returned, told=result.told)
    return result


def holders_who_left(connection: Connection, active: list[str]) -> list[str]:
    """Return reps who hold live leads and are not active: one step of the index a rep."""
    return list(
        run(
            connection,
            "WITH RECURSIVE holder AS ("
            " (SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL ORDER BY rep LIMIT 1) UNION ALL"
            " SELECT (SELECT a.rep FROM tasuki.assignment a WHERE a.ended_at IS NULL AND a.rep > h.rep"
            "  ORDER BY a.rep LIMIT 1) FROM holder h WHERE h.rep IS NOT NULL)"
            " SELECT rep FROM holder WHERE rep IS NOT NULL AND NOT rep = ANY(:active)",
            active=active,
        ).scalars()
    )


def _lock(connection: Connection, gone: list[str]) -> list[Any]:
    """Lock the leads of those who left, but for the accepted ones that the manager was told of."""
    ids = run(
        connection,
        "SELECT a.assignment_id FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id)"
        " WHERE a.ended_at IS NULL AND a.rep = ANY(:gone) AND (a.accepted_at IS NULL OR NOT EXISTS"
        "  (SELECT 1 FROM tasuki.outbox o WHERE o.assignment_id = a.assignment_id AND o.kind = 'rep_left'))"
        " ORDER BY a.lead_id LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED",
        gone=gone, n=BATCH,
    ).scalars().all()  # fmt: skip
    return list(
        run(
            connection,
            f"SELECT a.*, {leads.JUDGED} FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id)"  # noqa: S608 - a constant
            " WHERE a.assignment_id = ANY(:ids) AND a.ended_at IS NULL ORDER BY a.assignment_id FOR UPDATE OF a",
            ids=list(ids),
        )
    )
