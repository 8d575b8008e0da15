"""The clocks of a promise, told as dates that a rep can check on a calendar."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from routing_rules.sla import ClockKind, start_clock
from schemas.rulebook.sla import SlaPolicy
from tests.factories import NOW, a_compiled_book, a_policy, a_team, the_team

POLICIES: dict[str, SlaPolicy] = a_compiled_book().policies
ZONES = {
    "suzuki_haruka": "+09:00",
    "takahashi_ren": "+09:00",
    "yoshida_hina": "+09:00",
    "tan_wei_ling": "+08:00",
    "clarke_emily": "+00:00",
    "lopez_maria": "-05:00",
}


@pytest.mark.parametrize(
    "policy, kind, rep, offered, warn, due",
    [
        # Friday 17:50, and Monday is 勤労感謝の日: the clock goes on on Tuesday.
        ("hot", "accept", "suzuki_haruka", "2026-11-20 17:50", "2026-11-20 18:00", "2026-11-24 09:05"),
        ("hot", "contact", "suzuki_haruka", "2026-11-20 17:50", "2026-11-24 09:35", "2026-11-24 09:50"),
        ("standard", "contact", "suzuki_haruka", "2026-11-20 17:00", "2026-11-24 11:00", "2026-11-24 12:00"),
        ("standard", "accept", "suzuki_haruka", "2026-11-27 17:30", "2026-11-30 09:10", "2026-11-30 09:30"),
        # 昼休み
        ("standard", "accept", "suzuki_haruka", "2026-11-24 11:30", "2026-11-24 13:10", "2026-11-24 13:30"),
        ("standard", "accept", "yoshida_hina", "2026-11-24 11:30", "2026-11-24 12:10", "2026-11-24 12:30"),
        # An offer at night or on Sunday starts at the opening.
        ("hot", "accept", "suzuki_haruka", "2026-11-29 03:00", "2026-11-30 09:10", "2026-11-30 09:15"),
        # 年末年始: 12/28 is a half day, work begins on 1/4.
        ("standard", "contact", "suzuki_haruka", "2026-12-28 10:00", "2027-01-04 10:00", "2027-01-04 11:00"),
        # On leave from 12/7 to 12/11.
        ("standard", "accept", "takahashi_ren", "2026-12-04 17:30", "2026-12-14 09:10", "2026-12-14 09:30"),
        ("overseas", "accept", "tan_wei_ling", "2026-11-27 16:30", "2026-11-30 09:30", "2026-11-30 10:00"),
        ("overseas", "contact", "lopez_maria", "2026-11-25 16:30", "2026-11-27 14:00", "2026-11-27 16:00"),  # Thanksgiving
        ("overseas", "accept", "clarke_emily", "2026-12-23 16:30", "2027-01-04 09:30", "2027-01-04 10:00"),  # Christmas
    ],
)  # fmt: skip
def test_business_time_is_the_reps_own(
    policy: str, kind: ClockKind, rep: str, offered: str, warn: str, due: str
) -> None:
    """Evenings, lunch, holidays and leave do not count; the warning keeps to the same calendar."""
    clock = start_clock(
        POLICIES[policy], kind, the_team().reps[rep], datetime.fromisoformat(offered + ZONES[rep])
    )
    wanted = tuple(datetime.fromisoformat(text + ZONES[rep]) for text in (warn, due))
    assert (clock.kind, clock.policy, clock.warn_at, clock.due_at) == (kind, policy, *wanted)


@pytest.mark.parametrize(
    "at", ["2026-11-20T17:50:00+09:00", "2026-11-28T03:00:00+09:00", "2026-12-31T23:30:00+09:00"]
)
@pytest.mark.parametrize("kind, within_s", [("accept", 3600), ("contact", 4 * 3600)])
def test_wall_time_is_everybodys(at: str, kind: ClockKind, within_s: int) -> None:
    """By the wall every hour counts: nights, weekends and New Year too."""
    offered = datetime.fromisoformat(at)
    clock = start_clock(a_policy(time="wall"), kind, a_team().reps["ann"], offered)
    assert clock.due_at == offered + timedelta(seconds=within_s)
    assert clock.warn_at == (offered + timedelta(minutes=40) if kind == "accept" else None)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("rep", sorted(ZONES))
def test_warnings_come_before_the_end(policy: str, rep: str) -> None:
    """Whenever it is offered, to whomever: first the offer, then the warning, then the end; contact is last."""
    for hours in range(0, 24 * 9, 7):
        at = NOW + timedelta(hours=hours)
        accept = start_clock(POLICIES[policy], "accept", the_team().reps[rep], at)
        contact = start_clock(POLICIES[policy], "contact", the_team().reps[rep], at)
        for clock in (accept, contact):
            assert clock.warn_at is not None
            assert at < clock.warn_at < clock.due_at
        assert accept.due_at < contact.due_at


@pytest.mark.parametrize("absence", [("2026-11-01", "2028-11-01"), ("2020-01-01", "2030-01-01")])
def test_a_promise_ends_even_in_a_leave_of_years(absence: tuple[str, str]) -> None:
    """When no working time is left to count in, the wall's time counts: no clock is without an end."""
    gone: dict[str, Any] = {
        "absences": [{"starts": f"{absence[0]}T00:00:00Z", "ends": f"{absence[1]}T00:00:00Z"}]
    }
    clock = start_clock(a_policy(), "accept", a_team(ann=gone).reps["ann"], NOW)
    assert (clock.warn_at, clock.due_at) == (NOW + timedelta(minutes=40), NOW + timedelta(hours=1))
