"""Which values each field tells apart, worked out on the fitted part alone, and the matrix that follows.

A number is cut into bins of about equal count, and column `k` says "at least edge k": so the penalty pulls neighbouring bins
together, and few cases make smooth steps. A word has a column for each value that is frequent enough, one
for all others, and "not known" is a value of its own.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from schemas.learned import FieldUse, NumberWeights, Value, WordWeights
from worker.learn.table import EVENTS_PER_WEIGHT, Table

Matrix = npt.NDArray[np.float64]

#: A number is cut into at most so many bins.
MOST_BINS: Final = 8
#: A bin or a word needs so many cases, and so large a share, to have a weight of its own.
LEAST_CASES: Final = 20
LEAST_SHARE: Final = 0.005
#: Edges are rounded to so many significant digits: people read them.
DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class NumberField:
    """A number and its edges."""

    name: str
    edges: tuple[float, ...]
    has_unknown: bool

    @property
    def width(self) -> int:
        """Return how many columns it takes."""
        return len(self.edges) + self.has_unknown

    def columns(self, values: Sequence[Value]) -> Matrix:
        """Return its columns: at least edge k, and last "not known"."""
        column = np.array([v if isinstance(v, int | float) else math.nan for v in values], dtype=np.float64)
        parts = [column >= edge for edge in self.edges]
        if self.has_unknown:
            parts.append(~np.isfinite(column))
        return np.stack(parts, axis=1).astype(np.float64)

    def export(self, coefficients: Matrix, columns: Matrix) -> NumberWeights:
        """Turn coefficients into the weight of each bin."""
        steps = np.concatenate([[0.0], np.cumsum(coefficients[: len(self.edges)])])
        mean = float((columns @ coefficients).mean())
        return NumberWeights(
            name=self.name, edges=list(self.edges), weights=[float(one) for one in steps],
            unknown=float(coefficients[-1]) if self.has_unknown else mean, mean=mean,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WordField:
    """A word and the values it tells apart."""

    name: str
    words: tuple[str, ...]
    has_other: bool
    has_unknown: bool

    @property
    def width(self) -> int:
        """Return how many columns it takes."""
        return len(self.words) + self.has_other + self.has_unknown

    def columns(self, values: Sequence[Value]) -> Matrix:
        """Return its columns: one for each word, then "other", then "not known"."""
        place = {word: index for index, word in enumerate(self.words)}
        made = np.zeros((len(values), self.width))
        for row, value in enumerate(values):
            at = place.get(value) if isinstance(value, str) else None
            if at is not None:
                made[row, at] = 1.0
            elif isinstance(value, str):
                if self.has_other:
                    made[row, len(self.words)] = 1.0
            elif self.has_unknown:
                made[row, -1] = 1.0
        return made

    def export(self, coefficients: Matrix, columns: Matrix) -> WordWeights:
        """Turn coefficients into the weight of each word; what was never there counts as the average."""
        mean = float((columns @ coefficients).mean())
        return WordWeights(
            name=self.name,
            weights={word: float(coefficients[at]) for at, word in enumerate(self.words)},
            other=float(coefficients[len(self.words)]) if self.has_other else mean,
            unknown=float(coefficients[-1]) if self.has_unknown else mean,
            mean=mean,
        )


Field = NumberField | WordField


def vocabulary(table: Table) -> list[Field]:
    """Return the fields that tell at least two cases apart."""
    names = list(dict.fromkeys(name for row in table.rows for name in row))
    least = max(LEAST_CASES, math.ceil(LEAST_SHARE * len(table.rows)))
    found: list[Field] = []
    for name in names:
        values = [row.get(name) for row in table.rows]
        unknown = sum(value is None for value in values) >= least
        if any(isinstance(value, str) for value in values):
            made: Field | None = _word_field(name, values, least, has_unknown=unknown)
        else:
            made = _number_field(name, values, least, has_unknown=unknown)
        if made is not None:
            found.append(made)
    return found


def _number_field(name: str, values: Sequence[Value], least: int, *, has_unknown: bool) -> Field | None:
    known = np.array([value for value in values if isinstance(value, int | float)], dtype=np.float64)
    if len(known) < 2 * least:
        return NumberField(name, (), has_unknown=True) if has_unknown and len(known) >= least else None
    cuts = np.unique([_rounded(float(value)) for value in np.unique(known)])
    below = np.searchsorted(np.sort(known), cuts)
    edges: list[float] = []
    passed = 0
    for cut, under in zip(cuts, below, strict=True):
        left = len(known) - passed
        wanted = max(least, left / max(1, MOST_BINS - len(edges)))
        if len(edges) < MOST_BINS - 1 and under - passed >= wanted and len(known) - under >= least:
            edges.append(float(cut))
            passed = int(under)
    if not edges and not has_unknown:
        return None
    return NumberField(name, tuple(edges), has_unknown)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _word_field(name: str, values: Sequence[Value], least: int, *, has_unknown: bool) -> Field | None:
    counts = Counter(value for value in values if isinstance(value, str))
    words = tuple(sorted(word for word, count in counts.items() if count >= least))
    has_other = sum(count for word, count in counts.items() if word not in words) >= least
    if len(words) + has_other + has_unknown < 2:  # noqa: PLR2004 - one value tells nothing
        return None
    return WordField(name, words, has_other, has_unknown)


def chosen(table: Table, fields: Sequence[Field]) -> tuple[list[Field], list[FieldUse]]:
    """Choose the fields that earn their weights, the best first, within ten cases of the rarer outcome a weight.

    The gain of a field is its likelihood ratio, less Akaike's penalty of one for each weight (Akaike 1974), on
    the fitted part only. What gains nothing alone is asked once more on top of those chosen: a field may tell
    something only beside another.
    """
    won = np.array(table.won, dtype=np.float64)
    rarer = int(min(won.sum(), len(won) - won.sum()))
    groups = {field.name: _groups(field, table) for field in fields}
    used: list[Field] = []
    uses: dict[str, FieldUse] = {}
    start = np.full(len(won), math.log(max(won.mean(), 1e-9) / max(1 - won.mean(), 1e-9)))
    for log_odds in (lambda: start, lambda: _log_odds(used, table, won)):
        known = log_odds()
        gains = {name: _gain(where, known, won) for name, where in groups.items() if not _is_used(uses, name)}
        for field in sorted(fields, key=lambda one: (-gains.get(one.name, 0.0), one.name)):
            if field.name in gains:
                uses[field.name] = _use(field, gains[field.name], used, rarer)
                if uses[field.name].used:
                    used.append(field)
    used.sort(key=lambda one: one.name)
    return used, sorted(uses.values(), key=lambda one: (not one.used, -one.gain, one.name))


def _is_used(uses: dict[str, FieldUse], name: str) -> bool:
    return name in uses and uses[name].used


def _use(field: Field, gain: float, used: Sequence[Field], rarer: int) -> FieldUse:
    """Decide on one field by its gain and by the weights that are left."""
    weights = _weights(field)
    left = rarer // EVENTS_PER_WEIGHT - sum(_weights(one) for one in used)
    why: Literal["", "chance", "room"] = "chance" if gain <= 0 else "room" if weights > left else ""
    return FieldUse(name=field.name, used=not why, weights=weights, gain=round(gain, 2), why=why)


def _weights(field: Field) -> int:
    """Return how many weights are free: the columns of a word add up to one, and the last says nothing new."""
    return field.width - isinstance(field, WordField)


def _groups(field: Field, table: Table) -> npt.NDArray[np.int64]:
    """Return for each case the number of its group: the cases that the field does not tell apart."""
    columns = field.columns([row.get(field.name) for row in table.rows]).astype(np.int8)
    _, where = np.unique(columns, axis=0, return_inverse=True)
    return where.reshape(-1).astype(np.int64)


def _log_odds(used: Sequence[Field], table: Table, won: Matrix) -> Matrix:
    """Return what the fields chosen so far say, with hardly any penalty."""
    columns = matrix(used, table)
    if not columns.shape[1]:
        return np.full(len(won), math.log(max(won.mean(), 1e-9) / max(1 - won.mean(), 1e-9)))
    model = LogisticRegression(C=10.0, solver="newton-cholesky", tol=1e-6, max_iter=200)
    said: Matrix = model.fit(columns, won.astype(np.int64)).decision_function(columns)
    return said


def _gain(where: npt.NDArray[np.int64], log_odds: Matrix, won: Matrix) -> float:
    """Return what is gained in log-likelihood by shifting each group's log-odds, less one for each weight.

    A group of one outcome only would be shifted without end: shifts stop at 6, odds of 400.
    """
    count = int(where.max()) + 1
    shift = np.zeros(count)
    for _ in range(12):  # Newton's steps, each group by itself
        chance = 1 / (1 + np.exp(-(log_odds + shift[where])))
        slope = np.bincount(where, won - chance, count)
        bend = np.bincount(where, chance * (1 - chance), count)
        shift = np.clip(shift + np.clip(slope / np.maximum(bend, 1e-9), -1, 1), -6, 6)
    sign = 1 - 2 * won
    before = np.logaddexp(0, sign * log_odds).sum()
    after = np.logaddexp(0, sign * (log_odds + shift[where])).sum()
    return float(before - after) - (count - 1)


def matrix(fields: Sequence[Field], table: Table) -> Matrix:
    """Return the columns of all fields side by side."""
    parts = [field.columns([row.get(field.name) for row in table.rows]) for field in fields]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(table.rows), 0))
