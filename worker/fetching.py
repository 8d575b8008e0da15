"""What thin events name is read back, at a bounded rate, and appended as events of its own (asked for in worker/thin.py).

A read may happen twice; the event that it makes is named by the object and its last change, so it counts once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx2

from schemas.errors import Away, Refused
from worker import queue
from worker.intake.platforms import PLATFORMS
from worker.intake.readers import hubspot, marketo, meta
from worker.intake.readers.shape import ReadBack
from worker.intake.sources import Source
from worker.logs import get_logger
from worker.store import intake
from worker.store.db import in_transaction
from worker.thin import KINDS, sources

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


READERS: Final[dict[str, Reader]] = {
    "hubspot": Reader(hubspot.read, hubspot.API, KINDS["hubspot"].name, hubspot.MOST),
    "meta": Reader(meta.read, meta.API, KINDS["meta"].name, meta.MOST),
    "marketo": Reader(marketo.read, "", KINDS["marketo"].name, marketo.MOST),
}


def is_due(now: datetime) -> bool:
    """Tell whether something is to be read back now."""
    names = list(sources())
    return bool(names) and in_transaction(lambda connection: intake.is_due(connection, names, now))


def fetch_some(now: datetime) -> int:
    """Read back once from each source that has something due; return how many objects were tried."""
    tried = 0
    for named, source in sorted(sources().items()):
        reader = READERS[str(PLATFORMS[source.platform].adapter)]
        assert source.fetch is not None  # noqa: S101 - `sources` gives no other
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
        _let_go(source, reader, found.missing)
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
    try:
        _let_go(source, reader, ids, at_last_try=True)
    except Away:
        return  # nothing is noted, so they are tried again when the lease is over
    in_transaction(
        lambda c: intake.fail(c, source.named, reader.kind, ids, error=str(error), now=now, pause_s=pause_s)
    )


def _let_go(source: Source, reader: Reader, ids: Iterable[str], *, at_last_try: bool = False) -> None:
    """Send the notices of objects that are not read any more as events: their leads are a number, but they are there.

    Before it is noted, so that a crash in between sends them again, which is a repeat.
    """
    notices = in_transaction(
        lambda c: intake.notices(c, source.named, reader.kind, sorted(ids), at_last_try=at_last_try)
    )
    if notices:
        queue.append(
            {"event": notice, "received_ms": str(int(asked_at.timestamp() * 1000))}
            for notice, asked_at in notices
        )
