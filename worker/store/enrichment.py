"""What outside sources are asked and answered, as rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from worker.store.db import run
from worker.store.rows import as_json


def request(connection: Connection, rows: Sequence[tuple[str, int, str]], now: datetime) -> None:
    """Note questions: source, lead, subject (`domain:aoba.co.jp`). A question that was asked stays as it is."""
    run(
        connection,
        "INSERT INTO tasuki.enrichment_request (provider, lead_id, subject, asked_at, next_try_at)"
        " SELECT r.p, r.l, r.s, :now, :now FROM json_to_recordset(cast(:rows AS json))"
        "  AS r(p text, l bigint, s text) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING",
        now=now, rows=as_json([{"p": provider, "l": lead, "s": subject} for provider, lead, subject in rows]),
    )  # fmt: skip
    run(
        connection,
        "INSERT INTO tasuki.lead_key (kind, value, lead_id) SELECT 'lead', l::text, l"
        " FROM unnest(cast(:ids AS bigint[])) AS l ORDER BY 2 ON CONFLICT DO NOTHING",
        ids=sorted({lead for _, lead, _ in rows}),
    )


def has_due(connection: Connection, now: datetime) -> bool:
    """Tell whether a question waits for its answer."""
    return bool(
        run(
            connection,
            "SELECT EXISTS (SELECT 1 FROM tasuki.enrichment_request WHERE next_try_at <= :now)", now=now,
        ).scalar()
    )  # fmt: skip


def lease(connection: Connection, provider: str, now: datetime, for_s: float, limit: int) -> list[Any]:
    """Take questions that are due, for `for_s` seconds: lead_id, subject, tries, and the cached answer if one holds."""
    return list(
        run(
            connection,
            "WITH due AS (UPDATE tasuki.enrichment_request SET next_try_at = :until WHERE (provider, lead_id, subject) IN"
            "  (SELECT provider, lead_id, subject FROM tasuki.enrichment_request WHERE provider = :p"
            "    AND next_try_at <= :now ORDER BY next_try_at LIMIT :n FOR UPDATE SKIP LOCKED)"
            "  RETURNING lead_id, subject, tries)"
            " SELECT d.lead_id, d.subject, d.tries, a.said, a.answered_at FROM due d"
            " LEFT JOIN tasuki.enrichment_answer a ON a.provider = :p AND a.subject = d.subject AND a.expires_at > :now",
            p=provider, now=now, until=now + timedelta(seconds=for_s), n=limit,
        )
    )  # fmt: skip


def reserve(
    connection: Connection, provider: str, now: datetime, wanted: int, per_day: int
) -> tuple[int, Any]:
    """Take up to `wanted` questions of the day's budget; return how many, and the source's row (locked)."""
    row = run(
        connection,
        "INSERT INTO tasuki.enrichment_provider AS p (provider, day) VALUES (:p, :day) ON CONFLICT (provider)"
        " DO UPDATE SET asked = CASE WHEN p.day = excluded.day THEN p.asked ELSE 0 END, day = excluded.day"
        " RETURNING asked, failures, closed_until",
        p=provider, day=now.date(),
    ).one()  # fmt: skip
    if row.closed_until is not None and row.closed_until > now:
        return 0, row
    take = max(0, min(wanted, per_day - row.asked))
    run(
        connection, "UPDATE tasuki.enrichment_provider SET asked = asked + :n WHERE provider = :p",
        n=take, p=provider,
    )  # fmt: skip
    return take, row


def keep_answers(
    connection: Connection, provider: str, answers: dict[str, dict[str, Any]], now: datetime, keep_for_s: int
) -> None:
    """Keep answers, nothing found included, for the next who asks."""
    run(
        connection,
        "INSERT INTO tasuki.enrichment_answer (provider, subject, answered_at, expires_at, said)"
        " SELECT :p, r.s, :now, :until, r.said FROM json_to_recordset(cast(:rows AS json)) AS r(s text, said jsonb)"
        " ORDER BY 2 ON CONFLICT (provider, subject) DO UPDATE SET answered_at = excluded.answered_at,"
        "  expires_at = excluded.expires_at, said = excluded.said",
        p=provider, now=now, until=now + timedelta(seconds=keep_for_s),
        rows=as_json([{"s": subject, "said": said} for subject, said in answers.items()]),
    )  # fmt: skip


def note_health(
    connection: Connection, provider: str, *, failed: int, answered: bool, closed_until: datetime | None
) -> None:
    """Count failures in a row; an answer ends them, and opens the way again."""
    run(
        connection,
        "UPDATE tasuki.enrichment_provider SET failures = CASE WHEN :ok THEN 0 ELSE failures + :failed END,"
        " closed_until = CASE WHEN :ok THEN NULL ELSE coalesce(:until, closed_until) END WHERE provider = :p",
        ok=answered, failed=failed, until=closed_until, p=provider,
    )  # fmt: skip


def settle(connection: Connection, provider: str, rows: Iterable[dict[str, Any]]) -> None:
    """Record what became of questions: lead, subject, outcome (None: try again at `next`, in ms), error."""
    run(
        connection,
        "UPDATE tasuki.enrichment_request q SET outcome = r.outcome, last_error = r.error, tries = q.tries + r.tried,"
        " next_try_at = CASE WHEN r.outcome IS NULL THEN to_timestamp(r.next / 1000.0) END"
        " FROM json_to_recordset(cast(:rows AS json))"
        "  AS r(lead bigint, subject text, outcome text, error text, tried integer, next bigint)"
        " WHERE q.provider = :p AND q.lead_id = r.lead AND q.subject = r.subject AND q.outcome IS NULL",
        p=provider, rows=as_json(list(rows)),
    )  # fmt: skip


def said_of(value: Any) -> dict[str, Any]:
    """Return a kept answer as a mapping."""
    return dict(value) if isinstance(value, dict) else dict(msgspec.json.decode(value))


def health(connection: Connection) -> list[dict[str, Any]]:
    """Return each source's budget and health, and how many questions wait or were given up."""
    rows = run(
        connection,
        "SELECT coalesce(p.provider, q.provider) AS source, p.day, p.asked, p.failures, p.closed_until,"
        " coalesce(q.waiting, 0) AS waiting, coalesce(q.answered, 0) AS answered, coalesce(q.nothing, 0) AS nothing,"
        " coalesce(q.gave_up, 0) AS gave_up, q.last_error"
        " FROM tasuki.enrichment_provider p FULL JOIN (SELECT provider, count(*) FILTER (WHERE outcome IS NULL) AS waiting,"
        "  count(*) FILTER (WHERE outcome = 'answered') AS answered, count(*) FILTER (WHERE outcome = 'nothing') AS nothing,"
        "  count(*) FILTER (WHERE outcome = 'gave_up') AS gave_up, max(last_error) AS last_error"
        "  FROM tasuki.enrichment_request GROUP BY provider) q USING (provider) ORDER BY 1",
    )
    return [dict(row) for row in rows.mappings()]
