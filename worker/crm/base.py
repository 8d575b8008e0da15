"""What every CRM can do, and what it answers for each lead."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from schemas.errors import Away

#: Returns which leads these records are by our own links.
Held = Callable[[Sequence[str]], Mapping[str, int]]
How = Literal["created", "matched", "converted", "told"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One lead to write: the truth of this moment, and what is known of its record."""

    lead_id: int
    #: Neutral facts by the names of `worker.crm.card`.
    card: dict[str, Any]
    #: Changes with every change of the lead: a receiver tells a repeat by it.
    version: int = 0
    #: The record that the lead is, once it is known.
    object: str | None = None
    crm_id: str | None = None
    #: CRM field -> digest of what Tasuki wrote last.
    written: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """The record holds the truth. `note` says what could not be written although the rest was."""

    lead_id: int
    object: str
    crm_id: str
    how: How
    #: CRM field -> digest of what was written, also where the field held it already.
    written: dict[str, str] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The record was not written. `again` tells whether trying the same thing again can help."""

    lead_id: int
    error: str
    again: bool
    #: The record is gone for good: the link to it is to be forgotten.
    gone: bool = False


Result = Written | Failed


class Halted(Away):
    """The CRM went away at one lead: those before it have their results, and those after it were not tried."""

    def __init__(self, away: Away, results: Sequence[Result], lead_id: int) -> None:
        """Keep how far it came."""
        super().__init__(str(away), away.retry_after_s)
        self.results = list(results)
        self.lead_id = lead_id


def already(lead_id: int, crm_id: str, other: Any) -> Failed:
    """Say that a record is another lead's."""
    return Failed(lead_id, f"record {crm_id} is lead {other} already; merge the two leads", again=False)


def not_theirs(
    wanted: Sequence["Wanted"], found: Mapping[int, str], by_number: Collection[int], held: Held
) -> dict[int, Failed]:
    """Return the leads that must not write to the record that was found for them: it is another lead's.

    Whoever is linked to a record goes before those who only look like it, in this round or in none.

    Args:
        wanted: the leads, in the order in which they are written.
        found: lead -> record that is there.
        by_number: leads whose record bears their number. After a merge was undone, the other lead's record does,
            until that lead is written: then there is something to wait for.
        held: our own links.

    """
    linked = {one.crm_id: one.lead_id for one in wanted if one.crm_id is not None}
    unsure = sorted({found[one.lead_id] for one in wanted if one.crm_id is None and one.lead_id in found})
    holder = {**(held(unsure) if unsure else {}), **linked}
    no: dict[int, Failed] = {}
    for one in wanted:
        crm_id = found.get(one.lead_id)
        other = one.lead_id if crm_id is None else holder.setdefault(crm_id, one.lead_id)
        if crm_id is None or other == one.lead_id:
            continue
        if one.crm_id is None and one.lead_id in by_number:
            words = f"record {crm_id} bears this lead's number and is lead {other}; that one is written first"
            no[one.lead_id] = Failed(one.lead_id, words, again=True)
        else:
            no[one.lead_id] = already(one.lead_id, crm_id, other)
    return no


@dataclass(frozen=True, slots=True)
class Linked:
    """A lead's record, to be deleted or anonymised."""

    lead_id: int
    object: str
    crm_id: str


@dataclass(frozen=True, slots=True)
class Deal:
    """The present state of an opportunity, as the CRM tells it when asked."""

    #: The key under which the CRM's own events name it, too.
    opportunity: str
    status: Literal["opened", "won", "lost"]
    at: datetime
    #: Ids of contacts and leads on it, the primary one first, as the CRM's events name them.
    people: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    amount: Any = None
    currency: str | None = None
    reason: str | None = None
    owner: str | None = None
    #: In the CRM's own words.
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """The present owner of a record that Tasuki writes."""

    crm_id: str
    #: The id as the CRM's own events name the record.
    key: str
    owner: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what changed, and the cursor from which to go on."""

    deals: tuple[Deal, ...]
    owned: tuple[Owned, ...]
    cursor: dict[str, Any]
    more: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at the CRM found."""

    #: Where it is, as the settings name it.
    url: str
    #: Calls left today by the CRM's own count, when it tells.
    calls_left: int | None = None


class Crm(Protocol):
    """A CRM behind one interface. Every call may raise `Away`: then nothing is known of any lead in it."""

    #: Leads written in one call at most.
    batch: int
    #: The field that holds the owner.
    owner_field: str

    def write(self, wanted: Sequence[Wanted], held: Held, /) -> list[Result]:
        """Create or update the record of each lead; one bad record stops no other, nor does another's change hands."""

    def preview(self, wanted: Wanted, held: Held, /) -> dict[str, Any]:
        """Return the fields that `write` would send, without sending them."""

    def erase(self, linked: Sequence[Linked], /) -> list[Result]:
        """Delete, anonymise or keep records of erased leads, as the mapping says; repeats are harmless."""

    def changes(self, cursor: dict[str, Any], since: datetime, /) -> Page:
        """Return opportunities and owners that changed after the cursor, or since then without one.

        Raises:
            Refused: this CRM cannot be asked.

        """

    def key_of(self, crm_id: str, /) -> str | None:
        """Return the id by which the CRM's own events name a record, or None when they name none."""

    def owner_emails(self, owners: Sequence[str], /) -> dict[str, str]:
        """Return the e-mail addresses of CRM users by their ids."""

    def calls_left(self) -> int | None:
        """Return how many calls are left today by the CRM's newest word, or None when it does not tell."""

    def look(self) -> Health:
        """Prove that the CRM is reached and lets us in."""
