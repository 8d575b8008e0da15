"""Any CRM behind a signed webhook: the same truth, told apart by its key, and never to the wrong place."""

import json
from typing import Any

import pytest

from schemas.errors import Refused
from tests.fixtures.crm import act, later, offer, push_all, use, waiting
from tests.fixtures.crm_double import Answer
from tests.fixtures.receiver_double import SECRET, Receiver
from tests.fixtures.system import System
from worker.crm import pull
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction


def test_everything_is_told_signed_and_the_record_becomes_a_key(system: System, receiver: Receiver) -> None:
    """The receiver learns every fact; the id it answers is how its outcomes will name the lead."""
    lead_id = offer(system)
    push_all()
    told = receiver.leads[str(lead_id)]

    assert (told["full_name"], told["situation"], told["status"]) == ("佐藤 花子", "offered", "offered")
    assert (told["rep_email"], told["fit_grade"]) is not None
    assert told["next_step"] == "リードを引き受ける"
    assert system.one("SELECT lead_id FROM tasuki.lead_key WHERE kind = 'ma:kintone'") == lead_id

    act(system, lead_id, "accept")
    push_all()
    assert receiver.leads[str(lead_id)]["crm_id"] == f"kintone-{lead_id}"
    assert receiver.keys == [f"crm-{lead_id}-2", f"crm-{lead_id}-3"]


def test_a_repeat_carries_the_same_key(
    system: System, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told and not recorded: it is told again under the key by which the receiver knows a repeat."""
    offer(system)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("worker.store.crm.record", die)
        with pytest.raises(KeyboardInterrupt):
            push_due(now())
    push_due(later(131))

    assert len(receiver.keys) == 2
    assert len(set(receiver.keys)) == 1


@pytest.mark.parametrize(
    "answer, status, away",
    [
        (Answer(204), "written", False), (Answer(500), "pending", True), (Answer(429, None, {"Retry-After": "60"}), "pending", True),
        (Answer(422), "refused", False), (Answer(301, None, {"Location": "http://127.0.0.1:1/"}), "refused", False),
        (Answer(401), "pending", True), (Answer(410), "pending", True),
    ],
)  # fmt: skip
def test_what_a_receiver_answers_decides_what_follows(
    system: System, receiver: Receiver, answer: Answer, status: str, away: bool
) -> None:
    """2xx is done, a firm no is shown; what is not the lead's fault opens the breaker; no redirect is followed."""
    offer(system)
    receiver.faults.append(answer)
    done = push_due(now())

    assert (waiting(system)[0].status, done.away is not None) == (status, away)
    assert len(receiver.asked) == 1


def test_those_told_before_it_went_away_stay_told(system: System, receiver: Receiver) -> None:
    """Three leads, the second fails: the first is done, one tries it when the breaker closes, and then all do."""
    for number in range(3):
        offer(system, number)
    receiver.faults = [lambda _: Answer(503) if len(receiver.keys) == 1 else None]
    done = push_due(now())
    assert (done.written, done.pending) == (1, 0)
    assert "503" in str(done.away)
    assert push_due(now()).tried == 0
    assert [row.attempts for row in waiting(system)] == [0, 1, 0]  # the third was not tried

    assert (push_due(later(10)).written, push_due(later(10)).written) == (1, 1)
    assert len(receiver.leads) == 3


def test_one_record_is_one_lead(system: System, receiver: Receiver) -> None:
    """The receiver answers the same id for two leads: the second is shown, and the first keeps it."""
    one, two = offer(system, 1), offer(system, 2)
    receiver.faults = [Answer(200, {"id": 5}), Answer(200, {"id": 5})]
    done = push_all()
    assert (done.written, done.refused) == (1, 1)
    assert f"is lead {one} already" in waiting(system)[1].last_error

    act(system, two, "accept")
    receiver.faults = [Answer(200, {"id": 5})]
    assert push_all().refused == 1
    assert system.sql("SELECT lead_id, crm_id FROM tasuki.crm_link") == [(one, "5")]


def test_an_erased_lead_is_told_as_such(system: System, receiver: Receiver) -> None:
    """The receiver learns whose record to deal with, and by which policy."""
    lead_id = offer(system)
    push_all()
    in_transaction(lambda c: store.erase(c, [lead_id], now()))

    assert push_all().erased == 1
    assert receiver.erased == [str(lead_id)]


def test_a_missing_secret_is_named(
    system: System, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent unsigned."""
    offer(system)
    use(monkeypatch, crm_secret="")
    assert "TASUKI_CRM_SECRET" in str(push_all().away)
    assert receiver.asked == []


def test_a_webhook_cannot_be_asked(system: System, receiver: Receiver) -> None:
    """`pull` says what to do instead."""
    with pytest.raises(Refused, match="let the CRM send"):
        pull.pull(now())


def test_the_body_is_plain_json(system: System, receiver: Receiver) -> None:
    """Japanese goes as it is, and no secret with it."""
    offer(system)
    push_all()
    body = receiver.asked[0].body.decode()

    assert "佐藤" in body
    assert SECRET not in body
    assert json.loads(body)["type"] == "crm.lead"
