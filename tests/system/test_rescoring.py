"""After a publish every held lead is judged again: in parallel, with progress, whatever is killed meanwhile."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.system import System, children, event, eventually
from worker import rescoring, rulebook_files, rulebooks
from worker.cli.main import app
from worker.now import now
from worker.store.db import in_transaction

LEADS = 6_000
PERSON = {"email": "keiri@minato.example.co.jp", "title": "経理課長", "employees": 80, "country": "JP"}
_MANY = (
    "INSERT INTO tasuki.lead (lead_id, email, lifecycle_stage, persona, fit, fit_grade, engagement, buying_stage, track,"
    " review_at, rulebook_version, state, created_at, updated_at)"
    " SELECT 50000000 + n, email, lifecycle_stage, persona, fit, fit_grade, engagement, buying_stage, track,"
    " review_at + n * interval '1 second', rulebook_version, state, created_at, updated_at"
    " FROM tasuki.lead, generate_series(1, :n) AS n"
)


@pytest.fixture
def held(system: System) -> System:
    """A Tasuki that holds many leads with 12 points of a white paper each."""
    system.send(
        [event(1, "lead.captured", **PERSON), event("1b", subject="lead-1", activity="whitepaper_download")]
    )
    system.drain_here()
    system.do(_MANY, n=LEADS - 1)
    return system


def publish(points: int) -> int:
    """Publish a rulebook in which a white paper counts so many points."""
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    scoring = texts["scoring.yaml"].replace(
        "whitepaper_download: {points: 12", f"whitepaper_download: {{points: {points}"
    )
    scoring = scoring.partition("\nexamples:")[0] + "\n"
    version, new = rulebooks.publish({**texts, "scoring.yaml": scoring}, by="tests", note="", now=now())
    assert new
    return version


def progress() -> rescoring.Progress:
    found = in_transaction(rescoring.progress)
    return found[0]


def judged_by(system: System, version: int) -> int:
    return int(system.one("SELECT count(*) FROM tasuki.lead WHERE rulebook_version = :v", v=version))


def test_all_held_leads_are_judged_by_the_new_version_in_parallel(held: System) -> None:
    """Two workers share the sets; every lead is judged, its score is new, and the progress says done."""
    version = publish(14)
    assert (progress().leads, progress().left, progress().share) == (LEADS, LEADS, 0.0)
    for name in ("a", "b"):
        held.worker(name)
    eventually(lambda: progress().done_at is not None, "the rescoring is done")
    assert judged_by(held, version) == LEADS
    assert held.sql("SELECT DISTINCT engagement FROM tasuki.lead") == [(14.0,)]
    assert held.said("leads.rescored") > 1
    assert [one for one in held.broken() if not one.startswith("2:")] == []  # these leads have no events
    result = CliRunner().invoke(app, ["rules", "progress", "--json"])
    assert (result.exit_code, json.loads(result.stdout)[0]["done"]) == (0, 1.0)


def test_a_kill_in_the_middle_costs_nothing_but_time(held: System) -> None:
    """Killed with everything in hand, the rest is taken up by the next worker; no lead is judged by halves."""
    version = publish(14)
    first = held.worker("first")
    eventually(lambda: 0 < judged_by(held, version) < LEADS, "some are judged", every_s=0.005)
    for child in children(first):
        child.suspend()
    first.kill()
    done = judged_by(held, version)
    assert 0 < done < LEADS
    assert progress().left == LEADS - done
    assert CliRunner().invoke(app, ["rules", "progress"]).exit_code == 1
    held.worker("second")
    eventually(lambda: progress().done_at is not None, "the rescoring is done")
    assert judged_by(held, version) == LEADS
    assert [one for one in held.broken() if not one.startswith("2:")] == []  # these leads have no events


def test_a_second_publish_overtakes_the_first(held: System) -> None:
    """Whoever waits for the older version is judged by the newer one at once; the older wish is closed."""
    publish(14)
    for _ in range(3):
        rescoring.review_set()
    version = publish(15)
    found: list[Any] = in_transaction(rescoring.progress)
    assert [(one.version, one.done_at is None, one.leads) for one in found[:2]] == [
        (version, True, LEADS),
        (2, False, LEADS),
    ]
    held.worker("w")
    eventually(lambda: progress().done_at is not None, "the rescoring is done")
    assert held.sql("SELECT DISTINCT engagement, rulebook_version FROM tasuki.lead") == [(15.0, version)]


def test_nobody_held_is_done_at_once(system: System) -> None:
    """Without held leads a publish has nothing to wait for."""
    publish(14)
    assert (progress().leads, progress().share, progress().done_at is None) == (0, 1.0, False)
