"""What waits in quarantine is sent again without growing, closes when nothing is left to do, and history stays history."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.fixtures.sources import SECRETS
from tests.fixtures.system import System, event
from worker import queue
from worker.cli.main import app
from worker.intake import configured
from worker.settings import settings

RULE = "  - {name: r, type: lead.captured, id: [$.number], time: $.at, data: {email: $.email}}\n"
ITEMS = [
    {"id": n, "kind": "lead", "at": "2026-11-24T10:00:00+09:00", "email": f"p{n}@x.example.com"}
    for n in range(4)
]


@pytest.fixture
def mapping(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mapping of several events in one payload, which is wrong about their number."""
    (tmp_path / "sources.yaml").write_text(
        "sources:\n  x: {platform: generic, secrets: ['${TASUKI_SECRET}'], mapping: mine.yaml}\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(f"each: $.items[*]\nrules:\n{RULE}")
    monkeypatch.setenv("TASUKI_SOURCES", str(tmp_path / "sources.yaml"))
    monkeypatch.setenv("TASUKI_SECRET", SECRETS["TASUKI_SECRET"])
    settings.cache_clear()
    configured.registry.cache_clear()
    yield path
    configured.registry.cache_clear()


def retry(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", "retry", *arguments])


def arrives(system: System, items: list[dict[str, Any]]) -> None:
    queue.append([{"payload": json.dumps({"items": items}), "platform": "mapped:x", "source": "x"}])
    system.drain_here()


def still_open(system: System) -> list[int]:
    rows = system.sql("SELECT quarantine_id FROM tasuki.quarantine WHERE resolved_at IS NULL ORDER BY 1")
    return [row[0] for row in rows]


def test_a_payload_that_is_sent_again_does_not_grow(system: System, mapping: Path) -> None:
    """Each of its parts holds the whole payload: four that are sent again unmended are four, and not sixteen."""
    arrives(system, ITEMS)
    assert len(still_open(system)) == 4

    assert "sent again: 1" in retry("--all").output
    system.drain_here()
    assert len(still_open(system)) == 4

    mapping.write_text(mapping.read_text().replace("$.number", "$.id"))
    assert retry(str(still_open(system)[2])).exit_code == 0
    system.drain_here()
    assert still_open(system) == []
    assert system.applied() == 4
    assert system.broken() == []


def test_parts_that_a_worker_closes_meanwhile_end_no_retry(
    system: System, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is quicker than the command: the other parts are closed when it comes to them, and all else goes on."""
    arrives(system, ITEMS[:2])
    arrives(system, ITEMS[2:])
    assert len(still_open(system)) == 4
    mapping.write_text(mapping.read_text().replace("$.number", "$.id"))
    append = queue.append

    def append_and_judge(entries: Iterable[queue.Fields]) -> list[str]:
        ids = append(entries)
        system.drain_here()
        return ids

    monkeypatch.setattr(queue, "append", append_and_judge)
    done = retry("--all")

    assert "sent again: 2" in done.output, done.output
    assert (still_open(system), system.applied()) == ([], 4)


def test_a_part_that_stays_wrong_stays_open_once(system: System, mapping: Path) -> None:
    """The mended neighbours are applied, and one row is left, which says what is wrong now."""
    arrives(system, [{**one, "number": n} if n else one for n, one in enumerate(ITEMS)])
    [first] = still_open(system)
    assert system.applied() == 3

    assert retry(str(first)).exit_code == 0
    system.drain_here()
    [second] = still_open(system)
    assert second > first
    resolution = "SELECT resolution FROM tasuki.quarantine WHERE quarantine_id = :n"
    assert system.one(resolution, n=first) == "quarantined_again"


def test_a_mended_event_closes_its_own_row_only(system: System, mapping: Path, tmp_path: Path) -> None:
    """The other parts of the payload were not sent with it."""
    arrives(system, ITEMS)
    mended = tmp_path / "event.json"
    mended.write_text(json.dumps(event(1)))

    assert retry(str(still_open(system)[0]), "--file", str(mended)).exit_code == 0
    system.drain_here()

    assert (len(still_open(system)), system.applied()) == (3, 1)


def test_what_nobody_wants_any_more_is_closed(system: System, mapping: Path) -> None:
    """Mended by `ignore`, a payload holds no event: nothing would come back that could close its row."""
    arrives(system, ITEMS)
    mapping.write_text(mapping.read_text() + "ignore: [{path: $.kind, in: [lead]}]\n")

    assert retry("--all").exit_code == 0
    system.drain_here()

    assert still_open(system) == []
    assert system.sql("SELECT DISTINCT resolution FROM tasuki.quarantine") == [("dropped",)]


def test_a_row_of_a_backfill_is_for_the_backfill(system: System, tmp_path: Path) -> None:
    """Sent again it would be live, and its columns mean nothing outside of its file."""
    file = tmp_path / "history.csv"
    file.write_text("email,time\nnobody,2025-01-01\n")
    assert CliRunner().invoke(app, ["backfill", str(file)]).exit_code == 1
    system.send([b"not json"])
    system.drain_here()
    row, other = still_open(system)

    one = retry(str(row))
    assert one.exit_code == 1
    assert "tasuki backfill" in one.output

    every = retry("--all")
    assert every.exit_code == 0
    assert "left, as rows of a backfill: 1" in every.output
    system.drain_here()
    assert still_open(system) == [row, other + 1]
