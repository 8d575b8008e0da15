"""Flow C: what a rep does with a lead, answered at once: done, or overtaken and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.sla import start_clock
from schemas.errors import NotFound, NotYours, Overtaken, Refused
from schemas.handover import Act
from worker.giving_back import give_back, move_lead
from worker.presence import team_now
from worker.quota import lock_declines
from worker.rulebooks import Loaded, policy_of
from worker.store import assignments, crm, outbox
from worker.store.db import run
from worker.zone import local_day_time


@dataclass(frozen=True, slots=True)
class Answer:
    """What an act came to."""

    assignment_id: int
    lead_id: int
    rep: str
    done: str
    #: Pools to hand over again: room appeared, or the lead goes to the next rep.
    pools: frozenset[str] = frozenset()
    #: What was carried out; declining what was accepted is handing it back.
    act: Act = "accept"
    #: Whether it was done before, so that nothing changed now.
    repeated: bool = False


def act(
    connection: Connection, assignment_id: int, what: Act, loaded: Loaded, now: datetime, *,
    rep: str | None = None, reason: str | None = None, note: str | None = None,
) -> Answer:  # fmt: skip
    """Carry out a rep's act.

    Raises:
        Overtaken: the assignment has ended; the message says how and when.
        Refused: there is no such assignment (NotFound), it is another rep's (NotYours), the reason is not in
            the rulebook (ReasonNeeded), too many were declined (QuotaUsedUp), its opportunity is open (DealOpen), or it was not
            accepted yet.

    """
    gives_back = what in ("decline", "recycle")
    if gives_back:
        lock_declines(connection, assignment_id)
    held = _lock_own(connection, assignment_id, rep)
    if held.ended_at is not None:
        before = _given_back(connection, held) if gives_back else None
        if before is None:
            raise Overtaken(_how_it_ended(connection, held))
        done = f"already {'declined' if before == 'decline' else 'handed back'} at {local_day_time(held.ended_at)}"
        return Answer(assignment_id, held.lead_id, held.rep, done, act=before, repeated=True)
    if what == "decline" and held.accepted_at is not None:
        what = "recycle"
    repeated = (what == "accept" and held.accepted_at is not None) or (
        what == "contacted" and held.contacted_at is not None
    )
    pools: frozenset[str] = frozenset()
    if what == "accept":
        done = _accept(connection, held, loaded, now)
    elif what == "contacted":
        done = _contacted(connection, held, loaded, now)
    elif what in ("attempted", "reached"):
        done = _followed_up(connection, held, loaded, now, reached=what == "reached")
    else:
        done, pools = give_back(connection, held, loaded, now, what, reason, note)
    if repeated:
        return Answer(assignment_id, held.lead_id, held.rep, done, act=what, repeated=True)
    run(
        connection,
        "INSERT INTO tasuki.act (assignment_id, lead_id, rep, act, reason, note, at)"
        " VALUES (:a, :l, :rep, :act, :reason, :note, :now)",
        a=assignment_id, l=held.lead_id, rep=held.rep, act=what, reason=reason, note=note, now=now,
    )  # fmt: skip
    crm.mark(
        connection, [] if gives_back else [held.lead_id], now
    )  # giving back ended the assignment, which marks
    return Answer(assignment_id, held.lead_id, held.rep, done, pools, act=what)


def lock_live(connection: Connection, assignment_id: int, rep: str | None) -> Any:
    """Lock lead, then assignment: the order that everybody keeps.

    Raises:
        Overtaken: the assignment has ended.
        Refused: there is none, or it is not this rep's.

    """
    held = _lock_own(connection, assignment_id, rep)
    if held.ended_at is not None:
        raise Overtaken(_how_it_ended(connection, held))
    return held


def _lock_own(connection: Connection, assignment_id: int, rep: str | None) -> Any:
    held = _lock(connection, assignment_id)
    if rep is not None and rep != held.rep:
        raise NotYours(f"assignment {assignment_id} is {held.rep}'s, not {rep}'s")
    return held


def _lock(connection: Connection, assignment_id: int) -> Any:
    lead_id = run(
        connection, "SELECT lead_id FROM tasuki.assignment WHERE assignment_id = :a", a=assignment_id
    ).scalar()
    if lead_id is None:
        raise NotFound(f"there is no assignment {assignment_id}; see `tasuki handoff list`")
    run(connection, "SELECT 1 FROM tasuki.lead WHERE lead_id = :l FOR NO KEY UPDATE", l=lead_id)
    return run(
        connection, "SELECT * FROM tasuki.assignment WHERE assignment_id = :a FOR UPDATE", a=assignment_id
    ).one()


def _how_it_ended(connection: Connection, held: Any) -> str:
    now_with = run(
        connection,
        "SELECT rep FROM tasuki.assignment WHERE lead_id = :l AND ended_at IS NULL", l=held.lead_id,
    ).scalar()  # fmt: skip
    ended = f"assignment {held.assignment_id} ended ({held.end_reason}) at {local_day_time(held.ended_at)}"
    return f"{ended}; the lead is now with {now_with}" if now_with else ended


def _given_back(connection: Connection, held: Any) -> Act | None:
    """Return the act by which the rep gave the lead back, if that is how the assignment ended."""
    found = run(
        connection,
        "SELECT act FROM tasuki.act WHERE assignment_id = :a AND act IN ('decline', 'recycle') LIMIT 1",
        a=held.assignment_id,
    ).scalar()
    if found is None:
        return None
    return "decline" if found == "decline" else "recycle"


def _accept(connection: Connection, held: Any, loaded: Loaded, now: datetime) -> str:
    if held.accepted_at is not None:
        return f"already accepted at {local_day_time(held.accepted_at)}"
    rep = team_now(connection, loaded, now).reps.get(held.rep)
    if rep is None:  # the sweep is about to give it to somebody else
        raise Refused(f"the rulebook has no rep {held.rep} any more: nobody's contact could be promised")
    run(
        connection, "UPDATE tasuki.assignment SET accepted_at = :now WHERE assignment_id = :a",
        a=held.assignment_id, now=now,
    )  # fmt: skip
    assignments.meet_clock(connection, held.assignment_id, "accept", now)
    outbox.answered(connection, [held.assignment_id], ["accept"])
    clock = start_clock(policy_of(held.sla, loaded), "contact", rep, now)
    assignments.insert_clocks(connection, [(held.assignment_id, held.lead_id, clock)], now)
    move_lead(connection, held, now, stage="sal", rule="accepted", loaded=loaded)
    run(
        connection,
        "INSERT INTO tasuki.account (account_key, owner, since) SELECT account_key, :rep, :now FROM tasuki.lead"
        " WHERE lead_id = :l AND account_key IS NOT NULL ON CONFLICT (account_key) DO NOTHING",
        rep=held.rep, now=now, l=held.lead_id,
    )  # fmt: skip
    return "accepted"


def _contacted(connection: Connection, held: Any, loaded: Loaded, now: datetime) -> str:
    if held.contacted_at is not None:
        return f"already contacted at {local_day_time(held.contacted_at)}"
    if held.accepted_at is None:
        _accept(connection, held, loaded, now)
    run(
        connection, "UPDATE tasuki.assignment SET contacted_at = :now WHERE assignment_id = :a",
        a=held.assignment_id, now=now,
    )  # fmt: skip
    assignments.meet_clock(connection, held.assignment_id, "contact", now)
    outbox.answered(connection, [held.assignment_id], ["accept", "contact"])
    promise = policy_of(held.sla, loaded).follow_up
    rep = team_now(connection, loaded, now).reps.get(held.rep)
    if promise is not None and rep is not None:
        run(
            connection, "UPDATE tasuki.assignment SET follow_ups = :n WHERE assignment_id = :a",
            n=promise.attempts, a=held.assignment_id,
        )  # fmt: skip
        clock = start_clock(policy_of(held.sla, loaded), "follow_up", rep, now)
        assignments.insert_clocks(connection, [(held.assignment_id, held.lead_id, clock)], now)
    return "contacted"


def _followed_up(connection: Connection, held: Any, loaded: Loaded, now: datetime, *, reached: bool) -> str:
    """Count an attempt; it meets the clock that runs, and starts the next while attempts are owed."""
    if held.contacted_at is None:
        done = _contacted(connection, held, loaded, now)  # the first try is the first contact
        if not reached:
            return done
    owed = run(
        connection,
        "UPDATE tasuki.assignment SET attempts = attempts + 1 WHERE assignment_id = :a"
        " RETURNING attempts, follow_ups, followed_up_at",
        a=held.assignment_id,
    ).one()
    if owed.follow_ups == 0 or owed.followed_up_at is not None:
        return "reached; no attempt was owed" if reached else "attempt noted; none was owed"
    assignments.meet_clock(connection, held.assignment_id, "follow_up", now)
    outbox.answered(connection, [held.assignment_id], ["follow_up"])
    policy = policy_of(held.sla, loaded)
    rep = team_now(connection, loaded, now).reps.get(held.rep)
    if reached or owed.attempts >= owed.follow_ups or policy.follow_up is None or rep is None:
        run(
            connection, "UPDATE tasuki.assignment SET followed_up_at = :now WHERE assignment_id = :a",
            a=held.assignment_id, now=now,
        )  # fmt: skip
        return (
            "reached; no more attempts are owed"
            if reached
            else "attempt noted; it was the last that was owed"
        )
    clock = start_clock(policy, "follow_up", rep, now, contacted_at=held.contacted_at or now)
    assignments.insert_clocks(connection, [(held.assignment_id, held.lead_id, clock)], now)
    return f"attempt {owed.attempts} of {owed.follow_ups} noted"
