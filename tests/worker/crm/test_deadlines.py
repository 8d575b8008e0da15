"""A deadline that moves reaches the CRM: `next_step_due` is the running clock's."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event as listening

from tests.fixtures.clocks import AT, HOT_CONTACT, act, away, follow, offer, put_in_force, sweep
from tests.fixtures.crm import waiting
from tests.fixtures.receiver_double import Receiver
from tests.fixtures.system import System
from worker import pausing, rulebooks
from worker.crm.push import push_due
from worker.store.db import engine, in_transaction


def push() -> None:
    """Push all that is marked, at whatever time of the tests' day."""
    while push_due(AT + timedelta(days=1)).tried:
        pass


def told(receiver: Receiver) -> set[datetime]:
    """Return the deadlines that the CRM knows."""
    return {datetime.fromisoformat(row["next_step_due"]) for row in receiver.leads.values()}


def due(system: System) -> set[datetime]:
    """Return the deadlines that run, to the second as they are told."""
    return {
        row.due_at.replace(microsecond=0)
        for row in system.sql("SELECT due_at FROM tasuki.clock WHERE next_at IS NOT NULL")
    }


def test_an_absence_moves_it(system: System, receiver: Receiver) -> None:
    """The wish is worked off, and the CRM has the new deadline."""
    (number,) = offer(system)
    act(number, "accept", AT)
    push()
    before = told(receiver)
    away(str(system.one("SELECT rep FROM tasuki.assignment")), "2026-11-24T11:30", "2026-11-25T17:00")
    follow(AT)
    assert [row.status for row in waiting(system)] == ["pending"]
    push()
    assert told(receiver) == due(system) != before


def test_a_pause_moves_it_and_so_does_its_end(system: System, receiver: Receiver) -> None:
    """In the transaction of the pause."""
    (number,) = offer(system)
    act(number, "accept", AT)
    push()
    seen = [told(receiver)]
    until = AT + timedelta(hours=1)
    in_transaction(
        lambda c: pausing.pause(c, number, "customer_asked", rulebooks.current(c), AT, by="t", until=until)
    )
    push()
    seen.append(told(receiver))
    assert told(receiver) == due(system)
    in_transaction(lambda c: pausing.resume(c, number, rulebooks.current(c), AT + timedelta(minutes=10)))
    push()
    assert told(receiver) == due(system)
    seen.append(told(receiver))
    assert len({min(one) for one in seen}) == 3


def test_a_breach_that_starts_the_clock_anew_moves_it(system: System, receiver: Receiver) -> None:
    """The rep keeps the lead and is reminded: the next deadline is what the CRM shows."""
    put_in_force(
        ("sla.yaml", HOT_CONTACT, "contact: {within: 1h, warn_after: 45m, on_breach: remind}\n    hops: 2")
    )
    (number,) = offer(system)
    act(number, "accept", AT)
    push()
    before = told(receiver)
    assert sweep(AT + timedelta(hours=3)).breached == 1
    push()
    assert told(receiver) == due(system) != before


def test_a_publish_marks_each_batch_in_one_statement(system: System, receiver: Receiver) -> None:
    """Twenty clocks follow a changed promise: one statement marks them; none that stands is marked."""
    for number in offer(system, 12):
        act(number, "accept", AT)
    push()
    put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("1h", "3h").replace("45m", "2h")))
    marks: list[Any] = []

    def spy(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INTO tasuki.crm_push" in statement:
            marks.append(statement)

    listening.listen(engine(), "before_cursor_execute", spy)
    try:
        moved = follow(AT).moved
        follow(AT)
    finally:
        listening.remove(engine(), "before_cursor_execute", spy)
    assert (moved > 5, len(marks)) == (True, 1)
    assert sum(row.status == "pending" for row in waiting(system)) == moved
    push()
    assert due(system) >= told(receiver) - {None}
