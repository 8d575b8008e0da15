"""A lead moves on while somebody is being told of it: whoever was told is told that it is over, and nobody else."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Response

from schemas.errors import Away
from tests.fixtures.many_leads import FIRST, line_up, texts_for
from tests.fixtures.many_leads import publish as publish_texts
from tests.fixtures.system import System
from tests.fixtures.ways import Slack, offer, publish
from worker import delivering, rulebooks
from worker.acting import act
from worker.claiming import claim
from worker.delivering import deliver_due
from worker.handing import hand_over
from worker.local.receivers import MailBox
from worker.notices.channels import Parcel, send
from worker.now import now
from worker.store import assignments
from worker.store.db import in_transaction

OFFER = "SELECT status, sent_at IS NOT NULL FROM tasuki.outbox WHERE kind = 'offer' AND assignment_id = :a"
WITHDRAWN = "SELECT assignment_id FROM tasuki.outbox WHERE kind = 'withdrawn' ORDER BY 1"


def _decline(number: int) -> None:
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now(), reason="wrong_person"))


def _meanwhile(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], *, arrives: bool = True
) -> None:
    """Let something happen once while the first message is on its way, which then arrives or not."""
    left = [happens]

    def slowly(parcel: Parcel, *rest: Any) -> None:
        if left:
            left.pop()()
        if not arrives:
            raise Away("the receiver went away")
        send(parcel, *rest)

    monkeypatch.setattr(delivering, "send", slowly)


@pytest.mark.parametrize("count", [1, 24])
def test_who_reads_of_a_lead_that_moved_while_slack_was_slow_is_told_so(
    system: System, slack: Slack, count: int
) -> None:
    """Alone or in a digest; one that was gone before its digest was drawn stood in none, and needs no withdrawal."""
    publish("notices: {digest: {when_more_than: 3, within: 10m}}", notify="[slack_sales]")
    offer(system, count)
    of_rep = [row[0] for row in system.sql(
        "SELECT assignment_id FROM tasuki.outbox WHERE rep = (SELECT rep FROM tasuki.outbox GROUP BY rep"
        " ORDER BY count(*) DESC, rep LIMIT 1) ORDER BY assignment_id")]  # fmt: skip
    moves, *others = of_rep
    gone = others[-1] if others else None
    if gone is not None:
        _decline(gone)
    inside, go = threading.Event(), threading.Event()

    def slowly() -> Response:
        inside.set()
        go.wait(30)
        return Response("ok")

    slack.answer = slowly
    sender = threading.Thread(target=lambda: deliver_due(now()))
    sender.start()
    try:
        assert inside.wait(30)
        _decline(moves)
        before = system.sql(OFFER, a=moves), system.sql(WITHDRAWN)
    finally:
        go.set()
        sender.join(60)
    slack.answer = Response("ok")

    assert before == ([("superseded", False)], [])
    assert system.sql(OFFER, a=moves) == [("sent", True)]
    assert system.sql(WITHDRAWN) == [(moves,)]
    assert gone is None or system.sql(OFFER, a=gone) == [("superseded", False)]
    assert any(f"accept {moves} " in str(one) for one in slack.took)
    assert not any(f"accept {gone} " in str(one) for one in slack.took)
    deliver_due(now())
    deliver_due(now())
    assert sum("担当から外れました" in str(one) for one in slack.took) == 1
    assert system.broken() == []


@pytest.mark.parametrize(
    "ends, told", [("declined", True), ("recycled", True), ("merged", True), ("won", False), ("lost", False)]
)
def test_what_follows_is_what_would_have_followed(
    system: System, mails: MailBox, monkeypatch: pytest.MonkeyPatch, ends: str, *, told: bool
) -> None:
    """Nobody is told that they lost a lead whose end they reported."""
    publish(notify="[email]")
    offer(system)
    lead, number = system.sql("SELECT lead_id, assignment_id FROM tasuki.assignment")[0]
    _meanwhile(monkeypatch, lambda: in_transaction(
        lambda c: assignments.end_for_leads(c, [(lead, ends)], now())))  # fmt: skip
    deliver_due(now())

    assert len(mails.mails) == 1
    assert system.sql(OFFER, a=number) == [("sent", True)]
    assert system.sql(WITHDRAWN) == ([(number,)] if told else [])


def test_who_accepts_while_they_are_told_keeps_the_lead(
    system: System, mails: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offer went out; there is nothing to take back until the lead moves on, and then there is."""
    publish(notify="[email]")
    offer(system)
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    _meanwhile(monkeypatch, lambda: in_transaction(
        lambda c: act(c, number, "accept", rulebooks.current(c), now())))  # fmt: skip
    deliver_due(now())

    assert system.sql(OFFER, a=number) == [("sent", True)]
    assert system.sql(WITHDRAWN) == []
    in_transaction(lambda c: act(c, number, "recycle", rulebooks.current(c), now(), reason="not_now"))
    assert system.sql(WITHDRAWN) == [(number,)]


def test_what_did_not_arrive_is_not_taken_back(
    system: System, mails: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was never told, and is not told any more."""
    publish(notify="[email]")
    offer(system)
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    _meanwhile(monkeypatch, lambda: _decline(number), arrives=False)
    deliver_due(now())

    assert mails.mails == []
    assert system.sql(OFFER, a=number) == [("superseded", False)]
    assert system.sql(WITHDRAWN) == []


def test_who_reads_of_an_open_lead_that_is_just_claimed_is_told_that_it_is_over(
    system: System, mails: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the one who claimed it."""
    version = publish_texts(texts_for({"desk": dict.fromkeys(("ann", "ben", "cho"), 1)}))
    line_up("desk", [FIRST], now(), version, strategy="claim")
    in_transaction(lambda c: hand_over(c, "desk", rulebooks.current(c), now()))
    _meanwhile(monkeypatch, lambda: in_transaction(
        lambda c: claim(c, FIRST, "ben", rulebooks.current(c), now())))  # fmt: skip
    deliver_due(now())

    assert system.sql("SELECT status, count(*) FROM tasuki.outbox WHERE kind = 'claim_open' GROUP BY 1") == [
        ("sent", 3)
    ]
    assert system.sql("SELECT rep, status FROM tasuki.outbox WHERE kind = 'claim_over' ORDER BY 1") == [
        ("ann", "pending"), ("cho", "pending"),
    ]  # fmt: skip
    deliver_due(now())
    assert len(mails.mails) == 3 + 2 + 1  # open, over, and who has it now
