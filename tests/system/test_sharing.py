"""The hand-over on the real database: many at once, turns given back, returners, lanes, and room that is freed."""

from datetime import timedelta
from fractions import Fraction

import pytest

from routing_rules.turns import TURN
from tests.fixtures.desk import THREE, at_once, give, give_all, now, unkept
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System, eventually
from worker import rulebooks
from worker.acting import act
from worker.store.db import in_transaction
from worker.sweeping import due_pools

# --- many at once ------------------------------------------------------------------------------------------------


def test_many_workers_one_pool_each_lead_once_and_fair(system: System) -> None:
    """Six at a time hand over three pools that share reps: no double, nothing lost, shares within one turn."""
    weights = {
        "desk": {"ann": 3, "ben": 2, "cho": 1},
        "east": {"ann": 1, "dan": 1},
        "west": {"ben": 5, "dan": 2},
    }
    version = publish(texts_for(weights))
    for number, pool in enumerate(weights):
        line_up(pool, range(FIRST + number * 1_000, FIRST + number * 1_000 + 400), now(), version)

    def work(number: int) -> None:
        pools = list(weights)
        for turn in range(12):
            give(pools[(number + turn) % 3])

    at_once(work, 6)
    for pool in weights:
        give_all(pool, now())
    assert system.one("SELECT count(*) FROM tasuki.waiting") == 0
    assert system.one("SELECT count(*) FROM tasuki.assignment") == 1_200
    assert system.one("SELECT count(DISTINCT lead_id) FROM tasuki.assignment") == 1_200
    for pool, members in weights.items():
        got = dict(
            system.sql("SELECT rep, count(*) FROM tasuki.assignment WHERE pool = :p GROUP BY rep", p=pool)
        )
        total = sum(members.values())
        assert {
            rep: abs(got[rep] - Fraction(400 * weight, total)) < 1 for rep, weight in members.items()
        } == (dict.fromkeys(members, True))
    assert unkept(system) == []


def test_no_cap_is_exceeded_over_pools_by_many_at_once(system: System) -> None:
    """One rep in two pools, capped at 7 a day and 5 an hour in all: six at a time never give her more."""
    caps = {"open": 100, "per_day": 7, "caps": [{"at_most": 5, "per": "hour", "window": "rolling"}]}
    version = publish(texts_for({"desk": {"ann": 1}, "east": {"ann": 1}}, people={"ann": {"capacity": caps}}))
    start = now()
    line_up("desk", range(FIRST, FIRST + 20), start, version, strategy="round_robin")
    line_up("east", range(FIRST + 100, FIRST + 120), start, version, strategy="least_loaded")
    at_once(lambda number: give(("desk", "east")[number % 2], start), 6)
    assert system.one("SELECT count(*) FROM tasuki.assignment WHERE rep = 'ann'") == 5
    again = {row[0] for row in system.sql("SELECT DISTINCT look_again_at FROM tasuki.waiting")}
    assert {abs(one - start - timedelta(hours=1)) < timedelta(milliseconds=2) for one in again} == {True}
    later = start + timedelta(hours=1, milliseconds=2)
    at_once(lambda number: give(("desk", "east")[number % 2], later), 6)
    assert system.one("SELECT count(*) FROM tasuki.assignment WHERE rep = 'ann'") == 7
    waits = {row[0] for row in system.sql("SELECT DISTINCT look_again_at FROM tasuki.waiting")}
    assert {f"{one:%H:%M}" for one in waits} == {"15:00"}  # midnight in Tokyo: the next day's leads
    assert unkept(system) == []


def test_two_real_workers_share_a_rush(system: System) -> None:
    """Two workers with three processes each, by pokes alone: everything is given once and fairly."""
    pools = {f"pool_{n}": {f"rep_{n}_{m}": 1 + m % 3 for m in range(4)} for n in range(4)}
    version = publish(texts_for(pools))
    for number, pool in enumerate(pools):
        line_up(pool, range(FIRST + number * 1_000, FIRST + number * 1_000 + 250), now(), version)
    system.worker("one")
    system.worker("two")
    eventually(lambda: system.one("SELECT count(*) FROM tasuki.waiting") == 0, "every lead is given", 90)
    assert system.one("SELECT count(DISTINCT lead_id) FROM tasuki.assignment") == 1_000
    for pool, members in pools.items():
        got = dict(
            system.sql("SELECT rep, count(*) FROM tasuki.assignment WHERE pool = :p GROUP BY rep", p=pool)
        )
        total = sum(members.values())
        assert all(abs(got[rep] - Fraction(250 * weight, total)) < 1 for rep, weight in members.items())
    system.until_kept()


# --- the ledger --------------------------------------------------------------------------------------------------


def credit_of(system: System) -> dict[str, int]:
    return {
        row[0]: row[1] for row in system.sql("SELECT rep, credit FROM tasuki.pool_credit WHERE pool = 'desk'")
    }


def test_a_bad_lead_gives_the_turn_back(system: System) -> None:
    """Declined as a duplicate, the turn is undone for everybody, once; another reason undoes nothing."""
    version = publish(texts_for({"desk": THREE}))
    line_up("desk", [FIRST], now(), version)
    give()
    first = credit_of(system)
    assert sorted(first.values()) == [-TURN * 2 // 3, TURN // 3, TURN // 3]
    number, rep = system.sql("SELECT assignment_id, rep FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="duplicate"))
    line_up("desk", [FIRST + 1], now(), version, strategy="least_loaded")
    give()
    assert set(credit_of(system).values()) == {0}
    assert system.sql("SELECT rep, why FROM tasuki.turn WHERE kind = 'returned'") == [(rep, "duplicate")]
    line_up("desk", [FIRST + 2], now(), version)
    give()
    number = system.one("SELECT max(assignment_id) FROM tasuki.assignment")
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    line_up("desk", [FIRST + 3], now(), version, strategy="least_loaded")
    give()
    assert sorted(credit_of(system).values()) == [-TURN * 2 // 3, TURN // 3, TURN // 3]
    assert unkept(system) == []


@pytest.mark.parametrize("policy, made_up", [("none", 0), ("credit", 4)])
def test_a_returner_makes_up_what_the_pool_says(system: System, policy: str, made_up: int) -> None:
    """Ann misses twelve leads of three reps: under `credit` four turns may be made up, under `none` nothing."""
    start = now()
    away = {"ann": {"absences": [{"starts": (start - timedelta(hours=1)).isoformat(),
                                  "ends": (start + timedelta(days=2)).isoformat()}]}}  # fmt: skip
    version = publish(texts_for({"desk": THREE}, people=away, policies={"returning": {"policy": policy}}))
    line_up("desk", range(FIRST, FIRST + 12), start, version)
    give(at=start)
    assert system.one("SELECT count(*) FROM tasuki.assignment WHERE rep = 'ann'") == 0
    back = start + timedelta(days=3)
    line_up("desk", range(FIRST + 100, FIRST + 100 + 60), back, version)
    give(at=back)
    rows = system.sql(
        "SELECT kind, makeup FROM tasuki.turn WHERE rep = 'ann' AND kind NOT IN ('taken', 'joined')"
    )
    assert rows == ([("credit", 4 * TURN)] if made_up else [])
    got = system.one("SELECT count(*) FROM tasuki.assignment WHERE rep = 'ann'")
    assert got == pytest.approx(20 + made_up, abs=1)
    first_ten = [row[0] for row in system.sql(
        "SELECT rep FROM tasuki.assignment WHERE offered_at = :at ORDER BY lead_id LIMIT 10", at=back)]  # fmt: skip
    assert first_ten.count("ann") <= 6  # no flood
    assert unkept(system) == []


def test_members_who_come_and_go_reset_nobody(system: System) -> None:
    """A member is added, another removed: the credit of everybody else stays as it is."""
    version = publish(texts_for({"desk": {"ann": 3, "ben": 1}}))
    line_up("desk", [FIRST], now(), version)
    give()
    before = credit_of(system)
    version = publish(texts_for({"desk": {"ben": 1, "cho": 1}, "rest": {"ann": 1}}))
    line_up("desk", [FIRST + 1], now(), version, strategy="least_loaded")
    give()
    assert credit_of(system) == {**before, "cho": 0}
    assert unkept(system) == []


def test_what_an_old_worker_wrote_is_carried(system: System) -> None:
    """Credit from before the ledger is noted in it at the next hand-over, and everything adds up."""
    version = publish(texts_for({"desk": THREE}))
    system.do(
        "INSERT INTO tasuki.pool_credit (pool, rep, credit) VALUES ('desk', 'ann', 720720), ('desk', 'ben', -720720)"
    )
    line_up("desk", [FIRST], now(), version)
    give()
    carried = dict(system.sql("SELECT rep, amount FROM tasuki.turn WHERE kind = 'carried'"))
    assert carried == {"ann": TURN, "ben": -TURN}
    assert system.one("SELECT rep FROM tasuki.assignment") == "ann"
    assert unkept(system) == []


def test_a_lead_rises_and_is_not_overtaken_for_ever(system: System) -> None:
    """Lane 0 for five days is lane 5: it goes before a new lead of lane 4, and after one of lane 6."""
    version = publish(texts_for({"desk": THREE}, people={rep: {"capacity": {"open": 1}} for rep in THREE}))
    line_up("desk", [FIRST], now() - timedelta(days=5), version)
    line_up("desk", [FIRST + 1, FIRST + 2], now(), version, priority=4)
    line_up("desk", [FIRST + 3, FIRST + 4], now(), version, priority=6)
    give()
    assert [row[0] for row in system.sql("SELECT lead_id FROM tasuki.assignment ORDER BY assignment_id")] == [
        FIRST + 3, FIRST + 4, FIRST,
    ]  # fmt: skip


def test_room_that_is_freed_goes_to_the_oldest_who_waits_for_it(system: System) -> None:
    """Two wait since the pool was full; a third becomes ready at the very moment in which a place is freed."""
    version = publish(texts_for({"desk": {"ann": 1}}, people={"ann": {"capacity": {"open": 1}}}))
    line_up("desk", [FIRST], now() - timedelta(hours=2), version)
    give()
    line_up("desk", [FIRST + 1, FIRST + 2], now() - timedelta(hours=1), version)
    give()
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    assert in_transaction(lambda c: due_pools(c, now())) == []
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    assert in_transaction(lambda c: due_pools(c, now())) == ["desk"]  # whatever becomes of the poke
    line_up("desk", [FIRST + 3], now(), version)
    give()
    assert system.sql("SELECT lead_id FROM tasuki.assignment WHERE ended_at IS NULL") == [(FIRST + 1,)]
    assert system.one("SELECT count(*) FROM tasuki.waiting WHERE reason = 'full'") == 3 - 1


def test_room_goes_by_lanes_that_rise_and_past_who_is_barred(system: System) -> None:
    """Full for long: a lead of lane 0 has risen above lane 5; those whom ann had before do not keep the place."""
    version = publish(
        texts_for(
            {"desk": {"ann": 1, "ben": 1}}, people={rep: {"capacity": {"open": 1}} for rep in ("ann", "ben")}
        )
    )
    line_up("desk", [FIRST, FIRST + 1], now() - timedelta(days=12), version)
    give()
    line_up("desk", [FIRST + 2], now() - timedelta(days=11), version)
    line_up("desk", range(FIRST + 3, FIRST + 9), now() - timedelta(hours=1), version, priority=5)
    give()
    system.do(
        f"UPDATE tasuki.waiting SET had = '{{ann}}', priority = 9 WHERE lead_id IN ({FIRST + 3}, {FIRST + 4})"
    )
    number = system.one("SELECT assignment_id FROM tasuki.assignment WHERE rep = 'ann'")
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    line_up("desk", [FIRST + 20], now(), version, priority=5)
    give()
    assert system.sql("SELECT lead_id FROM tasuki.assignment WHERE rep = 'ann' AND ended_at IS NULL") == [
        (FIRST + 2,)
    ]
    assert unkept(system) == []


def test_room_of_a_manager_is_seen_at_once(system: System) -> None:
    """Who manages a pool and is no member of it: what comes to them waits for their room, and no longer."""
    version = publish(texts_for({"desk": {"ann": 1}}, people={"boss": {"capacity": {"open": 1}}}))
    line_up("desk", [FIRST, FIRST + 1], now() - timedelta(hours=1), version)
    system.do("UPDATE tasuki.waiting SET had = '{ann}'")
    give()
    number, rep = system.sql("SELECT assignment_id, rep FROM tasuki.assignment")[0]
    assert (rep, in_transaction(lambda c: due_pools(c, now()))) == ("boss", [])
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    assert in_transaction(lambda c: due_pools(c, now())) == ["desk"]


def test_a_place_with_a_shared_rep_goes_to_who_waits_in_the_other_pool(system: System) -> None:
    """Ann works for two pools: what she gave back in one is taken in the other by the older lead, not the new one."""
    version = publish(
        texts_for({"desk": {"ann": 1}, "east": {"ann": 1}}, people={"ann": {"capacity": {"open": 1}}})
    )
    line_up("desk", [FIRST], now() - timedelta(hours=2), version)
    give("desk")
    line_up("east", [FIRST + 1], now() - timedelta(hours=1), version)
    give("east")
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    done = in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="not_now"))
    assert "east" in done.pools
    assert in_transaction(lambda c: due_pools(c, now())) == ["east"]  # whatever becomes of the poke
    line_up("east", [FIRST + 2], now(), version)
    give("east")
    assert system.sql("SELECT lead_id FROM tasuki.assignment WHERE ended_at IS NULL") == [(FIRST + 1,)]
