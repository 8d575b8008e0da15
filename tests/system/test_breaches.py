"""What a breach does, action by action; follow-up, pauses, stand-by; and both sides' report of it all."""

from collections import Counter
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
from tests.fixtures.many_leads import FIRST, line_up, publish, texts_for
from tests.fixtures.system import System, event
from worker import pausing, rulebook_files, rulebooks, sla_report
from worker.breaching import tell_escalations
from worker.clocks import measure_ended
from worker.store import locking, outbox
from worker.store.db import Clash, in_transaction, transaction
from worker.sweeping import sweep_clocks

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def promise(accept: str = "", contact: str = "", more: str = "") -> None:
    """Publish the policy `hot` with other promises, each given as what follows `within` and `warn_after`."""
    accept, contact = (f", {text}" if text else "" for text in (accept, contact))
    put_in_force(
        ("sla.yaml", HOT_ACCEPT, f"accept: {{within: 15m, warn_after: 10m{accept}}}"),
        ("sla.yaml", HOT_CONTACT, f"contact: {{within: 1h, warn_after: 45m{contact}}}\n{more}    hops: 2"),
    )


def told(system: System) -> Counter[tuple[str, str]]:
    """Count the mails by kind and receiver, but for offers."""
    rows = system.sql("SELECT kind, recipient FROM tasuki.outbox WHERE channel = 'email' AND kind <> 'offer'")
    return Counter((row.kind, row.recipient.split("@")[0]) for row in rows)


def ended(system: System) -> list[str]:
    """Return why assignments ended, in order."""
    rows = system.sql(
        "SELECT end_reason FROM tasuki.assignment WHERE ended_at IS NOT NULL ORDER BY assignment_id"
    )
    return [row[0] for row in rows]


def holder(system: System) -> Any:
    """Return the live assignment."""
    (row,) = system.sql("SELECT * FROM tasuki.assignment WHERE ended_at IS NULL")
    return row


@pytest.fixture
def one(system: System) -> System:
    """A Tasuki whose test publishes its own promise first."""
    return system


def test_several_warnings_come_one_by_one(one: System) -> None:
    """Three warnings: each is told once, however many sweepers look; two that are due at once are told as one."""
    put_in_force(
        ("sla.yaml", HOT_ACCEPT, "accept: {within: 15m, warn_after: [5m, 10m, 12m], on_breach: next_rep}")
    )
    offer(one)
    begun = AT - MINUTE
    for minutes, warned in ((4, 0), (6, 1), (7, 1), (13, 2), (14, 2), (16, 2)):
        together(partial(sweep, begun + minutes * MINUTE))
        sweep(begun + minutes * MINUTE)
        assert sum(n for (kind, _), n in told(one).items() if kind == "warning") == warned
    assert ended(one) == ["accept_breached"]
    assert clean(one) == []


def test_a_clock_of_the_version_before_runs_on(one: System) -> None:
    """Started before the upgrade, or by an old worker beside it: one warning, once, then its end, and it is measured."""
    offer(one)
    one.do("UPDATE tasuki.clock SET warnings = '{}', warned = 0")
    assert [sweep(AT + minutes * MINUTE).warned for minutes in (5, 10, 11)] == [0, 1, 0]
    assert sweep(AT + 15 * MINUTE).breached == 1
    assert one.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'warning' AND channel = 'email'") == 1
    in_transaction(lambda c: measure_ended(c, rulebooks.current(c), AT))
    assert one.one("SELECT count(*) FROM tasuki.clock WHERE raw_s IS NULL AND next_at IS NULL") == 0
    assert clean(one) == []


@pytest.mark.parametrize(
    "action, hops, priority, to_manager",
    [("next_rep", 1, 9, False), ("back_to_pool", 0, 7, False), ("manager", 2, 9, True)],
)
def test_actions_that_take_the_lead_away(
    one: System, action: str, hops: int, priority: int, to_manager: bool
) -> None:
    """At the head of the line, in its turn, or to the manager; never to who let it pass; the manager is told."""
    promise(accept=f"on_breach: {action}")
    offer(one)
    first = holder(one).rep
    assert sweep(AT + 15 * MINUTE).breached == 1
    row = one.sql("SELECT hops, priority, had FROM tasuki.waiting")[0]
    assert (row.hops, row.priority, row.had) == (hops, priority, [first])
    assert place(AT + 16 * MINUTE) == 1
    assert holder(one).rep != first
    assert (holder(one).rep == "sato_kenji") is to_manager
    assert told(one)["breach", "kenji.sato"] == 1
    assert clean(one) == []


def test_out_of_rotation_for_a_while(one: System) -> None:
    """No offers for the time said, on the list, entered once; running clocks run on; it ends by itself."""
    promise(accept="on_breach: [out_of_rotation, next_rep], out_for: 1h")
    offer(one)
    out = holder(one).rep
    together(partial(sweep, AT + 15 * MINUTE))
    sweep(AT + 15 * MINUTE)
    (row,) = one.sql("SELECT * FROM tasuki.absence")
    assert (row.rep, row.kind, row.entered_by) == (out, "out_of_rotation", "tasuki")
    assert f"{row.ends_at + timedelta(hours=9):%H:%M}" == "13:16"  # an hour of work
    offer(one, leads=6, at=AT + 20 * MINUTE)
    assert out not in {row.rep for row in one.sql("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL")}
    assert "out_of_rotation" in {
        why for (skipped,) in one.sql("SELECT skipped FROM tasuki.assignment") for why in skipped.values()
    }
    assert clean(one) == []
    # When everybody is out, the line waits for the first to be back.
    others = {"suzuki_haruka", "takahashi_ren", "ito_misaki"} - {out}
    for rep in others:
        away(rep, "2026-11-24T11:00", "2026-11-25T18:00", AT + 21 * MINUTE)
    before = len(live(one))
    offer(one, at=AT + 22 * MINUTE)
    assert len(live(one)) == before
    (parked,) = one.sql("SELECT look_again_at FROM tasuki.waiting WHERE parked")
    assert parked.look_again_at == row.ends_at
    place(row.ends_at)
    assert [
        r.rep for r in one.sql("SELECT rep FROM tasuki.assignment ORDER BY assignment_id DESC LIMIT 1")
    ] == [out]


def test_reminders_come_to_an_end(one: System) -> None:
    """Twice reminded, each with a new clock; the third breach hands the lead to the manager, who keeps it."""
    promise(contact="on_breach: remind, reminders: 2")
    (number,) = offer(one)
    act(number, "accept", AT)
    rep = holder(one).rep
    at = AT
    for round_number in (1, 2):
        at += timedelta(days=1)
        assert sweep(at).breached == 1
        assert holder(one).rep == rep
        assert one.one("SELECT round FROM tasuki.clock WHERE next_at IS NOT NULL") == round_number
    at += timedelta(days=1)
    sweep(at)
    assert ended(one) == ["contact_breached"]
    place(at + MINUTE)
    assert holder(one).rep == "sato_kenji"
    assert told(one)["breach", "kenji.sato"] == 3
    reminded = [n for (kind, _), n in told(one).items() if kind == "reminder"]
    assert reminded == [2]
    # With the manager it stays, and the manager is reminded.
    sweep(at + timedelta(days=3))
    assert holder(one).rep == "sato_kenji"
    assert told(one)["reminder", "kenji.sato"] == 1
    assert clean(one) == []


def escalate(at: datetime) -> int:
    """Tell the escalations that are due."""

    def tell(connection: Any) -> int:
        messages = tell_escalations(connection, rulebooks.current(connection), at)
        outbox.add(connection, messages, at)
        return len(messages)

    return in_transaction(tell)


CHAIN = "    escalation: [{tell: sato_kenji}, {tell: matsumoto_jun, after: 30m}, {tell: grant_olivia, after: 2h}]\n"


def test_escalation_tells_in_turn_until_somebody_acts(one: System) -> None:
    """At once, after half an hour, and nobody else once contact was made; each once, by however many sweepers."""
    promise(contact="on_breach: [remind, escalate]", more=CHAIN)
    (number,) = offer(one)
    act(number, "accept", AT)
    breached = AT + 2 * HOUR + MINUTE
    sweep(breached)
    for minutes, kenji, jun in ((0, 1, 0), (1, 1, 0), (29, 1, 0), (31, 1, 1), (32, 1, 1)):
        together(partial(escalate, breached + minutes * MINUTE))
        escalate(breached + minutes * MINUTE)
        assert (told(one)["escalation", "kenji.sato"], told(one)["escalation", "jun.matsumoto"]) == (
            kenji,
            jun,
        )
    act(number, "contacted", breached + 40 * MINUTE)
    # London opens at 18:00 in Tokyo, and two hours on from there.
    assert escalate(datetime.fromisoformat("2026-11-24T19:59:00+09:00")) == 0
    assert one.one("SELECT count(*) FROM tasuki.escalation WHERE tell_at IS NOT NULL") == 1
    assert escalate(datetime.fromisoformat("2026-11-24T20:01:00+09:00")) == 0
    assert one.one("SELECT count(*) FROM tasuki.escalation WHERE needless_at IS NOT NULL") == 1
    assert told(one)["escalation", "olivia.grant"] == 0
    assert clean(one) == []


def test_who_left_was_not_told_of_an_escalation(one: System) -> None:
    """Whom the step names is in the rulebook no more: the record does not say that they were told."""
    promise(contact="on_breach: [remind, escalate]", more=CHAIN)
    (number,) = offer(one)
    act(number, "accept", AT)
    assert sweep(AT + timedelta(days=1)).breached == 1
    one.do("UPDATE tasuki.escalation SET rep = 'who_left', tell_at = :at", at=AT)
    in_transaction(lambda c: tell_escalations(c, rulebooks.current(c), AT))
    rows = one.sql("SELECT told_at, needless_at FROM tasuki.escalation")
    assert rows
    assert {tuple(row) for row in rows} == {(None, AT)}


def test_escalation_ends_with_what_it_was_about(one: System) -> None:
    """Handed back to marketing and ready again: a new story, of which the old chain says nothing."""
    promise(contact="on_breach: [remind, escalate]", more=CHAIN)
    (number,) = offer(one)
    act(number, "accept", AT)
    breached = AT + 2 * HOUR + MINUTE
    sweep(breached)
    act(number, "recycle", breached + 10 * MINUTE, reason="not_now")
    one.do("UPDATE tasuki.lead SET lifecycle_stage = 'mql'")
    assert escalate(breached + 40 * MINUTE) == 0
    assert one.one("SELECT count(*) FROM tasuki.escalation WHERE needless_at IS NOT NULL") > 0


def test_a_promise_that_is_no_more_is_ended_and_not_breached(one: System) -> None:
    """The clock's policy is gone, and the one that stands in promises no follow-up: the sweep goes on."""
    promise(more=FOLLOW_UP)
    first, second = offer(one, leads=2)
    act(first, "contacted", AT)
    one.do("UPDATE tasuki.clock SET policy = 'gone' WHERE kind = 'follow_up'")
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    rules, otherwise = texts["routing.yaml"].split("\nexamples:")[0].split("\notherwise:")
    texts["routing.yaml"] = f"{rules}\notherwise:{otherwise.replace('standard', 'overseas')}\n"
    rulebooks.publish(texts, by="tests", note="", now=AT)
    one.do(
        "UPDATE tasuki.clock_recompute SET done_at = now()"
    )  # as if the clocks had followed before it fell due
    assert sweep(AT + 100 * HOUR).breached == 1
    assert one.sql(
        "SELECT count(*) FROM tasuki.clock WHERE kind = 'follow_up' AND cancelled_at IS NOT NULL"
    ) == [(1,)]
    assert one.sql(
        "SELECT kind FROM tasuki.clock WHERE breached_at IS NOT NULL AND assignment_id = :a", a=second
    ) == [("accept",)]


def test_nobody_is_taken_out_of_rotation_beside_a_hand_over(one: System) -> None:
    """While a hand-over holds the rep, the sweep does it all again: it cannot be passed by."""
    promise(accept="on_breach: [out_of_rotation, next_rep], out_for: 1h")
    offer(one)
    rep = holder(one).rep
    with transaction() as busy:
        assert locking.try_lock_rep(busy, rep)
        with pytest.raises(Clash), transaction() as connection:
            sweep_clocks(connection, rulebooks.current(connection), AT + 15 * MINUTE)
    assert sweep(AT + 15 * MINUTE).breached == 1


def test_escalation_goes_on_when_the_lead_moves(one: System) -> None:
    """Passed on and passed on again: who is to be told is told as long as nobody accepts."""
    promise(accept="on_breach: [escalate, next_rep]", more=CHAIN)
    offer(one)
    sweep(AT + 15 * MINUTE)
    place(AT + 16 * MINUTE)
    assert escalate(AT + 17 * MINUTE) == 1
    assert escalate(AT + 2 * HOUR) == 1
    assert set(told(one)) >= {("escalation", "kenji.sato"), ("escalation", "jun.matsumoto")}


FOLLOW_UP = (
    "    follow_up: {attempts: 3, every: 4h, within: 16h, warn_after: 3h, on_breach: remind, reminders: 1}\n"
)


def test_follow_up_counts_attempts(one: System) -> None:
    """Three attempts, each with its clock that the one before ends; after the last nothing more is owed."""
    promise(more=FOLLOW_UP)
    (number,) = offer(one)
    with pytest.raises(Refused, match="not"):
        act(number, "attempted", AT, rep="nobody_here")
    assert act(number, "attempted", AT) == "contacted"  # the first call is the first contact
    assert "1 of 3" in act(number, "attempted", AT + 3 * HOUR)
    assert clean(one) == []
    assert "2 of 3" in act(number, "attempted", AT + 4 * HOUR)
    assert "the last" in act(number, "attempted", AT + 5 * HOUR)
    assert "none was owed" in act(number, "attempted", AT + 6 * HOUR)
    assert one.sql("SELECT kind, count(*), count(met_at) FROM tasuki.clock GROUP BY 1 ORDER BY 1") == [
        ("accept", 1, 1), ("contact", 1, 1), ("follow_up", 3, 3)
    ]  # fmt: skip
    assert (holder(one).attempts, holder(one).followed_up_at) == (4, AT + 5 * HOUR)
    assert clean(one) == []


def test_who_was_reached_is_owed_nothing_more(one: System) -> None:
    """The person answered: the clock is met and no other starts."""
    promise(more=FOLLOW_UP)
    (number,) = offer(one)
    act(number, "contacted", AT)
    assert "no more attempts" in act(number, "reached", AT + HOUR)
    assert one.one("SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL") == 0
    assert clean(one) == []


@pytest.mark.parametrize("what", ["attempted", "reached"])
def test_who_has_called_is_not_asked_to_call(one: System, what: str) -> None:
    """A warning that waits for the end of quiet hours, say, is not told once its clock is met."""
    promise(more=FOLLOW_UP)
    (number,) = offer(one)
    act(number, "contacted", AT)
    assert sweep(AT + 4 * HOUR + MINUTE).warned == 1
    act(number, what, AT + 4 * HOUR + 2 * MINUTE)
    assert one.sql("SELECT status FROM tasuki.outbox WHERE kind = 'warning'") == [("superseded",)]


def test_what_is_owed_no_more_is_not_asked_for(one: System) -> None:
    """A publish takes the promise back: a warning of it that was not told yet is not told."""
    promise(more=FOLLOW_UP)
    (number,) = offer(one)
    act(number, "contacted", AT)
    assert sweep(AT + 4 * HOUR + MINUTE).warned == 1
    promise()
    follow(AT + 4 * HOUR + 2 * MINUTE)
    assert one.one("SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL") == 0
    assert one.sql("SELECT status FROM tasuki.outbox WHERE kind = 'warning'") == [("superseded",)]


def test_who_opened_a_deal_is_not_asked_to_call(one: System) -> None:
    """The CRM tells of an opportunity: no warning of the clocks that it met is told any more."""
    (number,) = offer(one)
    act(number, "accept", AT)
    assert sweep(AT + HOUR + 50 * MINUTE).warned == 1
    one.send([event(900, "outcome.opened", subject="lead-0", opportunity="006")])
    one.drain_here()
    assert one.one("SELECT lifecycle_stage FROM tasuki.lead") == "sql"
    assert one.sql("SELECT status FROM tasuki.outbox WHERE kind = 'warning'") == [("superseded",)]


def test_a_breach_in_a_pool_that_is_gone_is_told(one: System) -> None:
    """Its leads run on with their reps; who manages the pool that takes everything else is told."""
    version = publish(texts_for({"desk": {"ann": 1}, "east": {"ben": 1}}))
    line_up("east", [FIRST], AT, version)
    place(AT, "east")
    act(holder(one).assignment_id, "accept", AT)
    publish(texts_for({"desk": {"ann": 1, "ben": 1}}))
    assert sweep(AT + timedelta(days=30)).breached == 1
    assert told(one)["breach", "boss"] == 1


def test_a_follow_up_that_is_forgotten_goes_to_the_manager(one: System) -> None:
    """Warned, reminded, and then the manager's: who starts with an offer of their own."""
    promise(more=FOLLOW_UP)
    (number,) = offer(one)
    act(number, "contacted", AT)
    assert sweep(AT + 4 * HOUR + MINUTE).warned == 1
    assert sweep(AT + 6 * HOUR).breached == 1
    assert holder(one).assignment_id == number
    sweep(AT + timedelta(days=2))
    assert ended(one) == ["follow_up_breached"]
    assert one.one("SELECT lifecycle_stage FROM tasuki.lead") == "mql"
    place(AT + timedelta(days=2, minutes=1))
    assert (holder(one).rep, holder(one).attempts) == ("sato_kenji", 0)
    assert clean(one) == []


def pause(number: int, at: datetime, **more: Any) -> pausing.Paused:
    """Pause the running clock."""
    reason = more.pop("reason", "customer_asked")
    return in_transaction(
        lambda c: pausing.pause(c, number, reason, rulebooks.current(c), at, by="tests", **more)
    )


def resume(number: int, at: datetime) -> pausing.Paused:
    """Let it go on."""
    return in_transaction(lambda c: pausing.resume(c, number, rulebooks.current(c), at))


def test_a_pause_moves_the_deadline_by_the_paused_working_time(one: System) -> None:
    """Paused at 11:31 until the 26th at noon, the half hour left runs from 13:00; resumed early, from then."""
    (number,) = offer(one)
    act(number, "accept", AT)
    until = datetime.fromisoformat("2026-11-26T12:00:00+09:00")
    paused = pause(number, AT + 30 * MINUTE, until=until)
    assert paused.due_at == datetime.fromisoformat("2026-11-26T13:30:00+09:00")
    assert sweep(until - MINUTE).breached == 0
    assert one.one("SELECT count(*) FROM tasuki.clock WHERE next_at = :u", u=until) == 1
    early = datetime.fromisoformat("2026-11-24T16:00:00+09:00")
    assert resume(number, early).due_at == early + 30 * MINUTE
    why = [row.why for row in one.sql("SELECT why FROM tasuki.clock_change ORDER BY change_id")]
    assert why == ["paused: customer_asked", "resumed"]
    assert told(one) == {}
    act(number, "contacted", early + 10 * MINUTE)
    in_transaction(lambda c: measure_ended(c, rulebooks.current(c), early))
    (row,) = one.sql("SELECT raw_s, business_s FROM tasuki.clock WHERE kind = 'contact'")
    assert (row.raw_s, row.business_s) == (40 * 60, 40 * 60)
    assert clean(one) == []


def test_a_pause_ends_by_itself(one: System) -> None:
    """At its limit the clock goes on, is warned of and breached as any other; no pause stays open."""
    (number,) = offer(one)
    act(number, "accept", AT)
    until = datetime.fromisoformat("2026-11-26T10:00:00+09:00")
    pause(number, AT + 30 * MINUTE, until=until)
    swept = [*together(partial(sweep, until + MINUTE)), sweep(until + MINUTE)]
    assert sum(one.breached + one.warned for one in swept) == 0
    assert one.one("SELECT paused_until FROM tasuki.clock WHERE kind = 'contact'") is None
    assert one.one("SELECT resumed_at FROM tasuki.clock_pause") == until
    assert clean(one) == []
    assert sweep(until + 16 * MINUTE).warned == 1
    assert sweep(until + 31 * MINUTE).breached == 1
    assert clean(one) == []


def test_pauses_have_an_end(one: System) -> None:
    """A reason is good for so long in all; not for every clock; not twice at once; not when it is too late."""
    (number,) = offer(one)
    with pytest.raises(Refused, match="does not pause the accept clock"):
        pause(number, AT)
    act(number, "accept", AT)
    with pytest.raises(Refused, match="there are customer_asked, waiting_for_answer"):
        pause(number, AT, reason="lunch")
    with pytest.raises(Refused, match="by 2026-11-27 11:01 JST"):
        pause(number, AT, reason="waiting_for_answer", until=AT + timedelta(days=4))
    with pytest.raises(Refused, match="ends after now"):
        pause(number, AT, until=AT - MINUTE)
    with pytest.raises(Refused, match="nothing to resume"):
        resume(number, AT)
    pause(number, AT, reason="waiting_for_answer")
    with pytest.raises(Refused, match="stands still already"):
        pause(number, AT)
    resume(number, AT + timedelta(days=2))
    again = pause(number, AT + timedelta(days=2), reason="waiting_for_answer")
    assert again.until == AT + timedelta(days=3)
    sweep(AT + timedelta(days=3))
    with pytest.raises(Refused, match="is used up"):
        pause(number, AT + timedelta(days=3), reason="waiting_for_answer")
    with pytest.raises(Refused, match="too late to pause"):
        pause(number, AT + timedelta(days=9))


def test_an_act_ends_a_paused_clock(one: System) -> None:
    """Contact in the middle of a pause: met, measured without the pause, and nothing is left open."""
    (number,) = offer(one)
    act(number, "accept", AT)
    pause(number, AT + 10 * MINUTE)
    act(number, "contacted", AT + timedelta(days=1))
    in_transaction(lambda c: measure_ended(c, rulebooks.current(c), AT))
    assert one.one("SELECT raw_s FROM tasuki.clock WHERE kind = 'contact'") == 600
    assert one.one("SELECT resumed_at FROM tasuki.clock_pause") == AT + timedelta(days=1)
    assert clean(one) == []


def test_stand_by_takes_over_while_everybody_is_away(one: System) -> None:
    """East is away for the day and West stands by: West gets it, by its own calendar; East's line stays empty."""
    put_in_force(("team.yaml", "    joining: {policy: average}\n    manager: sato_kenji\n",
                  "    joining: {policy: average}\n    manager: sato_kenji\n    standby: enterprise_west\n"))  # fmt: skip
    for rep in ("suzuki_haruka", "takahashi_ren", "ito_misaki"):
        away(rep, "2026-11-24T10:00", "2026-11-24T18:00", AT - 2 * MINUTE)
    offer(one, leads=2)
    assert one.sql("SELECT pool, reason, count(*) FROM tasuki.waiting GROUP BY 1, 2") == [
        ("enterprise_west", "standby", 2)
    ]
    assert place(AT, "enterprise_west") == 2
    assert {row.rep for row in one.sql("SELECT rep FROM tasuki.assignment")} == {
        "tanaka_yui",
        "yamamoto_sota",
    }
    assert clean(one) == []


def test_the_report_tells_both_sides(one: System) -> None:
    """Met, breached, both durations and the promises of marketing, counted in the month and nowhere else."""
    first, second = offer(one, leads=2)
    act(first, "accept", AT)
    act(first, "contacted", AT + 30 * MINUTE)
    sweep(AT + 15 * MINUTE)
    one.do(f"UPDATE tasuki.clock SET business_s = NULL WHERE assignment_id = {second}")
    in_transaction(lambda c: measure_ended(c, rulebooks.current(c), AT))
    assert in_transaction(lambda c: measure_ended(c, rulebooks.current(c), AT)) == 0

    def report(month: str) -> dict[str, Any]:
        def made(connection: Any) -> dict[str, Any]:
            loaded = rulebooks.current(connection)
            zone = loaded.team.reps["suzuki_haruka"].calendar.zone
            since, until = sla_report.month(month, zone, AT)
            return sla_report.report(connection, loaded, since, until, AT)

        return in_transaction(made)

    found = report("2026-11")
    hot = {row["kind"]: row for row in found["sales"] if (row["by"], row["name"]) == ("policy", "hot")}
    assert (hot["accept"]["ended"], hot["accept"]["kept"], hot["accept"]["kept_percent"]) == (2, 1, 50)
    assert (hot["contact"]["business_median_s"], hot["contact"]["raw_p90_s"]) == (1800, 1800)
    assert sum(row["ended"] for row in found["sales"] if row["by"] == "pool") == 3
    assert {row["name"] for row in found["sales"] if row["by"] == "pool"} == {EAST}
    came = {row["promise"]: row for row in found["marketing"]}
    assert (came["volume"]["came"], came["volume"]["kept"]) == (2, None)  # the month is not over
    assert (came["completeness"]["came"], came["completeness"]["kept"]) == (
        0,
        False,
    )  # the company was never told
    assert (came["persona"]["came"], came["persona"]["kept"]) == (100, True)
    assert (came["nurture"]["came"], came["nurture"]["kept"]) == (100, True)
    before = report("2026-10")
    assert before["sales"] == []
    assert [row["kept"] for row in before["marketing"]] == [False, None, None, None]
