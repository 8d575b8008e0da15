"""scoring.yaml: what does an activity count?"""

from pydantic import Field

from schemas.activity import ActivityKind
from schemas.base import Contract, Wording
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


class ScoringFile(Contract):
    """The whole of scoring.yaml."""

    half_life_days: float = Field(gt=0, le=3650)
    activities: dict[ActivityKind, ActivityPoints] = Field(min_length=1)
    examples: list[Example] = []
