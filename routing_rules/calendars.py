"""Business time of one calendar: when it is open, and how much of its time passes between two instants.

A calendar is open exactly when the clock on the wall of its zone reads a working time.
So an hour that the spring change skips never counts, and one that the autumn change repeats counts twice.
Every instant must know its zone; answers are in UTC.
`absences` are (from, until) pairs in any order; the time in them does not pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

#: Working time of one local day in minutes since 00:00, as (start, end); an end of 1440 is midnight.
Blocks = tuple[tuple[int, int], ...]

#: A half-open stretch of time: the first instant belongs to it, the second does not.
Span = tuple[datetime, datetime]
Absences = Sequence[Span]

#: A calendar that stays shut for longer than this counts as never opening again.
HORIZON_DAYS: Final = 400

#: The most business time that can be added at once, as in `schemas.base.Duration`.
LONGEST_S: Final = 366 * 86_400

_MINUTES: Final = 24 * 60
_DAY_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = timedelta(days=1)
#: Days kept in memory per calendar, about 0.5 MB; beyond them the memory starts afresh.
_KEPT_DAYS: Final = 1_500
#: The days for which Python can tell local time in every zone.
_FIRST_DAY: Final = date.min.toordinal() + 2
_LAST_DAY: Final = date.max.toordinal() - 2


class NeverOpens(ValueError):
    """A deadline was asked of a calendar that has no working time left within the horizon."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working hours as data. Build it once per rulebook version: it remembers the days it has worked out.

    Raises:
        ValueError: the hours overlap, are out of order or out of range, or the calendar is never open.
    """

    id: str
    zone: ZoneInfo
    #: Seven days, Monday first.
    week: tuple[Blocks, ...]
    #: Days without work: national holidays, year end, お盆.
    closed: frozenset[date] = frozenset()
    #: Days with hours of their own, whatever `week` and `closed` say: half days, worked holidays.
    special: Mapping[date, Blocks] = field(default_factory=dict, hash=False)
    _days: dict[int, tuple[Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse hours that cannot be kept, and let nobody change `special` from outside."""
        object.__setattr__(self, "special", dict(self.special))
        if len(self.week) != len(_DAY_NAMES):
            raise ValueError(f"calendar {self.id}: a week has 7 days, Monday first, not {len(self.week)}")
        for name, blocks in zip(_DAY_NAMES, self.week, strict=True):
            _check_blocks(f"calendar {self.id}: {name}", blocks)
        for day, blocks in self.special.items():
            _check_blocks(f"calendar {self.id}: {day}", blocks)
        if not any(self.week) and not any(self.special.values()):
            raise ValueError(f"calendar {self.id} is never open: give it hours on at least one day")

    def spans_on(self, utc_day: int) -> tuple[Span, ...]:
        """Return the working time within one UTC day, given by its ordinal, in order."""
        spans = self._days.get(utc_day)
        if spans is None:
            if len(self._days) >= _KEPT_DAYS:
                self._days.clear()
            spans = self._days[utc_day] = _spans_on(self, utc_day)
        return spans

    def blocks_on(self, day: date) -> Blocks:
        """Return the hours of a local day: its own, none on a closed day, else those of its weekday."""
        if day in self.special:
            return self.special[day]
        return () if day in self.closed else self.week[day.weekday()]


def is_open(cal: Calendar, at: datetime, absences: Absences = ()) -> bool:
    """Tell whether `at` is working time; the instant of closing is not."""
    at = _utc(at)
    for start, end in cal.spans_on(at.toordinal()):
        if start <= at < end:
            return not any(gone <= at < back for gone, back in _in_order(absences))
    return False


def next_open(cal: Calendar, at: datetime, absences: Absences = ()) -> datetime | None:
    """Return `at` itself in working time, else the next opening; None if there is none in HORIZON_DAYS."""
    for start, end in _spans_from(cal, _utc(at), absences):
        if start < end:
            return start
    return None


def add_business(cal: Calendar, at: datetime, seconds: float, absences: Absences = ()) -> datetime:
    """Return the first instant by which `seconds` of working time have passed since `at`.

    It lies in working time or at its end: what is used up exactly at closing time is due at closing time.
    With 0 seconds it is `at` itself in working time or at its end, else the next opening.
    So adding a and then b is adding a + b (to the microsecond).

    Raises:
        NeverOpens: HORIZON_DAYS go by without working time before it is used up.
        ValueError: `at` is naive, or `seconds` is out of range.
    """
    if not 0 <= seconds <= LONGEST_S:
        raise ValueError(f"business time must be between 0 and {LONGEST_S} seconds, not {seconds}")
    left = timedelta(seconds=seconds)
    for start, end in _spans_from(cal, _utc(at), absences):
        room = end - start
        if left <= room:
            return start + left
        left -= room
    raise NeverOpens(f"calendar {cal.id}: {HORIZON_DAYS} days without working time, from {at.isoformat()} on")


def business_between(cal: Calendar, start: datetime, end: datetime, absences: Absences = ()) -> float:
    """Return the seconds of working time from `start` to `end`; negative when `end` is the earlier one."""
    start, end = _utc(start), _utc(end)
    if end < start:
        return 0.0 - business_between(cal, end, start, absences)  # never -0.0
    spans = _spans_within(cal, start, end, _in_order(absences))
    return sum((until - since for since, until in spans), timedelta()).total_seconds()


def open_spans(cal: Calendar, start: datetime, end: datetime, absences: Absences = ()) -> Iterator[Span]:
    """Iterate over the working time from `start` to `end` in order; spans that touch are one."""
    return _joined(_spans_within(cal, _utc(start), _utc(end), _in_order(absences)))


def _spans_within(cal: Calendar, first: datetime, last: datetime, absences: list[Span]) -> Iterator[Span]:
    for day in range(first.toordinal(), last.toordinal() + 1):
        for start, end in cal.spans_on(day):
            whole = max(start, first), min(end, last)
            if whole[0] < whole[1]:
                yield from _without(absences, *whole) if absences else (whole,)


def _spans_from(cal: Calendar, at: datetime, absences: Absences) -> Iterator[Span]:
    """Yield working time from `at` on, until the horizon; first an empty span if work ends at `at`."""
    away = _in_order(absences)
    day = at.toordinal() - 1  # work that ends at 00:00 UTC belongs to the day before
    last = day + HORIZON_DAYS + 1
    while day <= last:
        for whole in cal.spans_on(day):
            for start, end in _without(away, *whole) if away else (whole,):
                if end >= at:
                    last = day + HORIZON_DAYS
                    yield max(start, at), end
        day += 1


def _without(absences: list[Span], start: datetime, end: datetime) -> Iterator[Span]:
    """Yield what absences, ordered by their beginning, leave of one span."""
    for gone, back in absences:
        if gone >= end:
            break
        if gone > start:
            yield start, gone
        start = max(start, back)
    if start < end:
        yield start, end


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Yield spans with those that touch made one."""
    held = next(spans, None)
    for start, end in spans:
        if held and held[1] == start:
            held = held[0], end
        elif held:
            yield held
            held = start, end
    if held:
        yield held


def _spans_on(cal: Calendar, utc_day: int) -> tuple[Span, ...]:
    """Work out one UTC day: under each UTC offset in force, the local blocks moved by that offset."""
    if not _FIRST_DAY <= utc_day <= _LAST_DAY:
        return ()
    spans: list[Span] = []
    for first, last, offset in _offsets_on(cal.zone, utc_day):
        for local_day in range((first + offset).toordinal(), (last + offset).toordinal() + 1):
            local_midnight = datetime.fromordinal(local_day).replace(tzinfo=UTC) - offset
            for start_min, end_min in cal.blocks_on(date.fromordinal(local_day)):
                start = max(first, local_midnight + timedelta(minutes=start_min))
                end = min(last, local_midnight + timedelta(minutes=end_min))
                if start < end:
                    spans.append((start, end))
    return tuple(_joined(iter(spans)))


def _offsets_on(zone: ZoneInfo, utc_day: int) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield (from, until, offset) for one UTC day: once, or twice when the clocks change on it."""
    first = datetime.fromordinal(utc_day).replace(tzinfo=UTC)
    last = first + _DAY
    before, after = _offset(zone, first), _offset(zone, last)
    if before == after:
        yield first, last, before
        return
    low, change = first, last  # will be the last instant of the old offset and the first of the new one
    while change - low > timedelta.resolution:
        middle = low + (change - low) / 2
        low, change = (middle, change) if _offset(zone, middle) == before else (low, middle)
    yield first, change, before
    yield change, last, after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _utc(at: datetime) -> datetime:
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone: business time needs an aware instant")
    return at.astimezone(UTC)


def _in_order(absences: Absences) -> list[Span]:
    if not absences:
        return []
    ordered = sorted((_utc(gone), _utc(back)) for gone, back in absences)
    for gone, back in ordered:
        if back < gone:
            raise ValueError(f"an absence ends at {back.isoformat()}, before it starts at {gone.isoformat()}")
    return ordered


def _check_blocks(place: str, blocks: Blocks) -> None:
    reached = 0
    for start, end in blocks:
        hours = f"{place}: {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
        if not 0 <= start < end <= _MINUTES:
            raise ValueError(f"{hours} must start before it ends, between 00:00 and 24:00")
        if start < reached:
            raise ValueError(f"{hours} starts before the hours written before it end: sort or part them")
        reached = end
