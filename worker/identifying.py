"""Which events of a batch are new, and whose they are: dedupe and identify."""

import os
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from schemas.errors import NotUnderstood
from schemas.strict_json import loads
from worker import merging
from worker.incoming import Incoming
from worker.store import leads
from worker.store.leads import Key


def without_repeats(connection: Connection, items: Sequence[Incoming]) -> tuple[list[Incoming], int]:
    """Return what is no repeat, and how many were; the same id with another body is a conflict, kept and shown."""
    known = leads.known_events(
        connection, [(item.event.source, item.event.id) for item in items if item.event is not None]
    )
    fresh: list[Incoming] = []
    repeats = 0
    for item in items:
        if item.event is None:
            fresh.append(item)
            continue
        name = (item.event.source, item.event.id)
        seen = known.get(name)
        if seen is None:
            known[name] = item.raw
            fresh.append(item)
        elif _same(seen, item.raw):
            repeats += 1
        else:
            item.event = None
            item.problem = NotUnderstood(
                "id", "seen before with another body; send a changed fact under a new id"
            )
            fresh.append(item)
    return fresh, repeats


def _same(one: bytes, other: bytes) -> bool:
    """Tell whether two bodies say the same: a sender may order and space its JSON anew."""
    return one == other or _without_arrival(loads(one)) == _without_arrival(loads(other))


def _without_arrival(event: Any) -> Any:
    """Return an event without its time if that is only when it arrived: its repeat arrives later."""
    if isinstance(event, dict) and "dated_by" in event:
        return {name: said for name, said in event.items() if name != "time"}
    return event


class _Ids(threading.local):
    """Lead ids in hand, by blocks of 1,000; a forked process takes its own."""

    pid = 0
    next = 0
    end = 0

    def take(self, connection: Connection) -> int:
        if self.pid != os.getpid() or self.next >= self.end:
            self.pid = os.getpid()
            self.next = leads.next_block(connection)
            self.end = self.next + 1000
        self.next += 1
        return self.next - 1


#: This thread's.
IDS = _Ids()


def identify(connection: Connection, items: Sequence[Incoming], now: datetime) -> list[tuple[int, Incoming]]:
    """Find or make the lead of each event through its identity keys, the producer's own key first."""
    wanted = {key for item in items if item.event is not None for key in item.event.keys}
    known = leads.find_keys(connection, wanted) if wanted else {}
    new: dict[Key, int] = {}
    found: list[tuple[int, Incoming]] = []
    meetings: list[merging.Meeting] = []
    for item in items:
        assert item.event is not None  # noqa: S101 - the caller passes understood ones only
        keys = item.event.keys
        if keys[0][0] == "lead" and keys[0] not in known:
            item.event = None
            item.problem = NotUnderstood("subject", "names no lead that was asked about")
            continue
        hits = list(dict.fromkeys(known[key] for key in keys if key in known))
        lead_id = hits[0] if hits else IDS.take(connection)
        for key in keys:
            if key not in known:
                known[key] = new[key] = lead_id
        meetings.extend(merging.Meeting(lead_id, other, keys[-1][0]) for other in hits[1:])
        found.append((lead_id, item))
    if new:
        leads.insert_keys(connection, new)
    if meetings:
        moved = merging.settle(connection, meetings, (lead_id for lead_id, _ in found), now)
        found = [(moved.get(lead_id, lead_id), item) for lead_id, item in found]
    return found
