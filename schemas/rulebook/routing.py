"""routing.yaml: who gets it?"""

from typing import Literal

from pydantic import Field

from schemas.base import Condition, Contract, Slug
from schemas.rulebook.example import Example

Strategy = Literal["owner", "round_robin", "least_loaded"]


class Target(Contract):
    """A pool and how it shares; `owner` needs no pool."""

    pool: Slug | None = None
    strategy: Strategy


class RoutingRule(Contract):
    """One rule; the first that matches decides."""

    name: str = Field(min_length=1, max_length=100)
    when: Condition
    to: Target
    sla: Slug
    #: Higher goes first when a pool has more leads than hands.
    priority: int = Field(default=0, ge=0, le=9)


class Otherwise(Contract):
    """Where every lead goes that no rule takes."""

    pool: Slug
    strategy: Strategy
    sla: Slug
    priority: int = Field(default=0, ge=0, le=9)


class RoutingFile(Contract):
    """The whole of routing.yaml."""

    rules: list[RoutingRule] = []
    otherwise: Otherwise
    examples: list[Example] = []
