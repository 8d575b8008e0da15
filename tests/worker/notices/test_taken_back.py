"""A withdrawal goes as fast as what it takes back went: at night to whom the night was no bar, else in the morning."""

from datetime import datetime

import pytest
from sqlalchemy import Connection

from tests.fixtures.many_leads import FIRST, line_up, texts_for
from tests.fixtures.many_leads import publish as publish_texts
from tests.fixtures.system import System
from tests.fixtures.ways import Slack, offer, publish
from worker import rulebooks
from worker.acting import act
from worker.claiming import claim
from worker.delivering import deliver_due
from worker.handing import hand_over
from worker.local.receivers import MailBox
from worker.now import now
from worker.store import assignments
from worker.store.db import in_transaction, run

CALM = "urgent: {policies: []}"
QUIET = '    quiet_hours: ["10:30-13:00"]\n'  # it is 11:00 in Tokyo
MORNING = datetime.fromisoformat("2026-11-24T13:00:00+09:00")
OVER = "SELECT status, waits_for FROM tasuki.outbox WHERE kind = 'withdrawn'"


def _moves_on() -> None:
    """Let the lead move on by the word of somebody else than its rep."""

    def end(connection: Connection) -> None:
        rows = run(connection, "SELECT lead_id FROM tasuki.assignment WHERE ended_at IS NULL").all()
        assignments.end_for_leads(connection, [(row.lead_id, "disqualified") for row in rows], now())

    in_transaction(end)


@pytest.mark.parametrize(
    "urgent",
    [
        "{policies: [hot, standard, overseas]}",
        "{kinds: [offer]}",
        "{policies: [], kinds: [offer, withdrawn]}",
    ],
)
def test_who_was_told_at_night_is_told_at_night_that_it_is_over(
    system: System, slack: Slack, urgent: str
) -> None:
    """Whatever made the offer break through."""
    publish(f"notices: {{urgent: {urgent}}}", reps=QUIET)
    offer(system)
    assert deliver_due(now()).sent == 1
    _moves_on()

    assert deliver_due(now()).sent == 1
    assert system.sql(OVER) == [("sent", None)]
    assert "担当から外れました" in str(slack.took[1])


@pytest.mark.parametrize("kinds, at_once", [("[]", False), ("[withdrawn]", True)])
def test_who_was_told_by_day_is_told_in_the_morning(
    system: System, slack: Slack, kinds: str, *, at_once: bool
) -> None:
    """The offer could wait for the morning, had it come at night; unless the rulebook calls withdrawals urgent."""
    publish(f"notices: {{{CALM}}}")
    offer(system)
    assert deliver_due(now()).sent == 1
    publish(f"notices: {{urgent: {{policies: [], kinds: {kinds}}}}}", reps=QUIET)  # the night falls
    _moves_on()

    assert deliver_due(now()).sent == at_once
    assert at_once or system.sql(OVER) == [("pending", "quiet hours until 2026-11-24 13:00 JST")]
    assert deliver_due(MORNING).sent == (not at_once)
    assert len(slack.took) == 2


def test_who_was_woken_by_a_warning_is_woken_by_the_end(system: System, slack: Slack) -> None:
    """The offer came by day; the warning broke through the night, and the rep may be on the phone."""
    publish(f"notices: {{{CALM}}}")
    offer(system)
    deliver_due(now())
    system.do(
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, urgent, lead_id,"
        " assignment_id, body, created_at, sent_at, status) SELECT 'w', 'warning', channel, channel_id, recipient, receiver,"
        " rep, true, lead_id, assignment_id, body, created_at, sent_at, 'sent' FROM tasuki.outbox"
    )
    publish(f"notices: {{{CALM}}}", reps=QUIET)
    _moves_on()

    assert deliver_due(now()).sent == 1


def test_what_was_held_at_night_is_not_taken_back(system: System, slack: Slack) -> None:
    """Nobody was told, so nobody is woken, and nothing comes in the morning."""
    publish(f"notices: {{{CALM}}}", reps=QUIET)
    offer(system)
    assert deliver_due(now()).sent == 0
    _moves_on()

    assert deliver_due(now()).sent == deliver_due(MORNING).sent == 0
    assert system.sql(OVER) == []
    assert slack.took == []


def test_by_day_a_withdrawal_waits_for_no_digest(system: System, slack: Slack) -> None:
    """Many were told within the window, and the next ones are held; not what says whom to leave alone."""
    publish("notices: {digest: {when_more_than: 1, within: 30m}}", notify="[slack_sales]")
    for number in (1, 2, 3):
        offer(system, first=number)
        system.do("UPDATE tasuki.outbox SET rep = 'suzuki_haruka', next_try_at = coalesce(next_try_at, sent_at)"
                  " WHERE status = 'pending'")  # fmt: skip
        deliver_due(now())
    told = system.sql("SELECT assignment_id, status FROM tasuki.outbox WHERE kind = 'offer' ORDER BY 1")
    assert [row.status for row in told] == ["sent", "sent", "pending"]
    in_transaction(
        lambda c: act(c, told[0].assignment_id, "decline", rulebooks.current(c), now(), reason="wrong_person")
    )
    deliver_due(now())

    assert system.sql(OVER) == [("sent", None)]


@pytest.mark.parametrize("policy, at_once", [("hot", 1), ("standard", 0)])
def test_a_claim_is_over_as_fast_as_it_was_open(
    system: System, mails: MailBox, policy: str, at_once: int
) -> None:
    """Who was told at night that a lead is open need not get up for it once somebody has it."""
    texts = texts_for({"desk": dict.fromkeys(("ann", "ben"), 1)})
    version = publish_texts(texts)
    line_up("desk", [FIRST], now(), version, strategy="claim", sla=policy)
    in_transaction(lambda c: hand_over(c, "desk", rulebooks.current(c), now()))
    deliver_due(now())
    people = {"ann": {"quiet_hours": ["10:30-13:00"]}}
    publish_texts(texts_for({"desk": dict.fromkeys(("ann", "ben"), 1)}, people=people))
    system.do("UPDATE tasuki.outbox SET urgent = :u WHERE kind = 'claim_open'", u=bool(at_once))
    in_transaction(lambda c: claim(c, FIRST, "ben", rulebooks.current(c), now()))
    deliver_due(now())

    assert (
        system.one("SELECT count(*) FROM tasuki.outbox WHERE kind = 'claim_over' AND status = 'sent'")
        == at_once
    )
