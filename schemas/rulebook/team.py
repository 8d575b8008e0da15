"""team.yaml: who is there?"""

import re
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, Field

from schemas.base import Contract, Lang, Slug, Wording
from schemas.event import Email
from schemas.rulebook.channels import ChannelSpec, Digest, NoticesSpec, QuietHours
from schemas.rulebook.example import CalendarExample

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError on some platforms
        msg = f"{value!r} is not a time zone; write one such as Asia/Tokyo"
        raise ValueError(msg) from error
    except KeyError as error:
        msg = f"{value!r} is not a time zone; write one such as Asia/Tokyo"
        raise ValueError(msg) from error
    return value


def _hours(value: str) -> str:
    if not _HOURS.fullmatch(value):
        msg = f"{value!r} is not a span of hours; write one such as 09:00-12:00"
        raise ValueError(msg)
    return value


Hours = Annotated[str, AfterValidator(_hours)]


class DaySpan(Contract):
    """Days on which a calendar is closed, both ends included."""

    first: date
    last: date
    name: str = ""


class CalendarSpec(Contract):
    """Working time: hours by weekday, national holidays by the library, company days by hand."""

    id: Slug
    zone: Annotated[str, AfterValidator(_zone)]
    hours: dict[Weekday, list[Hours]] = Field(min_length=1)
    #: Countries (`JP`) or subdivisions (`US-CA`) whose public holidays are closed.
    holidays: list[Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]] = []
    closed: list[DaySpan] = []
    #: Days with hours of their own: half days, or a holiday that is worked.
    special: dict[date, list[Hours]] = {}


class Capacity(Contract):
    """How many leads a rep may hold at a time and receive in a local day."""

    open: int = Field(ge=0, le=10_000)
    per_day: int = Field(default=1_000, ge=0, le=10_000)


class Absence(Contract):
    """A time in which a rep takes no lead and no clock of theirs runs."""

    starts: AwareDatetime
    ends: AwareDatetime
    reason: str = ""


class RepSpec(Contract):
    """One person who can take a lead."""

    id: Slug
    name: Wording
    email: Email
    role: Literal["rep", "manager"] = "rep"
    language: Lang = "ja"
    calendar: Slug
    capacity: Capacity
    absences: list[Absence] = []
    active: bool = True
    #: Channels by id, the first goes first; the others take over when it fails. None: by e-mail.
    notify: list[Slug] = []
    quiet_hours: list[QuietHours] = []
    digest: Digest | None = None


class Member(Contract):
    """A rep's place in a pool; a weight of 2 means twice as many turns, 0 means none."""

    rep: Slug
    weight: int = Field(default=1, ge=0, le=100)


class PoolSpec(Contract):
    """Reps who share leads, and the manager who is told when nobody moves."""

    id: Slug
    name: Wording
    members: list[Member]
    manager: Slug


class TeamFile(Contract):
    """The whole of team.yaml."""

    calendars: list[CalendarSpec] = Field(min_length=1)
    reps: list[RepSpec] = Field(min_length=1)
    pools: list[PoolSpec] = Field(min_length=1)
    channels: list[ChannelSpec] = []
    notices: NoticesSpec = NoticesSpec()
    examples: list[CalendarExample] = []
