"""The fit on cases whose truth is known: it finds it, promises what comes true, and refuses what cannot be learned."""

import math
from dataclasses import replace

import numpy as np
import pytest

from routing_rules.learned import compile_card
from schemas.learned import NumberWeights, read_scorecard
from tests.learned import a_table, true_chance
from worker.learn import fitting, references
from worker.learn.reporting import PREVALENCE, REFITTED, learn
from worker.learn.table import LEAST_EACH, LEAST_HELD_OUT, TooLittle, split

MANY = 4_000


def test_scorecard_equals_scikit_learns_own_probabilities() -> None:
    """The JSON, scored in plain Python, says what scikit-learn's two models say, on cases they never saw."""
    older, middle, newest = split(a_table(MANY))
    fitted = fitting.fit(older, middle, newest)
    assert fitted.calibrated_on == "own part"
    card = read_scorecard(fitted.card.model_dump(mode="json"))
    mine = [compile_card(card).chance(row) for row in newest.rows]
    assert np.abs(mine - fitted.own_probabilities(newest)).max() < 1e-9
    assert len({round(one, 6) for one in mine}) > 10


def test_the_truth_is_found_and_promised_rightly() -> None:
    """The chances are near the true ones, noise is left out, and the calibration is within its bounds."""
    table = a_table(MANY)
    card, report = learn(table)
    assert {field.name for field in card.fields} == {"employees", "source"}
    learned = compile_card(card)
    _, _, newest = split(table)
    errors = [abs(learned.chance(row) - true_chance(row)) for row in newest.rows]
    assert sum(errors) / len(errors) < 0.04
    assert report.model.slope is not None
    assert 0.7 < report.model.slope < 1.3
    assert report.model.ece is not None
    assert report.model.ece < 0.06
    best = np.array([true_chance(row) for row in newest.rows])
    ideal = ((best - np.array(newest.won)) ** 2).mean()
    assert report.model.brier.value is not None
    assert ideal - 0.005 < report.model.brier.value < ideal + 0.01
    by_name = {field.name: field for field in card.fields}
    size = by_name["employees"]
    assert isinstance(size, NumberWeights)
    assert size.weights == sorted(size.weights), "more people never count less here"


def test_it_is_compared_with_the_rule_score_on_the_same_cases() -> None:
    """Better where it is better; a rule score that holds the truth is not beaten, and that is said, too."""
    table = a_table(MANY)
    _, report = learn(table)
    assert report.verdict == "better"
    assert report.auc_gain is not None
    assert report.auc_gain.low is not None
    assert report.auc_gain.low > 0
    told = {one.name: one for one in report.others}
    assert report.auc_gain.value == pytest.approx(
        (report.model.auc.value or 0) - (told["bigger first"].auc.value or 0)
    )
    assert told[PREVALENCE].auc.value == 0.5
    perfect = replace(table, rule=[(true_chance(row),) for row in table.rows])
    assert learn(perfect)[1].verdict == "not shown to be better"


def test_a_score_that_knows_more_makes_the_model_worse() -> None:
    """The verdict can be bad: against a score that knows the outcome the model loses, and says so."""
    table = a_table(MANY)
    told = replace(table, rule=[(float(won),) for won in table.won])
    assert learn(told)[1].verdict == "worse"


def test_where_nothing_is_to_be_learned_nothing_is() -> None:
    """Without truth in the fields every lead gets the share won, and the verdict says so."""
    table = a_table(MANY, truth=False)
    card, report = learn(table)
    assert report.verdict == "nothing learned"
    older, middle, newest = split(table)
    chances = {compile_card(card).chance(row) for row in newest.rows}
    assert len(chances) == 1
    assert chances.pop() == pytest.approx(sum(middle.won) / len(middle.won), abs=0.01)
    assert [use.why for use in report.fields] == ["chance"] * len(report.fields)
    assert len(older.rows) > len(newest.rows) > len(middle.rows)


def test_few_cases_are_cross_fitted_and_weights_are_rationed() -> None:
    """With few cases the middle is fitted on, too, and no more weights are taken than ten cases each allow."""
    table = a_table(320, seed=5)
    card, report = learn(table)
    assert report.calibrated_on == "cross-fitted"
    rarer = min(card.fitted.won, card.fitted.leads - card.fitted.won)
    assert sum(use.weights for use in report.fields if use.used) <= rarer // 10
    assert card.fitted.leads == round(320 * 0.75)


def test_the_same_cases_give_the_same_scorecard_and_report() -> None:
    """Nothing depends on lots that are not written down."""
    one, two = learn(a_table(800)), learn(a_table(800))
    assert one[0] == two[0]
    assert one[1] == two[1]


def test_the_hold_out_cannot_change_the_model() -> None:
    """Other outcomes in the newest part: another report, the same weights."""
    table = a_table(1_200)
    newest = round(len(table.won) * 0.75)
    other = replace(table, won=[*table.won[:newest], *(not won for won in table.won[newest:])])
    (card, report), (card_2, report_2) = learn(table), learn(other)
    assert card_2.fields == card.fields
    assert (card_2.slope, card_2.offset, card_2.intercept) == (card.slope, card.offset, card.intercept)
    assert report_2.model.auc.value == pytest.approx(1 - (report.model.auc.value or 0))


def test_too_little_is_refused_with_what_it_takes() -> None:
    """One won case too few before the hold-out, or in it: refused with the numbers; with it, fitted."""
    table = a_table(600)
    older = round(600 * 0.75)
    enough = [place < LEAST_EACH or older <= place < older + LEAST_HELD_OUT for place in range(600)]
    for missing, name in ((0, "won"), (older, "held_out_won")):
        short = [won and place != missing for place, won in enumerate(enough)]
        with pytest.raises(TooLittle) as refused:
            learn(replace(table, won=short))
        least = LEAST_EACH if name == "won" else LEAST_HELD_OUT
        assert refused.value.counts[name] == least - 1
        assert f"{least - 1} " in str(refused.value)
    learn(replace(table, won=enough))
    with pytest.raises(TooLittle):
        learn(replace(table, won=enough), least_won=LEAST_EACH + 1)


def test_a_leak_is_what_makes_a_model_too_good() -> None:
    """What is known only afterwards would lift the AUC to 1: so it must never be among the features."""
    table = a_table(1_200)
    leaky = replace(
        table,
        rows=[
            row | {"contract": "yes" if won else "no"} for row, won in zip(table.rows, table.won, strict=True)
        ],
    )
    assert learn(leaky)[1].model.auc.value == pytest.approx(1.0)
    assert (learn(table)[1].model.auc.value or 1) < 0.85


def test_reference_models_judge_the_same_cases() -> None:
    """Both references are fitted before the hold-out and promise probabilities."""
    table = a_table(1_500)
    _, report = learn(table, references=references.REFERENCES)
    for name, _ in references.REFERENCES:
        one = next(other for other in report.others if other.name == name)
        assert one.auc.value is not None
        assert one.auc.value > 0.6
        assert one.brier.value is not None


def test_calibration_never_turns_the_order_round() -> None:
    """Scores that point the wrong way get one chance for all, and not their mirror image."""
    scores = np.linspace(-2, 2, 200)
    won = (scores < 0).astype(np.int64)
    line = fitting.line(scores, won)
    assert line.slope == 0
    assert line.offset == pytest.approx(math.log(101 / 101))
    assert fitting.line(-scores, won).slope > 1


def test_fitting_anew_follows_a_market_that_turns() -> None:
    """Where the past misleads, the frozen model fails; fitted anew as outcomes come it recovers, and sees no future."""
    table = a_table(2_400)
    turned = a_table(800, seed=9)
    turned = replace(turned, won=[not won for won in turned.won])
    _, report = learn(table, held_out=turned, refit_every=200)
    again = next(one for one in report.others if one.name == REFITTED)
    assert (report.model.auc.value or 1) < 0.5
    assert (again.brier.value or 1) < (report.model.brier.value or 0)
    _, whole = learn(table, held_out=turned, refit_every=800)
    assert next(one for one in whole.others if one.name == REFITTED).auc == whole.model.auc
