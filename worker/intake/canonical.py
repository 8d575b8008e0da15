"""Canonical events that come over HTTP: from a body to parts, each understood or told why not.

The understanding is the very one of the workers, done at the door so that the sender can be told; what is kept are
the bytes as they came, so that a worker and the door cannot come to two different events.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from schemas import quick
from schemas.errors import NotUnderstood
from schemas.identity import GUESS_SOURCE
from schemas.strict_json import loads, split
from schemas.understanding import MAX_EVENT_BYTES, understand
from worker.intake.adapters.cloudevents import from_headers

#: Events of one request.
MAX_EVENTS: Final = 1_000
#: How a request carries events (CloudEvents HTTP binding 1.0); `plain` is JSON of one event or an array of them.
Mode = Literal["plain", "structured", "batch", "binary"]

_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"


@dataclass(slots=True)
class Part:
    """One event of a request."""

    #: As it is kept: JSON, one event.
    raw: bytes
    source: str | None = None
    event_id: str | None = None
    #: As far as it is said.
    type: str | None = None
    problem: NotUnderstood | None = None

    @property
    def is_no_outcome(self) -> bool:
        """Tell whether it says something else than what happened in sales, understood or not: it may be mended."""
        return self.type is not None and not self.type.startswith("outcome.")

    @property
    def is_ours(self) -> bool:
        """Tell whether it speaks in the name of Tasuki's own questions to outside sources."""
        return self.source is not None and self.source.strip().startswith(GUESS_SOURCE)


def mode_of(media_type: str | None, headers: Mapping[str, str]) -> Mode | None:
    """Return how a request carries events, by its Content-Type; None where it carries none."""
    said = (media_type or "").partition(";")[0].strip().lower()
    if said == _STRUCTURED:
        return "structured"
    if said == _BATCH:
        return "batch"
    if said != "application/json":
        return None
    return "binary" if "ce-specversion" in headers or "ce-id" in headers else "plain"


def parts_of(mode: Mode, body: bytes, headers: Mapping[str, str], received_ms: int) -> list[Part]:
    """Return the events of a body, in their order.

    Args:
        mode: how it carries them.
        body: unpacked.
        headers: by names in lower case; in binary mode they hold the attributes.
        received_ms: when it was accepted.

    Raises:
        NotUnderstood: the body as a whole is not what the mode says, or holds more than MAX_EVENTS; then nothing
            of it is kept.

    """
    if mode == "binary":
        return [_part(_from_binary(body, headers), received_ms)]
    first = body.lstrip(b" \t\r\n")[:1]
    if first == b"[" and mode in ("plain", "batch"):
        return [_part(raw, received_ms) for raw in _parts(body)]
    if first == b"{" and mode in ("plain", "structured"):
        part = _part(body, received_ms)
        if part.problem is not None:
            _must_be_json(body, part.problem)
        return [part]
    if not body.strip():
        raise NotUnderstood("body", "empty; send an event")
    wanted = {
        "plain": "an event or an array of events",
        "structured": "one event",
        "batch": "an array of events",
    }
    loads(body)
    raise NotUnderstood("body", f"send {wanted[mode]} as JSON")


def _parts(body: bytes) -> list[bytes]:
    found = split(body)
    if len(found) > MAX_EVENTS:
        raise NotUnderstood("body", f"{len(found):,} events; at most {MAX_EVENTS:,} are taken at a time")
    return found


def _must_be_json(body: bytes, problem: NotUnderstood) -> None:
    """Raise where a body is no JSON at all; else only this event is at fault."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        raise problem from None


def _part(raw: bytes, received_ms: int) -> Part:
    event = quick.read(raw, received_ms)
    if event is not None:
        return Part(raw, event.source, event.id, event.type)
    document: Any = None
    try:
        _must_fit(raw)
        document = loads(raw)
        if isinstance(document, dict) and "data" not in document and "data_base64" in document:
            document["data"] = _from_base64(document.pop("data_base64"))
            raw = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
            _must_fit(raw)  # 1e15 is written 1000000000000000.0 now
        found = understand(document, datetime.fromtimestamp(received_ms / 1000, UTC))
    except NotUnderstood as problem:
        source, event_id = _said(document, "source"), _said(document, "id")
        return Part(raw, source, event_id, _said(document, "type"), problem)
    return Part(raw, found.source, found.id, found.type)


def _must_fit(raw: bytes) -> None:
    if len(raw) > MAX_EVENT_BYTES:
        raise NotUnderstood("event", f"{len(raw)} bytes; at most {MAX_EVENT_BYTES} are taken")


def _said(document: Any, name: str) -> str | None:
    word = document.get(name) if isinstance(document, dict) else None
    return word[:255] if isinstance(word, str) else None


def _from_base64(coded: Any) -> Any:
    try:
        return loads(base64.b64decode(coded, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise NotUnderstood("data_base64", "not base64; send the data's bytes in base64") from None


def _from_binary(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Put a request in binary mode together: attributes are `ce-` headers, the body is the data."""
    return json.dumps({**from_headers(headers, None), "data": loads(body)}, ensure_ascii=False).encode()
