"""From cases to a scorecard and its honest report: split by time, fit, calibrate, judge on the newest part."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np

from routing_rules.learned import compile_card
from schemas.learned import Estimate, Measures, Report, Scorecard
from worker.learn import fitting
from worker.learn.measuring import RESAMPLES, Array, Judge, calibration_bins, estimate
from worker.learn.table import CALIBRATED, FITTED, LEAST_EACH, Table, require_enough, split

#: Name of another way to score, and what gives its probabilities on the hold-out.
Reference = tuple[str, Callable[[Table, Table], Array]]

MODEL: Final = "scorecard"
PREVALENCE: Final = "prevalence"
REFITTED: Final = "scorecard, refitted"
#: Share of all cases that is fitted on where the rest is calibrated on and the hold-out comes from elsewhere.
FITTED_OF_BEFORE: Final = FITTED / (FITTED + CALIBRATED)


def learn(
    table: Table,
    *,
    least_won: int = LEAST_EACH,
    held_out: Table | None = None,
    references: Sequence[Reference] = (),
    refit_every: int | None = None,
) -> tuple[Scorecard, Report]:
    """Fit on the older cases and judge on the newest.

    Args:
        table: cases, the oldest first.
        least_won: how many won cases it takes before the hold-out.
        held_out: cases kept elsewhere to judge on; then all of `table` is fitted and calibrated on.
        references: other models to judge on the same hold-out.
        refit_every: judge also what comes of fitting anew after every so many cases of the hold-out.

    Raises:
        TooLittle: with the numbers; nothing was fitted.

    """
    older, middle, newest = split(table)
    if held_out is not None:
        older, middle = _before(table)
        newest = held_out
    require_enough((older, middle), newest, least_won)
    fitted = fitting.fit(older, middle, newest)
    learned = compile_card(fitted.card)
    judge = Judge(newest.won, fitting.SEED)
    chances = np.array([learned.chance(row) for row in newest.rows])
    mine = judge.samples(chances, chances)
    others: list[Measures] = []
    gains: dict[str, Estimate] = {}
    if newest.rule:
        scores, promised = _rule_score(older, middle, newest)
        theirs = judge.samples(scores, promised)
        others.append(judge.measures(newest.rule_name, theirs, promised))
        gains = {name: estimate(mine[name] - theirs[name]) for name in ("auc", "average_precision")}
    before = np.array([*older.won, *middle.won], dtype=np.float64)
    flat = np.full(len(newest.won), before.mean())
    others.append(judge.measures(PREVALENCE, judge.samples(flat, flat), flat))
    if refit_every is not None:
        again = _refitted(fitting.joined(older, middle), newest, refit_every)
        others.append(judge.measures(REFITTED, judge.samples(again, again), again))
    for name, model in references:
        said = model(fitting.joined(older, middle), newest)
        others.append(judge.measures(name, judge.samples(said, said), said))
    return fitted.card, Report(
        data=table.name, target=table.target, fitted=fitted.card.fitted, calibrated=fitted.card.calibrated,
        held_out=fitted.card.held_out, fields=fitted.uses, strength=fitted.strength,
        calibrated_on=fitted.calibrated_on, model=judge.measures(MODEL, mine, chances), others=others,
        bins=calibration_bins(chances, judge.won), auc_gain=gains.get("auc"),
        ap_gain=gains.get("average_precision"), verdict=_verdict(fitted.card, gains.get("auc")),
        resamples=RESAMPLES, seed=fitting.SEED, notes=table.notes,
    )  # fmt: skip


def _before(table: Table) -> tuple[Table, Table]:
    """Split cases that are all before the hold-out: the older to fit on, the newer to calibrate on."""
    cut = round(len(table.rows) * FITTED_OF_BEFORE)
    return table.part(range(cut)), table.part(range(cut, len(table.rows)))


def _refitted(known: Table, newest: Table, every: int) -> Array:
    """Walk through the hold-out as one would in use: score a stretch, learn how it came out, fit anew.

    Each stretch is scored by a model that saw only what came before it. Outcomes are taken as known when the
    next stretch begins, which is sooner than in life.
    """
    said: list[float] = []
    for start in range(0, len(newest.rows), every):
        stretch = newest.part(range(start, min(start + every, len(newest.rows))))
        older, middle = _before(known)
        learned = compile_card(fitting.fit(older, middle, stretch).card)
        said += [learned.chance(row) for row in stretch.rows]
        known = fitting.joined(known, stretch)
    return np.array(said)


def _verdict(
    card: Scorecard, gain: Estimate | None
) -> Literal["better", "not shown to be better", "worse", "nothing learned", "no rule score"]:
    """Say plainly what the 95 % interval of the gain in AUC allows to say."""
    if not card.fields or not card.slope:
        return "nothing learned"
    if gain is None or gain.low is None or gain.high is None:
        return "no rule score"
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "not shown to be better"


def _rule_score(older: Table, middle: Table, newest: Table) -> tuple[Array, Array]:
    """Return the rule score of the hold-out, and probabilities that Platt's line makes of it.

    The score is the mean of its parts (fit and engagement), each as its rank among the fitted leads, so that
    neither outweighs the other by its unit. It is calibrated on the same cases as the model: what is compared
    is what the two know, and not who was put on a scale of chances.
    """
    line_on = middle if min(sum(middle.won), len(middle.won) - sum(middle.won)) > 0 else older
    ranks = [np.sort([row[part] for row in older.rule]) for part in range(len(older.rule[0]))]

    def score(table: Table) -> Array:
        columns = np.array(table.rule, dtype=np.float64)
        parts = [
            (np.searchsorted(known, columns[:, at], "left") + np.searchsorted(known, columns[:, at], "right"))
            / (2 * len(known))
            for at, known in enumerate(ranks)
        ]
        total: Array = np.mean(parts, axis=0)
        return total

    line = fitting.line(score(line_on), np.array(line_on.won, dtype=np.int64))
    scores = score(newest)
    promised: Array = line.predict_proba(scores.reshape(-1, 1))[:, 1]
    return scores, promised
