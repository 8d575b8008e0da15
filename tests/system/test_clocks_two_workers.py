"""Clocks with several sweepers at once: each fires once, and a lead never comes back to a rep who had it."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection

from schemas.errors import Overtaken
from tests.fixtures.system import READY, System, event
from worker import acting, now, rulebooks
from worker.handing import hand_over
from worker.store.db import in_transaction
from worker.sweeping import Swept, sweep_clocks

SWEEPERS = 4
POOL = "enterprise_east"
LEADS = 25  # as many as the pool takes in a day


def place(at: datetime) -> int:
    """Place what waits for the pool, until nothing is due."""
    offered = 0
    while True:
        handed = in_transaction(lambda c: hand_over(c, POOL, rulebooks.current(c), at))
        offered += handed.offered
        if not handed.more:
            return offered


def together(work: Callable[[], Any], threads: int = SWEEPERS) -> list[Any]:
    """Do the same in several threads that start at one instant."""
    barrier = Barrier(threads)

    def run() -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(threads)]]


def sweep(at: datetime) -> Swept:
    """Sweep as the task does, until nothing is left."""
    total = Swept()
    while True:
        swept = in_transaction(lambda c: sweep_clocks(c, rulebooks.current(c), at))
        total.warned += swept.warned
        total.breached += swept.breached
        if not swept.more:
            return total


@pytest.fixture
def offered(system: System, request: pytest.FixtureRequest) -> System:
    """Ready leads, offered to the reps of one pool with clocks of 10 and 15 minutes."""
    leads = getattr(request, "param", LEADS)
    system.send([event(n, email=f"p{n}@shop{n}.example.co.jp", **READY) for n in range(leads)])
    system.drain_here()
    assert place(now.now() + timedelta(seconds=1)) == leads
    return system


def test_each_clock_fires_once(offered: System) -> None:
    """Four sweepers at the same instants: every clock is warned once and breached once, everybody told once."""
    morning = now.now()
    for minutes, warned, breached in ((5, 0, 0), (11, LEADS, 0), (12, 0, 0), (16, 0, LEADS), (17, 0, 0)):
        swept = together(partial(sweep, morning + timedelta(minutes=minutes)))
        # A sweeper skips what another has in hand, so one more looks at what is left.
        swept.append(sweep(morning + timedelta(minutes=minutes)))
        assert sum(one.warned for one in swept) == warned
        assert sum(one.breached for one in swept) == breached
    told = Counter(
        offered.sql("SELECT kind, assignment_id, recipient FROM tasuki.outbox WHERE channel = 'email'")
    )
    assert set(told.values()) == {1}
    kinds = Counter(kind for kind, _, _ in told.elements())
    assert kinds == {"offer": LEADS, "warning": LEADS, "breach": LEADS}
    ended = offered.sql("SELECT end_reason, count(*) FROM tasuki.assignment GROUP BY 1")
    assert ended == [("accept_breached", LEADS)]
    assert offered.one("SELECT count(*) FROM tasuki.waiting") == LEADS
    assert clean(offered) == []


def clean(system: System) -> list[str]:
    """Return broken promises, but for what is only late because nobody works here."""
    late = ("looked at again", "neither delivered", "overdue")
    return [one for one in system.broken() if not any(word in one for word in late)]


def test_many_clocks_at_once(offered: System) -> None:
    """2,000 more clocks that fell due in one second: four sweepers breach each exactly once."""
    offered.do(
        "INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, warn_at, due_at, next_at)"
        " SELECT a.assignment_id, a.lead_id, 'standard', 'contact', a.offered_at, NULL, a.offered_at + interval '1 min',"
        " a.offered_at + interval '1 min' FROM tasuki.assignment a;"
        "INSERT INTO tasuki.lead (lead_id, lifecycle_stage, rulebook_version, state, created_at, updated_at)"
        " SELECT 1000000 + n, 'sal', 1, '{}', now(), now() FROM generate_series(1, 2000) n;"
        "INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, accepted_at,"
        " rulebook_version) SELECT 1000000 + n, 'suzuki_haruka', 'enterprise_east', 'r', 'round_robin', 'standard',"
        " offered_at, offered_at, offered_at, 1 FROM generate_series(1, 2000) n, (SELECT min(offered_at) AS offered_at"
        " FROM tasuki.assignment) a;"
        "INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, due_at, next_at)"
        " SELECT assignment_id, lead_id, 'standard', 'contact', offered_at, offered_at + interval '1 min',"
        " offered_at + interval '1 min' FROM tasuki.assignment WHERE lead_id > 1000000"
    )
    at = now.now() + timedelta(minutes=5)
    swept = together(lambda: sweep(at))
    swept.append(sweep(at))
    assert sum(one.breached for one in swept) == 2000 + LEADS
    assert offered.one("SELECT count(*) FROM tasuki.clock WHERE breached_at IS NOT NULL") == 2000 + LEADS
    per_lead = offered.sql(
        "SELECT count(*) FROM tasuki.outbox WHERE kind = 'reminder' GROUP BY lead_id, channel"
    )
    assert {row[0] for row in per_lead} == {1}


@pytest.mark.parametrize("offered", [8], indirect=True)
def test_never_a_rep_who_had_it_then_the_manager(offered: System) -> None:
    """Breach after breach: another rep each time, the manager after the policy's two hops, and then no further."""
    at = now.now()
    for _ in range(2):
        at += timedelta(minutes=16)
        swept = [*together(partial(sweep, at)), sweep(at)]
        assert sum(one.breached for one in swept) == 8
        at += timedelta(seconds=1)
        assert sum(together(partial(place, at))) == 8
        assert clean(offered) == []
    for (lead_id,) in offered.sql("SELECT DISTINCT lead_id FROM tasuki.assignment"):
        had = offered.sql(
            "SELECT rep, strategy FROM tasuki.assignment WHERE lead_id = :l ORDER BY 1", l=lead_id
        )
        assert len({row.rep for row in had}) == len(had), "a rep had it twice"
    managed = offered.sql(
        "SELECT rep, count(*), max(hops) FROM tasuki.assignment WHERE strategy = 'escalation' GROUP BY 1"
    )
    assert [row.rep for row in managed] == ["sato_kenji"]
    assert (managed[0].count, managed[0].max) == (8, 2)
    # The manager keeps it: the clock is renewed, the lead stays.
    assert sweep(at + timedelta(hours=4)).breached == 8
    assert offered.sql("SELECT rep, count(*) FROM tasuki.assignment WHERE ended_at IS NULL GROUP BY 1") == [
        ("sato_kenji", 8)
    ]
    assert offered.one("SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL") == 8


def test_accept_and_breach_in_the_same_instant(offered: System) -> None:
    """Reps accept while sweepers breach: of each assignment one wins, and the loser is told so."""
    at = now.now() + timedelta(minutes=16)
    ids = [row[0] for row in offered.sql("SELECT assignment_id FROM tasuki.assignment ORDER BY 1")]
    barrier = Barrier(3)
    won: list[int] = []
    lost: list[int] = []

    def accept_one(connection: Connection, assignment_id: int) -> None:
        acting.act(connection, assignment_id, "accept", rulebooks.current(connection), at)

    def accept() -> None:
        barrier.wait()
        for one in ids:
            try:
                in_transaction(partial(accept_one, assignment_id=one))
                won.append(one)
            except Overtaken:
                lost.append(one)

    def breach() -> None:
        barrier.wait()
        for _ in range(5):
            in_transaction(lambda c: sweep_clocks(c, rulebooks.current(c), at))

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(accept), pool.submit(breach), pool.submit(breach)]:
            future.result()
    sweep(at)
    assert sorted(won + lost) == ids
    ended = {
        row[0]
        for row in offered.sql("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NOT NULL")
    }
    accepted = {
        row[0]
        for row in offered.sql("SELECT assignment_id FROM tasuki.assignment WHERE accepted_at IS NOT NULL")
    }
    assert ended == set(lost)
    assert accepted == set(won)
    assert clean(offered) == []
    print(f"accepted in time: {len(won)}, overtaken by the clock: {len(lost)}")
