"""A lead event as the inside handles it: checked, trimmed, and with everything worked out that is asked of it.

The contract with producers is `schemas.event.Event`, a pydantic model that explains every refusal. This is what
is left of it once it holds: one flat struct, since an event is read once and asked some forty times.
"""

import zlib
from typing import Any, Final

import msgspec

from schemas.identity import DEAL_STATUS, SALES_ACTIVITY
from schemas.lead import Deal
from schemas.machines import is_machine

#: Fields of `data` on how an activity came about.
TOUCH: Final = frozenset({"mail_id", "mail_link", "mail_sent_at", "user_agent", "machine"})


class LeadEvent(msgspec.Struct, frozen=True):
    """One fact about a lead. `(source, id)` names it for ever."""

    id: str
    source: str
    type: str
    #: When it happened, in ms since 1970, as the producer says: not yet capped at its receipt.
    at_ms: int
    #: Identity keys, the most certain first.
    keys: list[tuple[str, str]]
    #: What it says of the lead: profile field -> value. Nothing in it is None.
    profile: dict[str, Any]
    activity: str | None = None
    #: channel -> allowed; channels of which nothing was said are not in it.
    consent: dict[str, bool] = {}
    #: The CRM's key of the opportunity, where this is an outcome, and its word on it.
    opportunity: str | None = None
    deal: Deal | None = None
    #: Of an opened or clicked mail: hash of its name, hash of the link, when it was sent (ms), 1 for a machine.
    #: 0 where nothing was said.
    touch: tuple[int, int, int, int] | None = None
    #: What a rep did, and who (a rep's id, address, or user id of the CRM), where that is told.
    sales: str | None = None
    by: str | None = None


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
    touch = None if TOUCH.isdisjoint(said) else _touch(said)
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
