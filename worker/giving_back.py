"""A lead that a rep gives back: declined or handed back, what follows is its reason's `then`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from routing_rules.judge import judge
from schemas.errors import DealOpen, ReasonNeeded, Refused
from schemas.handover import Act
from schemas.rulebook.nurture import RecycleReason
from worker import nurturing
from worker.quota import require_quota
from worker.rulebooks import Loaded
from worker.store import assignments, leads, tracks, turns
from worker.store.db import run
from worker.store.rows import ms


def give_back(
    connection: Connection, held: Any, loaded: Loaded, now: datetime, what: Act, reason: str | None, note: str | None
) -> tuple[str, frozenset[str]]:  # fmt: skip
    """Decline an offer, or hand back what was accepted; what follows is the reason's `then` in both cases."""
    ended = "declined" if what == "decline" else "recycled"
    if what == "recycle" and held.accepted_at is None:
        raise Refused(f"assignment {held.assignment_id} was not accepted yet; decline it")
    known = loaded.book.reasons
    if reason is None or reason not in known:
        raise ReasonNeeded(f"{what} needs a reason of nurture.yaml: {', '.join(known)}")
    _require_no_deal(connection, held.lead_id)
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
        assignments.back_in_line(connection, [line_row(held, ended, hops=held.hops)], now)
        move_lead(connection, held, now, stage="mql", rule=rule, loaded=loaded)
        return f"{said}; goes to the next rep", freed
    if chosen.then == "disqualify":
        move_lead(connection, held, now, stage="disqualified", rule=rule, loaded=loaded)
        return f"{said}; disqualified", freed
    track = _recycle(connection, held, chosen, now, loaded, rule)
    where = "no track" if track is None else f"track {track}"
    return f"{said}; back to nurture on {where}", freed


def _require_no_deal(connection: Connection, lead_id: int) -> None:
    """Refuse to give back a lead whose opportunity is open: the CRM's word outweighs the rep's at the next event.

    The lead would leave the line, the track or the colleague it was given to, and be in sales with nobody.
    """
    row = leads.read_lead(connection, lead_id)
    if row is None or row.standing.lifecycle_stage != "sql":
        return
    if any(deal.status == "opened" for deal in row.state.deals.values()):
        raise DealOpen(
            f"lead {lead_id} has an opportunity open in the CRM; set it to lost there, or give it to a colleague there"
        )


def line_row(held: Any, reason: str, *, hops: int) -> dict[str, Any]:
    """Return the row that puts a lead back into the line, never to be offered to this rep again."""
    return {
        "id": held.lead_id, "pool": held.pool, "rule": held.rule,
        "strategy": "least_loaded" if held.strategy in ("owner", "escalation") else held.strategy,
        "sla": held.sla, "ready": ms(held.ready_at), "reason": reason, "had": [*held.had, held.rep],
        "hops": hops, "version": held.rulebook_version,
    }  # fmt: skip


def _recycle(
    connection: Connection, held: Any, reason: RecycleReason, now: datetime, loaded: Loaded, rule: str
) -> str | None:
    """Hand the lead back to marketing, away from sales for its cool-down: on the reason's track, else where it was.

    Return the track; None where the lead is on none.
    """
    until = now + timedelta(seconds=reason.cool_down)
    track: str | None = reason.track or _where_it_was(connection, held.lead_id, loaded)
    review, stopped = _next_look(connection, held.lead_id, track, now, until, loaded)
    if stopped is not None:  # whom nobody may write to is enrolled by no rep's word
        track = None
    run(
        connection,
        "UPDATE tasuki.lead SET recycle_count = recycle_count + 1, recycled_at = :now, cool_down_until = :until,"
        " track = :track, review_at = :review WHERE lead_id = :l",
        now=now, until=until, track=track, l=held.lead_id,
        review=review,
    )  # fmt: skip
    move_lead(connection, held, now, stage="nurture", rule=rule, loaded=loaded)
    nurturing.follow_tracks(connection, {held.lead_id: (track, stopped or rule)}, loaded, now)
    return track


def _next_look(
    connection: Connection, lead_id: int, track: str | None, now: datetime, until: datetime, loaded: Loaded
) -> tuple[datetime, str | None]:
    """Return when a lead that was handed back is looked at again, and the rule by which it is on no track, if one is.

    That is at the end of its cool-down, or sooner.
    """
    row = leads.read_lead(connection, lead_id)
    if row is None:
        return until, None
    standing = msgspec.structs.replace(
        row.standing,
        lifecycle_stage="nurture",
        track=track,
        recycled_at_ms=ms(now),
        cool_down_until_ms=ms(until),
    )
    judged = judge(row.state, standing, loaded.book, ms(now), row.account_owner)
    stopped = judged.reasons.rule if judged.lifecycle_stage == "nurture" and judged.track is None else None
    if judged.review_at_ms is None:
        return until, stopped
    return min(until, datetime.fromtimestamp(judged.review_at_ms / 1_000, UTC)), stopped


def _where_it_was(connection: Connection, lead_id: int, loaded: Loaded) -> str:
    """Return the track that a lead was on when it became ready, if there still is one, else the last."""
    before = tracks.track_before_sales(connection, lead_id)
    known = {track.id for track in loaded.book.source.nurture.tracks}
    return before if before in known else loaded.book.tracks[-1].id


def move_lead(
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
