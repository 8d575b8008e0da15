"""Times as forms and Japanese tools write them, read in a stated zone."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.errors import NotUnderstood
from worker.intake.adapters.shape import instant

#: Era -> the year before its first.
_ERAS: Final = {"令和": 2018, "令": 2018, "R": 2018, "平成": 1988, "平": 1988, "H": 1988}
#: 2026/11/24 9:05:30, 2026年11月24日(火) 午後3時5分, 令和8年11月24日 9:05; the time of day may be missing.
_CIVIL: Final = re.compile(
    r"(?:(?P<era>令和?|平成?|[RH])(?P<era_year>\d{1,2}|元)|(?P<year>\d{4}))\s*[年/.\-]\s*"
    r"(?P<month>\d{1,2})\s*[月/.\-]\s*(?P<day>\d{1,2})\s*日?\s*(?:[(][^)]{1,3}[)])?\s*"
    r"(?:T?(?P<half>午前|午後|AM|PM)?\s*(?P<hour>\d{1,2})\s*[時:]\s*(?P<minute>\d{1,2})\s*分?"
    r"(?:\s*:?\s*(?P<second>\d{1,2})\s*秒?)?)?"
)
#: 20261124 and 20261124090530, which as epochs would lie before 1974 or after 2500.
_COMPACT: Final = re.compile(
    r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?"
)
#: A day as Excel keeps it, in days since 1899-12-30, of 1954 to 2119; the time of day is a fraction. As an epoch it
#: would be the first day of 1970.
_SERIAL: Final = re.compile(r"[2-7]\d{4}(?:\.\d+)?")
_SERIAL_ZERO: Final = date(1899, 12, 30)
_NOON: Final = 12
_MEND: Final = "not a time; send ISO 8601, or state its `format` in the mapping"


def read_time(value: Any, zone: str, pattern: str | None, place: str) -> str | None:
    """Return an instant as ISO 8601 in UTC, or None where nothing is said.

    Args:
        value: text, or an epoch in seconds or milliseconds.
        zone: the zone of a time that states none; a time that does not exist there (summer time begins) is
            moved on by the gap, one that stands twice is the earlier.
        pattern: as strptime, or None for the forms that are understood without one.
        place: the path, for the error.

    Raises:
        NotUnderstood: when it is no time.

    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if pattern is None and (day := serial_day(value)) is not None:
        raise NotUnderstood(
            place, f"{value} looks like the number by which Excel keeps {day}; send the date as text: {day}"
        )
    if pattern is not None:
        try:
            found = datetime.strptime(str(value).strip(), pattern)  # noqa: DTZ007 - its zone follows
        except ValueError:
            raise NotUnderstood(place, f"not a time of the form {pattern}") from None
        return _in_utc(found, zone, place)
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        return instant(value, place)
    text = unicodedata.normalize("NFKC", str(value)).strip()
    match = _COMPACT.fullmatch(text) or _CIVIL.fullmatch(text)
    if match is None and re.fullmatch(r"-?[0-9]{1,18}", text):
        return instant(text, place)
    if match is not None:
        return _in_utc(_civil(match, place), zone, place)
    try:
        return _in_utc(datetime.fromisoformat(text), zone, place)
    except ValueError:
        raise NotUnderstood(place, _MEND) from None


def serial_day(value: Any) -> date | None:
    """Return the day that a value would be as a number of Excel's, None where it does not look like one.

    To be told only: the number of a day may be any other number, and Excel counts in two ways.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip()
    return _SERIAL_ZERO + timedelta(days=int(float(text))) if _SERIAL.fullmatch(text) else None


def _civil(match: re.Match[str], place: str) -> datetime:
    parts = match.groupdict()
    half = parts.get("half")
    year = int(match["year"]) if match["year"] else _year_of(match["era"], match["era_year"])
    hour = int(match["hour"] or 0)
    if half in ("午後", "PM") and hour < _NOON:
        hour += _NOON
    elif half in ("午前", "AM") and hour == _NOON:
        hour = 0
    try:
        late = timedelta(days=1) if hour == 24 else timedelta()  # noqa: PLR2004 - 24:00 is written in Japan
        day = datetime(year, int(match["month"]), int(match["day"]))  # noqa: DTZ001 - its zone follows
        clock = day.replace(
            hour=hour % 24 if late else hour,
            minute=int(match["minute"] or 0),
            second=int(match["second"] or 0),
        )
        return clock + late
    except (ValueError, OverflowError):
        raise NotUnderstood(place, "there is no such day or time") from None


def _year_of(era: str, year: str) -> int:
    return _ERAS[era] + (1 if year == "元" else int(year))


def _in_utc(found: datetime, zone: str, place: str) -> str:
    try:
        placed = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
        return placed.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise NotUnderstood(place, _MEND) from None
