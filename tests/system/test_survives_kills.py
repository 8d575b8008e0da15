"""The headline: whatever is killed, every event counts once, and every lead ends as if nothing had happened."""

import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from schemas.errors import Away
from tests.fixtures.many_events import Many, make
from tests.fixtures.system import System, children, eventually
from worker import queue, rulebooks
from worker.now import now_ms
from worker.store.db import transaction
from worker.store.leads import decode_state

EVENTS, LEADS, WORKER_KILLS = 20_000, 2_000, 8


class Producer(threading.Thread):
    """A careful producer: what was not confirmed is sent again, so some of it comes twice."""

    def __init__(self, many: Many) -> None:
        super().__init__(name="producer", daemon=True)
        self._many = many
        self._may_send = threading.Semaphore(0)
        self.sent = 0
        self.again = 0

    def let(self, count: int) -> None:
        """Let so many more go out."""
        for _ in range(count // 100):
            self._may_send.release()

    def run(self) -> None:
        bodies = self._many.bodies
        for first in range(0, len(bodies), 100):
            self._may_send.acquire()
            chunk = [{"event": body} for body in bodies[first : first + 100]]
            while True:
                try:
                    queue.append(chunk)
                    break
                except Away:
                    self.again += 1
                    time.sleep(0.05)
            self.sent += len(chunk)


def test_nothing_is_lost_and_nothing_counts_twice(system: System) -> None:
    """Kill -9 of the worker (8 times), Valkey and PostgreSQL under load: each event counts exactly once."""
    many = make(LEADS, EVENTS, seed=20261124)
    system.client().config_set("appendfsync", "always")
    producer = Producer(many)
    producer.start()
    supervisor = system.worker(batch_size=100)
    dice = random.Random(1)
    took: dict[str, list[float]] = {}

    def disturb(what: str, strike: Callable[[], None]) -> None:
        producer.let(800)
        before = batches(system)
        eventually(lambda: batches(system) >= before + 2, f"work goes on before the kill of {what}")
        time.sleep(dice.random() * 0.2)  # anywhere in a batch; proves nothing
        producer.let(800)  # some of which go out while it is away
        backlog, before = queue.backlog(), batches(system)
        struck = time.monotonic()
        strike()
        eventually(lambda: watched(system) and batches(system) > before + 1, f"work after the kill of {what}")
        took.setdefault(what, []).append(time.monotonic() - struck)
        print(f"{what} killed with {backlog} in the stream, back after {took[what][-1]:.2f} s")

    def kill_postgres() -> None:
        system.servers.kill_postgres()
        system.servers.start_postgres()

    def kill_valkey() -> None:
        system.servers.kill_valkey()
        system.servers.start_valkey()

    for number in range(WORKER_KILLS):
        disturb("the worker", supervisor.kill)
        if number == 2:
            disturb("Valkey", kill_valkey)
        if number == 5:
            disturb("PostgreSQL", kill_postgres)
    producer.let(len(many.bodies))
    eventually(lambda: watched(system) and producer.sent == len(many.bodies), "all is sent")
    system.until_empty()
    for what, seconds in took.items():
        print(
            f"{what}: {len(seconds)} kills, back after {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s"
        )
    print(f"the producer repeated {producer.again} sendings; batches: {batches(system)}")
    check_events(system, many)
    check_leads(system, many)
    system.until_kept()
    supervisor.stop()
    assert children(supervisor) == []


def watched(system: System) -> bool:
    """Do what a supervisor does in its loop."""
    for supervisor in system.workers:
        supervisor.watch()
    return True


def batches(system: System) -> int:
    """Return how many batches were committed."""
    return int(system.one("SELECT count(*) FROM tasuki.batch"))


def check_events(system: System, many: Many) -> None:
    """Every event is on record once; the rubbish is in quarantine, and nothing else is."""
    rows = [tuple(row) for row in system.sql("SELECT source, event_id FROM tasuki.event")]
    assert len(rows) == len(many.names) == EVENTS
    assert set(rows) == many.names
    assert {bytes(row[0]) for row in system.sql("SELECT raw FROM tasuki.quarantine")} == many.rubbish
    assert system.one("SELECT sum(applied) FROM tasuki.batch") == EVENTS


def check_leads(system: System, many: Many) -> None:
    """Every lead is what the pure code makes of its events, undisturbed."""
    with transaction() as connection:
        book = rulebooks.current(connection).book
    found: dict[str, Any] = {}
    for row in system.sql(
        "SELECT email, state, persona, fit, fit_grade, engagement, buying_stage, lifecycle_stage, track"
        " FROM tasuki.lead WHERE merged_into IS NULL"
    ):
        assert row.email not in found
        found[row.email] = (decode_state(row.state), *row[2:])
    wanted = many.leads(book, now_ms())
    assert found.keys() == wanted.keys()
    different = {email: (found[email], wanted[email]) for email in wanted if found[email] != wanted[email]}
    assert not different, f"{len(different)} leads differ, such as {next(iter(different.items()))}"
    stages = {row[0]: row[1] for row in system.sql(
        "SELECT lifecycle_stage, count(*) FROM tasuki.v_lead GROUP BY 1"
    )}  # fmt: skip
    print(f"stages: {stages}; merged: {system.one('SELECT count(*) FROM tasuki.lead_merge')}")
    assert {"nurture", "mql", "disqualified", "won", "lost", "sql"} <= stages.keys()
