"""A learned scorecard at work: the probability to win, and what each field adds to it. Without scikit-learn.

    p = 1 / (1 + exp(-(base + sum of contributions)))

`base` is the average lead of the fitted part; a contribution is what a lead's value adds to its log-odds
over that average. They add up exactly, so the reasons shown are the whole truth about the number.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.learned import NumberWeights, Scorecard, Value, WordWeights


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one field adds to the log-odds; `low` and `high` bound a number's bin, None where it is open."""

    field: str
    value: Value
    log_odds: float
    low: float | None = None
    high: float | None = None
    #: A word that was too rare, or never there, when the model was fitted.
    other: bool = False


@dataclass(frozen=True, slots=True)
class _Numbers:
    name: str
    edges: tuple[float, ...]
    adds: tuple[float, ...]
    unknown: float


@dataclass(frozen=True, slots=True)
class _Words:
    name: str
    adds: dict[str, float]
    other: float
    unknown: float


@dataclass(frozen=True, slots=True)
class Learned:
    """A scorecard with calibration and averages worked in."""

    base: float
    numbers: tuple[_Numbers, ...]
    words: tuple[_Words, ...]

    def chance(self, values: Mapping[str, Value]) -> float:
        """Return the probability to win, 0-1; a field that is not among `values` is not known."""
        total = self.base
        for number in self.numbers:
            value = values.get(number.name)
            # `== value` is false for NaN alone: it is not known, and bisect would put it anywhere.
            if isinstance(value, int | float) and value == value:  # noqa: PLR0124
                total += number.adds[bisect_right(number.edges, value)]
            else:
                total += number.unknown
        for word in self.words:
            value = values.get(word.name)
            total += word.adds.get(value, word.other) if isinstance(value, str) else word.unknown
        return logistic(total)

    def contributions(self, values: Mapping[str, Value]) -> list[Contribution]:
        """Return what each field adds, the strongest first."""
        found = [_of_number(one, values.get(one.name)) for one in self.numbers]
        found += [_of_word(one, values.get(one.name)) for one in self.words]
        return sorted(found, key=lambda one: (-abs(one.log_odds), one.field))


def compile_card(card: Scorecard) -> Learned:
    """Work calibration and averages into the weights."""
    slope = card.slope
    base = card.offset + slope * (card.intercept + math.fsum(field.mean for field in card.fields))
    numbers = tuple(_numbers(field, slope) for field in card.fields if isinstance(field, NumberWeights))
    words = tuple(_words(field, slope) for field in card.fields if isinstance(field, WordWeights))
    return Learned(base, numbers, words)


def _numbers(field: NumberWeights, slope: float) -> _Numbers:
    adds = tuple(slope * (weight - field.mean) for weight in field.weights)
    return _Numbers(field.name, tuple(field.edges), adds, slope * (field.unknown - field.mean))


def _words(field: WordWeights, slope: float) -> _Words:
    adds = {word: slope * (weight - field.mean) for word, weight in field.weights.items()}
    return _Words(field.name, adds, slope * (field.other - field.mean), slope * (field.unknown - field.mean))


def logistic(log_odds: float) -> float:
    """Return the probability of log-odds, without overflow."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    grown = math.exp(log_odds)
    return grown / (1 + grown)


def _of_number(field: _Numbers, value: Value) -> Contribution:
    if not isinstance(value, int | float) or math.isnan(value):
        return Contribution(field.name, None, field.unknown)
    bin_ = bisect_right(field.edges, value)
    low = field.edges[bin_ - 1] if bin_ else None
    high = field.edges[bin_] if bin_ < len(field.edges) else None
    return Contribution(field.name, value, field.adds[bin_], low, high)


def _of_word(field: _Words, value: Value) -> Contribution:
    if not isinstance(value, str):
        return Contribution(field.name, None, field.unknown)
    known = value in field.adds
    return Contribution(field.name, value, field.adds[value] if known else field.other, other=not known)
