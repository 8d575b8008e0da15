"""sla.yaml: by when? The promises of both sides."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.activity import SalesActivity
from schemas.base import Condition, Contract, Duration, Slug, Wording
from schemas.rulebook.example import ClockExample

#: What a breach does. Those of MOVES take the lead out of the rep's hands; after all others it stays.
BreachAction = Literal["remind", "next_rep", "back_to_pool", "manager", "escalate", "out_of_rotation"]
MOVES = frozenset({"next_rep", "back_to_pool", "manager"})
#: The clocks of a promise, in the order in which they run.
ClockKind = Literal["accept", "contact", "follow_up"]
#: A share in percent.
Percent = Annotated[int, Field(ge=1, le=100)]
#: Facts of a lead whose being known can be promised.
LeadField = Literal[
    "email", "phone", "name", "family_name", "given_name", "title", "department", "company", "company_domain",
    "corporate_number", "employees", "industry", "country", "region", "language", "campaign",
]  # fmt: skip


class Promise(Contract):
    """One clock of a policy: how long, when to warn, and what a breach does."""

    within: Duration
    #: The rep is warned so long after the start, once or several times; before `within`.
    warn_after: Duration | list[Duration] | None = None
    #: One action, or several that are all done, in this order.
    on_breach: BreachAction | list[BreachAction] = "next_rep"
    #: For `out_of_rotation`: so long the rep gets no new leads.
    out_for: Duration = 2 * 3600
    #: A lead that stays is reminded of so often; the breach after that hands it to the manager.
    reminders: int | None = Field(default=None, ge=0, le=100)

    @property
    def warnings(self) -> list[int]:
        """The warnings in seconds after the start, the first one first."""
        if self.warn_after is None:
            return []
        return sorted(self.warn_after) if isinstance(self.warn_after, list) else [self.warn_after]

    @property
    def actions(self) -> list[BreachAction]:
        """What a breach does, in order."""
        return self.on_breach if isinstance(self.on_breach, list) else [self.on_breach]


class AcceptPromise(Promise):
    """The clock of an offer."""

    #: An absence entered later moves the deadline at most so long (by the wall); else the offer moves on.
    slip_at_most: Duration = 86_400


class FollowUp(Promise):
    """Attempts that are owed after first contact: so many in all, all of them `within`."""

    attempts: int = Field(ge=1, le=50)
    #: The next attempt is due so long after the one before.
    every: Duration | None = None
    on_breach: BreachAction | list[BreachAction] = "remind"


class EscalationStep(Contract):
    """Who is told when a breach is not mended, and how long after it."""

    tell: Slug
    after: Duration = 0


class SlaPolicy(Contract):
    """What sales promises for a lead of this kind."""

    id: Slug
    name: Wording
    #: `business`: only the rep's working time counts; `wall`: every hour counts.
    time: Literal["business", "wall"] = "business"
    accept: AcceptPromise
    contact: Promise
    follow_up: FollowUp | None = None
    #: What the CRM tells of the rep who holds the lead, and that counts as contact: as a try, or (call_made,
    #: meeting_held) as having reached the person. `[]`: only what the rep says here counts.
    crm_activities: list[SalesActivity] = ["call_made", "no_answer", "mail_sent", "meeting_held"]
    #: For `escalate`: who is told in turn, until somebody has done what the clock asked for.
    escalation: list[EscalationStep] = Field(default=[], max_length=20)
    #: After so many reps have let it pass, the pool's manager gets the lead.
    hops: int = Field(default=2, ge=0, le=20)

    def promise(self, kind: str) -> Promise | None:
        """Return the promise behind a clock; None when the policy makes none of that kind."""
        if kind == "accept":
            return self.accept
        return self.contact if kind == "contact" else self.follow_up


class PolicyChoice(Contract):
    """A policy for leads of a kind; the first whose `when` holds outranks the routing rule's own `sla`."""

    when: Condition
    #: Only for leads that these routing rules send; none named means any.
    rules: list[str] = []
    policy: Slug


class PauseReason(Contract):
    """Why a clock may stand still, and for how long in all."""

    id: Slug
    name: Wording
    #: All pauses of one clock for this reason together last at most so long, by the wall.
    at_most: Annotated[Duration, Field(ge=60)]
    clocks: list[ClockKind] = Field(default=["contact", "follow_up"], min_length=1)


class Volume(Contract):
    """So many leads are handed to sales."""

    leads: int = Field(ge=1, le=1_000_000)
    per: Literal["week", "month"] = "month"


class Completeness(Contract):
    """Of so many percent of the leads all these facts are known when they are handed over."""

    fields: list[LeadField] = Field(min_length=1)
    at_least: Percent


class PersonaShare(Contract):
    """So many percent of the leads are of these grades and of these personas; none named means any."""

    grades: list[Literal["A", "B", "C", "D"]] = []
    personas: list[Slug] = []
    at_least: Percent

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.grades and not self.personas:
            raise ValueError("asks for nothing; name grades, such as [A, B], or personas")
        return self


class NurtureTime(Contract):
    """So many percent of the leads are handed over within this time of their first event."""

    within: Duration
    at_least: Percent = 50


class MarketingPromises(Contract):
    """What marketing promises sales; each is kept or not in every month."""

    volume: Volume | None = None
    completeness: Completeness | None = None
    persona: PersonaShare | None = None
    nurture: NurtureTime | None = None


class SlaFile(Contract):
    """The whole of sla.yaml."""

    policies: list[SlaPolicy] = Field(min_length=1)
    select: list[PolicyChoice] = []
    pauses: list[PauseReason] = []
    #: A deadline that a change brings forward still leaves the rep so much of the policy's time.
    grace: Duration = 3600
    marketing: MarketingPromises = MarketingPromises()
    examples: list[ClockExample] = []
