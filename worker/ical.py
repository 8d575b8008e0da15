"""Absences in an iCalendar file (RFC 5545): read whole or refused, with the line.

The libraries mend silently what they cannot read: a line without a name, an unknown time zone, an event that
ends before it starts. Here each of these is an error, for a wrong absence is worse than none. What an event is
about is nobody's business: its words are not kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar
from icalendar.parser import Contentline

from routing_rules.calendars import HORIZON_DAYS
from schemas.errors import Refused

#: The largest file, in bytes, and the most absences that are taken from it.
MAX_BYTES: Final = 5_000_000
MAX_ABSENCES: Final = 2_000
#: How often an absence may return; a rule by the hour or minute is no absence.
_FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


@dataclass(frozen=True, slots=True)
class Away:
    """One absence: which event of the file, which of its series, and when."""

    uid: str
    #: Of a series, the local time that its rule gives this one; empty for a single event.
    occurrence: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class _Event:
    """A VEVENT's first line, and the lines of its properties."""

    line: int
    lines: dict[str, int]

    def line_of(self, name: str) -> int:
        return self.lines.get(name, self.line)


def read(
    raw: bytes, zone: ZoneInfo, now: datetime, *, all_day_only: bool = False
) -> tuple[list[Away], set[str]]:
    """Return the absences that are not over, for HORIZON_DAYS from now on, and every UID of the file.

    Args:
        raw: the file.
        zone: of the rep, for whole days and for times without a zone.
        now: what is over is left out.
        all_day_only: leave out events with hours, such as meetings.

    Raises:
        Refused: the file or any event in it cannot be understood; with the line.

    """
    text = _text(raw)
    events = _checked_lines(text)
    try:
        files = Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, IndexError) as error:
        raise Refused(f"line 1: not a calendar file: {error}") from error
    found: list[Away] = []
    uids: set[str] = set()
    position = iter(events)
    for file in files:
        parts = file.walk("VEVENT")
        for part in parts:
            _check(part, next(position))
        uids |= {str(part["UID"]) for part in parts}
        series = {
            str(part["UID"])
            for part in parts
            if "RRULE" in part or "RDATE" in part or "RECURRENCE-ID" in part
        }
        found += _absences(file, series, zone, now, all_day_only=all_day_only)
        if len(found) > MAX_ABSENCES:
            raise Refused(f"line 1: more than {MAX_ABSENCES} absences in {HORIZON_DAYS} days; export fewer")
    return found, uids


def _text(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise Refused(f"line 1: the file is larger than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused(f"line {line}: is not UTF-8; export the calendar again as iCalendar") from None


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield content lines with the number of their first line in the file."""
    number, held = 0, ""
    for at, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line[:1] in (" ", "\t") and held:
            held += line[1:]
            continue
        if held:
            yield number, held
        number, held = at, line
    if held:
        yield number, held


def _checked_lines(text: str) -> list[_Event]:
    """Check every line and the nesting; return the events in the order of the file."""
    events: list[_Event] = []
    inside: list[tuple[str, int]] = []
    number = 1
    for number, line in _unfolded(text):
        try:
            name, _, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
        except ValueError:
            raise Refused(f"line {number}: not a line of a calendar file: {line[:60]!r}") from None
        name, value = name.upper(), value.upper()
        if name == "BEGIN":
            inside.append((value, number))
            if value == "VEVENT":
                events.append(_Event(number, {}))
        elif name == "END":
            if not inside or inside[-1][0] != value:
                began = f"{inside[-1][0]} of line {inside[-1][1]} is open" if inside else "nothing is open"
                raise Refused(f"line {number}: END:{value}, but {began}")
            inside.pop()
        elif not inside:
            raise Refused(f"line {number}: stands outside of BEGIN:VCALENDAR")
        elif inside[-1][0] == "VEVENT":
            events[-1].lines.setdefault(name, number)
    if inside:
        raise Refused(f"line {number}: the file ends inside {inside[-1][0]} of line {inside[-1][1]}")
    if not text.strip():
        raise Refused("line 1: the file is empty")
    return events


def _check(part: Any, event: _Event) -> None:
    """Refuse an event that the libraries would read as something else."""
    for name, words in part.errors:
        raise Refused(f"line {event.line_of(str(name))}: {name}: {words}")
    for name in ("UID", "DTSTART"):
        if name not in part:
            raise Refused(f"line {event.line}: the event has no {name}")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in part:
            _check_zone(part[name], name, event)
    start = part["DTSTART"].dt
    if "DTEND" in part:
        end = part["DTEND"].dt
        if isinstance(end, datetime) != isinstance(start, datetime):
            raise Refused(f"line {event.line_of('DTEND')}: DTEND and DTSTART are not both days or both times")
        if _sortable(end) < _sortable(start):
            raise Refused(f"line {event.line_of('DTEND')}: the event ends before it starts")
    rules = part.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        often = str((rule.get("FREQ") or ["?"])[0]).upper()
        if often not in _FREQUENCIES:
            line = event.line_of("RRULE")
            raise Refused(
                f"line {line}: FREQ={often} is not taken; there are {', '.join(sorted(_FREQUENCIES))}"
            )


def _check_zone(value: Any, name: str, event: _Event) -> None:
    zone = value.params.get("TZID")
    if zone is not None and isinstance(value.dt, datetime) and value.dt.tzinfo is None:
        raise Refused(f"line {event.line_of(name)}: {zone!r} is no time zone that is known")


def _sortable(value: date | datetime) -> datetime:
    """Return an instant to compare the two ends of one event by."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _absences(
    file: Any, series: set[str], zone: ZoneInfo, now: datetime, *, all_day_only: bool
) -> Iterator[Away]:
    until = now + timedelta(days=HORIZON_DAYS)
    try:
        # A day more at both ends: the library compares days and times without a zone by its own lights.
        events = recurring_ical_events.of(file, skip_bad_series=False).between(
            now - timedelta(days=1), until + timedelta(days=1)
        )
    except (ValueError, KeyError, OverflowError) as error:
        raise Refused(f"line 1: a series cannot be reckoned: {error}") from error
    for event in events:
        if (
            str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
            or str(event.get("STATUS", "")).upper() == "CANCELLED"
        ):
            continue
        if all_day_only and isinstance(event.start, datetime):
            continue
        starts, ends = _instant(event.start, zone), _instant(event.end, zone)
        if starts < ends and ends > now and starts < until:
            uid = str(event["UID"])
            which = event["RECURRENCE-ID"].dt.isoformat() if uid in series else ""
            yield Away(uid, which, starts, ends)


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return an instant in UTC; whole days and times without a zone are the rep's own."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return (value.replace(tzinfo=zone) if value.tzinfo is None else value).astimezone(UTC)
