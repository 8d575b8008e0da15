"""A lead that is judged again keeps its place in every index, and its next look comes no later than needed."""

from datetime import datetime, timedelta
from itertools import pairwise

from tests.fixtures.system import System, event, eventually
from worker import rescoring, rulebooks
from worker.explaining import held_words
from worker.now import now
from worker.store import leads
from worker.store.db import in_transaction
from worker.store.rows import utc_ms

LOOK = "SELECT review_at FROM tasuki.lead"
REWRITTEN = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'lead'"


def read(system: System, number: int) -> None:
    """Let the lead read a page."""
    system.send([event(number, subject="lead-1", email="hana@kaisha.example.co.jp")])
    system.drain_here()


def told_of_the_look(system: System) -> list[datetime]:
    """Return when people are told that the lead is judged again."""
    lead = system.one("SELECT lead_id FROM tasuki.lead")
    row = in_transaction(lambda connection: leads.read_lead(connection, lead))
    assert row is not None
    held = held_words(row, in_transaction(rulebooks.current))
    assert held is not None
    return [utc_ms(one["at_ms"]) for one in held["next"] if one["what"] == "review"]


def test_an_event_more_touches_no_index_of_the_leads(system: System) -> None:
    """PostgreSQL rewrites the row in its page (a HOT update): a million leads cost an event no more than a few."""
    read(system, 1)
    points = [system.one("SELECT engagement FROM tasuki.lead")]
    for number in range(2, 6):
        read(system, number)
        points.append(system.one("SELECT engagement FROM tasuki.lead"))
    assert all(one < other for one, other in pairwise(points))  # what is judged did change
    eventually(lambda: system.sql(REWRITTEN)[0][0] == 4, "four updates are counted")
    assert system.sql(REWRITTEN) == [(4, 4)]


def test_a_look_that_is_sooner_than_needed_stays(system: System) -> None:
    """An event does not put off the next look; one that is due is renewed by it."""
    read(system, 1)
    needed = system.one(LOOK)
    sooner = now().replace(microsecond=0) + timedelta(days=3)
    system.do("UPDATE tasuki.lead SET review_at = :at", at=sooner)
    read(system, 2)
    assert system.one(LOOK) == sooner
    assert told_of_the_look(system) == [sooner]

    system.do("UPDATE tasuki.lead SET review_at = :at", at=now() - timedelta(seconds=1))
    read(system, 3)
    assert system.one(LOOK) == needed


def test_a_look_that_came_too_soon_sets_the_next_one(system: System) -> None:
    """The look itself is a judgement, after which the next one is as far away as the track says."""
    read(system, 1)
    needed = system.one(LOOK)
    system.do("UPDATE tasuki.lead SET review_at = :at", at=now() - timedelta(seconds=1))
    assert rescoring.review_set()[1] == 1
    assert system.one(LOOK) == needed
    assert rescoring.review_set()[1] == 0


def test_a_look_that_is_needed_sooner_comes_sooner(system: System) -> None:
    """What is stored never holds up what the judgement asks for."""
    read(system, 1)
    needed = system.one(LOOK)
    system.do("UPDATE tasuki.lead SET review_at = :at", at=needed + timedelta(days=90))
    read(system, 2)
    assert system.one(LOOK) == needed
