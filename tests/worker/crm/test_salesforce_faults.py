"""Faults on the way to Salesforce: nothing is lost or written twice, and each is seen with its reason."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import Refused
from tests.fixtures.crm import act, later, offer, push_all, rep_of, use, waiting
from tests.fixtures.crm_double import Answer, Request
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event
from worker.crm.push import push_due
from worker.now import now, wall_seconds
from worker.store import crm as store
from worker.store.db import in_transaction


def test_a_writer_that_dies_after_sending_makes_no_second_record(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent and not recorded: once the lease is over another one writes the same record again."""
    offer(system)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("worker.store.crm.record", die)
        with pytest.raises(KeyboardInterrupt):
            push_due(now())
    assert len(salesforce.all("Lead")) == 1
    assert waiting(system)[0].status == "pending"
    assert push_due(now()).tried == 0  # its lease runs

    done = push_due(later(131))
    assert done.written == 1
    assert len(salesforce.all("Lead")) == 1
    assert waiting(system)[0].crm_id == salesforce.all("Lead")[0]["Id"]


def test_a_change_during_a_write_is_written_after_it(system: System, salesforce: Salesforce) -> None:
    """The rep accepts while the offer is on its way: never two at once, and the newest truth wins."""
    lead_id = offer(system)
    seen: list[int] = []

    def meanwhile(request: Request) -> None:
        if request.method == "PATCH" and not seen:
            act(system, lead_id, "accept")
            seen.append(push_due(now()).tried)  # nobody else may take it now

    salesforce.before_answer = meanwhile
    first = push_due(now())
    assert (first.written, seen) == (1, [0])
    assert waiting(system)[0].status == "pending"
    push_all()

    assert salesforce.all("Lead")[0]["Tasuki_Next_Step__c"] == "初回の連絡をする"
    assert waiting(system)[0].status == "written"


def test_one_bad_record_stops_no_other(system: System, salesforce: Salesforce) -> None:
    """Of 200 leads one meets a validation rule: 199 are written, and the one is shown with the rule's words."""
    salesforce.rules.append(
        lambda row: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Phone must be Japanese", ["Phone"])
        if row.get("Phone") == "bad" else None
    )  # fmt: skip
    for number in range(200):
        system.send([event(number, email=f"p{number}@sakura.example.co.jp", name="佐藤 花子", company="さくら商事",
                           phone="bad" if number == 77 else "03-0000-0000", title="情報システム部長",
                           employees=3000, country="JP", region="東京都", activity="demo_request")])  # fmt: skip
    system.drain_here()
    done = push_all()

    assert (done.written, done.refused) == (199, 1)
    assert len(salesforce.all("Lead")) == 199
    assert salesforce.count("PATCH", "composite") == 1
    assert len(salesforce.asked) < 12  # calls, log-in and users included
    (bad,) = [row for row in waiting(system) if row.status == "refused"]
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION Phone must be Japanese" in bad.last_error


def test_an_expired_session_is_renewed(system: System, salesforce: Salesforce) -> None:
    """The token is taken back between two pushes: the next one logs in again and nothing is late."""
    lead_id = offer(system)
    push_all()
    salesforce.tokens.clear()
    act(system, lead_id, "accept")

    assert push_all().written == 1
    assert salesforce.count("POST", "oauth2/token") == 2


def test_a_wrong_secret_waits_and_says_so(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own setting is wrong: no lead is refused for it, and `status` shows what Salesforce said."""
    use(monkeypatch, crm_client_secret="wrong")
    offer(system)
    done = push_all()

    assert "invalid_client" in str(done.away)
    assert waiting(system)[0].status == "pending"
    assert push_due(now()).away == done.away  # the breaker is open: Salesforce is not asked again
    assert salesforce.count("POST", "oauth2/token") == 1


def test_jwt_bearer_lets_us_in(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assertion is signed with the private key, for the user, and no secret is sent."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salesforce.public_key = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    use(monkeypatch, crm_client_secret="", crm_username="tasuki@example.com", crm_private_key=pem.decode())
    offer(system)

    assert push_all().written == 1


@pytest.mark.parametrize(
    "answer, words, wait_s",
    [
        (Answer(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}], {"Retry-After": "120"}), "SERVER_UNAVAILABLE", 120),
        (Answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]), "REQUEST_LIMIT_EXCEEDED", 900),
        (Answer(500, "<html>"), "500", 5),
    ],
)  # fmt: skip
def test_a_salesforce_that_cannot_now_is_waited_for(
    system: System, salesforce: Salesforce, answer: Answer, words: str, wait_s: int
) -> None:
    """Its wish for the next try is kept; then one lead tries it, and all the others follow."""
    for number in range(3):
        offer(system, number)
    salesforce.faults.append(lambda request: answer if "query" in request.path else None)
    at = now()
    done = push_due(at)
    assert words in str(done.away)
    asked = len(salesforce.asked)
    assert push_due(at + timedelta(seconds=(wait_s - 1) / wall_seconds(1.0))).tried == 0
    assert len(salesforce.asked) == asked

    after = later(wait_s + 1)
    assert push_due(after).written == 1
    assert push_due(after).written == 2
    assert {row.attempts for row in waiting(system)} == {0}


def test_away_for_two_hours_then_back(system: System, salesforce: Salesforce) -> None:
    """Nothing is lost, nobody is asked more often than the breaker allows, and the truth of then is written."""
    salesforce.away = True
    lead_id = offer(system)
    tries = 0
    for minute in range(120):
        tries += push_due(later(60 * minute)).away is not None
        if minute == 60:
            act(system, lead_id, "accept")
    assert tries == 120
    asked = system.one("SELECT calls_today FROM tasuki.crm_connection")
    assert asked < 40
    salesforce.away = False
    done = push_due(later(126 * 60))

    assert done.written == 1
    assert salesforce.all("Lead")[0]["Tasuki_Next_Step__c"] == "初回の連絡をする"
    assert system.one("SELECT failures FROM tasuki.crm_connection") == 0


def test_a_locked_row_is_tried_again_alone(system: System, salesforce: Salesforce) -> None:
    """UNABLE_TO_LOCK_ROW holds up this lead for some seconds and no other."""
    ids = [offer(system, number) for number in range(2)]
    push_all()
    locked = next(row for row in salesforce.all("Lead") if row["Tasuki_Id__c"] == str(ids[0]))
    salesforce.locked.add(locked["Id"])
    for lead_id in ids:
        act(system, lead_id, "accept")
    done = push_all()
    assert (done.written, done.pending) == (1, 1)
    assert "UNABLE_TO_LOCK_ROW" in waiting(system)[0].last_error

    salesforce.locked.clear()
    assert push_due(now()).tried == 0
    assert push_due(later(10)).written == 1


@pytest.mark.parametrize("how", ["unknown", "inactive", "two"])
def test_an_owner_that_cannot_be_written_stops_nothing_else(
    system: System, salesforce: Salesforce, how: str
) -> None:
    """No user with the rep's address, two of them, or one who was just switched off: all else is written, and noted."""
    lead_id = offer(system)
    user = next(one for one in salesforce.all("User") if one["Email"] == rep_of(system, lead_id))
    if how == "unknown":
        salesforce.touch(user, Email="someone@else.example.com")
    elif how == "two":
        salesforce.user(user["Email"])
    else:
        salesforce.faults.append(lambda request: _switch_off(user) if "composite" in request.path else None)
    done = push_all()

    (record,) = salesforce.all("Lead")
    assert done.written == 1
    assert record.get("OwnerId") is None
    assert record["Email"] == "p1@sakura.example.co.jp"
    assert "the owner was not written" in waiting(system)[0].note


def test_the_days_budget_is_kept(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many calls Salesforce is left alone until midnight UTC, and that is said."""
    use(monkeypatch, crm_daily_calls="10")
    lead_id = offer(system)
    push_all()
    said = []
    for _ in range(4):
        in_transaction(lambda c: store.mark(c, [lead_id], now()))
        said.append(str(push_due(now()).away))
    assert "TASUKI_CRM_DAILY_CALLS" in said[-1]
    assert len(salesforce.asked) == 10


def test_an_address_in_a_private_network_is_refused(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting must not lead us to what is behind the firewall, unless it says so."""
    from worker.crm import reach  # noqa: PLC0415

    offer(system)
    use(monkeypatch, crm_private_network="false")
    assert "https://" in str(push_all().away)
    assert salesforce.asked == []
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/",
                "https://[::ffff:127.0.0.1]/", "ftp://example.com", "https://user@93.184.216.34/"):  # fmt: skip
        with pytest.raises(Refused):
            reach.call("salesforce", "GET", url, b"", {}, timeout_s=1.0, who="CRM")


def _switch_off(user: dict[str, Any]) -> None:
    user["IsActive"] = False
