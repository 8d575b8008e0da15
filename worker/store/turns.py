"""The ledger of a pool: every turn taken, given back, credited or expired, and what each rep is owed by it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routing_rules.returns import Account, Entry
from worker.store.db import run
from worker.store.rows import as_json, ms, ms_or_none

#: A pool's accounts and the sum of the ledger of each, in units.
Book = tuple[dict[str, Account], dict[str, int]]


def read_accounts(connection: Connection, pool: str) -> Book:
    """Return what every rep who ever took part in the pool is owed. The pool is locked in the transaction."""
    accounts: dict[str, Account] = {}
    ledger: dict[str, int] = {}
    for row in run(connection, "SELECT * FROM tasuki.pool_credit WHERE pool = :p", p=pool):
        accounts[row.rep] = Account(row.credit, row.makeup, row.makeup_until, row.away_since)
        ledger[row.rep] = row.ledger
    return accounts, ledger


def apply_returned(connection: Connection, pool: str, accounts: dict[str, Account]) -> dict[str, int]:
    """Undo the turns that were given back since the last hand-over; return each rep's change."""
    rows = run(
        connection,
        "UPDATE tasuki.turn SET applied = true WHERE pool = :p AND NOT applied RETURNING rep, amount, shares",
        p=pool,
    )
    changes: dict[str, int] = {}
    for row in rows:
        for rep, units in [(row.rep, row.amount), *row.shares.items()]:
            changes[rep] = changes.get(rep, 0) + units
    for rep, units in changes.items():
        accounts.setdefault(rep, Account()).credit += units
    return changes


def give_back(connection: Connection, assignment_id: int, reason: str, now: datetime) -> None:
    """Undo the turn that an assignment took: its lead was a bad one. Once only, and only a round robin's."""
    run(
        connection,
        "INSERT INTO tasuki.turn (pool, rep, at, kind, amount, shares, lead_id, assignment_id, why, applied)"
        " SELECT t.pool, t.rep, :now, 'returned', -t.amount,"
        " (SELECT jsonb_object_agg(s.key, -s.value::bigint) FROM jsonb_each_text(t.shares) s),"
        " t.lead_id, t.assignment_id, :why, false FROM tasuki.turn t"
        " WHERE t.assignment_id = :a AND t.kind = 'taken' AND t.amount <> 0 ON CONFLICT DO NOTHING".replace(
            "::bigint", "\\:\\:bigint"
        ),
        a=assignment_id, why=reason, now=now,
    )  # fmt: skip


def missed(connection: Connection, pool: str, since: Mapping[str, datetime]) -> dict[str, int]:
    """Return the units that reps missed in a pool since the given instants."""
    if not since:
        return {}
    rows = run(
        connection,
        "SELECT r.rep, coalesce(sum(cast(t.missed ->> r.rep AS bigint)), 0) AS units"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(rep text, since bigint)"
        " LEFT JOIN tasuki.turn t ON t.pool = :p AND t.at >= to_timestamp(r.since / 1000.0)"
        " AND jsonb_exists(t.missed, r.rep) GROUP BY r.rep",
        p=pool, rows=as_json([{"rep": rep, "since": ms(at) - 1} for rep, at in since.items()]),
    )  # fmt: skip
    return {row.rep: int(row.units) for row in rows}


def carried(accounts: Mapping[str, Account], ledger: Mapping[str, int]) -> list[Entry]:
    """Return entries for credit that the ledger does not hold: a worker of the version before wrote it."""
    return [
        Entry(rep, "carried", account.credit - ledger.get(rep, 0))
        for rep, account in accounts.items()
        if account.credit != ledger.get(rep, 0)
    ]


def record_entries(connection: Connection, pool: str, entries: Sequence[Entry], now: datetime) -> None:
    """Write rows of the ledger that no lead made."""
    if entries:
        run(
            connection,
            "INSERT INTO tasuki.turn (pool, rep, at, kind, amount, makeup)"
            " SELECT :p, rep, :now, kind, amount, makeup FROM json_to_recordset(cast(:rows AS json))"
            " AS r(rep text, kind text, amount bigint, makeup bigint)",
            p=pool, now=now, rows=as_json(
                [{"rep": one.rep, "kind": one.kind, "amount": one.amount, "makeup": one.makeup}
                 for one in entries]
            ),
        )  # fmt: skip


def record_taken(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Write one row for each lead that a rep was given."""
    run(
        connection,
        "INSERT INTO tasuki.turn (pool, rep, at, kind, amount, shares, missed, lead_id, assignment_id)"
        " SELECT pool, rep, :now, 'taken', amount, shares, missed, lead, assignment"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(pool text, rep text, amount bigint, shares jsonb,"
        " missed jsonb, lead bigint, assignment bigint)",
        rows=as_json(rows), now=now,
    )  # fmt: skip


def save_accounts(
    connection: Connection, pool: str, before: Mapping[str, Account], ledger: Mapping[str, int],
    after: Mapping[str, Account],
) -> None:  # fmt: skip
    """Write the accounts that changed, with the ledger's sum beside the credit."""
    changed = [
        {"rep": rep, "credit": account.credit, "makeup": account.makeup,
         "until": ms_or_none(account.makeup_until), "away": ms_or_none(account.away_since)}
        for rep, account in after.items()
        if before.get(rep) != account or ledger.get(rep) != account.credit
    ]  # fmt: skip
    if changed:
        run(
            connection,
            "INSERT INTO tasuki.pool_credit (pool, rep, credit, ledger, makeup, makeup_until, away_since)"
            " SELECT :p, rep, credit, credit, makeup, to_timestamp(until / 1000.0), to_timestamp(away / 1000.0)"
            " FROM json_to_recordset(cast(:rows AS json))"
            " AS r(rep text, credit bigint, makeup bigint, until bigint, away bigint)"
            " ON CONFLICT (pool, rep) DO UPDATE SET credit = excluded.credit, ledger = excluded.ledger,"
            " makeup = excluded.makeup, makeup_until = excluded.makeup_until, away_since = excluded.away_since",
            p=pool, rows=as_json(changed),
        )  # fmt: skip
