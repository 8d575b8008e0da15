"""`tasuki web` as a process: it serves, logs no secret, ends when asked, and is started again when it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from werkzeug.serving import make_server

from tests.fixtures.system import System, eventually
from tests.fixtures.web import Web, form_of
from worker import supervise
from worker.local.servers import free_port
from worker.settings import settings
from worker.supervise import WebSupervisor


@pytest.fixture
def process(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, "subprocess.Popen[bytes]", Path]]:
    """A running `tasuki web`: its URL, the process, and what it says."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("TASUKI_PUBLIC_URL", base)
    monkeypatch.setenv("TASUKI_LOG_LEVEL", "debug")
    settings.cache_clear()
    log = tmp_path / "web.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "worker.cli.main", "web", "--port", str(port)],
            env={**os.environ}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        eventually(lambda: answers(base), "the web answers")
        yield base, running, log
    finally:
        running.kill()
        running.wait()


def answers(base: str) -> bool:
    """Tell whether the web answers."""
    try:
        return httpx2.get(f"{base}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_port_that_is_taken_is_refused(system: System) -> None:
    """One line with the mend, and not a word of listening before."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "worker.cli.main", "web", "--port", str(port)]
        told = subprocess.run(
            command, check=False, env={**os.environ}, capture_output=True, text=True, timeout=60
        )
    assert told.returncode == 1
    assert "listening" not in told.stderr
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in " ".join(told.stderr.split())


def watched(supervisor: WebSupervisor) -> WebSupervisor:
    """Return a supervisor that has just looked after its process."""
    supervisor.watch()
    return supervisor


def test_a_press_is_logged_without_its_secret(
    process: tuple[str, "subprocess.Popen[bytes]", Path], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good and forged links, a good and a wrong token, a fault: the process's output holds none of them."""
    base, running, log = process
    number, rep = web.offer()
    path = web.link(number, rep)
    secret, token = path.rpartition("/")[2], web.token()["Authorization"]
    url = f"{base}/l/{secret}"
    form = form_of(httpx2.get(url).text)
    assert httpx2.post(url, data={"form": form}).status_code == 200
    httpx2.get(f"{base}/l/{secret[::-1]}")
    httpx2.get(f"{base}/v1/leads/1", headers={"Authorization": token})
    httpx2.get(f"{base}/v1/leads/1", headers={"Authorization": token[:-1]})
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) in (0, -signal.SIGTERM)
    said = log.read_text()

    assert "link.used" in said
    for word in (secret, secret[::-1], token[7:], form, "hanako", "佐藤"):
        assert word not in said


def test_the_web_is_started_again(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `tasuki up` does: killed, it comes back; while its port is taken, it is not tried without a pause."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(supervise, "WEB_AGAIN_S", 0.5)
    supervisor = WebSupervisor({**system.env, "TASUKI_WEB_PORT": str(port)}, tmp_path / "web.log")
    supervisor.start()
    try:
        eventually(lambda: answers(base), "the web answers")
        first = supervisor.pid
        assert first is not None
        psutil.Process(first).kill()
        eventually(lambda: not supervisor.alive(), "it is gone")
        server = make_server("127.0.0.1", port, lambda *_: [])
        eventually(lambda: watched(supervisor).pid != first, "it is tried again")
        eventually(lambda: not supervisor.alive(), "it ends: the port is taken")
        server.server_close()
        eventually(lambda: watched(supervisor).alive() and answers(base), "the web answers again")
    finally:
        supervisor.stop()
    assert not supervisor.alive()
