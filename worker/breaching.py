"""What a breach does: the clock ends, the manager is told, and the actions of the promise are carried out in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.managers import managers_of, nobody_acts
from routing_rules.roster import Rep, Team
from routing_rules.sla import ClockSpec, Counted, start_clock
from schemas.rulebook.sla import MOVES, BreachAction, Promise, SlaPolicy
from worker.clocks import pass_on
from worker.notices.compose import Occasion
from worker.notices.telling import tell as tell_of
from worker.presence import team_now
from worker.rulebooks import Loaded, policy_of, pool_of
from worker.store import assignments, crm, leads, locking
from worker.store import clocks as rows_of
from worker.store.db import Clash, run
from worker.store.rows import as_json, ms


@dataclass(slots=True)
class _Came:
    """What a set of breaches comes to; written at the end, as sets."""

    renewed: list[tuple[int, int, ClockSpec]] = field(default_factory=list)
    moved: list[tuple[Any, str, int]] = field(default_factory=list)
    in_turn: list[Any] = field(default_factory=list)
    out: list[dict[str, Any]] = field(default_factory=list)
    chain: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)


def still_promised(connection: Connection, rows: Sequence[Any], loaded: Loaded, now: datetime) -> list[Any]:
    """End overdue clocks whose policy in force makes no such promise; return the others."""
    kept: list[Any] = []
    gone: list[Any] = []
    for row in rows:
        (kept if policy_of(row.policy, loaded).promise(row.kind) else gone).append(row)
    if gone:
        rows_of.end_promise(connection, gone, now, "the policy in force makes no such promise")
        crm.mark(connection, [row.lead_id for row in gone], now)
    return kept


def breach_clocks(
    connection: Connection, rows: Sequence[Any], loaded: Loaded, now: datetime
) -> list[dict[str, Any]]:
    """End clocks that are overdue and do what their policies say; return who is to be told."""
    rows_of.breach(connection, [row.clock_id for row in rows], now)
    loaded = replace(loaded, team=team_now(connection, loaded, now))
    came = _Came()
    for row in rows:
        policy = policy_of(row.policy, loaded)
        promise = policy.promise(row.kind) or policy.contact
        _breach(row, policy, promise, loaded, now, came)
    if came.renewed:
        assignments.insert_clocks(connection, came.renewed, now)
        crm.mark(connection, [lead_id for _, lead_id, _ in came.renewed], now)
    if came.moved:
        pass_on(connection, came.moved, now)
    if came.in_turn:
        _back_in_turn(connection, came.in_turn, loaded)
    _take_out(connection, came.out, now)
    _escalate(connection, came.chain)
    return came.messages


def _breach(
    row: Any, policy: SlaPolicy, promise: Promise, loaded: Loaded, now: datetime, came: _Came
) -> None:
    team = loaded.team
    rep = team.reps.get(row.rep)
    pool = pool_of(row.pool, loaded)
    counted = None if rep is None else Counted(rep, policy.time == "wall")
    for action in _actions(row, promise, rep):
        if action == "remind":
            came.messages += tell(row, row.rep, "reminder", loaded, now, step=row.clock_id)
        elif action == "escalate":
            came.chain += _chain(row, policy, team, now)
        elif action == "out_of_rotation" and counted is not None:
            came.out.append(
                {"rep": row.rep, "clock": row.clock_id, "until": ms(counted.after(now, promise.out_for)),
                 "reason": f"{row.kind} breached, lead {row.lead_id}"}
            )  # fmt: skip
        elif action in MOVES:
            came.moved.append((row, f"{row.kind}_breached", _hops(row, action, policy)))
            if action == "back_to_pool":
                came.in_turn.append(row)
    if not (came.moved and came.moved[-1][0] is row) and rep is not None:
        again = start_clock(policy, row.kind, rep, now, contacted_at=row.contacted_at)
        came.renewed.append((row.assignment_id, row.lead_id, replace(again, round=row.round + 1)))
    for manager in managers_of(pool, (), team, now):
        if manager != row.rep:
            came.messages += tell(row, manager, "breach", loaded, now, step=row.clock_id)
    if nobody_acts(pool, team, now):
        came.chain += _chain(row, policy, team, now)


def _actions(row: Any, promise: Promise, rep: Rep | None) -> list[BreachAction]:
    """Return what is done: a rep who left loses the lead, a manager keeps it, and reminders come to an end."""
    if rep is None:
        return ["next_rep"]
    stays = [action for action in promise.actions if action not in MOVES]
    if row.strategy == "escalation":
        return stays if "remind" in stays else ["remind", *stays]
    if (
        len(stays) == len(promise.actions)
        and promise.reminders is not None
        and row.round >= promise.reminders
    ):
        return [*(action for action in stays if action != "remind"), "manager"]
    return promise.actions


def _hops(row: Any, action: BreachAction, policy: SlaPolicy) -> int:
    """Return the hops from now on: those of the policy make the manager the next."""
    if action == "manager":
        return int(max(row.hops + 1, policy.hops))
    return int(row.hops if action == "back_to_pool" else row.hops + 1)


def _chain(row: Any, policy: SlaPolicy, team: Team, now: datetime) -> list[dict[str, Any]]:
    """Return who is told and when, each in the time that counts for them."""
    return [
        {"clock": row.clock_id, "assignment": row.assignment_id, "lead": row.lead_id, "kind": row.kind,
         "step": number, "rep": step.tell,
         "at": ms(Counted(team.reps[step.tell], policy.time == "wall").after(now, step.after))}
        for number, step in enumerate(policy.escalation, 1)
        if step.tell in team.reps
    ]  # fmt: skip


def tell(
    row: Any, rep_id: str, kind: str, loaded: Loaded, now: datetime, *, step: int | str
) -> list[dict[str, Any]]:
    """Return the messages that tell a rep (if the rulebook still has them) of a clock."""
    rep = loaded.team.reps.get(rep_id)
    if rep is None:
        return []
    what = Occasion(kind, row.policy, row.kind, f"{row.kind} / {row.policy}", row.due_at, step=step)
    return tell_of(what, rep, row, loaded, now, holder=row.rep)


def _back_in_turn(connection: Connection, rows: Sequence[Any], loaded: Loaded) -> None:
    """Give leads the place in the line that their routing rule gives, and not the head."""
    of_rule = {rule.name: rule.priority for rule, _ in loaded.book.routes}
    last = loaded.book.otherwise.priority
    run(
        connection,
        "UPDATE tasuki.waiting w SET priority = r.priority FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, priority smallint) WHERE w.lead_id = r.id",
        rows=as_json([{"id": row.lead_id, "priority": of_rule.get(row.rule, last)} for row in rows]),
    )


def _take_out(connection: Connection, out: Sequence[dict[str, Any]], now: datetime) -> None:
    """Take reps out of rotation, once a breach; it ends by itself.

    Under the rep's lock, so that no hand-over which read the team before gives them a lead after. It comes out of
    the order of locks, hence without waiting.

    Raises:
        Clash: a hand-over has one of the reps just now.

    """
    for rep in sorted({one["rep"] for one in out}):
        if not locking.try_lock_rep(connection, rep):
            raise Clash
    if not out:
        return
    run(
        connection,
        "INSERT INTO tasuki.absence (rep, kind, starts_at, ends_at, reason, clock_id, entered_by, entered_at)"
        " SELECT rep, 'out_of_rotation', :now, to_timestamp(until / 1000.0), reason, clock, 'tasuki', :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(rep text, clock bigint, until bigint, reason text)"
        " ON CONFLICT (clock_id) DO NOTHING",
        rows=as_json(out), now=now,
    )  # fmt: skip


def _escalate(connection: Connection, chain: Sequence[dict[str, Any]]) -> None:
    """Note who is to be told in turn; of an assignment and kind each is told once."""
    if not chain:
        return
    run(
        connection,
        "INSERT INTO tasuki.escalation (clock_id, assignment_id, lead_id, kind, step, rep, tell_at)"
        " SELECT clock, assignment, lead, kind, step, rep, to_timestamp(at / 1000.0)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(clock bigint, assignment bigint, lead bigint, kind text,"
        " step integer, rep text, at bigint) ON CONFLICT (assignment_id, kind, step) DO NOTHING",
        rows=as_json(chain),
    )


def tell_escalations(
    connection: Connection, loaded: Loaded, now: datetime, limit: int = 500
) -> list[dict[str, Any]]:
    """Take the escalations that are due; return the messages of those that are still needed.

    Needless is one whose lead is sales' no more, or for which somebody has done by now what the clock asked:
    whoever has the lead, for it may have moved on. So is one that would tell somebody who left.
    """
    rows = run(
        connection,
        f"SELECT e.*, {leads.JUDGED}, coalesce(a.rep, '') AS held_by, c.policy, c.due_at, o.rule,"  # noqa: S608
        " o.strategy, o.pool, o.sla,"
        " l.merged_into IS NOT NULL OR l.lifecycle_stage NOT IN ('mql', 'sal') OR coalesce(l.recycled_at >= c.due_at, false)"
        " OR coalesce(CASE e.kind WHEN 'accept' THEN a.accepted_at"
        " WHEN 'contact' THEN a.contacted_at ELSE a.followed_up_at END IS NOT NULL, false) AS needless"
        " FROM tasuki.escalation e JOIN tasuki.lead l USING (lead_id) JOIN tasuki.clock c ON c.clock_id = e.clock_id"
        " JOIN tasuki.assignment o ON o.assignment_id = e.assignment_id"
        " LEFT JOIN tasuki.assignment a ON a.lead_id = e.lead_id AND a.ended_at IS NULL"
        " WHERE e.tell_at <= :now ORDER BY e.tell_at, e.escalation_id LIMIT :n FOR UPDATE OF e SKIP LOCKED",
        now=now, n=limit,
    ).all()  # fmt: skip
    if not rows:
        return []
    told = [row for row in rows if not row.needless and row.rep in loaded.team.reps]
    run(
        connection,
        "UPDATE tasuki.escalation SET tell_at = NULL, told_at = CASE WHEN escalation_id = ANY(:told) THEN"
        " cast(:now AS timestamptz) END, needless_at = CASE WHEN escalation_id = ANY(:told) THEN NULL ELSE"
        " cast(:now AS timestamptz) END WHERE escalation_id = ANY(:ids)",
        ids=[row.escalation_id for row in rows], now=now,
        told=[row.escalation_id for row in told],
    )  # fmt: skip
    messages: list[dict[str, Any]] = []
    for row in told:
        step = f"{row.kind}.{row.step}"
        what = Occasion(
            "escalation", row.policy, row.kind, f"{row.kind} / {row.policy}", row.due_at, step=step
        )
        messages += tell_of(what, loaded.team.reps[row.rep], row, loaded, now, holder=row.held_by)
    return messages
