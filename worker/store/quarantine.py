"""Events that were not understood: kept with the reason and the raw bytes, to be mended and sent again."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from worker.incoming import CANONICAL, Incoming
from worker.intake.adapters.shape import OnlyATest
from worker.store.db import run

#: Bytes of an event that are looked at for personal data.
_LOOKED_AT: Final = 256 * 1024
#: Plain marks of it, also where JSON or a form has escaped the sign.
_PERSONAL: Final = {
    "email": re.compile(rb"[A-Za-z0-9._+-]{1,64}(?:@|%40|\\u0040)[A-Za-z0-9-]{1,63}\.[A-Za-z]"),
    "phone": re.compile(
        rb"(?<![0-9])(?:\+|%2B)?0?[1-9][0-9]{0,3}[ -][0-9]{1,4}[ -][0-9]{3,4}(?![0-9])|(?<![0-9])0[789]0[0-9]{8}(?![0-9])"
    ),
    "name": re.compile(
        rb"(?i)(?:first|last|family|given|full)[_ ]?name|\xe5\xa7\x93|\xe6\xb0\x8f\xe5\x90\x8d"
    ),
}


def keep(connection: Connection, items: Sequence[Incoming], now: datetime) -> None:
    """Keep what was not understood; keeping the same part of the same entry again changes nothing.

    A platform's test delivery is kept closed: it is there to be seen, and there is nothing to mend.
    """
    for item in items:
        assert item.problem is not None  # noqa: S101 - the caller passes misunderstood ones only
        run(
            connection,
            "INSERT INTO tasuki.quarantine (source, event_id, stream_id, part, platform, received_at, place,"
            " reason, raw, raw_bytes, personal, retry_of, resolved_at, resolution)"
            " SELECT :source, :event_id, :stream_id, :part, :platform, to_timestamp(:received / 1000.0), :place,"
            " :reason, :raw, :raw_bytes, CAST(:personal AS text[]),"
            " (SELECT quarantine_id FROM tasuki.quarantine WHERE quarantine_id = :retry_of),"
            " CASE WHEN :test THEN :now END, CASE WHEN :test THEN 'test' END"
            " ON CONFLICT (stream_id, part) DO NOTHING",
            source=_text(item.source), event_id=None if item.event_id is None else _text(item.event_id),
            stream_id=item.stream_id, part=item.part, platform=_text(item.platform), received=item.received_ms,
            place=_text(item.problem.place)[:300], reason=_text(item.problem.mend)[:1000], raw=item.raw,
            raw_bytes=len(item.raw), personal=personal_in(item.raw), retry_of=item.retry_of,
            test=isinstance(item.problem, OnlyATest), now=now,
        )  # fmt: skip


def personal_in(raw: bytes) -> list[str]:
    """Return which kinds of personal data the bytes plainly hold: `email`, `phone`, `name`.

    A mark for whoever handles them, not a proof that there is nothing else.
    """
    seen = raw[:_LOOKED_AT]
    return [kind for kind, pattern in _PERSONAL.items() if pattern.search(seen)]


def expire(connection: Connection, before: datetime, now: datetime) -> int:
    """Wipe the raw bytes of what was received before; open ones are closed as expired. Return how many."""
    result = run(
        connection,
        "UPDATE tasuki.quarantine SET raw = ''::bytea, expired_at = :now,"
        " resolution = coalesce(resolution, 'expired'), resolved_at = coalesce(resolved_at, :now)"
        " WHERE expired_at IS NULL AND received_at < :before",
        before=before, now=now,
    )  # fmt: skip
    return int(result.rowcount)


def _text(value: str) -> str:
    """Return text that PostgreSQL can keep: without U+0000 and lone surrogates."""
    return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def resolve_retries(
    connection: Connection, items: Sequence[Incoming], unfit: Sequence[Incoming], now: datetime
) -> None:
    """Close the quarantine rows whose second try came through, or came back as a new row.

    A payload goes again as a whole, so all rows of its entry are closed: what is still wrong in it is a new row.
    """
    again = {item.retry_of for item in unfit if item.retry_of is not None}
    through = {item.retry_of for item in items if item.retry_of is not None} - again
    for ids, resolution in ((through, "applied"), (again, "quarantined_again")):
        if ids:
            payloads = {item.retry_of for item in items if item.platform != CANONICAL}
            run(
                connection,
                "UPDATE tasuki.quarantine SET resolved_at = :now, resolution = :r WHERE resolved_at IS NULL"
                " AND quarantine_id IN (SELECT unnest(CAST(:ids AS bigint[])) UNION"
                " SELECT other.quarantine_id FROM tasuki.quarantine q JOIN tasuki.quarantine other"
                " USING (stream_id) WHERE q.quarantine_id = ANY(:payloads))",
                now=now, r=resolution, ids=sorted(ids), payloads=sorted(ids & payloads),
            )  # fmt: skip


def record_batch(connection: Connection, *, worker: str, now: datetime, **counts: int) -> None:
    """Record what became of every event of a batch: the sum must always come out.

    Args:
        connection: the batch's own transaction.
        worker: who judged it.
        now: when.
        counts: entries, events, applied, repeats and quarantined.

    """
    run(
        connection,
        "INSERT INTO tasuki.batch (at, worker, entries, events, applied, repeats, quarantined)"
        " VALUES (:now, :worker, :entries, :events, :applied, :repeats, :quarantined)",
        now=now, worker=worker, **counts,
    )  # fmt: skip


def listed(connection: Connection, *, everything: bool, limit: int) -> list[Any]:
    """Return quarantined events, the newest first; open ones only unless `everything`."""
    where = "" if everything else "WHERE resolved_at IS NULL"
    return list(
        run(
            connection,
            "SELECT quarantine_id, source, platform, event_id, received_at, place, reason, raw_bytes, retried_at,"  # noqa: S608
            f" resolved_at, resolution, personal, expired_at FROM tasuki.quarantine {where} ORDER BY quarantine_id DESC LIMIT :n",
            n=limit,
        )
    )


def tests(connection: Connection) -> tuple[int, datetime]:
    """Return how many test deliveries of platforms are on record, and when the last one came."""
    row = run(
        connection, "SELECT count(*) AS n, max(received_at) AS last_at FROM tasuki.quarantine WHERE resolution = 'test'"
    ).one()  # fmt: skip
    return row.n, row.last_at


def one(connection: Connection, quarantine_id: int) -> Any:
    """Return one quarantined event with its raw bytes, or None."""
    return run(
        connection, "SELECT * FROM tasuki.quarantine WHERE quarantine_id = :id", id=quarantine_id
    ).one_or_none()


def mark_retried(connection: Connection, quarantine_id: int, now: datetime) -> None:
    """Record that the event was sent again."""
    run(
        connection,
        "UPDATE tasuki.quarantine SET retried_at = :now WHERE quarantine_id = :id",
        now=now,
        id=quarantine_id,
    )


def drop(connection: Connection, quarantine_id: int, now: datetime) -> bool:
    """Close an event as not wanted; its bytes stay on record. Return False when it was closed before."""
    result = run(
        connection,
        "UPDATE tasuki.quarantine SET resolved_at = :now, resolution = 'dropped'"
        " WHERE quarantine_id = :id AND resolved_at IS NULL",
        now=now, id=quarantine_id,
    )  # fmt: skip
    return int(result.rowcount) == 1
