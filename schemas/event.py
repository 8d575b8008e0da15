"""The canonical lead event: CloudEvents 1.0 names, and one flat `data` for every type.

Fields that are not named here are dropped: nothing in a payload can set a score or a stage.
"""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator, model_validator

from schemas.activity import ActivityKind, SalesActivity
from schemas.event_fields import (
    Amount,
    CorporateNumber,
    Count,
    Country,
    Currency,
    Email,
    Language,
    Line,
    LongLine,
    Name,
    RepId,
)
from schemas.identity import deal_key, keys_of
from schemas.lead_event import TOUCH, LeadEvent, flatten

EventType = Literal[
    "lead.captured",
    "lead.activity",
    "lead.consent",
    "outcome.opened",
    "outcome.won",
    "outcome.lost",
    "outcome.activity",
]

#: All event types, for messages.
EVENT_TYPES: Final[tuple[str, ...]] = get_args(EventType)


def _said_only(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    return {
        name: value
        for name, value in said.items()
        if value is not None and not (type(value) is str and (not value or value.isspace()))
    }


class EventData(BaseModel):
    """What an event says of a lead. Every field is optional; absent and null mean "nothing said"."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    email: Email | None = None
    name: Line | None = None
    family_name: Line | None = None
    given_name: Line | None = None
    title: Line | None = None
    department: Line | None = None
    phone: Line | None = None
    language: Language | None = None
    company: Line | None = None
    company_domain: Line | None = None
    #: 法人番号.
    corporate_number: CorporateNumber | None = None
    employees: Count | None = None
    industry: Line | None = None
    #: ISO 3166 code of two letters.
    country: Country | None = None
    region: Line | None = None
    #: As written, 100-0001; tells the prefecture of who names none.
    postal_code: Line | None = None
    campaign: Line | None = None
    #: The rep (by id in team.yaml) who owns the account, where a CRM says so.
    account_owner: RepId | None = None
    #: What the lead did, for `lead.activity` (and for a capture that is itself an act, as a form).
    activity: ActivityKind | None = None
    #: Of a mail that was sent, opened or clicked: its name (one for each mailing will do), and when it was sent.
    mail_id: Line | None = None
    mail_sent_at: AwareDatetime | None = None
    #: The link that was clicked.
    mail_link: LongLine | None = None
    #: The program that did it, and whether the sender takes it for a machine.
    user_agent: LongLine | None = None
    machine: bool | None = None
    #: Permission by channel: `email`, `phone`, `all`. Absent or null says nothing; false is a withdrawal.
    consent: dict[Literal["email", "phone", "all"], bool | None] | None = None
    #: The CRM's key of the opportunity, for outcomes.
    opportunity: Line | None = None
    #: Where it stands, in the CRM's words.
    opportunity_stage: Line | None = None
    amount: Amount | None = None
    #: ISO 4217 code of three letters.
    currency: Currency | None = None
    reason: Line | None = None
    #: What a rep did, for `outcome.activity`, and who: the rep's id, address, or user id of the CRM.
    sales_activity: SalesActivity | None = None
    by: Line | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_unsaid(cls, said: Any) -> Any:
        """Take null and blank for nothing said, in one pass: forms send them for every field."""
        return _said_only(said)


class Event(BaseModel):
    """One fact about a lead, as a producer states it. `(source, id)` names it for ever."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    id: Name
    source: Name
    type: EventType
    time: AwareDatetime
    #: The producer's own key of the lead, or an e-mail address.
    subject: Name | None = None
    data: EventData

    @field_validator("subject", mode="before")
    @classmethod
    def _blank_is_none(cls, said: Any) -> Any:
        """Take a blank subject for none."""
        return None if isinstance(said, str) and not said.strip() else said

    @cached_property
    def identity_keys(self) -> list[tuple[str, str]]:
        """Return the identity keys, the most certain first: the producer's own key, the address, the deal."""
        deal = deal_key(self.type, self.subject, self.data.email, self.data.opportunity)
        return keys_of(self.source, self.subject, self.data.email, deal)

    def flat(self) -> LeadEvent:
        """Return the event as the inside handles it."""
        data = self.data
        said = {name: value for name, value in data.__dict__.items() if value is not None}
        if data.consent is not None:
            said["consent"] = {channel: word for channel, word in data.consent.items() if word is not None}
        if data.mail_sent_at is not None:
            said["mail_sent_at"] = (data.mail_sent_at - _EPOCH) // _MS
        at_ms = (self.time - _EPOCH) // _MS
        return flatten(self.id, self.source, self.type, at_ms, self.subject, self.identity_keys, said)


_NOT_PROFILE: Final = (
    "activity", "consent", "opportunity", "opportunity_stage", "amount", "currency", "reason", "sales_activity", "by", *TOUCH,
)  # fmt: skip
#: Fields of `data` that describe the lead itself; the others are what it did, permits or bought.
PROFILE: Final = frozenset(name for name in EventData.model_fields if name not in _NOT_PROFILE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
