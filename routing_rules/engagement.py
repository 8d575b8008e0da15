"""Engagement: points for what a lead did, capped and halved with time.

    engagement = sum over kinds of clamp(sum over days of
                 min(count, max_per_day) * points * 2 ** (-age_days / half_life_days), +-max_points)

never below 0. Ages are whole UTC days, so the value changes at 00:00 UTC only. Source: DESIGN.md section 2.
"""

import math
from dataclasses import dataclass
from typing import Final

from schemas.rulebook.scoring import ActivityPoints, ScoringFile

#: A day whose activities add less than this, however many they are, counts nothing.
LEAST_POINTS: Final = 0.005


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind's points, with the decay of every age worked out beforehand."""

    max_per_day: int
    max_points: float
    #: index: age in days; value: points for one activity of that age.
    by_age: tuple[float, ...]


Scoring = dict[str, KindRule]


def compile_scoring(file: ScoringFile) -> Scoring:
    """Work out the tables of all kinds."""
    return {kind: _kind_rule(points, file.half_life_days) for kind, points in file.activities.items()}


def _kind_rule(points: ActivityPoints, default_half_life: float) -> KindRule:
    half_life = points.half_life_days or default_half_life
    most = abs(points.points) * points.max_per_day / LEAST_POINTS
    days = 1 + int(half_life * math.log2(max(most, 1.0)))
    by_age = tuple(points.points * 2.0 ** (-age / half_life) for age in range(days))
    return KindRule(points.max_per_day, math.inf if points.max_points is None else points.max_points, by_age)


def engagement(
    ledger: dict[str, dict[int, int]], scoring: Scoring, today: int
) -> tuple[float, dict[str, float]]:
    """Return the engagement in points, and the points of each kind that earned or lost any.

    Args:
        ledger: kind -> day -> count.
        scoring: the compiled rules.
        today: whole UTC days since 1970; days after it count as today.

    """
    parts: dict[str, float] = {}
    total = 0.0
    for kind, days in ledger.items():
        rule = scoring.get(kind)
        if rule is None:
            continue
        by_age = rule.by_age
        horizon = len(by_age)
        most = rule.max_per_day
        points = 0.0
        for day, count in days.items():
            age = today - day
            if age < horizon:
                points += (count if count < most else most) * by_age[age if age > 0 else 0]
        if points:
            points = max(-rule.max_points, min(points, rule.max_points))
            parts[kind] = round(points, 2)
            total += parts[kind]  # the parts shown add up to the score shown
    return (round(total, 2) if total > 0 else 0.0), parts


def falls_below(ledger: dict[str, dict[int, int]], scoring: Scoring, today: int, line: float) -> int | None:
    """Return the first day (UTC, since 1970) on which engagement is below `line` if nothing more happens.

    None when it is below already, or never falls below. Day by day: where bad points fade faster than good
    ones, the score may dip below the line, rise again and fall for good later.
    """
    if line <= 0 or engagement(ledger, scoring, today)[0] < line:
        return None
    newest = max(day for days in ledger.values() for day in days)
    last = max(newest, today) + max(len(rule.by_age) for rule in scoring.values())
    return next(day for day in range(today + 1, last + 1) if engagement(ledger, scoring, day)[0] < line)
