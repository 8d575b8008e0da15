"""What every CRM can do, and what it answers for each lead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

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
    #: Seconds that the CRM asks to wait.
    wait_s: float | None = None
    #: The record is gone for good: the link to it is to be forgotten.
    gone: bool = False


Result = Written | Failed


def already(lead_id: int, crm_id: str, other: Any) -> Failed:
    """Say that a record is another lead's."""
    return Failed(lead_id, f"record {crm_id} is lead {other} already; merge the two leads", again=False)


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

    def write(self, wanted: Sequence[Wanted], /) -> list[Result]:
        """Create or update the record of each lead; one bad record stops no other."""

    def preview(self, wanted: Wanted, /) -> dict[str, Any]:
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

    def close(self) -> None:
        """Let the connections go."""

    def look(self) -> Health:
        """Prove that the CRM is reached and lets us in."""
