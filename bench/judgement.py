"""The pure judgement, alone in one process: fold and judge, without queue and database."""

import random
import time
from collections.abc import Callable
from typing import cast

from bench.events import BUSINESS_NOW, event
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes
from routing_rules.compiled import CompiledBook
from routing_rules.fold import fold
from routing_rules.judge import judge
from schemas.lead import LeadState, LifecycleStage, Standing
from schemas.lead_event import LeadEvent
from worker import rulebooks
from worker.entry import Entry
from worker.incoming import read_entry
from worker.store.db import transaction
from worker.store.leads import encode_state


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Measure CPU microseconds an event of each step, on leads that have up to `events_a_lead` events."""
    del rig
    with transaction() as connection:
        book = rulebooks.current(connection).book
    count = sizes.judged_in_memory
    entries = _entries(count, sizes.events_a_lead)
    _run(entries, book, sizes.events_a_lead)  # fills the caches of titles, names and addresses
    for _ in range(sizes.runs):
        figures_of_run = _run(entries, book, sizes.events_a_lead)
        for name, micro in figures_of_run.items():
            figures.add(f"judgement.{name}", micro, "us CPU/event", events=count)
        say(", ".join(f"{name} {said(micro)} us" for name, micro in figures_of_run.items()))


def _entries(count: int, a_lead: int) -> list[Entry]:
    chance = random.Random(7)
    wall_ms = int(BUSINESS_NOW.timestamp() * 1000)
    return [
        Entry(f"{wall_ms}-{at}", wall_ms, {b"event": event(at // a_lead, at % a_lead, chance, days=60)})
        for at in range(count)
    ]


def _run(entries: list[Entry], book: CompiledBook, a_lead: int) -> dict[str, float]:
    now_ms = int(BUSINESS_NOW.timestamp() * 1000)
    events: list[LeadEvent] = []
    states: list[LeadState] = []

    def understand() -> None:
        for entry in entries:
            events.extend(item.event for item in read_entry(entry) if item.event is not None)

    def fold_and_judge() -> None:
        standing = Standing()
        for at, one in enumerate(events):
            if at % a_lead == 0:
                states.append(LeadState())
                standing = Standing()
            state = states[-1]
            fold(state, one, now_ms)
            said_of_it = judge(state, standing, book, now_ms)
            standing = Standing(
                cast("LifecycleStage", said_of_it.lifecycle_stage),
                said_of_it.track,
                rule=said_of_it.reasons.rule,
            )

    def judge_again() -> None:
        standing = Standing()
        for state in states:
            for _ in range(a_lead):
                judge(state, standing, book, now_ms)

    def encode() -> None:
        for state in states:
            for _ in range(a_lead):
                encode_state(state)

    steps: tuple[Callable[[], None], ...] = (understand, fold_and_judge, judge_again, encode)
    return {step.__name__: _micro(step, len(entries)) for step in steps}


def _micro(step: Callable[[], None], count: int) -> float:
    started = time.thread_time()
    step()
    return (time.thread_time() - started) / count * 1e6
