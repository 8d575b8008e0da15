"""The team as it is right now: the rulebook's, with the absences that people and calendar files entered."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.calendars import Span
from routing_rules.roster import Rep, Team
from worker.rulebooks import Loaded
from worker.store import assignments
from worker.store.db import run


def team_now(connection: Connection, loaded: Loaded, now: datetime, *, since: datetime | None = None) -> Team:
    """Return the team with recorded absences laid over the rulebook's, by one statement.

    Args:
        connection: whose transaction sees the absences.
        loaded: the rulebook in force.
        now: absences that are over are left out,
        since: unless they ended after this: for clocks that started back then.

    """
    rows = run(
        connection,
        "SELECT rep, kind, starts_at, ends_at FROM tasuki.absence WHERE removed_at IS NULL AND ends_at > :since",
        since=min(now, since or now),
    ).all()
    return _overlaid(loaded.team, rows)


def _overlaid(team: Team, rows: Iterable[Any]) -> Team:
    away: dict[str, list[Span]] = {}
    out: dict[str, list[Span]] = {}
    for row in rows:
        spans = away if row.kind == "absence" else out
        spans.setdefault(row.rep, []).append((row.starts_at.astimezone(UTC), row.ends_at.astimezone(UTC)))
    changed = {
        rep_id: replace(
            rep,
            absences=tuple(sorted([*rep.absences, *away.get(rep_id, [])])),
            out_of_rotation=tuple(sorted(out.get(rep_id, []))),
        )
        for rep_id in {*away, *out}
        if (rep := team.reps.get(rep_id)) is not None
    }
    return Team({**team.reps, **changed}, team.pools) if changed else team


def reps_at_their_offers(
    connection: Connection, offers: Iterable[Any], team_of: Any
) -> dict[int, Rep | None]:
    """Return, for each offer, its rep as was known when it was made.

    Args:
        connection: of the check.
        offers: rows with assignment_id, rep, offered_at, rulebook_version.
        team_of: rulebook version -> the team by its file.

    """
    offers = list(offers)
    rows = run(
        connection,
        "SELECT a.assignment_id, b.rep, b.kind, b.starts_at, b.ends_at FROM tasuki.assignment a"
        " JOIN tasuki.absence b ON b.rep = a.rep AND b.entered_at <= a.offered_at AND b.starts_at <= a.offered_at"
        " AND b.ends_at > a.offered_at AND (b.removed_at IS NULL OR b.removed_at > a.offered_at)"
        " WHERE a.assignment_id = ANY(:ids)",
        ids=[offer.assignment_id for offer in offers],
    ).all()
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.assignment_id, []).append(row)
    return {
        offer.assignment_id: _overlaid(team_of(offer.rulebook_version), found.get(offer.assignment_id, []))
        .reps.get(offer.rep)
        for offer in offers
    }  # fmt: skip


def move_to_standby(connection: Connection, moved: dict[int, str], now: datetime) -> set[str]:
    """Put leads (lead -> pool) into the line of the pool that stands by; return those pools."""
    for pool in sorted(set(moved.values())):
        run(
            connection,
            "UPDATE tasuki.waiting SET pool = :p, look_again_at = :now, parked = false, reason = 'standby'"
            " WHERE lead_id = ANY(:ids)",
            p=pool, now=now, ids=[lead for lead, to in moved.items() if to == pool],
        )  # fmt: skip
    assignments.end_claims(connection, list(moved), now)
    return set(moved.values())
