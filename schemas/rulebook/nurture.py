"""nurture.yaml: what happens until a lead is ready, and after sales hands it back?"""

from typing import Literal

from pydantic import Field

from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import Example


class Track(Contract):
    """A nurture programme; the first whose `when` holds takes the lead, the last takes all."""

    id: Slug
    name: Wording
    when: Condition = {}
    #: A held lead is looked at again after so long, even when nothing happens.
    review_after: Duration


class RecycleReason(Contract):
    """Why sales may hand a lead back, and what follows."""

    id: Slug
    name: Wording
    then: Literal["nurture", "next_rep", "disqualify"]
    track: Slug | None = None
    #: Not offered to sales again before this has passed (30 days if not said), but for a new hand raise.
    cool_down: Duration = 30 * 86_400
    #: The lead was a bad one: the turn that the rep took with it is undone.
    gives_turn_back: bool = False


class NurtureFile(Contract):
    """The whole of nurture.yaml."""

    tracks: list[Track] = Field(min_length=1)
    reasons: list[RecycleReason] = Field(min_length=1)
    examples: list[Example] = []
