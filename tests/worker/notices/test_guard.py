"""Calls go to public addresses only, to the very one that was checked, and nobody makes us wait or read for ever."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from schemas.errors import Away, Refused
from worker.notices.guard import ANSWER_BYTES, check_url, is_public, notice_bounds, post, resolve
from worker.settings import settings


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers on this machine are allowed."""
    monkeypatch.setenv("TASUKI_ALLOW_PRIVATE_RECEIVERS", "true")
    settings.cache_clear()


@pytest.mark.parametrize(
    "url, why",
    [
        ("http://example.com/hook", "https"), ("ftp://example.com/", "https"), ("gopher://example.com/", "https"),
        ("file:///etc/passwd", "https"), ("//example.com/", "https"), ("https:///hook", "no host"),
        ("https://user:pass@example.com/", "user or password"), ("https://user@example.com/", "user or password"),
        ("https://example.com:22/", "port 22"), ("https://example.com:25/", "port 25"),
        ("https://example.com:99999/", "cannot be read"), ("https://[::1", "cannot be read"), ("", "https"),
    ],
)  # fmt: skip
def test_a_url_that_must_not_be_called_is_refused(url: str, why: str) -> None:
    """Scheme, host, user and port are looked at before anything is sent."""
    with pytest.raises(Refused, match=why):
        check_url(url)


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 127.255.255.254 10.0.0.1 172.16.5.4 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
    255.255.255.255 240.0.0.1 192.0.2.1 198.18.0.1 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2001:db8::1
    2001:0:4136:e378:8000:63bf:80ff:fffe
    """.split(),
)
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    """Also one that carries a private address inside, and the metadata service of a cloud."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """The guard lets through what it is for."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://127.1/", "https://2130706433/", "https://0x7f.1/",
        "https://0x7f000001/", "https://017700000001/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/", "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_gets_through(url: str) -> None:
    """Whatever the resolver makes an address of is judged as that address, and no connection is tried."""
    with pytest.raises(Refused, match="not a public one"):
        post(url, b"{}", {})


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a hundred addresses cannot hide ours among them."""
    many = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"93.184.216.{n}", 443)) for n in range(99)]
    inside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*many, inside])

    with pytest.raises(Refused, match="not a public one"):
        resolve("many.example.com", 443, notice_bounds())


def test_a_name_that_changes_its_answer_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the address that is connected to; the name is asked once."""
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    tried: list[str] = []

    def changing(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(_self: object, host: str, port: int, *_: Any) -> Any:
        del port
        tried.append(host)
        raise httpcore2.ConnectError

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)

    with pytest.raises(Away):
        post("https://rebinding.example.com/hook", b"{}", {})

    assert (asked, tried) == (["rebinding.example.com"], ["93.184.216.34"])


@pytest.mark.usefixtures("private")
def test_a_redirect_is_an_answer_and_is_not_followed(httpserver: HTTPServer) -> None:
    """Nobody but ops chooses where notices go."""
    httpserver.expect_request("/hook").respond_with_response(Response("", 302, {"location": "/inside"}))

    answer = post(httpserver.url_for("/hook"), b"{}", {})

    assert answer.status == 302
    assert [request.path for request, _ in httpserver.log] == ["/hook"]


@pytest.mark.usefixtures("private")
def test_of_five_megabytes_only_the_beginning_is_read(httpserver: HTTPServer) -> None:
    """The rest is cut off: neither memory nor time is spent on it."""
    given: list[int] = []

    def answer(_: Request) -> Response:
        def chunks() -> Iterator[bytes]:
            for _ in range(80):
                given.append(65_536)
                yield b"x" * 65_536

        return Response(chunks(), 500)

    httpserver.expect_request("/hook").respond_with_handler(answer)

    said = post(httpserver.url_for("/hook"), b"{}", {})

    assert (said.status, said.text) == (500, "x" * ANSWER_BYTES)


def _server(talk: Callable[[socket.socket], None]) -> tuple[str, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            try:
                talk(connection)
            except OSError:
                pass  # it was cut off, as it should be

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/hook", thread


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-a: b\r\n")
        time.sleep(0.05)


def _silence(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("talk", [_drip, _silence], ids=["drips", "says nothing"])
def test_nobody_makes_us_wait_for_ever(
    talk: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery ends after its time in all, also when something comes every moment."""
    monkeypatch.setenv("TASUKI_DELIVERY_TIMEOUT_S", "0.4")
    settings.cache_clear()
    url, thread = _server(talk)

    with pytest.raises(Away, match="receiver away"):
        post(url, b"{}", {})

    thread.join(10)  # the connection was closed, or this one would still be talking
    assert not thread.is_alive()


@pytest.mark.usefixtures("private")
def test_a_receiver_that_hangs_up_is_away() -> None:
    """A cut connection is an error of ours to handle, not a crash."""
    url, thread = _server(lambda connection: connection.close())

    with pytest.raises(Away, match="receiver away"):
        post(url, b"{}", {})
    thread.join(10)
