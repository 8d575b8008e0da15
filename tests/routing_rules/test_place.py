"""Placing: who is away, closed, full or had it never gets the lead; who can take it does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.calendars import is_open
from routing_rules.place import RECHECK, place
from routing_rules.roster import Load, PoolState, Team
from schemas.handover import Offer, Park, Placement, Wait
from tests.factories import NOW, a_calendar, a_policy, a_pool_state, a_team, a_waiting


def at(text: str) -> datetime:
    """Read `2026-11-27 18:30` on the clock in Tokyo."""
    return datetime.fromisoformat(f"{text}+09:00")


FRIDAY_NIGHT, MONDAY = at("2026-11-27 18:30"), at("2026-11-30 09:00")
AWAY = {"absences": [{"starts": "2026-11-24T00:00:00+09:00", "ends": "2026-11-26T00:00:00+09:00"}]}
LONG_AWAY = {"absences": [{"starts": "2026-11-20T00:00:00+09:00", "ends": "2026-12-20T00:00:00+09:00"}]}
LONDON = {"calendar": "london"}


def put(
    team: Team | None = None,
    now: datetime = NOW,
    state: PoolState | None = None,
    limit: int = 2,
    **waiting: Any,
) -> Placement:
    return place(a_waiting(**waiting), team or a_team(), a_policy(hops=limit), state or a_pool_state(), now)


def full(*reps: str, open_: int = 5, today: int = 0) -> PoolState:
    return PoolState(loads={rep: Load(open_, today) for rep in reps})


@pytest.mark.parametrize(
    "why, team, state, had",
    [
        ("absent", {"ann": AWAY}, (), ()), ("closed", {"ann": LONDON}, (), ()), ("inactive", {"ann": {"active": False}}, (), ()),
        ("no_weight", {"weights": {"ann": 0, "ben": 1, "cho": 1}}, (), ()), ("full 5/5", {}, ("ann", 5, 0), ()),
        ("full 0/0", {"ann": {"capacity": {"open": 0}}}, (), ()), ("full 9/5", {}, ("ann", 9, 9), ()), ("day_full 5/5", {}, ("ann", 0, 5), ()),
        ("day_full 0/0", {"ann": {"capacity": {"open": 5, "per_day": 0}}}, (), ()), ("had_it", {}, (), ("ann",)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded", "owner"])
def test_who_cannot_take_it_is_passed_over_and_told_why(
    why: str, team: dict[str, Any], state: Any, had: Any, strategy: str
) -> None:
    """Away, closed, inactive, without turns, full, or had it before: never picked, whatever the strategy."""
    desk = a_team(calendars=[a_calendar("london", "Europe/London")], **team)
    loads = full(state[0], open_=state[1], today=state[2]) if state else a_pool_state()
    for lead in range(12):
        placed = put(
            desk, state=PoolState(dict(loads.loads)), lead_id=lead, strategy=strategy, had=frozenset(had)
        )
        assert isinstance(placed, Offer)
        assert placed.rep in ("ben", "cho")
        assert placed.skipped == {"ann": why}


def test_an_offer_is_settled_at_once() -> None:
    """The next lead of the same batch sees the load that the first one made."""
    state = a_pool_state()
    got = [put(lead_id=lead, state=state) for lead in range(15)]
    assert sorted(one.rep for one in got if isinstance(one, Offer)) == ["ann"] * 5 + ["ben"] * 5 + ["cho"] * 5
    assert isinstance(put(lead_id=16, state=state), Wait)
    assert (state.load("ann").open, state.load("ann").today) == (5, 5)


@pytest.mark.parametrize(
    "load, why, again",
    [
        ({"open_": 5}, "full 5/5", NOW + RECHECK),
        ({"open_": 0, "today": 5}, "day_full 5/5", at("2026-11-25 09:00")),
    ],
)
def test_when_all_are_full_it_waits(load: dict[str, int], why: str, again: datetime) -> None:
    """Somebody is at work without room: looked at again when there is, and nobody is overfilled."""
    state = full("ann", "ben", "cho", **load)
    placed = put(state=state)
    assert placed == Wait(again, dict.fromkeys(("ann", "ben", "cho"), why))
    assert state.loads == full("ann", "ben", "cho", **load).loads


def test_a_colleague_who_opens_sooner_is_waited_for() -> None:
    """Ann is full and Ben starts in five minutes: look again then."""
    now = at("2026-11-24 16:55")
    desk = a_team({"ann": 1, "ben": 1}, [a_calendar("late", hours="17:00-20:00")], ben={"calendar": "late"})
    assert put(desk, now, full("ann")) == Wait(at("2026-11-24 17:00"), {"ann": "full 5/5", "ben": "closed"})


@pytest.mark.parametrize(
    "now, opening",
    [
        (FRIDAY_NIGHT, MONDAY), (at("2026-11-24 08:59"), at("2026-11-24 09:00")), (at("2026-11-24 18:00"), at("2026-11-25 09:00")),
        (at("2026-11-28 12:00"), MONDAY), (at("2026-11-25 00:00"), at("2026-11-25 09:00")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded", "owner"])
def test_out_of_hours_it_is_parked_until_the_opening(now: datetime, opening: datetime, strategy: str) -> None:
    """Nobody at work: parked with the next opening, owner or not, and at that instant it is offered."""
    placed = put(now=now, strategy=strategy, owner="ann")
    assert isinstance(placed, Park)
    assert (placed.reason, placed.look_again_at) == ("closed", opening)
    assert isinstance(put(now=placed.look_again_at, strategy=strategy, owner="ann"), Offer)


def test_parked_until_the_first_who_opens() -> None:
    """With colleagues in London and Tokyo, the first opening of any of them counts."""
    desk = a_team({"ann": 1, "ben": 1}, [a_calendar("london", "Europe/London")], ben=LONDON)
    placed = put(desk, at("2026-11-27 03:00"))
    assert (placed.look_again_at if isinstance(placed, Park) else None) == at("2026-11-27 09:00")
    assert put(desk, at("2026-11-27 19:00")) == Offer(
        "ben", "least_loaded", {"ann": "closed"}, {"ben": {"open": 0, "today": 0, "weight": 1}}
    )


@pytest.mark.parametrize(
    "owner, now, state, got",
    [
        ({}, NOW, (), "ann"),
        (AWAY, NOW, (), "waits"),
        (LONG_AWAY, NOW, (), "pool"),
        ({"absences": [{"starts": "2026-11-27T00:00:00+09:00", "ends": "2026-11-30T09:00:00+09:00"}]}, at("2026-11-27 10:00"), (), "waits"),
        ({"absences": [{"starts": "2026-11-26T00:00:00+09:00", "ends": "2026-11-30T09:00:00+09:00"}]}, at("2026-11-26 10:00"), (), "pool"),
        ({}, NOW, ("ann",), "pool"),
        ({"active": False}, NOW, (), "pool"),
        ({"capacity": {"open": 0}}, NOW, (), "pool"),
    ],
)  # fmt: skip
def test_the_owner_is_waited_for_a_weekend_at_most(
    owner: dict[str, Any], now: datetime, state: tuple[str, ...], got: str
) -> None:
    """The account's owner first; away for up to 72 hours: wait; longer, full or gone: the pool takes it."""
    placed = put(a_team(ann=owner), now, full(*state), strategy="owner", owner="ann")
    if got == "waits":
        assert isinstance(placed, Park)
        assert now < placed.look_again_at <= now + timedelta(hours=72)
    else:
        assert isinstance(placed, Offer)
        assert (placed.rep == "ann", placed.strategy) == (
            (True, "owner") if got == "ann" else (False, "least_loaded")
        )


@pytest.mark.parametrize("more", [{"had": frozenset({"ann"})}, {"owner": None}])
def test_without_an_owner_to_have_it_the_pool_does(more: dict[str, Any]) -> None:
    """An owner who let it pass, or no owner at all: the pool takes it at once."""
    placed = put(**{"strategy": "owner", "owner": "ann", **more})
    assert isinstance(placed, Offer)
    assert placed.strategy == "least_loaded"


@pytest.mark.parametrize(
    "team, waiting",
    [
        ({}, {"hops": 2}), ({}, {"hops": 5}), ({}, {"had": {"ann", "ben", "cho"}}), ({"weights": {}}, {}),
        ({"ben": {"active": False}, "cho": {"active": False}}, {"had": {"ann"}, "hops": 1}),
        ({"weights": {"ann": 1, "ben": 0}}, {"had": {"ann"}, "hops": 1}), ({"weights": {"ann": 0, "ben": 0}}, {}),
        ({"ann": {"active": False}, "ben": {"active": False}, "cho": {"active": False}}, {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded", "owner"])
def test_when_nobody_is_left_the_manager_gets_it(
    team: dict[str, Any], waiting: dict[str, Any], strategy: str
) -> None:
    """After so many hops, or when all who could have it had it, it is the manager's: never parked for ever."""
    placed = put(
        a_team(**team),
        strategy=strategy,
        owner="ann",
        **{**waiting, "had": frozenset(waiting.get("had", ()))},
    )
    assert placed == Offer("boss", "escalation", {})


@pytest.mark.parametrize(
    "capacity", [{"open": 0}, {"open": 5, "per_day": 0}, {"open": 5, "caps": [{"at_most": 0, "per": "week"}]}]
)
def test_who_never_has_room_does_not_keep_a_lead_from_the_manager(capacity: dict[str, Any]) -> None:
    """Ben had it, and Ann takes no leads at all: it does not wait for her day after day."""
    team = a_team({"ann": 1, "ben": 1}, ann={"capacity": capacity})
    assert put(team, had=frozenset({"ben"}), hops=1) == Offer("boss", "escalation", {})


@pytest.mark.parametrize(
    "hops, limit, is_escalated", [(0, 0, True), (0, 1, False), (1, 1, True), (19, 20, False)]
)
def test_the_policy_says_after_how_many_hops(hops: int, limit: int, is_escalated: bool) -> None:
    """With a limit of none the manager gets it first; before the limit the pool does."""
    placed = put(limit=limit, hops=hops)
    assert isinstance(placed, Offer)
    assert (placed.rep == "boss") is is_escalated


def test_a_manager_in_the_pool_who_had_it_does_not_keep_it_from_who_is_left() -> None:
    """Boss works in the pool, too: she and ann let it pass, and ben has not had it."""
    desk = a_team(weights={"ann": 1, "ben": 1, "boss": 1})
    placed = put(desk, hops=2, limit=2, had=frozenset({"ann", "boss"}))
    assert isinstance(placed, Offer)
    assert placed.rep == "ben"


def test_when_even_the_manager_had_it_it_is_shown() -> None:
    """Nobody is left at all: parked with that reason and a time to look again, never given twice."""
    placed = put(had=frozenset({"ann", "ben", "cho", "boss"}))
    assert isinstance(placed, Park)
    assert (placed.reason, placed.look_again_at) == ("nobody_left", NOW + timedelta(hours=24))


_REP = st.fixed_dictionaries(
    {"active": st.sampled_from([True, True, False]), "capacity": st.builds(lambda o, d: {"open": o, "per_day": d}, st.integers(0, 2), st.integers(0, 2)),
     "calendar": st.sampled_from(["office", "london"]), "absences": st.sampled_from([[], AWAY["absences"]])}
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["ann", "ben", "cho", "dan"]), st.tuples(st.integers(0, 3), _REP), min_size=1),
    st.sets(st.sampled_from(["ann", "ben"])), st.sampled_from(["round_robin", "least_loaded", "owner"]),
    st.integers(0, 2), st.integers(0, 96), st.integers(0, 99),
)  # fmt: skip
def test_offers_go_to_who_can_and_only_to_them(
    reps: dict[str, tuple[int, dict[str, Any]]],
    had: set[str],
    strategy: str,
    held: int,
    hours: int,
    lead: int,
) -> None:
    """In any team at any hour: an offer goes to somebody who can take it, and if anybody can, it is made."""
    now = NOW + timedelta(hours=hours)
    team = a_team({rep: weight for rep, (weight, _) in reps.items()}, [a_calendar("london", "Europe/London")],
                  **{rep: spec for rep, (_, spec) in reps.items()})  # fmt: skip
    able = {
        rep for rep, (weight, spec) in reps.items()
        if weight and spec["active"] and rep not in had and held < min(spec["capacity"].values())
        and is_open(team.reps[rep].calendar, now, team.reps[rep].absences)
    }  # fmt: skip
    state = PoolState(loads={rep: Load(held, held) for rep in reps})
    placed = put(team, now, state, lead_id=lead, strategy=strategy, had=frozenset(had))
    if isinstance(placed, Offer):
        assert placed.rep in able or (placed.rep == "boss" and not able)
    else:
        assert not able
        assert isinstance(placed, Wait | Park)
        assert placed.look_again_at > now
