"""What of the hand-over needs a hand: leads with reps who left, and lines before pools in which nobody can take."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from routing_rules.counted import counted
from routing_rules.lint.staff import takers
from routing_rules.managers import nobody_acts
from routing_rules.place import goes_to_manager
from worker import line
from worker.leavers import holders_who_left
from worker.now import now
from worker.presence import team_now
from worker.rulebooks import Loaded, policy_of
from worker.store.db import run

#: good, worth a look, or wrong; what was looked at; what was found and how to mend it.
Finding = tuple[str, str, str]
_SHOWN = 10
#: Leads of one line that are looked at.
_LOOKED_AT: Final = 1_000


def staffing(connection: Connection, loaded: Loaded) -> list[Finding]:
    """Return what `tasuki doctor` says of the hand-over."""
    return [
        *_left_behind(connection, loaded),
        *_nobody_there(connection, loaded),
        *_managers_away(connection, loaded, now()),
        *_claims(connection),
    ]


def _left_behind(connection: Connection, loaded: Loaded) -> list[Finding]:
    active = [rep for rep, one in loaded.team.reps.items() if one.spec.active]
    gone = holders_who_left(connection, active)
    if not gone:
        return []
    rows = run(
        connection,
        "SELECT assignment_id, rep FROM tasuki.assignment WHERE ended_at IS NULL AND rep = ANY(:gone)"
        " ORDER BY assignment_id", gone=gone,
    ).all()  # fmt: skip
    numbers = ", ".join(f"{row.assignment_id} ({row.rep})" for row in rows[:_SHOWN])
    one = "assignment" if len(rows) == 1 else "assignments"
    words = (
        f"{counted(len(rows), 'lead is', 'leads are')} with reps who left: {one} {numbers}; hand each on with"
        " `tasuki handoff decline NUMBER --reason CODE`, or have the CRM's outcome end it"
    )
    return [("look", "reps who left", words)]


def _nobody_there(connection: Connection, loaded: Loaded) -> list[Finding]:
    """Find lines before pools in which no member can ever take a lead: their managers get every lead."""
    reps = {rep: one.spec for rep, one in loaded.team.reps.items()}
    waiting = {
        row.pool: row.n
        for row in run(connection, "SELECT pool, count(*) AS n FROM tasuki.waiting GROUP BY pool")
    }
    found: list[Finding] = []
    for pool in loaded.team.pools.values():
        if not takers(pool, reps):
            line = waiting.get(pool.id, 0)
            words = f"nobody of {pool.id} can take a lead, {counted(line, 'waits', 'wait')}; its manager {pool.manager} gets what comes"
            found.append(("bad" if line else "look", "pool", f"{words}: mend its members in team.yaml"))
    return found


def _managers_away(connection: Connection, loaded: Loaded, at: datetime) -> list[Finding]:
    """Find managers who are away with nobody above them: what the reps let pass waits until they are back."""
    team = team_now(connection, loaded, at)
    found: list[Finding] = []
    for pool in team.pools.values():
        if not nobody_acts(pool, team, at):
            continue
        rows = run(
            connection,
            f"SELECT {line.ROW} FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id) WHERE w.pool = :p"  # noqa: S608 - a constant
            " AND (w.hops > 0 OR w.had <> '{}') ORDER BY w.ready_at, w.lead_id LIMIT :n",
            p=pool.id, n=_LOOKED_AT,
        ).all()  # fmt: skip
        stuck = [
            row.lead_id for row in rows
            if goes_to_manager(line.waiting_of(row, set()), team, policy_of(row.sla, loaded))
        ]  # fmt: skip
        wait = (
            f"{counted(len(stuck), 'lead waits', 'leads wait')} for them ({', '.join(map(str, stuck[:_SHOWN]))})"
            if stuck
            else "none waits yet"
        )
        words = (
            f"{pool.manager} manages {pool.id}, is away, and nobody takes over what its reps let pass: {wait};"
            " name `reports_to` of the manager, or another `manager` of the pool, in team.yaml"
        )
        found.append(("bad" if stuck else "look", "manager", words))
    return found


def _claims(connection: Connection) -> list[Finding]:
    open_ = run(connection, "SELECT count(*) FROM tasuki.waiting WHERE reason = 'claimable'").scalar()
    return [("ok", "claims", counted(open_, "lead is", "leads are") + " open to a claim")] if open_ else []
