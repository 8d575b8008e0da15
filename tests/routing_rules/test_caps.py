"""Caps: never exceeded, counted over all pools, and the instant at which they free is exact."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules import caps
from routing_rules.place import place
from routing_rules.roster import Load, PoolState
from schemas.handover import Offer, Wait
from schemas.rulebook.team import Cap
from tests.factories import NOW, a_policy, a_pool_state, a_team, a_waiting

_INSTANTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 12, 1), timezones=st.just(UTC))
_CAPS = st.builds(
    Cap,
    at_most=st.integers(1, 4),
    per=st.sampled_from(["hour", "day", "week", "month"]),
    window=st.sampled_from(["rolling", "calendar"]),
)
#: Zones with a change of the clocks, with half an hour, and far from UTC.
_ZONES = st.sampled_from(["Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])


def tokyo(text: str) -> datetime:
    """Read `2026-11-24 10:00` on the clock in Tokyo."""
    return datetime.fromisoformat(f"{text}+09:00")


@given(_CAPS, _ZONES, st.lists(st.integers(0, 3_000_000), min_size=1, max_size=12), _INSTANTS)
def test_room_is_back_at_that_instant_and_not_before(
    cap: Cap, zone_name: str, ago: list[int], now: datetime
) -> None:
    """When a cap is reached it is still reached just before `frees_at`, and no more at it."""
    zone = ZoneInfo(zone_name)
    given_ = sorted(now - timedelta(seconds=one) for one in ago)
    if caps.count(cap, zone, given_, now) < cap.at_most:
        return
    free = caps.frees_at(cap, zone, given_, now)
    assert free is not None
    assert free > now
    assert caps.count(cap, zone, given_, free) < cap.at_most
    if free - timedelta.resolution > now:
        assert caps.count(cap, zone, given_, free - timedelta.resolution) >= cap.at_most


@pytest.mark.parametrize(
    "per, window, given_, free",
    [
        ("hour", "calendar", "2026-11-24 10:05", "2026-11-24 11:00"),
        ("hour", "rolling", "2026-11-24 09:35", "2026-11-24 10:35"),
        ("day", "calendar", "2026-11-24 09:00", "2026-11-25 09:00"),
        ("day", "rolling", "2026-11-23 17:00", "2026-11-24 17:00"),
        ("day", "rolling", "2026-11-23 19:00", "2026-11-25 09:00"),
        ("week", "calendar", "2026-11-23 09:00", "2026-11-30 09:00"),
        ("week", "rolling", "2026-11-19 11:00", "2026-11-26 11:00"),
        ("month", "calendar", "2026-11-02 09:00", "2026-12-01 09:00"),
        ("month", "rolling", "2026-10-26 10:00", "2026-11-25 10:00"),
    ],
)
def test_a_lead_waits_until_the_first_cap_frees(per: str, window: str, given_: str, free: str) -> None:
    """Everybody is capped: looked at again when the first has room and is at work, to the minute."""
    now = tokyo("2026-11-24 10:30")
    rule: dict[str, Any] = {"capacity": {"open": 5, "caps": [{"at_most": 1, "per": per, "window": window}]}}
    team = a_team(
        {"ann": 1, "ben": 1}, ann=rule, ben={"capacity": {"open": 5, "caps": [{"at_most": 0, "per": "day"}]}}
    )
    state = PoolState(loads={"ann": Load(given=[tokyo(given_)])})
    placed = place(a_waiting(), team, a_policy(), state, now)
    assert placed == Wait(tokyo(free), {"ann": f"cap_{per} 1/1", "ben": "cap_day 0/0"})
    there = place(a_waiting(), team, a_policy(), state, placed.look_again_at)
    assert isinstance(there, Offer)
    assert there.rep == "ann"


@given(st.lists(_CAPS, min_size=1, max_size=3), st.lists(st.integers(0, 7_200), min_size=1, max_size=40))
def test_no_cap_is_ever_exceeded(limits: list[Cap], steps: list[int]) -> None:
    """Whatever comes when: counted over any window of the cap, nobody got more than it allows."""
    specs = {"capacity": {"open": 10_000, "per_day": 10_000, "caps": [cap.model_dump() for cap in limits]}}
    team = a_team({"ann": 1}, ann=specs)
    state, now = a_pool_state(), NOW
    for lead, step in enumerate(steps):
        now += timedelta(seconds=step)
        place(a_waiting(lead_id=lead), team, a_policy(), state, now)
    got = state.load("ann").given
    zone = team.reps["ann"].calendar.zone
    for cap in limits:
        assert all(caps.count(cap, zone, got[: at + 1], one) <= cap.at_most for at, one in enumerate(got))


def test_a_repeated_hour_is_two() -> None:
    """In New York the clocks repeat 01:00 to 02:00 on 1 November 2026: each of the two hours counts alone."""
    zone = ZoneInfo("America/New_York")
    cap = Cap(at_most=1, per="hour")
    first, second = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 10, tzinfo=UTC)
    assert (first.astimezone(zone).hour, second.astimezone(zone).hour) == (1, 1)
    assert caps.count(cap, zone, [first], second) == 0
    assert caps.frees_at(cap, zone, [first], first) == datetime(2026, 11, 1, 6, tzinfo=UTC)
