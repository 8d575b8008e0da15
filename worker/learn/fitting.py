"""Fit a scorecard: a penalised logistic regression (scikit-learn) on the oldest part, calibrated on the next.

Nothing here sees the hold-out. With the same cases and seed the same scorecard comes out, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from schemas.learned import FEATURES, FieldUse, Scorecard, sealed
from worker.learn.table import LEAST_HELD_OUT, Table
from worker.learn.vocabulary import Field, Matrix, chosen, matrix, vocabulary

#: Penalties tried (scikit-learn's C: smaller is stronger), the strongest first.
STRENGTHS: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS: Final = 5
#: Kept in the document: nothing here draws lots but the bootstrap and the reference models.
SEED: Final = 20_261_124


@dataclass(slots=True)
class Fitted:
    """The scorecard, and scikit-learn's own models that it must equal."""

    card: Scorecard
    uses: list[FieldUse]
    fields: list[Field]
    strength: float
    calibrated_on: Literal["own part", "cross-fitted"]
    model: Any
    calibration: Any

    def own_probabilities(self, table: Table) -> Matrix:
        """Return what scikit-learn's models say, to compare the scorecard with."""
        scores = self.model.decision_function(matrix(self.fields, table)).reshape(-1, 1)
        said: Matrix = self.calibration.predict_proba(scores)[:, 1]
        return said


@dataclass(frozen=True, slots=True)
class _Line:
    """A calibration: slope and offset; it speaks as scikit-learn's models do."""

    slope: float
    offset: float

    def predict_proba(self, scores: Matrix) -> Matrix:
        """Return the probabilities of both outcomes."""
        won = 1 / (1 + np.exp(-(self.offset + self.slope * scores[:, 0])))
        return np.stack([1 - won, won], axis=1)


def fit(older: Table, middle: Table, held_out: Table) -> Fitted:
    """Fit and calibrate.

    Args:
        older: the cases to fit on.
        middle: the cases to calibrate on; with fewer than 20 of either outcome they are fitted on, too, and
            the calibration is cross-fitted.
        held_out: the cases that the report will use; only their window is read.

    """
    calibrated_on: Literal["own part", "cross-fitted"] = "own part"
    fitted_on, calibrated = older, middle
    if min(sum(middle.won), len(middle.won) - sum(middle.won)) < LEAST_HELD_OUT:
        calibrated_on, fitted_on = "cross-fitted", joined(older, middle)
        calibrated = fitted_on
    fields, uses = chosen(fitted_on, vocabulary(fitted_on))
    columns = matrix(fields, fitted_on)
    won = np.array(fitted_on.won, dtype=np.int64)
    strength, out_of_fold = _strength(columns, won)
    model = _logistic(strength).fit(*_never_empty(columns, won))
    if calibrated_on == "own part":
        scores = model.decision_function(_wide(matrix(fields, middle)))
        calibration = line(scores, np.array(middle.won, dtype=np.int64))
    else:
        calibration = line(out_of_fold, won)
    if not fields:
        calibration = _Line(1.0, calibration.offset + (calibration.slope - 1.0) * float(model.intercept_[0]))
    card = sealed(
        features=FEATURES, rulebook_version=fitted_on.rulebook_version,
        rulebook_digest=fitted_on.rulebook_digest, target=fitted_on.target,
        intercept=float(model.intercept_[0]), fields=_exported(fields, model.coef_[0], columns),
        slope=calibration.slope, offset=calibration.offset,
        fitted=fitted_on.window(), calibrated=calibrated.window(), held_out=held_out.window(), seed=SEED,
    )  # fmt: skip
    return Fitted(card, uses, fields, strength, calibrated_on, model, calibration)


def joined(one: Table, two: Table) -> Table:
    """Return the cases of both."""
    return Table(
        one.name, one.target, one.rows + two.rows, one.won + two.won, one.when + two.when, one.rule + two.rule,
        one.rule_name, one.rulebook_version, one.rulebook_digest, one.notes,
    )  # fmt: skip


def _exported(fields: Sequence[Field], coefficients: Matrix, columns: Matrix) -> list[Any]:
    made, at = [], 0
    for field in fields:
        mine = slice(at, at + field.width)
        made.append(field.export(coefficients[mine], columns[:, mine]))
        at += field.width
    return made


def _logistic(strength: float) -> Any:
    return LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-8, max_iter=500)


def _wide(columns: Matrix) -> Matrix:
    """Give a matrix without columns one of zeros: scikit-learn wants something to multiply."""
    return columns if columns.shape[1] else np.zeros((len(columns), 1))


def _never_empty(columns: Matrix, won: Any) -> tuple[Matrix, Any]:
    return _wide(columns), won


def _strength(columns: Matrix, won: Any) -> tuple[float, Matrix]:
    """Return the penalty with the best log-likelihood over folds, and the log-odds out of fold under it.

    Folds are runs of time within each outcome: a case and its twin of the next minute stay together.
    """
    wide = _wide(columns)
    folds = list(StratifiedKFold(FOLDS).split(wide, won))
    best: tuple[float, float, Matrix] | None = None
    for strength in STRENGTHS:
        scores = np.zeros(len(won))
        for inside, outside in folds:
            scores[outside] = (
                _logistic(strength).fit(wide[inside], won[inside]).decision_function(wide[outside])
            )
        loss = float(np.logaddexp(0, -scores * (2 * won - 1)).mean())
        if best is None or loss < best[0] - 1e-6:
            best = (loss, strength, scores)
    assert best is not None  # noqa: S101 - STRENGTHS is not empty
    return best[1], best[2]


def line(scores: Matrix, won: Any) -> Any:
    """Fit Platt's line of log-odds on scores; a line that would turn the order round is laid flat.

    Platt (1999) with his targets of (n + 1) / (n + 2): few cases give no certainty.
    """
    up, down = int(won.sum()), int(len(won) - won.sum())
    high, low = (up + 1) / (up + 2), 1 / (down + 2)
    # Soft targets as weights: each case counts for its outcome by `high`, and a little for the other.
    both = np.concatenate([scores, scores]).reshape(-1, 1)
    labels = np.concatenate([np.ones(len(won)), np.zeros(len(won))])
    ones = np.where(won == 1, high, low)
    weights = np.concatenate([ones, 1 - ones])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=500)
    flat = _Line(0.0, float(np.log((up + 1) / (down + 1))))
    if np.ptp(scores) < 1e-9:  # noqa: PLR2004 - one score for all
        return flat
    model.fit(both, labels, sample_weight=weights)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return _Line(slope, offset) if slope > 0 else flat
