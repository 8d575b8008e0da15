"""A batch is one transaction with a fixed number of statements, and one bad event harms nobody else."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import redis
from sqlalchemy import event as sa_event

from tests.fixtures.system import READY, System, event, eventually
from worker import queue
from worker.entry import Entry
from worker.store import db

#: Fails when the event of that id is applied; `%s` says how.
TRIGGER = """
CREATE SEQUENCE tasuki.failed;
CREATE FUNCTION tasuki.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.event_id = 'e13' THEN %s END IF; RETURN NEW; END $$;
CREATE TRIGGER fail BEFORE INSERT ON tasuki.event FOR EACH ROW EXECUTE FUNCTION tasuki.fail()
"""


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is executed, and each commit."""
    seen: list[str] = []

    def on_execute(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.split("(", maxsplit=1)[0][:60])

    def on_commit(_c: Any) -> None:
        seen.append("COMMIT")

    engine = db.engine()
    sa_event.listen(engine, "before_cursor_execute", on_execute)
    sa_event.listen(engine, "commit", on_commit)
    try:
        yield seen
    finally:
        sa_event.remove(engine, "before_cursor_execute", on_execute)
        sa_event.remove(engine, "commit", on_commit)


def mixed(first: int, count: int) -> list[dict[str, Any]]:
    """Return events, a tenth of which make a lead sales-ready."""
    return [
        event(n, email=f"p{n}@shop.example.co.jp", **(READY if n % 10 == 0 else {}))
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize("said", [{}, READY], ids=["held", "ready"])
def test_statements_do_not_grow_with_the_batch(system: System, said: dict[str, Any]) -> None:
    """One transaction and the same SQL statements for 1, 50 and 500 events, new leads and known ones alike."""
    system.send(mixed(100_000, 1000))
    system.drain_here()  # takes a block of lead ids, compiles the rulebook
    new: dict[int, list[str]] = {}
    known: dict[int, list[str]] = {}
    for count in (1, 50, 500):
        events = [
            event(n, email=f"p{n}@shop.example.co.jp", **said) for n in range(count * 1000, count * 1001)
        ]
        system.send(events)
        with statements() as new[count]:
            assert system.drain_here().applied == count
        system.send([{**one, "id": one["id"] + "b"} for one in events])
        with statements() as known[count]:
            assert system.drain_here().applied == count
    for sort in (new, known):
        plain = {n: [one for one in seen if "nextval" not in one] for n, seen in sort.items()}
        assert plain[1] == plain[50] == plain[500]
        assert plain[1].count("COMMIT") == 1
        assert len(plain[1]) <= 14, plain[1]


def test_repeats_cost_a_fixed_number_too(system: System) -> None:
    """A batch of nothing but repeats is as many statements, whatever its size."""
    counted = []
    for count in (1, 50, 500):
        system.send(mixed(count * 1000, count))
        system.drain_here()
        system.send(mixed(count * 1000, count))
        with statements() as seen:
            assert system.drain_here().applied == 0
        counted.append(len(seen))
    assert len(set(counted)) == 1


def test_acknowledged_only_after_the_commit(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """When entries are acknowledged they are committed: another session sees their events."""
    seen = []
    acknowledge = queue.acknowledge

    def spy(entries: list[Entry]) -> None:
        with db.engine().connect() as connection:
            seen.append(
                (len(entries), connection.exec_driver_sql("SELECT count(*) FROM tasuki.event").scalar())
            )
        acknowledge(entries)

    monkeypatch.setattr(queue, "acknowledge", spy)
    system.send(mixed(0, 700))
    system.drain_here()
    assert seen == [(500, 500), (200, 700)]
    assert queue.backlog() == 0


def test_dead_workers_batch_is_taken_over(system: System) -> None:
    """What a worker had in hand when its machine died is judged by another within seconds."""
    system.do(TRIGGER % "PERFORM pg_sleep(600);")
    first = system.worker("first")
    ids = system.send(mixed(0, 50))
    eventually(lambda: pending(system) == len(ids), "the first worker has all in hand")
    first.kill()
    system.workers.remove(first)
    system.do("DROP TRIGGER fail ON tasuki.event; SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
              " WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    system.worker("second")
    died = time.monotonic()
    system.until_empty(30)
    print(f"taken over after {time.monotonic() - died:.1f} s, start of the second worker included")
    assert system.applied() == 50
    system.until_kept()


def test_killed_child_blocks_its_slot_only_for_a_moment(system: System) -> None:
    """The kernel kills the one process that judges: its events go on within seconds, not when a lock runs out."""
    supervisor = system.worker(concurrency=2)
    system.send(mixed(0, 1))
    system.until_empty()
    system.do(TRIGGER % "PERFORM pg_sleep(600);")
    system.send(mixed(10, 50))
    eventually(lambda: system.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY tasuki.event%'"
                                  " AND wait_event = 'PgSleep'"), "the batch is being judged")  # fmt: skip
    busy = slot_pid(system)
    os.kill(busy, signal.SIGKILL)
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        )
        connection.exec_driver_sql("DROP TRIGGER fail ON tasuki.event")
    killed = time.monotonic()
    system.until_empty(30)
    took = time.monotonic() - killed
    print(f"after the kill of a child: {took:.1f} s")
    assert system.applied() == 51
    assert took < 10
    assert supervisor.alive()


def pending(system: System) -> int:
    """Return how many entries consumers have in hand."""
    with suppress(redis.ResponseError):  # no worker has made the group yet
        return int(system.client().xpending(queue.STREAM, queue.GROUP)["pending"])
    return 0


def slot_pid(system: System) -> int:
    """Return the process that holds a judging slot."""
    key = next(iter(system.client().scan_iter("tasuki:lock:*:judge:*")))
    token: Any = system.client().get(key)
    return int(token.split(b":")[0])


def test_poison_is_found_and_its_neighbours_applied(system: System) -> None:
    """An event that PostgreSQL refuses is quarantined with the reason; the 499 others are applied."""
    system.do(TRIGGER % "RAISE EXCEPTION 'I refuse';")
    system.send(mixed(0, 500))
    assert system.drain_here().applied == 499
    rows = system.sql("SELECT event_id, place, reason FROM tasuki.quarantine")
    assert [row.event_id for row in rows] == ["e13"]
    assert "I refuse" in rows[0].reason
    assert queue.backlog() == 0
    assert system.one("SELECT count(*) FROM tasuki.attempt") == 0
    assert system.broken() == []


def test_conflict_with_a_poison_is_none(system: System) -> None:
    """The same id with another body, behind an event that fails, is looked at anew: it is no conflict then."""
    system.do(TRIGGER % "IF NEW.body LIKE '%%bad%%' THEN RAISE EXCEPTION 'I refuse'; END IF;")
    system.send([event(13, company="bad"), event(13, company="good")])
    assert system.drain_here().applied == 1
    assert system.sql("SELECT place, raw LIKE '%bad%'::bytea FROM tasuki.quarantine") == [("event", True)]
    assert system.broken() == []


def test_event_that_kills_is_given_up_after_counted_tries(system: System) -> None:
    """An event that takes its connection down each time is given up; its neighbours go through long before."""
    system.do(TRIGGER % "PERFORM pg_terminate_backend(pg_backend_pid());")
    system.send(mixed(0, 200))
    system.drain_here()
    rows = system.sql("SELECT event_id, reason FROM tasuki.quarantine")
    assert [row.event_id for row in rows] == ["e13"]
    assert "failed 5 times" in rows[0].reason
    assert system.applied() == 199
    assert system.one("SELECT count(*) FROM tasuki.attempt") == 0
    assert system.broken() == []


def test_event_that_kills_its_process_is_given_up(system: System) -> None:
    """The same with a real worker whose process dies each time: the worker comes back, the event goes."""
    system.do(TRIGGER % "PERFORM pg_sleep(600);")
    system.worker(concurrency=2)
    system.send(mixed(0, 40))
    until = time.monotonic() + 60
    kills = 0
    while queue.backlog() and time.monotonic() < until:
        if system.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            with suppress(ProcessLookupError):
                os.kill(slot_pid(system), signal.SIGKILL)
            system.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
            kills += 1
        system.workers[0].watch()
        time.sleep(0.05)
    assert kills >= 5
    assert [row[0] for row in system.sql("SELECT event_id FROM tasuki.quarantine")] == ["e13"]
    assert system.applied() == 39
    assert system.broken() == []


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_clashes_are_tried_again(system: System, state: str) -> None:
    """A deadlock, a serialisation failure or a lock time-out is no fault of the event: done again, none lost."""
    fail = f"IF nextval('tasuki.failed') <= 3 THEN RAISE EXCEPTION 'clash' USING ERRCODE = '{state}'; END IF;"
    system.do(TRIGGER % fail)
    system.send(mixed(0, 50))
    assert system.drain_here().applied == 50
    assert system.one("SELECT last_value FROM tasuki.failed") == 4
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


def test_a_full_stream_is_judged_in_larger_batches(system: System) -> None:
    """Each of them in one transaction; what comes alone later is judged alone."""
    system.send([event(n, subject=f"lead-{n}") for n in range(4_000)])
    system.drain_here()
    system.send([event("last", subject="lead-1")])
    system.drain_here()
    sizes = [row[0] for row in system.sql("SELECT entries FROM tasuki.batch ORDER BY batch_id")]
    assert sizes == [500, 1_000, 2_000, 500, 1]
    assert system.applied() == 4_001
