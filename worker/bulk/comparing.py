"""Which lines of a file tell of somebody new, of a lead that is there, or what was told before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Final, TypeVar

from worker.bulk.report import Verdict
from worker.bulk.rows import Made
from worker.store import leads
from worker.store.db import in_transaction

T = TypeVar("T")

#: Lines that are compared in one go.
CHUNK: Final = 500


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Return items in lists of `size`, as Python 3.12 does."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@dataclass(slots=True)
class Seen:
    """What stood in the file before, as short hashes: a million lines take about 300 MB."""

    events: set[bytes] = field(default_factory=set)
    people: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Compared:
    """One line, and what it would be."""

    made: Made
    verdict: Verdict
    lead_id: int | None = None
    same_person: bool = False


def compare(chunk: Sequence[Made], seen: Seen, *, stored: bool = True) -> Iterator[Compared]:
    """Compare lines with what stands in the file before them and, unless told not to, with what is stored."""
    keys = {key for made in chunk for event in made.events for key in event.keys}
    names = [(event.source, event.id) for made in chunk for event in made.events]
    known = in_transaction(lambda c: leads.find_keys(c, keys)) if stored and keys else {}
    before = in_transaction(lambda c: leads.known_events(c, names)).keys() if stored and names else set()
    for made in chunk:
        if made.problems:
            yield Compared(made, "refused")
            continue
        mine = {(event.source, event.id) for event in made.events}
        hashed = {_hash(*name) for name in mine}
        people = {_hash(*key) for event in made.events for key in event.keys}
        lead_id = next((known[key] for event in made.events for key in event.keys if key in known), None)
        again = bool(people & seen.people)
        verdict: Verdict = "new" if lead_id is None and not again else "known"
        if hashed <= seen.events:
            verdict = "duplicate"
        elif mine <= before:
            verdict = "repeat"
        seen.events |= hashed
        seen.people |= people
        yield Compared(made, verdict, lead_id, same_person=again and verdict != "duplicate")


def _hash(*parts: str) -> bytes:
    return blake2b("\x00".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).digest()
