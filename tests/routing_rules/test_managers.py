"""A manager who is away for long: whom they report to gets what the reps let pass, and only then."""

from datetime import timedelta
from typing import Any

import pytest

from routing_rules.managers import managers_of, nobody_acts, takes_over
from routing_rules.place import place
from routing_rules.roster import Team
from schemas.handover import Offer, Park
from tests.factories import NOW, a_policy, a_pool_state, a_team, a_waiting

DAY = timedelta(days=1)


def gone(days: float, **more: Any) -> dict[str, Any]:
    """Return a rep who is away from yesterday on."""
    span = {"starts": (NOW - DAY).isoformat(), "ends": (NOW + days * DAY).isoformat()}
    return {"absences": [span], **more}


def team_of(boss: dict[str, Any], **others: dict[str, Any]) -> Team:
    """Return the desk, whose boss reports to the head, and she to the chief."""
    reps: dict[str, Any] = {
        "boss": {"role": "manager", "reports_to": "head", **boss},
        "head": {"reports_to": "chief", **others.pop("head", {})},
        "chief": {},
    }
    return a_team(**{**reps, **others})


@pytest.mark.parametrize(
    "case, boss, others, had, expected",
    [
        ("there", {}, {}, (), ["boss"]),
        ("on leave", gone(14), {}, (), ["boss", "head"]),
        ("back soon", gone(0.1), {}, (), ["boss"]),
        ("both on leave", gone(14), {"head": gone(14)}, (), ["boss", "head", "chief"]),
        ("had it as a member", {}, {}, ("boss",), ["boss", "head"]),
        ("nobody above", gone(14, reports_to=None), {}, (), ["boss"]),
        ("in a circle", gone(14), {"head": gone(14), "chief": gone(14, reports_to="boss")}, (), ["boss", "head", "chief"]),
    ],
)  # fmt: skip
def test_who_is_asked(case: str, boss: dict[str, Any], others: dict[str, Any], had: tuple[str, ...], expected: list[str]) -> None:  # fmt: skip
    """The first is the pool's manager, the last whoever can act."""
    team = team_of(boss, **others)
    assert managers_of(team.pools["desk"], had, team, NOW) == expected, case


def test_the_one_above_gets_it_and_the_record_says_why() -> None:
    """As an escalation, with the manager's absence."""
    lead = a_waiting(hops=2)
    placed = place(lead, team_of(gone(14)), a_policy(hops=2), a_pool_state(), NOW)
    assert placed == Offer("head", "escalation", {"boss": "absent"})


def test_it_is_parked_until_the_first_of_them_is_back() -> None:
    """Without anybody above until the manager is; a night of the one above is shorter than the manager's leave."""
    lead = a_waiting(hops=2)
    alone = place(lead, team_of(gone(14, reports_to=None)), a_policy(hops=2), a_pool_state(), NOW)
    assert isinstance(alone, Park)
    assert alone.look_again_at >= NOW + 14 * DAY
    night = NOW.replace(hour=12)  # 21:00 in Tokyo
    covered = place(lead, team_of(gone(14)), a_policy(hops=2), a_pool_state(), night)
    assert isinstance(covered, Park)
    assert covered.look_again_at - night < DAY


def test_who_acts_and_who_takes_over() -> None:
    """Nobody acts where everybody is away; nobody takes over from somebody who reports to none."""
    for boss, others, none_acts, somebody in (
        ({}, {}, False, True),
        (gone(14), {}, False, True),
        (gone(14, reports_to=None), {}, True, False),
        (gone(14), {"head": gone(14), "chief": gone(14)}, True, False),
    ):
        team = team_of(boss, **others)
        desk = team.pools["desk"]
        assert (nobody_acts(desk, team, NOW), takes_over("boss", desk, team, NOW)) == (none_acts, somebody)


def test_a_stand_by_acts_for_both() -> None:
    """Its manager is there: then the lead moves to that pool."""
    team = team_of(gone(14, reports_to=None))
    desk = team.pools["desk"].model_copy(update={"standby": "night"})
    for manager, none_acts in (("head", False), ("boss", True)):
        night = desk.model_copy(update={"id": "night", "manager": manager, "standby": None})
        assert nobody_acts(desk, Team(team.reps, {"desk": desk, "night": night}), NOW) is none_acts
