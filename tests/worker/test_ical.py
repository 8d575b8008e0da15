"""Calendar files: what becomes an absence, and what is refused with its line."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Refused
from worker import ical

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def a_file(*events: str, head: str = "") -> bytes:
    """Return a calendar of events, each given as its lines between commas."""
    parts = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.splitlines()]
    for number, event in enumerate(events):
        lines = event.split("|")
        uid = [] if any(line.startswith("UID") for line in lines) else [f"UID:u{number}"]
        parts += ["BEGIN:VEVENT", *uid, *(line for line in lines if line), "END:VEVENT"]
    return ("\r\n".join([*parts, "END:VCALENDAR"]) + "\r\n").encode()


def spans(raw: bytes, *, all_day_only: bool = False, zone: ZoneInfo = TOKYO) -> list[str]:
    """Read a file; return its absences in a zone, in order."""
    found, _ = ical.read(raw, zone, NOW, all_day_only=all_day_only)
    return sorted(
        f"{one.starts.astimezone(zone):%Y-%m-%d %H:%M} - {one.ends.astimezone(zone):%m-%d %H:%M}" for one in found
    )  # fmt: skip


_TIMEZONE = """BEGIN:VTIMEZONE
TZID:Our Office
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0800
TZOFFSETTO:+0800
END:STANDARD
END:VTIMEZONE"""


@pytest.mark.parametrize(
    "event, expected",
    [
        ("DTSTART;VALUE=DATE:20261228|DTEND;VALUE=DATE:20261230", ["2026-12-28 00:00 - 12-30 00:00"]),
        ("DTSTART;VALUE=DATE:20261228", ["2026-12-28 00:00 - 12-29 00:00"]),  # a day without an end is a day
        ("DTSTART:20261201T090000|DTEND:20261201T120000", ["2026-12-01 09:00 - 12-01 12:00"]),  # the rep's own time
        ("DTSTART:20261201T090000|DURATION:PT90M", ["2026-12-01 09:00 - 12-01 10:30"]),
        ("DTSTART:20261201T000000Z|DTEND:20261201T030000Z", ["2026-12-01 09:00 - 12-01 12:00"]),
        ("DTSTART;TZID=America/New_York:20261201T090000|DURATION:PT1H", ["2026-12-01 23:00 - 12-02 00:00"]),
        ("DTSTART;TZID=Tokyo Standard Time:20261201T090000|DURATION:PT1H", ["2026-12-01 09:00 - 12-01 10:00"]),
        ("DTSTART;TZID=Our Office:20261201T090000|DURATION:PT1H", ["2026-12-01 10:00 - 12-01 11:00"]),
        ("DTSTART;VALUE=DATE:20261120|DTEND;VALUE=DATE:20261125", ["2026-11-20 00:00 - 11-25 00:00"]),  # it runs now
        ("DTSTART;VALUE=DATE:20261120|DTEND;VALUE=DATE:20261124", []),  # over
        ("DTSTART;VALUE=DATE:20281120", []),  # further off than 400 days
        ("DTSTART;VALUE=DATE:20261201|TRANSP:TRANSPARENT", []),
        ("DTSTART;VALUE=DATE:20261201|STATUS:CANCELLED", []),
        ("DTSTART:20261201T090000|DTEND:20261201T090000", []),
        ("DTSTART;VALUE=DATE:20261225|RRULE:FREQ=YEARLY", ["2026-12-25 00:00 - 12-26 00:00", "2027-12-25 00:00 - 12-26 00:00"]),
        ("DTSTART:20261201T130000|DURATION:PT1H|RRULE:FREQ=WEEKLY;COUNT=3|EXDATE:20261208T130000",
         ["2026-12-01 13:00 - 12-01 14:00", "2026-12-15 13:00 - 12-15 14:00"]),
        ("DTSTART;VALUE=DATE:20261201|SUMMARY:通院\r\n   (private)", ["2026-12-01 00:00 - 12-02 00:00"]),  # a folded line
    ],
)  # fmt: skip
def test_what_becomes_an_absence(event: str, expected: list[str]) -> None:
    """Whole days, times with and without a zone, series; free, cancelled and past time is none."""
    assert spans(a_file(event, head=_TIMEZONE)) == expected


def test_a_series_keeps_the_wall_of_its_zone_over_a_clock_change() -> None:
    """Every Monday at nine in New York is nine before and after the clocks change."""
    raw = a_file(
        "DTSTART;TZID=America/New_York:20261026T090000|DURATION:PT1H|RRULE:FREQ=WEEKLY;UNTIL=20270401T000000Z"
    )
    zone = ZoneInfo("America/New_York")
    found, _ = ical.read(raw, zone, datetime(2026, 10, 1, tzinfo=UTC))
    assert {f"{one.starts.astimezone(zone):%a %H:%M}" for one in found} == {"Mon 09:00"}
    assert len({one.starts.hour for one in found}) == 2


def test_meetings_can_be_left_out() -> None:
    """With whole days only, an hour's meeting is no absence."""
    raw = a_file("DTSTART:20261201T090000|DURATION:PT1H", "DTSTART;VALUE=DATE:20261202")
    assert len(spans(raw)) == 2
    assert spans(raw, all_day_only=True) == ["2026-12-02 00:00 - 12-03 00:00"]


def test_one_of_a_series_that_was_moved_stays_the_same_one() -> None:
    """A moved or changed occurrence keeps its name, so that a second import changes it and adds none."""
    base = "UID:s|DTSTART:20261201T130000|DURATION:PT1H|RRULE:FREQ=WEEKLY;COUNT=2"
    before, _ = ical.read(a_file(base), TOKYO, NOW)
    moved = "UID:s|RECURRENCE-ID:20261208T130000|DTSTART:20261209T150000|DURATION:PT1H"
    after, uids = ical.read(a_file(base, moved), TOKYO, NOW)
    assert sorted(one.occurrence for one in before) == sorted(one.occurrence for one in after)
    assert uids == {"s"}
    assert {one.starts.day for one in after} == {1, 9}


GOOD = "DTSTART;VALUE=DATE:20261201"


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "line 1: the file is empty"),
        (b"hello\r\n", "line 1: not a line of a calendar file"),
        (b"X-A:1\r\n", "line 1: stands outside"),
        (a_file(GOOD).replace(b"UID:u0", b"UID u0"), "line 5: not a line of a calendar file"),
        (a_file(GOOD).replace(b"END:VEVENT\r\n", b""), "line 7: END:VCALENDAR, but VEVENT of line 4 is open"),
        (a_file(GOOD)[:-40], "line 6: the file ends inside VEVENT of line 4"),
        (a_file(GOOD) + b"END:VEVENT\r\n", "line 9: END:VEVENT, but nothing is open"),
        (a_file(GOOD, "DTSTART:2026-12-03"), "line 10: DTSTART: Expected"),
        (a_file(GOOD, "DTEND:20261203T000000"), "line 8: the event has no DTSTART"),
        (a_file("DTSTART:20261203T090000|DTEND:20261203T080000"), "line 7: the event ends before it starts"),
        (a_file("DTSTART:20261203T090000|DTEND;VALUE=DATE:20261204"), "line 7: DTEND and DTSTART are not both"),
        (a_file("DTSTART;TZID=Nowhere/Land:20261203T090000|DURATION:PT1H"), "line 6: 'Nowhere/Land' is no time zone"),
        (a_file(f"{GOOD}|RRULE:FREQ=SECONDLY"), "line 7: FREQ=SECONDLY is not taken"),
        (a_file(f"{GOOD}|RRULE:FREQ=NEVER"), "line 7: RRULE: Expected frequency"),
        (a_file(GOOD).replace(b"UID:u0\r\n", b""), "line 4: the event has no UID"),
        (a_file(f"{GOOD}|SUMMARY:\xff").replace("\xff".encode(), b"\xff"), "line 7: is not UTF-8"),
        (b"x" * (ical.MAX_BYTES + 1), "larger than"),
        (a_file(*[f"DTSTART:20261203T{n % 24:02}0000|DURATION:PT1H|RRULE:FREQ=DAILY" for n in range(6)]), "more than 2000 absences"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_the_line(raw: bytes, words: str) -> None:
    """Not a part of it is taken: a wrong absence is worse than none."""
    with pytest.raises(Refused) as refused:
        ical.read(raw, TOKYO, NOW)
    assert words in str(refused.value)


_LINES = st.sampled_from(a_file(f"{GOOD}|RRULE:FREQ=DAILY;COUNT=3", head=_TIMEZONE).splitlines(keepends=True))


@given(st.lists(_LINES | st.binary(max_size=20).map(lambda raw: raw + b"\r\n"), max_size=25))
def test_no_file_breaks_the_reader(lines: list[bytes]) -> None:
    """Any mixture of lines is read or refused with a line, never anything else."""
    said = "line 1"
    try:
        ical.read(b"".join(lines), TOKYO, NOW)
    except Refused as refused:
        said = str(refused)
    assert said.startswith("line ")
