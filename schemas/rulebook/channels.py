"""The notices part of team.yaml: by which channels people are told, when not, and what a channel may show.

Secrets never stand in a rulebook: it is kept for ever and read by many. An address that is a secret, or holds
one, is the name of an environment variable, written `${TASUKI_CHANNEL_...}`; no other variable can be named,
so that whoever writes rules cannot have the database's password sent somewhere.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from schemas.base import Contract, Duration, Slug

ChannelKind = Literal["email", "slack", "teams", "chatwork", "line", "lineworks", "webhook", "apprise"]
#: What a channel may show of a lead: all; name and company; or the lead's number alone.
PersonalData = Literal["full", "name_and_company", "none"]
NoticeKind = Literal[
    "offer", "warning", "reminder", "breach", "withdrawn", "moved", "escalation", "claim_open", "claimed", "claim_over",
    "rep_left",
]  # fmt: skip

#: The channel that every rep has without anybody defining it: their own address.
EMAIL: Final = "email"
#: Kinds whose address is a URL that is called.
URL_KINDS: Final = frozenset({"slack", "teams", "lineworks", "webhook"})
#: What a variable in a rulebook looks like; group 1 is its name.
VARIABLE: Final = re.compile(r"\$\{(TASUKI_CHANNEL_[A-Z0-9_]{1,80})\}")

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _quiet(value: str) -> str:
    if not _HOURS.fullmatch(value) or value[:5] == value[6:]:
        msg = f"{value!r} is not a span of hours; write one such as 20:00-08:00 (it may pass midnight)"
        raise ValueError(msg)
    return value


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):
        msg = "must be the name of a variable, such as ${TASUKI_CHANNEL_SALES_SLACK}; a secret never stands here"
        raise ValueError(msg)
    return value


#: Local hours in which nothing that can wait is sent; `20:00-08:00` passes midnight.
QuietHours = Annotated[str, AfterValidator(_quiet)]
#: `${TASUKI_CHANNEL_...}`: the environment variable that holds a secret.
Variable = Annotated[str, AfterValidator(_variable)]


class ChannelSpec(Contract):
    """One named way to reach people."""

    id: Slug
    kind: ChannelKind
    #: Where to: an e-mail address, a Chatwork room, a LINE user or group id, a webhook's URL, or a variable.
    address: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    #: The token or signing secret that goes with the address.
    secret: Variable | None = None
    personal_data: PersonalData = "full"


class Digest(Contract):
    """Many at once are told as one."""

    #: More than so many for one person by one channel within `within` are one message.
    when_more_than: int = Field(default=5, ge=1, le=1_000)
    within: Duration = 600


class Urgent(Contract):
    """What breaks through quiet hours, besides policies whose `time` is `wall`."""

    policies: list[Slug] = []
    kinds: list[NoticeKind] = []


class Fallback(Contract):
    """When the next channel of `notify` takes over; a refusal is taken over at once."""

    #: Tries that failed.
    after_tries: int = Field(default=5, ge=1, le=100)
    #: The receiver has been away for so long.
    after: Duration = 900


class NoticesSpec(Contract):
    """How all reps are told, where they do not say otherwise."""

    digest: Digest = Digest()
    urgent: Urgent = Urgent()
    fallback: Fallback = Fallback()
