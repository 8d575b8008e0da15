"""Sharing: by weight, without favour, without flood or drought."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_rules.roster import Load, PoolState
from routing_rules.strategies import least_loaded, round_robin
from schemas.rulebook.team import Member

Weights = dict[str, int]
_WEIGHTS = st.lists(st.integers(1, 5), min_size=1, max_size=6).map(
    lambda all_: {f"rep_{n}": w for n, w in enumerate(all_)}
)


def members(weights: Weights, present: Iterable[str] | None = None) -> list[Member]:
    there = set(weights if present is None else present)
    return [Member(rep=rep, weight=weight) for rep, weight in weights.items() if rep in there]


def debts(weights: Weights, turns: Sequence[frozenset[str]]) -> dict[str, list[Fraction]]:
    """Return, after each turn, what each rep should have had by weight while present, less what they had."""
    state = PoolState()
    owed = dict.fromkeys(weights, Fraction(0))
    told: dict[str, list[Fraction]] = {rep: [Fraction(0)] for rep in weights}
    for lead, present in enumerate(turns):
        there = members(weights, present)
        for member in there:
            owed[member.rep] += Fraction(member.weight, sum(one.weight for one in there))
        owed[round_robin(there, state, lead).rep] -= 1
        for rep in weights:
            told[rep].append(owed[rep])
    return told


def furthest(told: dict[str, list[Fraction]]) -> tuple[Fraction, Fraction]:
    """Return the greatest debt since the count began, and the greatest in any window."""
    return max(abs(one) for all_ in told.values() for one in all_), max(
        max(all_) - min(all_) for all_ in told.values()
    )


@given(_WEIGHTS, st.integers(1, 60))
def test_shares_follow_the_weights(weights: Weights, turns: int) -> None:
    """Among reps who are always there: at most one turn off since the start, fewer than two in any window."""
    start, window = furthest(debts(weights, [frozenset(weights)] * turns))
    assert start <= 1
    assert window < 2


@st.composite
def presences(draw: st.DrawFn) -> tuple[Weights, list[frozenset[str]]]:
    """Draw a pool and a few shifts that take turns at random."""
    weights = draw(_WEIGHTS)
    shifts = draw(
        st.lists(st.frozensets(st.sampled_from(sorted(weights)), min_size=1), min_size=1, max_size=4)
    )
    runs = draw(st.lists(st.tuples(st.sampled_from(shifts), st.integers(1, 8)), max_size=12))
    return weights, [shift for shift, times in runs for _ in range(times)]


@given(presences())
@example(({"a": 1, "b": 1, "c": 100}, [frozenset("abc")] * 51 + [frozenset("ab")] * 40))
@example(({"a": 1, "b": 1, "c": 4}, [frozenset("abc")] * 4 + [frozenset("ab")] * 4))
def test_shares_follow_the_weights_of_who_is_there(case: tuple[Weights, list[frozenset[str]]]) -> None:
    """When others come and go, nobody pays for it: still within a turn and a half, and never a flood."""
    start, window = furthest(debts(*case))
    assert start <= 1.5
    assert window <= 2.5


@pytest.mark.parametrize("earlier", [0, 1, 7, 50, 501])
@pytest.mark.parametrize("weights", [{"old": 1, "older": 1}, {"old": 3, "older": 1}, {"old": 2, "older": 5}])
@pytest.mark.parametrize("weight", [1, 4])
def test_a_newcomer_gets_their_share_at_once(weights: Weights, earlier: int, weight: int) -> None:
    """However long the pool has shared: no flood to catch up, no drought to wait for."""
    state = PoolState()
    for lead in range(earlier):
        round_robin(members(weights), state, lead)
    all_ = {**weights, "new": weight}
    total = sum(all_.values())
    picks = [round_robin(members(all_), state, earlier + lead).rep for lead in range(total * 4)]
    assert abs(picks.count("new") - 4 * weight) <= 1
    assert abs(picks[:total].count("new") - weight) <= 1


@pytest.mark.parametrize("away", [1, 5, 60, 500])
def test_a_returner_neither_floods_nor_starves(away: int) -> None:
    """Turns missed while away are not caught up, and not held against anybody."""
    weights, state = {"ann": 1, "ben": 1, "cho": 1}, PoolState()
    for lead in range(10):
        round_robin(members(weights), state, lead)
    for lead in range(away):
        round_robin(members(weights, ["ben", "cho"]), state, lead)
    picks = [round_robin(members(weights), state, lead).rep for lead in range(9)]
    assert abs(picks.count("ann") - 3) <= 1
    assert "ann" in picks[:4]


@pytest.mark.parametrize(
    "names",
    [
        ("rep_1", "rep_2", "rep_3"),
        ("suzuki", "tanaka", "kimura"),
        ("a", "bb", "ccc"),
        ("x1", "x2", "x3", "x4", "x5"),
        ("first", "zlast"),
    ],
)
@pytest.mark.parametrize("pick", [round_robin, least_loaded])
def test_ties_favour_nobody(names: tuple[str, ...], pick: type) -> None:
    """On a day that begins even, the first lead goes to each of them equally often: no seniority, no alphabet."""
    even = members(dict.fromkeys(names, 1))
    got = Counter(pick(even, PoolState(), lead).rep for lead in range(3_000))
    fair = 3_000 / len(names)
    assert all(abs(got[name] - fair) < 6 * fair**0.5 for name in names), got


@given(_WEIGHTS, st.integers(0, 10**9))
def test_the_same_lead_goes_the_same_way(weights: Weights, lead: int) -> None:
    """A choice can be made again: no dice, and the order of the list is of no account."""
    for pick in (round_robin, least_loaded):
        assert pick(members(weights), PoolState(), lead) == pick(members(weights)[::-1], PoolState(), lead)


@pytest.mark.parametrize(
    "weights, loads, picked",
    [
        ({"a": 1, "b": 1}, {"a": (2, 2), "b": (1, 9)}, "b"),
        ({"a": 1, "b": 1}, {"a": (1, 3), "b": (1, 2)}, "b"),
        ({"a": 2, "b": 1}, {"a": (3, 0), "b": (2, 0)}, "a"),
        ({"a": 2, "b": 1}, {"a": (4, 0), "b": (1, 0)}, "b"),
        ({"a": 3, "b": 1}, {"a": (3, 3), "b": (1, 2)}, "a"),
        ({"a": 1, "b": 5}, {"a": (0, 9), "b": (1, 0)}, "a"),
        ({"a": 1, "b": 1, "c": 1}, {"a": (5, 5), "b": (4, 4), "c": (6, 0)}, "b"),
    ],
)  # fmt: skip
def test_the_least_loaded_for_their_weight(
    weights: Weights, loads: dict[str, tuple[int, int]], picked: str
) -> None:
    """Fewest open leads for the weight; then fewest today; who carries double may hold double."""
    state = PoolState(loads={rep: Load(*load) for rep, load in loads.items()})
    assert least_loaded(members(weights), state, 7).rep == picked


@given(_WEIGHTS, st.integers(1, 40))
def test_least_loaded_fills_by_weight(weights: Weights, rounds: int) -> None:
    """Filled from empty, open leads follow the weights to within one lead."""
    state = PoolState()
    for lead in range(rounds * sum(weights.values())):
        load = state.load(least_loaded(members(weights), state, lead).rep)
        load.open += 1
        load.today += 1
    assert {rep: state.load(rep).open for rep in weights} == {
        rep: rounds * weight for rep, weight in weights.items()
    }
