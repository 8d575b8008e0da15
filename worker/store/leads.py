"""Leads and their keys, events and decisions, read and written as sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from schemas.lead import LeadState, Standing
from worker.store.db import run
from worker.store.rows import as_json, ms_or_none

_encoder = msgspec.json.Encoder()
_state_decoder = msgspec.json.Decoder(LeadState)

Key = tuple[str, str]


@dataclass(slots=True)
class LeadRow:
    """A lead in hand: its fold, its standing, and what was known before."""

    lead_id: int
    state: LeadState
    standing: Standing
    account_key: str | None = None
    account_owner: str | None = None
    owner: str | None = None
    is_new: bool = False
    merged_into: int | None = None
    #: The state as it was stored, for a merge's record.
    before: str = field(default="{}")


def encode_state(state: LeadState) -> str:
    """Return a state as the JSON text that is stored."""
    return _encoder.encode(state).decode()


def decode_state(text: str) -> LeadState:
    """Read a stored state."""
    return _state_decoder.decode(text)


def next_block(connection: Connection) -> int:
    """Return the first of 1,000 lead ids that nobody else will use."""
    return int(run(connection, "SELECT nextval('tasuki.lead_seq')").scalar())


def known_events(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the bodies of those events that were applied before."""
    rows = run(
        connection,
        "SELECT e.source, e.event_id, e.body FROM json_to_recordset(cast(:rows AS json)) AS r(s text, i text)"
        " JOIN tasuki.event e ON e.source = r.s AND e.event_id = r.i",
        rows=as_json([{"s": source, "i": event_id} for source, event_id in names]),
    )
    return {(row.source, row.event_id): row.body for row in rows}


def find_keys(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Return which leads the keys name."""
    rows = run(
        connection,
        "SELECT k.kind, k.value, k.lead_id FROM json_to_recordset(cast(:rows AS json)) AS r(k text, v text)"
        " JOIN tasuki.lead_key k ON k.kind = r.k AND k.value = r.v",
        rows=as_json([{"k": kind, "v": value} for kind, value in keys]),
    )
    return {(row.kind, row.value): row.lead_id for row in rows}


def insert_keys(connection: Connection, keys: dict[Key, int]) -> int:
    """Insert keys that are new, in a fixed order; return how many were."""
    result = run(
        connection,
        "INSERT INTO tasuki.lead_key (kind, value, lead_id)"
        " SELECT k, v, l FROM json_to_recordset(cast(:rows AS json)) AS r(k text, v text, l bigint)"
        " ON CONFLICT DO NOTHING",
        rows=as_json([{"k": k, "v": v, "l": lead_id} for (k, v), lead_id in sorted(keys.items())]),
    )
    return int(result.rowcount)


_LEAD_COLUMNS = (
    "l.lead_id, l.state, l.lifecycle_stage, l.track, l.recycle_count, l.recycled_at, l.cool_down_until,"
    " l.buying_stage, l.persona, l.fit_grade, l.rule, l.account_key, l.owner, l.merged_into,"
    " a.owner AS account_owner"
)


def lock_leads(connection: Connection, lead_ids: Iterable[int]) -> dict[int, LeadRow]:
    """Read and lock leads, in the order of their ids so that two workers never wait for each other."""
    rows = run(
        connection,
        f"SELECT {_LEAD_COLUMNS} FROM tasuki.lead l"  # noqa: S608 - a constant
        " LEFT JOIN tasuki.account a ON a.account_key = l.account_key"
        " WHERE l.lead_id = ANY(:ids) ORDER BY l.lead_id FOR NO KEY UPDATE OF l",
        ids=sorted(lead_ids),
    )
    return {row.lead_id: _row(row) for row in rows}


def read_lead(connection: Connection, lead_id: int) -> LeadRow | None:
    """Read one lead without a lock."""
    row = run(
        connection,
        f"SELECT {_LEAD_COLUMNS} FROM tasuki.lead l"  # noqa: S608 - a constant
        " LEFT JOIN tasuki.account a ON a.account_key = l.account_key WHERE l.lead_id = :id",
        id=lead_id,
    ).one_or_none()
    return None if row is None else _row(row)


def _row(row: Any) -> LeadRow:
    return LeadRow(
        lead_id=row.lead_id,
        state=_state_decoder.decode(row.state),
        standing=Standing(
            lifecycle_stage=row.lifecycle_stage,
            track=row.track,
            recycle_count=row.recycle_count,
            recycled_at_ms=ms_or_none(row.recycled_at),
            cool_down_until_ms=ms_or_none(row.cool_down_until),
            buying_stage=row.buying_stage,
            persona=row.persona,
            fit_grade=row.fit_grade,
            rule=row.rule,
        ),
        account_key=row.account_key,
        account_owner=row.account_owner,
        owner=row.owner,
        merged_into=row.merged_into,
        before=row.state,
    )


def account_owners(connection: Connection, account_keys: Iterable[str]) -> dict[str, str]:
    """Return the owners of accounts that have one."""
    rows = run(
        connection,
        "SELECT account_key, owner FROM tasuki.account WHERE account_key = ANY(:keys)",
        keys=sorted(account_keys),
    )
    return {row.account_key: row.owner for row in rows}


def insert_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert applied events in a fixed order; return how many were new."""
    result = run(
        connection,
        "INSERT INTO tasuki.event (source, event_id, type, lead_id, occurred_at, received_at, applied_at, body)"
        " SELECT s, i, t, l, to_timestamp(o / 1000.0), to_timestamp(r / 1000.0), to_timestamp(a / 1000.0), b"
        " FROM json_to_recordset(cast(:rows AS json))"
        " AS x(s text, i text, t text, l bigint, o bigint, r bigint, a bigint, b text)"
        " ON CONFLICT DO NOTHING",
        rows=as_json(rows),
    )
    return int(result.rowcount)


def save_leads(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write judged leads: new ones are inserted, known ones (locked before) updated."""
    run(
        connection,
        "INSERT INTO tasuki.lead (lead_id, email, company, account_key, lifecycle_stage, persona, fit, fit_grade,"
        " engagement, buying_stage, track, rule, review_at, rulebook_version, state, created_at, updated_at)"
        " SELECT id, email, company, account, stage, persona, fit, grade, engagement, buying, track, rule,"
        " to_timestamp(review / 1000.0), version, state, to_timestamp(now / 1000.0), to_timestamp(now / 1000.0)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, email text, company text, account text,"
        " stage text, persona text, fit smallint, grade text, engagement double precision, buying text,"
        " track text, rule text, review bigint, version integer, state text, now bigint)"
        " ON CONFLICT (lead_id) DO UPDATE SET email = excluded.email, company = excluded.company,"
        " account_key = excluded.account_key, lifecycle_stage = excluded.lifecycle_stage,"
        " persona = excluded.persona, fit = excluded.fit, fit_grade = excluded.fit_grade,"
        " engagement = excluded.engagement, buying_stage = excluded.buying_stage, track = excluded.track,"
        " rule = excluded.rule, review_at = excluded.review_at, rulebook_version = excluded.rulebook_version,"
        " state = excluded.state, updated_at = excluded.updated_at",
        rows=as_json(rows),
    )


_DECISION = (
    "INSERT INTO tasuki.decision (lead_id, at, verdict, from_stage, to_stage, rule, reasons, inputs, rulebook_version)"
    " SELECT id, to_timestamp(now / 1000.0), verdict, was, stage, r.rule, reasons, {inputs}, version"
    " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, now bigint, verdict text, was text,"
    " stage text, rule text, reasons text, inputs text, version integer){more}"
)


def insert_judgements(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record judgements of leads that were just saved; the state that they rest on is completed from there."""
    sql = _DECISION.format(
        inputs="r.inputs || l.state || '}'", more=" JOIN tasuki.lead l ON l.lead_id = r.id"
    )
    run(connection, sql, rows=as_json(rows))


def insert_decisions(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record what was decided otherwise, by a rep's act, and on what it rests."""
    run(connection, _DECISION.format(inputs="r.inputs", more=""), rows=as_json(rows))
