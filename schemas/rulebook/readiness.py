"""readiness.yaml: when is a lead sales-ready?"""

from pydantic import Field

from schemas.base import Condition, Contract, Slug, Wording
from schemas.rulebook.example import Example
from schemas.rulebook.persona import Agreed


class Thresholds(Contract):
    """What a rule asks of one persona, in place of what stands in its `when`."""

    fit: float | None = Field(default=None, ge=0, le=100)
    fit_grade: str | None = Field(default=None, pattern="^[ABCD]$")
    engagement: float | None = Field(default=None, ge=0, le=100_000)
    buying_stage: Slug | None = None


class ReadyRule(Contract):
    """One way to be sales-ready; the first that holds is the reason."""

    name: str = Field(min_length=1, max_length=100)
    title: Wording | None = None
    when: Condition
    #: persona -> its own thresholds.
    personas: dict[Slug, Thresholds] = {}


class ReadinessFile(Contract):
    """The whole of readiness.yaml."""

    agreed: Agreed
    ready: list[ReadyRule] = Field(min_length=1)
    examples: list[Example] = []
