"""nurture.yaml: what happens until a lead is ready, and after sales hands it back?"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import Example
from schemas.rulebook.outreach import OutreachSpec

#: Whole days, counted from an instant as 24 hours each; longer than a `Duration` may be.
Days = Annotated[int, Field(ge=1, le=3_650)]


class TrackStep(Contract):
    """Where a lead is on a track after so many days on it; days with sales do not count."""

    id: Slug
    name: Wording
    after_days: Annotated[int, Field(ge=0, le=3_650)]


class Track(Contract):
    """A nurture programme; the first whose `when` holds takes the lead, the last takes all."""

    id: Slug
    name: Wording
    when: Condition = {}
    #: Takes no lead by itself: reasons, `lost` and `dormant` send leads here.
    only_named: bool = False
    #: A held lead is looked at again after so long, even when nothing happens.
    review_after: Duration
    #: From the first on; a lead that comes back goes on where it was.
    steps: list[TrackStep] = Field(default=[], max_length=50)


class RecycleReason(Contract):
    """Why sales may hand a lead back, and what follows."""

    id: Slug
    name: Wording
    then: Literal["nurture", "next_rep", "disqualify"]
    #: Not said: the track that the lead was on when it became ready, where it left it.
    track: Slug | None = None
    #: Not offered to sales again before this has passed (30 days if not said), but for a new hand raise.
    cool_down: Duration = 30 * 86_400
    #: The lead was a bad one: the turn that the rep took with it is undone.
    gives_turn_back: bool = False


class Lost(Contract):
    """What becomes of a lead whose deal was lost; the first that names the CRM's reason, or names none."""

    id: Slug
    name: Wording
    #: Parts of the CRM's reason, in any case and width; none takes every reason.
    reasons: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default=[], max_length=50)
    track: Slug
    #: Days after the loss on which it comes back to nurture; lost until then.
    back_after_days: Days


class Dormant(Contract):
    """Held leads that do nothing for so many days go to a track of their own, until they stir."""

    silent_days: Days
    track: Slug


class Sunset(Contract):
    """Held leads that marketing stops writing to; whatever is said must hold."""

    id: Slug
    name: Wording
    when: Condition = {}
    #: Did nothing of its own for so many days.
    silent_days: Days | None = None
    #: First known so many days ago.
    age_days: Days | None = None

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if not self.when and self.silent_days is None and self.age_days is None:
            raise ValueError("takes every lead; say when, silent_days or age_days")
        return self


class NurtureFile(Contract):
    """The whole of nurture.yaml."""

    tracks: list[Track] = Field(min_length=1)
    reasons: list[RecycleReason] = Field(min_length=1)
    lost: list[Lost] = Field(default=[], max_length=50)
    dormant: Dormant | None = None
    sunset: list[Sunset] = Field(default=[], max_length=20)
    outreach: OutreachSpec | None = None
    examples: list[Example] = []
