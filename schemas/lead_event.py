"""A lead event as the inside handles it: checked, trimmed, and with everything worked out that is asked of it.

The contract with producers is `schemas.event.Event`, a pydantic model that explains every refusal. This is what
is left of it once it holds: one flat struct, since an event is read once and asked some forty times.
"""

from typing import Any

import msgspec

from schemas.lead import Deal


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
