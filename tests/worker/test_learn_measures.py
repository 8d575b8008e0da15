"""The measures, held against scikit-learn's own; ties, resamples and bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from worker.learn import measuring
from worker.learn.measuring import Judge, Ranked

Cases = list[tuple[int, bool, int]]
CASES = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=4, max_size=60
).filter(lambda cases: {won for _, won, weight in cases if weight} == {True, False})


@given(CASES)
def test_rank_measures_equal_scikit_learns_with_ties_and_weights(cases: Cases) -> None:
    """AUC and average precision of a resample are those of the cases repeated."""
    scores = np.array([float(score) for score, _, _ in cases])
    won = np.array([float(hit) for _, hit, _ in cases])
    weights = np.array([[float(weight) for _, _, weight in cases]])
    up, down = Ranked.of(scores, won).groups(weights)
    assert measuring.auc(up, down)[0] == pytest.approx(roc_auc_score(won, scores, sample_weight=weights[0]))
    kept = weights[0] > 0
    expected = average_precision_score(won[kept], scores[kept], sample_weight=weights[0][kept])
    assert measuring.average_precision(up, down)[0] == pytest.approx(expected)


def test_lift_is_the_best_tenth_against_all() -> None:
    """Twenty cases, four won: two in the best two is a lift of five; all tied is a lift of one."""
    won = np.array([1.0, 1.0, 1.0, 1.0, *([0.0] * 16)])
    scores = np.arange(20, 0, -1).astype(float)
    ones = np.ones((1, 20))
    assert measuring.lift(*Ranked.of(scores, won).groups(ones))[0] == pytest.approx(5.0)
    assert measuring.lift(*Ranked.of(np.zeros(20), won).groups(ones))[0] == pytest.approx(1.0)
    half = np.array(
        [9.0] * 4 + [1.0] * 16
    )  # the best tenth is two of four tied cases, of which half were won
    mixed = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, *([0.0] * 14)])
    assert measuring.lift(*Ranked.of(half, mixed).groups(ones))[0] == pytest.approx(0.5 / 0.2)


def test_intervals_cover_the_value_and_the_same_seed_gives_the_same() -> None:
    """An interval lies around its value, is wider for fewer cases, and comes out the same again."""
    lots = np.random.default_rng(3)
    chances = lots.uniform(0, 1, 400)
    won = [bool(one) for one in lots.uniform(0, 1, 400) < chances]
    wide = measuring.estimate(Judge(won[:60], 1).samples(chances[:60], chances[:60])["auc"])
    one, two = (measuring.estimate(Judge(won, 1).samples(chances, chances)["auc"]) for _ in range(2))
    assert one == two
    assert one.low is not None
    assert one.high is not None
    assert one.value is not None
    assert one.low < one.value < one.high
    assert wide.high is not None
    assert wide.low is not None
    assert wide.high - wide.low > one.high - one.low


def test_equal_promises_share_a_bin() -> None:
    """One chance for all is one bin, whose error is the distance to the share won; two chances are two bins."""
    won = np.array([1.0, 0.0, 0.0, 0.0] * 25)
    (only,) = measuring.calibration_bins(np.full(100, 0.4), won)
    assert (only.leads, only.came) == (100, 0.25)
    judge = Judge([bool(one) for one in won], 1)
    flat = np.full(100, 0.4)
    assert judge.measures("flat", judge.samples(flat, flat), flat).ece == pytest.approx(0.15)
    two = measuring.calibration_bins(np.where(won == 1, 0.9, 0.1), won)
    assert [(one.leads, one.came) for one in two] == [(75, 0.0), (25, 1.0)]


def test_bins_hold_every_case_once_and_tell_a_bold_model() -> None:
    """Ten bins of equal count; chances pushed to the ends have a slope below one and a larger error."""
    lots = np.random.default_rng(4)
    chances = lots.uniform(0.05, 0.95, 2_000)
    won = [bool(one) for one in lots.uniform(0, 1, 2_000) < chances]
    bold = 1 / (1 + ((1 - chances) / chances) ** 3)
    judge = Judge(won, 1)
    fair, over = (judge.measures("x", judge.samples(given_, given_), given_) for given_ in (chances, bold))
    assert fair.slope is not None
    assert fair.slope == pytest.approx(1, abs=0.15)
    assert over.slope == pytest.approx(fair.slope / 3, abs=0.02)
    assert fair.ece is not None
    assert over.ece is not None
    assert over.ece > 2 * fair.ece
    bins = measuring.calibration_bins(chances, judge.won)
    assert sum(one.leads for one in bins) == 2_000
    assert [one.promised for one in bins] == sorted(one.promised for one in bins)
    assert all(one.low <= one.came <= one.high for one in bins)
