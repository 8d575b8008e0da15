"""Accounts that may be one, looked for in the background: names that are alike, and what a lead showed to be one."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from routing_rules.accounts import LIKELY, likeness
from schemas.errors import Refused
from worker.account_acts import merge, settle
from worker.store import accounts
from worker.store.db import run

#: Names on each side that a new one is compared with, in the order of all names read forwards and backwards.
NEIGHBOURS: Final = 15
_NAMES: Final = "SELECT value, place, account_key FROM tasuki.account_identity WHERE kind = 'name'"
_BACKWARDS: Final = 'reverse(value) COLLATE "C"'
#: The sorted neighbourhood: a name that is alike begins or ends alike, and so stands near in one of the two orders.
#: However many names there are, each costs the same. Source: M. Hernandez and S. Stolfo, The merge/purge problem
#: for large databases, SIGMOD 1995.
_NEAR: Final = (
    f'SELECT n.name, i.* FROM (SELECT name COLLATE "C" AS name, reverse(name) COLLATE "C" AS back'  # noqa: S608
    "  FROM unnest(cast(:names AS text[])) AS t(name)) AS n CROSS JOIN LATERAL ("
    f" ({_NAMES} AND value >= n.name ORDER BY value LIMIT :n) UNION ALL"
    f" ({_NAMES} AND value < n.name ORDER BY value DESC LIMIT :n) UNION ALL"
    f" ({_NAMES} AND {_BACKWARDS} >= n.back ORDER BY {_BACKWARDS} LIMIT :n) UNION ALL"
    f" ({_NAMES} AND {_BACKWARDS} < n.back ORDER BY {_BACKWARDS} DESC LIMIT :n)) AS i"
)


def propose(connection: Connection, now: datetime, limit: int = 500) -> int:
    """Compare names that are new with their neighbours, and list what is likely one company.

    Return how many names were looked at. What was written in the last minute waits: it may not be committed yet.
    """
    since = run(connection, "SELECT until FROM tasuki.account_compared FOR UPDATE").scalar()
    rows = run(
        connection,
        "SELECT value, place, account_key, seen_at FROM tasuki.account_identity WHERE kind = 'name'"
        " AND (cast(:since AS timestamptz) IS NULL OR seen_at > :since)"
        " AND seen_at <= cast(:now AS timestamptz) - interval '1 minute' ORDER BY seen_at LIMIT :n",
        since=since, now=now, n=limit,
    ).all()  # fmt: skip
    if not rows:
        return 0
    until = rows[-1].seen_at
    if len(rows) == limit:  # names of one instant are looked at together
        rows += run(
            connection,
            "SELECT value, place, account_key, seen_at FROM tasuki.account_identity WHERE kind = 'name'"
            " AND seen_at = :until", until=until,
        ).all()  # fmt: skip
    found = _likely(connection, rows)
    if found:
        accounts.insert_candidates(connection, found, now)
    run(
        connection,
        "INSERT INTO tasuki.account_compared (until) VALUES (:until)"
        " ON CONFLICT (only_one) DO UPDATE SET until = excluded.until",
        until=until,
    )  # fmt: skip
    return len(rows)


def join_bridged(connection: Connection, now: datetime, limit: int = 50) -> int:
    """Make one what a lead showed to be one account: known by domain there, by the same name and place here."""
    rows = run(
        connection,
        "SELECT one, account_key FROM tasuki.account_candidate c WHERE because = :b AND settled IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM tasuki.account_identity i WHERE i.account_key = c.account_key"
        "  AND i.kind <> 'name') ORDER BY 1, 2 LIMIT :n FOR UPDATE SKIP LOCKED",
        b=accounts.BRIDGE, n=limit,
    ).all()  # fmt: skip
    joined = 0
    for row in rows:
        try:
            merge(connection, row.one, row.account_key, "tasuki", now)
            joined += 1
        except Refused:  # merged meanwhile, under another key
            settle(connection, row.one, row.account_key, "merged", now)
    return joined


def _likely(connection: Connection, rows: list[Any]) -> list[tuple[str, str, str, float]]:
    """Return pairs of accounts in one place, or one of them in none, whose names are alike."""
    near: dict[str, list[Any]] = {}
    for other in run(connection, _NEAR, names=sorted({row.value for row in rows}), n=NEIGHBOURS):
        near.setdefault(other.name, []).append(other)
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        for other in near.get(row.value, ()):
            if other.account_key != row.account_key and _may_be_one_place(row.place, other.place):
                score = likeness(row.value, other.value)
                if score >= LIKELY:
                    pair = (min(row.account_key, other.account_key), max(row.account_key, other.account_key))
                    found[pair] = max(score, found.get(pair, 0.0))
    return [(one, other, "alike", score) for (one, other), score in sorted(found.items())]


def _may_be_one_place(one: str, other: str) -> bool:
    return not one or not other or one == other or one in (other[:2], "") or other == one[:2]
