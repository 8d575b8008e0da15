"""Flow C: what a rep does with a lead, answered at once: done, or overtaken and by whom."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from routing_rules.judge import judge
from routing_rules.sla import start_clock
from schemas.errors import NotFound, NotYours, Overtaken, ReasonNeeded, Refused
from schemas.handover import Act
from schemas.rulebook.nurture import RecycleReason
from worker import nurturing
from worker.presence import team_now
from worker.quota import lock_declines, require_quota
from worker.rulebooks import Loaded, policy_of
from worker.store import assignments, crm, leads, outbox, tracks, turns
from worker.store.db import run
from worker.store.rows import ms
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
            the rulebook (ReasonNeeded), too many were declined (QuotaUsedUp), or it was not accepted yet.

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
        done, pools = _give_back(connection, held, loaded, now, what, reason, note)
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
    _move_lead(connection, held, now, stage="sal", rule="accepted", loaded=loaded)
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


def _give_back(
    connection: Connection, held: Any, loaded: Loaded, now: datetime, what: Act, reason: str | None, note: str | None
) -> tuple[str, frozenset[str]]:  # fmt: skip
    """Decline an offer, or hand back what was accepted; what follows is the reason's `then` in both cases."""
    ended = "declined" if what == "decline" else "recycled"
    if what == "recycle" and held.accepted_at is None:
        raise Refused(f"assignment {held.assignment_id} was not accepted yet; decline it")
    known = loaded.book.reasons
    if reason is None or reason not in known:
        raise ReasonNeeded(f"{what} needs a reason of nurture.yaml: {', '.join(known)}")
    if what == "decline":
        require_quota(connection, held, loaded, now)
    chosen = known[reason]
    if chosen.gives_turn_back:
        turns.give_back(connection, held.assignment_id, reason, now)
    freed = frozenset(assignments.end_for_leads(connection, [(held.lead_id, ended)], now))
    run(
        connection, "UPDATE tasuki.assignment SET end_note = :note WHERE assignment_id = :a",
        note=f"{reason}: {note}" if note else reason, a=held.assignment_id,
    )  # fmt: skip
    rule, said = f"{ended}.{reason}", "declined" if what == "decline" else "handed back"
    if chosen.then == "next_rep":
        assignments.back_in_line(connection, [line_row(held, now, ended, hops=held.hops)], now)
        _move_lead(connection, held, now, stage="mql", rule=rule, loaded=loaded)
        return f"{said}; goes to the next rep", freed
    if chosen.then == "disqualify":
        _move_lead(connection, held, now, stage="disqualified", rule=rule, loaded=loaded)
        return f"{said}; disqualified", freed
    _recycle(connection, held, chosen, now, loaded, rule)
    track = f" on track {chosen.track}" if chosen.track else " where it was"
    return f"{said}; back to nurture{track}", freed


def line_row(held: Any, now: datetime, reason: str, *, hops: int) -> dict[str, Any]:
    """Return the row that puts a lead back into the line, never to be offered to this rep again."""
    del now
    return {
        "id": held.lead_id, "pool": held.pool, "rule": held.rule,
        "strategy": "least_loaded" if held.strategy in ("owner", "escalation") else held.strategy,
        "sla": held.sla, "ready": ms(held.ready_at), "reason": reason, "had": [*held.had, held.rep],
        "hops": hops, "version": held.rulebook_version,
    }  # fmt: skip


def _recycle(
    connection: Connection, held: Any, reason: RecycleReason, now: datetime, loaded: Loaded, rule: str
) -> None:
    """Hand the lead back to marketing, away from sales for its cool-down: on the reason's track, else where it was."""
    until = now + timedelta(seconds=reason.cool_down)
    track = reason.track or _where_it_was(connection, held.lead_id, loaded)
    run(
        connection,
        "UPDATE tasuki.lead SET recycle_count = recycle_count + 1, recycled_at = :now, cool_down_until = :until,"
        " track = coalesce(:track, track), review_at = :review WHERE lead_id = :l",
        now=now, until=until, track=track, l=held.lead_id,
        review=_next_look(connection, held.lead_id, track, now, until, loaded),
    )  # fmt: skip
    _move_lead(connection, held, now, stage="nurture", rule=rule, loaded=loaded)
    nurturing.follow_tracks(connection, {held.lead_id: (track, rule)}, loaded, now)


def _next_look(
    connection: Connection, lead_id: int, track: str, now: datetime, until: datetime, loaded: Loaded
) -> datetime:
    """Return when a lead that was handed back is looked at again: at the end of its cool-down, or sooner."""
    row = leads.read_lead(connection, lead_id)
    if row is None:
        return until
    standing = msgspec.structs.replace(
        row.standing,
        lifecycle_stage="nurture",
        track=track,
        recycled_at_ms=ms(now),
        cool_down_until_ms=ms(until),
    )
    judged = judge(row.state, standing, loaded.book, ms(now), row.account_owner)
    return (
        until
        if judged.review_at_ms is None
        else min(until, datetime.fromtimestamp(judged.review_at_ms / 1_000, UTC))
    )


def _where_it_was(connection: Connection, lead_id: int, loaded: Loaded) -> str:
    """Return the track that a lead was on when it became ready, if there still is one, else the last."""
    before = tracks.track_before_sales(connection, lead_id)
    known = {track.id for track in loaded.book.source.nurture.tracks}
    return before if before in known else loaded.book.tracks[-1].id


def _move_lead(
    connection: Connection, held: Any, now: datetime, *, stage: str, rule: str, loaded: Loaded
) -> None:
    """Move the lead's lifecycle by a rep's word, and record that as a decision with its inputs."""
    row = leads.read_lead(connection, held.lead_id)
    if row is None:
        raise Refused(f"there is no lead {held.lead_id}")
    if stage == "mql" and row.standing.lifecycle_stage in ("mql", "sal"):
        rule = row.standing.rule or rule
    run(
        connection,
        "UPDATE tasuki.lead SET lifecycle_stage = :stage, rule = :rule, updated_at = :now WHERE lead_id = :l",
        stage=stage, rule=rule, now=now, l=held.lead_id,
    )  # fmt: skip
    leads.insert_decisions(
        connection,
        [(held.lead_id, ms(now), "act", row.standing.lifecycle_stage, stage, rule,
          msgspec.json.encode({"act": rule, "rep": held.rep}),
          msgspec.json.encode({"assignment_id": held.assignment_id, "rep": held.rep}), loaded.version)],
    )  # fmt: skip
