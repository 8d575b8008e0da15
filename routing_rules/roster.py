"""The team made ready to place leads with: calendars resolved, and what each rep holds right now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.calendars import Calendar
from schemas.rulebook.team import CalendarSpec, PoolSpec, RepSpec, TeamFile

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Holidays by country or subdivision, as dates in that country.
Holidays = Mapping[str, frozenset[date]]


@dataclass(frozen=True, slots=True)
class Rep:
    """A rep with their calendar and absences."""

    spec: RepSpec
    calendar: Calendar
    absences: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class Team:
    """All reps and pools at one rulebook version."""

    reps: dict[str, Rep]
    pools: dict[str, PoolSpec]


@dataclass(slots=True)
class Load:
    """What a rep holds: live assignments now, and offers received this local day."""

    open: int = 0
    today: int = 0


@dataclass(slots=True)
class PoolState:
    """What placing in one pool depends on and changes: loads of all reps, and stored turns (credit)."""

    loads: dict[str, Load] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)

    def load(self, rep: str) -> Load:
        """Return a rep's load; nothing held when nothing is known."""
        return self.loads.setdefault(rep, Load())


def compile_team(team: TeamFile, holidays: Holidays) -> Team:
    """Resolve calendars and absences.

    Args:
        team: checked by lint: every name it refers to exists.
        holidays: for each code that a calendar names, the public holidays.

    Raises:
        ValueError: when a calendar is never open.

    """
    calendars = {spec.id: build_calendar(spec, holidays) for spec in team.calendars}
    reps = {
        spec.id: Rep(
            spec,
            calendars[spec.calendar],
            tuple(sorted((a.starts.astimezone(UTC), a.ends.astimezone(UTC)) for a in spec.absences)),
        )
        for spec in team.reps
    }
    return Team(reps, {pool.id: pool for pool in team.pools})


def build_calendar(spec: CalendarSpec, holidays: Holidays) -> Calendar:
    """Turn a calendar of the rule file into business time."""
    closed: set[date] = set()
    for code in spec.holidays:
        closed |= holidays.get(code, frozenset())
    for span in spec.closed:
        day = span.first
        while day <= span.last:
            closed.add(day)
            day += timedelta(days=1)
    return Calendar(
        id=spec.id,
        zone=ZoneInfo(spec.zone),
        week=tuple(_blocks(spec.hours.get(day, [])) for day in _WEEKDAYS),
        closed=frozenset(closed),
        special={day: _blocks(hours) for day, hours in spec.special.items()},
    )


def _blocks(hours: list[str]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((_minute(text[:5]), _minute(text[6:])) for text in hours))


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def local_midnight(rep: Rep, now: datetime) -> datetime:
    """Return when the rep's present day began, in UTC."""
    local = now.astimezone(rep.calendar.zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def next_midnight(rep: Rep, now: datetime) -> datetime:
    """Return when the rep's next day begins, in UTC; a day may have 23 or 25 hours."""
    zone = rep.calendar.zone
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)
