"""Turns: within one of the weights among those who stay, bounded whoever comes and goes, and undone exactly."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_rules.roster import PoolState
from routing_rules.strategies import round_robin
from routing_rules.turns import TURN, is_bounded, missed_share, shares_of
from schemas.rulebook.team import Member

Weights = dict[str, int]
#: What whole units may differ from exact shares over the turns of one test.
ROUNDING = Fraction(1, 1000)
_ANY_WEIGHTS = st.lists(st.integers(1, 100), min_size=2, max_size=10).map(
    lambda all_: {f"rep_{n}": weight for n, weight in enumerate(all_)}
)


def members(weights: Weights) -> list[Member]:
    return [Member(rep=rep, weight=weight) for rep, weight in weights.items()]


def debts(turns: Sequence[Weights]) -> list[dict[str, Fraction]]:
    """Return after each turn what each rep is owed: exact shares while present, less turns had."""
    state = PoolState()
    owed: dict[str, Fraction] = {}
    told: list[dict[str, Fraction]] = []
    for lead, there in enumerate(turns):
        total = sum(there.values())
        for rep, weight in there.items():
            owed[rep] = owed.get(rep, Fraction(0)) + Fraction(weight, total)
        owed[round_robin(members(there), state, lead).rep] -= 1
        told.append(dict(owed))
    return told


def spread(told: list[dict[str, Fraction]]) -> tuple[Fraction, Fraction]:
    """Return the greatest debt since the count began, and the greatest in any window of turns."""
    columns = [[Fraction(0), *(row.get(rep, Fraction(0)) for row in told)] for rep in told[-1]]
    return max(abs(one) for column in columns for one in column), max(
        max(column) - min(column) for column in columns
    )


@given(_ANY_WEIGHTS, st.integers(1, 150))
@example({f"r{n}": w for n, w in enumerate([100, 10, 3, 1, 37, 100, 2, 5, 100, 1, 10, 10])}, 150)
@example({f"r{n}": w for n, w in enumerate([100, 1, 3, 100, 1, 10, 1, 5, 1, 37, 1, 1])}, 150)
def test_among_those_who_stay_shares_are_within_one_turn(weights: Weights, turns: int) -> None:
    """Promise 7: with k who stay, nobody is further than 1 - 1/(2k - 2) of a turn from their weight, ever."""
    start, window = spread(debts([weights] * turns))
    bound = 1 - Fraction(1, 2 * (len(weights) - 1))
    assert start <= bound + ROUNDING
    assert window < 2


@st.composite
def comings_and_goings(draw: st.DrawFn) -> list[Weights]:
    """Draw who is there, and with what weight, anew for each turn."""
    weights = draw(_ANY_WEIGHTS)
    there = st.sets(st.sampled_from(sorted(weights)), min_size=1)
    changed = st.integers(1, 100)
    return [
        {rep: draw(changed) if draw(st.integers(0, 9)) == 0 else weights[rep] for rep in sorted(draw(there))}
        for _ in range(draw(st.integers(1, 40)))
    ]


@given(comings_and_goings())
def test_whoever_comes_and_goes_the_bound_holds(turns: list[Weights]) -> None:
    """With n who ever took part and any change of presence or weight: at most (n - 1)/2 turns, as proved."""
    told = debts(turns)
    n = len(told[-1])
    assert spread(told)[0] <= Fraction(n - 1, 2) + ROUNDING
    assert all(is_bounded({rep: round(debt * TURN) for rep, debt in row.items()}) for row in told)


@pytest.mark.parametrize("n", [3, 5, 7, 9])
def test_no_method_can_keep_one_turn_when_two_at_a_time_are_there(n: int) -> None:
    """Why the bound with comings and goings is not one turn: call in two who are owed the same, again and again.

    Whoever of the two is chosen, they part by a turn; in the end all n differ, so somebody is (n - 1)/4 away.
    """
    state = PoolState(credit={f"rep_{one}": 0 for one in range(n)})
    for lead in range(10_000):
        by_debt: dict[int, list[str]] = {}
        for rep, units in state.credit.items():
            by_debt.setdefault(units, []).append(rep)
        same = next((reps for reps in by_debt.values() if len(reps) > 1), None)
        if same is None:
            break
        round_robin(members(dict.fromkeys(same[:2], 1)), state, lead)
    furthest = Fraction(max(abs(units) for units in state.credit.values()), TURN)
    assert Fraction(n - 1, 4) <= furthest <= Fraction(n - 1, 2)


@given(_ANY_WEIGHTS, st.integers(0, 2**64 - 1))
def test_a_turn_is_parted_whole(weights: Weights, draw: int) -> None:
    """Shares sum to one turn exactly, each within one unit of its due, whatever the order of the list."""
    shares = shares_of(members(weights), weights, draw)
    total = sum(weights.values())
    assert sum(shares.values()) == TURN
    assert all(abs(shares[rep] - Fraction(TURN * weight, total)) < 1 for rep, weight in weights.items())
    assert shares == shares_of(members(weights)[::-1], weights, draw)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_what_does_not_come_out_even_favours_nobody(all_: list[int]) -> None:
    """Over all draws each rep gets their exact share: rounding never adds up, however many turns."""
    weights = {f"rep_{n}": weight for n, weight in enumerate(all_)}
    total = sum(all_)
    sums = dict.fromkeys(weights, 0)
    for draw in range(total):
        for rep, share in shares_of(members(weights), weights, draw).items():
            sums[rep] += share
    assert sums == {rep: TURN * weight for rep, weight in weights.items()}


def test_who_makes_up_counts_double_and_no_more() -> None:
    """Three missed turns are made up at double pace, the others' shares sink evenly, and then all is as before."""
    weights = {"ann": 1, "ben": 1, "cho": 1}
    state = PoolState(makeup={"ann": 3 * TURN})
    picks: list[str] = []
    while state.makeup["ann"] > 0:
        picks.append(round_robin(members(weights), state, len(picks)).rep)
    # a double weight of 2 in 4 instead of 1 in 3 makes up a sixth of a turn each time
    assert len(picks) == pytest.approx(18, abs=1)
    assert picks.count("ann") == pytest.approx(len(picks) / 2, abs=1)
    assert ["ann"] * 3 not in [picks[at : at + 3] for at in range(len(picks))]
    after = [round_robin(members(weights), state, 100 + lead).rep for lead in range(30)]
    assert {rep: after.count(rep) for rep in weights} == pytest.approx(dict.fromkeys(weights, 10), abs=1)


@given(_ANY_WEIGHTS, st.integers(1, 30))
def test_an_undone_turn_never_was(weights: Weights, turns: int) -> None:
    """Taking shares back and giving the turn back leaves the credit of before, for everybody."""
    state = PoolState(credit=dict.fromkeys(weights, 0))
    for lead in range(turns):
        before = dict(state.credit)
        choice = round_robin(members(weights), state, lead)
        undone = {rep: state.credit[rep] - choice.shares[rep] for rep in weights}
        undone[choice.rep] += sum(choice.shares.values())
        assert undone == before


def test_the_absent_are_told_what_they_missed() -> None:
    """A share of the turn as if they had been there, and the turn itself is not changed by it."""
    there = members({"ann": 1, "ben": 2})
    choice = round_robin(there, PoolState(), 1, [Member(rep="cho", weight=3)])
    assert choice.missed == {"cho": TURN // 2}
    assert set(choice.shares) == {"ann", "ben"}
    assert missed_share(1, 2) == TURN // 3
