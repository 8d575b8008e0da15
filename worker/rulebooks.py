"""Rulebooks in the database: publish, the current version, and its compiled form in this process."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.roster import Team, compile_team
from schemas.errors import Away, Finding, Refused, RulebookError
from schemas.rulebook.book import SIGNED, Rulebook
from schemas.rulebook.sla import SlaPolicy
from schemas.rulebook.team import PoolSpec
from worker import rulebook_files
from worker.store import clocks, rescoring
from worker.store.db import in_transaction, run, transaction


@dataclass(frozen=True, slots=True)
class Loaded:
    """One published version, ready to judge and to place with."""

    version: int
    book: CompiledBook
    team: Team
    #: Names in words that were looked up, kept as long as the version is: notices ask for the same few again and again.
    words: dict[tuple[Any, str], dict[str, str]] = field(default_factory=dict, repr=False, compare=False)


def policy_of(policy_id: str, loaded: Loaded) -> SlaPolicy:
    """Return the policy in force under that name, or the default route's when it is gone."""
    policies = loaded.book.policies
    return policies.get(policy_id) or policies[loaded.book.otherwise.sla]


def pool_of(pool_id: str, loaded: Loaded) -> PoolSpec:
    """Return the pool in force under that name, or the default route's when it is gone."""
    pools = loaded.team.pools
    return pools.get(pool_id) or pools[loaded.book.otherwise.pool]


def current_version(connection: Connection) -> int | None:
    """Return the version in force, or None before the first publish."""
    version = run(connection, "SELECT version FROM tasuki.rulebook_current").scalar()
    return None if version is None else int(version)


def current(connection: Connection) -> Loaded:
    """Return the rulebook in force.

    Raises:
        Away: when none was published yet; the work waits.

    """
    version = current_version(connection)
    if version is None:
        raise Away("no rulebook is published: run `tasuki rules publish`")
    return load(version)


@lru_cache(maxsize=8)
def load(version: int) -> Loaded:
    """Return a published version, compiled once a process: it never changes."""
    with transaction() as connection:
        row = run(
            connection, "SELECT texts, published_at FROM tasuki.rulebook WHERE version = :v", v=version
        ).one_or_none()
    if row is None:
        raise Refused(f"there is no rulebook version {version}; see `tasuki rules history`")
    book = rulebook_files.parse(row.texts)
    year = row.published_at.year
    holidays = rulebook_files.holidays_for(book, range(year - 2, year + 6))
    return Loaded(version, compile_book(book, version), compile_team(book.team, holidays))


def publish(texts: dict[str, str], *, by: str, note: str, now: datetime) -> tuple[int, bool]:
    """Publish a checked rulebook and put it in force; return its version and whether it is new.

    Publishing the very texts that are in force changes nothing. A changed persona, journey or readiness file
    needs a new signature of each side. Held leads are judged again, in the
    background, by the reviews that this brings forward.
    """
    book, _ = rulebook_files.check(texts, int(now.timestamp() * 1000))
    digest = rulebook_files.digest(texts)
    return in_transaction(lambda connection: _publish(connection, texts, digest, book, by, note, now))


def _publish(
    connection: Connection, texts: dict[str, str], digest: str, book: Rulebook, by: str, note: str, now: datetime
) -> tuple[int, bool]:  # fmt: skip
    run(connection, "LOCK TABLE tasuki.rulebook IN EXCLUSIVE MODE")
    newest = run(
        connection,
        "SELECT r.version, r.digest, r.texts FROM tasuki.rulebook_current JOIN tasuki.rulebook r USING (version)",
    ).one_or_none()
    if newest is not None and newest.digest == digest:
        return int(newest.version), False
    if newest is not None:
        findings = _unsigned(rulebook_files.parse(newest.texts), book)
        if findings:
            raise RulebookError(rulebook_files.placed(findings, texts))
    version = int(run(connection, "SELECT coalesce(max(version), 0) + 1 FROM tasuki.rulebook").scalar())
    run(
        connection,
        "INSERT INTO tasuki.rulebook (version, digest, texts, note, published_by, published_at)"
        " VALUES (:v, :d, cast(:t AS jsonb), :n, :b, :at)",
        v=version, d=digest, t=json.dumps(texts, ensure_ascii=False), n=note, b=by, at=now,
    )  # fmt: skip
    _put_in_force(connection, version, book, now)
    return version, True


def unsigned(connection: Connection, texts: dict[str, str], book: Rulebook) -> list[Finding]:
    """Return the signatures for whose want these texts would not be published now."""
    in_force = run(
        connection, "SELECT texts FROM tasuki.rulebook_current JOIN tasuki.rulebook USING (version)"
    ).scalar()
    if in_force is None:
        return []
    return rulebook_files.placed(_unsigned(rulebook_files.parse(in_force), book), texts)


def _unsigned(before: Rulebook, after: Rulebook) -> list[Finding]:
    """Find files that changed and that a side has not signed anew: both sides must."""
    findings = []
    for name in SIGNED:
        old, new = getattr(before, name), getattr(after, name)
        if old.model_copy(update={"agreed": new.agreed}) == new:
            continue
        findings += [
            Finding(
                f"{name}.yaml",
                ("agreed", side),
                "the file changed: this side signs it anew (who, and on which day)",
            )
            for side in ("marketing", "sales")
            if getattr(old.agreed, side) == getattr(new.agreed, side)
        ]
    return findings


def rollback(version: int, now: datetime) -> None:
    """Put an older version in force again; it keeps its number."""
    loaded = load(version)
    in_transaction(lambda connection: _put_in_force(connection, version, loaded.book.source, now))


def _put_in_force(connection: Connection, version: int, book: Rulebook, now: datetime) -> None:
    before = current_version(connection)
    if before is not None:
        clocks.ask(connection, f"rulebook {version}", now, from_version=before, to_version=version)
    run(
        connection,
        "INSERT INTO tasuki.rulebook_current (version) VALUES (:v)"
        " ON CONFLICT (only_one) DO UPDATE SET version = excluded.version",
        v=version,
    )
    run(
        connection,
        "INSERT INTO tasuki.pool SELECT unnest(cast(:p AS text[])) ON CONFLICT DO NOTHING",
        p=[pool.id for pool in book.team.pools],
    )
    _lock_leads(connection, version, comes_back=bool(book.nurture.lost))
    held = run(
        connection,
        "UPDATE tasuki.lead SET review_at = :now WHERE review_at IS NOT NULL AND rulebook_version <> :v"
        " AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL",
        now=now, v=version,
    )  # fmt: skip
    lost = run(
        connection,
        "UPDATE tasuki.lead SET review_at = :now WHERE rulebook_version <> :v AND lifecycle_stage = 'lost'"
        " AND merged_into IS NULL AND (:comes_back OR review_at IS NOT NULL)",
        now=now, v=version, comes_back=bool(book.nurture.lost),
    )  # fmt: skip
    rescoring.ask(connection, version, held.rowcount + lost.rowcount, now)
    run(connection, "UPDATE tasuki.waiting SET look_again_at = :now WHERE look_again_at > :now", now=now)


def _lock_leads(connection: Connection, version: int, *, comes_back: bool) -> None:
    """Lock the leads that are held, lost or in a line, all by their numbers: judging takes them in that order, too."""
    run(
        connection,
        "SELECT count(*) FROM (SELECT FROM tasuki.lead WHERE lead_id IN ("
        " SELECT lead_id FROM tasuki.lead WHERE review_at IS NOT NULL AND rulebook_version <> :v"
        "  AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL"
        " UNION ALL SELECT lead_id FROM tasuki.lead WHERE rulebook_version <> :v AND lifecycle_stage = 'lost'"
        "  AND merged_into IS NULL AND (:comes_back OR review_at IS NOT NULL)"
        " UNION ALL SELECT lead_id FROM tasuki.waiting) ORDER BY lead_id FOR NO KEY UPDATE) l",
        v=version, comes_back=comes_back,
    )  # fmt: skip


def history(connection: Connection) -> list[Any]:
    """Return all versions, the newest first, with which is in force."""
    return list(
        run(
            connection,
            "SELECT r.version, r.digest, r.note, r.published_by, r.published_at, c.version IS NOT NULL AS in_force"
            " FROM tasuki.rulebook r LEFT JOIN tasuki.rulebook_current c USING (version) ORDER BY r.version DESC",
        )
    )


def require_rep(rep: str, reps: Collection[str]) -> None:
    """Refuse a rep whom the rulebook does not know, with the nearest names.

    Raises:
        Refused: there is none of that name.

    """
    require_name("rep", rep, reps)


def require_name(what: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is not known, with the nearest ones, or with all while they are few.

    Raises:
        Refused: it is not known.

    """
    if name in known:
        return
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    if near:
        raise Refused(f"no {what} is called {name[:60]}; did you mean {' or '.join(near)}?")
    raise Refused(f"no {what} is called {name[:60]}; there are {', '.join(sorted(known)[:20])}")
