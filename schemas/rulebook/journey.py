"""journey.yaml: how do they buy?"""

from pydantic import Field

from schemas.base import Condition, Contract, Slug, Wording
from schemas.rulebook.example import Example
from schemas.rulebook.persona import Agreed


class JourneyFile(Contract):
    """The shared customer journey: its stages in order, and what proves each."""

    agreed: Agreed
    stages: list[Slug] = Field(min_length=2, max_length=12)
    names: dict[Slug, Wording] = {}
    evidence: dict[Slug, Condition]
    sales_may_start_at: Slug
    examples: list[Example] = []
