"""Quiet hours: local times in which nothing that can wait is sent. Pure, as the calendars are."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(hours: Sequence[str], zone: ZoneInfo, at: datetime) -> datetime | None:
    """Return when the quiet hours end in which `at` lies (UTC), or None outside of them.

    Args:
        hours: spans of local time as `20:00-08:00`; one whose end is not after its start passes midnight.
        zone: the zone of those times.
        at: an aware instant.

    Spans that touch or overlap are one silence. A whole day of silence ends after a day nevertheless, so that
    nothing waits for ever.

    """
    end = at
    for _ in range(len(hours) + 1):
        later = _end_of_span(hours, zone, end)
        if later is None or later >= at + timedelta(days=1):
            break
        end = later
    return end.astimezone(UTC) if end > at else None


def _end_of_span(hours: Sequence[str], zone: ZoneInfo, at: datetime) -> datetime | None:
    local = at.astimezone(zone)
    ends = []
    for span in hours:
        start, until = _minute(span[:5]), _minute(span[6:])
        for day in (local.date() - timedelta(days=1), local.date()):
            first = _at(day, start, zone)
            last = _at(day, until if until > start else until + 24 * 60, zone)
            if first <= at < last:
                ends.append(last)
    return max(ends, default=None)


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return a local time of a day; minutes past 24:00 are of the next one."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])
