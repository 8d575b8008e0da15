"""A calendar, an absence or a policy changes while clocks run: they follow, on record, and nothing is made late."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from schemas.errors import Refused
from tests.fixtures.clocks import (
    AT,
    EAST,
    HOT_ACCEPT,
    HOT_CONTACT,
    act,
    away,
    clean,
    follow,
    live,
    offer,
    place,
    put_in_force,
    sweep,
    together,
)
from tests.fixtures.system import System
from worker import absences, acting, pausing, rulebooks
from worker.clocks import follow_changes
from worker.store.db import engine, in_transaction

NINE = timedelta(hours=9)


def due(system: System, kind: str = "accept") -> str:
    """Return the running clock's deadline, in Tokyo."""
    at = system.one("SELECT due_at FROM tasuki.clock WHERE next_at IS NOT NULL AND kind = :k", k=kind)
    return f"{at + NINE:%m-%d %H:%M}"


def changes(system: System) -> list[tuple[str, str, str]]:
    """Return what is on record: why, old and new deadline, in Tokyo."""
    rows = system.sql("SELECT why, old_due_at, new_due_at FROM tasuki.v_clock_change ORDER BY change_id")
    return [
        (row.why, f"{row.old_due_at + NINE:%m-%d %H:%M}", f"{row.new_due_at + NINE:%m-%d %H:%M}")
        for row in rows
    ]


def told(system: System, kind: str) -> int:
    """Return how many mails of a kind are in the outbox."""
    return int(system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = :k AND channel = 'email'", k=kind))


@pytest.fixture
def contacting(system: System) -> tuple[System, int, str, datetime]:
    """A lead accepted at 11:01, first contact due at 13:01 (an hour, without lunch); its rep, and the time."""
    (number,) = offer(system)
    act(number, "accept", AT)
    rep = system.one("SELECT rep FROM tasuki.assignment")
    assert due(system, "contact") == "11-24 13:01"
    return system, number, str(rep), AT


def test_an_absence_moves_the_deadline_and_its_end_moves_it_back(
    contacting: tuple[System, int, str, datetime],
) -> None:
    """Away in the afternoon and tomorrow: due later, warned later, on record; taken back: as before, and told."""
    system, number, rep, at = contacting
    absence = away(rep, "2026-11-24T11:30", "2026-11-25T17:00")
    done = follow(at)
    assert (done.looked, done.moved) == (1, 1)
    assert due(system, "contact") == "11-25 17:31"
    assert changes(system) == [(f"absence {absence}", "11-24 13:01", "11-25 17:31")]
    assert sweep(at + timedelta(hours=3)).breached == 0
    assert told(system, "moved") == 0
    # The deadline comes earlier again: told, and it is what it was.
    loaded = in_transaction(rulebooks.current)
    in_transaction(lambda c: absences.remove(c, absence, loaded, at, by="tests"))
    follow(at)
    assert due(system, "contact") == "11-24 13:01"
    assert told(system, "moved") == 1
    # Followed again, nothing is left to do.
    before = changes(system)
    assert (follow(at).looked, changes(system)) == (0, before)
    assert clean(system) == []
    assert live(system) == [number]


def test_an_absence_that_has_begun_ends_and_the_past_is_not_rewritten(
    contacting: tuple[System, int, str, datetime],
) -> None:
    """Back early: the time away stays away, the rest counts again."""
    system, _, rep, at = contacting
    absence = away(rep, "2026-11-24T11:00", "2026-11-27T18:00")
    follow(at)
    assert due(system, "contact") == "11-30 10:00"
    later = at + timedelta(hours=4)  # 15:00
    loaded = in_transaction(rulebooks.current)
    assert "had begun" in in_transaction(lambda c: absences.remove(c, absence, loaded, later, by="tests"))
    follow(later)
    assert due(system, "contact") == "11-24 16:01"
    with pytest.raises(Refused, match="is over"):
        in_transaction(lambda c: absences.remove(c, absence, loaded, later + timedelta(hours=1), by="tests"))
    with pytest.raises(Refused, match="no absence 999"):
        in_transaction(lambda c: absences.remove(c, 999, loaded, later, by="tests"))


@pytest.mark.parametrize(
    "within, hours, expected",
    [
        ("3h", 0, "11-24 15:01"),  # more time
        ("15m", 0, "11-24 13:01"),  # less: 11:16 would leave less than the hour of grace
        ("15m", 0.5, "11-24 13:01"),  # even less
        ("30m", 0, "11-24 13:01"),
    ],
)
def test_a_changed_policy_never_makes_running_work_late(
    contacting: tuple[System, int, str, datetime], within: str, hours: float, expected: str
) -> None:
    """A promise that becomes shorter leaves the grace, or what was promised; one that becomes longer is followed."""
    system, _, _, at = contacting
    shorter = HOT_CONTACT.replace("within: 1h, warn_after: 45m", f"within: {within}")
    put_in_force(("sla.yaml", HOT_CONTACT, shorter))
    follow(at + timedelta(hours=hours))
    assert due(system, "contact") == expected
    assert clean(system) == []


def test_a_long_promise_that_becomes_short_leaves_the_grace(system: System) -> None:
    """From eight hours to one, five hours later: an hour is left, and who is told; never a breach in the past."""
    put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("within: 1h", "within: 12h")))
    (number,) = offer(system)
    at = AT
    act(number, "accept", at)
    assert due(system, "contact") == "11-25 16:01"
    put_in_force()
    later = at + timedelta(hours=5)  # 16:00
    follow(later)
    assert due(system, "contact") == "11-24 17:01"
    assert told(system, "moved") == 1
    assert sweep(later).breached == 0
    assert follow(later + timedelta(minutes=30)).looked == 0
    assert sweep(later + timedelta(minutes=61)).breached == 1
    assert clean(system) == []


def test_each_time_that_a_deadline_comes_sooner_is_told(system: System) -> None:
    """Away, not away, away, not away: the same deadline is told each time that it comes back."""
    put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("within: 1h", "within: 12h")))
    (number,) = offer(system)
    act(number, "accept", AT)
    rep = system.one("SELECT rep FROM tasuki.assignment")
    for n in (1, 2):
        entered, ended = AT + n * timedelta(minutes=4), AT + n * timedelta(minutes=4, seconds=30)
        absence = away(rep, "2026-11-25T09:00", "2026-11-25T12:00", entered)
        follow(entered)
        assert due(system, "contact") > "11-25 16:01"

        def remove(connection: Any, absence: int = absence, ended: datetime = ended) -> None:
            absences.remove(connection, absence, rulebooks.current(connection), ended, by="tests")

        in_transaction(remove)
        follow(ended)
        assert due(system, "contact") == "11-25 16:01"
        assert told(system, "moved") == n
    assert clean(system) == []


def test_a_deadline_that_moves_later_is_warned_of_again(
    contacting: tuple[System, int, str, datetime],
) -> None:
    """Warned, then given more time: the new deadline has a warning of its own, told once."""
    system, _, _, at = contacting
    assert sweep(at + timedelta(minutes=46)).warned == 1
    longer = HOT_CONTACT.replace("within: 1h, warn_after: 45m", "within: 3h, warn_after: 165m")
    put_in_force(("sla.yaml", HOT_CONTACT, longer))
    follow(at + timedelta(minutes=47))
    assert due(system, "contact") == "11-24 15:01"
    for _ in range(2):
        assert sweep(at + timedelta(minutes=210)).warned == 0
    for _ in range(2):
        sweep(at + timedelta(minutes=226))  # 14:47
    assert told(system, "warning") == 2
    assert clean(system) == []


@pytest.mark.parametrize("resumed", [True, False])
def test_a_pause_takes_no_grace_away(system: System, resumed: bool) -> None:
    """A promise became shorter and no sweep has followed yet: who pauses, or goes on, has the grace all the same."""
    put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("within: 1h", "within: 12h")))
    (number,) = offer(system)
    act(number, "accept", AT)

    def pause(at: datetime, ends: datetime) -> None:
        in_transaction(
            lambda c: pausing.pause(
                c, number, "customer_asked", rulebooks.current(c), at, by="tests", until=ends
            )
        )

    later = AT + timedelta(hours=5)  # 16:01
    if resumed:
        pause(later - timedelta(hours=1), AT + timedelta(days=1))
    put_in_force()
    if resumed:
        in_transaction(lambda c: pausing.resume(c, number, rulebooks.current(c), later))
    else:
        pause(later, later + timedelta(minutes=30))
    follow(later)
    assert due(system, "contact") == ("11-24 17:01" if resumed else "11-24 17:31")
    assert told(system, "moved") == 1
    assert clean(system) == []


def test_a_holiday_that_is_added_moves_all_clocks_of_its_calendar(system: System) -> None:
    """A company day from noon on: every open clock of that calendar follows, those of others stay."""
    offer(system, leads=6)
    version = put_in_force(("team.yaml", "special:\n", "special:\n      2026-11-24: [09:00-11:05]\n"))
    at = AT
    done = follow(at)
    assert (done.looked, done.moved) == (6, 6)
    assert {new for _, _, new in changes(system)} == {"11-25 09:10"}
    assert {why for why, _, _ in changes(system)} == {f"rulebook {version}"}


def test_a_publish_that_changes_no_time_looks_at_no_clock(system: System) -> None:
    """Another scoring is none of the clocks' business."""
    offer(system, leads=2)
    put_in_force(("scoring.yaml", "half_life_days: 21", "half_life_days: 20"))
    assert follow(AT).looked == 0
    assert system.one("SELECT count(*) FROM tasuki.clock_recompute WHERE done_at IS NULL") == 0


def test_a_promise_that_is_made_no_more_ends_its_clocks(system: System) -> None:
    """Follow-up is dropped from the policy: its clocks end, nothing more is owed, and that is on record."""
    follow_up = HOT_CONTACT + "\n    follow_up: {attempts: 2, within: 9h}"
    put_in_force(("sla.yaml", HOT_CONTACT, follow_up))
    (number,) = offer(system)
    act(number, "contacted", AT)
    assert due(system, "follow_up") == "11-25 13:01"
    put_in_force()
    follow(AT)
    assert system.one("SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL") == 0
    assert system.one("SELECT new_due_at FROM tasuki.clock_change") is None
    assert live(system) == [number]
    assert clean(system) == []


def test_a_sweep_reckons_anew_before_it_breaches(contacting: tuple[System, int, str, datetime]) -> None:
    """Entered in the last minute and not followed yet: the sweeper sees it, and nothing is breached."""
    system, number, rep, at = contacting
    away(rep, "2026-11-24T11:30", "2026-11-24T18:00", at + timedelta(minutes=50))
    swept = sweep(at + timedelta(hours=2, minutes=1))
    assert (swept.breached, live(system)) == (0, [number])
    assert due(system, "contact") == "11-25 09:31"
    assert follow(at + timedelta(hours=2, minutes=2)).moved == 0
    assert sweep(datetime.fromisoformat("2026-11-25T09:32:00+09:00")).breached == 1
    assert clean(system) == []


@pytest.mark.parametrize(
    "ends, stays", [("2026-11-24T14:00", True), ("2026-11-24T16:00", False), ("2026-11-27T18:00", False)]
)
def test_an_offer_to_somebody_who_is_away_for_long_moves_on(system: System, ends: str, stays: bool) -> None:
    """An hour away moves the deadline; a day away moves the offer, to a colleague and without counting a hop."""
    (number,) = offer(system)
    rep = system.one("SELECT rep FROM tasuki.assignment")
    at = AT
    away(rep, "2026-11-24T11:00", ends, at)
    done = follow(at)
    if stays:
        assert (due(system), live(system)) == ("11-24 14:15", [number])
        return
    assert done.pools == {EAST}
    assert system.one("SELECT end_reason FROM tasuki.assignment") == "rep_away"
    assert place(at + timedelta(seconds=1)) == 1
    (other,) = live(system)
    row = system.sql("SELECT rep, hops FROM tasuki.assignment WHERE assignment_id = :a", a=other)[0]
    assert (row.rep != rep, row.hops) == (True, 0)
    assert clean(system) == []


def test_who_asks_for_a_pause_keeps_the_lead(system: System) -> None:
    """Away for so long that the offer would move on: not when the rep, who works on it after all, asks for the time."""
    put_in_force(
        ("sla.yaml", "    at_most: 14d", "    at_most: 14d\n    clocks: [accept]"),
    )
    (number,) = offer(system)
    rep = system.one("SELECT rep FROM tasuki.assignment")
    away(rep, "2026-11-24T16:00", "2026-11-26T18:00")
    pausing_until = datetime.fromisoformat("2026-11-25T12:00:00+09:00")
    in_transaction(
        lambda c: pausing.pause(
            c, number, "customer_asked", rulebooks.current(c), AT, by="tests", until=pausing_until
        )
    )
    assert live(system) == [number]
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'moved'") == 0


def test_two_workers_and_two_changes_at_once(system: System) -> None:
    """A publish and an absence, followed by four workers at once: every clock moves once for each, none twice."""
    offer(system, leads=20)
    slower = HOT_ACCEPT.replace("within: 15m", "within: 2h")
    put_in_force(("sla.yaml", HOT_ACCEPT, slower))
    rep = system.one("SELECT rep FROM tasuki.assignment GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    mine = system.one("SELECT count(*) FROM tasuki.assignment WHERE rep = :r", r=rep)
    at = AT
    away(rep, "2026-11-24T11:00", "2026-11-24T12:00", at)
    done = [*together(partial(follow, at)), follow(at)]
    assert sum(one.moved for one in done) == 20
    recorded = system.sql("SELECT clock_id, count(*) AS n FROM tasuki.clock_change GROUP BY 1")
    assert len(recorded) == 20
    assert {row.n for row in recorded} == {1}
    assert 0 < mine < 20
    by_due = dict(system.sql("SELECT a.rep = :r, min(c.due_at) FROM tasuki.clock c JOIN tasuki.assignment a"
                             " USING (assignment_id) GROUP BY 1", r=rep))  # fmt: skip
    assert {key: f"{at + NINE:%H:%M}" for key, at in by_due.items()} == {True: "15:00", False: "14:00"}
    assert system.one("SELECT count(*) FROM tasuki.clock_recompute WHERE done_at IS NULL") == 0
    assert clean(system) == []


def test_it_goes_on_where_a_killed_worker_was(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the clocks followed, then killed: the next worker follows the other half and no clock again."""
    offer(system, leads=9)
    put_in_force(("sla.yaml", HOT_ACCEPT, HOT_ACCEPT.replace("within: 15m", "within: 40m")))
    monkeypatch.setattr("worker.clocks.BATCH", 4)

    def once() -> Any:
        return in_transaction(lambda c: follow_changes(c, rulebooks.current(c), AT))

    once()  # waits for the transactions before
    assert once().looked == 4
    with engine().connect() as connection:
        assert follow_changes(connection, rulebooks.current(connection), AT).looked == 4
        connection.rollback()  # killed before the commit
    assert [once().looked for _ in range(2)] == [4, 1]
    assert [
        row.n for row in system.sql("SELECT count(*) AS n FROM tasuki.clock_change GROUP BY clock_id")
    ] == [1] * 9
    wish = system.sql("SELECT looked, moved, done_at FROM tasuki.clock_recompute")[0]
    assert (wish.looked, wish.moved, wish.done_at is not None) == (9, 9, True)


def test_it_waits_for_work_that_began_before_the_change(system: System) -> None:
    """An act that read the old rules and has not committed: its clock is followed, too, when it is there."""
    (number,) = offer(system)
    at = AT
    with engine().connect() as slow:
        begun = slow.begin()
        acting.act(slow, number, "accept", rulebooks.current(slow), at)
        put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("within: 1h", "within: 3h")))
        assert follow(at).looked == 0  # it waits
        assert system.one("SELECT count(*) FROM tasuki.clock_recompute WHERE done_at IS NULL") == 1
        begun.commit()
    assert follow(at).moved == 1
    assert due(system, "contact") == "11-24 15:01"


def test_nobody_is_offered_a_lead_in_an_absence_entered_by_hand(system: System) -> None:
    """All but one away by the database: that one gets it; a check of the offers knows the absences of then."""
    at = AT
    for rep in ("suzuki_haruka", "takahashi_ren"):
        away(rep, "2026-11-24T10:00", "2026-11-24T18:00", at)
    offer(system, leads=3, at=at + timedelta(seconds=1))
    assert system.sql("SELECT rep, count(*) FROM tasuki.assignment GROUP BY 1") == [("ito_misaki", 3)]
    assert clean(system) == []
    # An offer made behind its back is found.
    system.do(
        "UPDATE tasuki.assignment SET rep = 'suzuki_haruka' WHERE assignment_id = (SELECT min(assignment_id) FROM tasuki.assignment)"
    )
    assert any("absent or off hours" in one for one in clean(system))


def test_everybody_away_then_the_oldest_first_at_the_opening(system: System) -> None:
    """Parked with the next opening, which an absence that ends brings forward; then the oldest come first."""
    at = AT
    numbers = [
        away(rep, "2026-11-24T10:00", "2026-11-26T12:00", at)
        for rep in ("suzuki_haruka", "takahashi_ren", "ito_misaki")
    ]
    offer(system, leads=8, at=at + timedelta(seconds=1))
    rows = system.sql("SELECT parked, reason, look_again_at FROM tasuki.waiting")
    opening = datetime.fromisoformat("2026-11-26T13:00:00+09:00")  # the absence ends with lunch
    assert {(row.parked, row.reason, row.look_again_at) for row in rows} == {(True, "closed", opening)}
    system.do("UPDATE tasuki.waiting SET ready_at = ready_at - lead_id * interval '1 minute'")
    loaded = in_transaction(rulebooks.current)
    back = at + timedelta(hours=2, minutes=4)  # 13:05
    in_transaction(lambda c: absences.remove(c, numbers[2], loaded, back, by="tests"))
    place(back + timedelta(seconds=1))
    waiting = system.sql("SELECT ready_at FROM tasuki.waiting")
    placed = system.sql("SELECT rep, ready_at FROM tasuki.assignment")
    assert {row.rep for row in placed} == {"ito_misaki"}
    assert len(placed) == 5  # as many as she takes in a day
    assert max(row.ready_at for row in placed) < min(row.ready_at for row in waiting)
