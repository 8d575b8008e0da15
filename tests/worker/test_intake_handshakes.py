"""What platforms ask before they send: answered to them, and to nobody else."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fixtures.sources import SECRETS, Intake, open_intake
from worker.intake.request import Answer, make

SECRET = SECRETS["TASUKI_SECRET"]


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return open_intake(tmp_path)


def get(intake: Intake, source: str, method: str = "GET", headers: Any = None, **query: Any) -> Answer:
    url = f"https://leads.example.com/intake/{source}?{urlencode(query)}"
    return intake.accept(source, make(method, url, headers or {}))


def test_meta_is_echoed_for_our_verify_token_only(intake: Intake) -> None:
    """hub.mode, hub.verify_token, then hub.challenge as text."""
    right = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158201444"}
    answer = get(intake, "meta", **right)
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for name, word in (
        ("hub.mode", "unsubscribe"), ("hub.verify_token", "verify-mE"), ("hub.verify_token", ""),
        ("hub.verify_token", SECRET), ("hub.challenge", "<script>"), ("hub.challenge", ""), ("hub.challenge", "x" * 600),
    ):  # fmt: skip
        answer = get(intake, "meta", **{**right, name: word})
        assert answer.status == 401
        assert word.encode() not in answer.body or not word


def test_adobe_is_echoed(intake: Intake) -> None:
    """GET challenge; no markup is echoed."""
    assert (
        get(intake, "marketo-stream", challenge="8ec8d794-e0ab-42df-9017-e3dada8e84f7").body
        == b"8ec8d794-e0ab-42df-9017-e3dada8e84f7"
    )
    assert get(intake, "marketo-stream", challenge="<b>").status == 401
    assert get(intake, "marketo-stream").status == 401


def test_linkedin_gets_the_code_of_its_challenge(intake: Intake) -> None:
    """Hex HMAC-SHA256 of the code, with the client secret."""
    answer = get(intake, "linkedin", challengeCode="890e4665-4dfe-4ab1-b689-ed553bceeed0")
    code = hmac.new(SECRET.encode(), b"890e4665-4dfe-4ab1-b689-ed553bceeed0", hashlib.sha256).hexdigest()
    assert json.loads(answer.body) == {
        "challengeCode": "890e4665-4dfe-4ab1-b689-ed553bceeed0",
        "challengeResponse": code,
    }


def test_mailchimp_gets_200_under_its_secret_address(intake: Intake) -> None:
    """A GET of the right address; another one is not told that there is something."""
    assert get(intake, "mailchimp", token=SECRET).status == 200
    assert get(intake, "mailchimp", token="x").status == 401
    assert get(intake, "mailchimp").status == 401


def test_cloudevents_permission_is_given_to_known_origins(intake: Intake) -> None:
    """OPTIONS with WebHook-Request-Origin (CloudEvents web hooks 4)."""
    answer = get(intake, "cloudevents", "OPTIONS", {"WebHook-Request-Origin": "producer.example.com"})
    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "producer.example.com"
    assert int(answer.headers["WebHook-Allowed-Rate"]) > 0
    other = get(intake, "cloudevents", "OPTIONS", {"WebHook-Request-Origin": "evil.example.com"})
    assert "WebHook-Allowed-Origin" not in other.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_carry_no_events(intake: Intake, method: str) -> None:
    """405, and nothing is kept: a HEAD or GET by a scanner changes nothing."""
    answer = get(intake, "zapier", method, {"X-Tasuki-Token": SECRET})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert intake.stream.entries == []


def test_handshake_is_counted_as_such(intake: Intake) -> None:
    """So that ops see that a platform was here."""
    get(intake, "marketo-stream", challenge="abc")
    assert intake.desk.tally.take() == {("marketo-stream", "handshake", ""): 1}
