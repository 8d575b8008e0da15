"""Rows of intake: counts of requests by source, and objects to be read back from platforms' APIs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from worker.store.db import run

#: Tries after which an object is given up.
GIVE_UP_AFTER: Final = 12
#: Seconds after which a claimed object whose reader died is read by another.
_LEASE_S: Final = 60
#: The longest pause of a source whose API fails, in seconds.
_LONGEST_PAUSE_S: Final = 300


def add_counts(connection: Connection, counts: Mapping[tuple[str, str, str], int], now: datetime) -> None:
    """Add counts of requests: (source, outcome, reason) -> requests."""
    rows = [
        {"source": source, "outcome": outcome, "reason": reason, "requests": number}
        for (source, outcome, reason), number in sorted(counts.items())
    ]
    if rows:
        run(
            connection,
            "INSERT INTO tasuki.intake_count AS c (source, day, outcome, reason, requests, last_at)"
            " SELECT source, (:now AT TIME ZONE 'UTC')::date, outcome, reason, requests, :now"
            " FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
            " AS r(source text, outcome text, reason text, requests bigint)"
            " ON CONFLICT (source, day, outcome, reason) DO UPDATE"
            " SET requests = c.requests + EXCLUDED.requests, last_at = EXCLUDED.last_at",
            rows=msgspec.json.encode(rows).decode(), now=now,
        )  # fmt: skip


def counts(connection: Connection, since: datetime) -> list[Any]:
    """Return the counts of the days since, most first."""
    return list(
        run(
            connection,
            "SELECT source, outcome, reason, sum(requests)::bigint AS requests, max(last_at) AS last_at"
            " FROM tasuki.intake_count WHERE day >= (CAST(:since AS timestamptz) AT TIME ZONE 'UTC')::date"
            " GROUP BY source, outcome, reason ORDER BY source, requests DESC",
            since=since,
        )
    )


class Wanted(NamedTuple):
    """An object to be read back."""

    source: str
    kind: str
    object_id: str
    #: Seconds for which an answer is good.
    good_for_s: int
    #: The thin event, where no lead is made before the object is read.
    notice: str | None = None


def ask(connection: Connection, asked: Iterable[Wanted], now: datetime) -> None:
    """Ask for objects to be read back.

    What waits already is not asked for twice; what was read is read again once its answer is no longer good.
    """
    rows = {one[:3]: one for one in asked}
    if rows:
        run(
            connection,
            "INSERT INTO tasuki.fetch_request AS f (source, kind, object_id, asked_at, next_try_at, notice)"
            " SELECT s, k, o, :now, :now, n FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
            " AS r(s text, k text, o text, n text)"
            " ON CONFLICT (source, kind, object_id) DO UPDATE SET asked_at = EXCLUDED.asked_at,"
            " next_try_at = EXCLUDED.next_try_at, attempts = 0, outcome = NULL, last_error = NULL,"
            " notice = EXCLUDED.notice"
            " WHERE f.next_try_at IS NULL AND f.done_at <= (SELECT :now - make_interval(secs => r.good_for)"
            " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(s text, k text, o text, good_for bigint)"
            " WHERE r.s = f.source AND r.k = f.kind AND r.o = f.object_id)",
            rows=msgspec.json.encode([
                {"s": one.source, "k": one.kind, "o": one.object_id, "good_for": one.good_for_s, "n": one.notice}
                for _, one in sorted(rows.items())
            ]).decode(),
            now=now,
        )  # fmt: skip


def notices(
    connection: Connection, source: str, kind: str, ids: Sequence[str], *, at_last_try: bool
) -> list[tuple[str, datetime]]:
    """Return the thin events that wait for objects, and when each came.

    Args:
        connection: a transaction.
        source: whose they are.
        kind: of the objects.
        ids: the objects.
        at_last_try: only of those for which there is no further try.

    """
    rows = run(
        connection,
        "SELECT notice, asked_at FROM tasuki.fetch_request WHERE source = :source AND kind = :kind"
        " AND object_id = ANY(:ids) AND notice IS NOT NULL AND (NOT :last OR attempts >= :most) ORDER BY object_id",
        source=source, kind=kind, ids=list(ids), last=at_last_try, most=GIVE_UP_AFTER,
    )  # fmt: skip
    return [(row.notice, row.asked_at) for row in rows]


def is_due(connection: Connection, sources: Sequence[str], now: datetime) -> bool:
    """Tell whether an object is to be read back now, and its source does not pause."""
    return bool(
        run(
            connection,
            "SELECT EXISTS (SELECT FROM tasuki.fetch_request f LEFT JOIN tasuki.fetch_source s USING (source)"
            " WHERE f.next_try_at <= :now AND f.source = ANY(:sources) AND coalesce(s.next_at <= :now, true))",
            now=now, sources=list(sources),
        ).scalar()
    )  # fmt: skip


def claim(
    connection: Connection, source: str, kind: str, *, most: int, pause_s: float, now: datetime
) -> list[str]:
    """Take objects of one source to read back in one request, unless another reads of it, or it pauses."""
    run(
        connection,
        "INSERT INTO tasuki.fetch_source (source, next_at) VALUES (:source, :now) ON CONFLICT DO NOTHING",
        source=source, now=now,
    )  # fmt: skip
    mine = run(
        connection,
        "SELECT FROM tasuki.fetch_source WHERE source = :source AND next_at <= :now FOR UPDATE SKIP LOCKED",
        source=source, now=now,
    ).rowcount  # fmt: skip
    if mine != 1:
        return []
    run(
        connection,
        "UPDATE tasuki.fetch_source SET next_at = :next_at WHERE source = :source",
        source=source, next_at=now + timedelta(seconds=pause_s),
    )  # fmt: skip
    rows = run(
        connection,
        "UPDATE tasuki.fetch_request SET next_try_at = :lease, attempts = attempts + 1"
        " WHERE (source, kind, object_id) IN (SELECT source, kind, object_id FROM tasuki.fetch_request"
        " WHERE source = :source AND kind = :kind AND next_try_at <= :now"
        " ORDER BY next_try_at, object_id LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING object_id",
        source=source, kind=kind, now=now, most=most, lease=now + timedelta(seconds=_LEASE_S),
    )  # fmt: skip
    return sorted(row.object_id for row in rows)


def settle(
    connection: Connection,
    source: str,
    kind: str,
    *,
    read: Iterable[str],
    missing: Iterable[str],
    now: datetime,
) -> None:
    """Note what was read and what is not there; the source's API is well."""
    for outcome, ids in (("read", sorted(read)), ("missing", sorted(missing))):
        if ids:
            run(
                connection,
                "UPDATE tasuki.fetch_request SET next_try_at = NULL, done_at = :now, outcome = :outcome,"
                " last_error = NULL, notice = NULL WHERE source = :source AND kind = :kind AND object_id = ANY(:ids)",
                source=source, kind=kind, ids=ids, outcome=outcome, now=now,
            )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.fetch_source SET failures = 0, last_error = NULL WHERE source = :source",
        source=source,
    )


def fail(
    connection: Connection, source: str, kind: str, ids: Sequence[str], *, error: str, now: datetime,
    pause_s: float | None,
) -> None:  # fmt: skip
    """Note a failure: the objects are tried again, ever later, and the source pauses (the breaker)."""
    run(
        connection,
        "UPDATE tasuki.fetch_source SET failures = failures + 1, last_error = :error, next_at = :now"
        " + make_interval(secs => coalesce(:pause, least(:longest, 2.0 ^ least(failures, 10))))"
        " WHERE source = :source",
        source=source, error=error[:300], now=now, pause=pause_s, longest=_LONGEST_PAUSE_S,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.fetch_request SET last_error = :error,"
        " next_try_at = CASE WHEN attempts < :most"
        " THEN :now + make_interval(secs => least(:longest, 2.0 ^ least(attempts, 10))) END,"
        " outcome = CASE WHEN attempts < :most THEN NULL ELSE 'gave_up' END,"
        " done_at = CASE WHEN attempts < :most THEN done_at ELSE :now END,"
        " notice = CASE WHEN attempts < :most THEN notice END"
        " WHERE source = :source AND kind = :kind AND object_id = ANY(:ids)",
        source=source, kind=kind, ids=list(ids), error=error[:300], now=now, most=GIVE_UP_AFTER,
        longest=_LONGEST_PAUSE_S,
    )  # fmt: skip


def fetches(connection: Connection) -> list[Any]:
    """Return for each source how many objects wait, were read, are missing and were given up."""
    return list(
        run(
            connection,
            "SELECT source, count(*) FILTER (WHERE next_try_at IS NOT NULL) AS waiting,"
            " count(*) FILTER (WHERE outcome = 'read') AS read,"
            " count(*) FILTER (WHERE outcome = 'missing') AS missing,"
            " count(*) FILTER (WHERE outcome = 'gave_up') AS gave_up,"
            " (SELECT last_error FROM tasuki.fetch_source s WHERE s.source = f.source) AS last_error"
            " FROM tasuki.fetch_request f GROUP BY source ORDER BY source",
        )
    )
