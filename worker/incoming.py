"""From stream entries to events: each is understood, or carries the reason why it is not."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from schemas import quick
from schemas.errors import NotUnderstood
from schemas.lead_event import LeadEvent
from schemas.strict_json import loads, split
from schemas.understanding import EARLIEST, MAX_EVENT_BYTES, understand
from worker.entry import Entry
from worker.intake import translating
from worker.now import at_wall_ms

#: What is kept of an entry that is too large to be an event, in bytes.
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
#: The platform of events that need no translation.
CANONICAL: Final = "canonical"
_EARLIEST_MS: Final = int(EARLIEST.timestamp() * 1000)
_MAX_MS_DIGITS: Final = 15
#: A number of so many digits fits into a bigint.
ID_DIGITS: Final = 18


@dataclass(slots=True)
class Incoming:
    """One event of an entry (an entry may hold many), understood or not."""

    stream_id: str
    part: int
    received_ms: int
    platform: str
    source: str
    event_id: str | None
    raw: bytes
    event: LeadEvent | None = None
    problem: NotUnderstood | None = None
    retry_of: int | None = None
    #: The object that a thin event names and says nothing of, as `kind:id`.
    read_back: str | None = None


def read_entry(entry: Entry) -> list[Incoming]:
    """Return what an entry holds; never raises for anything that a producer may send."""
    fields = entry.fields
    received_ms = _received(at_wall_ms(entry.wall_ms), fields.get(b"received_ms"))
    retry = fields.get(b"retry_of", b"")
    retry_of = int(retry) if retry.isdigit() and len(retry) <= ID_DIGITS else None  # others name no row
    if b"event" in fields:
        return [_one(entry, 0, fields[b"event"], received_ms, retry_of)]
    if b"batch" in fields:
        return _batch(entry, fields[b"batch"], received_ms)
    if b"payload" in fields:
        return _payload(entry, received_ms, retry_of)
    problem = NotUnderstood(
        "entry", "no field `event`, `batch` or `payload`; XADD tasuki:events * event '{...}'"
    )
    raw = b"; ".join(key + b"=" + value for key, value in fields.items())
    return [_unfit(entry, 0, raw, received_ms, problem, retry_of)]


def _received(appended_ms: int, said: bytes | None) -> int:
    """Return when an entry was accepted: before it was appended, where it waited in the spool or quarantine."""
    if said is None or not said.isdigit() or len(said) > _MAX_MS_DIGITS:
        return appended_ms
    return max(_EARLIEST_MS, min(appended_ms, int(said)))


def _unfit(
    entry: Entry, part: int, raw: bytes, received_ms: int, problem: NotUnderstood, retry_of: int | None,
    *, platform: str = CANONICAL, source: str = "unknown", event_id: str | None = None,
) -> Incoming:  # fmt: skip
    return Incoming(
        entry.stream_id, part, received_ms, platform, source, event_id, raw[:MAX_KEPT_BYTES],
        problem=problem, retry_of=retry_of,
    )  # fmt: skip


def _one(entry: Entry, part: int, raw: bytes, received_ms: int, retry_of: int | None) -> Incoming:
    event = quick.read(raw, received_ms)
    if event is not None:
        return Incoming(
            entry.stream_id, part, received_ms, CANONICAL, event.source, event.id, raw,
            event=event, retry_of=retry_of,
        )  # fmt: skip
    try:
        if len(raw) > MAX_EVENT_BYTES:
            raise NotUnderstood("event", f"{len(raw)} bytes; at most {MAX_EVENT_BYTES} are taken")
        document = loads(raw)
    except NotUnderstood as problem:
        return _unfit(entry, part, raw, received_ms, problem, retry_of)
    return _document(entry, part, raw, document, received_ms, retry_of)


def _document(
    entry: Entry, part: int, raw: bytes, document: Any, received_ms: int, retry_of: int | None,
    platform: str = CANONICAL,
) -> Incoming:  # fmt: skip
    try:
        if len(raw) > MAX_EVENT_BYTES:
            raise NotUnderstood("event", f"{len(raw)} bytes; at most {MAX_EVENT_BYTES} are taken")
        event = understand(document, _utc(received_ms)).flat()
    except NotUnderstood as problem:
        source, event_id = _named(document)
        return _unfit(
            entry, part, raw, received_ms, problem, retry_of,
            platform=platform, source=source, event_id=event_id,
        )  # fmt: skip
    return Incoming(
        entry.stream_id, part, received_ms, platform, event.source, event.id, raw,
        event=event, retry_of=retry_of,
    )  # fmt: skip


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _named(document: Any) -> tuple[str, str | None]:
    """Return source and id as far as a misunderstood document says them."""
    if not isinstance(document, dict):
        return "unknown", None
    source, event_id = document.get("source"), document.get("id")
    return (
        source[:255] if isinstance(source, str) and source else "unknown",
        event_id[:255] if isinstance(event_id, str) else None,
    )


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def _batch(entry: Entry, raw: bytes, received_ms: int) -> list[Incoming]:
    """Read each part by itself, as it was written; only what is no array of JSON is refused as a whole."""
    try:
        parts = split(raw)
    except NotUnderstood as problem:
        return [_unfit(entry, 0, raw, received_ms, problem, None)]
    return [_one(entry, number, part, received_ms, None) for number, part in enumerate(parts)]


def _payload(entry: Entry, received_ms: int, retry_of: int | None) -> list[Incoming]:
    """Translate what a platform sent; a part that is not understood leaves its neighbours alone."""
    raw = entry.fields[b"payload"]
    platform = entry.fields.get(b"platform", b"").decode("utf-8", "replace")[:64]
    source = entry.fields.get(b"source", b"").decode("utf-8", "replace")[:255] or platform or "unknown"
    try:
        parts = translating.translate(platform, raw, source, _utc(received_ms))
    except NotUnderstood as problem:
        return [_unfit(entry, 0, raw, received_ms, problem, retry_of, platform=platform, source=source)]
    found = []
    for part, document in enumerate(parts):
        if isinstance(document, NotUnderstood):
            found.append(
                _unfit(entry, part, raw, received_ms, document, retry_of, platform=platform, source=source)
            )
        else:
            read_back = document.pop("read_back", None)
            item = _document(entry, part, _dump(document), document, received_ms, retry_of, platform)
            item.read_back = read_back
            found.append(item)
    return found
