"""How well a score did: rank, lift and calibration, with bootstrap intervals on the same resamples for all.

Weighted forms, so that a resample is a vector of counts and ties are treated as ties: AUC by Mann-Whitney,
average precision as scikit-learn defines it, and the lift of the best tenth with the tied cases shared out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from routing_rules.wilson import wilson
from schemas.learned import CalibrationBin, Estimate, Measures

Array = npt.NDArray[np.float64]

#: Resamples of each interval.
RESAMPLES: Final = 1_000
TENTH: Final = 0.1
BINS: Final = 10
#: Promises whose log-odds spread less than this (odds within 5 %) have no slope to speak of.
LEAST_SPREAD: Final = 0.05
_CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Ranked:
    """Cases from the best score down; tied cases form one group."""

    order: Any
    starts: Any
    won: Array

    @classmethod
    def of(cls, scores: Array, won: Array) -> "Ranked":
        """Sort once; every resample uses the same order."""
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        return cls(order, starts, won[order])

    def groups(self, weights: Array) -> tuple[Array, Array]:
        """Return for each group of ties what was won and what was not; one row for each resample."""
        mine = weights[:, self.order]
        up = np.add.reduceat(mine * self.won, self.starts, axis=1)
        return up, np.add.reduceat(mine, self.starts, axis=1) - up


def auc(up: Array, down: Array) -> Array:
    """Return the share of pairs in the right order; a tie counts half."""
    below = down.sum(axis=1, keepdims=True) - np.cumsum(down, axis=1)
    pairs = up.sum(axis=1) * down.sum(axis=1)
    return _ratio((up * (below + down / 2)).sum(axis=1), pairs)


def average_precision(up: Array, down: Array) -> Array:
    """Return the mean of precision over recall's steps."""
    hits, seen = np.cumsum(up, axis=1), np.cumsum(up + down, axis=1)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return _ratio((up * precision).sum(axis=1), up.sum(axis=1))


def lift(up: Array, down: Array) -> Array:
    """Return the share won in the best tenth over the share won in all."""
    count = up + down
    total = count.sum(axis=1, keepdims=True)
    room = np.clip(TENTH * total - (np.cumsum(count, axis=1) - count), 0, count)
    taken = np.divide(up * room, count, out=np.zeros_like(up), where=count > 0).sum(axis=1)
    return _ratio(taken / TENTH, up.sum(axis=1))


def _ratio(above: Array, under: Array) -> Array:
    ratio: Array = np.divide(above, under, out=np.full(len(above), np.nan), where=under > 0)
    return ratio


RANK_MEASURES: Final[dict[str, Callable[[Array, Array], Array]]] = {
    "auc": auc, "average_precision": average_precision, "lift": lift,
}  # fmt: skip


class Judge:
    """Judges scores on one hold-out, all of them on the same resamples."""

    def __init__(self, won: list[bool], seed: int) -> None:
        """Draw the resamples: how often each case is in each."""
        self.won = np.array(won, dtype=np.float64)
        self._generator_seed = seed
        self._plain = np.ones((1, len(won)))

    def _resamples(self) -> Any:
        generator = np.random.default_rng(self._generator_seed)
        count = len(self.won)
        for _ in range(RESAMPLES // _CHUNK):
            draws = generator.integers(0, count, size=(_CHUNK, count))
            yield np.stack([np.bincount(row, minlength=count) for row in draws]).astype(np.float64)

    def samples(self, scores: Array, probabilities: Array | None) -> dict[str, Array]:
        """Return each measure: the value first, then one for each resample."""
        ranked = Ranked.of(scores, self.won)
        loss = None if probabilities is None else (probabilities - self.won) ** 2
        found: dict[str, list[Array]] = {name: [] for name in (*RANK_MEASURES, "brier")}
        for weights in (self._plain, *self._resamples()):
            up, down = ranked.groups(weights)
            for name, measure in RANK_MEASURES.items():
                found[name].append(measure(up, down))
            if loss is not None:
                found["brier"].append(weights @ loss / weights.sum(axis=1))
        return {name: np.concatenate(parts) for name, parts in found.items() if parts}

    def measures(self, name: str, samples: dict[str, Array], probabilities: Array | None) -> Measures:
        """Put the figures together."""
        slope, intercept = (None, None) if probabilities is None else _cox(probabilities, self.won)
        return Measures(
            name=name, probabilities=probabilities is not None,
            auc=estimate(samples["auc"]), average_precision=estimate(samples["average_precision"]),
            lift=estimate(samples["lift"]),
            brier=estimate(samples["brier"]) if "brier" in samples else Estimate(),
            slope=slope, intercept=intercept,
            ece=None if probabilities is None else _ece(calibration_bins(probabilities, self.won)),
        )  # fmt: skip


def estimate(samples: Array) -> Estimate:
    """Return the value and the 95 % percentile interval of its resamples."""
    drawn = samples[1:][np.isfinite(samples[1:])]
    if not np.isfinite(samples[0]) or not len(drawn):
        return Estimate()
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value=float(samples[0]), low=float(low), high=float(high))


def calibration_bins(probabilities: Array, won: Array) -> list[CalibrationBin]:
    """Return ten bins of about equal count, the lowest promise first; equal promises are never torn apart."""
    promises, where, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - counts / 2
    bin_of = np.minimum((middles * BINS / len(probabilities)).astype(np.int64), BINS - 1)[where.reshape(-1)]
    found = []
    for number in range(BINS if len(promises) else 0):
        rows = np.flatnonzero(bin_of == number)
        if not len(rows):
            continue
        hits = int(won[rows].sum())
        low, high = wilson(hits, len(rows))
        promised = min(1.0, max(0.0, float(probabilities[rows].mean())))
        found.append(
            CalibrationBin(leads=len(rows), promised=promised, came=hits / len(rows), low=low, high=high)
        )
    return found


def _ece(bins: list[CalibrationBin]) -> float:
    """Return the mean distance of promise and outcome (Naeini et al. 2015)."""
    total = sum(one.leads for one in bins)
    return sum(one.leads * abs(one.promised - one.came) for one in bins) / total


def _cox(probabilities: Array, won: Array) -> tuple[float | None, float | None]:
    """Return slope and intercept of the recalibration line (Cox 1958); None where the promises hardly differ."""
    safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
    scores = np.log(safe / (1 - safe))
    if scores.std() < LEAST_SPREAD or len(np.unique(won)) < 2:  # noqa: PLR2004
        return None, None
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8, max_iter=500)
    model.fit(scores.reshape(-1, 1), won.astype(np.int64))
    return float(model.coef_[0, 0]), float(model.intercept_[0])
