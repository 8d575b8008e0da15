"""Promise 6 for caps: recent offers are counted again, by the rulebook of the offer."""

from bisect import bisect_right
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from routing_rules import caps
from routing_rules.roster import Rep
from schemas.rulebook.team import Cap
from worker import rulebooks
from worker.store.db import run

#: The newest offers that are counted again.
RECENT: Final = 2_000


def over_caps(connection: Connection) -> list[str]:
    """Return recent offers with which a rep had more leads in a span than their caps allow."""
    rows = run(
        connection,
        "SELECT assignment_id, rep, offered_at, rulebook_version FROM tasuki.assignment"
        " ORDER BY assignment_id DESC LIMIT :n", n=RECENT,
    ).all()  # fmt: skip
    if not rows:
        return []
    given = _given(connection, sorted({row.rep for row in rows}), min(row.offered_at for row in rows))
    found = []
    for row in rows:
        rep = rulebooks.load(row.rulebook_version).team.reps.get(row.rep)
        if rep is None:
            continue
        until = given[row.rep][: bisect_right(given[row.rep], row.offered_at)]
        over = next((cap for cap in _caps(rep) if _exceeds(cap, rep, until, row.offered_at)), None)
        if over is not None:
            found.append(f"assignment {row.assignment_id} to {row.rep}: over {over.at_most} per {over.per}")
    return found


def _caps(rep: Rep) -> list[Cap]:
    capacity = rep.spec.capacity
    return [Cap(at_most=capacity.per_day, per="day"), *capacity.caps]


def _exceeds(cap: Cap, rep: Rep, given: list[datetime], at: datetime) -> bool:
    return caps.count(cap, rep.calendar.zone, given, at) > cap.at_most


def _given(connection: Connection, reps: list[str], first: datetime) -> dict[str, list[datetime]]:
    """Return all offers that can count towards a cap of one of the recent ones, by rep, the oldest first."""
    rows = run(
        connection,
        "SELECT rep, array_agg(offered_at ORDER BY offered_at) AS at FROM tasuki.assignment"
        " WHERE rep = ANY(:reps) AND offered_at >= :since GROUP BY rep",
        reps=reps, since=first - caps.LONGEST,
    )  # fmt: skip
    return {row.rep: list(row.at) for row in rows}
