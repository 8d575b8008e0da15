"""A sweep in which something fails: every other deadline is kept, and what failed is tried again."""

from datetime import timedelta

import pytest

from tests.fixtures.clocks import AT, follow, offer
from tests.fixtures.system import System
from worker import tasks
from worker.sweeping import sweep_batch

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

    monkeypatch.setattr(tasks, "_follow_changes", fails)
    tasks.sweep()
    assert breached(system) == overdue
