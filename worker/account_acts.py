"""What people do with accounts: make two one, undo that, part one, put a lead into one. Each is kept on record."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from routing_rules.accounts import candidate_of
from routing_rules.companies import normal_name
from schemas.errors import Refused
from worker.logs import get_logger
from worker.store import accounts, leads
from worker.store.db import run
from worker.store.rows import as_json, ms
from worker.zone import local_day_time

log = get_logger()

#: Leads that are moved in one go.
SOME: Final = 1_000
_IDENTITY: Final = "kind, value, place, form, account_key, seen_at"


def account_of(connection: Connection, who: str) -> str:
    """Return the account of a key, a lead (`lead:17`), a domain, a corporate number or a name that one account has.

    Raises:
        Refused: when none, or more than one, is known by it.

    """
    if who.startswith("lead:") and who[5:].isdigit():
        key = run(
            connection, "SELECT account_key FROM tasuki.lead WHERE lead_id = :i", i=int(who[5:])
        ).scalar()
        if key is None:
            raise Refused(f"{who} belongs to no account")
        return str(key)
    found = run(
        connection,
        "SELECT DISTINCT account_key FROM tasuki.account_identity"
        " WHERE account_key = :who OR value = :plain OR (kind = 'name' AND value = :name) LIMIT 20",
        who=who, plain=who.strip().lower(), name=normal_name(who) or "-",
    ).scalars().all()  # fmt: skip
    if not found:
        raise Refused(
            f"no account is known as {who!r}; give its key, a domain, a corporate number, its whole name,"
            " or `lead:NUMBER` (`tasuki lead show` says the account of a lead)"
        )
    if len(found) > 1 and who not in found:
        raise Refused(f"{who!r} names several accounts: {', '.join(sorted(found))}; use the key")
    return who if who in found else str(found[0])


def merge(connection: Connection, kept: str, gone: str, by: str, now: datetime) -> int:
    """Make two accounts one and return the number of the merge; its leads, identities and owner move over.

    Raises:
        Refused: it is one account already.

    """
    if kept == gone:
        raise Refused(f"{kept} is one account already")
    _lock(connection, kept, gone)
    moved = run(
        connection,
        "SELECT lead_id FROM tasuki.lead WHERE account_key = :gone ORDER BY lead_id FOR NO KEY UPDATE", gone=gone,
    ).scalars().all()  # fmt: skip
    identities = _take_identities(connection, kept, gone)
    merge_id = run(
        connection,
        "INSERT INTO tasuki.account_merge (kept, gone, at, by, identities, leads, owner, kept_owner)"
        " SELECT :kept, :gone, :now, :by, cast(:identities AS jsonb), cast(:leads AS jsonb),"
        " (SELECT owner FROM tasuki.account WHERE account_key = :gone),"
        " (SELECT owner FROM tasuki.account WHERE account_key = :kept) RETURNING merge_id",
        kept=kept, gone=gone, now=now, by=by, leads=as_json(list(moved)), identities=as_json(identities),
    ).scalar()  # fmt: skip
    _take_owner(connection, kept, gone)
    _move(connection, moved, kept)
    run(
        connection, "UPDATE tasuki.account_pin SET account_key = :kept WHERE account_key = :gone",
        kept=kept, gone=gone,
    )  # fmt: skip
    settle(connection, kept, gone, "merged", now)
    log.info("account.merged", count=len(moved))
    return int(merge_id)


def _take_identities(connection: Connection, kept: str, gone: str) -> list[list[Any]]:
    """Let an account be known by what another was known by; return that for the record, each with whether it was new.

    Raises:
        Refused: the other is known by nothing: it is gone already.

    """
    identities = run(
        connection, f"SELECT {_IDENTITY} FROM tasuki.account_identity WHERE account_key = :gone", gone=gone,  # noqa: S608
    ).all()  # fmt: skip
    if not identities:
        raise Refused(f"there is no account {gone} any more")
    news = run(
        connection,
        "INSERT INTO tasuki.account_identity (kind, value, place, form, account_key, seen_at)"
        " SELECT kind, value, place, form, :kept, seen_at FROM tasuki.account_identity WHERE account_key = :gone"
        " ON CONFLICT DO NOTHING RETURNING kind, value, place, form",
        kept=kept, gone=gone,
    ).all()  # fmt: skip
    run(connection, "DELETE FROM tasuki.account_identity WHERE account_key = :gone", gone=gone)
    new = {tuple(row) for row in news}
    return [
        [row.kind, row.value, row.place, row.form, ms(row.seen_at), (row.kind, row.value, row.place, row.form) in new]
        for row in identities
    ]  # fmt: skip


def _take_owner(connection: Connection, kept: str, gone: str) -> None:
    """Let the owner of an account own the other, unless it has one."""
    run(
        connection,
        "INSERT INTO tasuki.account (account_key, owner, since)"
        " SELECT :kept, owner, since FROM tasuki.account WHERE account_key = :gone ON CONFLICT DO NOTHING",
        kept=kept, gone=gone,
    )  # fmt: skip
    run(connection, "DELETE FROM tasuki.account WHERE account_key = :gone", gone=gone)


def unmerge(connection: Connection, merge_id: int, by: str, now: datetime) -> str:
    """Undo a merge of accounts and return the key that came back; what was learned since stays with the kept one.

    Raises:
        Refused: there is no such merge, or it was undone.

    """
    row = run(
        connection, "SELECT * FROM tasuki.account_merge WHERE merge_id = :m FOR UPDATE", m=merge_id
    ).one_or_none()
    if row is None:
        raise Refused(f"there is no merge {merge_id}")
    if row.undone_at is not None:
        raise Refused(f"merge {merge_id} was undone at {local_day_time(row.undone_at)} by {row.undone_by}")
    _lock(connection, row.kept, row.gone)
    run(
        connection,
        "INSERT INTO tasuki.account_identity (kind, value, place, form, account_key, seen_at)"
        " SELECT r ->> 0, r ->> 1, r ->> 2, r ->> 3, :gone, to_timestamp((r ->> 4)::bigint / 1000.0)"
        " FROM jsonb_array_elements(cast(:rows AS jsonb)) AS r ON CONFLICT DO NOTHING",
        gone=row.gone, rows=msgspec.json.encode(row.identities).decode(),
    )  # fmt: skip
    run(
        connection,
        "DELETE FROM tasuki.account_identity k USING jsonb_array_elements(cast(:rows AS jsonb)) AS r"
        " WHERE k.account_key = :kept AND k.kind = r ->> 0 AND k.value = r ->> 1 AND k.place = r ->> 2"
        " AND k.form = r ->> 3 AND (r ->> 5)::boolean",
        kept=row.kept, rows=msgspec.json.encode(row.identities).decode(),
    )  # fmt: skip
    if row.owner is not None:
        run(
            connection,
            "INSERT INTO tasuki.account (account_key, owner, since) VALUES (:gone, :owner, :at) ON CONFLICT DO NOTHING",
            gone=row.gone, owner=row.owner, at=row.at,
        )  # fmt: skip
        if row.kept_owner is None:
            run(connection, "DELETE FROM tasuki.account WHERE account_key = :kept AND owner = :owner",
                kept=row.kept, owner=row.owner)  # fmt: skip
    back = run(
        connection,
        "SELECT lead_id FROM tasuki.lead WHERE account_key = :kept AND lead_id = ANY(:ids) ORDER BY 1 FOR NO KEY UPDATE",
        kept=row.kept, ids=row.leads,
    ).scalars().all()  # fmt: skip
    _move(connection, back, row.gone)
    run(
        connection, "UPDATE tasuki.account_merge SET undone_at = :now, undone_by = :by WHERE merge_id = :m",
        now=now, by=by, m=merge_id,
    )  # fmt: skip
    settle(connection, row.kept, row.gone, "apart", now, insert=True)
    return str(row.gone)


def split(
    connection: Connection, key: str, take: Iterable[tuple[str, str]], now: datetime
) -> tuple[str, int]:
    """Take identities (kind, value) out of an account into a new one, with the leads that have them.

    Return the new account's key and how many leads moved.

    Raises:
        Refused: the account has none of them, or nothing but them.

    """
    wanted = set(take)
    rows = run(
        connection, f"SELECT {_IDENTITY} FROM tasuki.account_identity WHERE account_key = :k", k=key,  # noqa: S608
    ).all()  # fmt: skip
    taken = [row for row in rows if (row.kind, row.value) in wanted]
    if not taken or len(taken) == len(rows):
        have = ", ".join(sorted({f"{row.kind}={row.value}" for row in rows}))
        raise Refused(f"name some, and not all, of what {key} is known by: {have}")
    first = min(taken, key=lambda row: ("corporate_number", "domain", "name").index(row.kind))
    new = _free_key(connection, f"split:{first.kind}:{first.value}")
    _lock(connection, key, new)
    run(
        connection,
        "UPDATE tasuki.account_identity i SET account_key = :new FROM json_to_recordset(cast(:rows AS json))"
        " AS r(k text, v text) WHERE i.account_key = :key AND i.kind = r.k AND i.value = r.v",
        new=new, key=key, rows=as_json([{"k": kind, "v": value} for kind, value in wanted]),
    )  # fmt: skip
    moved = _leads_with(connection, key, wanted)
    _move(connection, moved, new)
    settle(connection, key, new, "apart", now, insert=True)
    return new, len(moved)


def _free_key(connection: Connection, wish: str) -> str:
    taken = run(
        connection, "SELECT count(DISTINCT account_key) FROM tasuki.account_identity WHERE account_key LIKE :w || '%'",
        w=wish.replace("%", "").replace("_", ""),
    ).scalar()  # fmt: skip
    return wish if not taken else f"{wish}:{taken}"


def _leads_with(connection: Connection, key: str, wanted: set[tuple[str, str]]) -> list[int]:
    """Return the leads of an account that say one of these identities, the surest that they say counting."""
    found: list[int] = []
    last = 0
    while True:
        rows = run(
            connection,
            "SELECT lead_id, state FROM tasuki.lead WHERE account_key = :k AND lead_id > :last"
            " ORDER BY lead_id LIMIT :n FOR NO KEY UPDATE",
            k=key, last=last, n=SOME,
        ).all()  # fmt: skip
        if not rows:
            return found
        last = rows[-1].lead_id
        for row in rows:
            said = candidate_of(leads.decode_state(row.state))
            surest = (
                ("corporate_number", said.corporate_number) if said.corporate_number
                else ("domain", said.domain) if said.domain
                else ("name", said.company.name if said.company else "")
            )  # fmt: skip
            if surest in wanted:
                found.append(row.lead_id)


def put(connection: Connection, lead_id: int, key: str, by: str, now: datetime) -> None:
    """Put a lead into an account; it stays there whatever it says of its company from now on."""
    run(
        connection,
        "INSERT INTO tasuki.account_pin (lead_id, account_key, by, at) VALUES (:i, :k, :by, :now)"
        " ON CONFLICT (lead_id) DO UPDATE SET account_key = excluded.account_key, by = excluded.by, at = excluded.at",
        i=lead_id, k=key, by=by, now=now,
    )  # fmt: skip
    _move(connection, [lead_id], key)
    run(
        connection,
        "UPDATE tasuki.account_candidate SET settled = 'put', settled_at = :now WHERE one = :one AND settled IS NULL",
        one=f"lead:{lead_id}", now=now,
    )  # fmt: skip


def keep_apart(connection: Connection, one: str, other: str, now: datetime) -> None:
    """Record that two accounts are two: they are not listed again."""
    settle(connection, one, other, "apart", now, insert=True)


def _lock(connection: Connection, *keys: str) -> None:
    """Let one person at a time change these accounts; the judgement of leads does not wait."""
    for key in sorted(keys):
        run(connection, "SELECT pg_advisory_xact_lock(hashtextextended(:k, 7254191))", k=key)


def _move(connection: Connection, lead_ids: Iterable[int], key: str) -> None:
    run(
        connection,
        "UPDATE tasuki.lead SET account_key = :k WHERE lead_id = ANY(:ids)",
        k=key,
        ids=list(lead_ids),
    )


def settle(
    connection: Connection, one: str, other: str, how: str, now: datetime, *, insert: bool = False
) -> None:
    """Record what became of a pair of accounts that may be one: `merged` or `apart`."""
    if insert:
        accounts.insert_candidates(connection, [(*sorted((one, other)), "by_hand", 0.0)], now)  # type: ignore[list-item]
    run(
        connection,
        "UPDATE tasuki.account_candidate SET settled = :how, settled_at = :now"
        " WHERE settled IS NULL AND (one, account_key) IN ((:a, :b), (:b, :a))",
        a=one, b=other, how=how, now=now,
    )  # fmt: skip
