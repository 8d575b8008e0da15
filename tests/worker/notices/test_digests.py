"""Several notices in one message: each lead that counts as told stood in one, whatever way it took."""

import re
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.fixtures.system import System
from tests.fixtures.ways import LINEWORKS, SLACK, Slack, offer, publish
from worker import delivering, rulebooks
from worker.acting import act
from worker.delivering import deliver_due
from worker.local.receivers import MailBox
from worker.notices import planning
from worker.now import now
from worker.store.db import in_transaction

DIGESTS = "notices: {digest: {when_more_than: 3, within: 10m}}"


def _numbers(messages: list[Any]) -> list[list[int]]:
    """Return the assignments that each message asks to accept."""
    return [[int(found) for found in re.findall(r"accept (\d+)", str(one))] for one in messages]


def _told(system: System) -> list[int]:
    """Return the assignments of offers that count as told."""
    return [row[0] for row in system.sql(
        "SELECT assignment_id FROM tasuki.outbox WHERE kind = 'offer' AND status = 'sent' ORDER BY 1")]  # fmt: skip


def test_many_at_once_are_one_message(system: System, slack: Slack) -> None:
    """More than the digest's number for one person: one message, or as many as their channel needs."""
    publish(DIGESTS)
    offer(system, 90)
    reps = dict(system.sql("SELECT rep, count(*) FROM tasuki.outbox GROUP BY 1"))
    most = planning.MOST_BY_CHANNEL["slack"]
    deliver_due(now())
    deliver_due(now())

    assert max(reps.values()) > most
    assert len(slack.took) == sum(-(-count // most) if count > 3 else count for count in reps.values())
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE status <> 'sent'") == 0
    assert any("まとめてお送りします" in str(one) for one in slack.took)
    assert max(map(len, _numbers(slack.took))) == most
    assert sorted(chain(*_numbers(slack.took))) == _told(system)
    assert len(_told(system)) == 90
    assert system.broken() == []


def test_a_digest_that_takes_the_way_of_a_shorter_channel_becomes_several(
    system: System, slack: Slack, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LINE WORKS takes three leads of the twelve that Slack refused: the others come in the next messages."""
    texts: list[str] = []

    def take(request: Request) -> Response:
        texts.append(request.get_json()["body"]["text"])
        return Response('{"code": "200"}')

    httpserver.expect_request("/lineworks").respond_with_handler(take)
    monkeypatch.setenv("TASUKI_CHANNEL_LINEWORKS", httpserver.url_for("/lineworks"))
    publish(DIGESTS, notify="[slack_sales, lineworks_sales]", channels=[SLACK, LINEWORKS])
    slack.answer = Response("no_service", 404)
    offer(system, 60)
    bound = system.one("SELECT max(n) FROM (SELECT count(*) AS n FROM tasuki.outbox GROUP BY rep) AS of_rep")
    for _ in range(12):
        deliver_due(now())

    assert bound > 3
    assert max(map(len, _numbers(texts))) == 3
    assert not any("収まりませんでした" in text for text in texts)
    assert sorted(chain(*_numbers(texts))) == _told(system)
    assert len(_told(system)) == 60
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE status NOT IN ('sent', 'rerouted')") == 0
    assert system.broken() == []


def test_a_digest_that_an_older_version_bound_too_large_becomes_several(
    system: System, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first leads keep its key, and nobody is counted as told who was not."""
    publish(DIGESTS)
    offer(system, 90)
    with monkeypatch.context() as older:
        older.setattr(planning, "MOST_BY_CHANNEL", {})
        older.setattr(delivering, "_carry", lambda *_: delivering.Delivered())
        deliver_due(now())
    bound = [
        row[0]
        for row in system.sql("SELECT count(*) FROM tasuki.outbox GROUP BY digest_id HAVING digest_id > 0")
    ]
    keys = {row[0] for row in system.sql("SELECT idempotency_key FROM tasuki.outbox WHERE kind = 'digest'")}
    later = now() + timedelta(minutes=2)
    for _ in range(4):
        deliver_due(later)

    assert max(bound) > 2 * planning.MOST_BY_CHANNEL["slack"]
    assert max(map(len, _numbers(slack.took))) == planning.MOST_BY_CHANNEL["slack"]
    assert sorted(chain(*_numbers(slack.took))) == _told(system)
    assert len(_told(system)) == 90
    assert keys < {
        row[0] for row in system.sql("SELECT idempotency_key FROM tasuki.outbox WHERE kind = 'digest'")
    }
    assert system.broken() == []


def test_a_digest_is_the_same_after_a_crash(
    system: System, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a row before it is sent: a sender that dies leaves the same message, under the same key, to the next."""
    publish(DIGESTS)
    offer(system, 40)
    with monkeypatch.context() as dying:
        dying.setattr(
            delivering, "_carry", lambda *_: delivering.Delivered()
        )  # the sender dies before it sends
        deliver_due(now())
    keys = system.sql("SELECT idempotency_key FROM tasuki.outbox WHERE kind = 'digest' ORDER BY 1")
    assert keys
    assert deliver_due(now()).sent == 0  # its lease runs
    later = now() + timedelta(minutes=2)
    deliver_due(later)
    deliver_due(later)

    assert system.sql("SELECT idempotency_key FROM tasuki.outbox WHERE kind = 'digest' ORDER BY 1") == keys
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE status <> 'sent'") == 0


def offer_what_slack_refuses(system: System, slack: Slack) -> None:
    """Offer so many leads that a digest is made, which Slack refuses and mail takes."""
    publish(DIGESTS)
    slack.answer = Response("no_service", 404)
    offer(system, 40)
    for _ in range(3):
        deliver_due(now())


def test_what_a_digest_carries_moves_with_it_to_another_way(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """A digest that Slack refuses comes by mail, with all that is in it."""
    offer_what_slack_refuses(system, slack)

    assert (
        system.one(
            "SELECT count(*) FROM tasuki.outbox WHERE kind = 'offer' AND status NOT IN ('sent', 'rerouted')"
        )
        == 0
    )
    untold = system.one("SELECT count(*) FROM tasuki.assignment a WHERE NOT EXISTS (SELECT FROM tasuki.outbox o"
                        " WHERE o.assignment_id = a.assignment_id AND o.kind = 'offer' AND o.status = 'sent')")  # fmt: skip
    assert untold == 0
    assert any("お知らせ" in str(mail["Subject"]) for mail in mails.mails)
    assert system.broken() == []


def test_who_read_a_digest_that_went_another_way_is_told_there_when_a_lead_moves_on(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """Slack refused the digest and mail took it: the withdrawal of one of its leads is by mail, and not in Slack."""
    offer_what_slack_refuses(system, slack)
    slack.answer = Response("ok")
    in_digest = system.one("SELECT min(assignment_id) FROM tasuki.outbox WHERE digest_id IS NOT NULL")
    in_transaction(lambda c: act(c, in_digest, "decline", rulebooks.current(c), now(), reason="wrong_person"))
    deliver_due(now())

    assert slack.took == []
    assert "担当から外れました" in str(mails.mails[-1]["Subject"])
    assert system.broken() == []
