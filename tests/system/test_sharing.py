"""The hand-over on the real database: many at once, claims, turns given back, absences, leavers, lanes."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from typer.testing import CliRunner

from routing_rules.turns import TURN
from schemas.errors import Overtaken, Refused
from schemas.handover import Terms
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System, eventually
from worker import now as time_of
from worker import rulebooks
from worker.acting import act
from worker.claiming import claim
from worker.cli.main import app
from worker.handing import Handed, hand_over
from worker.leavers import sweep_leavers
from worker.merging import merge_leads
from worker.store import assignments, leads, outbox
from worker.store.db import in_transaction, transaction
from worker.sweeping import due_pools

THREE = {"ann": 1, "ben": 1, "cho": 1}


def now() -> datetime:
    """Return business time in whole milliseconds, as lines keep it."""
    at = time_of.now()
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


def give(pool: str = "desk", at: datetime | None = None) -> Handed:
    """Hand over one batch of a pool."""
    return in_transaction(lambda c: hand_over(c, pool, rulebooks.current(c), at or now()))


def give_all(pool: str, at: datetime) -> None:
    """Hand over until the line has nobody who is due."""
    while give(pool, at).offered:
        pass


def unkept(system: System) -> list[str]:
    """Return broken promises, but for what is only late in a test whose clock was moved by hand."""
    return [one for one in system.broken() if "looked at" not in one and "overdue" not in one]


def at_once(work: Callable[[int], Any], count: int) -> list[Any]:
    """Run `work` in so many threads at the same time; an error is an answer."""

    def guarded(number: int) -> Any:
        try:
            return work(number)
        except (Overtaken, Refused) as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(guarded, range(count)))


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


# --- claims ------------------------------------------------------------------------------------------------------


def a_claimable(system: System, **terms: Any) -> int:
    """Open one lead to a claim and return its number."""
    version = publish(texts_for({"desk": THREE}))
    line_up("desk", [FIRST], now(), version, strategy="claim", terms=Terms(then="round_robin", **terms))
    give()
    assert system.sql("SELECT reason, claim_reps FROM tasuki.waiting") == [
        ("claimable", ["ann", "ben", "cho"])
    ]
    return FIRST


def test_the_first_to_claim_gets_it(system: System) -> None:
    """Six claims at once: one is done, the others are told who was first; accepted at once, one clock runs."""
    lead = a_claimable(system)
    told = Counter(system.sql("SELECT kind, count(*) FROM tasuki.outbox GROUP BY kind"))
    assert told == {("claim_open", 3): 1}
    reps = ["ann", "ben", "cho"] * 2
    answers = at_once(
        lambda n: in_transaction(lambda c: claim(c, lead, reps[n], rulebooks.current(c), now())), 6
    )
    won = [one for one in answers if not isinstance(one, Exception) and not one.repeated]
    assert len(won) == 1
    assert [one.rep for one in answers if not isinstance(one, Exception) and one.repeated] == [won[0].rep]
    assert {str(one)[: str(one).index(" at ")] for one in answers if isinstance(one, Overtaken)} == {
        f"lead {lead} was claimed by {won[0].rep}"
    }
    assert sum(isinstance(one, Overtaken) for one in answers) == 4
    held = system.sql("SELECT rep, strategy, accepted_at IS NOT NULL, lead_id FROM tasuki.assignment")
    assert held == [(won[0].rep, "claim", True, lead)]
    assert system.sql("SELECT kind, next_at IS NOT NULL FROM tasuki.clock") == [("contact", True)]
    assert system.one("SELECT lifecycle_stage FROM tasuki.lead WHERE lead_id = :l", l=lead) == "sal"
    kinds = dict(system.sql("SELECT kind || ' ' || status, count(*) FROM tasuki.outbox GROUP BY 1"))
    assert kinds == {"claim_open superseded": 3, "claimed pending": 1}
    assert unkept(system) == []


@pytest.mark.parametrize("how", ["given to ben", "worked", "pool gone"])
def test_a_claim_ends_for_all_who_were_asked(system: System, how: str) -> None:
    """Whatever takes the lead out of the line, or to another pool: who was told that it is open is told it is not."""
    lead = a_claimable(system, claim_for_s=600)
    system.do(
        "UPDATE tasuki.outbox SET status = 'sent', next_try_at = NULL, sent_at = created_at WHERE rep <> 'cho'"
    )
    taken = set()
    if how == "given to ben":
        system.do("UPDATE tasuki.waiting SET claim_until = :at, look_again_at = :at", at=now())
        give(at=now() + timedelta(seconds=1))
        taken = {system.one("SELECT rep FROM tasuki.assignment")}
    elif how == "worked":
        in_transaction(lambda c: assignments.mark_worked(c, [lead], now()))
    else:
        publish(texts_for({"rest": THREE}))
        give("desk")
        assert system.sql("SELECT pool, claim_until, claim_reps FROM tasuki.waiting") == [("rest", None, [])]
    over = {row[0] for row in system.sql("SELECT rep FROM tasuki.outbox WHERE kind = 'claim_over'")}
    assert over == {"ann", "ben"} - taken
    assert (
        system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'claim_open' AND status = 'pending'") == 0
    )


def test_a_claim_in_a_pool_that_is_gone_is_refused(system: System) -> None:
    """Between the publish and the next hand-over: told plainly."""
    lead = a_claimable(system)
    publish(texts_for({"rest": THREE}))
    with pytest.raises(Refused, match="no pool desk any more"):
        in_transaction(lambda c: claim(c, lead, "ann", rulebooks.current(c), now()))


def test_those_who_were_told_are_told_that_it_is_over(system: System) -> None:
    """Whoever read that the lead is open reads that it no longer is, but for the winner."""
    lead = a_claimable(system)
    system.do("UPDATE tasuki.outbox SET status = 'sent', next_try_at = NULL, sent_at = created_at")
    in_transaction(lambda c: claim(c, lead, "ben", rulebooks.current(c), now()))
    over = system.sql("SELECT recipient FROM tasuki.outbox WHERE kind = 'claim_over' ORDER BY 1")
    assert over == [("ann@example.com",), ("cho@example.com",)]
    numbers = system.sql(
        "SELECT kind, assignment_id, (body->>'assignment_id')::bigint FROM tasuki.outbox ORDER BY 1"
    )
    held = system.one("SELECT assignment_id FROM tasuki.assignment")
    assert numbers == [("claim_open", None, None)] * 3 + [("claim_over", None, None)] * 2 + [
        ("claimed", held, held)
    ]


def test_a_claim_goes_on_through_a_merge(system: System) -> None:
    """The person was known twice: the open lead goes on in the other, and all who were asked hear how it ended."""
    lead = a_claimable(system, claim_for_s=600)
    system.do(
        "UPDATE tasuki.outbox SET status = 'sent', next_try_at = NULL, sent_at = created_at WHERE rep <> 'cho'"
    )
    kept = lead - 1
    system.do(
        "INSERT INTO tasuki.lead (lead_id, lifecycle_stage, state, rulebook_version, created_at, updated_at)"
        " SELECT :k, 'nurture', '{}', rulebook_version, created_at, updated_at FROM tasuki.lead", k=kept,
    )  # fmt: skip

    join(kept, lead)
    assert system.one("SELECT lead_id FROM tasuki.waiting WHERE claim_until IS NOT NULL") == kept
    in_transaction(lambda c: claim(c, kept, "ann", rulebooks.current(c), now()))
    assert system.sql("SELECT rep FROM tasuki.outbox WHERE kind = 'claim_over'") == [("ben",)]
    assert system.sql("SELECT rep FROM tasuki.outbox WHERE kind = 'claim_open' AND status = 'pending'") == []
    outbox_told = [
        row[0]
        for row in system.sql(
            "SELECT message_id FROM tasuki.outbox WHERE kind = 'claim_open' AND rep = 'cho'"
        )
    ]
    in_transaction(lambda c: outbox.told_too_late(c, outbox_told, now()))  # it was just being sent
    over = dict(system.sql("SELECT rep, body ->> 'because' FROM tasuki.outbox WHERE kind = 'claim_over'"))
    assert over == {"ben": "ann", "cho": "ann"}


def test_what_nobody_claims_is_shared_when_the_time_is_over(system: System) -> None:
    """At the end of the window `then` decides; a claim that comes too late is told so."""
    lead = a_claimable(system, claim_for_s=600)
    late = now() + timedelta(minutes=10)
    with pytest.raises(Overtaken, match="ended at"):
        in_transaction(lambda c: claim(c, lead, "ann", rulebooks.current(c), late))
    assert give(at=late).offered == 1
    assert system.one("SELECT strategy FROM tasuki.assignment") == "round_robin"
    with pytest.raises(Overtaken, match="was given to"):
        in_transaction(lambda c: claim(c, lead, "ann", rulebooks.current(c), late))
    assert unkept(system) == []


def test_a_claim_counts_the_gates_of_that_moment(system: System) -> None:
    """Who filled up since they were told, or never was asked, is refused with the reason."""
    people = {"ann": {"capacity": {"open": 1}}}
    version = publish(texts_for({"desk": {"ann": 1, "ben": 1}}, people=people))
    line_up("desk", [FIRST, FIRST + 1], now(), version, strategy="claim")
    give()
    in_transaction(lambda c: claim(c, FIRST, "ann", rulebooks.current(c), now()))
    for rep, words in (("ann", "full 1/1"), ("boss", "open to ann, ben"), ("zoe", "no rep is called zoe")):
        with pytest.raises(Refused, match=words):
            in_transaction(
                lambda c, rep=rep: claim(c, FIRST + 1, rep, rulebooks.current(c), now())  # type: ignore[misc]
            )
    with pytest.raises(Refused, match="not in the line"):
        in_transaction(lambda c: claim(c, 77, "ben", rulebooks.current(c), now()))


def test_an_open_claim_survives_a_publish(system: System) -> None:
    """A new rulebook looks at every line again: the window keeps its end, nobody is told twice."""
    a_claimable(system)
    before = system.one("SELECT claim_until FROM tasuki.waiting")
    publish(texts_for({"desk": {**THREE, "dan": 1}}))
    give()
    until, reps = system.sql("SELECT claim_until, claim_reps FROM tasuki.waiting")[0]
    assert (until, reps) == (before, ["ann", "ben", "cho", "dan"])
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'claim_open'") == 4


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


# --- one person, known twice ------------------------------------------------------------------------------------


def join(kept: int, gone: int) -> None:
    """Make two leads one."""
    in_transaction(lambda c: merge_leads(c, leads.lock_leads(c, [kept, gone]), kept, gone, "email", now()))


def test_an_offer_is_kept_before_a_place_in_the_line(system: System) -> None:
    """Both are ready, one waits and the other is with a rep: who was told of it keeps it."""
    version = publish(texts_for({"desk": THREE}))
    line_up("desk", [FIRST + 1], now(), version)
    give()
    number, rep = system.sql("SELECT assignment_id, rep FROM tasuki.assignment")[0]
    line_up("desk", [FIRST], now(), version)
    join(FIRST, FIRST + 1)
    live = system.sql("SELECT assignment_id, lead_id, rep FROM tasuki.assignment WHERE ended_at IS NULL")
    assert live == [(number, FIRST, rep)]
    assert system.one("SELECT count(*) FROM tasuki.waiting") == 0
    assert system.one("SELECT owner FROM tasuki.lead WHERE lead_id = :l", l=FIRST) == rep
    assert unkept(system) == []


@pytest.mark.parametrize("gone_is", ["waiting", "offered"])
def test_who_let_a_person_pass_does_not_get_them_by_a_merge(system: System, gone_is: str) -> None:
    """Ann let the one pass; the other, that waits, is the same person: it goes to somebody else."""
    version = publish(texts_for({"desk": {"ann": 1, "ben": 1}}))
    line_up("desk", [FIRST, FIRST + 1], now(), version)
    passed = FIRST + 1 if gone_is == "waiting" else FIRST
    system.do("UPDATE tasuki.waiting SET had = '{ann}', hops = 1 WHERE lead_id = :l", l=passed)
    if gone_is == "offered":
        system.do(
            "UPDATE tasuki.waiting SET look_again_at = :at WHERE lead_id = :l",
            l=FIRST,
            at=now() + timedelta(days=1),
        )
        give()
        join(FIRST, FIRST + 1)
        assert system.sql("SELECT lead_id, had FROM tasuki.assignment WHERE ended_at IS NULL") == [
            (FIRST, ["ann"])
        ]
    else:
        join(FIRST, FIRST + 1)
        assert system.sql("SELECT lead_id, had FROM tasuki.waiting") == [(FIRST, ["ann"])]


def test_who_holds_a_person_keeps_them_though_they_let_the_other_pass(system: System) -> None:
    """Ann holds the one and let the other pass: it stays with her, and no promise is broken by it."""
    version = publish(texts_for({"desk": {"ann": 1, "ben": 1}}))
    line_up("desk", [FIRST], now(), version)
    give()
    rep = system.one("SELECT rep FROM tasuki.assignment")
    line_up("desk", [FIRST + 1], now(), version)
    system.do("UPDATE tasuki.waiting SET had = cast(:had AS text[])", had=[rep, "who_left"])
    join(FIRST, FIRST + 1)
    assert system.sql("SELECT rep, had FROM tasuki.assignment WHERE ended_at IS NULL") == [
        (rep, ["who_left"])
    ]
    assert unkept(system) == []


# --- who left ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["removed", "inactive"])
def test_leads_of_a_rep_who_left(system: System, how: str) -> None:
    """Offers go back into the line at once, without a hop; accepted leads stay and the manager is told once."""
    version = publish(texts_for({"desk": {"ann": 1}, "rest": {"ben": 1}}))
    line_up("desk", range(FIRST, FIRST + 3), now(), version)
    give()
    number = system.one("SELECT min(assignment_id) FROM tasuki.assignment")
    in_transaction(lambda c: act(c, number, "accept", rulebooks.current(c), now()))
    people = {} if how == "removed" else {"ann": {"active": False}}
    desk = {"cho": 1} if how == "removed" else {"ann": 1, "cho": 1}
    publish(texts_for({"desk": desk, "rest": {"ben": 1}}, people=people))
    if how == "removed":  # before the sweep looks
        with pytest.raises(Refused, match="no rep ann any more"):
            in_transaction(lambda c: act(c, number + 1, "accept", rulebooks.current(c), now()))
    for _ in range(2):
        left = in_transaction(lambda c: sweep_leavers(c, rulebooks.current(c), now()))
        assert (left.returned, left.told) in ((2, 1), (0, 0))
    waiting = system.sql("SELECT reason, hops, had, strategy FROM tasuki.waiting")
    assert waiting == [("rep_left", 0, ["ann"], "round_robin")] * 2
    assert system.sql("SELECT recipient FROM tasuki.outbox WHERE kind = 'rep_left'") == [
        ("boss@example.com",)
    ]
    give()
    assert Counter(system.sql("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL")) == {
        ("ann",): 1,
        ("cho",): 2,
    }
    assert unkept(system) == []
    told = CliRunner().invoke(app, ["doctor"]).output
    assert f"1 lead is with reps who left: assignment {number} (ann)" in " ".join(told.split())


def test_a_former_owner_is_asked_first(system: System) -> None:
    """With `former`, who accepted a lead before gets it back when it is ready again."""
    version = publish(texts_for({"desk": THREE}))
    line_up("desk", [FIRST], now(), version)
    give()
    number, rep = system.sql("SELECT assignment_id, rep FROM tasuki.assignment")[0]
    in_transaction(lambda c: act(c, number, "accept", rulebooks.current(c), now()))
    system.do("UPDATE tasuki.assignment SET ended_at = now(), end_reason = 'lost'")
    system.do("UPDATE tasuki.clock SET cancelled_at = now(), next_at = NULL WHERE next_at IS NOT NULL")
    system.do("DELETE FROM tasuki.lead")
    for lead in (FIRST, FIRST + 1):
        line_up("desk", [lead], now(), version, strategy="owner", terms=Terms(former=True))
    give()
    rows = system.sql(
        "SELECT lead_id, rep, strategy FROM tasuki.assignment WHERE ended_at IS NULL ORDER BY 1"
    )
    assert rows[0] == (FIRST, rep, "owner")
    assert rows[1].strategy == "least_loaded"


def test_a_former_owner_is_known_through_a_merge(system: System) -> None:
    """Who accepted the person, as the lead that was taken in, is asked first when the one that is left is ready."""
    version = publish(texts_for({"desk": {"ann": 1}, "east": {"ben": 1, "cho": 1}}))
    line_up("desk", [FIRST + 1], now(), version)
    give()
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    in_transaction(lambda c: act(c, number, "accept", rulebooks.current(c), now()))
    in_transaction(lambda c: assignments.end_for_leads(c, [(FIRST + 1, "lost")], now()))
    line_up("east", [FIRST], now(), version, strategy="owner", terms=Terms(former=True))
    system.do("UPDATE tasuki.lead SET merged_into = :k WHERE lead_id = :g", k=FIRST, g=FIRST + 1)
    give("east")
    held = system.sql("SELECT lead_id, rep, strategy FROM tasuki.assignment WHERE ended_at IS NULL")
    assert held == [(FIRST, "ann", "owner")]


def test_the_statement_answers_why_not_me(system: System) -> None:
    """A rep reads every turn, taken or not, and why, in either language and for machines."""
    people = {"cho": {"capacity": {"open": 1}, "language": "en"}}
    version = publish(texts_for({"desk": THREE}, people=people))
    line_up("desk", range(FIRST, FIRST + 6), now(), version)
    give()
    run = CliRunner().invoke
    english = " ".join(run(app, ["handoff", "statement", "cho"]).output.split())
    assert "you held as many leads as you may (1/1)" in english
    assert "the lot fell to you: you were owed 0.67 turns, 0.33 of them from this lead" in english
    japanese = "".join(run(app, ["handoff", "statement", "cho", "--lang", "ja"]).output.split())
    assert "くじであなたに決まりました" in japanese
    told = run(app, ["handoff", "statement", "cho", "--json"]).output
    assert told.count('"outcome": "taken"') == 1
    refused = run(app, ["handoff", "statement", "nobody"])
    assert refused.exit_code == 1


def test_pools_of_one_manager_do_not_wait_for_each_other(system: System) -> None:
    """While one pool is handed over, another of the same manager is, too; only an escalation needs the manager."""
    version = publish(texts_for({"desk": {"ann": 1}, "east": {"ben": 1}}))
    line_up("desk", [FIRST], now(), version)
    line_up("east", [FIRST + 1], now(), version)
    with transaction() as busy:
        assert hand_over(busy, "desk", rulebooks.current(busy), now()).offered == 1
        assert give("east").offered == 1
    # ben declined this lead before, in an earlier life of it: now only the manager is left
    line_up("east", [FIRST + 2], now(), version)
    system.do(
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, ended_at,"
        " end_reason, rulebook_version) VALUES (5000002, 'ben', 'east', 'x', 'least_loaded', 'standard', now(),"
        " now(), now(), 'declined', 1)"
    )
    assert give("east").offered == 1
    assert (
        system.one("SELECT rep FROM tasuki.assignment WHERE lead_id = 5000002 AND ended_at IS NULL") == "boss"
    )


def test_check_finds_what_breaks_the_ledger_or_a_cap(system: System) -> None:
    """Each proof of sharing can fail: credit that the ledger does not hold, a turn lost, a bound or a cap passed."""
    version = publish(
        texts_for({"desk": THREE}, people={rep: {"capacity": {"open": 9, "per_day": 2}} for rep in THREE})
    )
    line_up("desk", range(FIRST, FIRST + 6), now(), version)
    give()
    assert unkept(system) == []
    system.do("UPDATE tasuki.pool_credit SET ledger = ledger + 2000000 WHERE rep = 'ann'")
    system.do("DELETE FROM tasuki.turn WHERE turn_id = (SELECT max(turn_id) FROM tasuki.turn)")
    system.do("UPDATE tasuki.assignment SET rep = 'ann' WHERE lead_id = 5000000")
    system.do("UPDATE tasuki.assignment SET rep = 'ann' WHERE lead_id = 5000001")
    system.do("UPDATE tasuki.assignment SET rep = 'ann' WHERE lead_id = 5000002")
    found = " ".join(unkept(system))
    for offence in (
        "not the sum of the ledger",
        "more than (n - 1)/2 turns",
        "has no turn of it",
        "beyond a cap",
    ):
        assert offence in found
