"""What becomes of notices when receivers fail, nights fall and many come at once: on real servers and a real database."""

import re
import socket
import threading
import time
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner
from werkzeug import Response

from tests.fixtures.system import System
from tests.fixtures.ways import Slack, offer, publish, statuses
from worker import delivering, links, rulebook_files, rulebooks
from worker.cli.main import app
from worker.delivering import deliver_due, deliver_for
from worker.local.receivers import MailBox
from worker.now import now
from worker.settings import settings
from worker.store.receivers import OPEN_AFTER


def test_a_rep_is_told_in_slack_by_what_the_channel_may_show(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """The first channel of `notify`, its policy, and no second notice by mail."""
    publish()
    offer(system)
    deliver_due(now())

    assert statuses(system) == {("slack", "sent"): 1}
    assert "佐藤 1 様" in slack.took[0]["text"]
    assert "p1@c1" not in str(slack.took[0])
    assert mails.mails == []
    assert system.one("SELECT recipient FROM tasuki.v_outbox") == "slack_sales"
    assert system.broken() == []


def test_links_know_by_which_channel_they_went_and_what_it_may_show(
    system: System, slack: Slack, mails: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One assignment told in two channels at once has links of each, and a machine gets none."""
    monkeypatch.setenv("TASUKI_PUBLIC_URL", "https://leads.example.com")
    settings.cache_clear()
    publish()
    offer(system)
    copy = (
        "INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, lead_id,"
        " assignment_id, body, created_at, next_try_at) SELECT idempotency_key || '-{0}', kind, '{0}', '{0}', '{1}',"
        " '{0}', rep, lead_id, assignment_id, body, created_at, next_try_at FROM tasuki.outbox"
        " WHERE channel = 'slack'"
    )
    system.do(copy.format("email", "rep@example.com"))
    system.do(copy.format("webhook", "https://127.0.0.1/"))
    deliver_due(now())
    body = mails.mails[0].get_body(("plain",))
    told = {"email": body.get_content() if body else "", "slack_sales": repr(slack.took[0])}
    rows = system.sql("SELECT channel, personal_data, purpose FROM tasuki.link_token ORDER BY 1, 3")

    assert rows == [
        (channel, shows, purpose)
        for channel, shows in (("email", "full"), ("slack_sales", "name_and_company"))
        for purpose in ("accept", "contacted", "decline")
    ]
    known = "SELECT channel FROM tasuki.link_token WHERE token_hash = :h"
    for channel, text in told.items():
        secrets = set(re.findall(r"/l/([\w-]{43})", text))
        assert [system.one(known, h=links.hash_of(secret)) for secret in secrets] == [channel] * 3


@pytest.mark.parametrize("answer", [Response("no_service", 404), Response("invalid_token", 200)])
def test_what_slack_refuses_comes_by_mail_at_once(
    system: System, slack: Slack, mails: MailBox, answer: Response
) -> None:
    """Also when the no is in a 200. The first message stays on record, and the second is linked to it."""
    publish()
    slack.answer = answer
    offer(system)
    deliver_due(now())
    deliver_due(now())

    assert statuses(system) == {("slack", "rerouted"): 1, ("email", "sent"): 1}
    assert len(mails.mails) == 1
    first, second = system.sql(
        "SELECT message_id, idempotency_key, fallback_of, last_error FROM tasuki.outbox ORDER BY 1"
    )
    assert (second[2], second[1]) == (first[0], f"{first[1]}:then:email")
    assert "Slack answered" in first[3]


def test_who_is_told_by_the_second_channel_is_told_there_when_the_lead_moves_on(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """The withdrawal goes by the way that the offer came."""
    publish()
    slack.answer = Response("no_service", 404)
    offer(system)
    deliver_due(now())
    deliver_due(now())
    number = system.one("SELECT assignment_id FROM tasuki.assignment")
    assert (
        CliRunner().invoke(app, ["handoff", "decline", str(number), "--reason", "wrong_person"]).exit_code
        == 0
    )
    deliver_due(now())

    subjects = [str(mail["Subject"]) for mail in mails.mails]
    assert len(subjects) == 2
    assert "担当から外れました" in subjects[1]


def test_a_dead_receiver_is_left_alone_and_holds_up_nobody(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """After five failures it gets single probes; mail to others goes on meanwhile."""
    publish("notices: {digest: {when_more_than: 1000}}", notify="[slack_sales]")
    slack.answer = Response("down", 503)
    offer(system, 30)
    system.do("UPDATE tasuki.outbox SET channel = 'email', channel_id = 'email', receiver = 'email',"
              " recipient = 'x@example.co.jp' WHERE mod(message_id, 3) = 0")  # fmt: skip
    at = now()
    for _ in range(12):
        deliver_due(at)
        at += timedelta(seconds=6)
    row = system.sql(
        "SELECT failures, open_since IS NOT NULL FROM tasuki.receiver WHERE receiver = 'slack_sales'"
    )[0]

    assert len(mails.mails) == 10
    assert row[1]
    # five tries opened it, and in the minute since then there were one or two probes
    assert OPEN_AFTER <= slack.calls == row[0] <= OPEN_AFTER + 2
    assert statuses(system) == {("slack", "pending"): 20, ("email", "sent"): 10}
    assert system.broken() == []


def test_after_two_hours_all_arrives_once_and_in_order(system: System, slack: Slack) -> None:
    """Nothing is lost and nothing comes twice; probes went out one at a time, and the oldest comes first."""
    publish(
        "notices: {digest: {when_more_than: 1000}, fallback: {after: 1d, after_tries: 100}}",
        notify="[slack_sales]",
    )
    slack.answer = Response("down", 503)
    offer(system, 60)
    at = now()
    while at < now() + timedelta(hours=2):
        before = slack.calls
        deliver_due(at)
        assert slack.calls - before <= 1
        at += timedelta(seconds=30)
    calls = slack.calls
    slack.answer = Response("ok")
    at += timedelta(minutes=5)
    rounds = []
    for _ in range(6):
        rounds.append(deliver_due(at).sent)
        at += timedelta(seconds=1)

    assert calls < 40  # 2 hours, a probe every 5 minutes at most
    assert rounds[0] == 1  # the probe
    assert max(rounds) <= delivering.LANE_SIZE
    assert statuses(system) == {("slack", "sent"): 60}
    numbers = [int(re.search(r"accept (\d+)", str(one))[1]) for one in slack.took]  # type: ignore[index]
    assert len(set(numbers)) == 60
    oldest_first = [
        row[0] for row in system.sql("SELECT assignment_id FROM tasuki.outbox ORDER BY message_id")
    ]
    assert numbers[1:] == [
        number for number in oldest_first if number != numbers[0]
    ]  # the first was the probe


def test_who_waits_for_a_dead_receiver_is_told_another_way(
    system: System, slack: Slack, mails: MailBox
) -> None:
    """A quarter of an hour after it went away, everything that waits for it goes by mail, once."""
    publish("notices: {digest: {when_more_than: 1000}}")
    slack.answer = Response("down", 503)
    offer(system, 20)
    at = now()
    for _ in range(80):
        deliver_due(at)
        at += timedelta(seconds=15)

    assert statuses(system) == {("slack", "rerouted"): 20, ("email", "sent"): 20}
    assert len(mails.mails) == 20


def test_a_slow_receiver_does_not_slow_the_others(system: System, slack: Slack, mails: MailBox) -> None:
    """While Slack takes its time, mail goes out; receivers do not wait for one another."""
    publish("notices: {digest: {when_more_than: 1000}}", notify="[slack_sales]")
    offer(system, 12)
    system.do("UPDATE tasuki.outbox SET channel = 'email', channel_id = 'email', receiver = 'email',"
              " recipient = 'x@example.co.jp' WHERE mod(message_id, 2) = 0")  # fmt: skip
    inside, go = threading.Event(), threading.Event()

    def slowly() -> Response:
        inside.set()
        go.wait(30)
        return Response("ok")

    slack.answer = slowly
    sender = threading.Thread(target=lambda: deliver_for(20, lambda: None))
    sender.start()
    try:
        assert inside.wait(30)
        until = time.monotonic() + 30
        while len(mails.mails) < 6 and time.monotonic() < until:
            time.sleep(0.02)
        told_meanwhile, slack_done = len(mails.mails), len(slack.took)
    finally:
        go.set()
        sender.join(60)

    assert (told_meanwhile, slack_done) == (6, 0)
    assert statuses(system) == {("slack", "sent"): 6, ("email", "sent"): 6}


def _unpublish(*, notify: str) -> None:
    """Publish the example without the channels of before."""
    texts = dict(rulebook_files.read_texts(rulebook_files.EXAMPLE))
    texts["team.yaml"] = re.sub(
        r"(    capacity: \{open: )", rf"    notify: {notify}\n\g<1>", texts["team.yaml"]
    )
    rulebooks.publish(texts, by="tests", note="no channel", now=now())


PERSON = ("佐藤", "p1@c1")


@pytest.mark.parametrize(
    "channel", ["{id: slack_sales, kind: slack, address: '${TASUKI_CHANNEL_SALES_SLACK}', personal_data: none}",
                "{id: slack_sales, kind: email, address: desk@example.co.jp, personal_data: none}"]
)  # fmt: skip
@pytest.mark.parametrize("fallback", [True, False])
def test_a_channel_that_was_removed_shows_nothing_and_the_next_takes_over(
    system: System,
    slack: Slack,
    mails: MailBox,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    *,
    fallback: bool,
) -> None:
    """It may have been the one that was to show nothing; nobody draws its notices in full, on screen either."""
    monkeypatch.setenv("TASUKI_PUBLIC_URL", "https://leads.example.com")
    settings.cache_clear()
    publish(notify="[slack_sales, email]" if fallback else "[slack_sales]", channels=[channel])
    offer(system)
    _unpublish(notify="[email]")
    number = str(system.one("SELECT message_id FROM tasuki.outbox"))
    shown = CliRunner().invoke(app, ["outbox", "show", number]).stdout
    deliver_due(now())
    error = system.one("SELECT last_error FROM tasuki.outbox ORDER BY message_id LIMIT 1")
    assert (
        error == "the rulebook has no channel slack_sales any more; mend `notify` or `channels` in team.yaml"
    )
    assert [word for word in PERSON if word in shown] == []
    assert (slack.calls, mails.mails) == (0, [])
    assert system.sql("SELECT * FROM tasuki.link_token") == []
    deliver_due(now())

    found = sorted(row[0] for row in system.sql("SELECT status FROM tasuki.outbox"))
    assert found == (["rerouted", "sent"] if fallback else ["refused"])
    assert len(mails.mails) == fallback
    assert all("desk@" not in str(mail["To"]) and "佐藤" in str(mail["Subject"]) for mail in mails.mails)
    assert system.broken() == []
    opened = "SELECT DISTINCT channel, personal_data FROM tasuki.link_token"
    assert system.sql(opened) == ([("email", "full")] if fallback else [])


def test_quiet_hours_are_waited_out_and_shown_as_no_error(system: System, slack: Slack) -> None:
    """At night nothing rings; in the morning it comes, and until then everybody can see why it waits."""
    publish("notices: {urgent: {policies: []}}", reps='    quiet_hours: ["10:30-13:00"]\n')
    offer(system)  # it is 11:00 in Tokyo
    assert deliver_due(now()).sent == 0
    status, waits_for, error, attempts = system.sql(
        "SELECT status, waits_for, last_error, attempts FROM tasuki.outbox"
    )[0]

    assert (status, waits_for, error, attempts) == (
        "pending",
        "quiet hours until 2026-11-24 13:00 JST",
        None,
        0,
    )
    assert system.broken() == []
    assert deliver_due(datetime.fromisoformat("2026-11-24T12:59:59+09:00")).sent == 0
    assert deliver_due(datetime.fromisoformat("2026-11-24T13:00:00+09:00")).sent == 1
    assert len(slack.took) == 1


@pytest.mark.parametrize("urgent", ["{policies: [hot, standard, overseas]}", "{kinds: [offer]}"])
def test_what_is_urgent_by_policy_breaks_through(system: System, slack: Slack, urgent: str) -> None:
    """Quiet hours are for what can wait."""
    publish(f"notices: {{urgent: {urgent}}}", reps='    quiet_hours: ["10:30-13:00"]\n')
    offer(system)

    assert deliver_due(now()).sent == 1
    assert len(slack.took) == 1


def test_a_variable_that_is_not_set_is_named_and_the_message_waits(
    system: System, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is set, the message goes out."""
    publish(notify="[slack_sales]")
    monkeypatch.delenv("TASUKI_CHANNEL_SALES_SLACK")
    offer(system)
    deliver_due(now())
    assert "TASUKI_CHANNEL_SALES_SLACK is not set" in system.one("SELECT last_error FROM tasuki.outbox")
    found = CliRunner().invoke(app, ["doctor"])
    assert "TASUKI_CHANNEL_SALES_SLACK is not set" in found.stdout

    monkeypatch.setenv("TASUKI_CHANNEL_SALES_SLACK", slack.url)
    assert deliver_due(now() + timedelta(seconds=30)).sent == 1


def test_a_receiver_of_our_own_network_is_never_called(
    system: System, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with the reason, and nothing was sent."""
    publish(notify="[slack_sales]")
    monkeypatch.setenv("TASUKI_ALLOW_PRIVATE_RECEIVERS", "false")
    monkeypatch.setenv("TASUKI_CHANNEL_SALES_SLACK", "https://127.0.0.1/slack")
    settings.cache_clear()
    offer(system)
    deliver_due(now())

    assert system.sql("SELECT status, last_error FROM tasuki.v_outbox") == [
        ("refused", "the address of the receiver is not a public one; notices go to the internet only")
    ]
    assert slack.calls == 0


def test_errors_hold_no_secret_and_nothing_of_the_lead(system: System, slack: Slack) -> None:
    """A receiver may repeat what it was sent; we do not keep that."""
    publish(notify="[slack_sales]")
    slack.answer = Response("no: 佐藤 1 p1@c1.example.co.jp " + "x" * 5_000_000, 500)
    offer(system)
    deliver_due(now())
    error = system.one("SELECT last_error FROM tasuki.outbox")

    assert error.startswith("Slack answered 500 no: …")
    assert "佐藤" not in error
    assert len(error) <= 500


def test_the_outbox_is_seen_and_mended_by_command(system: System, slack: Slack) -> None:
    """List, show, retry, drop: and doctor tells of the breaker."""
    publish(notify="[slack_sales]")
    slack.answer = Response("down", 503)
    offer(system, 8)
    at = now()
    for _ in range(8):
        deliver_due(at)
        at += timedelta(seconds=6)
    run = CliRunner().invoke
    listed = run(app, ["outbox", "list", "--receiver", "slack_sales"]).stdout
    number = str(system.one("SELECT min(message_id) FROM tasuki.outbox"))
    shown = run(app, ["outbox", "show", number]).stdout
    told = run(app, ["doctor"]).stdout
    assert "receiver away since 2026-11-24" in listed
    assert "佐藤" in shown
    assert "503" in shown
    assert "receiver slack_sales: away since" in told
    assert "tasuki outbox retry --receiver slack_sales" in told

    assert run(app, ["outbox", "drop", number, "--reason", "told by phone"]).exit_code == 0
    assert run(app, ["outbox", "drop", number, "--reason", "again"]).exit_code == 1
    slack.answer = Response("ok")
    assert run(app, ["outbox", "retry", "--receiver", "slack_sales"]).stdout.strip() == "to be tried again: 7"
    deliver_due(now())
    assert statuses(system) == {("slack", "sent"): 7, ("slack", "dropped"): 1}
    assert run(app, ["outbox", "retry", number]).exit_code == 0
    deliver_due(now())
    assert len(slack.took) == 8
    assert run(app, ["outbox", "show", "999999"]).exit_code == 1


def test_two_senders_at_once_tell_each_thing_once(system: System, slack: Slack) -> None:
    """One worker at a time sends to a receiver."""
    publish("notices: {digest: {when_more_than: 1000}}", notify="[slack_sales]")
    offer(system, 50)
    senders = [threading.Thread(target=lambda: deliver_for(30, lambda: None)) for _ in range(4)]
    for one in senders:
        one.start()
    for one in senders:
        one.join(90)
    deliver_for(10, lambda: None)

    assert len(slack.took) == 50
    assert statuses(system) == {("slack", "sent"): 50}


def test_ten_thousand_for_a_dead_receiver_keep_no_mail_waiting(
    system: System, mails: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail that was written last goes out in the first round, and the plan reads few rows of the dead one."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("TASUKI_CHANNEL_SALES_SLACK", f"http://127.0.0.1:{port}/slack")
    publish(notify="[slack_sales]")
    offer(system)
    system.do("INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, rep, lead_id,"
              " assignment_id, body, created_at, next_try_at)"
              " SELECT idempotency_key || n, kind, channel, channel_id, recipient, receiver, rep, lead_id, assignment_id,"
              " body, created_at, created_at FROM tasuki.outbox, generate_series(1, 10000) AS n")  # fmt: skip
    system.do("INSERT INTO tasuki.outbox (idempotency_key, kind, channel, channel_id, recipient, receiver, lead_id,"
              " assignment_id, body, created_at, next_try_at)"
              " SELECT 'mail', kind, 'email', 'email', 'x@example.co.jp', 'email', lead_id, assignment_id, body,"
              " created_at, created_at FROM tasuki.outbox LIMIT 1")  # fmt: skip
    deliver_due(now())

    assert len(mails.mails) == 1
    system.do("ANALYZE tasuki.outbox")
    plan = "\n".join(row[0] for row in system.sql(
        "EXPLAIN (ANALYZE, BUFFERS OFF) SELECT message_id FROM tasuki.outbox WHERE receiver = 'email'"
        " AND next_try_at <= now() ORDER BY next_try_at, message_id LIMIT 200"))  # fmt: skip
    assert "outbox_receiver_due" in plan
