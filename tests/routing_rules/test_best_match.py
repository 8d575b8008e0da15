"""Best match: skills and language first, a shrunk win rate, a floor for newcomers, then the load."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.place import place
from routing_rules.roster import Load, PoolState
from routing_rules.strategies import CLOSE, match_of
from schemas.handover import Offer, Terms
from tests.factories import NOW, a_policy, a_team, a_waiting

FRENCH = {"languages": ["fr"]}
CLOUD = {"skills": ["cloud", "security"]}


def put(team: dict[str, Any], state: PoolState | None = None, lead: int = 1, **terms: Any) -> Offer:
    waiting = a_waiting(lead_id=lead, strategy="best_match", persona="it", terms=Terms(**terms))
    placed = place(waiting, a_team(**team), a_policy(), state or PoolState(), NOW)
    assert isinstance(placed, Offer)
    return placed


@pytest.mark.parametrize(
    "team, terms, picked",
    [
        ({"ben": CLOUD}, {"skills": ("cloud",)}, "ben"),
        ({"ben": FRENCH}, {"language": "fr"}, "ben"),
        ({"ann": {"skills": ["cloud"]}, "ben": CLOUD}, {"skills": ("cloud", "security")}, "ben"),
        (
            {"ann": {"skills": ["cloud"]}, "ben": FRENCH},
            {"skills": ("cloud", "security"), "language": "fr"},
            "ben",
        ),
        ({"cho": {"language": "en"}}, {"language": "en"}, "cho"),
    ],
)
def test_who_has_what_is_wanted(team: dict[str, Any], terms: dict[str, Any], picked: str) -> None:
    """Skills by their share, a language by whether it is spoken; the parts of the score are kept."""
    for lead in range(5):
        offer = put(team, lead=lead, **terms)
        assert offer.rep == picked
        parts = offer.considered[picked]
        assert parts["score"] == pytest.approx(
            parts["skills"] + parts["language"] + parts["win_rate"], abs=0.2
        )


def test_who_wins_such_leads_gets_them() -> None:
    """With equal skills the win rate with this very persona decides; with another persona it does not."""
    state = PoolState(records={("ben", "it"): (18, 6), ("ann", "it"): (4, 20), ("cho", "other"): (40, 0)})
    assert {put({}, state, lead).rep for lead in range(5)} == {"ben"}


def test_a_newcomer_has_the_pools_rate_and_gets_leads() -> None:
    """Nobody starts at zero: without outcomes a rep has the pool's rate, above who loses more than that."""
    state = PoolState(records={("ann", "it"): (30, 30), ("ben", "it"): (0, 60)}, loads={"ann": Load(open=4)})
    put({}, state)  # the best fills up
    offer = put({}, state, lead=2)
    assert offer.rep == "cho"
    pools_rate = 100 * (30 + 1) / (120 + 2)  # of all members, also of those who are full
    assert offer.considered["cho"]["win_rate"] == pytest.approx(pools_rate, abs=0.1)


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.01, 0.99))
def test_the_rate_lies_between_the_reps_own_and_the_pools(won: int, lost: int, pool_rate: float) -> None:
    """Shrinkage: few outcomes hardly move a rep, many speak for themselves."""
    rep = a_team().reps["ann"]
    rate = match_of(rep, Terms(), (won, lost), pool_rate)["win_rate"] / 100
    own = won / (won + lost) if won + lost else pool_rate
    assert min(own, pool_rate) - 0.001 <= rate <= max(own, pool_rate) + 0.001
    pull = 10 / (won + lost + 10)
    assert rate == pytest.approx(pull * pool_rate + (1 - pull) * own, abs=0.001)


def test_close_matches_go_by_load() -> None:
    """Within a few points it is the same: the one with fewer open leads gets it; further apart the match decides."""
    record: dict[tuple[str, str | None], tuple[int, int]] = {
        ("ann", "it"): (6, 5),
        ("ben", "it"): (5, 5),
        ("cho", "it"): (0, 12),
    }
    state = PoolState(loads={"ann": Load(open=3), "ben": Load(open=1)}, records=record)
    offer = put({}, state)
    scores = {rep: parts["score"] for rep, parts in offer.considered.items()}
    assert 0 < scores["ann"] - scores["ben"] <= CLOSE < scores["ann"] - scores["cho"]
    assert offer.rep == "ben"
