"""A lead that is open to a claim: all who could take it are told, and the first to claim it gets it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.place import gates
from routing_rules.roster import Team
from schemas.errors import Overtaken, Refused
from schemas.handover import ClaimOpen, Offer
from schemas.rulebook.team import Member
from worker import line
from worker.acting import Answer, act
from worker.notices.compose import Occasion
from worker.notices.telling import tell
from worker.offering import insert_assignments
from worker.pool_state import PoolBook, read_state
from worker.presence import team_now
from worker.rulebooks import Loaded, require_rep
from worker.store import locking, outbox
from worker.store.db import Clash, run
from worker.store.rows import as_json, ms
from worker.zone import local_day_time


def open_claims(
    connection: Connection, claims: Sequence[tuple[Any, ClaimOpen]], loaded: Loaded, team: Team, now: datetime
) -> None:
    """Note who may claim which lead until when, and tell them; one that is open already stays as it is."""
    run(
        connection,
        "UPDATE tasuki.waiting w SET reason = 'claimable', parked = false,"
        " claim_until = to_timestamp(r.until / 1000.0), look_again_at = to_timestamp(r.until / 1000.0),"
        " claim_reps = ARRAY(SELECT DISTINCT unnest(w.claim_reps || ARRAY(SELECT json_array_elements_text(r.reps)))"
        " ORDER BY 1)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, until bigint, reps json)"
        " WHERE w.lead_id = r.id",
        rows=as_json([{"id": row.lead_id, "until": ms(one.until), "reps": one.reps} for row, one in claims]),
    )
    messages: list[dict[str, Any]] = []
    for row, one in claims:
        for rep_id in one.reps:
            what = Occasion(
                "claim_open", row.sla, "claim", f"{row.rule} / claim", one.until, step=ms(one.until)
            )
            messages += tell(what, team.reps[rep_id], row, loaded, now, strategy="claim")
    outbox.add(connection, messages, now)


def claim(connection: Connection, lead_id: int, rep_id: str, loaded: Loaded, now: datetime) -> Answer:
    """Give a lead that is open to a claim to the rep who asks first: accepted at once, the contact clock runs.

    Raises:
        Overtaken: somebody was first, or the time to claim it is over; the message says who and when.
        Refused: the lead was never open to this rep, or a gate keeps them from it now.

    """
    require_rep(rep_id, loaded.team.reps)
    pool = run(connection, "SELECT pool FROM tasuki.waiting WHERE lead_id = :l", l=lead_id).scalar()
    if pool is not None:
        locking.lock_pool(connection, pool, {rep_id})
    team = team_now(connection, loaded, now)  # absences too, as of the lock
    row = _lock(connection, lead_id)
    if row is None:
        return _claimed_before(connection, lead_id, rep_id)
    if row.pool != pool:
        raise Clash  # it moved to another pool meanwhile: do it again under that one's lock
    if row.pool not in team.pools:
        raise Refused(f"the rulebook has no pool {row.pool} any more; lead {lead_id} goes to another one now")
    _must_be_open(row, rep_id, now)
    why_not = _why_not(connection, row, rep_id, team, now)
    if why_not is not None:
        raise Refused(f"{rep_id} cannot take lead {lead_id} now: {why_not}")
    others = {rep: f"claimed by {rep_id}" for rep in row.claim_reps if rep != rep_id}
    made = insert_assignments(connection, [(row, Offer(rep_id, "claim", others))], loaded, now)
    answer = act(connection, made[lead_id], "accept", loaded, now, rep=rep_id)
    due_at = run(
        connection, "SELECT due_at FROM tasuki.clock WHERE assignment_id = :a AND next_at IS NOT NULL",
        a=answer.assignment_id,
    ).scalar()  # fmt: skip
    what = Occasion("claimed", row.sla, "contact", f"{row.rule} / claim", due_at)
    told = tell(
        what, team.reps[rep_id], row, loaded, now, assignment_id=answer.assignment_id, strategy="claim"
    )
    outbox.add(connection, told, now)
    return Answer(answer.assignment_id, lead_id, rep_id, "claimed and accepted")


def _lock(connection: Connection, lead_id: int) -> Any:
    """Lock the lead, then its place in the line."""
    run(connection, "SELECT 1 FROM tasuki.lead WHERE lead_id = :l FOR NO KEY UPDATE", l=lead_id)
    return run(
        connection,
        f"SELECT {line.ROW}"  # noqa: S608 - a constant
        " FROM tasuki.waiting w JOIN tasuki.lead l USING (lead_id) WHERE w.lead_id = :l FOR UPDATE OF w",
        l=lead_id,
    ).one_or_none()  # fmt: skip


def _claimed_before(connection: Connection, lead_id: int, rep_id: str) -> Answer:
    """Answer for a lead that waits no more: the same again to who claimed it, to others who has it."""
    held = run(
        connection,
        "SELECT assignment_id, rep, strategy, offered_at, ended_at FROM tasuki.assignment WHERE lead_id = :l"
        " ORDER BY assignment_id DESC LIMIT 1", l=lead_id,
    ).one_or_none()  # fmt: skip
    if held is None:
        raise Refused(f"lead {lead_id} is not in the line of any pool")
    at = f"{local_day_time(held.offered_at, seconds=True)}"
    if (held.rep, held.strategy, held.ended_at) == (rep_id, "claim", None):
        return Answer(held.assignment_id, lead_id, rep_id, f"already claimed at {at}", repeated=True)
    how = "claimed by" if held.strategy == "claim" else "given to"
    raise Overtaken(f"lead {lead_id} was {how} {held.rep} at {at}")


def _must_be_open(row: Any, rep_id: str, now: datetime) -> None:
    if row.claim_until is None:
        raise Refused(f"lead {row.lead_id} is not open to a claim; it waits for {row.pool}")
    if row.claim_until <= now:
        raise Overtaken(
            f"the time to claim lead {row.lead_id} ended at {local_day_time(row.claim_until, seconds=True)}"
        )
    if rep_id not in row.claim_reps:
        raise Refused(f"lead {row.lead_id} is open to {', '.join(sorted(row.claim_reps))}, not to {rep_id}")


def _why_not(connection: Connection, row: Any, rep_id: str, team: Team, now: datetime) -> str | None:
    """Return the gate that keeps a rep from the lead now: they may have filled up since they were told."""
    waiting = line.waiting_of(row, set())
    state = read_state(connection, PoolBook({}, {}, {}), {rep_id}, team, now)
    members = [member for member in team.pools[row.pool].members if member.rep == rep_id]
    _, skipped = gates(waiting, members or [Member(rep=rep_id, weight=0)], team, state, now)
    return skipped.get(rep_id)
