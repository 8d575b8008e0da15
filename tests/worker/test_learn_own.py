"""Learning from own outcomes, from the queue to the report: what is read, what is refused, what is shown."""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from schemas.learned import digest_of
from tests.fixtures.system import READY, System, clock_at, event
from worker import rulebooks
from worker.acting import act
from worker.cli.main import app
from worker.handing import hand_over
from worker.learn import own
from worker.now import forget_clock, now
from worker.settings import settings
from worker.store.db import transaction

#: Mornings on which leads were handed over, and 30 of them each; the last is within the horizon of today.
MORNINGS = ("02-10", "03-10", "04-14", "05-12", "06-09", "07-14", "08-04", "08-18", "11-10")
EACH = 30
TODAY = "2026-11-24T11:00:00+09:00"
#: Campaigns, of which the rules know nothing: leads of the one are won four times in five, of the other one time.
FAIR, ADS = "autumn_fair", "cheap_ads"


def tasuki(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments))


def said(*arguments: str) -> Any:
    """Run a command with --json and return its document."""
    result = tasuki(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def move_to(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Set business time."""
    monkeypatch.setenv("TASUKI_CLOCK", clock_at(at))
    settings.cache_clear()
    forget_clock()


def a_lead(number: int, campaign: str, at: str) -> dict[str, Any]:
    """Return the event with which a lead becomes sales-ready."""
    return event(number, email=f"p{number}@a{number}.example.co.jp", time=at, campaign=campaign, **READY)


def played(system: System, monkeypatch: pytest.MonkeyPatch, mornings: tuple[str, ...] = MORNINGS) -> None:
    """Play mornings on which leads of two campaigns are handed over, and how they end."""
    lots = random.Random(7)
    for month, day in enumerate(mornings):
        at = f"2026-{day}T10:00:00+09:00"
        move_to(monkeypatch, f"2026-{day}T11:00:00+09:00")
        numbers = range(month * EACH, month * EACH + EACH)
        campaigns = {number: lots.choice((FAIR, ADS)) for number in numbers}
        system.send(a_lead(number, campaigns[number], at) for number in numbers)
        system.drain_here()
        move_to(monkeypatch, f"2026-{day}T18:00:00+09:00")
        ended = f"2026-{day}T17:00:00+09:00"
        for number in numbers:
            won = lots.random() < (0.8 if campaigns[number] == FAIR else 0.2)
            if won or lots.random() < 0.7:
                kind = "outcome.won" if won else "outcome.lost"
                system.send([event(f"{number}-end", kind, subject=f"lead-{number}", time=ended,
                                   opportunity=f"deal-{number}")])  # fmt: skip
        system.drain_here()
    move_to(monkeypatch, TODAY)


@pytest.fixture
def past(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """A Tasuki with nine months of hand-overs."""
    played(system, monkeypatch)
    return system


def table_now() -> Any:
    """Return the cases as `tasuki learn fit` reads them."""
    with transaction() as connection:
        return own.read(connection, now(), timedelta(days=90)).table()


def test_from_hand_overs_to_a_chance_with_reasons(past: System, tmp_path: Path) -> None:
    """The model finds what the past was made of, is judged on the newest part, and speaks beside the rules."""
    fitted = said("learn", "fit")
    report = fitted["report"]
    used = {use["name"] for use in report["fields"] if use["used"]}
    assert "campaign" in used
    assert report["fitted"]["leads"] + report["held_out"]["leads"] == 8 * EACH
    assert report["calibrated_on"] == "cross-fitted", "the middle part has too few of each to calibrate on"
    assert report["verdict"] == "better"
    assert report["held_out"]["first"] > report["fitted"]["last"]

    assert tasuki("learn", "score", "p1@a1.example.co.jp").exit_code == 1, "nothing is in force by itself"
    assert said("learn", "use", "1") == {"in_force": 1, "verdict": "better"}
    good, bad = (said("learn", "score", a_lead_of(past, one), "--lang", "ja") for one in (FAIR, ADS))
    assert good["chance"] > 0.6
    assert bad["chance"] < 0.4
    assert good["reasons"][0].startswith("キャンペーン autumn_fair: 受注のオッズ")
    assert good["contributions"][0]["log_odds"] > 0 > bad["contributions"][0]["log_odds"]

    explained = said("lead", "explain", a_lead_of(past, FAIR))
    assert explained["learned"]["chance"] == pytest.approx(good["chance"], abs=0.05)
    told = tasuki("lead", "explain", a_lead_of(past, ADS), "--lang", "ja").output
    assert "受注の見込み" in told

    page = tmp_path / "report.html"
    assert tasuki("learn", "report", "--html", str(page), "--lang", "ja").exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "http" not in text.replace("http-equiv", ""), "the page asks nothing of anywhere"
    assert [row["version"] for row in said("learn", "history")] == [1]
    assert said("learn", "use", "none") == {"in_force": None, "verdict": None}


def a_lead_of(system: System, campaign: str) -> str:
    """Return the number of a lead of this campaign."""
    like = f'%"{campaign}"%'
    return str(system.one("SELECT min(lead_id) FROM tasuki.lead WHERE state LIKE :like", like=like))


def test_what_happened_after_the_decision_does_not_leak(past: System) -> None:
    """Later events change every lead, and not one feature of its past hand-over."""
    before = table_now()
    late = "2026-11-24T10:30:00+09:00"
    won = [number for number in range(8 * EACH) if past.one(
        "SELECT count(*) FROM tasuki.event WHERE event_id = :i AND type = 'outcome.won'", i=f"e{number}-end")]  # fmt: skip
    past.send(
        event(f"{n}-late", subject=f"lead-{n}", time=late, activity="product_login", employees=77_777)
        for n in won
    )
    past.drain_here()
    assert past.one("SELECT count(*) FROM tasuki.lead WHERE state LIKE '%77777%'") == len(won)
    after = table_now()
    assert after.rows == before.rows
    assert after.won == before.won


def test_fitting_twice_gives_the_same_model(past: System) -> None:
    """The same outcomes give the same scorecard, bit for bit, as another version."""
    one, two = said("learn", "fit"), said("learn", "fit")
    assert (one["version"], two["version"]) == (1, 2)
    assert one["digest"] == two["digest"]


def test_too_little_data_is_refused_with_the_numbers(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the minimum nothing is fitted, and it is said what there is and what it takes."""
    played(system, monkeypatch, MORNINGS[:2])
    result = tasuki("learn", "fit", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    table = table_now()
    older = round(len(table.won) * 0.75)
    assert document["counts"]["won"] == sum(table.won[:older])
    assert document["counts"]["not_won"] == older - sum(table.won[:older])
    assert document["counts"]["least_won"] == 50
    assert "rule score goes on alone" in document["refused"]
    assert system.one("SELECT count(*) FROM tasuki.model") == 0
    assert tasuki("learn", "report").exit_code == 1


def test_no_hand_over_at_all_is_refused_likewise(system: System) -> None:
    """An empty database is too little data and no crash."""
    assert tasuki("learn", "fit").exit_code == 1
    assert said("learn", "propose")["proposals"] == []


def test_a_model_that_does_not_fit_is_refused_and_the_rules_go_on(past: System, tmp_path: Path) -> None:
    """A file of another form, an altered one and a foreign one: said plainly, nothing stored, nothing lost."""
    said("learn", "fit")
    file = tmp_path / "model.json"
    assert tasuki("learn", "export", "1", str(file)).exit_code == 0
    assert said("learn", "import", str(file))["version"] == 2, "its own export is taken"
    good = json.loads(file.read_text(encoding="utf-8"))
    card = good["scorecard"]
    bad = {
        "fit it anew": {**good, "scorecard": card | {"format": "tasuki.scorecard/2"}},
        "features": {**good, "scorecard": card | {"features": 99}},
        "digest differs": {**good, "scorecard": card | {"offset": card["offset"] + 1}},
        "not a model file": {"pickle": "gASV"},
        "is not the one here": {**good, "scorecard": resealed(card | {"rulebook_digest": "0" * 64})},
    }
    for words, document in bad.items():
        file.write_text(json.dumps(document), encoding="utf-8")
        result = tasuki("learn", "import", str(file))
        assert result.exit_code == 1, words
        assert words in " ".join(result.output.split())
    file.write_bytes(b"\x80\x04\x95")
    assert tasuki("learn", "import", str(file)).exit_code == 1
    assert past.one("SELECT count(*) FROM tasuki.model") == 2

    said("learn", "use", "1")
    past.do("ALTER TABLE tasuki.model DISABLE TRIGGER immutable")
    past.do("UPDATE tasuki.model SET document = jsonb_set(document, '{slope}', '7') WHERE version = 1")
    result = tasuki("learn", "score", a_lead_of(past, FAIR))
    assert result.exit_code == 1
    assert "goes on alone" in " ".join(result.output.split())
    explained = said("lead", "explain", a_lead_of(past, FAIR))
    assert "digest" in explained["learned"]["problem"]
    assert explained["now"]["fit"] > 0, "the rule score is told as ever"
    assert said("learn", "history")[1]["problem"] is not None
    assert tasuki("learn", "use", "1").exit_code == 1


def resealed(card: dict[str, Any]) -> dict[str, Any]:
    """Put the right digest on an altered card."""
    return card | {"digest": digest_of(card)}


def test_a_stored_model_never_changes(past: System) -> None:
    """The database itself refuses."""
    said("learn", "fit")
    for statement in ("UPDATE tasuki.model SET by = 'me'", "DELETE FROM tasuki.model"):
        with pytest.raises(DBAPIError, match="never changes"):
            past.do(statement)


def test_declines_count_and_open_deals_are_left_out(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rep who rules a lead out, hands it back, passes it on; a deal that is open; and silence."""
    move_to(monkeypatch, "2026-02-10T11:00:00+09:00")
    system.send(a_lead(number, FAIR, "2026-02-10T10:00:00+09:00") for number in range(5))
    system.drain_here()
    for row in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        with transaction() as connection:
            hand_over(connection, row.pool, rulebooks.current(connection), now())
    offers = system.sql("SELECT assignment_id, lead_id FROM tasuki.assignment ORDER BY lead_id")
    reasons = ["bad_contact_data", "not_now", "too_busy"]
    assert len(offers) >= len(reasons)
    for offer, reason in zip(offers, reasons, strict=False):
        with transaction() as connection:
            act(
                connection,
                offer.assignment_id,
                "decline",
                rulebooks.current(connection),
                now(),
                reason=reason,
            )
    declined = dict(zip(reasons, [offer.lead_id for offer in offers], strict=False))
    rest = [row[0] for row in system.sql("SELECT lead_id FROM tasuki.lead ORDER BY lead_id")]
    opened, silent = [lead for lead in rest if lead not in declined.values()]
    email = system.one("SELECT email FROM tasuki.lead WHERE lead_id = :i", i=opened)
    system.send(
        [event("open", "outcome.opened", subject=email, time="2026-02-10T10:59:00+09:00", opportunity="d")]
    )
    move_to(monkeypatch, "2026-02-11T11:00:00+09:00")
    system.send(
        [event("open2", "outcome.opened", subject=email, time="2026-02-11T10:59:00+09:00", opportunity="d2")]
    )
    system.drain_here()
    move_to(monkeypatch, TODAY)
    with transaction() as connection:
        found = {
            one.lead_id: (one.outcome, one.reason)
            for one in own.read(connection, now(), timedelta(days=90)).found
        }
        young = own.read(connection, now(), timedelta(days=300)).found
    assert found == {
        declined["bad_contact_data"]: ("declined", "bad_contact_data"),
        declined["not_now"]: ("recycled", "not_now"),
        declined["too_busy"]: ("silent", None),
        opened: ("open", None),
        silent: ("silent", None),
    }
    assert len(table_now().rows) == 4
    assert young == []


def test_a_merged_lead_counts_once_with_the_outcome_of_both(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hand-overs of one person: the earlier stands, with the decline of the one and the deal of the other."""
    ready = {**READY, "campaign": FAIR}
    move_to(monkeypatch, "2026-02-10T11:00:00+09:00")
    phone = event("a", subject="one", time="2026-02-10T10:00:00+09:00", phone="03-0000-1234", **ready)
    system.send([phone])
    system.drain_here()
    for row in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        with transaction() as connection:
            hand_over(connection, row.pool, rulebooks.current(connection), now())
    offered = system.one("SELECT assignment_id FROM tasuki.assignment")
    with transaction() as connection:
        act(connection, offered, "decline", rulebooks.current(connection), now(), reason="not_now")
    move_to(monkeypatch, "2026-02-12T11:00:00+09:00")
    other = event("b", subject="two@b.example.co.jp", time="2026-02-12T10:00:00+09:00", **ready)
    system.send([other | {"source": "other"}])
    system.drain_here()

    def told() -> list[tuple[str, str | None]]:
        with transaction() as connection:
            found = own.read(connection, now(), timedelta(days=90)).found
        return [(one.outcome, one.reason) for one in found]

    move_to(monkeypatch, "2026-02-13T11:00:00+09:00")
    together = event("c", subject="one", time="2026-02-13T10:00:00+09:00", email="two@b.example.co.jp")
    system.send([together])
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead WHERE merged_into IS NOT NULL") == 1
    move_to(monkeypatch, TODAY)
    assert told() == [("recycled", "not_now")]
    won = event(
        "d", "outcome.won", subject="two@b.example.co.jp", time="2026-11-24T10:30:00+09:00", opportunity="d"
    )
    system.send([won | {"source": "crm"}])
    system.drain_here()
    assert told() == [("won", "not_now")]
