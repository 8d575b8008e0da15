"""Stays of leads on nurture tracks, as sets. The leads are locked by whoever calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from worker.store.db import run
from worker.store.rows import as_json

#: The receiver of instructions in the outbox; its address is TASUKI_MA_URL.
MA: Final = "ma"


def open_stays(connection: Connection, lead_ids: Sequence[int]) -> dict[int, Any]:
    """Return lead -> the stay that has not ended."""
    rows = run(
        connection,
        "SELECT s.stay_id, s.lead_id, s.track, s.entered_at FROM json_array_elements_text(cast(:ids AS json)) AS r(id)"
        " JOIN tasuki.track_stay s ON s.lead_id = cast(r.id AS bigint) AND s.left_at IS NULL",
        ids=as_json(list(lead_ids)),
    )
    return {row.lead_id: row for row in rows}


def leave(connection: Connection, left: Sequence[tuple[int, str]], now: datetime) -> None:
    """End stays, given as (stay, why)."""
    run(
        connection,
        "UPDATE tasuki.track_stay s SET left_at = greatest(:now, s.entered_at), left_because = r.why"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, why text) WHERE s.stay_id = r.id",
        rows=as_json([{"id": stay, "why": why} for stay, why in left]), now=now,
    )  # fmt: skip


def enter(connection: Connection, entered: Sequence[tuple[int, str, str]], now: datetime) -> dict[int, Any]:
    """Begin stays, given as (lead, track, why); return lead -> stay, with the time spent there before."""
    rows = run(
        connection,
        "INSERT INTO tasuki.track_stay (lead_id, track, because, entered_at, before_s)"
        " SELECT r.lead, r.track, r.why, :now, coalesce((SELECT sum(extract(epoch FROM s.left_at - s.entered_at))"
        "  FROM tasuki.track_stay s WHERE s.lead_id = r.lead AND s.track = r.track AND s.left_at IS NOT NULL), 0)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(lead bigint, track text, why text)"
        " RETURNING stay_id, lead_id, track, before_s",
        rows=as_json([{"lead": lead, "track": track, "why": why} for lead, track, why in entered]), now=now,
    )  # fmt: skip
    return {row.lead_id: row for row in rows}


def who(connection: Connection, lead_ids: Sequence[int]) -> dict[int, tuple[str | None, list[list[str]]]]:
    """Return lead -> address, and the keys under which producers know it as [source, key]."""
    rows = run(
        connection,
        "SELECT l.lead_id, l.email, coalesce((SELECT json_agg(json_build_array(substr(k.kind, 4), k.value) ORDER BY 1)"
        "  FROM (SELECT kind, value FROM tasuki.lead_key WHERE lead_id = l.lead_id AND kind LIKE 'ma:%'"
        "   ORDER BY kind, value) k), '[]') AS keys"
        " FROM json_array_elements_text(cast(:ids AS json)) AS r(id) JOIN tasuki.lead l ON l.lead_id = cast(r.id AS bigint)",
        ids=as_json(list(lead_ids)),
    )
    return {row.lead_id: (row.email, row.keys) for row in rows}


def overtake(connection: Connection, lead_ids: Sequence[int]) -> None:
    """Stop instructions that were not told yet: a newer one is about to be written."""
    run(
        connection,
        "UPDATE tasuki.outbox o SET status = 'superseded', next_try_at = NULL"
        " FROM json_array_elements_text(cast(:ids AS json)) AS r(id) WHERE o.lead_id = cast(r.id AS bigint)"
        " AND o.receiver = 'ma' AND o.next_try_at IS NOT NULL",
        ids=as_json(list(lead_ids)),
    )


def track_before_sales(connection: Connection, lead_id: int) -> str | None:
    """Return the track that a lead was on when it last became ready: the standing that the decision rests on."""
    found = run(
        connection,
        "SELECT inputs\\:\\:json #>> '{standing,track}' FROM tasuki.decision"
        " WHERE lead_id = :i AND verdict = 'ready' ORDER BY decision_id DESC LIMIT 1",
        i=lead_id,
    ).scalar()
    return None if found is None else str(found)
