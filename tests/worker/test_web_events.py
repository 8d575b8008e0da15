"""`POST /v1/events` and `/v1/outcomes`: every way to send, what is told of each event, and that none is lost."""

import base64
import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.system import event, eventually
from tests.fixtures.web import Web
from worker import now, queue, tokens
from worker.desk import spool
from worker.intake.bodies import MAX_BODY
from worker.intake.canonical import MAX_EVENTS
from worker.intake.room import Room
from worker.store.db import in_transaction
from worker.web import known_tokens
from worker.web.problems import TYPE, TYPES

PLAIN = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
OPENED = event("o1", "outcome.opened", opportunity="006-1", amount=1_200_000, currency="JPY")
WON = event("o2", "outcome.won", opportunity="006-1", amount=1_100_000, currency="JPY")
LOST = event("o3", "outcome.lost", opportunity="006-2", reason="予算がない")


def post(web: Web, body: Any, headers: dict[str, str], path: str = "/v1/events", **more: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return web.client.post(path, content=raw, headers={**headers, **more})


def problem(answer: Any) -> tuple[int, str]:
    """Return status and type of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    name = answer.json()["type"].removeprefix(TYPE)
    assert name in TYPES
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, name


def accepted(answer: Any) -> list[str]:
    """Return the statuses of a 202."""
    assert answer.status_code == 202, answer.text
    return [one["status"] for one in answer.json()["events"]]


def names(web: Web) -> set[str]:
    """Judge what was sent; return the ids of all events that are applied."""
    web.system.drain_here()
    return {row[0] for row in web.system.sql("SELECT event_id FROM tasuki.v_event")}


def test_every_content_type_makes_the_same_event(web: Web) -> None:
    """Plain, an array, structured, batch, binary, base64 and gzip: each event is applied as it was meant."""
    token = web.token("events:write")
    ce = {"specversion": "1.0", "datacontenttype": "application/json"}
    encoded = {**ce, **event(6)}
    encoded["data_base64"] = base64.b64encode(json.dumps(encoded.pop("data")).encode()).decode()
    binary = event(5, "lead.captured", email="hanako@example.co.jp", family_name="佐藤")
    attributes = {f"ce-{name}": binary[name] for name in ("id", "source", "type", "time", "subject")}
    answers = [
        post(web, event(1), {**token, **PLAIN}),
        post(web, [event(2), event(3)], {**token, **PLAIN}),
        post(web, {**ce, **event(4)}, {**token, **STRUCTURED}),
        post(web, binary["data"], {**token, **PLAIN, "ce-specversion": "1.0", **attributes}),
        post(web, encoded, {**token, **STRUCTURED}),
        post(web, [{**ce, **event(7)}, {**ce, **event(8)}], {**token, **BATCH}),
        post(
            web, gzip.compress(json.dumps(event(9)).encode()), {**token, **PLAIN, "Content-Encoding": "gzip"}
        ),
        post(web, [], {**token, **BATCH}),
    ]
    assert [len(accepted(answer)) for answer in answers] == [1, 2, 1, 1, 1, 2, 1, 0]
    assert answers[0].json() == {
        "accepted": 1, "quarantined": 0, "events": [{"source": "test", "id": "e1", "status": "accepted"}],
    }  # fmt: skip
    assert names(web) == {f"e{number}" for number in range(1, 10)}
    assert web.system.one("SELECT email FROM tasuki.v_lead WHERE email IS NOT NULL") == "hanako@example.co.jp"
    assert web.system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    assert web.system.broken() == []


def test_the_same_event_twice_and_over_both_roads_has_one_effect(web: Web) -> None:
    """HTTP, HTTP again, XADD, in a batch: one event, one count."""
    token = web.token("events:write")
    one = event(1, activity="pricing_view")
    for _ in range(2):
        assert accepted(post(web, one, {**token, **PLAIN})) == ["accepted"]
    web.system.send([one])
    assert accepted(post(web, [one, one], {**token, **BATCH})) == ["accepted"] * 2
    assert names(web) == {"e1"}
    assert web.system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    ledger = web.system.one("SELECT engagement FROM tasuki.lead")
    web.system.send([one])
    web.system.drain_here()
    assert web.system.one("SELECT engagement FROM tasuki.lead") == ledger


def test_a_broken_event_stops_no_neighbour_and_is_told_with_its_mend(web: Web) -> None:
    """Each part of a batch by itself; what is not understood is in quarantine with its bytes."""
    token = web.token("events:write")
    bad = event(2, email="not an address", activity="page_view")
    answer = post(web, [event(1), bad, 5, event(3, "lead.nonsense"), event(4)], {**token, **BATCH})
    assert accepted(answer) == ["accepted", "quarantined", "quarantined", "quarantined", "accepted"]
    said = answer.json()
    assert (said["accepted"], said["quarantined"]) == (2, 3)
    assert (said["events"][1]["id"], said["events"][1]["field"]) == ("e2", "data.email")
    assert said["events"][1]["mend"].startswith("not an e-mail address; send one such as")
    assert said["events"][2] == {
        "source": None, "id": None, "status": "quarantined", "field": "event",
        "mend": "a bare int; send an object with id, source, type, time, data",
    }  # fmt: skip
    assert said["events"][3]["field"] == "type"
    assert names(web) == {"e1", "e4"}
    rows = web.system.sql("SELECT place, reason, raw FROM tasuki.quarantine ORDER BY quarantine_id")
    assert [(row.place, row.reason) for row in rows] == [
        (one["field"], one["mend"]) for one in said["events"] if one["status"] == "quarantined"
    ]
    assert json.loads(bytes(rows[0].raw)) == bad


def test_a_lone_surrogate_stops_no_neighbour(web: Web) -> None:
    """Over HTTP and by XADD: Python writes half a character as an escape, which stricter parsers refuse whole."""
    half = event(2, email="a@example.co.jp", family_name="\ud83d")
    answer = post(
        web, json.dumps([event(1), half, event(3)]).encode(), {**web.token("events:write"), **PLAIN}
    )
    assert accepted(answer) == ["accepted", "quarantined", "accepted"]
    said = answer.json()["events"][1]
    assert (said["field"], "U+D83D" in said["mend"]) == ("data.family_name", True)
    half |= {"id": "e12"}
    web.system.client().xadd(queue.STREAM, {"batch": json.dumps([event(11), half, event(13)])})
    assert names(web) == {"e1", "e3", "e11", "e13"}
    kept = web.system.sql("SELECT place, raw FROM tasuki.quarantine ORDER BY quarantine_id")
    assert [(row.place, json.loads(bytes(row.raw))["id"]) for row in kept] == [
        ("data.family_name", "e2"), ("data.family_name", "e12"),
    ]  # fmt: skip


def test_many_events_go_together_and_in_order(web: Web) -> None:
    """A large batch is few entries; each event is applied, the broken ones alone are not."""
    events = [event(number) if number % 37 else {**event(number), "type": "x"} for number in range(1, 201)]
    answer = post(web, events, {**web.token("events:write"), **BATCH})
    assert (answer.json()["accepted"], answer.json()["quarantined"]) == (195, 5)
    assert [one["id"] for one in answer.json()["events"]] == [one["id"] for one in events]
    assert queue.backlog() < 35
    assert len(names(web)) == 195
    assert web.system.one("SELECT count(*) FROM tasuki.quarantine") == 5
    assert web.system.broken() == []


def test_strict_handling_refuses_whole_and_keeps_nothing(web: Web) -> None:
    """`Prefer: handling=strict`: one broken event, and none is taken; the fields are named with their place."""
    token = {**web.token("events:write"), "Prefer": "return=minimal, handling=strict"}
    answer = post(web, [event(1), {**event(2), "time": "yesterday"}], {**token, **PLAIN})
    assert problem(answer) == (422, "invalid-request")
    assert [one["field"] for one in answer.json()["errors"]] == ["[1].time"]
    alone = post(web, {**event(2), "id": ""}, {**token, **STRUCTURED})
    assert (problem(alone), alone.json()["errors"][0]["field"]) == ((422, "invalid-request"), "id")
    assert queue.backlog() == 0
    assert accepted(post(web, [event(1)], {**token, **PLAIN})) == ["accepted"]


@pytest.mark.parametrize(
    "body, headers, status, name",
    [
        (b"", PLAIN, 422, "invalid-request"), (b"{", PLAIN, 422, "invalid-request"),
        (b'"text"', PLAIN, 422, "invalid-request"), (b"null", STRUCTURED, 422, "invalid-request"),
        (b"[{}]", STRUCTURED, 422, "invalid-request"), (b"{}", BATCH, 422, "invalid-request"),
        (b'[{"id": NaN}]', BATCH, 202, ""), (b"[{]", PLAIN, 422, "invalid-request"),
        (b"[" * 100_000, PLAIN, 422, "invalid-request"), (b'{"a":' * 100_000, PLAIN, 422, "invalid-request"),
        (b"\xff\xfe{}", PLAIN, 422, "invalid-request"), (b"{}", {"ce-id": "1", **PLAIN, "x": "["}, 202, ""),
        (b"[1", {"ce-id": "1", **PLAIN}, 422, "invalid-request"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported"), (b"{}", {}, 415, "unsupported"),
        (b"{}", {**PLAIN, "Content-Encoding": "br"}, 415, "unsupported"),
        (b"{}", {**PLAIN, "Content-Encoding": "gzip"}, 422, "invalid-request"),
        (gzip.compress(b" " * 50_000_000), {**PLAIN, "Content-Encoding": "gzip"}, 413, "too-large"),
        (b"[" + b"1," * MAX_EVENTS + b"1]", PLAIN, 422, "invalid-request"),
        (b" " * (MAX_BODY + 1), PLAIN, 413, "too-large"), (b" " * 9_000_000, PLAIN, 413, "too-large"),
    ],
)  # fmt: skip
def test_hostile_and_broken_bodies(
    web: Web, body: bytes, headers: dict[str, str], status: int, name: str
) -> None:
    """Refused with a problem and nothing kept; a JSON object that is no event is kept to be mended."""
    answer = post(web, body, {**web.token("events:write"), **headers})
    if status == 202:
        assert accepted(answer) == ["quarantined"]
    else:
        assert problem(answer) == (status, name)
        assert queue.backlog() == 0
    assert accepted(post(web, event(1), {**web.token("events:write"), **PLAIN})) == ["accepted"]


def test_who_proves_nothing_leaves_nothing(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """No token, a wrong one, two headers, another scope, an ended and a revoked one: no byte is kept."""
    secret = event(1, "lead.captured", email="secret.person@example.co.jp")
    good = web.token("events:write")
    other = web.token("leads:read", "outcomes:write")
    body = json.dumps(secret).encode()
    for headers in ({}, {"Authorization": "Bearer tasuki_wrong"}, {"Authorization": "Basic abc"},
                    {"Authorization": good["Authorization"] + "x"}, {"Authorization": "Bearer "}):  # fmt: skip
        answer = post(web, body, {**PLAIN, **headers})
        assert problem(answer) == (401, "no-token")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "secret" not in answer.text
    twice = web.client.post(
        "/v1/events", content=body, headers=[*PLAIN.items(), *good.items(), *good.items()]
    )
    assert problem(twice) == (401, "no-token")
    lacking = post(web, body, {**PLAIN, **other})
    assert (problem(lacking), lacking.json()["scope"]) == ((403, "scope-missing"), "events:write")
    web.system.do("UPDATE tasuki.api_token SET expires_at = '2026-11-24T00:00:00Z' WHERE token_id = 1")
    assert problem(post(web, body, {**PLAIN, **good})) == (401, "no-token")
    assert queue.backlog() == 0
    assert spool().waiting().bytes == 0
    everything = repr(web.rows())
    assert "secret.person" not in everything
    assert "secret.person" not in caplog.text


def test_a_revoked_token_ends_within_seconds(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up again after a while; wrong tokens are never remembered as right."""
    monkeypatch.setattr(known_tokens, "GOOD_FOR_S", 0.3)
    token = web.token("events:write")
    assert accepted(post(web, event(1), {**token, **PLAIN})) == ["accepted"]
    in_transaction(lambda connection: tokens.revoke(connection, 1, now.now()))
    time.sleep(0.35)
    assert problem(post(web, event(2), {**token, **PLAIN})) == (401, "no-token")
    assert problem(post(web, event(2), {**token, **PLAIN})) == (401, "no-token")


def test_guessing_is_counted(web: Web) -> None:
    """After twenty wrong tokens in a minute the address is not looked up any more; a known token goes on."""
    good = web.token("events:write")
    assert accepted(post(web, event(1), {**good, **PLAIN})) == ["accepted"]
    found = [
        post(web, event(1), {**PLAIN, "Authorization": f"Bearer tasuki_{number}"}).status_code
        for number in range(22)
    ]
    assert found == [401] * 20 + [429] * 2
    assert accepted(post(web, event(2), {**good, **PLAIN})) == ["accepted"]


def test_guesses_that_come_at_once_are_counted_too(web: Web) -> None:
    """Those who wait behind the first twenty are not looked up."""

    def guess(number: int) -> int:
        headers = {**PLAIN, "Authorization": f"Bearer tasuki_{number}"}
        return int(post(web, event(1), headers).status_code)

    with ThreadPoolExecutor(60) as at_once:
        found = sorted(at_once.map(guess, range(60)))
    assert found == [401] * 20 + [429] * 40


def test_a_source_of_ours_is_refused(web: Web) -> None:
    """Nobody answers Tasuki's own questions over HTTP."""
    answer = post(web, [event(1), {**event(2), "source": "enrich:x"}], {**web.token("events:write"), **PLAIN})
    assert problem(answer) == (403, "not-yours")
    assert queue.backlog() == 0


def test_tokens_that_send_are_not_for_one_rep(web: Web) -> None:
    """A rep's token cannot state facts about other people's leads."""
    with pytest.raises(Exception, match="cannot be bound to a rep"):
        web.token("events:write", rep="ito_misaki")


def test_too_many_requests_of_a_token(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the rate it is told to wait; another token is not held up by it."""
    from worker.settings import settings  # noqa: PLC0415 - set for this test alone

    monkeypatch.setenv("TASUKI_TOKEN_PER_SECOND", "0.001")
    settings.cache_clear()
    token, other = web.token("events:write"), web.token("events:write")
    assert accepted(post(web, event(1), {**token, **PLAIN})) == ["accepted"]
    answer = post(web, event(2), {**token, **PLAIN})
    assert (problem(answer), answer.headers["retry-after"]) == ((429, "too-many"), "1")
    assert accepted(post(web, event(3), {**other, **PLAIN})) == ["accepted"]


def test_valkey_away_spools_and_drains_in_order(web: Web) -> None:
    """While Valkey is down events are answered in time and safe on disk; they come to the stream as accepted."""
    token = web.token("events:write")
    assert accepted(post(web, event(0), {**token, **PLAIN})) == ["accepted"]
    web.system.servers.kill_valkey()
    for number in range(1, 6):
        began = time.monotonic()
        two = [event(10 * number), event(10 * number + 1)]
        assert accepted(post(web, two, {**token, **PLAIN})) == ["accepted"] * 2
        assert time.monotonic() - began < 3.0
    assert spool().waiting().bytes > 0
    web.system.servers.start_valkey()
    eventually(lambda: spool().waiting().segments == 0, "the spool is drained", 30)
    entries: Any = web.system.client().xrange(queue.STREAM)
    held = [fields.get(b"batch") or b"[%b]" % fields[b"event"] for _, fields in entries]
    ids = [one["id"] for raw in held for one in json.loads(raw)]
    assert ids[-10:] == [f"e{10 * number + part}" for number in range(1, 6) for part in (0, 1)]
    names(web)
    assert web.system.applied() >= 10


def test_nowhere_to_keep_is_503_with_a_wait(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Valkey away and the disk refuses: nothing is promised, and the sender is told when to come again."""
    from worker.intake.spool import FullError, Spool  # noqa: PLC0415

    def full(*_: Any) -> None:
        raise FullError

    token = web.token("events:write")
    monkeypatch.setattr(Spool, "write", full)
    web.system.servers.kill_valkey()
    answer = post(web, event(1), {**token, **PLAIN})
    assert (problem(answer), answer.headers["retry-after"]) == ((503, "away"), "5")


def test_strangers_at_intake_do_not_shut_the_api(web: Web) -> None:
    """Intake's room is full of what nobody proved: proven tokens have a room of their own, which is bounded too."""
    token = web.token("events:write", "outcomes:write")
    state = web.client.app.state  # type: ignore[attr-defined]
    state.road.open().desk.room = Room(most=0)
    assert accepted(post(web, event(1), {**token, **PLAIN})) == ["accepted"]
    assert accepted(post(web, WON, {**token, **PLAIN}, "/v1/outcomes")) == ["accepted"]
    state.room._most = 0
    for path in ("/v1/events", "/v1/outcomes"):
        answer = post(web, event(2), {**token, **PLAIN}, path)
        assert (problem(answer), answer.headers["retry-after"]) == ((503, "away"), "5")


def test_postgres_away_is_no_reason_to_lose_events(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was proven a moment ago counts for a minute; an unknown one is told to come again."""
    monkeypatch.setattr(known_tokens, "GOOD_FOR_S", 0.0)
    good, new = web.token("events:write"), web.token("events:write")
    assert accepted(post(web, event(1), {**good, **PLAIN})) == ["accepted"]
    web.system.servers.kill_postgres()
    assert accepted(post(web, event(2), {**good, **PLAIN})) == ["accepted"]
    answer = post(web, event(3), {**new, **PLAIN})
    assert (problem(answer), answer.headers["retry-after"]) == ((503, "away"), "5")
    monkeypatch.setattr(known_tokens, "GOOD_WHILE_AWAY_S", 0.0)
    assert problem(post(web, event(4), {**good, **PLAIN})) == (503, "away")
    web.system.servers.start_postgres()
    assert {"e1", "e2"} <= names(web)


def test_many_senders_share_appends_and_lose_nothing(web: Web) -> None:
    """Sixteen senders at once: each event is applied once."""
    token = web.token("events:write")
    wrong: list[Any] = []

    def send(start: int) -> None:
        for number in range(start, start + 20):
            answer = post(web, event(number), {**token, **PLAIN})
            if answer.status_code != 202:
                wrong.append(answer.text)

    threads = [threading.Thread(target=send, args=(1_000 * index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    names(web)
    assert web.system.applied() == 320
    assert web.system.broken() == []


def test_outcomes_move_the_lead(web: Web) -> None:
    """Opened, won and lost, in any order, by a token that may send nothing else."""
    token = web.token("outcomes:write")
    events = web.token("events:write")
    assert accepted(post(web, event(1, "lead.captured", email="a@example.co.jp"), {**events, **PLAIN}))
    for number, outcome in ((2, LOST), (1, WON), (1, OPENED)):
        one = {**outcome, "subject": f"lead-{number}", "time": f"2026-11-24T10:0{outcome['id'][-1]}:00+09:00"}
        assert accepted(post(web, one, {**token, **STRUCTURED}, "/v1/outcomes")) == ["accepted"]
    web.system.drain_here()
    stages = dict(web.system.sql("SELECT lead_id, lifecycle_stage FROM tasuki.lead ORDER BY lead_id"))
    assert sorted(stages.values()) == ["lost", "won"]
    assert web.system.broken() == []


def test_a_token_for_outcomes_can_say_nothing_else(web: Web) -> None:
    """Another event is refused, and its neighbours with it: it could not be kept unapplied."""
    token = web.token("outcomes:write")
    answer = post(web, [WON, event(1)], {**token, **BATCH}, "/v1/outcomes")
    assert (problem(answer), answer.json()["scope"]) == ((403, "scope-missing"), "events:write")
    assert queue.backlog() == 0
    broken = {**event(2), "data": {"activity": "Not A Kind"}}
    assert problem(post(web, [WON, broken], {**token, **BATCH}, "/v1/outcomes")) == (403, "scope-missing")
    assert queue.backlog() == 0  # mended in quarantine it would be applied one day
    no_opportunity = {**WON, "data": {"amount": 1}}
    mixed = post(web, [WON, no_opportunity], {**token, **BATCH}, "/v1/outcomes")
    assert accepted(mixed) == ["accepted", "quarantined"]
    assert mixed.json()["events"][1]["field"] == "data.opportunity"
    assert problem(post(web, WON, {**token, **PLAIN})) == (403, "scope-missing")


def test_a_token_for_outcomes_can_tell_what_a_rep_did(web: Web) -> None:
    """As docs/http.md says: the contact of the rep who holds the lead is recorded, and it accepts the offer."""
    number, rep = web.offer()
    told = event("a1", "outcome.activity", subject="lead-1", time="2026-11-24T10:59:59+09:00",
                 sales_activity="call_made", by=rep)  # fmt: skip
    web.system.do("UPDATE tasuki.assignment SET offered_at = '2026-11-24T10:00:00+09:00'")
    assert accepted(post(web, told, {**web.token("outcomes:write"), **PLAIN}, "/v1/outcomes")) == ["accepted"]
    web.system.drain_here()
    held = web.system.sql(
        "SELECT accepted_at, contacted_at FROM tasuki.assignment WHERE assignment_id = :a", a=number
    )
    assert None not in held[0]


def test_the_examples_of_the_document_are_taken(web: Web) -> None:
    """Whoever copies one from /docs gets what the document shows."""
    paths = web.client.get("/openapi.json").json()["paths"]
    token = web.token("events:write", "outcomes:write")
    for path in ("/v1/events", "/v1/outcomes"):
        said = paths[path]["post"]
        for media, content in said["requestBody"]["content"].items():
            examples = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
            for example in examples:
                answer = post(web, example, {**token, "Content-Type": media}, path)
                assert answer.json() == said["responses"]["202"]["content"]["application/json"]["example"]
    assert names(web) == {"form-4711", "opp-1-won"}


def test_other_methods_are_told_what_is_there(web: Web) -> None:
    """GET, PUT and DELETE: 405 that names POST."""
    for method in ("GET", "PUT", "DELETE"):
        answer = web.client.request(method, "/v1/events", headers=web.token("events:write"))
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_requests_are_counted_by_route_and_status(web: Web) -> None:
    """Prometheus sees how many were taken and refused."""
    post(web, event(1), {**web.token("events:write"), **PLAIN})
    post(web, event(1), PLAIN)
    text = web.client.get("/metrics").text
    for status in (202, 401):
        wanted = f'tasuki_http_requests_total{{method="POST",route="/v1/events",status="{status}"}} 1.0'
        assert wanted in text
