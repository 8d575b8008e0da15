"""From a payload in the stream to canonical events: by the platform's adapter, or by the source's mapping."""

from datetime import datetime
from typing import Any

from worker.intake import bodies, mapped
from worker.intake.adapters import registry as adapters
from worker.intake.adapters.shape import Found
from worker.intake.configured import registry
from worker.intake.mapping import Mapping
from worker.intake.platforms import MAPPED


def translate(platform: str, raw: bytes, source: str, received_at: datetime | None = None) -> Found:
    """Return the canonical events of a payload as it came; what a mapping ignores gives none.

    Args:
        platform: a key of `ADAPTERS`, or `mapped:` and the id of a source with a mapping, which is taken as it
            is today: what waits in quarantine is read anew after the mapping was mended.
        raw: the body, byte for byte.
        source: the name under which the events are known.
        received_at: when the payload was accepted; it dates the events that carry no date.

    Raises:
        NotUnderstood: when nothing of the payload can be used.

    """
    if not platform.startswith(MAPPED):
        return adapters.translate(platform, raw, source, received_at)
    mapping = registry().mapping_of(platform.removeprefix(MAPPED))
    return by_mapping(mapping, raw, source, received_at)


def by_mapping(mapping: Mapping, raw: bytes, source: str, received_at: datetime | None) -> Found:
    """Return what a mapping makes of a payload."""
    return mapped.translate(document_of(mapping, raw), source, mapping, received_at)


def document_of(mapping: Mapping, raw: bytes) -> Any:
    """Return the tree of a payload that a mapping reads."""
    kind = bodies.sniff(raw) if mapping.format == "auto" else mapping.format
    return bodies.decode(raw, kind, bodies.Limits(size=len(raw)))
