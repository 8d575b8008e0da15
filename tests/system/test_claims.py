"""Claims on the real database: the first gets the lead, and all who were asked hear how it ended."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import Overtaken, Refused
from schemas.handover import Terms
from tests.fixtures.desk import THREE, at_once, give, join, now, unkept
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System
from worker import rulebooks
from worker.claiming import claim
from worker.store import assignments, outbox
from worker.store.db import in_transaction


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
