"""Caps on what a rep receives: whether there is room now, and if not, when there is again."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from schemas.rulebook.team import Cap

#: How far a rolling window looks back.
ROLLING: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
#: How far back any window can reach.
LONGEST: Final = timedelta(days=31, hours=2)


def window_start(cap: Cap, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the instant (UTC) after which, or from which, leads count."""
    return now - ROLLING[cap.per] if cap.window == "rolling" else _start(cap.per, zone, now)


def count(cap: Cap, zone: ZoneInfo, given: list[datetime], now: datetime) -> int:
    """Return how many leads count towards a cap; `given` are the offers to the rep, the oldest first."""
    start = window_start(cap, zone, now)
    if cap.window == "calendar":
        start -= timedelta.resolution  # the first instant of the hour, day, ... belongs to it
    return len(given) - bisect_right(given, start)


def frees_at(cap: Cap, zone: ZoneInfo, given: list[datetime], now: datetime) -> datetime | None:
    """Return the first instant after `now` at which a full cap has room; None when it never has."""
    if cap.at_most == 0:
        return None
    if cap.window == "calendar":
        return next_start(cap.per, zone, now)
    return given[-cap.at_most] + ROLLING[cap.per]


def _start(per: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when the present hour, day, week or month began on the wall clock of `zone`."""
    local = now.astimezone(zone)
    if per == "hour":
        # by the instant, so that an hour that the clocks repeat is two
        offset = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return now.astimezone(UTC) - offset
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "week":
        day -= timedelta(days=day.weekday())
    elif per == "month":
        day = day.replace(day=1)
    return day.astimezone(UTC)


def next_start(per: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when the next hour, day, week or month begins on the wall clock of `zone`."""
    start = _start(per, zone, now)
    if per == "hour":
        return start + timedelta(hours=1)
    day = start.astimezone(zone)
    if per == "month":
        day = (day + timedelta(days=32)).replace(day=1)
    else:
        day += timedelta(days=7 if per == "week" else 1)
    return day.replace(hour=0, minute=0, fold=0).astimezone(UTC)
