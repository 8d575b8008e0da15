"""team.yaml: who is there?"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from schemas.base import Contract, Duration, Lang, Slug, Wording
from schemas.event_fields import Email
from schemas.rulebook.channels import ChannelSpec, Digest, NoticesSpec, QuietHours
from schemas.rulebook.example import CalendarExample
from schemas.rulebook.zones import zone_name

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


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


_DAY_OF_YEAR = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_LEAP_YEAR = 2024


def _day_of_year(value: str) -> str:
    found = _DAY_OF_YEAR.fullmatch(value)
    try:
        date(_LEAP_YEAR, int(found[1]), int(found[2]))  # type: ignore[index]
    except (TypeError, ValueError):
        msg = f"{value!r} is not a day of the year; write month and day, such as 12-29"
        raise ValueError(msg) from None
    return value


DayOfYear = Annotated[str, AfterValidator(_day_of_year)]


class YearlySpan(Contract):
    """Days that are closed every year, both ends included; `12-29` to `01-03` runs into the next year."""

    first: DayOfYear
    last: DayOfYear
    name: str = ""


class CalendarSpec(Contract):
    """Working time: hours by weekday, national holidays by the library, company days by hand."""

    id: Slug
    zone: Annotated[str, AfterValidator(zone_name)]
    hours: dict[Weekday, list[Hours]] = Field(min_length=1)
    #: Countries (`JP`) or subdivisions (`US-CA`) whose public holidays are closed.
    holidays: list[Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]] = []
    closed: list[DaySpan] = []
    #: Company days of every year: 年末年始, お盆.
    yearly: list[YearlySpan] = []
    #: Days with hours of their own: half days, or a holiday that is worked.
    special: dict[date, list[Hours]] = {}


class Cap(Contract):
    """At most so many leads received, from all pools together, in a span of time.

    `calendar` counts from the start of the hour, day, week (Monday) or month on the rep's own clock;
    `rolling` looks back 1 hour, 24 hours, 7 days or 30 days from now.
    """

    at_most: int = Field(ge=0, le=10_000)
    per: Literal["hour", "day", "week", "month"]
    window: Literal["rolling", "calendar"] = "calendar"


class Capacity(Contract):
    """How many leads a rep may hold at a time, and receive in a local day and in other spans."""

    open: int = Field(ge=0, le=10_000)
    per_day: int = Field(default=1_000, ge=0, le=10_000)
    caps: list[Cap] = Field(default=[], max_length=8)


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
    #: What `best_match` looks for: skills by name, and languages (two letters) besides `language`.
    skills: list[Slug] = []
    languages: list[Annotated[str, Field(pattern=r"^[a-z]{2}$")]] = []
    calendar: Slug
    capacity: Capacity
    absences: list[Absence] = []
    active: bool = True
    #: Who gets what waits for this manager while they are away for long, and is told of it.
    reports_to: Slug | None = None
    #: Channels by id, the first goes first; the others take over when it fails. None: by e-mail.
    notify: list[Slug] = []
    quiet_hours: list[QuietHours] = []
    digest: Digest | None = None


class Member(Contract):
    """A rep's place in a pool; a weight of 2 means twice as many turns, 0 means none."""

    rep: Slug
    weight: int = Field(default=1, ge=0, le=100)


class Returning(Contract):
    """What becomes of the turns of a pool that a rep missed while absent (off hours and full are no absence).

    `none`: nothing, the rep goes on with the credit they left with. `average`: the rep starts level with the
    others. `credit`: turns missed in the last `window` are made up, at double pace at most; what is not made up
    `expires` after the return.
    """

    policy: Literal["none", "average", "credit"] = "none"
    window: Duration = 14 * 86_400
    expires: Duration = 30 * 86_400


class Joining(Contract):
    """With what credit a new member begins: `none` owed or owing, or the `average` of the others."""

    policy: Literal["none", "average"] = "none"


class PoolSpec(Contract):
    """Reps who share leads, and the manager who is told when nobody moves."""

    id: Slug
    name: Wording
    members: list[Member]
    manager: Slug
    returning: Returning = Returning()
    joining: Joining = Joining()
    #: The pool that takes over while nobody here is at work, when the next opening is further off than this.
    standby: Slug | None = None
    standby_after: Duration = 4 * 3600
    #: Offers of this pool that one rep may decline in a local day; None for as many as they like.
    declines_per_day: int | None = Field(default=None, ge=0, le=1_000)


class TeamFile(Contract):
    """The whole of team.yaml."""

    calendars: list[CalendarSpec] = Field(min_length=1)
    reps: list[RepSpec] = Field(min_length=1)
    pools: list[PoolSpec] = Field(min_length=1)
    channels: list[ChannelSpec] = []
    notices: NoticesSpec = NoticesSpec()
    examples: list[CalendarExample] = []
