"""Producers that know nothing of Python or of us: one XADD over a socket, or a Celery message, is enough."""

import base64
import json
import shutil
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery

from tests.fixtures.system import READY, System, event, eventually
from worker import queue
from worker.now import new_id

#: A message of Celery's protocol 2 as it lies in a Redis list, with what Celery needs and no more.
MESSAGE: dict[str, Any] = {
    "content-encoding": "utf-8", "content-type": "application/json",
    "headers": {"lang": "py", "task": "tasuki.intake", "id": "6b7f8e0a-0000-4000-8000-000000000001",
                "root_id": "6b7f8e0a-0000-4000-8000-000000000001", "parent_id": None, "retries": 0, "eta": None},
    "properties": {"correlation_id": "6b7f8e0a-0000-4000-8000-000000000001", "delivery_mode": 2, "priority": 0,
                   "delivery_info": {"exchange": "", "routing_key": "intake"}, "body_encoding": "base64"},
}  # fmt: skip


def by_hand(tag: str, events: list[Any]) -> str:
    """Return the text of a message that carries events."""
    body = json.dumps([[events], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return by_hand_raw(body.encode(), tag)


def by_hand_raw(body: bytes, tag: str | None = None) -> str:
    """Return the text of a message with this very body."""
    properties = {**MESSAGE["properties"], "delivery_tag": tag or new_id()}
    return json.dumps({**MESSAGE, "properties": properties, "body": base64.b64encode(body).decode()})


class Wire:
    """A Redis client of a few lines: RESP over a TCP socket."""

    def __init__(self, url: str) -> None:
        """Connect and authenticate."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        assert parts.password
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=5)
        self._file = self._socket.makefile("rb")
        assert self.say("AUTH", parts.password) == b"+OK"

    def say(self, *words: str) -> bytes:
        """Send one command and return the first line of the answer, or the bulk string that it announces."""
        parts = [word.encode() for word in words]
        self._socket.sendall(
            b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        )
        line = self._file.readline().rstrip()
        return self._file.readline().rstrip() if line.startswith(b"$") else line

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


def test_one_xadd_over_a_socket(system: System) -> None:
    """AUTH and XADD of one field `event`, in plain RESP, is judged and offered; before any worker ever ran."""
    wire = Wire(system.servers.redis_url)
    entry_id = wire.say(
        "XADD", "tasuki:events", "*", "event", json.dumps(event(1, email="a@example.co.jp", **READY))
    )
    assert entry_id.count(b"-") == 1
    wire.close()
    system.worker()
    system.until_empty()
    assert system.sql("SELECT lifecycle_stage FROM tasuki.v_lead WHERE email = 'a@example.co.jp'") == [
        ("mql",)
    ]
    eventually(lambda: system.one("SELECT count(*) FROM tasuki.v_assignment") == 1, "the lead is offered")
    system.until_kept()


def test_batch_field(system: System) -> None:
    """One entry with a field `batch` holds many events; each is applied, or quarantined, by itself."""
    wire = Wire(system.servers.redis_url)
    documents = [event(n, email=f"p{n}@example.co.jp") for n in range(300)]
    wire.say("XADD", "tasuki:events", "*", "batch", json.dumps([*documents, {"id": "bad"}, *documents[:5]]))
    wire.close()
    system.drain_here()
    assert system.applied() == 300
    assert system.one("SELECT count(*) FROM tasuki.v_quarantine") == 1
    assert queue.backlog() == 0


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not on the PATH")
def test_redis_cli(system: System) -> None:
    """The line of the documentation works as it stands."""
    url = system.servers.redis_url
    subprocess.run(
        ["redis-cli", "--no-auth-warning", "-u", url, "XADD", "tasuki:events", "*", "event", json.dumps(event(1))],
        check=True, capture_output=True, timeout=10,
    )  # fmt: skip
    system.drain_here()
    assert system.applied() == 1


def test_task_of_a_foreign_celery_app(system: System) -> None:
    """An app that has none of our code calls `tasuki.intake`, with one event or a list, and it is judged."""
    system.worker()
    foreign = Celery("theirs", broker=system.servers.redis_url)
    foreign.conf.update(task_serializer="json", result_backend=None)
    foreign.send_task(
        "tasuki.intake", args=[event(1, email="a@example.co.jp")], queue="intake", ignore_result=True
    )
    foreign.send_task(
        "tasuki.intake", args=[[event(2), event(3), "rubbish"]], queue="intake", ignore_result=True
    )
    foreign.send_task("tasuki.intake", kwargs={"events": [event(4)]}, queue="intake", ignore_result=True)
    eventually(lambda: system.applied() == 4, "all are applied")
    eventually(
        lambda: system.one("SELECT count(*) FROM tasuki.v_quarantine") == 1, "the rubbish is in quarantine"
    )
    foreign.close()


def test_message_written_by_hand(system: System) -> None:
    """The wire format of Celery, pushed onto the list `intake` by a program that has no Celery at all."""
    system.worker()
    wire = Wire(system.servers.redis_url)
    wire.say("LPUSH", "intake", by_hand("1", [event(1, email="a@example.co.jp")]))
    eventually(lambda: system.applied() == 1, "the event is applied")
    theirs = {**event(2), "source": "mautic", "type": "mautic.form_on_submit", "specversion": "1.0"}
    wire.say("LPUSH", "intake", by_hand("2", [theirs]))  # a type that only the adapter of its platform knows
    eventually(
        lambda: system.one("SELECT count(*) FROM tasuki.v_quarantine WHERE source = 'mautic'") == 1, "kept"
    )
    assert system.one("SELECT reason FROM tasuki.v_quarantine").startswith("type: unknown")
    wire.close()


def test_pickle_is_refused(system: System) -> None:
    """Consumers accept JSON only: a pickled message is thrown away unread, and the worker goes on."""
    system.worker()
    foreign = Celery("theirs", broker=system.servers.redis_url)
    foreign.conf.update(task_serializer="pickle", accept_content=["pickle"], result_backend=None)
    foreign.send_task("tasuki.intake", args=[event(1)], queue="intake", ignore_result=True)
    foreign.send_task("tasuki.intake", args=[event(2)], queue="intake", serializer="json", ignore_result=True)
    eventually(lambda: system.applied() == 1, "the event that came as JSON is applied", 30)
    assert system.sql("SELECT event_id FROM tasuki.event") == [("e2",)]
    foreign.close()
