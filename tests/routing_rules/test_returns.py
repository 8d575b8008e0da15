"""Who comes back and who is new: the pool's stated policy, on record, and nobody else is reset."""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from routing_rules.returns import Account, Entry, back_again, settle
from routing_rules.roster import Team
from routing_rules.turns import TURN
from schemas.rulebook.team import PoolSpec
from tests.factories import NOW, a_team

AWAY = {"absences": [{"starts": "2026-11-20T00:00:00+09:00", "ends": "2026-11-30T00:00:00+09:00"}]}
BACK = NOW + timedelta(days=7)


def a_pool(team: Team, **policies: Any) -> PoolSpec:
    return PoolSpec.model_validate({**team.pools["desk"].model_dump(exclude_unset=True), **policies})


def the_accounts(**units: int) -> dict[str, Account]:
    return {rep: Account(credit=credit) for rep, credit in units.items()}


def away_then_back(
    policy: dict[str, Any], missed: int = 0
) -> tuple[dict[str, Account], list[Entry], datetime]:
    """Let ann go on leave owing a turn and come back; return accounts, the ledger's rows, since when she missed."""
    team = a_team(ann=AWAY)
    pool = a_pool(team, returning=policy)
    accounts = the_accounts(ann=-TURN, ben=TURN // 2, cho=TURN // 4)
    assert settle(pool, team, accounts, {}, NOW) == []
    assert accounts["ann"].away_since == NOW
    assert settle(pool, team, accounts, {}, NOW + timedelta(days=1)) == []
    assert accounts["ann"].away_since == NOW  # the first time that she was missed
    since = back_again(pool, team, accounts, BACK)
    entries = settle(pool, team, accounts, {"ann": missed}, BACK)
    assert back_again(pool, team, accounts, BACK) == {}
    return accounts, entries, since["ann"]


def test_nothing_is_made_of_an_absence_by_default() -> None:
    """Policy none: the returner goes on with the credit they left with, and nobody else is touched."""
    accounts, entries, _ = away_then_back({"policy": "none"}, missed=5 * TURN)
    assert entries == []
    assert accounts == the_accounts(ann=-TURN, ben=TURN // 2, cho=TURN // 4)


def test_average_starts_level_with_the_others() -> None:
    """Policy average: set to the mean of those who stayed, and the change is on record."""
    accounts, entries, _ = away_then_back({"policy": "average"})
    level = (TURN // 2 + TURN // 4) // 2
    assert accounts["ann"].credit == level
    assert entries == [Entry("ann", "average", level + TURN)]


def test_credit_may_be_made_up_until_it_expires() -> None:
    """Policy credit: missed turns go to an account of their own, and what is left of it is gone in time."""
    accounts, entries, since = away_then_back(
        {"policy": "credit", "window": "3d", "expires": "30d"}, 2 * TURN
    )
    assert since == BACK - timedelta(days=3)  # only the last three days count
    assert entries == [Entry("ann", "credit", makeup=2 * TURN)]
    assert (accounts["ann"].credit, accounts["ann"].makeup) == (-TURN, 2 * TURN)
    assert accounts["ann"].makeup_until == BACK + timedelta(days=30)
    team = a_team(ann=AWAY)
    pool = a_pool(team)
    accounts["ann"].makeup = TURN // 3  # the rest was made up
    assert settle(pool, team, deepcopy(accounts), {}, BACK + timedelta(days=29)) == []
    assert settle(pool, team, accounts, {}, BACK + timedelta(days=30)) == [
        Entry("ann", "expired", makeup=-TURN // 3)
    ]
    assert accounts["ann"].makeup == 0


@pytest.mark.parametrize("policy, start", [("none", 0), ("average", -TURN // 4)])
def test_a_newcomer_begins_as_the_pool_says_and_resets_nobody(policy: str, start: int) -> None:
    """A new member gets an account; those of the others, also of one who left the pool, stay as they are."""
    team = a_team({"ann": 1, "ben": 1})
    pool = a_pool(team, joining={"policy": policy})
    accounts = the_accounts(ann=-TURN // 2, gone=TURN // 2)
    accounts["cho"] = Account(credit=0)
    desk = PoolSpec.model_validate(
        {**pool.model_dump(exclude_unset=True), "members": [{"rep": "ann"}, {"rep": "ben"}]}
    )
    accounts["ann"].credit = -TURN // 4
    entries = settle(desk, team, accounts, {}, NOW)
    assert entries == [Entry("ben", "joined", start)]
    assert accounts["ben"] == Account(credit=start)
    assert (accounts["ann"].credit, accounts["gone"].credit, accounts["cho"].credit) == (
        -TURN // 4,
        TURN // 2,
        0,
    )


def test_a_pool_of_which_all_were_away_has_nobody_to_be_level_with() -> None:
    """With policy average and no colleague at work, the credit stays."""
    team = a_team({"ann": 1}, ann=AWAY)
    pool = a_pool(team, returning={"policy": "average"})
    accounts = the_accounts(ann=-TURN)
    settle(pool, team, accounts, {}, NOW)
    assert settle(pool, team, accounts, {}, BACK) == [Entry("ann", "average", 0)]
    assert accounts["ann"].credit == -TURN
