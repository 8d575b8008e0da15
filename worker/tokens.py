"""Tokens of the HTTP API: shown once, kept as hashes, with scopes, an end, and perhaps one rep."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection

from schemas.errors import NotFound, Refused
from worker.links import hash_of
from worker.now import new_token
from worker.store.db import run

Scope = Literal["leads:read", "assignments:write", "events:write", "outcomes:write"]

SCOPES: Final[tuple[str, ...]] = get_args(Scope)
#: What a token of one rep cannot have: events are facts about any lead.
NOT_FOR_A_REP: Final = frozenset({"events:write", "outcomes:write"})
#: By this a leaked token is known for what it is.
PREFIX: Final = "tasuki_"
#: A use is noted at most so often.
NOTED_EVERY: Final = timedelta(seconds=60)
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who calls: a token's number, what it may do, and the one rep that it speaks for (None: for all)."""

    token_id: int
    scopes: frozenset[str]
    rep: str | None
    #: When it ends by itself.
    until: datetime


def create(
    connection: Connection, name: str, scopes: list[str], lasts: timedelta, now: datetime,
    *, rep: str | None = None,
) -> tuple[int, str]:  # fmt: skip
    """Make a token; return its number and, for the only time, the token itself.

    Raises:
        Refused: a scope that there is not, or none, or one that is not for one rep.

    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Refused(f"a token needs scopes of {', '.join(SCOPES)}; not: {', '.join(unknown) or 'none'}")
    if rep is not None and (too_wide := sorted(NOT_FOR_A_REP & set(scopes))):
        raise Refused(
            f"{', '.join(too_wide)} cannot be bound to a rep; make a token of its own without --rep"
        )
    token = PREFIX + new_token()
    token_id = run(
        connection,
        "INSERT INTO tasuki.api_token (name, token_hash, scopes, rep, created_at, expires_at)"
        " VALUES (:name, :hash, :scopes, :rep, :now, :until) RETURNING token_id",
        name=name, hash=hash_of(token), scopes=sorted(set(scopes)), rep=rep, now=now, until=now + lasts,
    ).scalar()  # fmt: skip
    return int(token_id), token


def find(connection: Connection, token: str, now: datetime) -> Bearer | None:
    """Return who holds a token, or None when it is unknown, ended or revoked; note that it was used.

    It is looked up by its hash: how long that takes tells nothing of the token.
    """
    if not token.startswith(PREFIX) or len(token) > _LONGEST:
        return None
    digest = hash_of(token)
    row = run(
        connection,
        "SELECT token_id, token_hash, scopes, rep, last_used_at, expires_at FROM tasuki.api_token"
        " WHERE token_hash = :h AND revoked_at IS NULL AND expires_at > :now",
        h=digest, now=now,
    ).one_or_none()  # fmt: skip
    if row is None or not hmac.compare_digest(bytes(row.token_hash), digest):
        return None
    if row.last_used_at is None or now - row.last_used_at >= NOTED_EVERY:
        run(
            connection,
            "UPDATE tasuki.api_token SET last_used_at = :now WHERE token_id ="
            " (SELECT token_id FROM tasuki.api_token WHERE token_id = :i FOR NO KEY UPDATE SKIP LOCKED)",
            now=now, i=row.token_id,
        )  # fmt: skip
    return Bearer(int(row.token_id), frozenset(row.scopes), row.rep, row.expires_at)


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Return all tokens without their secrets, the newest first."""
    rows = run(
        connection,
        "SELECT token_id, name, scopes, rep, created_at, expires_at, last_used_at, revoked_at"
        " FROM tasuki.api_token ORDER BY token_id DESC",
    )
    return [dict(row) for row in rows.mappings()]


def revoke(connection: Connection, token_id: int, now: datetime) -> None:
    """End a token at once; a second time changes nothing.

    Raises:
        NotFound: there is no such token.

    """
    done = run(
        connection,
        "UPDATE tasuki.api_token SET revoked_at = coalesce(revoked_at, :now) WHERE token_id = :i",
        now=now, i=token_id,
    )  # fmt: skip
    if not done.rowcount:
        raise NotFound(f"there is no token {token_id}; see `tasuki token list`")
