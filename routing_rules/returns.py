"""What a pool's stated policies make of those who come back and those who are new."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from routing_rules.roster import Team
from routing_rules.turns import average
from schemas.handover import TurnKind
from schemas.rulebook.team import PoolSpec


@dataclass(slots=True)
class Account:
    """A rep's stand in one pool, in units of `turns.TURN`."""

    credit: int = 0
    #: Turns that may still be made up for, and until when.
    makeup: int = 0
    makeup_until: datetime | None = None
    #: Since when the rep was seen to be absent; None while they are not.
    away_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger that no lead made."""

    rep: str
    kind: TurnKind
    #: Change of the credit.
    amount: int = 0
    #: Change of what may be made up.
    makeup: int = 0


def back_again(
    pool: PoolSpec, team: Team, accounts: Mapping[str, Account], now: datetime
) -> dict[str, datetime]:
    """Return the members who are back from an absence, with the instant since which missed turns count."""
    earliest = now - timedelta(seconds=pool.returning.window)
    return {
        member.rep: max(account.away_since, earliest)
        for member in pool.members
        if (account := accounts.get(member.rep)) is not None
        and account.away_since is not None
        and not team.reps[member.rep].is_absent(now)
    }


def settle(
    pool: PoolSpec, team: Team, accounts: dict[str, Account], missed: Mapping[str, int], now: datetime
) -> list[Entry]:
    """Carry out the pool's policies and change `accounts`; return what the ledger must record.

    Args:
        pool: with its policies.
        team: who is absent.
        accounts: of all who ever took part; new members are added.
        missed: units that members of `back_again` missed; empty unless the policy is `credit`.
        now: when.

    """
    entries = _expired(accounts, now)
    absent = {member.rep for member in pool.members if team.reps[member.rep].is_absent(now)}
    back = back_again(pool, team, accounts, now)
    settled = [
        member.rep for member in pool.members
        if member.rep in accounts and member.rep not in absent and member.rep not in back
    ]  # fmt: skip
    level = average({rep: account.credit for rep, account in accounts.items()}, settled)
    for member in pool.members:
        rep = member.rep
        if rep not in accounts:
            start = level if pool.joining.policy == "average" else 0
            accounts[rep] = Account(credit=start)
            entries.append(Entry(rep, "joined", start))
        account = accounts[rep]
        if rep in absent:
            account.away_since = account.away_since or now
        elif rep in back:
            account.away_since = None
            entries += _returned(
                pool, rep, account, missed.get(rep, 0), level if settled else account.credit, now
            )
    return entries


def _expired(accounts: Mapping[str, Account], now: datetime) -> list[Entry]:
    entries = []
    for rep, account in accounts.items():
        if account.makeup and account.makeup_until is not None and account.makeup_until <= now:
            entries.append(Entry(rep, "expired", makeup=-account.makeup))
            account.makeup, account.makeup_until = 0, None
    return entries


def _returned(
    pool: PoolSpec, rep: str, account: Account, missed: int, level: int, now: datetime
) -> list[Entry]:
    policy = pool.returning
    if policy.policy == "average":
        change = level - account.credit
        account.credit = level
        return [Entry(rep, "average", change)]
    if policy.policy == "credit" and missed:
        account.makeup += missed
        account.makeup_until = now + timedelta(seconds=policy.expires)
        return [Entry(rep, "credit", makeup=missed)]
    return []
