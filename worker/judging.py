"""Flow A: a set of events becomes judged leads, in one transaction with a fixed number of statements.

dedupe -> identify -> fold -> enrich and judge -> save. Nobody is told anything here: ready leads wait for
their pool, and the caller pokes the hand-over after the commit.
"""

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook
from routing_rules.fold import fold
from routing_rules.judge import JUDGEMENT, judge
from schemas.decision import Judgement, Route
from schemas.errors import NotUnderstood
from schemas.lead import WITH_SALES, LeadState, Standing
from schemas.strict_json import loads
from worker import merging, nurturing, sales_activities, thin
from worker.accounting import company_facts, find_accounts
from worker.incoming import Incoming
from worker.rulebooks import Loaded
from worker.store import assignments, crm, leads, quarantine
from worker.store.copying import instant
from worker.store.db import Clash
from worker.store.leads import Key, LeadRow

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Judged:
    """What one batch came to."""

    events: int = 0
    applied: int = 0
    repeats: int = 0
    quarantined: int = 0
    ready: int = 0
    #: Pools that a lead now waits for.
    pools: set[str] = field(default_factory=set)
    #: Pools in which an assignment ended: room appeared.
    freed: set[str] = field(default_factory=set)


def judge_batch(
    connection: Connection,
    items: Sequence[Incoming],
    loaded: Loaded,
    now: datetime,
    worker: str,
    entries: int,
    history_ms: int | None = None,
) -> Judged:
    """Apply a batch of incoming events and judge the leads they touch.

    Args:
        connection: the batch's transaction.
        items: the events, understood or not.
        loaded: the rulebook in force.
        now: when it is judged.
        worker: who judges.
        entries: how many entries of the stream they came in.
        history_ms: set for a backfill: until when all of it is history, which hands nobody over. A lead that it
            makes, or that would become ready by it, waits for an act of its own since then.

    Raises:
        Clash: another worker took a key or an event first; do the whole batch again.

    """
    notices = thin.notices(items)
    if notices:
        asked = {id(item) for item in notices}
        events = [item for item in items if id(item) not in asked]
    else:
        events = list(items)
    result = Judged(events=len(events))
    fresh = _without_repeats(connection, events, result)
    placed = _identify(connection, [item for item in fresh if item.event is not None], now)
    rows = _lock(connection, placed)
    _fold(connection, placed, rows, now)
    thin.ask(connection, [*(item for _, item in placed), *notices], now)
    judge_and_save(connection, list(rows.values()), loaded, now, result, history_ms)
    told = [(lead_id, item.event) for lead_id, item in placed if item.event is not None and item.event.sales]
    if told and history_ms is None:
        sales_activities.record(connection, told, loaded, now)
    unfit = [item for item in fresh if item.problem is not None]
    quarantine.keep(connection, unfit, now)
    quarantine.resolve_retries(connection, items, unfit, now)
    result.quarantined = len(unfit)
    result.applied = len(placed)
    quarantine.record_batch(
        connection, worker=worker, now=now, entries=entries, events=result.events, applied=result.applied,
        repeats=result.repeats, quarantined=result.quarantined,
    )  # fmt: skip
    return result


def rejudge(connection: Connection, lead_ids: Iterable[int], loaded: Loaded, now: datetime) -> Judged:
    """Judge leads again without a new event: a review is due, or the rulebook changed."""
    result = Judged()
    rows = [row for row in leads.lock_leads(connection, lead_ids).values() if row.merged_into is None]
    judge_and_save(connection, rows, loaded, now, result)
    return result


def _without_repeats(connection: Connection, items: Sequence[Incoming], result: Judged) -> list[Incoming]:
    """Drop repeats; the same id with another body becomes a conflict that is kept and shown."""
    known = leads.known_events(
        connection, [(item.event.source, item.event.id) for item in items if item.event is not None]
    )
    fresh: list[Incoming] = []
    for item in items:
        if item.event is None:
            fresh.append(item)
            continue
        name = (item.event.source, item.event.id)
        seen = known.get(name)
        if seen is None:
            known[name] = item.raw
            fresh.append(item)
        elif _same(seen, item.raw):
            result.repeats += 1
        else:
            item.event = None
            item.problem = NotUnderstood(
                "id", "seen before with another body; send a changed fact under a new id"
            )
            fresh.append(item)
    return fresh


def _same(one: bytes, other: bytes) -> bool:
    """Tell whether two bodies say the same: a sender may order and space its JSON anew."""
    return one == other or _without_arrival(loads(one)) == _without_arrival(loads(other))


def _without_arrival(event: Any) -> Any:
    """Return an event without its time if that is only when it arrived: its repeat arrives later."""
    if isinstance(event, dict) and "dated_by" in event:
        return {name: said for name, said in event.items() if name != "time"}
    return event


class _Ids(threading.local):
    """Lead ids in hand, by blocks of 1,000; a forked process takes its own."""

    pid = 0
    next = 0
    end = 0

    def take(self, connection: Connection) -> int:
        if self.pid != os.getpid() or self.next >= self.end:
            self.pid = os.getpid()
            self.next = leads.next_block(connection)
            self.end = self.next + 1000
        self.next += 1
        return self.next - 1


_ids = _Ids()


def _identify(connection: Connection, items: Sequence[Incoming], now: datetime) -> list[tuple[int, Incoming]]:
    """Find or make the lead of each event through its identity keys, the producer's own key first."""
    wanted = {key for item in items if item.event is not None for key in item.event.keys}
    known = leads.find_keys(connection, wanted) if wanted else {}
    new: dict[Key, int] = {}
    found: list[tuple[int, Incoming]] = []
    meetings: list[merging.Meeting] = []
    for item in items:
        assert item.event is not None  # noqa: S101 - the caller passes understood ones only
        keys = item.event.keys
        if keys[0][0] == "lead" and keys[0] not in known:
            item.event = None
            item.problem = NotUnderstood("subject", "names no lead that was asked about")
            continue
        hits = list(dict.fromkeys(known[key] for key in keys if key in known))
        lead_id = hits[0] if hits else _ids.take(connection)
        for key in keys:
            if key not in known:
                known[key] = new[key] = lead_id
        meetings.extend(merging.Meeting(lead_id, other, keys[-1][0]) for other in hits[1:])
        found.append((lead_id, item))
    if new:
        leads.insert_keys(connection, new)
    if meetings:
        moved = merging.settle(connection, meetings, now)
        found = [(moved.get(lead_id, lead_id), item) for lead_id, item in found]
    return found


def _lock(connection: Connection, placed: Sequence[tuple[int, Incoming]]) -> dict[int, LeadRow]:
    ids = {lead_id for lead_id, _ in placed}
    rows = leads.lock_leads(connection, ids) if ids else {}
    for lead_id in ids - rows.keys():
        rows[lead_id] = LeadRow(lead_id, LeadState(), Standing(), is_new=True)
    if any(row.merged_into is not None for row in rows.values()):
        raise Clash
    for row in rows.values():
        if not row.is_new:
            row.company_before = company_facts(row.state)
    return rows


def _fold(
    connection: Connection, placed: Sequence[tuple[int, Incoming]], rows: dict[int, LeadRow], now: datetime
) -> None:
    """Apply each event to its lead and record that it was."""
    applied_at = instant(int(now.timestamp() * 1000))
    applied = []
    for lead_id, item in placed:
        event = item.event
        assert event is not None  # noqa: S101
        at_ms = fold(rows[lead_id].state, event, item.received_ms)
        applied.append(
            (event.source, event.id, event.type, lead_id, instant(at_ms), instant(item.received_ms),
             applied_at, item.raw)
        )  # fmt: skip
    leads.insert_events(connection, applied)


def judge_and_save(
    connection: Connection, rows: list[LeadRow], loaded: Loaded, now: datetime, result: Judged,
    history_ms: int | None = None,
) -> None:  # fmt: skip
    """Judge each lead once and write leads, decisions, ready leads and what ends with sales."""
    if not rows:
        return
    find_accounts(connection, rows, now, asks=history_ms is None)
    now_ms = int(now.timestamp() * 1000)
    made: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    decided, waiting = [], []
    taken_back: list[tuple[int, str]] = []
    opened: list[int] = []
    tracked: list[tuple[int, Judgement]] | None = [] if nurturing.is_on() else None
    held: list[int] = []
    for row in rows:
        if history_ms is None:
            verdict = judge(row.state, row.standing, loaded.book, now_ms, row.account_owner, news_only=True)
        else:
            verdict = _judge_history(row, loaded, now_ms, history_ms, held)
        state = leads.encode_state(row.state)
        (made if row.is_new else changed).append(_lead_row(row, verdict, state, loaded.version, now_ms))
        if row.is_new or _is_news(row.standing, verdict):
            decided.append(_decision_row(row, verdict, state, loaded.version, now_ms))
        if verdict.verdict == "ready" and verdict.reasons.route is not None:
            waiting.append(_waiting_row(row, verdict.reasons.route, loaded.version, now_ms))
            result.pools.add(verdict.reasons.route.pool)
        if tracked is not None:
            tracked.append((row.lead_id, verdict))
        ended = _ended_with_sales(row.standing.lifecycle_stage, verdict)
        if ended == "opened":
            opened.append(row.lead_id)
        elif ended is not None:
            taken_back.append((row.lead_id, ended))
    leads.save_leads(connection, made, changed, history_ms)
    leads.insert_decisions(connection, decided)
    leads.mark_history(connection, held, history_ms)
    sold = [row[0] for row in decided if row[4] in WITH_SALES]
    crm.mark(connection, sold if history_ms is None else [], now)
    if tracked:
        wanted = nurturing.wanted_of(tracked, only_ends=history_ms is not None)
        nurturing.follow_tracks(connection, wanted, loaded, now)
    result.ready += len(waiting)
    result.freed |= _tell_sales(connection, waiting, opened, taken_back, now)


def _tell_sales(
    connection: Connection, waiting: list[dict[str, Any]], opened: list[int], taken_back: list[tuple[int, str]],
    now: datetime,
) -> set[str]:  # fmt: skip
    """Put ready leads into the line, and end what ends with sales; return the pools in which room appeared."""
    if waiting:
        assignments.insert_waiting(connection, waiting)
    if opened:
        assignments.mark_worked(connection, opened, now)
    return assignments.end_for_leads(connection, taken_back, now) if taken_back else set()


def _waiting_row(row: LeadRow, route: Route, version: int, now_ms: int) -> dict[str, Any]:
    return {
        "id": row.lead_id, "pool": route.pool, "rule": route.rule, "strategy": route.strategy,
        "sla": route.sla, "owner": route.owner, "priority": route.priority, "now": now_ms,
        "version": version, "value": route.value, "points": route.points, "terms": route.terms,
    }  # fmt: skip


def _judge_history(row: LeadRow, loaded: Loaded, now_ms: int, history_ms: int, held: list[int]) -> Judgement:
    """Judge a lead by what is history: it is held where that alone would hand it over, now or once it is no longer barred."""
    if row.is_new or _would_be_ready(row, loaded, now_ms):
        row.standing = msgspec.structs.replace(row.standing, history_until_ms=history_ms)
        if not row.is_new:
            held.append(row.lead_id)
    return judge(row.state, row.standing, loaded.book, now_ms, row.account_owner, news_only=True)


def _would_be_ready(row: LeadRow, loaded: Loaded, now_ms: int) -> bool:
    """Tell whether a lead would be ready were it neither cooling down nor lost: both end by time alone."""
    standing = msgspec.structs.replace(row.standing, cool_down_until_ms=None)
    state = row.state
    if standing.lifecycle_stage == "lost":
        standing = msgspec.structs.replace(standing, lifecycle_stage="nurture")
        state = msgspec.structs.replace(state, deals={})
    return judge(state, standing, loaded.book, now_ms, row.account_owner, news_only=True).verdict == "ready"


def _is_news(before: Standing, verdict: Judgement) -> bool:
    return (
        before.lifecycle_stage != verdict.lifecycle_stage
        or before.track != verdict.track
        or before.buying_stage != verdict.buying_stage
        or before.fit_grade != verdict.fit_grade
        or before.persona != verdict.persona
        or before.rule != verdict.reasons.rule
    )


def _ended_with_sales(before: str, verdict: Judgement) -> str | None:
    """Return why a lead leaves the hands of sales, `opened` when it moves on with them, or None."""
    after = verdict.lifecycle_stage
    if before == after:
        return None
    if after == "sql":
        return "opened"
    if after in ("won", "lost", "disqualified"):
        return after
    return "recycled" if before in WITH_SALES else None


def _lead_row(row: LeadRow, verdict: Judgement, state: bytes, version: int, now_ms: int) -> tuple[Any, ...]:
    facts = row.state.facts
    email, company = facts.get("email"), facts.get("company")
    return (
        row.lead_id, email and email[1], company and company[1], row.account_key, verdict.lifecycle_stage,
        verdict.persona, verdict.fit, verdict.fit_grade, verdict.engagement, verdict.buying_stage, verdict.track,
        verdict.reasons.rule, verdict.review_at_ms, version, state, now_ms,
    )  # fmt: skip


def _decision_row(
    row: LeadRow, verdict: Judgement, state: bytes, version: int, now_ms: int
) -> tuple[Any, ...]:
    """Return a decision with all that it rests on, so that it can be computed again."""
    inputs = b'{"judgement":%d,"now_ms":%d,"account_owner":%s,"standing":%s,"state":%s}' % (
        JUDGEMENT, now_ms, _encode(row.account_owner), _encode(row.standing), state,
    )  # fmt: skip
    was = None if row.is_new else row.standing.lifecycle_stage
    return (
        row.lead_id, now_ms, verdict.verdict, was, verdict.lifecycle_stage, verdict.reasons.rule,
        _encode(verdict.reasons), inputs, version,
    )  # fmt: skip


def replay(inputs: str, loaded: Loaded) -> Judgement:
    """Compute a decision again from its stored inputs."""
    return judge(*inputs_of(inputs, loaded))


def inputs_of(inputs: str, loaded: Loaded) -> tuple[LeadState, Standing, CompiledBook, int, str | None]:
    """Return what a judgement rested on, in the order in which `judge` takes it."""
    stored = msgspec.json.decode(inputs)
    state = msgspec.convert(stored["state"], LeadState, strict=False)
    standing = msgspec.convert(stored["standing"], Standing)
    return state, standing, loaded.book, stored["now_ms"], stored["account_owner"]


def utc_ms(at_ms: int) -> datetime:
    """Return an instant from milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
