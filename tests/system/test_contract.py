"""The HTTP API against its own document: schemathesis sends what the document allows, and what it does not."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import uvicorn

from tests.fixtures.system import System, eventually
from tests.fixtures.web import Web
from worker.local.servers import free_port
from worker.web import bounded_http, guesses
from worker.web.serve import config

#: Seconds that schemathesis may take, and examples of each call.
LONGEST_S = 40
EXAMPLES = 12

#: Which reasons there are is said by the rulebook, not by the document: a reason of the right form may be none.
SETTINGS = """
[[operations]]
include-path-regex = "/(decline|recycle)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "5xx"]
[[operations]]
include-path = "/v1/leads/{lead}/gate"
parameters = { lead = "hanako@sakura.example.co.jp" }
"""


@pytest.fixture
def base(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The real app behind the real server; wrong tokens are not counted, for it sends many."""
    monkeypatch.setattr(guesses.Guesses, "are_too_many", lambda *_: False)
    port = free_port()
    server = uvicorn.Server(config("127.0.0.1", port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, "the server runs")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def test_headers_without_end_are_hung_up_on(base: str) -> None:
    """A head of any length that a proxy lets through is answered; one that never ends is not kept in memory."""
    port = int(base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        sent = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n"
        for _ in range(3):  # on one connection: each is counted for itself
            one.sendall(sent)
            assert one.recv(4_096).startswith(b"HTTP/1.1 200")
        answer = b""
        with suppress(ConnectionError):  # at which of them it notices, the sender may be told or not
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
            for number in range(2_000):
                one.sendall(b"X-%d: " % number + b"x" * 1_000 + b"\r\n")
            answer = one.recv(4_096)  # whoever goes on reading answers nothing, and this times out
        assert not answer or b" 431 " in answer


@pytest.mark.parametrize(
    "before, again", [
        (b"0\r\n", b"x-%d: " + b"a" * 8_000 + b"\r\n"),  # trailers
        (b"0\r\nx-long: ", b"%d" + b"a" * 8_000),  # one trailer
        (b"1;", b"%d" + b"a" * 8_000),  # the extension of a chunk
    ],
)  # fmt: skip
def test_a_chunked_body_is_no_way_to_fill_memory(base: str, before: bytes, again: bytes) -> None:
    """What surrounds a body's bytes is bounded as a head is; a large body, and a few trailers, are answered."""
    port = int(base.rpartition(":")[2])
    head = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        for _ in range(2):
            one.sendall(head + b"1000;a=b\r\n%b\r\n" % (b" " * 4_096) * 100 + b"0\r\nx-sum: 1\r\n\r\n")
            assert one.recv(4_096).startswith(b"HTTP/1.1 405")
        one.sendall(head + before)
        with pytest.raises(ConnectionError):
            one.sendall(b"".join(again % number for number in range(2_000)))  # fits in no buffer on the way


@pytest.mark.parametrize(
    "begin, again", [
        (b"", b""),  # nothing at all
        (b"", b"\r\n"),  # what stands before a request and is passed over
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"x"),  # a head
        ((b"POST /l/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
         b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"), b"x"),  # a body
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /", b"x"),  # the second of two
        (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n", b"x"),  # an answered one's
    ],
)  # fmt: skip
def test_a_request_that_never_ends_holds_no_connection(
    base: str, monkeypatch: pytest.MonkeyPatch, begin: bytes, again: bytes
) -> None:
    """A thousand of them would be all that there are; whoever sends whole requests is not hung up on."""
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.6)
    monkeypatch.setattr(bounded_http, "LOOK_S", 0.1)
    port = int(base.rpartition(":")[2])
    until = time.monotonic() + 4
    good = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    good.auto_open = 0  # hung up on, it does not begin anew
    good.connect()
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as slow, closing(good):
        slow.sendall(begin)
        is_open = True
        while is_open and time.monotonic() < until:
            good.request("GET", "/healthz")
            assert good.getresponse().read() == b'{"status":"ok"}'
            try:
                slow.sendall(again)
                is_open = slow.recv(4_096) != b""
            except TimeoutError:
                continue
            except ConnectionError:
                is_open = False
        assert not is_open
        assert time.monotonic() > until - 3.5  # not before its time


def test_the_api_does_what_its_document_says(web: Web, base: str, tmp_path: Path) -> None:
    """All checks, every call, the same examples each time."""
    number, _ = web.offer()
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", f"{base}/openapi.json", "--checks", "all", "--seed", "1",
        "--generation-deterministic", "--max-examples", str(EXAMPLES), "--max-time", str(LONGEST_S),
        "--header", f"Authorization: {web.token()['Authorization']}", "--no-color",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    said = "\n".join(line[:300] for line in ran.stdout.splitlines())
    assert ran.returncode == 0, said[-20_000:] + ran.stderr[-2_000:]
    assert "Tested: 11" in ran.stdout, said[-4_000:]
    assert number
    web.system.drain_here()
    assert web.system.broken() == []
