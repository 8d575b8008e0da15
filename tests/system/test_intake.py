"""From a platform's request to a lead, on real servers: one effect whatever is repeated, nothing lost, all mendable."""

import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.fixtures.sources import NOW, SECRETS, SOURCES, adobe_keys, post, posts
from tests.fixtures.system import System, eventually
from tests.worker.test_intake_proofs import ready, source_of
from worker import queue, tidying
from worker.cli.main import app
from worker.desk import spool
from worker.intake import configured
from worker.intake.accept import Desk
from worker.intake.keeping import Keeper
from worker.intake.request import make
from worker.local.servers import LocalServers
from worker.settings import settings
from worker.store import intake, migrate
from worker.store.db import in_transaction
from worker.web.app import create_app

URL = "https://leads.example.com/intake/zapier"
TOKEN = {"X-Tasuki-Token": SECRETS["TASUKI_SECRET"]}


@pytest.fixture
def sources(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's sources file, as TASUKI_SOURCES of this process and its workers."""
    path = tmp_path / "sources.yaml"
    path.write_text(SOURCES, encoding="utf-8")
    for name, word in {
        **SECRETS,
        "TASUKI_SOURCES": str(path),
        "TASUKI_SPOOL_DIR": str(tmp_path / "spool"),
    }.items():
        monkeypatch.setenv(name, word)
        system.env[name] = word
    settings.cache_clear()
    configured.registry.cache_clear()
    return path


@pytest.fixture
def desk(sources: Path) -> Iterator[Desk]:
    """A desk before the real Valkey."""
    keeper = Keeper(queue.append_at_once, spool())
    yield Desk(configured.registry(), keeper, keys=adobe_keys())
    keeper.close()
    configured.registry.cache_clear()


def zap(number: int, **said: Any) -> Any:
    document = {
        "id": f"z{number}",
        "time": "2026-11-24T10:00:00+09:00",
        "email": f"lead{number}@example.co.jp",
        **said,
    }
    return make("POST", URL, TOKEN, json.dumps(document).encode())


def everything(system: System) -> list[Any]:
    """Return every applied event with its lead's state."""
    return system.sql(
        "SELECT source, event_id, type, occurred_at FROM tasuki.v_event ORDER BY source, event_id"
    )


def test_every_sample_has_one_effect_however_often_it_comes(system: System, desk: Desk) -> None:
    """Three deliveries of every sample, shuffled: the events are those of one delivery, and none is quarantined."""
    once = []
    for name in posts():
        request, at = ready(name)
        once.append((source_of(name), request, at))
    for source, request, at in once:
        assert desk.accept(source, request, at).status == 200
    system.drain_here()
    applied, quarantined = everything(system), system.one("SELECT count(*) FROM tasuki.quarantine")
    states = system.sql("SELECT email, lifecycle_stage, engagement FROM tasuki.lead ORDER BY lead_id")
    again = once * 3
    random.Random(7).shuffle(again)
    for source, request, at in again:
        assert desk.accept(source, request, at).status == 200
    system.drain_here()
    assert len(applied) > 30
    assert everything(system) == applied
    assert system.sql("SELECT email, lifecycle_stage, engagement FROM tasuki.lead ORDER BY lead_id") == states
    assert (quarantined, system.one("SELECT count(*) FROM tasuki.quarantine")) == (0, 0)
    assert system.broken() == []


def test_undated_content_that_is_repeated_has_one_effect(system: System, desk: Desk) -> None:
    """Without id and time the content names the event, and its second arrival is no conflict."""
    form = {"フォーム名": "資料請求", "顧客ID": "7", "メールアドレス": "hanako@example.co.jp"}
    request = make("POST", URL, TOKEN, json.dumps(form).encode())
    for minutes in (0, 5, 30):
        assert desk.accept("satori", request, NOW - timedelta(minutes=minutes)).status == 200
        system.drain_here()
    assert system.applied() == 1
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


def test_receipt_is_when_it_was_accepted(system: System, desk: Desk) -> None:
    """What waited in the spool was received when it was accepted, never later than it came to the stream."""
    desk.accept("zapier", zap(1), NOW - timedelta(hours=3))
    desk.accept("zapier", zap(2), NOW + timedelta(days=300))
    system.drain_here()
    rows = system.sql("SELECT event_id, received_at FROM tasuki.v_event ORDER BY event_id")
    assert rows[0].received_at == NOW - timedelta(hours=3)
    assert rows[1].received_at < NOW + timedelta(days=1)


def test_valkey_killed_under_load_loses_nothing(system: System, desk: Desk) -> None:
    """Senders go on while Valkey is killed and comes back: each is answered in time, and all is applied once."""
    answers: list[tuple[int, int, float]] = []
    lock = threading.Lock()

    def send(start: int) -> None:
        for number in range(start, start + 60):
            began = time.monotonic()
            answer = desk.accept("zapier", zap(number), NOW)
            with lock:
                answers.append((number, answer.status, time.monotonic() - began))
            time.sleep(0.02)

    threads = [threading.Thread(target=send, args=(1_000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    system.servers.kill_valkey()
    time.sleep(1.5)
    system.servers.start_valkey()
    for thread in threads:
        thread.join()
    assert {status for _, status, _ in answers} == {200}
    assert max(seconds for _, _, seconds in answers) < 3.0
    eventually(lambda: spool().waiting().segments == 0, "the spool is drained", 30)
    system.drain_here()
    assert system.applied() == 240
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


def test_mended_mapping_reads_quarantine_anew(system: System, desk: Desk, sources: Path) -> None:
    """What no rule took is kept with its bytes and marks; after the mapping is mended, retry applies it as received."""
    mine = sources.parent / "mine.yaml"
    broken = "rules:\n  - {name: r, type: lead.captured, id: [$.number], data: {email: $.email}}\n"
    mine.write_text(broken, encoding="utf-8")
    sources.write_text(SOURCES.replace("mapping: zapier}", "mapping: mine.yaml}"), encoding="utf-8")
    at = NOW - timedelta(hours=2)
    assert desk.accept("zapier", zap(1, phone="03-1234-5678"), at).status == 200
    system.drain_here()
    (row,) = system.sql("SELECT * FROM tasuki.quarantine")
    assert (row.place, row.platform, row.source) == ("r: $.number", "mapped:zapier", "zapier")
    assert row.personal == ["email", "phone"]
    mine.write_text(broken.replace("$.number", "$.id"), encoding="utf-8")
    result = CliRunner().invoke(app, ["quarantine", "retry", str(row.quarantine_id)])
    assert result.exit_code == 0, result.output
    system.drain_here()
    assert system.one("SELECT resolution FROM tasuki.quarantine") == "applied"
    (event,) = system.sql("SELECT event_id, received_at FROM tasuki.v_event")
    assert event.event_id == "r|z1"
    assert event.received_at == at


def test_mapping_that_a_worker_does_not_have_is_told(system: System, desk: Desk, sources: Path) -> None:
    """A machine without the sources file quarantines with the mend, and loses nothing."""
    desk.accept("zapier", zap(1), NOW)
    sources.write_text("sources: {}\n", encoding="utf-8")
    system.drain_here()
    reason = system.one("SELECT reason FROM tasuki.quarantine")
    assert "set TASUKI_SOURCES to the same file everywhere" in reason


def test_quarantine_expires(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old bytes are wiped and the row stays; open ones are closed; what is young is left; twice is once."""
    system.send([b"not json 1", b"not json 2"])
    system.drain_here()
    system.do(
        "UPDATE tasuki.quarantine SET received_at = received_at - interval '31 days' WHERE quarantine_id = 1"
    )
    monkeypatch.setattr(tidying._Next, "at_s", float("-inf"))
    at = datetime.fromisoformat("2026-11-24T12:00:00+09:00")
    assert [tidying.wipe_expired(at), tidying.wipe_expired(at)] == [1, 0]
    old, young = system.sql("SELECT raw, raw_bytes, resolution, expired_at FROM tasuki.quarantine ORDER BY 1")
    assert (bytes(old.raw), old.raw_bytes, old.resolution) == (b"", 10, "expired")
    assert (bytes(young.raw), young.resolution) == (b"not json 2", None)
    assert CliRunner().invoke(app, ["quarantine", "retry", "1"]).exit_code == 1
    result = CliRunner().invoke(app, ["quarantine", "expire", "--days", "0", "--json"])
    assert json.loads(result.output) == {"wiped": 1}


def test_counts_are_shown_and_hold_no_payload(system: System, desk: Desk) -> None:
    """Requests by source and reason, added up; `intake sources` shows them and no secret."""
    for number in range(3):
        desk.accept("zapier", zap(number), NOW)
    desk.accept("zapier", make("POST", URL, {"X-Tasuki-Token": "wrong"}, b'{"email":"x@example.com"}'), NOW)
    for _ in range(2):
        counts = desk.tally.take()
        in_transaction(lambda connection, counts=counts: intake.add_counts(connection, counts, NOW))  # type: ignore[misc]
        desk.accept("zapier", zap(9), NOW)
    result = CliRunner().invoke(app, ["intake", "sources", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    (zapier,) = [one for one in said["sources"] if one["id"] == "zapier"]
    assert (zapier["requests"], zapier["unproven"], zapier["takes"]) == (5, 1, "yes")
    assert ("token does not match", 1) in [(one["reason"], one["requests"]) for one in said["requests"]]
    assert not [word for word in SECRETS.values() if word in result.output]
    assert "example.com" not in result.output
    assert CliRunner().invoke(app, ["intake", "sources"]).exit_code == 0


def test_spool_of_a_dead_machine_is_drained_by_hand(system: System, desk: Desk) -> None:
    """`tasuki intake spool --drain` puts it on the queue."""
    entry = {
        "payload": zap(1).body,
        "platform": "mapped:zapier",
        "source": "zapier",
        "received_ms": "1795485600000",
    }
    dead = spool()
    dead.write([entry])
    dead.seal()
    result = CliRunner().invoke(app, ["intake", "spool", "--drain", "--json"])
    assert json.loads(result.output) == {"drained": 1, "segments": 0, "bytes": 0, "damaged": 0}
    system.drain_here()
    assert system.applied() == 1


def test_worker_process_reads_a_mapped_source(system: System, desk: Desk) -> None:
    """A worker with the same TASUKI_SOURCES applies what this process let in."""
    system.worker()
    desk.accept("zapier", zap(1, activity="demo request"), NOW)
    eventually(lambda: system.applied() == 1, "the worker applied it")
    system.until_empty()
    system.until_kept()


def test_rows_of_before_survive_the_upgrade(servers: LocalServers) -> None:
    """A live upgrade: what is in quarantine stays, and can be retried and expired."""
    from alembic import command  # noqa: PLC0415

    servers.start_postgres()
    url = servers.create_database("upgrade_intake")
    command.upgrade(migrate._config(url), "20261123_first")
    engine = create_engine(url)
    row = (
        "INSERT INTO tasuki.quarantine (source, stream_id, received_at, place, reason, raw, raw_bytes, resolution)"
        " VALUES ('s', '1-0', now(), 'p', 'r', 'abc'::bytea, 3, 'dropped')"
    )
    with engine.begin() as connection:
        connection.execute(text(row))
    migrate.upgrade(url)
    with engine.begin() as connection:
        (kept,) = connection.execute(text("SELECT * FROM tasuki.quarantine"))
        connection.execute(text("UPDATE tasuki.quarantine SET resolution = 'expired'"))
    assert (bytes(kept.raw), kept.resolution, kept.expired_at, kept.personal) == (
        b"abc",
        "dropped",
        None,
        None,
    )
    engine.dispose()
    servers.drop_database("upgrade_intake")


def test_samples_retry_is_a_repeat(system: System, desk: Desk) -> None:
    """HubSpot's own retry (attemptNumber 2) of an event that came in a batch changes nothing."""
    for name in (
        "hubspot/contact.propertyChange.batch-ja.headers.json",
        "hubspot/contact.propertyChange.retry.headers.json",
    ):
        one = post(name)
        assert desk.accept("hubspot", one.request, one.received_at).status == 200
        system.drain_here()
    rows = system.sql("SELECT applied, repeats, quarantined FROM tasuki.batch ORDER BY batch_id")
    assert rows[-1] == (0, 1, 0)


def test_the_web_takes_webhooks(sources: Path, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the whole app: kept before it is answered, refused unproven, bounded, and other pages keep their bound."""
    monkeypatch.setenv("TASUKI_PUBLIC_URL", "https://leads.example.com")
    settings.cache_clear()
    body = {
        "id": "z1",
        "time": "2026-11-24T10:00:00+09:00",
        "email": "lead1@example.co.jp",
        "page": "x" * 100_000,
    }
    with TestClient(create_app(), base_url="https://leads.example.com") as client:
        assert client.post("/intake/zapier", json=body, headers=TOKEN).status_code == 200
        unproven = client.post("/intake/zapier", json=body, headers={"X-Tasuki-Token": "guessed"})
        unknown = client.post("/intake/nobody", json=body, headers=TOKEN)
        large = client.post("/intake/zapier", content=b" " * 9_000_000, headers=TOKEN)
        elsewhere = client.post("/v1/assignments/1/accept", content=b" " * 100_000)

    # A source that is not there is told as one that is not proven: nobody can try names.
    assert [answer.status_code for answer in (unproven, unknown, large, elsewhere)] == [401, 401, 413, 413]
    assert unproven.headers["content-type"] == "application/problem+json"
    assert queue.backlog() == 1
    system.drain_here()
    assert system.one("SELECT email FROM tasuki.v_lead") == "lead1@example.co.jp"


def test_without_sources_the_web_takes_none(system: System) -> None:
    """No file of sources: whoever sends is asked to come again, and told why."""
    with TestClient(create_app(), base_url="http://localhost") as client:
        answer = client.post("/intake/zapier", json={})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
        assert "no source is configured" in answer.text
    assert queue.backlog() == 0
