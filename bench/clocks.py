"""The clock sweep over very many open clocks: with none due, and with very many due at once."""

import time
from typing import Any

from sqlalchemy import event as on

from bench import bulk
from bench.figures import Figures, Say, percentile, said
from bench.rig import Rig, wait_until
from bench.sizes import Sizes
from worker import rulebooks
from worker.now import now
from worker.store.db import engine, in_transaction, transaction
from worker.sweeping import Swept, sweep_clocks

#: Sweeps of which the median counts, in one run.
_SWEEPS = 100
_OPEN_AND_DUE = "SELECT count(*) FROM (SELECT 1 FROM tasuki.clock WHERE next_at <= '{at}' LIMIT 1) AS due"


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Time sweeps that find nothing; then let the worker handle many clocks that fell due."""
    with transaction() as connection:
        team = rulebooks.current(connection).team
    pool = team.pools["inside_sales"]
    reps = [member.rep for member in pool.members]
    others = [
        rep.spec.id
        for rep in team.reps.values()
        if rep.spec.active and rep.spec.id not in {*reps, pool.manager}
    ]
    runs = min(sizes.runs, sizes.long_runs)
    say(f"making {sizes.open_clocks:,} open clocks")
    bulk.open_clocks(rig, sizes.open_clocks, sizes.due_clocks * runs, reps, others)
    for _ in range(sizes.runs):
        ms = _none_due()
        figures.add("clocks.none_due", ms, "ms in the database", open_clocks=sizes.open_clocks)
    say(f"none due: {said(figures.median('clocks.none_due') or 0)} ms")
    with rig.worker(warm=False):
        for run in range(runs):
            _due(rig, sizes.due_clocks, run, figures, say)


def _none_due() -> float:
    """Return the median time (ms) that the statements of one sweep take, as their client sees it."""
    spent: list[float] = []
    started = 0.0

    def before(*_: Any) -> None:
        nonlocal started
        started = time.perf_counter()

    def after(*_: Any) -> None:
        spent.append((time.perf_counter() - started) * 1000)

    def work(connection: Any) -> Swept:
        loaded = rulebooks.current(connection)
        spent.clear()
        return sweep_clocks(connection, loaded, now())

    on.listen(engine(), "before_cursor_execute", before)
    on.listen(engine(), "after_cursor_execute", after)
    try:
        found = []
        for _ in range(_SWEEPS):
            in_transaction(work)
            found.append(sum(spent))
    finally:
        on.remove(engine(), "before_cursor_execute", before)
        on.remove(engine(), "after_cursor_execute", after)
    return percentile(found, 0.5)


def _due(rig: Rig, count: int, run: int, figures: Figures, say: Say) -> None:
    told_before = rig.number("SELECT count(*) FROM tasuki.outbox WHERE kind = 'breach'")
    first = bulk.FIRST_ID + 1 + run * count
    at = now().isoformat()
    rig.run(
        f"UPDATE tasuki.clock SET due_at = '{at}', next_at = '{at}', warned_at = started_at"
        f" WHERE lead_id BETWEEN {first} AND {first + count - 1} AND next_at IS NOT NULL"
    )
    before, restarts = rig.spent(), rig.restarts
    seconds = wait_until(lambda: rig.number(_OPEN_AND_DUE.format(at=at)) == 0, 900, every_s=0.1)
    spent = rig.spent() - before
    placed = seconds + wait_until(
        lambda: rig.number("SELECT count(*) FROM tasuki.waiting WHERE reason = 'accept_breached'") == 0,
        900, every_s=0.2,
    )  # fmt: skip
    told = rig.number("SELECT count(*) FROM tasuki.outbox WHERE kind = 'breach'") - told_before
    breached = rig.number(
        f"SELECT count(*) FROM tasuki.clock WHERE lead_id BETWEEN {first} AND {first + count - 1}"
        " AND breached_at IS NOT NULL"
    )
    again = rig.number(
        "SELECT (SELECT count(*) FROM tasuki.waiting WHERE hops > 1)"
        " + (SELECT count(*) FROM tasuki.assignment WHERE hops > 1)"
    )
    if breached < count:
        raise RuntimeError(f"{breached:g} of {count} due clocks ended")
    figures.add("clocks.due_handled", seconds, "s", due_clocks=count)
    figures.add("clocks.due_cpu", spent.total / count * 1e6, "us CPU/clock", due_clocks=count)
    figures.add("clocks.due_back_in_line", placed, "s", due_clocks=count)
    figures.add("clocks.worker_restarts", rig.restarts - restarts, "restarts", due_clocks=count)
    figures.add("clocks.handled_twice", again + max(0.0, breached - count) + max(0.0, told - count), "clocks")
    say(f"{count:,} due: handled in {said(seconds)} s, all looked at by the hand-over in {said(placed)} s")
