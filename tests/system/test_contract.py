"""The HTTP API against its own document: schemathesis sends what the document allows, and what it does not."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from tests.fixtures.system import System, eventually
from tests.fixtures.web import Web
from worker.local.servers import free_port
from worker.web import guesses
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
    assert "Tested: 10" in ran.stdout, said[-4_000:]
    assert number
    web.system.drain_here()
    assert web.system.broken() == []
