"""Chats as their makers document them: what is sent, and which answers mean that nobody will read it."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from schemas.errors import Away, Refused
from tests.worker.notices.bodies import a_body, a_sheet
from worker.notices.chats import send_chat
from worker.notices.others import plugin_of
from worker.settings import settings


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TASUKI_ALLOW_PRIVATE_RECEIVERS", "true")
    settings.cache_clear()
    yield
    settings.cache_clear()


def _send(httpserver: HTTPServer, kind: str, answer: Response, secret: str | None = "token") -> list[Request]:
    seen: list[Request] = []

    def handle(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return answer

    httpserver.expect_request("/hook").respond_with_handler(handle)
    url = httpserver.url_for("/hook")
    send_chat(kind, f"U123@{url}" if kind == "line" else url, secret, "offer:17", a_sheet())
    return seen


def _json(status: int, document: Any, **headers: str) -> Response:
    import msgspec  # noqa: PLC0415

    return Response(msgspec.json.encode(document), status, headers, content_type="application/json")


OK = {
    "slack": Response("ok"), "teams": Response("", 202), "chatwork": _json(200, {"message_id": "12"}),
    "line": _json(200, {"sentMessages": [{"id": "1"}]}), "lineworks": _json(200, {"code": "200 OK"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", OK)
def test_what_a_maker_calls_done_is_done(httpserver: HTTPServer, kind: str) -> None:
    """Each chat's own word for success, and one call for one notice."""
    assert len(_send(httpserver, kind, OK[kind])) == 1


@pytest.mark.parametrize(
    "kind, answer, firm",
    [
        ("slack", Response("invalid_token", 200), True),
        ("slack", _json(200, {"ok": False, "error": "channel_is_archived"}), True),
        ("slack", _json(200, {"ok": False, "error": "internal_error"}), False),
        ("slack", Response("<html>Sign in to the hotel's Wi-Fi</html>", 200), False),
        ("slack", Response("", 200), False),
        ("slack", Response("no_service", 404), True),
        ("slack", Response("x" * 5_000_000, 500), False),
        ("teams", Response("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", 200), False),
        ("teams", Response("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403", 200), True),
        ("teams", _json(200, {"error": {"code": "WorkflowTriggerIsNotEnabled"}}), False),
        ("teams", Response("gone", 410), True),
        ("chatwork", _json(200, {"errors": ["Invalid API token"]}), True),
        ("chatwork", _json(401, {"errors": ["Invalid API token"]}), True),
        ("chatwork", Response("maintenance", 200), False),
        ("line", _json(200, {"message": "The request body has 1 error(s)"}), True),
        ("line", _json(401, {"message": "Authentication failed"}), True),
        ("line", Response("", 503), False),
        ("lineworks", _json(200, {"code": "E01", "description": "no such webhook"}), True),
        ("lineworks", _json(301, {}), True),
    ],
)  # fmt: skip
def test_an_error_is_an_error_whatever_its_status(
    httpserver: HTTPServer, kind: str, answer: Response, firm: bool
) -> None:
    """Also inside a 200; a firm no is told apart from what may pass."""
    with pytest.raises(Refused if firm else Away):
        _send(httpserver, kind, answer)


@pytest.mark.parametrize("kind", OK)
def test_a_wish_to_wait_is_kept(httpserver: HTTPServer, kind: str) -> None:
    """429 with Retry-After."""
    with pytest.raises(Away) as caught:
        _send(httpserver, kind, _json(429, {"errors": ["Rate limit exceeded"]}, **{"retry-after": "30"}))

    assert caught.value.retry_after_s == 30


def test_chatwork_gets_the_room_a_token_and_no_markup_of_a_lead(httpserver: HTTPServer) -> None:
    """A name like [toall] calls nobody."""
    httpserver.expect_request("/hook").respond_with_json({"message_id": "1"})
    send_chat(
        "chatwork", httpserver.url_for("/hook"), "s3cret", "k", a_sheet(a_body(name="[toall] [To:1] x"))
    )
    request, _ = httpserver.log[0]
    body = parse_qs(request.get_data(as_text=True))["body"][0]

    assert request.headers["x-chatworktoken"] == "s3cret"
    assert body.startswith("[info][title]【襷】新しいリード: ［toall］ ［To:1］ x 様")
    assert body.count("[") == 4


def test_line_is_told_a_key_by_which_it_knows_a_repeat(httpserver: HTTPServer) -> None:
    """The same message has the same key, and LINE's answer to a repeat is success."""
    first = _send(httpserver, "line", OK["line"])[0]
    httpserver.clear()
    again = _send(httpserver, "line", _json(409, {"message": "The retry key is already accepted"}))[0]

    assert first.headers["x-line-retry-key"] == again.headers["x-line-retry-key"]
    assert uuid.UUID(first.headers["x-line-retry-key"]).version == 5
    assert first.get_json()["to"] == "U123"


@pytest.mark.parametrize("kind", ["chatwork", "line"])
def test_a_chat_without_its_token_says_what_to_set(httpserver: HTTPServer, kind: str) -> None:
    """Nothing is sent without it."""
    with pytest.raises(Refused, match="secret"):
        _send(httpserver, kind, OK[kind], None)
    assert httpserver.log == []


@pytest.mark.parametrize(
    "url, allowed",
    [
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12345678", True),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", True),
        ("json://169.254.169.254/latest", False), ("jsons://10.0.0.1/x", False), ("xml://localhost/", False),
        ("mmost://intranet/abcdefghijklmnop", False), ("mailto://user:pass@example.com", False),
        ("syslog://", False), ("dbus://", False), ("file:///etc/passwd", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_apprise_is_let_out_to_fixed_hosts_only(
    monkeypatch: pytest.MonkeyPatch, url: str, allowed: bool
) -> None:
    """A service whose host is part of the address could be pointed at our own network."""
    monkeypatch.setenv("TASUKI_ALLOW_PRIVATE_RECEIVERS", "false")
    settings.cache_clear()
    if allowed:
        assert plugin_of(url) is not None
    else:
        with pytest.raises(Refused):
            plugin_of(url)


def test_apprise_delivers_and_says_when_it_did_not(httpserver: HTTPServer) -> None:
    """Through Apprise's own JSON service, on this machine."""
    from worker.notices.others import send_apprise  # noqa: PLC0415

    httpserver.expect_ordered_request("/n").respond_with_data("")
    httpserver.expect_ordered_request("/n").respond_with_data("no", 500)
    url = f"json://127.0.0.1:{httpserver.port}/n"
    send_apprise(url, a_sheet())
    with pytest.raises(Away, match="did not deliver"):
        send_apprise(url, a_sheet())

    sent = httpserver.log[0][0].get_json()
    assert "佐藤 花子" in sent["title"]
    assert "引き受ける" in sent["message"]
