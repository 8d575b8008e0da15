"""The demo's business day is what it claims to be, and every payload in it can be read."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import NotUnderstood
from schemas.event import Event
from schemas.strict_json import loads
from schemas.understanding import understand
from worker.intake.adapters.registry import translate
from worker.intake.adapters.shape import OnlyATest
from worker.local import make_day
from worker.local.make_day_people import JST, OPENING

DAY = make_day.FOLDER
ARRIVALS = [json.loads(line) for line in (DAY / "arrivals.jsonl").read_bytes().splitlines()]
ORDINARY = (None, "late", "sync")


@lru_cache
def lines(file: str) -> list[bytes]:
    return (DAY / file).read_bytes().split(b"\n")


def parts(row: dict[str, Any]) -> list[Any]:
    raw = lines(row["file"])[row["line"] - 1]
    if row["platform"] == "canonical":
        return [loads(raw)]
    return translate(row["platform"], raw, row["source"], datetime.fromisoformat(row["at"]))


def events(*notes: str | None) -> Iterator[tuple[dict[str, Any], Event]]:
    for row in ARRIVALS:
        if row.get("note") in notes:
            for part in parts(row):
                assert not isinstance(part, NotUnderstood), (row, part)
                yield row, understand(part, datetime.fromisoformat(row["at"]))


def test_making_it_again_gives_the_same_bytes() -> None:
    """The committed files are what the script writes."""
    made = make_day.files()
    assert {path.name for path in DAY.iterdir()} == made.keys()
    assert [name for name, content in made.items() if (DAY / name).read_bytes() != content] == []
    assert sum(map(len, made.values())) < 1_500_000


def test_every_line_arrives_once_and_in_order() -> None:
    """The index names each payload exactly once, by time of arrival, within the day."""
    named = Counter((row["file"], row["line"]) for row in ARRIVALS)
    assert set(named.values()) == {1}
    assert sum(len(lines(path.name)) - 1 for path in DAY.glob("*.jsonl")) == 2 * len(ARRIVALS)
    times = [datetime.fromisoformat(row["at"]) for row in ARRIVALS]
    assert times == sorted(times)
    assert (times[0], times[-1] < make_day.CLOSING) == (OPENING, True)


def test_ordinary_payloads_are_understood() -> None:
    """Whatever is not marked otherwise gives at least one event, and each is accepted."""
    understood = {id(row) for row, _ in events(*ORDINARY, "repeat")}
    assert [
        row for row in ARRIVALS if row.get("note") in (*ORDINARY, "repeat") and id(row) not in understood
    ] == []


def test_counts_are_as_claimed() -> None:
    """Leads, events, repeats, late and malformed deliveries are about as many as the team agreed on."""
    notes = Counter((row.get("note") or "").partition(":")[0] for row in ARRIVALS)
    found = list(events(*ORDINARY))
    japanese = {event.data.email for _, event in found if event.data.country == "JP"}
    emails = {event.data.email for _, event in found} - {None}
    assert len(make_day.Day().crowd.people) == len(emails) == 422
    assert 0.62 < len(japanese) / len(emails) < 0.78
    assert 1_500 < len(found) < 2_100
    assert 0.035 < notes["repeat"] / len(ARRIVALS) < 0.05
    assert 0.04 < notes["late"] / (notes[""] + notes["late"]) < 0.08
    assert (notes["broken"], notes["other body"], notes["test"]) == (14, 1, 1)


def test_repeats_say_what_was_said_before() -> None:
    """A repeat has the id and the words of an event that came before, and no two others share an id."""
    first = {}
    for _, event in events(*ORDINARY):
        assert (event.source, event.id) not in first
        first[event.source, event.id] = event
    repeats = [event for _, event in events("repeat")]
    assert [event for event in repeats if first[event.source, event.id] != event] == []


def test_one_id_comes_with_another_body() -> None:
    """Somebody changed a fact and kept its id."""
    ((_, other),) = events("other body")
    (same,) = [
        event for _, event in events(*ORDINARY) if (event.source, event.id) == (other.source, other.id)
    ]
    assert same.data.email != other.data.email


@pytest.mark.parametrize(
    "row", [row for row in ARRIVALS if str(row.get("note")).startswith("broken")], ids=lambda row: row["note"]
)
def test_broken_payloads_are_refused(row: dict[str, Any]) -> None:
    """What is malformed is malformed, each in a way of its own."""

    def read() -> None:
        for part in parts(row):
            understand(part, datetime.fromisoformat(row["at"]))

    with pytest.raises(NotUnderstood):
        read()


def test_test_traffic_is_known_as_such() -> None:
    """A platform's test becomes no lead."""
    (found,) = (parts(row) for row in ARRIVALS if row.get("note") == "test")
    assert [type(one) for one in found] == [OnlyATest]


def test_history_is_of_the_past_sixty_days() -> None:
    """What the night's sync brings happened before the day; half of the leads have some."""
    past = [event for _, event in events("sync")]
    assert min(event.time for event in past) > OPENING - timedelta(days=61)
    assert max(event.time for event in past) < OPENING + timedelta(days=0)
    assert 0.4 < len({event.data.email for event in past}) / 422 < 0.6


def test_nothing_happens_after_it_arrived() -> None:
    """The senders' clocks are right, but for the broken ones."""
    assert [row for row, event in events(*ORDINARY) if event.time > datetime.fromisoformat(row["at"])] == []


def test_consents_and_outcomes_are_there() -> None:
    """Some withdraw permission; deals are opened, won and lost; hands are raised."""
    kinds = Counter(event.type for _, event in events(*ORDINARY))
    assert kinds["lead.consent"] >= 5
    assert kinds["outcome.opened"] >= 3
    assert min(kinds["outcome.won"], kinds["outcome.lost"]) >= 1
    hands = [
        event
        for _, event in events(*ORDINARY)
        if event.data.activity in ("demo_request", "contact_request", "quote_request")
    ]
    assert 20 < len(hands) < 60


def test_known_people_come_back_unknown() -> None:
    """Three visitors say at last an address that is known under another key."""
    found: dict[str, set[str]] = {}
    for _, event in events(*ORDINARY):
        if event.data.email and event.subject:
            found.setdefault(event.data.email, set()).add(event.subject)
    visitors = [keys for keys in found.values() if any(key.startswith("visitor-") for key in keys)]
    assert len(visitors) == 3
    assert min(map(len, visitors)) >= 2


DOMAINS = re.compile(r"(?:[a-z0-9-]+\.)*(?:example\.(?:com|co\.jp|org|net)|rival\.example)")


@pytest.mark.parametrize("path", sorted(DAY.glob("*.jsonl")), ids=lambda path: path.name)
def test_all_addresses_are_fictional(path: Path) -> None:
    """Every address and web address is in a domain kept for examples."""
    text = path.read_text(encoding="utf-8").replace("\\/", "/")
    hosts = re.findall(r"@([a-z0-9.-]+\.[a-z]+)", text) + re.findall(r"https?://([^/\"]+)", text)
    assert [host for host in hosts if not DOMAINS.fullmatch(host)] == []


def test_the_day_is_a_working_tuesday() -> None:
    """Business hours are what the demo is about."""
    assert OPENING.astimezone(UTC) == datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert (OPENING.weekday(), OPENING.tzinfo) == (1, JST)
