"""What the gate reads of many leads at once: who is meant, how they stand, and when sales last tried."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from worker.store.db import run
from worker.store.rows import NOW_AS, as_json, ms

#: Leads whose numbers are read at a time.
PAGE: Final = 20_000


def ma_kinds(connection: Connection) -> list[str]:
    """Return the kinds of keys that producers give, by hops through the index and not over every key."""
    rows = run(
        connection,
        "WITH RECURSIVE kinds AS (SELECT min(kind) AS kind FROM tasuki.lead_key UNION ALL"
        " SELECT (SELECT min(kind) FROM tasuki.lead_key k WHERE k.kind > kinds.kind) FROM kinds WHERE kind IS NOT NULL)"
        " SELECT kind FROM kinds WHERE kind LIKE 'ma:%'",
    ).scalars()
    return [str(kind) for kind in rows]


def by_keys(connection: Connection, wanted: Sequence[tuple[int, str, str]]) -> list[tuple[int, int]]:
    """Return (row, lead) for keys given as (row, kind, value)."""
    rows = run(
        connection,
        "SELECT r.i, k.lead_id FROM json_to_recordset(cast(:rows AS json)) AS r(i integer, k text, v text)"
        " JOIN tasuki.lead_key k ON k.kind = r.k AND k.value = r.v",
        rows=as_json([{"i": row, "k": kind, "v": value} for row, kind, value in wanted]),
    )
    return [(row, lead_id) for row, lead_id in rows]


def by_numbers(connection: Connection, numbers: Iterable[int]) -> dict[int, int]:
    """Return lead number -> the lead that it is now."""
    rows = run(
        connection,
        "SELECT l.lead_id, n.id FROM json_array_elements_text(cast(:ids AS json)) AS r(id)"  # noqa: S608 - constants
        " JOIN tasuki.lead l ON l.lead_id = cast(r.id AS bigint)"
        f" CROSS JOIN LATERAL ({NOW_AS.format(start='l.lead_id')} SELECT id FROM now_as WHERE merged_into IS NULL) AS n",
        ids=as_json(sorted(numbers)),
    )
    return {number: lead_id for number, lead_id in rows}  # noqa: C416 - a row is no tuple to mypy


def phones(connection: Connection) -> Iterator[Any]:
    """Yield lead, phone and country of every lead with a phone, page by page; no key leads from a number."""
    last = 0
    while page := run(
        connection,
        "SELECT lead_id, state\\:\\:json #>> '{facts,phone,1}' AS phone, state\\:\\:json #>> '{facts,country,1}' AS country"
        " FROM tasuki.lead WHERE merged_into IS NULL AND lead_id > :last AND state LIKE '%\"phone\"%'"
        " ORDER BY lead_id LIMIT :n",
        last=last, n=PAGE,
    ).all():  # fmt: skip
        yield from page
        last = page[-1].lead_id


def tried(connection: Connection, lead_ids: Iterable[int], since: datetime) -> dict[int, int]:
    """Return lead -> when sales last tried to reach the person (ms), of those that were tried since."""
    rows = run(
        connection,
        "SELECT cast(r.id AS bigint) AS lead_id, max(a.at) AS at FROM json_array_elements_text(cast(:ids AS json)) AS r(id)"
        " CROSS JOIN LATERAL tasuki.one_person(cast(r.id AS bigint)) AS p(lead)"
        " JOIN tasuki.assignment s ON s.lead_id = p.lead"
        " JOIN tasuki.act a ON a.assignment_id = s.assignment_id AND a.at > :since"
        " AND a.act IN ('contacted', 'attempted', 'reached') GROUP BY 1",
        ids=as_json(sorted(lead_ids)), since=since,
    )  # fmt: skip
    return {row.lead_id: ms(row.at) for row in rows}
