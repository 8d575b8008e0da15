"""PostgreSQL or Valkey away, full or wiped, and workers that stall: work waits, and goes on by itself."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from schemas.errors import Away
from tests.fixtures.system import READY, System, children, event, eventually
from worker import queue
from worker.app import QUEUES


def some(first: int, count: int = 100) -> list[dict[str, Any]]:
    """Return events of leads of their own."""
    return [event(n, email=f"p{n}@shop.example.co.jp") for n in range(first, first + count)]


def goes_on(system: System, first: int, within_s: float = 60.0) -> float:
    """Send some events and return how long it took until they were applied."""
    before, began = system.applied(), time.monotonic()
    system.send(some(first, 20))
    eventually(
        lambda: watched(system) and system.applied() >= before + 20, "events are judged again", within_s
    )
    return time.monotonic() - began


def watched(system: System) -> bool:
    """Do what supervisors do in their loop."""
    for supervisor in system.workers:
        supervisor.watch()
    return True


def test_events_wait_while_postgres_is_away(system: System) -> None:
    """PostgreSQL stopped for seconds: events are still accepted, none is counted against, all are judged after."""
    system.worker()
    goes_on(system, 0)
    for _ in range(2):  # once killed, once again
        system.servers.kill_postgres()
        for first in range(1000, 2000, 100):
            system.send(some(first))
        time.sleep(3)  # the outage itself; proves nothing
        assert queue.backlog() >= 1000
        system.servers.start_postgres()
        began = time.monotonic()
        system.until_empty(30)
        print(f"PostgreSQL back: all judged after {time.monotonic() - began:.1f} s")
    assert system.applied() == 1020
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    system.until_kept()
    assert system.workers[0].alive()


def test_worker_survives_restarts_of_valkey_under_load(system: System) -> None:
    """Valkey killed four times under load: the same worker process goes on (late acks of Celery 5.7.0 do not)."""
    supervisor = system.worker()
    goes_on(system, 0)
    pid = supervisor.pid
    for kill in range(4):
        for first in range(1000):
            system.send(some(10_000 * (kill + 1) + first * 10, 10))
            if first == 50:
                break
        system.servers.kill_valkey()
        system.servers.start_valkey()
        eventually(lambda: queue.backlog() == 0, "the stream is empty", 30)
        print(f"restart {kill}: went on after {goes_on(system, 10_000 * (kill + 1) + 5000):.2f} s")
        assert supervisor.alive()
    assert supervisor.pid == pid
    # Pokes themselves go on as well, not only the watcher's own work.
    eventually(
        lambda: system.client().get("tasuki:lock:" + worker_key("w") + ":swept"), "sweeps are worked off"
    )
    assert system.applied() == 20 + 4 * (510 + 20)


def worker_key(name: str) -> str:
    """Return the first part of a worker's keys."""
    return f"{socket.gethostname()}-{name}-0"


@pytest.fixture
def full(system: System) -> Iterator[Any]:
    """Fill Valkey up, as a memory limit would; give the memory back at the end."""
    client = system.client()

    def fill() -> None:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1_000_000)
        with pytest.raises(redis.OutOfMemoryError):
            client.set("x", 1)

    yield fill
    system.servers.start_valkey()
    client.config_set("maxmemory", 0)


def test_full_valkey_refuses_clearly_and_drains(system: System, full: Any) -> None:
    """Valkey is full: a producer is told so, what was accepted is judged and placed all the same."""
    queue.ensure_group()  # a worker ran before
    system.send([event(n, email=f"p{n}@shop.example.co.jp", **READY) for n in range(10)])
    system.send(some(100, 500))
    full()
    with pytest.raises(Away, match="full"):
        system.send(some(1000, 1))
    system.worker()
    system.until_empty(40)
    assert system.applied() == 510
    eventually(lambda: watched(system) and system.one("SELECT count(*) FROM tasuki.assignment") == 10,
               "leads are offered although no poke can be sent", 20)  # fmt: skip
    system.client().config_set("maxmemory", 0)
    print(f"memory is back: {goes_on(system, 2000):.2f} s")
    system.until_kept()


def test_running_worker_meets_a_full_valkey(system: System, full: Any) -> None:
    """The same while the worker runs and takes pokes: nothing is lost, and it goes on when memory is back."""
    system.worker()
    goes_on(system, 0)
    for first in range(1000, 6000, 100):
        system.send(some(first))
    full()
    system.until_empty(60)
    assert system.applied() == 5020
    system.client().config_set("maxmemory", 0)
    print(f"memory is back: {goes_on(system, 10_000):.2f} s")
    system.until_kept()


def test_lost_pokes_lose_no_event(system: System) -> None:
    """Celery's lists and keys are deleted over and over: events are judged and placed all the same."""
    system.worker()
    goes_on(system, 0)
    client = system.client()
    sent = 20
    began = time.monotonic()
    while time.monotonic() - began < 6:
        system.send(some(1000 + sent, 20))
        sent += 20
        client.delete(
            *QUEUES, "unacked", "unacked_index", *client.keys("_kombu.*"), *client.keys("tasuki:lock:*")
        )
        time.sleep(0.02)
    system.send([event("ready", email="ready@shop.example.co.jp", **READY)])
    system.until_empty(30)
    assert system.applied() == sent + 1
    eventually(
        lambda: system.one("SELECT count(*) FROM tasuki.assignment") == 1, "the ready lead is offered", 20
    )
    system.until_kept()


def test_wiped_valkey_is_set_up_again(system: System) -> None:
    """FLUSHALL takes the stream and its group away: what comes afterwards is judged without anybody's help."""
    system.worker()
    goes_on(system, 0)
    for number in range(3):
        system.client().flushall()
        print(f"wiped: went on after {goes_on(system, 1000 * (number + 1)):.2f} s")


UNKNOWN = {
    "body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json",
    "headers": {"lang": "py", "task": "tasuki.no_such_task", "id": "1", "root_id": "1", "retries": 0},
    "properties": {"correlation_id": "1", "delivery_tag": "t", "body_encoding": "base64",
                   "delivery_info": {"exchange": "", "routing_key": "tasuki"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [json.dumps(UNKNOWN).encode(), b"not json", b"[1, 2]", b'{"id": "14"}', b"\xff\xfe\x00", b"{}", b"null"],
    ids=["unknown task", "not json", "a list", "no envelope", "bytes", "empty", "null"],
)
@pytest.mark.parametrize("name", ["tasuki.judge"])
def test_rubbish_in_celerys_queues_stops_nothing_for_long(shared: System, name: str, message: bytes) -> None:
    """Whatever is pushed onto a queue of Celery's: events are judged within seconds, after a restart at worst."""
    before = len(shared.sql("SELECT 1 FROM tasuki.event"))
    shared.client().lpush(name, message)
    assert goes_on(shared, 10_000 + before) < 15
    eventually(lambda: watched(shared) and not shared.client().llen(name), "the message is gone", 15)
    assert goes_on(shared, 20_000 + before) < 15


@pytest.fixture
def shared(system: System) -> System:
    """A system with a worker that works."""
    system.worker()
    goes_on(system, 0)
    return system


@pytest.mark.parametrize("who", ["all", "main", "children"])
def test_stalled_worker_stops_no_other(system: System, who: str) -> None:
    """A stopped (SIGSTOP) worker, or half of one, keeps nothing from another that works."""
    first = system.worker("first", stall_after_s=5)
    goes_on(system, 0)
    system.worker("second", stall_after_s=5)
    eventually(lambda: system.client().get(f"tasuki:lock:{worker_key('second')}:swept"), "the second works")
    main, *others = children(first)
    system.send(some(1000, 3000))
    eventually(lambda: system.applied() > 100, "work is under way")
    for process in {"all": [main, *others], "main": [main], "children": others}[who]:
        process.send_signal(signal.SIGSTOP)
    # What a stopped process holds in an open transaction waits for PostgreSQL to end it; nothing else does.
    began = time.monotonic()
    eventually(lambda: system.applied() >= 2500, "others are judged", 30)
    print(f"{who} stopped: others judged after {time.monotonic() - began:.1f} s")
    assert goes_on(system, 50_000) < 10
    for process in [main, *others]:
        if process.is_running():
            process.send_signal(signal.SIGCONT)
    system.until_empty(30)
    assert system.applied() == 3040
    system.until_kept()


def test_worker_whose_children_hang_restarts_itself(system: System) -> None:
    """Alive is not working: when sweeps are not worked off the worker kills itself, and its supervisor helps."""
    supervisor = system.worker(stall_after_s=6)  # a slow machine needs some seconds to start at all
    goes_on(system, 0)
    pid, (_main, *others) = supervisor.pid, children(supervisor)
    for process in others:
        process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    eventually(lambda: watched(system) and supervisor.pid != pid, "it was started again", 60)
    goes_on(system, 1000)
    print(f"children hung: works again after {time.monotonic() - began:.1f} s")
    assert system.said("worker.stalled") == 1
