"""Which record of the CRM a lead is, what was written to it last, and where it came from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.settings import settings
from worker.store import crm
from worker.store.db import run
from worker.store.leads import Key
from worker.store.rows import as_json


def link(connection: Connection, name: str, links: Sequence[dict[str, Any]], now: datetime) -> None:
    """Keep which records leads are, given with id, object, crm, how and written.

    A receiver that tells another id tells of another record, which came from nobody; a converted one is the same.
    """
    run(
        connection,
        "INSERT INTO tasuki.crm_link AS k (connection, lead_id, object, crm_id, how, linked_at, written)"
        " SELECT :c, id, object, crm, how, :now, written FROM json_to_recordset(cast(:rows AS json))"
        " AS r(id bigint, object text, crm text, how text, written jsonb)"
        " ON CONFLICT (connection, lead_id) DO UPDATE SET object = excluded.object, crm_id = excluded.crm_id,"
        " came_from = CASE WHEN k.crm_id = excluded.crm_id OR excluded.how <> 'told' THEN k.came_from ELSE '{}' END,"
        " how = CASE WHEN k.crm_id = excluded.crm_id THEN k.how ELSE excluded.how END,"
        " written = k.written || excluded.written",
        c=name, rows=as_json(links), now=now,
    )  # fmt: skip


def know_as(connection: Connection, kind: str, keys: Sequence[tuple[int, str]], now: datetime) -> None:
    """Make CRM ids identity keys of their leads, so that an outcome that names only the record finds its lead.

    An id that is known as another lead's is left there, and the two are listed for ops.
    """
    rows = as_json([{"l": lead_id, "v": value} for lead_id, value in sorted(keys, key=lambda key: key[1])])
    run(
        connection,
        "INSERT INTO tasuki.lead_key (kind, value, lead_id) SELECT :k, v, coalesce(x.merged_into, x.lead_id)"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(l bigint, v text)"
        " JOIN tasuki.lead x ON x.lead_id = r.l ORDER BY v ON CONFLICT DO NOTHING",  # erased meanwhile: no key
        k=kind, rows=rows,
    )  # fmt: skip
    run(
        connection,
        "INSERT INTO tasuki.merge_candidate (lead_a, lead_b, because, seen_at)"
        " SELECT least(k.lead_id, r.l), greatest(k.lead_id, r.l), :k, :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(l bigint, v text)"
        " JOIN tasuki.lead x ON x.lead_id = r.l AND x.merged_into IS NULL"
        " JOIN tasuki.lead_key k ON k.kind = :k AND k.value = r.v AND k.lead_id <> r.l ON CONFLICT DO NOTHING",
        k=kind, rows=rows, now=now,
    )  # fmt: skip


def note_written(connection: Connection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add to what is kept of links, given with id and written."""
    run(
        connection,
        "UPDATE tasuki.crm_link k SET written = k.written || r.written"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, written jsonb)"
        " WHERE k.connection = :c AND k.lead_id = r.id",
        c=name, rows=as_json(rows),
    )  # fmt: skip


def linked(
    connection: Connection, name: str, crm_ids: Sequence[str]
) -> dict[str, tuple[int, dict[str, str]]]:
    """Return which lead each of these records is, and what was written to it last."""
    rows = run(
        connection,
        "SELECT crm_id, lead_id, written FROM tasuki.crm_link WHERE connection = :c AND crm_id = ANY(:ids)",
        c=name, ids=list(crm_ids),
    )  # fmt: skip
    return {row.crm_id: (row.lead_id, row.written) for row in rows}


def link_of(connection: Connection, name: str, lead_id: int) -> tuple[str | None, str | None, dict[str, str]]:
    """Return object, record and what was written of a lead; nothing where it has no record."""
    row = run(
        connection,
        "SELECT object, crm_id, written FROM tasuki.crm_link WHERE connection = :c AND lead_id = :l",
        c=name, l=lead_id,
    ).one_or_none()  # fmt: skip
    return (None, None, {}) if row is None else (row.object, row.crm_id, row.written)


def adopt(
    connection: Connection, name: str, lead_ids: Sequence[int]
) -> dict[int, tuple[str, str, dict[str, str]]]:
    """Give leads that have no record that of a lead that was merged into them; return object, record, written."""
    rows = run(
        connection,
        "UPDATE tasuki.crm_link k SET lead_id = m.kept, came_from = k.came_from || k.lead_id FROM"
        " (SELECT DISTINCT ON (g.merged_into) g.merged_into AS kept, k.lead_id AS gone"
        "  FROM tasuki.crm_link k JOIN tasuki.lead g USING (lead_id) WHERE k.connection = :c"
        "  AND g.merged_into = ANY(:ids) ORDER BY g.merged_into, k.linked_at) m"
        " WHERE k.connection = :c AND k.lead_id = m.gone AND NOT EXISTS"
        " (SELECT 1 FROM tasuki.crm_link o WHERE o.connection = :c AND o.lead_id = m.kept)"
        " RETURNING k.lead_id, k.object, k.crm_id, k.written",
        c=name, ids=list(lead_ids),
    )  # fmt: skip
    return {row.lead_id: (row.object, row.crm_id, row.written) for row in rows}


def follow_merge(connection: Connection, name: str, gone: int, kept: int, now: datetime) -> bool:
    """Let the lead that took another one in have its record, unless it has one, and be written. Tell whether it got it."""
    moved = run(
        connection,
        "UPDATE tasuki.crm_link SET lead_id = :kept, came_from = came_from || lead_id"
        " WHERE connection = :c AND lead_id = :gone AND NOT EXISTS (SELECT 1 FROM tasuki.crm_link WHERE connection = :c AND lead_id = :kept)",
        c=name, kept=kept, gone=gone,
    ).rowcount  # fmt: skip
    crm.mark(connection, [kept], now)
    return bool(moved)


def give_back(connection: Connection, kept: int, gone: int) -> set[Key]:
    """Give a lead that was taken in the records back that came from it; return the identity keys that they are.

    Records that the kept lead had of its own, or got since, stay its own. A key is told whether or not it is there.
    """
    rows = run(
        connection,
        "UPDATE tasuki.crm_link k SET lead_id = :gone, came_from = came_from[1 : cardinality(came_from) - 1]"
        " WHERE lead_id = :kept AND came_from[cardinality(came_from)] = :gone AND NOT EXISTS"
        " (SELECT 1 FROM tasuki.crm_link o WHERE o.connection = k.connection AND o.lead_id = :gone)"
        " RETURNING connection, crm_id",
        kept=kept, gone=gone,
    )  # fmt: skip
    kind = f"ma:{settings().crm_source or settings().crm}"
    mine = [row.crm_id for row in rows if row.connection == settings().crm]
    # Salesforce's events name a record by the first 15 characters of its id
    return {
        (kind, form)
        for crm_id in mine
        for form in (crm_id, crm_id[:15] if settings().crm == "salesforce" else crm_id)
    }


def unlink(connection: Connection, name: str, lead_ids: Sequence[int]) -> None:
    """Forget which records leads are: they are erased, or the record is gone."""
    run(
        connection, "DELETE FROM tasuki.crm_link WHERE connection = :c AND lead_id = ANY(:ids)",
        c=name, ids=list(lead_ids),
    )  # fmt: skip
