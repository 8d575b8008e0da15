"""Who takes over while everybody is away, and which policy a lead is under."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from routing_rules.calendars import is_open
from routing_rules.place import place
from routing_rules.roster import Team, build_calendar
from routing_rules.standby import stand_in
from schemas.rulebook.team import CalendarSpec, PoolSpec
from tests.factories import NOW, a_calendar, a_policy, a_pool_state, a_team, a_waiting

NIGHT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # 21:00 in Tokyo, noon in London


def two_pools(after: str = "4h", **reps: Any) -> Team:
    """Return `desk` in Tokyo and `london`, which stands by for it."""
    members = {"dan": {"calendar": "city"}, "eve": {"calendar": "city"}, "lord": {"calendar": "city"}}
    city = a_calendar("city", "Europe/London", "09:00-17:00")
    base = a_team({"ann": 1, "ben": 1}, [city], **{**members, **reps})
    name = {"ja": "窓口", "en": "Desk"}
    desk = PoolSpec.model_validate(
        {"id": "desk", "name": name, "manager": "boss", "standby": "london", "standby_after": after,
         "members": [{"rep": "ann"}, {"rep": "ben"}]}
    )  # fmt: skip
    london = PoolSpec.model_validate(
        {"id": "london", "name": name, "manager": "lord", "members": [{"rep": "dan"}, {"rep": "eve"}]}
    )
    return Team(base.reps, {"desk": desk, "london": london})


@pytest.mark.parametrize(
    "case, waiting, team, at, expected",
    [
        ("night in Tokyo, day in London", {}, {}, NIGHT, "london"),
        ("somebody is at work here", {}, {}, NOW, None),
        ("the opening is near", {}, {"after": "13h"}, NIGHT, None),
        ("nobody is at work there either", {}, {}, NIGHT + timedelta(hours=6), None),
        ("they all had it", {"had": frozenset({"dan", "eve"})}, {}, NIGHT, None),
        ("one of them had it", {"had": frozenset({"dan"})}, {}, NIGHT, "london"),
        ("nobody there is active", {}, {"dan": {"calendar": "city", "active": False},
                                        "eve": {"calendar": "city", "active": False}}, NIGHT, None),
        ("the manager's turn, there too", {"hops": 2}, {}, NIGHT, "london"),
        ("it waits for its owner", {"strategy": "owner", "owner": "ann"}, {}, NIGHT, None),
        ("its owner had it", {"strategy": "owner", "owner": "ann", "had": frozenset({"ann"})}, {}, NIGHT, "london"),
    ],
)  # fmt: skip
def test_who_stands_in(
    case: str, waiting: dict[str, Any], team: dict[str, Any], at: datetime, expected: str | None
) -> None:
    """A lead moves only while everybody here is away for long, and somebody there may take it."""
    pools, lead = two_pools(**team), a_waiting(**waiting)
    placed = place(lead, pools, a_policy(), a_pool_state(), at)
    assert stand_in(lead, placed, pools, a_policy(), at) == expected, case


def test_nothing_goes_to_and_fro() -> None:
    """Two pools that stand by for each other: at no hour of a week does a lead find no rest."""
    team = two_pools()
    london = team.pools["london"].model_copy(update={"standby": "desk", "standby_after": 0})
    both = Team(
        team.reps, {"desk": team.pools["desk"].model_copy(update={"standby_after": 0}), "london": london}
    )
    for hours in range(7 * 24):
        at = NOW + timedelta(hours=hours)
        lead, moves = a_waiting(), 0
        while (pool := stand_in(lead, place(lead, both, a_policy(), a_pool_state(), at), both, a_policy(), at)) is not None:  # fmt: skip
            lead, moves = a_waiting(pool=pool), moves + 1
            assert moves < 2


@pytest.mark.parametrize(
    "span, day, opened",
    [
        ("12-29 01-03", date(2026, 12, 28), True),
        ("12-29 01-03", date(2026, 12, 29), False),
        ("12-29 01-03", date(2027, 1, 1), False),
        ("12-29 01-03", date(2028, 1, 3), False),
        ("12-29 01-03", date(2027, 1, 4), True),
        ("12-29 01-03", date(2099, 12, 31), False),
        ("08-13 08-15", date(2031, 8, 14), False),  # お盆
        ("08-13 08-15", date(2031, 8, 18), True),
        ("02-29 02-29", date(2028, 2, 29), False),
        ("02-27 02-29", date(2029, 2, 28), False),
        ("02-27 02-29", date(2029, 3, 1), True),
    ],
)
def test_company_days_of_every_year(span: str, day: date, opened: bool) -> None:
    """年末年始 runs into the next year, お盆 comes back, and a leap day is none where there is none."""
    first, last = span.split()
    spec = CalendarSpec.model_validate({**a_calendar(), "yearly": [{"first": first, "last": last}]})
    hours: Any = {name: ["09:00-18:00"] for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    calendar = build_calendar(spec.model_copy(update={"hours": hours}), {})
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=calendar.zone)
    assert is_open(calendar, noon) is opened
