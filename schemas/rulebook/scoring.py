"""scoring.yaml: what does an activity count?"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.activity import ActivityKind
from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import Example


class ActivityPoints(Contract):
    """Points for one kind of activity."""

    points: float = Field(ge=-1000, le=1000)
    name: Wording | None = None
    #: Counted at most so many times a day.
    max_per_day: int = Field(default=1000, ge=1, le=1000)
    #: The kind adds (or takes away) at most so many points in all.
    max_points: float | None = Field(default=None, ge=0, le=10_000)
    #: Points halve in so many days; the file's default otherwise.
    half_life_days: float | None = Field(default=None, gt=0, le=3650)
    #: The group whose ceiling it shares.
    group: Slug | None = None


class PointsGroup(Contract):
    """A ceiling that several kinds share."""

    #: The group adds (or takes away) at most so many points in all.
    max_points: float = Field(ge=0, le=10_000)
    name: Wording | None = None


class Signal(Contract):
    """Points for what a lead is or said, for as long as it holds; they do not fade."""

    points: float = Field(ge=-1000, le=1000)
    when: Condition
    name: Wording | None = None
    group: Slug | None = None


#: A span in which no person acts twice: from a second to ten minutes.
Moment = Annotated[Duration, Field(ge=1, le=600)]


class AtOnce(Contract):
    """So many within a moment."""

    at_least: int = Field(ge=2, le=32)
    within: Moment


class Machines(Contract):
    """What gives a mail scanner or a prefetching mail program away. Absent marks are not looked for."""

    #: A mail was opened or clicked so soon after it was sent.
    soon: Moment | None = None
    #: Opens or clicks at once.
    burst: AtOnce | None = None
    #: Different links of one mail clicked at once.
    links: AtOnce | None = None
    #: The event says so itself: by `machine: true`, or by the user agent of a scanner.
    told: bool = True

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not (self.told or self.soon or self.burst or self.links):
            raise ValueError("looks for nothing; leave `machines` out, or name soon, burst, links or told")
        return self


class ScoringFile(Contract):
    """The whole of scoring.yaml."""

    half_life_days: float = Field(gt=0, le=3650)
    activities: dict[ActivityKind, ActivityPoints] = Field(min_length=1)
    groups: dict[Slug, PointsGroup] = {}
    signals: dict[Slug, Signal] = {}
    machines: Machines | None = None
    examples: list[Example] = []
