"""A sweep in which something fails: every other deadline is kept, and what failed is tried again."""

from datetime import timedelta

import pytest

from tests.fixtures.clocks import AT, follow, offer
from tests.fixtures.system import System, event
from worker import rulebooks, sweep_task
from worker.rescoring import review_set
from worker.store.db import in_transaction
from worker.sweeping import Swept, sweep_batch

REFUSES = """
CREATE FUNCTION tasuki.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.clock_id = {clock} AND NEW.breached_at IS NOT NULL THEN RAISE EXCEPTION 'I refuse'; END IF; RETURN NEW; END $$
"""


@pytest.fixture
def overdue(system: System) -> list[int]:
    """Three clocks that ran out an hour ago."""
    offer(system, leads=3)
    follow(AT)  # the publish: nothing is to be reckoned anew later
    system.do("UPDATE tasuki.clock SET due_at = :at, next_at = :at", at=AT - timedelta(hours=1))
    return [row[0] for row in system.sql("SELECT clock_id FROM tasuki.clock ORDER BY 1")]


def breached(system: System) -> list[int]:
    """Return the clocks that were breached."""
    rows = system.sql("SELECT clock_id FROM tasuki.clock WHERE breached_at IS NOT NULL ORDER BY 1")
    return [row[0] for row in rows]


def test_one_clock_that_fails_harms_no_other(system: System, overdue: list[int]) -> None:
    """The database refuses one of three: two are handled, one is left, found by `tasuki check`, and tried again."""
    system.do(REFUSES.format(clock=overdue[1]))
    system.do(
        "CREATE TRIGGER refuse BEFORE UPDATE ON tasuki.clock FOR EACH ROW EXECUTE FUNCTION tasuki.refuse()"
    )
    bad: set[int] = set()
    swept = sweep_batch(bad)
    assert (swept.breached, swept.more, bad) == (2, False, {overdue[1]})
    assert breached(system) == [overdue[0], overdue[2]]
    assert sweep_batch(bad).breached == 0  # passed over within one sweep
    assert any("overdue" in one for one in system.broken())
    system.do("DROP TRIGGER refuse ON tasuki.clock")
    assert sweep_batch(set()).breached == 1
    assert breached(system) == overdue


def test_one_step_that_fails_stops_no_other(
    system: System, overdue: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step before the clocks raises, whatever it may be."""

    def fails() -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(sweep_task, "_follow_changes", fails)
    sweep_task.sweep()
    assert breached(system) == overdue


def test_one_lead_that_cannot_be_judged_holds_up_no_review(system: System) -> None:
    """Its state is broken: the others are judged, it is looked at again in an hour, and that is every time so."""
    system.send([event(n, email=f"p{n}@s{n}.example.co.jp") for n in range(3)])
    system.drain_here()
    bad = system.one("SELECT min(lead_id) FROM tasuki.lead")
    system.do("UPDATE tasuki.lead SET review_at = :at", at=AT - timedelta(days=9))
    system.do("""UPDATE tasuki.lead SET state = '{"facts": 5}' WHERE lead_id = :i""", i=bad)
    judged, count = review_set()
    assert (count, judged.ready) == (3, 0)
    late = system.sql("SELECT lead_id FROM tasuki.lead WHERE review_at < :at", at=AT + timedelta(hours=2))
    assert late == [(bad,)]
    assert system.one("SELECT min(review_at) FROM tasuki.lead") > AT
    assert review_set()[1] == 0


def test_nobody_is_warned_of_a_promise_that_is_no_more(system: System) -> None:
    """Warning and end are both past, and the policy promises no follow-up any more: ended, and nobody is told."""
    offer(system)
    follow(AT)
    in_force = in_transaction(rulebooks.current).book.policies.items()
    without = next(name for name, policy in in_force if policy.promise("follow_up") is None)
    system.do(
        "UPDATE tasuki.clock SET kind = 'follow_up', policy = :p, due_at = :due, next_at = :w, warn_at = :w,"
        " warnings = ARRAY[cast(:w AS timestamptz)]",
        p=without, due=AT - timedelta(hours=1), w=AT - timedelta(hours=2),
    )  # fmt: skip
    assert sweep_batch(set()).breached == 0
    assert system.sql("SELECT cancelled_at IS NOT NULL, breached_at FROM tasuki.clock") == [(True, None)]
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'warning'") == 0


def test_a_flood_of_deadlines_goes_before_the_hand_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools are poked once at the end of a short flood; a long one lets the hand-over begin beside it."""
    did: list[str] = []

    def sweep_next(left: list[bool]) -> Swept:
        did.append("swept")
        return Swept(pools={"inside_sales"}, more=left.pop())

    for first_s, order in ((10.0, ["swept"] * 3 + ["poked"]), (0.0, ["swept", "poked"] * 3)):
        did.clear()
        left = [False, True, True]
        monkeypatch.setattr(sweep_task, "DEADLINES_FIRST_S", first_s)
        monkeypatch.setattr(sweep_task, "sweep_batch", lambda _, left=left: sweep_next(left))
        monkeypatch.setattr(sweep_task, "poke_pools", lambda pools: did.extend("poked" for _ in pools))
        monkeypatch.setattr(sweep_task, "note_sweep", lambda _: None)
        sweep_task._sweep_clocks()
        assert did == order
