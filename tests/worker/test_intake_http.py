"""The ASGI app of intake: the body is bounded and timed, the address is the public one, room is given back."""

import asyncio
import json
from collections.abc import MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.aside import run_aside
from tests.fixtures.sources import SECRETS, Intake, open_intake, post, posts
from tests.worker.test_intake_proofs import ready, source_of
from worker import intake_http
from worker.intake.request import Answer, Request
from worker.intake.room import Room
from worker.intake_http import IntakeApp

BASE = "https://leads.example.com"


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return open_intake(tmp_path)


class Caller:
    """Sends one request to an ASGI app and holds the answer."""

    def __init__(self, parts: list[bytes], *, pause_s: float = 0.0, hangs_up: bool = False) -> None:
        self.parts = parts
        self.pause_s = pause_s
        self.hangs_up = hangs_up
        self.sent: list[MutableMapping[str, Any]] = []
        self.taken = 0

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.sleep(self.pause_s)
        if self.taken >= len(self.parts):
            if self.hangs_up:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += 1
        more = self.hangs_up or self.taken < len(self.parts)
        return {"type": "http.request", "body": self.parts[self.taken - 1], "more_body": more}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def scope_of(request: Request, path: str | None = None) -> dict[str, Any]:
    rest = request.url.removeprefix(BASE)
    raw_path, _, query = rest.partition("?")
    return {
        "type": "http", "method": request.method, "path": path or raw_path, "raw_path": (path or raw_path).encode(),
        "query_string": query.encode(), "scheme": "http", "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request.headers],
    }  # fmt: skip


def call(app: IntakeApp, scope: dict[str, Any], caller: Caller) -> Caller:
    run_aside(app(scope, caller.receive, caller.send))
    return caller


@pytest.mark.parametrize("name", posts())
def test_sample_comes_in_over_http(intake: Intake, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample, in pieces, at its time; HubSpot's signature holds behind a proxy that speaks plain HTTP."""
    request, at = ready(name)
    monkeypatch.setattr(intake_http, "now", lambda: at)
    app = IntakeApp(intake.desk, BASE)
    third = len(request.body) // 3
    scope = scope_of(request)
    sample_path = scope["path"]
    scope["path"] = f"/intake/{source_of(name)}"  # routes know the source; the address that was signed stays
    assert sample_path == scope["raw_path"].decode()
    answered = call(app, scope, Caller([request.body[:third], request.body[third:]]))
    assert answered.status == 200
    assert len(intake.stream.entries) == 1
    app.close()


def test_public_address_has_the_path_that_the_proxy_took_off(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TASUKI_PUBLIC_URL with a path: the request is seen as the public sent it."""
    seen: list[str] = []
    real = intake.desk.accept_soon

    async def look(name: str, request: Request, at: datetime, threads: Any) -> Answer:
        seen.append(request.url)
        return await real(name, request, at, threads)

    monkeypatch.setattr(intake.desk, "accept_soon", look)
    one = post("hubspot/contact.creation.headers.json").request
    for path in ("/intake/hubspot", "/tasuki/intake/hubspot"):
        call(IntakeApp(intake.desk, "https://example.com/tasuki/"), scope_of(one, path), Caller([one.body]))
    call(IntakeApp(intake.desk, None), {**scope_of(one), "query_string": b"a=%2F"}, Caller([one.body]))
    assert seen == ["https://example.com/tasuki/intake/hubspot"] * 2 + [
        "http://127.0.0.1:8000/intake/hubspot?a=%2F"
    ]


def test_body_is_not_read_beyond_its_bound(intake: Intake) -> None:
    """An endless body is left after a megabyte, and its room is given back."""
    caller = Caller([b"x" * 100_000] * 1_000)
    scope = scope_of(post("mautic/form_on_submit.ja.headers.json").request)
    assert call(IntakeApp(intake.desk, BASE), scope, caller).status == 413
    assert caller.taken < 15
    assert json.loads(caller.sent[1]["body"])["status"] == 413


def test_slow_body_is_given_up(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then holds no room for long."""
    monkeypatch.setattr(intake_http, "BODY_S", 0.1)
    scope = scope_of(post("mautic/form_on_submit.ja.headers.json").request)
    app = IntakeApp(intake.desk, BASE)
    assert call(app, scope, Caller([b"x"] * 1_000, pause_s=0.02)).status == 503
    brevo = {**scope, "path": "/intake/brevo"}  # drops the event at any 5xx
    assert call(app, brevo, Caller([b"x"] * 1_000, pause_s=0.02)).status == 429
    assert {(source, outcome) for source, outcome, _ in intake.desk.tally.take()} == {
        ("mautic", "away"), ("brevo", "away"),
    }  # fmt: skip


def test_who_hangs_up_leaves_nothing(intake: Intake) -> None:
    """Half a body is no body."""
    one = post("mautic/form_on_submit.ja.headers.json").request
    caller = call(IntakeApp(intake.desk, BASE), scope_of(one), Caller([one.body[:100]], hangs_up=True))
    assert caller.sent == []
    assert intake.stream.entries == []


def test_room_is_given_back_whatever_happens(intake: Intake) -> None:
    """After many requests of every kind there is as much room as before."""
    app = IntakeApp(intake.desk, BASE)
    one = post("mautic/form_on_submit.ja.headers.json").request
    intake.desk.room = Room(most=20)
    for _ in range(21):
        call(app, scope_of(one), Caller([b"x" * 2_000_000]))
        call(app, scope_of(one), Caller([one.body[:9]], hangs_up=True))
    assert call(app, scope_of(one), Caller([one.body])).status == 200


def test_who_only_announces_a_body_fills_no_room(intake: Intake) -> None:
    """Requests that say they will send much, or not how much, and then are silent: others are taken as before."""
    app = IntakeApp(intake.desk, BASE)
    one = post("mautic/form_on_submit.ja.headers.json").request
    silent = {**scope_of(one, "/intake/nobody"), "headers": []}
    large = {**scope_of(one), "headers": [(b"content-length", b"1048576")]}

    async def at_once() -> int:
        waits = Caller([b"x"], pause_s=60)
        idle = [asyncio.create_task(app(scope, waits.receive, waits.send)) for scope in [silent, large] * 50]
        await asyncio.sleep(0.05)
        answered = Caller([one.body])
        await app(scope_of(one), answered.receive, answered.send)
        for task in idle:
            task.cancel()
        await asyncio.gather(*idle, return_exceptions=True)
        return answered.status

    assert run_aside(at_once()) == 200
    assert (intake.desk.room._requests, intake.desk.room._bytes) == (0, 0)


def test_bodies_that_came_are_counted(intake: Intake) -> None:
    """A body for which there is no room beside another is told to come again."""
    app = IntakeApp(intake.desk, BASE)
    one = post("mautic/form_on_submit.ja.headers.json").request
    intake.desk.room = Room(most_bytes=len(one.body) + 100)
    with intake.desk.room.hold() as other:
        other.grow(101)
        assert call(app, scope_of(one), Caller([one.body[:50], one.body[50:]])).status == 503
    assert call(app, scope_of(one), Caller([one.body])).status == 200


def test_fixed_source_and_unknown_paths(intake: Intake) -> None:
    """A route may name its source; a path that names none is nobody's."""
    body = b'{"specversion":"1.0","id":"1","source":"s","type":"lead.captured","time":"2026-11-24T00:00:00Z","subject":"1","data":{}}'
    request = Request("POST", f"{BASE}/v1/events", (("x-tasuki-token", SECRETS["TASUKI_SECRET"]),), body)
    assert (
        call(IntakeApp(intake.desk, BASE, source="cloudevents"), scope_of(request), Caller([body])).status
        == 200
    )
    for path in ("/intake/", "/intake/../etc", "/intake/a/b", "/elsewhere"):
        assert call(IntakeApp(intake.desk, BASE), scope_of(request, path), Caller([body])).status == 401
