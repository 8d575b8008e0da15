"""sla.yaml: by when?"""

from typing import Literal

from pydantic import Field

from schemas.base import Contract, Duration, Slug, Wording
from schemas.rulebook.example import ClockExample


class Promise(Contract):
    """One clock of a policy: how long, when to warn, and what a breach does."""

    within: Duration
    #: The rep is warned so long after the start; before `within`.
    warn_after: Duration | None = None
    on_breach: Literal["next_rep", "remind"] = "next_rep"


class SlaPolicy(Contract):
    """What sales promises for a lead of this kind."""

    id: Slug
    name: Wording
    #: `business`: only the rep's working time counts; `wall`: every hour counts.
    time: Literal["business", "wall"] = "business"
    accept: Promise
    contact: Promise
    #: After so many reps have let it pass, the pool's manager gets the lead.
    hops: int = Field(default=2, ge=0, le=20)


class SlaFile(Contract):
    """The whole of sla.yaml."""

    policies: list[SlaPolicy] = Field(min_length=1)
    examples: list[ClockExample] = []
