"""Whatever a producer sends is applied or quarantined with a reason that helps; its neighbours are applied."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.system import System, event, eventually
from tests.system.test_queue_contract import Wire, by_hand_raw
from worker import logs, queue
from worker.celery_door import entry_of
from worker.cli import quarantine

GOOD = event("good", email="good@shop.example.co.jp")


def _with(**changes: Any) -> bytes:
    """Return an event that is right but for these fields; `...` leaves one out."""
    said = {**event("bad"), **changes}
    return json.dumps({name: value for name, value in said.items() if value is not ...}).encode()


def _data(**data: Any) -> bytes:
    return _with(data={"activity": "page_view", **data})


def _raw(text: str) -> bytes:
    """Return an event whose company is spelled in these very characters."""
    return json.dumps(event("bad", company="@")).replace('"@"', text).encode("utf-8", "surrogatepass")


#: What is sent, the place that must be named, and a word of the reason.
BAD: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "line 1 column 1", "not JSON"),
    "malformed": (b'{"id": "x",, }', "line 1 column 12", "not JSON"),
    "two documents": (b"{} {}", "line 1 column 4", "not JSON"),
    "trailing comma": (b'{"id": "x",}', "line 1 column", "not JSON"),
    "bare string": (b'"lead"', "event", "bare str"),
    "bare list": (b"[1, 2]", "event", "bare list"),
    "bare number": (b"7", "event", "bare int"),
    "null": (b"null", "event", "bare NoneType"),
    "id of a wrong type": (_with(id=7), "id", "string"),
    "empty id": (_with(id=""), "id", "send it"),
    "no id": (_with(id=...), "id", "missing"),
    "long id": (_with(id="x" * 256), "id", "255"),
    "line in id": (_with(id="a\nb"), "id", "control character"),
    "no source": (_with(source=...), "source", "missing"),
    "no data": (_with(data=...), "data", "missing"),
    "data is text": (_with(data="x"), "data", "object"),
    "unknown type": (_with(type="lead.vanished"), "type", "unknown event type"),
    "no identity": (_with(subject=None), "subject", "no identity"),
    "empty identity": (_with(subject="  "), "subject", "no identity"),
    "not an address": (_with(subject="a@b@c"), "subject", "not an e-mail address"),
    "not a time": (_with(time="yesterday"), "time", "ISO 8601"),
    "no zone": (_with(time="2026-11-24T10:00:00"), "time", "zone"),
    "future": (_with(time="2027-11-24T10:00:00Z"), "time", "check the sender's clock"),
    "far future": (_with(time="9999-12-31T23:59:59Z"), "time", "check the sender's clock"),
    "ancient": (_with(time="1970-01-01T00:00:00Z"), "time", "before 2000-01-01"),
    "year 0": (_with(time="0000-01-01T00:00:00Z"), "time", "ISO 8601"),
    "epoch in ms": (_with(time=17_954_856_000_000_000), "time", "time"),
    "30 February": (_with(time="2026-02-30T10:00:00Z"), "time", "ISO 8601"),
    "address in a list": (_data(email=["a@example.com"]), "data.email", "string"),
    "address with a line": (_data(email="a@example.com\nBcc: b@example.com"), "data.email", "not an e-mail"),
    "negative people": (_data(employees=-1), "data.employees", "greater than or equal to 0"),
    "people in words": (_data(employees="many"), "data.employees", "head count"),
    "activity in capitals": (_data(activity="Page View"), "data.activity", "form"),
    "no activity": (_with(data={}), "data.activity", "missing"),
    "consent in words": (_data(consent={"email": "perhaps"}), "data.consent.email", "true or false"),
    "unknown channel": (_data(consent={"fax": True}), "data.consent.fax", "email"),
    "NaN": (_raw("NaN"), "data.company", "NaN is not JSON"),
    "infinity": (_raw("-Infinity"), "data.company", "-Infinity is not JSON"),
    "1e999": (_raw("1e999"), "data.company", "out of range"),
    "5,000 digits": (_raw("9" * 5000), "data.company", "5000 digits"),
    "U+0000, escaped": (_raw('"a\\u0000b"'), "data.company", "U+0000"),
    "U+0000, bare": (_raw('"a\x00b"'), "line 1 column", "control character"),
    "right-to-left override": (_raw('"\\u202eevil"'), "data.company", "U+202E"),
    "right-to-left, bare": (_raw('"\u202eevil"'), "data.company", "U+202E"),
    "lone surrogate": (_raw('"\\ud800"'), "data.company", "U+D800"),
    "lone surrogate, bare": (_raw('"\ud800"'), "byte", "not UTF-8"),
    "forbidden key": (_with(data={"a\u0000": 1}), "data", "key"),
    "key twice": (b'{"id": "a", "id": "b"}', "id", "stands twice"),
    "key twice, deep": (_raw('"x", "activity": "demo_request"'), "data.activity", "stands twice"),
    "deep": (b'{"data": ' + b"[" * 40 + b"]" * 40 + b"}", "data", "nested deeper"),
    "100,000-fold": (b"[" * 100_000 + b"]" * 100_000, "event", "nested deeper"),
    "100,000-fold, open": (b'{"a":' * 20_000, "event", "nested deeper"),
    "10 MB": (_data(company="x" * 10_000_000), "event", "bytes; at most"),
    "long line": (_data(company="x" * 501), "data.company", "500"),
    "UTF-16": (json.dumps(event("bad")).encode("utf-16"), "byte 0", "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + _with(), "line 1 column 1", "send"),
    "invalid UTF-8": (b'{"id": "\xff"}', "byte 8", "not UTF-8"),
    "overlong UTF-8": (b'{"id": "\xc0\xaf"}', "byte 8", "not UTF-8"),
    "Latin-1": (_with().replace(b"page_view", b"caf\xe9"), "byte", "not UTF-8"),
    "random bytes": (bytes(range(256)), "byte 128", "not UTF-8"),
}  # fmt: skip


def tasuki(*arguments: str, code: int = 0) -> str:
    """Run the command in this process and return what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "configure", lambda: None)
        done = CliRunner().invoke(quarantine.app, arguments[1:])
    assert done.exit_code == code, done.output
    return done.stdout


def listed(*options: str) -> list[dict[str, Any]]:
    """Return what `tasuki quarantine list --json` shows."""
    found: list[dict[str, Any]] = json.loads(tasuki("quarantine", "list", "--json", *options))
    return found


def test_all_at_once(system: System) -> None:
    """Every kind of bad input in one batch with good events: all good ones are applied, all bad ones listed."""
    order = list(BAD)
    system.send([one for name in order for one in (event(f"good {name}"), BAD[name][0])])
    system.drain_here()
    assert queue.backlog() == 0
    assert system.applied() == len(order)
    rows = sorted(listed("--limit", "1000"), key=lambda row: row["quarantine_id"])
    assert len(rows) == len(order)
    wrong = []
    for name, row in zip(order, rows, strict=True):
        _raw_bytes, place, word = BAD[name]
        if not row["place"].startswith(place) or word.lower() not in row["reason"].lower():
            wrong.append(f"{name}: {row['place']}: {row['reason']}")
    assert not wrong, "\n".join(wrong)
    assert system.broken() == []


def test_each_leaves_its_neighbours_alone(system: System) -> None:
    """Each bad event between two good ones: one batch, two applied, one quarantined with its very bytes."""
    for number, (name, (raw, _place, _word)) in enumerate(BAD.items()):
        ids = system.send([event(f"before {name}"), raw, event(f"after {name}")])
        assert system.drain_here().applied == 2, name
        assert len(system.judged) == 1, f"{name}: not judged in one batch"
        kept = system.sql("SELECT raw FROM tasuki.quarantine WHERE stream_id = :i", i=ids[1])
        assert [bytes(row[0]) for row in kept] == [raw], name
        assert system.applied() == 2 * (number + 1)


def test_same_id_with_another_body(system: System) -> None:
    """A changed fact under an old id is kept as a conflict and shown; an exact repeat is not."""
    system.send([event(1), event(2), event(1)])
    system.drain_here()
    system.send([event(1, company="other"), event(3), event(1)])
    system.drain_here()
    assert system.applied() == 3
    (row,) = listed()
    assert (row["event_id"], row["place"]) == ("e1", "id")
    assert "another body" in row["reason"]
    assert system.one("SELECT state NOT LIKE '%other%' FROM tasuki.lead WHERE lead_id = (SELECT lead_id FROM"
                      " tasuki.event WHERE event_id = 'e1')")  # fmt: skip
    assert system.broken() == []


def test_entries_without_an_event(system: System) -> None:
    """An entry that is no event at all says what to send; a batch with one bad event keeps the others."""
    client = system.client()
    client.xadd(queue.STREAM, {"hello": "world"})
    client.xadd(queue.STREAM, {b"\xff\x00": b"\xfe"})
    client.xadd(queue.STREAM, {"batch": "{}"})
    client.xadd(queue.STREAM, {"batch": "[]"})
    twice, plain = json.dumps(event(5)), json.dumps(event(6), indent=2)
    client.xadd(queue.STREAM, {"batch": f'[ {twice[:-1]}, "id": "x"}} , {plain} ]'})
    client.xadd(queue.STREAM, {"batch": f'[{plain}, {{"amount": NaN}}]'})
    client.xadd(queue.STREAM, {"batch": json.dumps([event(1), 7, None, event(2)])})
    client.xadd(queue.STREAM, {"payload": b"\xff", "platform": b"\xff\x00", "source": "x\x00y"})
    client.xadd(queue.STREAM, {"event": json.dumps(event(3)), "retry_of": "999999999999999999999999"})
    client.xadd(queue.STREAM, {"event": json.dumps(event(4)), "retry_of": "\u0663"})
    system.drain_here()
    assert queue.backlog() == 0
    assert system.applied() == 5
    places = sorted(row["place"] for row in listed())
    assert places == sorted(["entry", "entry", "batch", "event", "event", "platform", "id", "amount"])


def test_retry_drop_and_mend(system: System, tmp_path: Path) -> None:
    """Retry of what is still wrong comes back as a new row; a mended one resolves its row; drop closes it."""
    system.send([_with(id="m", type="lead.vanished"), _with(id=""), GOOD])
    system.drain_here()
    first, second = sorted(row["quarantine_id"] for row in listed())
    assert "lead.vanished" in tasuki("quarantine", "show", str(first), "--raw")
    tasuki("quarantine", "retry", str(first))
    system.drain_here()
    again = max(row["quarantine_id"] for row in listed())
    assert again not in (first, second)
    assert {row["quarantine_id"]: row["resolution"] for row in listed("--all")} == {
        first: "quarantined_again", second: None, again: None,
    }  # fmt: skip
    mended = tmp_path / "mended.json"
    mended.write_bytes(_with(id="m"))
    tasuki("quarantine", "retry", str(again), "--file", str(mended))
    system.drain_here()
    tasuki("quarantine", "drop", str(second))
    assert listed() == []
    assert {row["quarantine_id"]: row["resolution"] for row in listed("--all")} == {
        first: "quarantined_again", second: "dropped", again: "applied",
    }  # fmt: skip
    tasuki("quarantine", "retry", str(first), code=1)
    tasuki("quarantine", "drop", str(second), code=1)
    assert system.applied() == 2
    assert system.broken() == []


@pytest.mark.parametrize("in_a_list", [False, True])
def test_the_celery_task_tells_the_same(system: System, in_a_list: bool) -> None:
    """Celery would take NaN for nothing, and throw away what it cannot read: all of it is in quarantine by its place.

    Only what ends no JSON text at all keeps its whole message, for nobody can tell where the event ends.
    """
    names = [
        name
        for name in BAD
        if name not in ("nothing", "two documents", "byte order mark", "UTF-16", "bare list")
    ]
    system.worker()
    wire = Wire(system.servers.redis_url)
    for name in names:
        neighbours = [json.dumps(event(f"{side} {name}")).encode() for side in ("before", "after")]
        if in_a_list:
            wire.say("LPUSH", "intake", by_hand_raw(b"[[[" + b",".join([neighbours[0], BAD[name][0], neighbours[1]]) + b"]],{},{}]"))  # fmt: skip
        else:
            for raw in (neighbours[0], BAD[name][0], neighbours[1]):
                wire.say("LPUSH", "intake", by_hand_raw(b"[[" + raw + b"],{},{}]"))
    eventually(
        lambda: system.one("SELECT count(*) FROM tasuki.quarantine") == len(names), "all are in quarantine"
    )
    unparted = {
        "malformed", "trailing comma", "U+0000, bare", "random bytes", "100,000-fold", "100,000-fold, open",
    } if in_a_list else set()  # fmt: skip
    there = 2 * (len(names) - len(unparted))
    eventually(lambda: system.applied() == there, "their neighbours are applied")
    if in_a_list:
        kept = [(row["place"], row["reason"]) for row in listed("--limit", "1000")]
        for name in set(names) - unparted:
            _raw, place, word = BAD[name]
            assert any(where.startswith(place) and word.lower() in why.lower() for where, why in kept), name
    assert system.broken() == []
    wire.close()


def test_entry_of_a_celery_message() -> None:
    """One event, a list, or, by name or malformed, the whole message."""
    assert entry_of(b'[[{"a": NaN}], {}, {}]') == {"event": b'{"a": NaN}'}
    assert entry_of(b'[[ [{"a": NaN}, {}] ], {}, {}]') == {"batch": b'[{"a": NaN}, {}]'}
    for whole in (b'[[], {"events": [NaN]}, {}]', b"[[1,,], {}, {}]", b"[]", b"NaN", b"[[1, NaN], {}, {}]"):
        assert entry_of(whole) == {"event": whole}
