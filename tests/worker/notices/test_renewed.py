"""A notice that waited names the deadline as it is when it is sent."""

from datetime import datetime, timedelta

import pytest

from tests.fixtures.clocks import away, follow, sweep
from tests.fixtures.system import System
from tests.fixtures.ways import Slack, offer, publish
from worker.delivering import deliver_due
from worker.now import now

CALM = "urgent: {policies: []}"
QUIET = '    quiet_hours: ["10:30-13:00"]\n'  # it is 11:00 in Tokyo
MORNING = datetime.fromisoformat("2026-11-24T13:00:00+09:00")
DUE = "SELECT due_at FROM tasuki.clock WHERE next_at IS NOT NULL"


def _away(system: System, starts: str, ends: str) -> None:
    """Enter an absence of whoever holds the lead, and let its clock follow."""
    away(system.one("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL"), starts, ends, now())
    follow(now())


def _clock(due_at: datetime) -> str:
    return f"{due_at + timedelta(hours=9):%H:%M}"


@pytest.mark.parametrize("count", [1, 5])
def test_an_offer_held_at_night_names_the_deadline_as_it_is_in_the_morning(
    system: System, slack: Slack, count: int
) -> None:
    """Alone and in a digest: the rep is at a doctor's this afternoon, entered at night."""
    publish(
        f"notices: {{{CALM}, digest: {{when_more_than: 3, within: 10m}}}}", notify="[slack_sales]", reps=QUIET
    )
    offer(system, count)
    assert deliver_due(now()).sent == 0
    before = {row.due_at for row in system.sql(DUE)}
    for (rep,) in system.sql("SELECT DISTINCT rep FROM tasuki.assignment"):
        away(rep, "2026-11-24 11:05", "2026-11-24 13:30", now())
    follow(now())
    after = {row.due_at for row in system.sql(DUE)}
    assert max(before) < min(after)
    deliver_due(MORNING)

    assert slack.took
    assert all(_clock(due) in str(slack.took) for due in after)
    assert not any(_clock(due) in str(slack.took) for due in before)
    told = system.sql(
        "SELECT body ->> 'due_at' AS due, body -> 'left_s' AS left_s FROM tasuki.outbox WHERE kind = 'offer'"
    )
    assert {datetime.fromisoformat(row.due) for row in told} == after
    assert system.broken() == []


def test_what_is_left_is_counted_to_the_new_deadline(system: System, slack: Slack) -> None:
    """A first try failed, the deadline moved within the minute, and the second try says so."""
    publish(f"notices: {{{CALM}}}", notify="[slack_sales]")
    offer(system)
    left = system.one("SELECT cast(body ->> 'left_s' AS integer) FROM tasuki.outbox")
    before = system.one(DUE)
    _away(system, "2026-11-24 11:05", "2026-11-24 11:35")
    moved = system.one(DUE)
    assert moved - before == timedelta(minutes=30)
    deliver_due(now())

    assert _clock(moved) in str(slack.took[0])
    # half an hour later by the wall, and as much working time as before
    assert system.one("SELECT cast(body ->> 'left_s' AS integer) FROM tasuki.outbox") == left


def test_a_warning_that_waits_is_dropped_where_the_deadline_moved_away(system: System, slack: Slack) -> None:
    """It would be warned of again, and then it is true."""
    publish(f"notices: {{{CALM}}}", notify="[slack_sales]", reps='    quiet_hours: ["11:08-13:00"]\n')
    offer(system)
    assert deliver_due(now()).sent == 1
    due = system.one(DUE)
    at = system.one("SELECT next_at FROM tasuki.clock WHERE next_at IS NOT NULL") + timedelta(seconds=1)
    assert sweep(at).warned == 1
    assert deliver_due(at).sent == 0
    rep = system.one("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL")
    away(rep, "2026-11-24 11:05", "2026-11-24 11:45", at)
    follow(at)
    later = system.one(DUE)
    assert later > due
    status = "SELECT status FROM tasuki.outbox WHERE kind = 'warning' ORDER BY message_id"
    assert system.sql(status) == [("superseded",)]
    assert sweep(at + timedelta(minutes=40)).warned == 1
    assert deliver_due(MORNING).sent == 1
    assert system.sql(status) == [("superseded",), ("sent",)]
    assert _clock(later) in str(slack.took[1])
