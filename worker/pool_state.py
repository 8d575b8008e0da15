"""What placing in one pool depends on, read under its lock: accounts, loads, records; and what is kept of it."""

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from routing_rules import caps
from routing_rules.returns import Account, back_again, settle
from routing_rules.roster import Load, PoolState, Rep, Team, can_take, local_midnight
from worker.rulebooks import Loaded
from worker.store import assignments, turns
from worker.store.db import run

#: How far back won and lost leads count for `best_match`.
OUTCOMES_COUNT: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class PoolBook:
    """A pool's accounts as they were read and as they are now."""

    before: dict[str, Account]
    ledger: dict[str, int]
    accounts: dict[str, Account]


def reps_of(connection: Connection, pool: str, loaded: Loaded, team: Team) -> set[str]:
    """Return everybody whom a lead of the pool's line may go to: members, owners, former owners, the manager.

    The manager only when a lead has been passed on before or nobody else can: one manager of many pools must not
    make their hand-overs wait for each other.
    """
    owners = run(
        connection,
        "SELECT owner FROM tasuki.waiting WHERE pool = :p AND owner IS NOT NULL UNION"
        " SELECT a.rep FROM tasuki.waiting w CROSS JOIN LATERAL tasuki.one_person(w.lead_id) AS p(lead)"
        " JOIN tasuki.assignment a ON a.lead_id = p.lead"
        " WHERE w.pool = :p AND w.strategy = 'owner' AND w.owner IS NULL AND a.accepted_at IS NOT NULL",
        p=pool,
    ).scalars()  # fmt: skip
    spec = team.pools[pool]
    reps = {*(member.rep for member in spec.members), *(rep for rep in owners if rep in team.reps)}
    passed_on = run(
        connection,
        "SELECT EXISTS (SELECT 1 FROM tasuki.waiting WHERE pool = :p AND (hops > 0 OR had <> '{}'))", p=pool,
    ).scalar()  # fmt: skip
    somebody = any(member.weight and can_take(team.reps[member.rep].spec) for member in spec.members)
    if passed_on or not somebody or any(policy.hops == 0 for policy in loaded.book.policies.values()):
        reps.add(spec.manager)
    return reps


def open_book(connection: Connection, pool: str, team: Team, now: datetime) -> PoolBook:
    """Read the pool's accounts; carry out its policies for who came back, is new, or was given a turn back."""
    spec = team.pools[pool]
    accounts, ledger = turns.read_accounts(connection, pool)
    before = {rep: copy(account) for rep, account in accounts.items()}
    entries = turns.carried(accounts, ledger)
    turns.apply_returned(connection, pool, accounts)
    since = back_again(spec, team, accounts, now) if spec.returning.policy == "credit" else {}
    entries += settle(spec, team, accounts, turns.missed(connection, pool, since), now)
    turns.record_entries(connection, pool, entries, now)
    return PoolBook(before, ledger, accounts)


def loads_of(connection: Connection, reps: set[str], team: Team, now: datetime) -> dict[str, Load]:
    """Return what reps hold and were given, as far as their limits ask."""
    spans = {
        rep: (local_midnight(team.reps[rep], now), _caps_since(team.reps[rep], now)) for rep in sorted(reps)
    }
    return assignments.loads(connection, spans)


def read_state(
    connection: Connection, book: PoolBook, reps: set[str], team: Team, now: datetime
) -> PoolState:
    """Return the state to place with, but for won and lost leads, which one strategy alone asks for."""
    return PoolState(
        loads=loads_of(connection, reps, team, now),
        credit={rep: account.credit for rep, account in book.accounts.items()},
        makeup={rep: account.makeup for rep, account in book.accounts.items() if account.makeup},
    )


def _caps_since(rep: Rep, now: datetime) -> datetime | None:
    """Return an instant before which no offer counts towards a cap of the rep; None without caps."""
    starts = [caps.window_start(cap, rep.calendar.zone, now) for cap in rep.spec.capacity.caps]
    return min(starts) - timedelta(seconds=1) if starts else None


def close_book(connection: Connection, pool: str, book: PoolBook, state: PoolState) -> None:
    """Save what the placements made of the accounts."""
    after = {
        rep: replace(book.accounts.get(rep, Account()), credit=credit, makeup=state.makeup.get(rep, 0))
        for rep, credit in state.credit.items()
    }
    turns.save_accounts(connection, pool, book.before, book.ledger, after)
