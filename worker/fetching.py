"""Thin events are read back: asked for with the event, read at a bounded rate, appended as events of their own.

A read may happen twice; the event that it makes is named by the object and its last change, so it counts once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx2
from sqlalchemy import Connection

from schemas.errors import Away, Refused
from worker import queue
from worker.incoming import Incoming
from worker.intake.configured import registry
from worker.intake.platforms import PLATFORMS
from worker.intake.readers import hubspot, marketo, meta
from worker.intake.readers.shape import ReadBack
from worker.intake.sources import Source
from worker.logs import get_logger
from worker.store import intake
from worker.store.db import in_transaction

log = get_logger()

#: Seconds that a source pauses when its credentials are refused: only ops can mend that.
_REFUSED_PAUSE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Reader:
    """How objects of one platform are read."""

    read: Callable[[httpx2.Client, str, Sequence[str], Sequence[str]], ReadBack]
    api: str
    kind: str
    most: int
    #: Seconds for which an answer is good: what is asked for again sooner is not read again.
    good_for_s: int


READERS: Final[dict[str, Reader]] = {
    "hubspot": Reader(hubspot.read, hubspot.API, "contact", hubspot.MOST, 60),
    "meta": Reader(meta.read, meta.API, "lead", meta.MOST, 10 * 365 * 86_400),  # a lead never changes
    "marketo": Reader(marketo.read, "", "lead", marketo.MOST, 86_400),
}


def _sources() -> dict[str, Source]:
    """Return the sources that can be read back, by the name of their events."""
    found = registry().current().sources.values()
    return {one.named: one for one in found if one.fetch is not None and one.enabled and not one.missing}


def ask(connection: Connection, items: Iterable[Incoming], now: datetime) -> None:
    """Ask for the objects that thin events name, where their source can be read back."""
    thin = [item for item in items if item.read_back is not None]
    if not thin:
        return
    sources = _sources()
    asked = []
    for item in thin:
        source = sources.get(item.source)
        kind, _, object_id = str(item.read_back).partition(":")
        reader = None if source is None else READERS.get(str(PLATFORMS[source.platform].adapter))
        if reader is not None and reader.kind == kind:
            asked.append((item.source, kind, object_id[:255], reader.good_for_s))
    intake.ask(connection, asked, now)


def is_due(now: datetime) -> bool:
    """Tell whether something is to be read back now."""
    names = list(_sources())
    return bool(names) and in_transaction(lambda connection: intake.is_due(connection, names, now))


def fetch_some(now: datetime) -> int:
    """Read back once from each source that has something due; return how many objects were tried."""
    tried = 0
    for named, source in sorted(_sources().items()):
        reader = READERS[str(PLATFORMS[source.platform].adapter)]
        assert source.fetch is not None  # noqa: S101 - _sources gives no other
        pause_s = 1.0 / source.fetch.per_second
        ids = in_transaction(
            lambda connection, named=named, reader=reader, pause_s=pause_s: intake.claim(  # type: ignore[misc]
                connection, named, reader.kind, most=reader.most, pause_s=pause_s, now=now
            )
        )
        if ids:
            _read(source, reader, ids, now)
            tried += len(ids)
    return tried


def _read(source: Source, reader: Reader, ids: list[str], now: datetime) -> None:
    assert source.fetch is not None  # noqa: S101
    api = (source.fetch.api or reader.api).rstrip("/")
    try:
        with httpx2.Client() as client:
            found = reader.read(client, api, source.fetch_secrets, ids)
        # Appended before it is noted as read: a crash in between reads it again, which makes the same event.
        received_ms = str(int(now.timestamp() * 1000))
        queue.append(
            {"payload": raw, "platform": source.marked, "source": source.named, "received_ms": received_ms}
            for raw in found.payloads
        )
    except (Away, Refused) as error:
        _fail(source, reader, ids, error, now)
        return
    in_transaction(
        lambda c: intake.settle(c, source.named, reader.kind, read=found.read, missing=found.missing, now=now)
    )
    log.info("objects.read", source=source.id, count=len(found.read))


def _fail(source: Source, reader: Reader, ids: list[str], error: Away | Refused, now: datetime) -> None:
    pause_s = error.retry_after_s if isinstance(error, Away) else _REFUSED_PAUSE_S
    log.warning("objects.not_read", source=source.id, count=len(ids), reason=str(error))
    in_transaction(
        lambda c: intake.fail(c, source.named, reader.kind, ids, error=str(error), now=now, pause_s=pause_s)
    )
