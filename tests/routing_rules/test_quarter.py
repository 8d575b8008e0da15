"""A quarter of 60 reps and 50,000 leads, lived through by the live rules, each step checked by plain bookkeeping.

The reference (tests/fixtures/quarter_*.py) knows working time minute by minute from zone and holiday tables, counts
caps over what was given, keeps shares as fractions, and shares no code with `routing_rules`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from routing_rules import calendars, caps, place, returns, roster, sla, standby, strategies, turns
from tests.fixtures.quarter import Simulation
from tests.fixtures.quarter_minutes import open_minutes
from tests.fixtures.quarter_reference import Reference
from tests.fixtures.quarter_tables import PARTS, a_quarter, leads_of

LEADS = 50_000


def lived_through(leads: int, days: int = 92, tight: int = 1, part: str | None = None) -> Reference:
    """Return the reference after it has watched a quarter."""
    quarter = a_quarter(leads, days=days, tight=tight, part=part)
    watch = Reference(quarter)
    Simulation(quarter, watch).run()
    return watch


@pytest.mark.parametrize("part", PARTS)
def test_a_quarter_keeps_every_promise(part: str) -> None:
    """Promises 3, 5, 6, 7: nobody gets what they cannot take, clocks are exact, shares fair, no lead forgotten."""
    watch = lived_through(LEADS, part=part)
    for pool, book in watch.shares.books.items():
        if book.stretches:
            print(f"{pool}: {len(book.owed)} reps, furthest {float(book.furthest):.3f} turns, within one of"
                  f" {book.stretches} stretches {float(book.within):.3f}, the longest has {book.longest}")  # fmt: skip
    print(dict(watch.count))
    assert not watch.found, watch.said
    # the quarter was a full one: each thing that can happen did
    often = (
        "breaches",
        "decline",
        "pauses",
        "clocks moved",
        "turns given back",
        "times waiting",
        "times parked",
    )
    assert all(watch.count[kind] > 100 for kind in often)
    assert watch.count["ended contact_breached"]
    assert watch.count["at the end with a manager"]
    assert watch.count["ended rep_left"] + watch.count["ended rep_away"]
    assert bool(watch.count["to stand-by"]) == ("jp_smb" in PARTS[part])


def test_the_parts_are_the_whole_company() -> None:
    """The two parts have no member in common and all 50,000 leads between them."""
    parts = [a_quarter(LEADS, part=part) for part in PARTS]
    members = [{rep for pool in one.lived for rep in one.pools[pool].members} for one in parts]
    assert not members[0] & members[1]
    assert len(members[0] | members[1]) == 60
    assert sum(len(leads_of(one)) for one in parts) == LEADS


# --- the checks can fail: deliberate faults -------------------------------------------------------------------------


def _cap_off_by_one(patch: pytest.MonkeyPatch) -> None:
    real = caps.count
    patch.setattr(caps, "count", lambda *asked: real(*asked) - 1)


def _capacity_off_by_one(patch: pytest.MonkeyPatch) -> None:
    real = Simulation.load

    def load(self: Simulation, rep: roster.Rep, now: datetime) -> roster.Load:
        found = real(self, rep, now)
        return replace(found, today=found.today - 1)

    patch.setattr(Simulation, "load", load)


def _absence_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(place, "is_open", lambda cal, at, _absences=(): calendars.is_open(cal, at))


def _summer_time_for_ever(patch: pytest.MonkeyPatch) -> None:
    real = calendars._offset

    def offset(zone: ZoneInfo, at: datetime) -> timedelta:
        return real(zone, min(at, datetime(2026, 10, 20, tzinfo=UTC)))

    patch.setattr(calendars, "_offset", offset)


def _lunch_worked(patch: pytest.MonkeyPatch) -> None:
    real = roster._blocks

    def blocks(hours: list[str]) -> tuple[tuple[int, int], ...]:
        found = real(hours)
        return ((found[0][0], found[-1][1]),) if found else ()

    patch.setattr(roster, "_blocks", blocks)


def _holiday_worked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(calendars.Calendar, "blocks_on", lambda self, day: self.week[day.weekday()])


def _credit_reset_on_return(patch: pytest.MonkeyPatch) -> None:
    real = returns.settle

    def settle(pool: Any, team: Any, accounts: dict[str, returns.Account], missed: Any, now: datetime) -> Any:
        for rep in returns.back_again(pool, team, accounts, now):
            accounts[rep].credit = 0
        return real(pool, team, accounts, missed, now)

    patch.setattr(returns, "settle", settle)


def _newcomer_gets_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(returns, "average", lambda *_: 5 * turns.TURN)


def _breach_early(patch: pytest.MonkeyPatch) -> None:
    real = sla.start_clock

    def early(*given: Any, **more: Any) -> sla.ClockSpec:
        clock = real(*given, **more)
        return replace(clock, due_at=clock.due_at - timedelta(seconds=1))

    patch.setattr(sla, "start_clock", early)


def _clock_runs_in_leave(patch: pytest.MonkeyPatch) -> None:
    real = calendars.add_business
    patch.setattr(sla, "add_business", lambda cal, at, seconds, _absences: real(cal, at, seconds))


def _weights_ignored(patch: pytest.MonkeyPatch) -> None:
    real = turns.shares_of
    patch.setattr(
        strategies, "shares_of", lambda members, weights, draw: real(members, dict.fromkeys(weights, 1), draw)
    )


def _always_the_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(strategies, "next_in_turn", lambda _credit, shares, _lot: min(shares))


def _given_twice(patch: pytest.MonkeyPatch) -> None:
    real = place._why_not

    def why_not(waiting: Any, *rest: Any) -> str | None:
        return real(replace(waiting, had=frozenset()), *rest)

    patch.setattr(place, "_why_not", why_not)


def _looked_at_late(patch: pytest.MonkeyPatch) -> None:
    real = calendars.next_open

    def later(*asked: Any) -> datetime | None:
        found = real(*asked)
        return None if found is None else found + timedelta(minutes=1)

    patch.setattr(place, "next_open", later)


def _manager_too_late(patch: pytest.MonkeyPatch) -> None:
    real = place.goes_to_manager

    def goes(waiting: Any, team: Any, policy: Any) -> bool:
        return real(waiting, team, policy.model_copy(update={"hops": policy.hops + 1}))

    patch.setattr(place, "goes_to_manager", goes)


def _standby_at_once(patch: pytest.MonkeyPatch) -> None:
    real = standby.stand_in

    def stand_in(waiting: Any, placed: Any, team: Any, policy: Any, now: datetime) -> str | None:
        if getattr(placed, "look_again_at", None) is not None:
            placed = replace(placed, look_again_at=now + timedelta(days=1))
        return real(waiting, placed, team, policy, now)

    patch.setattr(standby, "stand_in", stand_in)


@pytest.mark.parametrize(
    "fault, caught",
    [
        (_cap_off_by_one, ["over a cap"]),
        (_capacity_off_by_one, ["over a cap"]),
        (_absence_ignored, ["absent"]),
        (_summer_time_for_ever, ["off hours", "due", "look again"]),
        (_lunch_worked, ["off hours", "due"]),
        (_holiday_worked, ["off hours", "due"]),
        (_credit_reset_on_return, ["credit"]),
        (_newcomer_gets_all, ["credit"]),
        (_breach_early, ["due", "breach"]),
        (_clock_runs_in_leave, ["due", "breach in closed time"]),
        (_weights_ignored, ["shares"]),
        (_always_the_first, ["bound of who stays", "bound of the quarter"]),
        (_given_twice, ["twice"]),
        (_looked_at_late, ["look again"]),
        (_manager_too_late, ["manager"]),
        (_standby_at_once, ["stand-by"]),
    ],
)
def test_a_planted_fault_is_caught(
    fault: Callable[[pytest.MonkeyPatch], None], caught: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weeks with the end of summer time, and one thing broken: the check of that thing says so."""
    fault(monkeypatch)
    found = lived_through(2_000, days=40, tight=9).found
    assert all(found[kind] for kind in caught), found


def test_the_small_quarter_of_the_faults_is_without_fault() -> None:
    """What the planted faults are measured against."""
    watch = lived_through(2_000, days=40, tight=9)
    assert not watch.found, watch.said


@pytest.mark.parametrize(
    "calendar, day, hours",
    [
        ("tokyo", "2026-10-12", 0), ("tokyo", "2026-11-03", 0), ("tokyo", "2026-11-23", 0), ("tokyo", "2026-12-28", 3),
        ("tokyo", "2026-12-29", 0), ("tokyo", "2027-01-01", 0), ("tokyo", "2026-11-24", 8), ("tokyo_late", "2026-11-23", 4),
        ("new_york", "2026-11-26", 0), ("new_york", "2026-11-27", 4), ("los_angeles", "2026-11-27", 0),
        ("london", "2026-12-24", 4), ("london", "2026-12-25", 0), ("london", "2026-12-28", 0), ("berlin", "2026-12-31", 0),
        ("us_night", "2026-10-31", 7.5), ("us_night", "2026-11-01", 8.5), ("europe_night", "2026-10-25", 7),
    ],
)  # fmt: skip
def test_the_reference_knows_the_days(calendar: str, day: str, hours: float) -> None:
    """The yardstick against the printed calendar: holidays, a substitute day, half days, a repeated hour."""
    zones = {"tokyo": 9, "tokyo_late": 9, "new_york": -5, "los_angeles": -8, "london": 0, "berlin": 1, "us_night": -4,
             "europe_night": 1}  # fmt: skip
    midnight = datetime.fromisoformat(f"{day}T00:00+00:00").timestamp() // 60 - zones[calendar] * 60
    length = 25 if day in ("2026-11-01", "2026-10-25") else 24
    assert sum(midnight <= minute < midnight + length * 60 for minute in open_minutes(calendar)) == hours * 60
