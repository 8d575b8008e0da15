"""Leads and their keys, events and decisions, read and written as sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from schemas.lead import LeadState, Standing
from worker.store import copying
from worker.store.copying import instant
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
    #: When it is looked at next, as stored.
    review_at_ms: int | None = None
    #: Its words on its company before this batch; None where no event of the batch is its.
    company_before: tuple[Any, ...] | None = None
    #: The state as it was stored, for a merge's record.
    before: str = field(default="{}")


#: What telling needs of the lead in the row, for queries that join `tasuki.lead l`. The rule by which it was found
#: ready stands in its decisions: once a rep accepted, the lead's own rule says so instead.
JUDGED = (
    "l.state, l.persona, l.fit_grade, l.engagement, l.buying_stage,"
    " (SELECT d.rule FROM tasuki.decision d WHERE d.lead_id = l.lead_id AND d.verdict = 'ready'"
    "  ORDER BY d.decision_id DESC LIMIT 1) AS ready_rule"
)


def encode_state(state: LeadState) -> bytes:
    """Return a state as the JSON text that is stored."""
    return _encoder.encode(state)


def decode_state(text: str) -> LeadState:
    """Read a stored state."""
    return _state_decoder.decode(text)


def next_block(connection: Connection) -> int:
    """Return the first of 1,000 lead ids that nobody else will use."""
    return int(run(connection, "SELECT nextval('tasuki.lead_seq')").scalar())


def known_events(connection: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Return the bodies of those events that were applied before."""
    rows = run(
        connection,
        "SELECT e.source, e.event_id, e.body FROM json_to_recordset(cast(:rows AS json)) AS r(s text, i text)"
        " JOIN tasuki.event e ON e.source = r.s AND e.event_id = r.i",
        rows=as_json([{"s": source, "i": event_id} for source, event_id in names]),
    )
    return {(source, event_id): body.encode() for source, event_id, body in rows}


def find_keys(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Return which leads the keys name."""
    rows = run(
        connection,
        "SELECT k.kind, k.value, k.lead_id FROM json_to_recordset(cast(:rows AS json)) AS r(k text, v text)"
        " JOIN tasuki.lead_key k ON k.kind = r.k AND k.value = r.v",
        rows=as_json([{"k": kind, "v": value} for kind, value in keys]),
    )
    return {(kind, value): lead_id for kind, value, lead_id in rows}


def insert_keys(connection: Connection, keys: dict[Key, int]) -> None:
    """Insert keys that are new, in a fixed order.

    Raises:
        Clash: one of them is another lead's by now.

    """
    rows = ((kind, value, lead_id) for (kind, value), lead_id in sorted(keys.items()))
    copying.insert_new(connection, "lead_key", {"kind": "text", "value": "text", "lead_id": "int8"}, rows)


_LEAD_COLUMNS = (
    "l.lead_id, l.state, l.lifecycle_stage, l.track, l.recycle_count, l.recycled_at, l.cool_down_until,"
    " l.history_until, l.buying_stage, l.persona, l.fit_grade, l.rule, l.account_key, l.owner, l.merged_into,"
    " l.review_at, a.owner AS account_owner"
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
    return {row[0]: _row(row) for row in rows}


def lock(connection: Connection, lead_ids: Iterable[int]) -> None:
    """Lock leads, in the order of their ids, without reading them."""
    run(
        connection,
        "SELECT 1 FROM tasuki.lead WHERE lead_id = ANY(:ids) ORDER BY lead_id FOR NO KEY UPDATE",
        ids=sorted(lead_ids),
    )


def read_lead(connection: Connection, lead_id: int) -> LeadRow | None:
    """Read one lead without a lock."""
    row = run(
        connection,
        f"SELECT {_LEAD_COLUMNS} FROM tasuki.lead l"  # noqa: S608 - a constant
        " LEFT JOIN tasuki.account a ON a.account_key = l.account_key WHERE l.lead_id = :id",
        id=lead_id,
    ).one_or_none()
    return None if row is None else _row(row)


def read_leads(connection: Connection, lead_ids: Iterable[int]) -> dict[int, LeadRow]:
    """Read leads without a lock."""
    rows = run(
        connection,
        f"SELECT {_LEAD_COLUMNS} FROM json_array_elements_text(cast(:ids AS json)) AS r(id)"  # noqa: S608 - a constant
        " JOIN tasuki.lead l ON l.lead_id = cast(r.id AS bigint)"
        " LEFT JOIN tasuki.account a ON a.account_key = l.account_key",
        ids=as_json(sorted(lead_ids)),
    )
    return {row[0]: _row(row) for row in rows}


def _row(row: Any) -> LeadRow:
    (
        lead_id, state, stage, track, recycle_count, recycled_at, cool_down_until, history_until, buying_stage, persona,
        fit_grade, rule, account_key, owner, merged_into, review_at, account_owner,
    ) = row  # fmt: skip
    standing = Standing(
        stage, track, recycle_count, ms_or_none(recycled_at), ms_or_none(cool_down_until), buying_stage, persona,
        fit_grade, rule, ms_or_none(history_until),
    )  # fmt: skip
    return LeadRow(
        lead_id, _state_decoder.decode(state), standing, account_key, account_owner, owner,
        merged_into=merged_into, review_at_ms=ms_or_none(review_at), before=state,
    )  # fmt: skip


_EVENT = {
    "source": "text", "event_id": "text", "type": "text", "lead_id": "int8", "occurred_at": "instant",
    "received_at": "instant", "applied_at": "instant", "body": "utf8",
}  # fmt: skip


def insert_events(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    """Insert applied events in a fixed order.

    Raises:
        Clash: one of them was applied by another worker.

    """
    if rows:
        rows.sort(key=itemgetter(0, 1))
        copying.insert_new(connection, "event", _EVENT, rows)


#: What a judgement writes of a lead, and how; `lead_id` comes first, `state` (as bytes) and the instant last.
_JUDGED = {
    "lead_id": "int8", "email": "text", "company": "text", "account_key": "text", "lifecycle_stage": "text",
    "persona": "text", "fit": "int2", "fit_grade": "text", "engagement": "float8", "buying_stage": "text",
    "track": "text", "rule": "text", "review_at": "instant", "rulebook_version": "int4", "state": "utf8",
    "updated_at": "instant",
}  # fmt: skip
_NEW = {**_JUDGED, "created_at": "instant"}
_FROM_HISTORY = {**_NEW, "history_until": "instant"}
_IN_JSON = {"instant": "bigint", "utf8": "text"}
_UPDATE = (
    "UPDATE tasuki.lead l SET "  # noqa: S608 - constants
    + ", ".join(
        f"{name} = " + (f"to_timestamp(r.{name} / 1000.0)" if kind == "instant" else f"r.{name}")
        for name, kind in _JUDGED.items()
        if name != "lead_id"
    )
    + " FROM json_to_recordset(cast(:rows AS json)) AS r("
    + ", ".join(f"{name} {_IN_JSON.get(kind, kind)}" for name, kind in _JUDGED.items())
    + ") WHERE l.lead_id = r.lead_id"
)
_INSTANTS = [at for at, kind in enumerate(_JUDGED.values()) if kind == "instant"]


def save_leads(
    connection: Connection, made: Sequence[tuple[Any, ...]], changed: Sequence[tuple[Any, ...]],
    history_ms: int | None = None,
) -> None:  # fmt: skip
    """Write judged leads; columns as in `_JUDGED`, instants in ms.

    Args:
        connection: the transaction.
        made: those that it made.
        changed: those that were there, and that it locked.
        history_ms: until when the made ones are known from history only.

    """
    if made and history_ms is not None:
        until = instant(history_ms)
        copying.insert_new(connection, "lead", _FROM_HISTORY, ((*_in_copy(row), until) for row in made))
    elif made:
        copying.insert_new(connection, "lead", _NEW, (_in_copy(row) for row in made))
    if changed:
        rows = [dict(zip(_JUDGED, (*row[:-2], row[-2].decode(), row[-1]), strict=True)) for row in changed]
        run(connection, _UPDATE, rows=as_json(rows))


def mark_history(connection: Connection, lead_ids: Sequence[int], until_ms: int | None) -> None:
    """Note that leads are known from history only until an instant, or (None) that they no longer are."""
    if lead_ids:
        run(
            connection,
            "UPDATE tasuki.lead SET history_until = to_timestamp(cast(:until AS bigint) / 1000.0)"
            " WHERE lead_id = ANY(:ids)",
            until=until_ms, ids=list(lead_ids),
        )  # fmt: skip


def _in_copy(row: tuple[Any, ...]) -> tuple[Any, ...]:
    sent = list(row)
    for at in _INSTANTS:
        sent[at] = instant(sent[at])
    sent.append(sent[-1])
    return tuple(sent)


_DECISION = {
    "lead_id": "int8", "at": "instant", "verdict": "text", "from_stage": "text", "to_stage": "text",
    "rule": "text", "reasons": "utf8", "inputs": "utf8", "rulebook_version": "int4",
}  # fmt: skip


def insert_decisions(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Record what was decided, why, and on what it rests; columns as in `_DECISION`, the instant in ms."""
    if rows:
        sent = ((row[0], instant(row[1]), *row[2:]) for row in rows)
        copying.insert_new(connection, "decision", _DECISION, sent)
