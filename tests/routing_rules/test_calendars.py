"""Business time: tables a salesperson can read, then truths held against a slow clock on the wall."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_rules.calendars import (
    Blocks,
    Calendar,
    NeverOpens,
    Span,
    add_business,
    business_between,
    is_open,
    next_open,
    open_spans,
)

H = 3600
MINUTE, HALF_HOUR = timedelta(minutes=1), timedelta(minutes=30)
OFFICE: Blocks = ((9 * 60, 12 * 60), (13 * 60, 18 * 60))
MORNING: Blocks = ((9 * 60, 12 * 60),)
HOLIDAYS = "2026-11-03 2026-11-23 2026-12-29 2026-12-30 2026-12-31 2027-01-01"
ZONES = (
    "Asia/Tokyo UTC America/New_York America/Los_Angeles America/St_Johns America/Sao_Paulo America/Santiago "
    "America/Nuuk Europe/Paris Europe/Berlin Europe/London Africa/Casablanca Africa/Cairo Asia/Beirut Asia/Tehran "
    "Asia/Kathmandu Australia/Lord_Howe Pacific/Chatham Pacific/Kiritimati Antarctica/Troll Antarctica/Casey"
)


def open_in(zone: str, *week: Blocks) -> Calendar:
    return Calendar(zone, ZoneInfo(zone), week)


CALENDARS = {
    "tokyo": replace(
        open_in("Asia/Tokyo", *[OFFICE] * 5, (), ()),
        closed=frozenset(map(date.fromisoformat, HOLIDAYS.split())),
        special={date(2026, 12, 28): MORNING, date(2026, 11, 3): ((10 * 60, 12 * 60),)},
    ),
    "new_york": open_in("America/New_York", *[((9 * 60, 19 * 60),)] * 5, (), ()),
    "new_york_24h": open_in("America/New_York", *[((0, 24 * 60),)] * 7),
    "paris_nights": open_in("Europe/Paris", *[((0, 6 * 60), (22 * 60, 24 * 60))] * 7),
    "berlin_half_past": open_in("Europe/Berlin", *[((90, 150), (240, 300))] * 7),
    "berlin": open_in("Europe/Berlin", *[OFFICE] * 4, MORNING, (), ()),
}


def local(cal: Calendar, text: str) -> datetime:
    """Read `2026-11-20 17:00` on the calendar's wall; ` b` at the end: when it reads that for the second time."""
    wall = datetime.fromisoformat(text[:16])
    return wall.replace(tzinfo=cal.zone, fold=text.endswith(" b")).astimezone(UTC)


@pytest.mark.parametrize(
    "name, start, hours, due",
    [
        ("tokyo", "2026-11-20 17:00", 4, "2026-11-24 12:00"),  # Friday evening; Monday is 勤労感謝の日
        ("tokyo", "2026-11-24 11:30", 1, "2026-11-24 13:30"),  # lunch does not count
        ("tokyo", "2026-11-24 11:00", 1, "2026-11-24 12:00"),  # used up at closing time: due then, not later
        ("tokyo", "2026-11-24 18:00", 1, "2026-11-25 10:00"),
        ("tokyo", "2026-11-02 17:00", 4, "2026-11-04 10:00"),  # 文化の日, worked from 10 to 12
        ("tokyo", "2026-12-28 11:00", 1, "2026-12-28 12:00"),  # a half day
        ("tokyo", "2026-12-28 11:00", 2, "2027-01-04 10:00"),  # 年末年始: 12/29 to 1/3
        ("tokyo", "2026-11-24 10:10", 0, "2026-11-24 10:10"),  # nothing to wait for: now, or at the opening
        ("tokyo", "2026-11-20 18:00", 0, "2026-11-20 18:00"),
        ("tokyo", "2026-11-20 18:01", 0, "2026-11-24 09:00"),
        ("berlin", "2026-06-12 11:00", 2, "2026-06-15 10:00"),  # Friday ends at noon
        ("new_york", "2026-03-06 18:00", 2, "2026-03-09 10:00"),  # the clocks change over the weekend
        ("new_york", "2026-10-30 18:00", 2, "2026-11-02 10:00"),
        ("new_york", "2026-12-04 19:00", 0, "2026-12-04 19:00"),  # closing time, and midnight in UTC
        ("new_york_24h", "2026-03-08 00:00", 24, "2026-03-09 01:00"),  # a day of 23 hours
        ("new_york_24h", "2026-11-01 00:00", 24, "2026-11-01 23:00"),  # a day of 25 hours
        ("new_york_24h", "2026-11-01 01:30", 1, "2026-11-01 01:30 b"),
        ("paris_nights", "2026-03-29 01:30", 1, "2026-03-29 03:30"),  # 02:30 does not exist
        ("paris_nights", "2026-06-10 23:00", 2, "2026-06-11 01:00"),  # a shift through midnight
        ("paris_nights", "2026-06-10 05:00", 3, "2026-06-11 00:00"),
        ("berlin_half_past", "2026-03-29 00:00", 1, "2026-03-29 04:30"),  # only half of 01:30-02:30 exists
        ("berlin_half_past", "2026-10-25 00:00", 1.5, "2026-10-25 02:30 b"),  # 02:00-02:30 comes twice
    ],
)
def test_due(name: str, start: str, hours: float, due: str) -> None:
    """A promise in business hours falls due when a person with the calendar on the wall says so."""
    cal = CALENDARS[name]
    assert local(cal, due) == add_business(cal, local(cal, start), hours * H)


@pytest.mark.parametrize(
    "start, hours, due",
    [
        ("2026-11-24 09:00", 2, "2026-11-24 11:00"),  # used up as the rep leaves
        ("2026-11-24 09:00", 3, "2026-11-24 14:00"),  # away from 11:00 until lunch is over
        ("2026-11-24 11:01", 0, "2026-11-24 13:00"),
        ("2026-11-24 17:00", 2, "2026-11-26 11:00"),  # away all of the 25th, and until 10:00
        ("2026-11-26 09:00", 0, "2026-11-26 10:00"),
    ],
)
def test_due_with_absences(start: str, hours: float, due: str) -> None:
    """A clock stands still while its rep is away, however the absences are ordered or overlap."""
    cal = CALENDARS["tokyo"]
    away = "26 09:00-26 10:00, 25 00:00-26 00:00, 24 11:30-24 12:15, 24 11:00-24 13:00"
    spans = [span.split("-") for span in away.split(", ")]
    absences = [(local(cal, f"2026-11-{gone}"), local(cal, f"2026-11-{back}")) for gone, back in spans]
    assert local(cal, due) == add_business(cal, local(cal, start), hours * H, absences)


@pytest.mark.parametrize(
    "name, start, end, hours",
    [
        ("tokyo", "2026-11-24 12:00", "2026-11-20 17:00", -4),
        ("tokyo", "2026-12-28 00:00", "2027-01-05 00:00", 3 + 8),
        ("new_york_24h", "2026-03-08 00:00", "2026-03-09 00:00", 23),
        ("new_york_24h", "2026-11-01 00:00", "2026-11-02 00:00", 25),
        ("paris_nights", "2026-10-24 22:00", "2026-10-25 06:00", 9),
    ],
)
def test_time_taken(name: str, start: str, end: str, hours: float) -> None:
    """What passed between two instants is what the calendar was open for, nothing else."""
    cal = CALENDARS[name]
    assert hours * H == business_between(cal, local(cal, start), local(cal, end))


@pytest.mark.parametrize(
    "at, opened, following",
    [
        ("2026-11-24 09:00", True, "2026-11-24 09:00"),
        ("2026-11-24 12:00", False, "2026-11-24 13:00"),
        ("2026-12-28 13:00", False, "2027-01-04 09:00"),
        ("2026-11-03 10:00", True, "2026-11-03 10:00"),
    ],
)
def test_opening(at: str, opened: bool, following: str) -> None:
    """Opening time is open, closing time is not, and the next opening skips nights, holidays and weekends."""
    cal, asked = CALENDARS["tokyo"], local(CALENDARS["tokyo"], at)
    assert (opened, local(cal, following)) == (is_open(cal, asked), next_open(cal, asked))


def test_no_opening_left_is_said() -> None:
    """A calendar without a future has no next opening, refuses a deadline, and never loops."""
    tokyo = CALENDARS["tokyo"]
    once = replace(tokyo, week=((),) * 7, special={date(2026, 12, 1): ((600, 660),)})
    before, after = local(once, "2026-11-30 00:00"), local(once, "2026-12-02 00:00")
    away = [(before, datetime.max.replace(tzinfo=UTC))]
    assert local(once, "2026-12-01 11:00") == add_business(once, before, H)
    assert next_open(once, before - timedelta(days=402)) is None
    assert next_open(once, after) is None
    assert next_open(tokyo, after, away) is None
    assert business_between(tokyo, after, add_business(tokyo, after, 3000 * H)) == 3000 * H  # over a year
    with pytest.raises(NeverOpens, match="Asia/Tokyo: 400 days without working time"):
        add_business(once, before, H + 1)


@pytest.mark.parametrize(
    "monday, message",
    [
        (((540, 780), (720, 1080)), "mon: 12:00-18:00 starts before"),
        (((780, 1080), (540, 720)), "mon: 09:00-12:00 starts before"),
        (((1380, 1500),), "mon: 23:00-25:00 must"),
        (((540, 540),), "between 00:00 and 24:00"),
        ((), "Asia/Tokyo is never open"),
    ],
)
def test_bad_hours_are_refused(monday: Blocks, message: str) -> None:
    """Hours that cannot be kept, or a calendar that never opens, are an error at load, in words."""
    with pytest.raises(ValueError, match=message):
        open_in("Asia/Tokyo", monday, (), (), (), (), (), ())
    with pytest.raises(ValueError, match="7 days"):
        open_in("Asia/Tokyo", *[OFFICE] * 5)


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda cal, naive, at: is_open(cal, naive), "no time zone"),
        (business_between, "no time zone"),
        (lambda cal, naive, at: open_spans(cal, at, naive), "no time zone"),
        (lambda cal, naive, at: next_open(cal, at, [(at, naive)]), "no time zone"),
        (lambda cal, naive, at: next_open(cal, at, [(at, at - MINUTE)]), "before it starts"),
        (lambda cal, naive, at: add_business(cal, at, -1), "business time must be"),
        (lambda cal, naive, at: add_business(cal, at, float("nan")), "business time must be"),
    ],
)
def test_nonsense_is_refused(ask: Callable[[Calendar, datetime, datetime], object], message: str) -> None:
    """An instant without a zone, an absence that ends before it starts, an impossible duration: each is said."""
    with pytest.raises(ValueError, match=message):
        ask(CALENDARS["tokyo"], datetime(2026, 11, 24), datetime(2026, 11, 24, tzinfo=UTC))


def test_a_calendar_cannot_be_changed_from_outside() -> None:
    """Equal hours are equal calendars, whatever they have worked out, and later edits do not reach them."""
    special = {date(2026, 12, 24): MORNING}
    one, two = (replace(CALENDARS["berlin"], special=special) for _ in range(2))
    special.clear()
    assert not is_open(one, local(one, "2026-12-24 13:30"))
    assert (one, hash(one)) == (two, hash(two))


@dataclass(frozen=True)
class Case:
    """A calendar, an instant often near a clock change or year end, absences around it, two durations."""

    cal: Calendar
    at: datetime
    absences: tuple[Span, ...]
    short: float
    long: float

    def is_open_on_the_wall(self, at: datetime) -> bool:
        """Look at the clock on the wall, the slow and obvious way."""
        cal, wall = self.cal, at.astimezone(self.cal.zone)
        hours = cal.special.get(wall.date(), () if wall.date() in cal.closed else cal.week[wall.weekday()])
        here = not any(gone <= at < back for gone, back in self.absences)
        return here and any(start <= wall.hour * 60 + wall.minute < end for start, end in hours)


@cache
def turning_days(zone: str) -> list[datetime]:
    """Return the days from 2020 to 2035 on which a zone changes its clocks or a year ends."""
    days = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(365 * 16)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    nights = zip(days, offsets, offsets[1:], strict=False)
    return [day for day, now, then in nights if now != then or (day.month, day.day) == (12, 31)]


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))
TIMES = st.sampled_from([0, 60, 90, 120, 150, 180, 540, 720, 780, 1080, 1380, 1440]) | st.integers(0, 1440)
DAY = st.lists(TIMES, max_size=6, unique=True).map(lambda e: (*zip(*[iter(sorted(e))] * 2, strict=False),))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any week in any of the zones, with closed and special days where they matter."""
    zone = draw(st.sampled_from(ZONES.split()))
    turning = st.sampled_from(turning_days(zone))
    at = draw(MOMENTS | st.builds(lambda day, n: day + n * HALF_HOUR, turning, st.integers(-50, 97)))
    near = st.integers(-1, 5).map(lambda n: (at + timedelta(days=n)).date())
    week = tuple(draw(st.lists(DAY, min_size=7, max_size=7).filter(any)))
    closed, special = draw(st.frozensets(near, max_size=3)), draw(st.dictionaries(near, DAY, max_size=2))
    halves = draw(st.lists(st.tuples(st.integers(-20, 100), st.integers(0, 30)), max_size=2))
    whole = at.replace(second=0, microsecond=0)
    absences = tuple((whole + n * HALF_HOUR, whole + (n + m) * HALF_HOUR) for n, m in halves)
    weekly_s = 60 * sum(end - start for blocks in week for start, end in blocks)
    short, long = sorted(draw(st.integers(0, 4 * min(3 * weekly_s, 100 * H))) / 4 for _ in range(2))
    return Case(Calendar("any", ZoneInfo(zone), week, closed, special), at, absences, short, long)


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 1800), st.integers(0, 1800))
def test_agrees_with_the_clock_on_the_wall(case: Case, minutes: int, wanted: int) -> None:
    """Minute by minute, the fast sums say what somebody would say who watches the clock."""
    start = case.at.replace(second=0, microsecond=0)
    watched = [start + n * MINUTE for n in range(minutes)]
    worked = [at for at in watched if case.is_open_on_the_wall(at)]
    assert worked == [at for at in watched if is_open(case.cal, at, case.absences)]
    assert 60 * len(worked) == business_between(case.cal, start, start + minutes * MINUTE, case.absences)
    if worked:
        nth = wanted % len(worked)
        assert worked[nth] + MINUTE == add_business(case.cal, start, 60 * (nth + 1), case.absences)
        assert worked[0] == next_open(case.cal, start, case.absences)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_adding_in_two_steps_is_adding_once(case: Case) -> None:
    """A promise may be counted in parts: adding a and then b is adding a + b."""
    once = add_business(case.cal, case.at, case.short + case.long, case.absences)
    for first, second in (case.short, case.long), (case.long, case.short):
        between = add_business(case.cal, case.at, first, case.absences)
        assert once == add_business(case.cal, between, second, case.absences)


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(0, 10_000))
def test_later_or_longer_is_never_due_sooner(case: Case, later: int) -> None:
    """Who starts later, or may take longer, is not due sooner."""
    due = add_business(case.cal, case.at, case.short, case.absences)
    assert case.at <= due <= add_business(case.cal, case.at, case.long, case.absences)
    assert due <= add_business(case.cal, case.at + later * MINUTE, case.short, case.absences)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_time_taken_until_due_is_the_time_promised(case: Case) -> None:
    """Until a deadline just the promised time passes, none of it closed; it falls in work or at its end."""
    due = add_business(case.cal, case.at, case.long, case.absences)
    assert case.long == business_between(case.cal, case.at, due, case.absences)
    assert is_open(case.cal, due, case.absences) or case.is_open_on_the_wall(due - timedelta.resolution)
    spans = list(open_spans(case.cal, case.at, due, case.absences))
    edges = [edge for start, end in spans for edge in (start, end)]
    assert edges == sorted(set(edges))
    for start, end in spans:
        assert case.is_open_on_the_wall(start)
        assert case.is_open_on_the_wall(end - timedelta.resolution)
