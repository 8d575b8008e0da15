"""Engagement: held against the formula written down a second time, and slowly."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.engagement import Scoring, compile_scoring, engagement, falls_below
from schemas.rulebook.scoring import ScoringFile
from tests.factories import a_compiled_book

TODAY = 20_000
CENT = 0.005
Ledger = dict[str, dict[int, int]]


def a_file(half_life_days: float = 10, **activities: Any) -> ScoringFile:
    """Return a scoring file: `view=3` gives 3 points, `view={...}` a whole rule."""
    rules = {kind: rule if isinstance(rule, dict) else {"points": rule} for kind, rule in activities.items()}
    return ScoringFile.model_validate({"half_life_days": half_life_days, "activities": rules})


def scoring(half_life_days: float = 10, **activities: Any) -> Scoring:
    return compile_scoring(a_file(half_life_days, **activities))


def points(file: ScoringFile, ledger: Ledger, today: int = TODAY) -> float:
    """Reckon the engagement as scoring.yaml tells it, without tables."""
    total = 0.0
    for kind, rule in file.activities.items():
        half_life = file.half_life_days if rule.half_life_days is None else rule.half_life_days
        limit = math.inf if rule.max_points is None else rule.max_points
        earned = math.fsum(
            min(count, rule.max_per_day) * rule.points * 0.5 ** (max(today - day, 0) / half_life)
            for day, count in ledger.get(kind, {}).items()
        )
        total += max(-limit, min(limit, earned))
    return max(total, 0.0)


_DAYS = st.dictionaries(st.integers(TODAY - 120, TODAY + 1), st.integers(1, 40), max_size=5)
_LEDGERS = st.dictionaries(st.sampled_from(["read", "click", "buy", "other"]), _DAYS, max_size=4)


def _rules(least: float) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"points": st.floats(least, 60).map(lambda value: round(value, 1))},
        optional={
            "max_per_day": st.integers(1, 5), "max_points": st.integers(0, 80),
            "half_life_days": st.sampled_from([0.5, 3, 7, 21, 90, 365]),
        },
    )  # fmt: skip


def _files(least: float) -> st.SearchStrategy[ScoringFile]:
    rules = st.dictionaries(st.sampled_from(["read", "click", "buy"]), _rules(least), min_size=1)
    return st.builds(lambda half, kinds: a_file(half, **kinds), st.sampled_from([1, 7, 21, 90]), rules)


@given(_files(-60), _LEDGERS)
def test_engagement_is_the_formula(file: ScoringFile, ledger: Ledger) -> None:
    """Tables and caps give what the formula in scoring.yaml gives, to half a cent for each kind."""
    total, _ = engagement(ledger, compile_scoring(file), TODAY)
    assert total == pytest.approx(points(file, ledger), abs=CENT * 4)


@given(_files(-60), _LEDGERS)
def test_the_parts_add_up_to_the_score(file: ScoringFile, ledger: Ledger) -> None:
    """A rep who adds up the points shown gets the score shown, and never less than nothing."""
    total, parts = engagement(ledger, compile_scoring(file), TODAY)
    assert total == max(round(math.fsum(parts.values()), 2), 0)


@given(_files(0), _LEDGERS, st.sampled_from(["read", "click", "buy"]), st.integers(TODAY - 60, TODAY))
def test_doing_more_never_lowers_the_score(file: ScoringFile, ledger: Ledger, kind: str, day: int) -> None:
    """With points above nothing, one more activity keeps or raises the score."""
    days = ledger.get(kind, {})
    more = {**ledger, kind: {**days, day: days.get(day, 0) + 1}}
    rules = compile_scoring(file)
    assert engagement(more, rules, TODAY)[0] >= engagement(ledger, rules, TODAY)[0]


@given(_files(0), _LEDGERS, st.integers(0, 200))
def test_waiting_never_raises_the_score(file: ScoringFile, ledger: Ledger, days: int) -> None:
    """With points above nothing, who does nothing more never gains."""
    rules = compile_scoring(file)
    assert engagement(ledger, rules, TODAY + days)[0] <= engagement(ledger, rules, TODAY)[0]


@pytest.mark.parametrize("least", [-60, 0])
@given(st.data(), _LEDGERS, st.floats(0.5, 60))
def test_the_day_of_falling_below_is_exact(
    least: float, data: st.DataObject, ledger: Ledger, line: float
) -> None:
    """It is the first day below the line, on no day before is the score below it; negative points or not."""
    rules = compile_scoring(data.draw(_files(least)))
    day = falls_below(ledger, rules, TODAY, line)
    if engagement(ledger, rules, TODAY)[0] < line:
        assert day is None
        return
    below = (at for at in range(TODAY, TODAY + 12_000) if engagement(ledger, rules, at)[0] < line)
    assert day == next(below, None)


@pytest.mark.parametrize(
    "rule, days_ago, earned",
    [
        (10, [0], 10), (10, [10], 5), (10, [20], 2.5), (10, [0, 10, 20], 17.5), (10, [5], 7.07), (-10, [0], 0),
        ({"points": 10, "max_per_day": 2}, [0, 0, 0, 10, 10, 10], 30), ({"points": 10, "max_points": 15}, [0, 0], 15),
        ({"points": 10, "max_points": 15}, [0, 10], 15), ({"points": 10, "max_points": 0}, [0, 0], 0),
        ({"points": 10, "half_life_days": 5}, [10], 2.5), ({"points": 10, "half_life_days": 0.5}, [1], 2.5),
        ({"points": 10, "max_points": 15, "half_life_days": 20}, [20] * 4, 15), (0, [0, 0, 0], 0), (10, [], 0),
        ({"points": 1000, "half_life_days": 3650}, [1499], 752.27), ({"points": 1000, "half_life_days": 3650}, [1501], 751.98),
        ({"points": 1000, "half_life_days": 3650}, [3650], 500),
    ],
)  # fmt: skip
def test_what_a_kind_earns(rule: Any, days_ago: list[int], earned: float) -> None:
    """Half after one half-life; so many a day, so many in all; however long ago and however slow the decay."""
    ledger: Ledger = {"view": {}}
    for age in days_ago:
        ledger["view"][TODAY - age] = ledger["view"].get(TODAY - age, 0) + 1
    assert engagement(ledger, scoring(10, view=rule), TODAY)[0] == earned


@pytest.mark.parametrize(
    "bad, total",
    [
        ({"points": -5}, 20),
        ({"points": -5, "max_points": 2}, 23),
        ({"points": -30}, 0),
        ({"points": -30, "max_points": 30}, 0),
    ],
)
def test_turning_away_takes_points_off(bad: dict[str, Any], total: float) -> None:
    """Negative points are taken off, capped like others, and never below nothing."""
    assert (
        engagement({"good": {TODAY: 1}, "bad": {TODAY: 1}}, scoring(10, good=25, bad=bad), TODAY)[0] == total
    )


@pytest.mark.parametrize(
    "line, days", [(80.01, None), (80, 1), (40, 11), (39.9, 11), (41, 10), (20, 21), (0, None)]
)
def test_falling_below_is_told_to_the_day(line: float, days: int | None) -> None:
    """80 points that halve in 10 days are still 40 on the 10th day, and below 40 on the 11th."""
    day = falls_below({"view": {TODAY: 1}}, scoring(10, view=80), TODAY, line)
    assert day == (None if days is None else TODAY + days)


def test_a_score_may_dip_and_rise_again() -> None:
    """When bad points fade faster than good ones, the first day below the line still is the first."""
    kinds = {"fast": {"points": 40, "half_life_days": 7}, "bad": {"points": -40, "half_life_days": 21},
             "slow": {"points": 30, "half_life_days": 90}}  # fmt: skip
    rules, ledger = scoring(10, **kinds), {kind: {TODAY: 1} for kind in kinds}
    first = next(day for day in range(TODAY, TODAY + 999) if engagement(ledger, rules, day)[0] < 12)
    assert engagement(ledger, rules, TODAY + 45)[0] >= 12
    assert falls_below(ledger, rules, TODAY, 12) == first


def test_thirds_add_up() -> None:
    """Three kinds worth 3.33 are worth 9.99 together: a rep can add up what is shown."""
    kinds = {kind: {"points": 10, "half_life_days": 1} for kind in ("read", "click", "buy")}
    total, parts = engagement({kind: {TODAY - 4: 1} for kind in kinds}, scoring(10, **kinds), TODAY)
    assert total == round(sum(parts.values()), 2)


def test_kinds_without_a_rule_earn_nothing() -> None:
    """A kind that scoring.yaml does not know is counted elsewhere, and is worth nothing here."""
    assert engagement({"own_kind": {TODAY: 9}}, scoring(10, view=1), TODAY) == (0.0, {})


@pytest.mark.parametrize("kind", sorted(a_compiled_book().source.scoring.activities))
def test_every_shipped_kind_keeps_to_its_cap(kind: str) -> None:
    """However often somebody does a thing, it is worth at most what the shipped file says."""
    rule = a_compiled_book().source.scoring.activities[kind]
    _, parts = engagement({kind: {TODAY - n: 1_000 for n in range(60)}}, a_compiled_book().scoring, TODAY)
    assert abs(parts.get(kind, 0.0)) == (0 if rule.points == 0 else rule.max_points)
