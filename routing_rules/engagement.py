"""Engagement: points for what a lead did, capped and halved with time.

    a kind    = clamp(sum over days of min(count, max_per_day) * points * 2 ** (-age_days / half_life_days), +-max_points)
    a group   = clamp(sum over its kinds and signals, +-max_points)
    engagement = sum over groups, and over kinds and signals that are in none, never below 0

Ages are whole UTC days, so the value changes at 00:00 UTC only. Source: DESIGN.md section 2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.rulebook.scoring import ActivityPoints, ScoringFile

#: A day whose activities add less than this, however many they are, counts nothing.
LEAST_POINTS: Final = 0.005
#: The least difference in points, as engagement is rounded.
STEP: Final = 0.01
#: Before the names of groups and signals, among those of kinds (which have no dot).
GROUP_PREFIX: Final = "group."
SIGNAL_PREFIX: Final = "signal."


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind's points, with the decay of every age worked out beforehand."""

    max_per_day: int
    max_points: float
    #: index: age in days; value: points for one activity of that age.
    by_age: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GroupRule:
    """A ceiling and those who share it, by their names among the parts."""

    name: str
    max_points: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scoring:
    """The rules of all kinds, and of the groups."""

    kinds: dict[str, KindRule]
    groups: tuple[GroupRule, ...]


def compile_scoring(file: ScoringFile) -> Scoring:
    """Work out the tables of all kinds."""
    members: dict[str, list[str]] = {group: [] for group in file.groups}
    for kind, points in file.activities.items():
        if points.group is not None:
            members[points.group].append(kind)
    for name, signal in file.signals.items():
        if signal.group is not None:
            members[signal.group].append(SIGNAL_PREFIX + name)
    return Scoring(
        {kind: _kind_rule(points, file.half_life_days) for kind, points in file.activities.items()},
        tuple(
            GroupRule(GROUP_PREFIX + group, spec.max_points, tuple(members[group]))
            for group, spec in file.groups.items()
        ),
    )


def _kind_rule(points: ActivityPoints, default_half_life: float) -> KindRule:
    half_life = points.half_life_days or default_half_life
    most = abs(points.points) * points.max_per_day / LEAST_POINTS
    days = 1 + int(half_life * math.log2(max(most, 1.0)))
    by_age = tuple(points.points * 2.0 ** (-age / half_life) for age in range(days))
    return KindRule(points.max_per_day, math.inf if points.max_points is None else points.max_points, by_age)


def engagement(
    ledger: dict[str, dict[int, int]],
    scoring: Scoring,
    today: int,
    signals: Mapping[str, float] | None = None,
) -> tuple[float, dict[str, float]]:
    """Return the engagement in points, and what each kind, signal and ceiling adds or takes away.

    Args:
        ledger: kind -> day -> count.
        scoring: the compiled rules.
        today: whole UTC days since 1970; days after it count as today.
        signals: points of those that hold, by `signal.` and their name.

    """
    parts: dict[str, float] = {}
    total = 0.0
    kinds = scoring.kinds
    for kind, days in ledger.items():
        rule = kinds.get(kind)
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
            limit = rule.max_points
            if points > limit:
                points = limit
            elif points < -limit:
                points = -limit
            parts[kind] = points = round(points, 2)
            total += points  # the parts shown add up to the score shown
    if signals:
        parts.update(signals)
        total += sum(signals.values())
    if scoring.groups:
        total += _over_ceilings(parts, scoring.groups)
    return (round(total, 2) if total > 0 else 0.0), parts


def _over_ceilings(parts: dict[str, float], groups: tuple[GroupRule, ...]) -> float:
    """Take away what goes beyond each group's ceiling, as a part of its own, and return how much that is."""
    taken = 0.0
    for group in groups:
        earned = 0.0
        for member in group.members:
            if member in parts:
                earned += parts[member]
        limit = group.max_points
        if -limit <= earned <= limit:
            continue
        over = round((limit if earned > 0 else -limit) - earned, 2)
        if over:
            parts[group.name] = over
            taken += over
    return taken


def falls_below(
    ledger: dict[str, dict[int, int]],
    scoring: Scoring,
    today: int,
    line: float,
    signals: Mapping[str, float] | None = None,
) -> int | None:
    """Return the first day (UTC, since 1970) on which engagement is below `line` if nothing more happens.

    None when it is below already, or never falls below. Day by day: where bad points fade faster than good
    ones, the score may dip below the line, rise again and fall for good later.
    """
    if line <= 0 or engagement(ledger, scoring, today, signals)[0] < line:
        return None
    newest = max((day for days in ledger.values() for day in days), default=today)
    last = max(newest, today) + max(len(rule.by_age) for rule in scoring.kinds.values())
    later = range(today + 1, last + 1)
    return next((day for day in later if engagement(ledger, scoring, day, signals)[0] < line), None)
