"""The hand-over: where a waiting lead is placed, and what a rep may do with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: `decline` answers an offer; `recycle` hands back a lead that was accepted.
Act = Literal["accept", "decline", "contacted", "recycle"]

#: Why an assignment ended.
EndReason = Literal[
    "declined",
    "accept_breached",
    "contact_breached",
    "recycled",
    "disqualified",
    "won",
    "lost",
    "merged",
    "erased",
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ready lead that no rep holds."""

    lead_id: int
    pool: str
    rule: str
    strategy: str
    sla: str
    owner: str | None
    #: Reps who had this lead since it became ready; it is not offered to them again.
    had: frozenset[str] = frozenset()
    #: Reps who let it pass since it became ready.
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """The lead goes to this rep now."""

    rep: str
    strategy: str
    #: rep -> why not: absent, closed, full, day_full, had_it, inactive, no_weight.
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody is at work but has no room; looked at again when room appears, at the latest then."""

    look_again_at: datetime
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True)
class Park:
    """Nobody is at work (or nobody is left); looked at again at that opening."""

    look_again_at: datetime
    reason: Literal["closed", "nobody_left", "broken_rule"]
    skipped: dict[str, str]


Placement = Offer | Wait | Park
