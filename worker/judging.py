"""Flow A: a set of events becomes judged leads, in one transaction with a fixed number of statements.

dedupe -> identify -> fold -> enrich and judge -> save. Nobody is told anything here: ready leads wait for
their pool, and the caller pokes the hand-over after the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from routing_rules.fold import fold
from routing_rules.judge import judge
from schemas.decision import Judgement
from schemas.lead import WITH_SALES, LeadState, Standing
from worker import nurturing, sales_activities, thin
from worker.accounting import company_facts, find_accounts
from worker.identifying import identify, without_repeats
from worker.incoming import Incoming
from worker.judged_rows import decision_row, ended_with_sales, is_news, lead_row, waiting_row
from worker.rulebooks import Loaded
from worker.store import assignments, crm, leads, quarantine
from worker.store.copying import instant
from worker.store.db import Clash
from worker.store.leads import LeadRow


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
    fresh, result.repeats = without_repeats(connection, events)
    placed = identify(connection, [item for item in fresh if item.event is not None], now)
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
        (made if row.is_new else changed).append(lead_row(row, verdict, state, loaded.version, now_ms))
        if row.is_new or is_news(row.standing, verdict):
            decided.append(decision_row(row, verdict, state, loaded.version, now_ms))
        if verdict.verdict == "ready" and verdict.reasons.route is not None:
            waiting.append(waiting_row(row, verdict.reasons.route, loaded.version, now_ms))
            result.pools.add(verdict.reasons.route.pool)
        if tracked is not None:
            tracked.append((row.lead_id, verdict))
        ended = ended_with_sales(row.standing.lifecycle_stage, verdict)
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
