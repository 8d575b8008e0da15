"""One person known twice, reps who left, former owners, and what the record answers."""

from collections import Counter
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from schemas.errors import Refused
from schemas.handover import Terms
from tests.fixtures.desk import THREE, give, join, now, unkept
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System
from worker import rulebooks
from worker.acting import act
from worker.cli.main import app
from worker.handing import hand_over
from worker.leavers import sweep_leavers
from worker.store import assignments
from worker.store.db import in_transaction, transaction


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
