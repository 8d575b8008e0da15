"""`examples:` at the end of a rule file: facts, and the verdict they must lead to."""

from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from schemas.activity import ActivityKind
from schemas.base import Contract, Slug
from schemas.decision import VerdictKind
from schemas.event import EventData


class ExampleLead(EventData):
    """What was said of the lead: the fields of an event's data. A typing error in them is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Did(Contract):
    """When the lead did something: so many days before now, once for each number."""

    days_ago: list[Annotated[float, Field(ge=0, le=3650)]] = Field(min_length=1, max_length=1000)


class _Expectation(Contract):
    """What must come out; only what is named is compared."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expects nothing; name at least one result, such as verdict")
        return self


class Expect(_Expectation):
    """The parts of a judgement that an example can ask for."""

    persona: Slug | None = None
    fit: int | None = None
    grade: str | None = Field(default=None, pattern="^[ABCD]$")
    #: Compared in whole points.
    engagement: float | None = None
    buying_stage: Slug | None = None
    verdict: VerdictKind | None = None
    #: The rule that decided: in routing.yaml the routing rule, elsewhere the ready rule or disqualifier.
    rule: str | None = None
    track: Slug | None = None
    pool: Slug | None = None
    strategy: str | None = None
    sla: Slug | None = None


class Example(Contract):
    """A lead, what it did, and the verdict."""

    name: str = ""
    lead: ExampleLead = ExampleLead()
    did: dict[ActivityKind, Did] = {}
    #: The rep who owns the lead's account.
    account_owner: Slug | None = None
    recycle_count: int = Field(default=0, ge=0, le=100)
    expect: Expect


class ExpectOpen(_Expectation):
    """Whether a calendar is open, or when it opens next."""

    open: bool | None = None
    opens: AwareDatetime | None = None


class CalendarExample(Contract):
    """A calendar at an instant."""

    name: str = ""
    calendar: Slug
    at: AwareDatetime
    expect: ExpectOpen


class ExpectClocks(_Expectation):
    """When the clocks of a promise run out."""

    accept_by: AwareDatetime | None = None
    contact_by: AwareDatetime | None = None


class ClockExample(Contract):
    """A lead offered to a rep at an instant, under a policy; both clocks are reckoned from that instant."""

    name: str = ""
    policy: Slug
    rep: Slug
    at: AwareDatetime
    expect: ExpectClocks
