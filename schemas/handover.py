"""The hand-over: where a waiting lead is placed, and what a rep may do with it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

#: `decline` answers an offer; `recycle` hands back a lead that was accepted. `attempted`: one more try to follow
#: up; `reached`: the person answered, and no more tries are owed.
Act = Literal["accept", "decline", "contacted", "recycle", "attempted", "reached"]

#: Why an assignment ended.
EndReason = Literal[
    "declined",
    "accept_breached",
    "contact_breached",
    "rep_left",
    "follow_up_breached",
    "rep_away",
    "recycled",
    "disqualified",
    "won",
    "lost",
    "merged",
    "erased",
]

#: What a row of a pool's ledger records.
TurnKind = Literal["taken", "returned", "joined", "average", "credit", "expired", "carried"]


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a routing rule asks of its strategy; kept with the lead while it waits and moves on."""

    #: `least_loaded` compares `open` leads or their `value` points.
    by: str = "open"
    skills: tuple[str, ...] = ()
    #: Two letters.
    language: str | None = None
    claim_for_s: int = 900
    #: Shares what nobody claimed, or whose owner is not there.
    then: str = "least_loaded"
    owner_wait_s: int = 259_200
    #: Whether the rep who accepted this lead before counts as its owner.
    former: bool = False


#: What a rule that says nothing asks.
USUAL: Final = Terms()


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
    terms: Terms = USUAL
    #: Value points.
    points: int = 1
    persona: str | None = None
    #: When the time to claim it ends or ended; None while it was never open to a claim.
    claim_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The lead goes to this rep now."""

    rep: str
    strategy: str
    #: rep -> why not: absent, closed, out_of_rotation, full, day_full, cap_*, had_it, inactive, no_weight; what is
    #: full with its count.
    skipped: dict[str, str]
    #: rep -> what the strategy compared.
    considered: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: In a round robin: rep -> share of this turn, and the share that absent reps would have had, in units.
    shares: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClaimOpen:
    """These reps may claim the lead until then, the first of them gets it."""

    reps: tuple[str, ...]
    until: datetime
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


Placement = Offer | ClaimOpen | Wait | Park
