"""From XADD to the notice in the outbox, as seen by a listener at the commit: unloaded, and under half load."""

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from bench.events import PROBES, fresh, hand_raise, profile
from bench.figures import Figures, Say, percentile, said
from bench.rig import Rig
from bench.sizes import Sizes
from worker import queue, rulebook_files, rulebooks
from worker.now import now

#: Says at each commit who was offered to somebody.
_TRIGGER: Final = """
CREATE OR REPLACE FUNCTION tasuki.bench_told() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('bench', NEW.body->'lead'->>'email'); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_told AFTER INSERT ON tasuki.outbox
    FOR EACH ROW WHEN (NEW.kind = 'offer') EXECUTE FUNCTION tasuki.bench_told()
"""
#: Entries added at a time by the background load.
_PART: Final = 50


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Time hand-raise events one by one; first alone, then among a load of half the measured rate."""
    _give_room()
    rig.run(_TRIGGER)
    try:
        with rig.worker():
            rate = figures.median("stream.fresh.rate")
            if rate is None:
                count = min(sizes.events, 10_000)
                wall, _ = rig.run_through(fresh(count, rig.new_leads(count)))
                rate = count / wall
            for run in range(sizes.runs):
                rig.empty()
                _note("latency.unloaded", _probe(rig, sizes, run * 2), figures, say)
                rig.empty()
                with _load(rig, rate / 2, for_s=5 + 2 * sizes.probes * sizes.probe_every_s):
                    _note("latency.half_load", _probe(rig, sizes, run * 2 + 1), figures, say, round(rate / 2))
                _drained()
    finally:
        rig.run("DROP TRIGGER bench_told ON tasuki.outbox", "DROP FUNCTION tasuki.bench_told")


def _give_room() -> None:
    """Publish the example with reps who can carry any number of leads: what is timed is never full."""
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    texts = {
        name: re.sub(r"capacity: \{open: \d+, per_day: \d+.*\}", "capacity: {open: 500, per_day: 500}", text)
        for name, text in texts.items()
    }
    rulebooks.publish(texts, by="bench", note="room for everyone", now=now())


def _note(name: str, latencies: list[float], figures: Figures, say: Say, load: int | None = None) -> None:
    sizes: dict[str, Any] = {"probes": len(latencies)} | ({} if load is None else {"load_events_s": load})
    p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
    figures.add(f"{name}.p50", p50, "ms", **sizes)
    figures.add(f"{name}.p99", p99, "ms", **sizes)
    say(f"{name}: p50 {said(p50)} ms, p99 {said(p99)} ms" + (f" at {load} events/s" if load else ""))


def _probe(rig: Rig, sizes: Sizes, run: int) -> list[float]:
    """Send hand raises at random moments and return how long each took to its notice, in milliseconds."""
    chance = random.Random(run)
    sent: dict[str, float] = {}
    told: dict[str, float] = {}
    first = 1 + run * sizes.probes
    with rig.sql() as connection:
        connection.autocommit = True
        connection.execute("LISTEN bench")
        for number in range(first, first + sizes.probes):
            event = hand_raise(number, chance)
            address = _address(number)
            sent[address] = time.perf_counter()
            queue.client().xadd(queue.STREAM, {"event": event})
            _listen(connection, told, chance.uniform(0.5, 1.5) * sizes.probe_every_s)
        until = time.perf_counter() + 20
        while sent.keys() - told.keys() and time.perf_counter() < until:
            _listen(connection, told, 0.05)
    if missing := len(sent.keys() - told.keys()):
        raise RuntimeError(f"{missing} of {sizes.probes} notices did not come")
    return [(told[address] - at) * 1000 for address, at in sent.items()]


def _address(number: int) -> str:
    return str(profile(PROBES + number * 12)["email"])


def _listen(connection: "psycopg.Connection[Any]", told: dict[str, float], for_s: float) -> None:
    until = time.perf_counter() + for_s
    while (left := until - time.perf_counter()) > 0:
        for notice in connection.notifies(timeout=left, stop_after=1):
            told.setdefault(notice.payload, time.perf_counter())


@contextmanager
def _load(rig: Rig, rate: float, for_s: float) -> Iterator[None]:
    """Add fresh leads at a steady rate, made beforehand, until the block ends."""
    stop = threading.Event()
    count = int(rate * for_s)
    events = list(fresh(count, rig.new_leads(count)))

    def add() -> None:
        started, added = time.perf_counter(), 0
        while not stop.is_set() and added < len(events):
            pipeline = queue.client().pipeline(transaction=False)
            for event in events[added : added + _PART]:
                pipeline.xadd(queue.STREAM, {"event": event})
            pipeline.execute()
            added += _PART
            stop.wait(max(0.0, started + added / rate - time.perf_counter()))

    thread = threading.Thread(target=add, daemon=True)
    thread.start()
    time.sleep(1.0)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _drained() -> None:
    while queue.backlog():
        time.sleep(0.05)
