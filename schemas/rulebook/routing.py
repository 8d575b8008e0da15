"""routing.yaml: who gets it?"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import Example

Strategy = Literal["owner", "round_robin", "least_loaded", "best_match", "claim"]
#: Strategies that always find somebody among those who can take the lead now.
Sharing = Literal["round_robin", "least_loaded", "best_match"]
#: A lead's value class, such as S, A and B.
ValueClass = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]?$")]
Grade = Literal["A", "B", "C", "D"]


class Wants(Contract):
    """What `best_match` looks for in a rep; `language: from_lead` is the lead's own."""

    skills: list[Slug] = []
    language: Annotated[str, Field(pattern=r"^([a-z]{2}|from_lead)$")] | None = None


class Way(Contract):
    """How a pool shares."""

    strategy: Strategy
    #: What `least_loaded` compares: open leads, or the value points of open leads.
    by: Literal["open", "value"] = "open"
    wants: Wants = Wants()
    #: How long a lead under `claim` can be claimed before `then` shares it.
    claim_for: Duration = 15 * 60
    #: How the pool shares what nobody claimed, or whose owner is not there.
    then: Sharing = "least_loaded"
    #: How long a lead waits for an owner who is off; absent for longer, the pool takes it.
    owner_wait: Duration = 72 * 3600
    #: Without an account owner, ask for the rep who accepted this person before; needs a pool.
    former: bool = False


class Target(Way):
    """A pool and how it shares; `owner` needs no pool."""

    pool: Slug | None = None


class RoutingRule(Contract):
    """One rule; the first that matches decides."""

    name: str = Field(min_length=1, max_length=100)
    #: What reps read of it.
    title: Wording | None = None
    when: Condition
    to: Target
    sla: Slug
    #: The lane: higher goes first when a pool has more leads than hands.
    priority: int = Field(default=0, ge=0, le=9)
    #: A class of `values`; without it `value_by_grade` says.
    value: ValueClass | None = None


class Otherwise(Way):
    """Where every lead goes that no rule takes."""

    pool: Slug
    title: Wording | None = None
    sla: Slug
    priority: int = Field(default=0, ge=0, le=9)
    value: ValueClass | None = None


class RoutingFile(Contract):
    """The whole of routing.yaml."""

    rules: list[RoutingRule] = []
    otherwise: Otherwise
    #: Value class -> points that `least_loaded` by value counts; a lead without a class counts 1.
    values: dict[ValueClass, Annotated[int, Field(ge=0, le=1_000)]] = {}
    value_by_grade: dict[Grade, ValueClass] = {}
    #: A waiting lead rises one lane in so much time, so that no lane waits for ever.
    rise_after: Annotated[Duration, Field(ge=60)] = 86_400
    examples: list[Example] = []
