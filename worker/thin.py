"""Thin events name an object of their platform and say nothing of it: it is asked for with the judgement.

What is asked for is read back by worker/fetching.py, at a bounded rate, and comes as events of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from worker.incoming import Incoming
from worker.intake.configured import registry
from worker.intake.platforms import PLATFORMS
from worker.intake.sources import Source
from worker.store import intake


@dataclass(frozen=True, slots=True)
class Kind:
    """The objects of one platform that are read back."""

    name: str
    #: Seconds for which an answer is good: what is asked for again sooner is not read again.
    good_for_s: int
    #: Whether the thin event is a notice only: the lead is made by what is read, for that may be a test delivery.
    waits: bool = False


KINDS: Final = {
    "hubspot": Kind("contact", 60),
    "meta": Kind("lead", 10 * 365 * 86_400, waits=True),  # a lead never changes
    "marketo": Kind("lead", 86_400),
}


def sources() -> dict[str, Source]:
    """Return the sources that can be read back, by the name of their events."""
    found = registry().current().sources.values()
    return {one.named: one for one in found if one.fetch is not None and one.enabled and not one.missing}


def kind_of(source: Source) -> Kind | None:
    """Return what is read back of a source."""
    return KINDS.get(str(PLATFORMS[source.platform].adapter))


def _asked_for(items: Sequence[Incoming]) -> list[tuple[Incoming, Kind]]:
    """Return the thin events whose object can be read back, with its kind."""
    thin = [item for item in items if item.read_back is not None and item.event is not None]
    if not thin:
        return []
    known = sources()
    found = []
    for item in thin:
        source = known.get(item.source)
        kind = None if source is None else kind_of(source)
        if kind is not None and str(item.read_back).startswith(f"{kind.name}:"):
            found.append((item, kind))
    return found


def notices(items: Sequence[Incoming]) -> list[Incoming]:
    """Return the events that only say that there is something to read: they are asked for, and make no lead."""
    return [item for item, kind in _asked_for(items) if kind.waits]


def ask(connection: Connection, items: Sequence[Incoming], now: datetime) -> None:
    """Ask for the objects that thin events name, where their source can be read back."""
    asked = [
        intake.Wanted(
            item.source, kind.name, str(item.read_back).partition(":")[2][:255], kind.good_for_s,
            item.raw.decode() if kind.waits else None,
        )
        for item, kind in _asked_for(items)
    ]  # fmt: skip
    if asked:
        intake.ask(connection, asked, now)
