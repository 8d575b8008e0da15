"""The team made ready to place leads with: calendars resolved, and what each rep holds right now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.calendars import Calendar
from schemas.rulebook.team import CalendarSpec, PoolSpec, RepSpec, TeamFile

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: The years for which company days that return every year are worked out.
YEARS: Final = range(2000, 2101)
#: Holidays by country or subdivision, as dates in that country.
Holidays = Mapping[str, frozenset[date]]


@dataclass(frozen=True, slots=True)
class Rep:
    """A rep with their calendar and absences."""

    spec: RepSpec
    calendar: Calendar
    absences: tuple[tuple[datetime, datetime], ...]
    #: Times without new leads, in which clocks run on: a breach took the rep out of rotation.
    out_of_rotation: tuple[tuple[datetime, datetime], ...] = ()

    def is_absent(self, at: datetime) -> bool:
        """Tell whether the rep is on an absence, whatever the hour."""
        return any(gone <= at < back for gone, back in self.absences)

    def is_out(self, at: datetime) -> bool:
        """Tell whether the rep is out of rotation at an instant."""
        return any(gone <= at < back for gone, back in self.out_of_rotation)

    @property
    def without_offers(self) -> tuple[tuple[datetime, datetime], ...]:
        """The times in which nothing is offered: absences, and out of rotation."""
        return self.absences + self.out_of_rotation


@dataclass(frozen=True, slots=True)
class Team:
    """All reps and pools at one rulebook version."""

    reps: dict[str, Rep]
    pools: dict[str, PoolSpec]


@dataclass(slots=True)
class Load:
    """What a rep holds: live assignments now and their value points, and offers received this local day."""

    open: int = 0
    today: int = 0
    value: int = 0
    #: Offers received as far back as the rep's caps look, the oldest first; empty for a rep without caps.
    given: list[datetime] = field(default_factory=list)


@dataclass(slots=True)
class PoolState:
    """What placing in one pool depends on and changes: loads of all reps, and stored turns (credit)."""

    loads: dict[str, Load] = field(default_factory=dict)
    #: rep -> units of `routing_rules.turns.TURN`.
    credit: dict[str, int] = field(default_factory=dict)
    #: rep -> units that they may still make up for turns missed while absent.
    makeup: dict[str, int] = field(default_factory=dict)
    #: (rep, persona) -> leads won and lost.
    records: dict[tuple[str, str | None], tuple[int, int]] = field(default_factory=dict)

    def load(self, rep: str) -> Load:
        """Return a rep's load; nothing held when nothing is known."""
        return self.loads.setdefault(rep, Load())


def can_take(rep: RepSpec) -> bool:
    """Tell whether a rep is active and has any capacity: nobody waits for room that never is."""
    capacity = rep.capacity
    limits = [capacity.open, capacity.per_day, *(cap.at_most for cap in capacity.caps)]
    return rep.active and min(limits) > 0


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
    for yearly in spec.yearly:
        closed |= _every_year(yearly.first, yearly.last)
    return Calendar(
        id=spec.id,
        zone=ZoneInfo(spec.zone),
        week=tuple(_blocks(spec.hours.get(day, [])) for day in _WEEKDAYS),
        closed=frozenset(closed),
        special={day: _blocks(hours) for day, hours in spec.special.items()},
    )


@cache
def _every_year(first: str, last: str) -> frozenset[date]:
    """Return the days of a yearly span; from one year into the next when `last` is before `first`."""
    days: set[date] = set()
    for year in YEARS:
        day = _in_year(year, first, date(year, 3, 1))
        end_year = year + (last < first)
        until = _in_year(end_year, last, date(end_year, 2, 28))
        while day <= until:
            days.add(day)
            day += timedelta(days=1)
    return frozenset(days)


def _in_year(year: int, text: str, instead: date) -> date:
    """Return a day of the year; `instead` where the year has no 02-29."""
    try:
        return date(year, int(text[:2]), int(text[3:]))
    except ValueError:
        return instead


def _blocks(hours: list[str]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((_minute(text[:5]), _minute(text[6:])) for text in hours))


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def local_midnight(rep: Rep, now: datetime) -> datetime:
    """Return when the rep's present day began, in UTC."""
    local = now.astimezone(rep.calendar.zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def next_midnight(rep: Rep, now: datetime) -> datetime:
    """Return when the rep's next day begins, in UTC; a day may have 23 or 25 hours."""
    zone = rep.calendar.zone
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)
