"""Messages reach real receivers, at least once, under one key; nothing that fails is out of sight."""

import base64
from datetime import timedelta

import pytest
from werkzeug import Request, Response

from tests.fixtures.system import READY, System, event
from worker import rulebooks
from worker.delivering import deliver_due
from worker.handing import hand_over
from worker.local.receivers import HookReceiver, MailBox
from worker.now import now
from worker.settings import settings
from worker.store.db import in_transaction


def _hand_over(system: System) -> None:
    pool = system.one("SELECT pool FROM tasuki.waiting")
    in_transaction(lambda connection: hand_over(connection, pool, rulebooks.current(connection), now()))


@pytest.fixture
def offered(system: System) -> System:
    """A Tasuki in which one ready lead was just offered to a rep."""
    system.send(
        [event(1, email="hanako@sakura.example.co.jp", family_name="佐藤", given_name="花子", **READY)]
    )
    system.drain_here()
    _hand_over(system)
    assert system.one("SELECT count(*) FROM tasuki.outbox") == 1
    return system


def _use(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TASUKI_{name.upper()}", value)
    settings.cache_clear()


def test_a_rep_is_told_by_mail_in_their_language(offered: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail says who, why now, until when, and carries the key by which a repeat is known."""
    with MailBox() as box:
        _use(monkeypatch, smtp_url=box.url)
        done = deliver_due(now())

    assert (done.sent, done.failed, done.refused) == (1, 0, 0)
    mail = box.mails[0]
    assert "佐藤\N{NO-BREAK SPACE}花子" in str(mail["Subject"])
    text = mail.get_body(("plain",))
    assert text is not None
    assert "期限:\n  2026年11月24日（火）11:15\n" in text.get_content()
    key = offered.one("SELECT idempotency_key FROM tasuki.v_outbox WHERE status = 'sent'")
    assert mail["X-Tasuki-Key"] == key


def test_a_name_cannot_add_a_mail_header(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in a name is refused at the door, so that no header can be smuggled in."""
    system.send([event(1, email="x@sakura.example.co.jp", name="A\r\nBcc: all@example.com", **READY)])
    system.drain_here()

    assert system.one("SELECT place FROM tasuki.quarantine") == "data.name"


def test_a_webhook_is_signed_and_a_forged_one_is_told_apart(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver accepts ours with its secret and refuses what is signed with another."""
    with MailBox() as box, HookReceiver() as hooks:
        _use(monkeypatch, smtp_url=box.url, webhook_url=hooks.url, webhook_secret=hooks.secret)
        system.send([event(1, email="hanako@sakura.example.co.jp", **READY)])
        system.drain_here()
        _hand_over(system)
        deliver_due(now())
        assert len(hooks.keys) == 1

        _use(monkeypatch, webhook_secret="whsec_" + base64.b64encode(b"another secret of ours!!").decode())
        system.do(
            "UPDATE tasuki.outbox SET status = 'pending', next_try_at = created_at WHERE channel = 'webhook'"
        )
        done = deliver_due(now())

    assert (hooks.forged, done.refused) == (1, 1)
    assert "401" in system.one("SELECT last_error FROM tasuki.v_outbox WHERE status = 'refused'")


def test_a_receiver_that_is_away_is_tried_again_later_and_shown(
    offered: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message waits with its error, is not tried before its time, and arrives when the server is back."""
    _use(monkeypatch, smtp_url="smtp://127.0.0.1:9")
    first = deliver_due(now())
    again = deliver_due(now())
    error = offered.one("SELECT last_error FROM tasuki.v_outbox")

    assert (first.failed, again.failed) == (1, 0)
    assert "mail server away" in error

    with MailBox() as box:
        _use(monkeypatch, smtp_url=box.url)
        done = deliver_due(now() + timedelta(minutes=1))

    assert (done.sent, len(box.mails)) == (1, 1)


def test_a_missing_mail_server_is_named(offered: System) -> None:
    """Without configuration the message waits, and its error says which variable to set."""
    deliver_due(now())

    assert "TASUKI_SMTP_URL" in offered.one("SELECT last_error FROM tasuki.v_outbox")


@pytest.mark.parametrize(
    "status, headers, outcome",
    [
        (204, {}, "sent"), (500, {}, "pending"), (429, {"retry-after": "120"}, "pending"),
        (400, {}, "refused"), (301, {"location": "http://127.0.0.1:1/"}, "refused"),
    ],
)  # fmt: skip
def test_what_a_receiver_answers_decides_what_follows(
    offered: System, monkeypatch: pytest.MonkeyPatch, httpserver: object, status: int, headers: dict[str, str],
    outcome: str,
) -> None:  # fmt: skip
    """A 2xx is done, 429 and 5xx are tried again, another no is final and shown; a redirect is not followed."""
    from pytest_httpserver import HTTPServer  # noqa: PLC0415

    assert isinstance(httpserver, HTTPServer)
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers["webhook-id"])
        return Response("x" * 100_000, status, headers=headers)

    httpserver.expect_request("/hook").respond_with_handler(answer)
    _use(monkeypatch, webhook_secret="whsec_" + base64.b64encode(b"a secret of the receiver").decode())
    offered.do(f"UPDATE tasuki.outbox SET channel = 'webhook', recipient = '{httpserver.url_for('/hook')}'")
    deliver_due(now())
    row = offered.sql("SELECT status, last_error FROM tasuki.v_outbox")[0]

    assert (row[0], len(seen)) == (outcome, 1)
    assert row[1] is None or len(row[1]) < 300


def test_a_dead_senders_messages_are_taken_up_after_its_lease(
    offered: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that dies between leasing and sending keeps nobody from telling the rep."""
    offered.do("UPDATE tasuki.outbox SET attempts = 1, next_try_at = next_try_at + interval '60 s'")
    with MailBox() as box:
        _use(monkeypatch, smtp_url=box.url)
        assert deliver_due(now()).sent == 0
        assert deliver_due(now() + timedelta(seconds=61)).sent == 1
