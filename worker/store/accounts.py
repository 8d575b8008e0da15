"""Accounts and their identities, read and written as sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from routing_rules.accounts import Account, Name
from worker.store import copying
from worker.store.db import run
from worker.store.rows import as_json

#: Why a candidate is certain: a lead of one account showed that the other is it, too.
BRIDGE: Final = "bridge"
#: Kind and value of an identity.
Key = tuple[str, str]
#: kind, value, place, form, account_key.
Row = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Near:
    """The accounts that share an identity with some lead, and who owns them."""

    accounts: dict[str, Account] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    #: Identity -> the accounts that have it.
    having: dict[Key, list[Account]] = field(default_factory=dict)

    def add(self, kind: str, value: str, place: str, form: str, key: str) -> bool:
        """Note an identity of an account; return False when it was known."""
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account(key)
        if kind == "name":
            name = Name(value, place, form or None)
            if name in account.names:
                return False
            account.names.add(name)
        else:
            values = account.numbers if kind == "corporate_number" else account.domains
            if value in values:
                return False
            values.add(value)
        having = self.having.setdefault((kind, value), [])
        if account not in having:
            having.append(account)
        return True


def near(connection: Connection, keys: Iterable[Key]) -> Near:
    """Return every account that has one of these identities, with all its identities and its owner."""
    rows = run(
        connection,
        "WITH hit AS MATERIALIZED (SELECT DISTINCT i.account_key"
        "  FROM json_to_recordset(cast(:rows AS json)) AS r(k text, v text)"
        "  JOIN tasuki.account_identity i ON i.kind = r.k AND i.value = r.v)"
        " SELECT i.kind, i.value, i.place, i.form, i.account_key, a.owner FROM hit"
        " JOIN tasuki.account_identity i USING (account_key) LEFT JOIN tasuki.account a USING (account_key)",
        rows=as_json([{"k": kind, "v": value} for kind, value in keys]),
    )
    found = Near()
    for kind, value, place, form, key, owner in rows:
        found.add(kind, value, place, form, key)
        if owner is not None:
            found.owners[key] = owner
    return found


_IDENTITY = {
    "kind": "text", "value": "text", "place": "text", "form": "text", "account_key": "text", "seen_at": "instant",
}  # fmt: skip


def insert_identities(connection: Connection, rows: Sequence[Row], now_ms: int) -> None:
    """Insert identities that are new, in a fixed order.

    Raises:
        Clash: another worker learned one of them first.

    """
    seen_at = copying.instant(now_ms)
    copying.insert_new(connection, "account_identity", _IDENTITY, ((*row, seen_at) for row in sorted(rows)))


def insert_candidates(
    connection: Connection, rows: Sequence[tuple[str, str, str, float]], now: datetime
) -> None:
    """List what may be one: `one` (an account, or `lead:N`), the account, because, and how sure (0-100)."""
    run(
        connection,
        "INSERT INTO tasuki.account_candidate (one, account_key, because, score, seen_at)"
        " SELECT r.one, r.key, r.because, r.score, :now FROM json_to_recordset(cast(:rows AS json))"
        "  AS r(one text, key text, because text, score real) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
        rows=as_json([
            {"one": one, "key": key, "because": because, "score": score} for one, key, because, score in rows
        ]),
        now=now,
    )  # fmt: skip


def pins(connection: Connection, lead_ids: Sequence[int]) -> dict[int, str]:
    """Return the accounts in which people put these leads."""
    rows = run(
        connection, "SELECT lead_id, account_key FROM tasuki.account_pin WHERE lead_id = ANY(:ids)",
        ids=list(lead_ids),
    )  # fmt: skip
    return dict(tuple(row) for row in rows)


def owners(connection: Connection, account_keys: Iterable[str]) -> dict[str, str]:
    """Return the owners of accounts that have one."""
    rows = run(
        connection,
        "SELECT account_key, owner FROM tasuki.account WHERE account_key = ANY(:keys)",
        keys=sorted(account_keys),
    )
    return dict(tuple(row) for row in rows)
