"""Thin events are read back from a platform's API (an HTTP double): once each, at a pace, whatever the API does."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.fixtures.sources import SAMPLES, SECRETS
from tests.fixtures.system import System
from worker import fetching, queue, tasks
from worker.intake import configured
from worker.intake.readers import marketo
from worker.now import now
from worker.settings import settings
from worker.store import intake
from worker.store.db import in_transaction
from worker.store.intake import Wanted

CONTACT = {
    "id": "101", "updatedAt": "2026-09-15T03:00:00.000Z",
    "properties": {"email": "hanako@example.co.jp", "lastname": "佐藤", "company": "サンプル商事", "hs_email_optout": "true"},
}  # fmt: skip


class Api:
    """What stands behind the double: answers in order, the last one for ever; requests as they came."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        server.expect_request("/identity/oauth/token").respond_with_handler(self._token)
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)
        self.tokens = 0

    def _token(self, _: Request) -> Response:
        self.tokens += 1
        return said({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    def _answer(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def said(document: Any, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(document), status, content_type="application/json",
        headers={name.replace("_", "-"): word for name, word in headers.items()},
    )  # fmt: skip


@pytest.fixture
def api(
    system: System, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    """Sources whose platforms' APIs are the double."""
    base = httpserver.url_for("").rstrip("/")
    fetch = f"fetch: {{api: '{base}', token: '${{TASUKI_SECRET}}', per_second: 50"
    path = tmp_path / "sources.yaml"
    path.write_text(
        "sources:\n"
        f"  hubspot: {{platform: hubspot, secrets: ['${{TASUKI_SECRET}}'], {fetch}}}}}\n"
        f"  meta: {{platform: meta, secrets: ['${{TASUKI_SECRET}}'], verify_token: '${{TASUKI_SECRET}}', {fetch}}}}}\n"
        f"  marketo: {{platform: marketo_stream, client_id: c, {fetch}, client: '${{TASUKI_SECRET_ALSO}}'}}}}\n",
        encoding="utf-8",
    )
    for name, word in {**SECRETS, "TASUKI_SOURCES": str(path)}.items():
        monkeypatch.setenv(name, word)
    settings.cache_clear()
    configured.registry.cache_clear()
    marketo._tokens.clear()
    assert configured.registry().current().sources.keys() == {"hubspot", "meta", "marketo"}
    yield Api(httpserver)
    configured.registry.cache_clear()


def send(system: System, platform: str, source: str, sample: str) -> None:
    raw = (SAMPLES / sample).read_bytes()
    queue.append([{"payload": raw, "platform": platform, "source": source}])
    system.drain_here()


def later(seconds: float) -> datetime:
    return now() + timedelta(seconds=seconds)


def requests(system: System) -> list[Any]:
    return system.sql(
        "SELECT source, kind, object_id, outcome, attempts, last_error FROM tasuki.fetch_request ORDER BY object_id"
    )


def test_hubspot_contact_is_read_back_once(system: System, api: Api) -> None:
    """A creation names a number only; what is read back makes it a person, and a second read changes nothing."""
    send(system, "hubspot", "hubspot", "hubspot/contact.creation.json")
    (row,) = requests(system)
    whom = row.object_id
    assert (row.source, row.kind, row.outcome) == ("hubspot", "contact", None)
    api.answers = [said({"results": [{**CONTACT, "id": whom}]})]
    assert fetching.is_due(later(1))
    assert fetching.fetch_some(later(1)) == 1
    assert fetching.fetch_some(later(2)) == 0
    system.drain_here()
    assert system.one("SELECT email FROM tasuki.v_lead") == "hanako@example.co.jp"
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/crm/v3/objects/contacts/batch/read")
    assert request.headers["Authorization"] == f"Bearer {SECRETS['TASUKI_SECRET']}"
    body = request.get_json()
    assert body["inputs"] == [{"id": whom}]
    assert {"email", "company", "jobtitle", "lastmodifieddate"} <= set(body["properties"])
    in_transaction(lambda c: intake.ask(c, [Wanted("hubspot", "contact", whom, 0)], later(100)))
    assert fetching.fetch_some(later(101)) == 1
    system.drain_here()
    assert system.applied() == 2  # the creation and the one read
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


def test_repeated_thin_event_is_not_read_again(system: System, api: Api) -> None:
    """A repeat is no news: it asks for nothing."""
    send(system, "hubspot", "hubspot", "hubspot/contact.creation.json")
    api.answers = [said({"results": []})]
    fetching.fetch_some(later(1))
    send(system, "hubspot", "hubspot", "hubspot/contact.creation.json")
    assert not fetching.is_due(later(1_000_000))
    assert [row.outcome for row in requests(system)] == ["missing"]


def test_meta_lead_is_read_back(system: System, api: Api) -> None:
    """One request a lead, the token in a header and not in the address; the answers come with the lead."""
    send(system, "meta", "meta", "meta-lead-ads/leadgen.webhook.json")
    ids = [row.object_id for row in requests(system)]
    assert len(ids) > 1
    lead = json.loads((SAMPLES / "meta-lead-ads/leadgen.graph-lead-ja.json").read_bytes())
    api.answers = [said({**lead, "id": one}) for one in ids[:-1]] + [said({"error": {"code": 100}}, 404)]
    at = 1.0
    while fetching.fetch_some(later(at)):
        at += 1
    outcomes = [row.outcome for row in requests(system)]
    assert sorted(outcomes) == ["missing"] + ["read"] * (len(ids) - 1)
    assert all(SECRETS["TASUKI_SECRET"] not in request.url for request in api.requests)
    assert all("field_data" in request.args["fields"] for request in api.requests)
    system.drain_here()
    emails = system.sql("SELECT email FROM tasuki.v_lead WHERE email IS NOT NULL")
    assert emails


def people(system: System) -> dict[str, str | None]:
    """Return the e-mail address of each lead, by Meta's number."""
    rows = system.sql(
        "SELECT k.value, l.email FROM tasuki.lead_key k JOIN tasuki.lead l USING (lead_id) WHERE k.kind = 'ma:meta'"
    )
    return {row.value: row.email for row in rows}


def test_meta_test_delivery_makes_no_lead(system: System, api: Api) -> None:
    """Meta's Testing Tool sends a notice as any other; what is read back says that it is a test, and ops can see that it came."""
    send(system, "meta", "meta", "meta-lead-ads/leadgen.webhook.json")
    first, *others = [row.object_id for row in requests(system)]
    assert people(system) == {}  # a notice is no lead yet
    lead = json.loads((SAMPLES / "meta-lead-ads/leadgen.graph-lead-ja.json").read_bytes())
    dummy = [{"name": "email", "values": ["<test lead: dummy data for email>"]}]
    api.answers = [said({**lead, "id": first, "field_data": dummy})] + [
        said({**lead, "id": one}) for one in others
    ]
    at = 1.0
    while fetching.fetch_some(later(at)):
        at += 1
    system.drain_here()
    assert people(system) == dict.fromkeys(others, "hanako.sato@example.co.jp")
    (kept,) = system.sql("SELECT place, reason, resolution FROM tasuki.quarantine")
    assert (kept.place, kept.resolution) == ("[0].field_data.email", "test")
    assert kept.reason.startswith("test delivery")
    send(system, "meta", "meta", "meta-lead-ads/leadgen.webhook.json")  # the notice again
    assert people(system).keys() == set(others)
    assert not fetching.is_due(later(1_000_000))
    assert system.broken() == []


def test_meta_lead_that_cannot_be_read_is_there_all_the_same(system: System, api: Api) -> None:
    """One is missing, the others are given up: each is a lead by its number, once, as it is without `fetch`."""
    send(system, "meta", "meta", "meta-lead-ads/leadgen.webhook.json")
    ids = {row.object_id for row in requests(system)}
    api.answers = [said({"error": {"code": 100}}, 404), said({}, 500)]
    for step in range(1, 60):
        fetching.fetch_some(later(step * 1_000.0))
    system.drain_here()
    assert {row.outcome for row in requests(system)} == {"missing", "gave_up"}
    assert people(system) == dict.fromkeys(ids)
    assert system.applied() == len(ids)
    assert system.one("SELECT count(*) FROM tasuki.fetch_request WHERE notice IS NOT NULL") == 0
    assert system.broken() == []


def test_meta_notice_is_sent_again_after_a_crash_and_counts_once(
    system: System, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the append and the note: it is tried again, and the second append is a repeat."""
    send(system, "meta", "meta", "meta-lead-ads/leadgen.webhook.json")
    api.answers = [said({}, 404)]
    with monkeypatch.context() as crash:
        crash.setattr(intake, "settle", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fetching.fetch_some(later(1))
    at = 100.0
    while fetching.fetch_some(later(at)):
        at += 1
    system.drain_here()
    assert system.applied() == len(requests(system)) == len(people(system))
    assert system.broken() == []


def test_marketo_lead_is_read_back_with_a_token(system: System, api: Api) -> None:
    """Errors come with HTTP 200: an expired token is renewed once, then the leads of many activities are read at once."""
    send(system, "marketo", "marketo", "marketo/datastream.activities.batch.json")
    ids = sorted(row.object_id for row in requests(system))
    lead = {"email": "hanako@example.co.jp", "lastName": "佐藤", "updatedAt": "2026-09-15T03:00:00Z"}
    api.answers = [
        said({"requestId": "a", "success": False, "errors": [{"code": "602", "message": "expired"}]}),
        said({"requestId": "b", "success": True, "result": [{**lead, "id": int(ids[0])}]}),
    ]
    assert fetching.fetch_some(later(1)) == len(ids)
    assert api.tokens == 2
    assert [request.headers["Authorization"] for request in api.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert sorted(api.requests[1].args["filterValues"].split(",")) == ids
    assert sorted(row.outcome for row in requests(system)) == sorted(["read"] + ["missing"] * (len(ids) - 1))
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.v_lead WHERE email = 'hanako@example.co.jp'") == 1


FAILURES: list[tuple[Response, float, str]] = [
    (said({}, 429, Retry_After="120"), 120, "asks to wait"),
    (said({}, 503), 1, "answered 503"),
    (said({}, 500, Retry_After="soon"), 1, "answered 500"),
    (said({}, 401), 300, "answered 401"),
    (said({}, 403), 300, "answered 403"),
    (Response("<html>gateway</html>", 200), 1, "not JSON"),
    (said([]), 1, "no object"),
]  # fmt: skip


@pytest.mark.parametrize("answer, pause_s, words", FAILURES, ids=[words for _, _, words in FAILURES])
def test_source_that_fails_pauses_and_loses_nothing(
    system: System, api: Api, answer: Response, pause_s: float, words: str
) -> None:
    """The breaker: not asked again before the pause is over, as the API wishes where it says so; then it is read."""
    send(system, "hubspot", "hubspot", "hubspot/contact.creation.json")
    whom = requests(system)[0].object_id
    api.answers = [answer, said({"results": [{**CONTACT, "id": whom}]})]
    start = now() + timedelta(seconds=1)
    assert fetching.fetch_some(start) == 1
    assert words in requests(system)[0].last_error
    assert fetching.fetch_some(start + timedelta(seconds=pause_s - 0.5)) == 0
    assert len(api.requests) == 1
    assert fetching.fetch_some(start + timedelta(seconds=max(pause_s, 2) + 1)) == 1
    assert requests(system)[0].outcome == "read"


def test_object_that_always_fails_is_given_up_and_shown(system: System, api: Api) -> None:
    """After so many tries it is no longer asked for, and `intake sources` counts it."""
    send(system, "hubspot", "hubspot", "hubspot/contact.creation.json")
    api.answers = [said({}, 500)]
    at = 0.0
    for _ in range(30):
        at += 1_000
        fetching.fetch_some(later(at))
    (row,) = requests(system)
    assert (row.outcome, row.attempts) == ("gave_up", intake.GIVE_UP_AFTER)
    assert len(api.requests) == intake.GIVE_UP_AFTER
    shown = in_transaction(intake.fetches)
    assert [(one.source, one.waiting, one.gave_up) for one in shown] == [("hubspot", 0, 1)]


def test_pace_and_batches(system: System, api: Api) -> None:
    """A hundred objects a request, and requests no faster than the source's pace, whoever asks."""
    asked = [Wanted("hubspot", "contact", str(number), 60) for number in range(250)]
    in_transaction(lambda c: intake.ask(c, asked, now()))
    api.answers = [said({"results": []})]
    start = later(1)
    tried = [fetching.fetch_some(start + timedelta(milliseconds=5 * step)) for step in range(20)]
    assert [one for one in tried if one] == [100, 100, 50]
    first = tried.index(100)
    assert tried[first + 1 : first + 4] == [0, 0, 0]  # 20 ms at 50 a second


def test_reader_that_dies_leaves_its_objects_to_others(system: System, api: Api) -> None:
    """Claimed and never settled: after a minute another reads it."""
    in_transaction(lambda c: intake.ask(c, [Wanted("hubspot", "contact", "1", 60)], now()))
    start = later(1)
    claimed = in_transaction(
        lambda c: intake.claim(c, "hubspot", "contact", most=10, pause_s=0.02, now=start)
    )
    assert claimed == ["1"]
    api.answers = [said({"results": [{**CONTACT, "id": "1"}]})]
    assert fetching.fetch_some(start + timedelta(seconds=30)) == 0
    assert fetching.fetch_some(start + timedelta(seconds=61)) == 1


def test_task_reads_back_what_is_due(system: System, api: Api) -> None:
    """The Celery task does what the sweep pokes it for, and a second one at once does nothing more."""
    asked = [Wanted("hubspot", "contact", "1", 60)]
    in_transaction(lambda c: intake.ask(c, asked, later(-60)))
    api.answers = [said({"results": [{**CONTACT, "id": "1"}]})]
    assert fetching.is_due(now())
    tasks.fetch()
    tasks.fetch()
    assert not fetching.is_due(later(600))
    system.drain_here()
    assert (len(api.requests), system.applied()) == (1, 1)


def test_source_that_cannot_be_read_back_asks_for_nothing(system: System, api: Api) -> None:
    """Thin events of a source without `fetch` are applied and leave no row behind."""
    send(system, "hubspot", "another-hubspot", "hubspot/contact.creation.json")
    assert system.applied() == 1
    assert requests(system) == []
