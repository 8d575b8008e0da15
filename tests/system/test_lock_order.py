"""Locks in the order that the code states: interleavings that waited in a circle when places in lines came before leads.

Two connections, driven step by step. The one that would close the circle looks for deadlocks at once, so that it
is the one to fail, and not the other, which is done again unseen.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.fixtures.clocks import AT, away, clean, offer, put_in_force
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System, event, eventually
from worker import rulebooks
from worker.handing import hand_over
from worker.store import assignments, leads
from worker.store.db import in_transaction, run, transaction

LOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def _waits(system: System) -> None:
    """Wait until somebody waits for a lock."""
    eventually(lambda: system.one(LOCKED) > 0, "somebody waits for a lock", 10)


def _look_at_once(connection: Connection) -> None:
    run(connection, "SET LOCAL deadlock_timeout = '20ms'")


def _stand_in_line(system: System, pool: str, numbers: list[int]) -> None:
    """Let leads wait for room until tomorrow."""
    line_up(pool, numbers, AT)
    system.do(
        "UPDATE tasuki.waiting SET reason = 'full', look_again_at = :at WHERE lead_id = ANY(:ids)",
        at=AT + timedelta(days=1), ids=numbers,
    )  # fmt: skip


def test_room_that_appears_waits_for_no_lead_of_the_line(system: System) -> None:
    """Who ends an assignment wakes a lead of the line, and then asks for that lead: a merge in its batch, say.

    Somebody who has the lead takes it out of the line meanwhile. The pool is looked at all the same.
    """
    offer(system)
    ended = system.one("SELECT lead_id FROM tasuki.assignment")
    _stand_in_line(system, "enterprise_east", [FIRST])
    has_it, woken, left = Event(), Event(), Event()

    def takes_it_out() -> None:
        with transaction() as other:
            leads.lock_leads(other, [FIRST])
            has_it.set()
            assert woken.wait(30)
            assignments.leave_line(other, [FIRST], AT)
            left.set()
            _waits(system)

    with ThreadPoolExecutor(1) as pool, transaction() as connection:
        other = pool.submit(takes_it_out)
        assert has_it.wait(30)
        leads.lock_leads(connection, [ended])
        pools = assignments.end_for_leads(connection, [(ended, "declined")], AT)
        woken.set()
        eventually(lambda: left.is_set() or system.one(LOCKED), "the other has left the line, or waits", 10)
        _look_at_once(connection)
        leads.lock_leads(connection, [FIRST])
        other.result()
    assert pools == {"enterprise_east"}
    assert system.sql("SELECT 1 FROM tasuki.waiting") == []


def test_a_lead_that_nobody_has_is_woken(system: System) -> None:
    """The first of the line, and only that."""
    offer(system)
    ended = system.one("SELECT lead_id FROM tasuki.assignment")
    _stand_in_line(system, "enterprise_east", [FIRST, FIRST + 1])
    pools = in_transaction(lambda c: assignments.end_for_leads(c, [(ended, "declined")], AT))
    assert pools == {"enterprise_east"}
    assert system.sql("SELECT lead_id FROM tasuki.waiting WHERE look_again_at = :at", at=AT) == [(FIRST,)]


def _enters_an_absence() -> None:
    away("suzuki_haruka", "2026-11-25 09:00", "2026-11-26 09:00")


def _publishes() -> None:
    put_in_force(("team.yaml", "capacity: {open: 20, per_day: 10", "capacity: {open: 24, per_day: 24"))


def _moves_the_line_of_a_pool_that_is_gone() -> None:
    in_transaction(lambda c: hand_over(c, "gone", rulebooks.current(c), AT))


@pytest.mark.parametrize(
    "pool, changes",
    [
        ("enterprise_east", _enters_an_absence),
        ("enterprise_east", _publishes),
        ("gone", _moves_the_line_of_a_pool_that_is_gone),
    ],
)
def test_a_change_to_a_whole_line_waits_for_who_has_its_leads(
    system: System, pool: str, changes: Callable[[], Any]
) -> None:
    """They take two leads out of the line, the later first; the change takes hold of neither place before that."""
    _stand_in_line(system, pool, [FIRST, FIRST + 1, FIRST + 2])
    with ThreadPoolExecutor(1) as others, transaction() as connection:
        leads.lock_leads(connection, [FIRST, FIRST + 1])
        assignments.leave_line(connection, [FIRST + 1], AT)
        change = others.submit(changes)
        _waits(system)
        _look_at_once(connection)
        assignments.leave_line(connection, [FIRST], AT)
        connection.commit()
        change.result()
    (left,) = system.sql("SELECT lead_id, look_again_at <= :at AS now FROM tasuki.waiting", at=AT)
    assert (left.lead_id, left.now) == (FIRST + 2, True)


def test_a_batch_in_which_two_leads_meet_takes_all_its_leads_by_number(system: System) -> None:
    """The pair that becomes one is not locked before a lead of a lower number that the batch also has."""
    system.send([event(n, subject=f"lead-{n}") for n in (1, 2)])
    system.send([event(3, subject="lead-3", email="a@shop.example.co.jp")])
    system.drain_here()
    rows = system.sql("SELECT value, lead_id FROM tasuki.lead_key WHERE kind <> 'email' ORDER BY lead_id")
    first, second, third = (row.lead_id for row in rows)
    # The second turns out to be the third; the first is in the same batch.
    system.send(
        [event(4, subject="lead-1"), event(5, subject="lead-2", email="a@shop.example.co.jp", source="crm")]
    )
    with ThreadPoolExecutor(1) as others, transaction() as connection:
        leads.lock(connection, [first])
        batch = others.submit(system.drain_here)
        _waits(system)
        _look_at_once(connection)
        leads.lock(connection, [second, third])
        connection.commit()
        batch.result()
    assert system.applied() == 5
    assert clean(system) == []


def test_a_publish_that_met_a_deadlock_is_done_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other transaction: the first try fails with the server's own error."""
    tries = []
    locking = rulebooks._lock_leads

    def fails_once(connection: Connection, version: int, **more: Any) -> None:
        tries.append(version)
        if len(tries) == 1:
            run(
                connection, "DO $$ BEGIN RAISE EXCEPTION 'circle' USING ERRCODE = 'deadlock_detected'; END $$"
            )
        locking(connection, version, **more)

    monkeypatch.setattr(rulebooks, "_lock_leads", fails_once)
    version = publish(texts_for({"desk": {"ann": 1}}))
    assert tries == [version, version]
    assert system.one("SELECT version FROM tasuki.rulebook_current") == version
