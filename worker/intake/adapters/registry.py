"""Which adapter reads which platform, and the way from raw bytes to canonical events."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from schemas.errors import NotUnderstood
from schemas.strict_json import loads
from worker.intake.adapters import (
    activecampaign,
    cloudevents,
    hubspot,
    marketo,
    mautic,
    meta,
    salesforce,
    segment,
    wire,
)
from worker.intake.adapters.shape import Found, OnlyATest, key


class Adapter(Protocol):
    """Reads a platform's payload, already parsed."""

    def __call__(self, document: Any, source: str, /) -> Found:
        """Return canonical events in the payload's order; what is not understood stands in its place."""


ADAPTERS: Final[Mapping[str, Adapter]] = {
    "activecampaign": activecampaign.translate,
    "cloudevents": cloudevents.translate,
    "hubspot": hubspot.translate,
    "marketo": marketo.translate,
    "mautic": mautic.translate,
    "meta": meta.translate,
    "salesforce": salesforce.translate,
    "segment": segment.translate,
}


def translate(platform: str, raw: bytes, source: str, received_at: datetime | None = None) -> Found:
    """Return the canonical events of a payload as it came; a test delivery stands as one, and is none.

    Args:
        platform: a key of `ADAPTERS`.
        raw: the body, byte for byte.
        source: the source that was let in; it names the events together with their ids.
        received_at: when the payload was accepted; it dates the few events that carry no date.

    Raises:
        NotUnderstood: when nothing of the payload can be used.

    """
    adapter = ADAPTERS.get(platform)
    if adapter is None:
        raise NotUnderstood("platform", f"unknown; known are {', '.join(sorted(ADAPTERS))}")
    document = parse(platform, raw)
    if _is_test(document):
        return [OnlyATest("payload", "test delivery: it says so itself; no lead is made of it")]
    return [_dated(found, received_at) for found in adapter(document, source)]


def parse(platform: str, raw: bytes) -> Any:
    """Return the tree of a payload, in the form that its adapter reads.

    Raises:
        NotUnderstood: it is not of the platform's form.

    """
    body = wire.without_mark(raw)
    if platform == "activecampaign":
        return wire.form(body)
    if platform == "salesforce" and body.startswith(b"<"):
        return wire.soap(body)
    return loads(body)


def _is_test(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return (
        document.get("is_test") is True or document.get("type") == "ping" or document.get("event") == "ping"
    )


def _dated(
    found: dict[str, Any] | NotUnderstood, received_at: datetime | None
) -> dict[str, Any] | NotUnderstood:  # fmt: skip
    """Date an undated event by its arrival, in its id too: the same words later are news, not a conflict."""
    if isinstance(found, NotUnderstood) or "time" in found:
        return found
    if received_at is None:
        return NotUnderstood("time", "missing; add a date to the payload, such as {{system.dateTime}}")
    at = received_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {**found, "id": key(found["id"], at), "time": at}
