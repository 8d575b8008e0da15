"""journey.yaml: how do they buy?"""

from typing import Annotated

from pydantic import Field

from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import Example
from schemas.rulebook.persona import Agreed


class FallBack(Contract):
    """Where a lead is when the evidence of a stage has grown too old, and for how long."""

    to: Slug
    lasts: Annotated[Duration, Field(ge=1)]


class JourneyFile(Contract):
    """The shared customer journey: its stages in order, and what proves each."""

    agreed: Agreed
    stages: list[Slug] = Field(min_length=2, max_length=12)
    names: dict[Slug, Wording] = {}
    evidence: dict[Slug, Condition]
    sales_may_start_at: Slug
    #: Without it, a lead whose evidence grew too old is where its other evidence puts it.
    falls_back: dict[Slug, FallBack] = {}
    examples: list[Example] = []
