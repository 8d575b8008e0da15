"""The canonical lead event: CloudEvents 1.0 names, and one flat `data` for every type.

Fields that are not named here are dropped: nothing in a payload can set a score or a stage.
"""

import re
import unicodedata
import zlib
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Annotated, Any, Final, Literal, get_args

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic import ValidationError as PydanticValidationError

from schemas.activity import ActivityKind, SalesActivity
from schemas.errors import NotUnderstood
from schemas.lead import Deal
from schemas.lead_event import LeadEvent
from schemas.machines import is_machine

#: The largest event taken, in bytes of JSON.
MAX_EVENT_BYTES: Final = 256 * 1024
#: Event times before this are typing errors or empty dates, not history.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: An event time further ahead of its receipt than this is refused; nearer ones are capped at receipt.
MAX_AHEAD: Final = timedelta(hours=24)

EventType = Literal[
    "lead.captured",
    "lead.activity",
    "lead.consent",
    "outcome.opened",
    "outcome.won",
    "outcome.lost",
    "outcome.activity",
]

#: Sources that begin so are outside sources that were asked about a lead; what they say is a guess.
GUESS_SOURCE: Final = "enrich:"

#: All event types, for messages.
EVENT_TYPES: Final[tuple[str, ...]] = get_args(EventType)

_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"\\]{1,64}@(?=[^@]{3,253}$)[^\s@.<>()\[\],;:\"\\]+(?:\.[^\s@.<>()\[\],;:\"\\]+)+"
)


@lru_cache(maxsize=65_536)
def normal_email(value: str) -> str:
    """Return an address as identity key: NFKC (full-width forms), trimmed, lower case, domains in their own script.

    Dots and +tags stay: with most providers they make another person's address, and a key must never join two.

    Raises:
        ValueError: when it does not have the shape of an address.

    """
    address = unicodedata.normalize("NFKC", value).strip().strip(".").lower()
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        msg = "not an e-mail address; send one such as hanako@example.co.jp"
        raise ValueError(msg)
    if address.isascii() and "xn--" not in address:
        return address
    try:
        return validate_email(address, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return address  # it has the shape of one, and stands for nobody else


def _said_only(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    return {
        name: value
        for name, value in said.items()
        if value is not None and not (type(value) is str and (not value or value.isspace()))
    }


_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-|–|〜|～|~|to)\s*(\d{1,9})\s*(?:人|名)?\s*")
_COUNT = re.compile(r"\s*(\d{1,9})\s*(?:\+|人|名|人以上|名以上)?\s*")


def _employees(value: Any) -> Any:
    if isinstance(value, str):
        return head_count(value)
    return str(value) if isinstance(value, bool) else value  # true is no head count


@lru_cache(maxsize=4_096)
def head_count(value: str) -> int:
    """Read "500", "１，０００人", "101-500" (the lower bound counts), "1000+".

    Raises:
        ValueError: when it does not say a number of people.

    """
    text = unicodedata.normalize("NFKC", value).replace(",", "")
    match = _RANGE.fullmatch(text) or _COUNT.fullmatch(text)
    if match is None:
        msg = "not a head count; send a whole number such as 500 or a range such as 101-500"
        raise ValueError(msg)
    return int(match[1])


def _no_flag(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value  # true is no amount


def _upper(value: str) -> str:
    return value.upper()


#: One line of text: what a mail header, a log line or a list can hold. Checked by pydantic's core, not by us.
_LINE: Final = "^[^\\x00-\\x1f\\x7f\u2028\u2029]*$"

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=_LINE)]
#: Links and user agents are longer.
LongLine = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000, pattern=_LINE)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=_LINE)]
Email = Annotated[str, Field(max_length=320), AfterValidator(normal_email)]
_Count = Annotated[int, Field(ge=0, le=10_000_000)]
Count = Annotated[_Count, BeforeValidator(_employees, json_schema_input_type=_Count | str)]
Country = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$"), AfterValidator(_upper)]
Amount = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, le=1e15)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$", max_length=35)]
CorporateNumber = Annotated[str, Field(pattern=r"^[0-9]{13}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
RepId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


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


#: Outcome type -> what it says of the opportunity.
DEAL_STATUS: Final = {"outcome.opened": "opened", "outcome.won": "won", "outcome.lost": "lost"}
#: What a rep did.
SALES_ACTIVITY: Final = "outcome.activity"
#: Fields of `data` on how an activity came about.
_TOUCH: Final = frozenset({"mail_id", "mail_link", "mail_sent_at", "user_agent", "machine"})
_NOT_PROFILE: Final = (
    "activity", "consent", "opportunity", "opportunity_stage", "amount", "currency", "reason", "sales_activity", "by", *_TOUCH,
)  # fmt: skip
#: Fields of `data` that describe the lead itself; the others are what it did, permits or bought.
PROFILE: Final = frozenset(name for name in EventData.model_fields if name not in _NOT_PROFILE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def deal_key(event_type: str, subject: str | None, email: str | None, opportunity: str | None) -> str | None:
    """Return the opportunity where it says whose event this is.

    What a rep did about a deal may have been with a colleague of its lead: it leads there if nobody is named.
    """
    if event_type in DEAL_STATUS or (event_type == SALES_ACTIVITY and not subject and not email):
        return opportunity
    return None


def keys_of(source: str, subject: str | None, email: str | None, deal: str | None) -> list[tuple[str, str]]:
    """Return identity keys, the most certain first.

    The CRM's key of an opportunity joins its later outcomes, which often name nobody, to the lead of the
    first one that did.

    Raises:
        ValueError: when the subject looks like an address and is none.

    """
    found: list[tuple[str, str]] = []
    if source.startswith(GUESS_SOURCE):
        # An answer names the lead that was asked about, by our own number; it makes no lead and joins none.
        return [("lead", subject)] if subject and "@" not in subject else []
    if subject and subject != deal:
        if "@" in subject:
            found.append(("email", normal_email(subject)))
        else:
            found.append((f"ma:{source}", subject))
    if email and ("email", email) not in found:
        found.append(("email", email))
    if deal:
        found.append((f"deal:{source}", deal))
    return found


def flatten(
    event_id: str, source: str, event_type: str, at_ms: int, subject: str | None, keys: list[tuple[str, str]],
    said: dict[str, Any],
) -> LeadEvent:  # fmt: skip
    """Return the event as the inside handles it, from parts that were checked.

    A subject that is an address says the lead's address, unless `data` names one.

    Args:
        event_id: with `source` the name of the event for ever.
        source: who says so.
        event_type: one of EVENT_TYPES.
        at_ms: when it happened, in ms since 1970.
        subject: the producer's own key of the lead, or an address.
        keys: the identity keys.
        said: all fields of `data` that say something; taken over, and what is left is the profile.

    """
    pop = said.pop
    activity, consent = pop("activity", None), pop("consent", {})
    opportunity, amount = pop("opportunity", None), pop("amount", None)
    currency, reason = pop("currency", None), pop("reason", None)
    touch = None if _TOUCH.isdisjoint(said) else _touch(said)
    sales, by = pop("sales_activity", None), pop("by", None)
    stage = pop("opportunity_stage", None)
    if subject and "@" in subject and "email" not in said and keys and keys[0][0] == "email":
        said["email"] = keys[0][1]
    status = DEAL_STATUS.get(event_type)
    if event_type == SALES_ACTIVITY:
        return LeadEvent(event_id, source, event_type, at_ms, keys, said, None, consent, sales=sales, by=by)
    if status is None or opportunity is None:
        return LeadEvent(
            event_id, source, event_type, at_ms, keys, said, activity, consent, None, None, touch
        )
    deal = Deal(at_ms, status, amount, currency, reason, stage=stage)
    return LeadEvent(
        event_id, source, event_type, at_ms, keys, said, activity, consent, opportunity, deal, touch
    )


def _touch(said: dict[str, Any]) -> tuple[int, int, int, int]:
    """Take out of `said` how an activity came about. Names are only compared, so a hash of 32 bits will do."""
    mail, link = said.pop("mail_id", None), said.pop("mail_link", None)
    agent, machine = said.pop("user_agent", None), said.pop("machine", False)
    return (
        0 if mail is None else zlib.crc32(mail.encode()) or 1,
        0 if link is None else zlib.crc32(link.encode()) or 1,
        max(0, said.pop("mail_sent_at", 0)),
        int(machine or (agent is not None and is_machine(agent))),
    )


_NEEDED: Final = {
    "lead.activity": ("activity", "name what the lead did, such as pricing_view"),
    "lead.consent": ("consent", 'say which channel, such as {"email": false}'),
    "outcome.opened": ("opportunity", "name the CRM's opportunity"),
    "outcome.won": ("opportunity", "name the CRM's opportunity"),
    "outcome.lost": ("opportunity", "name the CRM's opportunity"),
    SALES_ACTIVITY: ("sales_activity", "say what the rep did, such as call_made"),
}


def understand(document: Any, received_at: datetime) -> Event:
    """Check one parsed document as a canonical event.

    Args:
        document: what strict JSON gave.
        received_at: when it was accepted; times far ahead of it are refused.

    Raises:
        NotUnderstood: with the field and the mend.

    """
    if not isinstance(document, dict):
        raise NotUnderstood(
            "event", f"a bare {type(document).__name__}; send an object with id, source, type, time, data"
        )
    try:
        event = Event.model_validate(document)
    except PydanticValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]") or "event"
        if first["type"] == "literal_error" and place == "type":
            raise NotUnderstood("type", f"unknown event type; known are {', '.join(EVENT_TYPES)}") from None
        raise NotUnderstood(place, _mend(first)) from None
    _check_meaning(event, received_at)
    return event


#: pydantic's error type -> what is wrong and what would be right.
_MENDS: Final = {
    "missing": "missing; send it",
    "string_type": "not text; send it as a string in quotes",
    "string_too_short": "empty; send it",
    "string_pattern_mismatch": "not of the form {pattern}",
    "int_type": "not a whole number; send one such as 500",
    "int_parsing": "not a whole number; send one such as 500",
    "int_from_float": "not a whole number; send one such as 500",
    "float_type": "not a number; send one such as 1200000",
    "float_parsing": "not a number; send one such as 1200000",
    "bool_type": "not true or false; send one of them",
    "bool_parsing": "not true or false; send one of them",
    "datetime_type": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "datetime_parsing": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "datetime_from_date_parsing": "not a time; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "timezone_aware": "has no zone; send ISO 8601 with a zone, such as 2026-11-24T09:00:00+09:00",
    "dict_type": "not an object; send {{...}}",
    "literal_error": "unknown; known are {expected}",
    "model_type": "not an object; send {{...}}",
    "model_attributes_type": "not an object; send {{...}}",
}


def _mend(error: Any) -> str:
    """Say what is wrong with a field, and what would be right, without quoting what was sent."""
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] == _LINE:
        return "holds a control character; send text on one line"
    known = _MENDS.get(error["type"])
    if known is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return known.format(**error.get("ctx", {}))


def _check_meaning(event: Event, received_at: datetime) -> None:
    if event.time < EARLIEST:
        raise NotUnderstood(
            "time", f"{event.time.isoformat()} is before {EARLIEST.date()}; send when it happened"
        )
    if event.time > received_at + MAX_AHEAD:
        raise NotUnderstood(
            "time",
            f"{event.time.isoformat()} is more than a day after it was received; check the sender's clock",
        )
    needed = _NEEDED.get(event.type)
    if needed and getattr(event.data, needed[0]) in (None, {}):
        raise NotUnderstood(f"data.{needed[0]}", f"missing; {needed[1]}")
    if event.type == SALES_ACTIVITY and event.data.activity is not None:
        raise NotUnderstood("data.activity", "is the lead's doing; say what the rep did in sales_activity")
    try:
        keys = event.identity_keys
    except ValueError as error:
        raise NotUnderstood("subject", str(error)) from None
    if not keys:
        raise NotUnderstood("subject", "no identity: send subject (your own key of the lead) or data.email")
