"""readiness.yaml: when is a lead sales-ready?"""

from pydantic import Field

from schemas.base import Condition, Contract, Wording
from schemas.rulebook.example import Example
from schemas.rulebook.persona import Agreed


class ReadyRule(Contract):
    """One way to be sales-ready; the first that holds is the reason."""

    name: str = Field(min_length=1, max_length=100)
    title: Wording | None = None
    when: Condition


class ReadinessFile(Contract):
    """The whole of readiness.yaml."""

    agreed: Agreed
    ready: list[ReadyRule] = Field(min_length=1)
    examples: list[Example] = []
