"""Intake over HTTP: `tasuki web` as a process of its own, real Valkey, and a load tool on loopback.

No worker judges meanwhile: what is measured is how fast events are taken and made safe.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from bench.cpu import seconds_of
from bench.events import fresh
from bench.figures import Figures, Say, said
from bench.rig import Rig, wait_until
from bench.sizes import Sizes
from worker import queue, tokens
from worker.local.servers import free_port
from worker.now import now
from worker.store.db import in_transaction

#: Events of one batch.
BATCH: Final = 100
CONNECTIONS: Final = 32
#: Requests a second under which answers are timed: half of what is promised.
HALF: Final = 750
_SOURCES: Final = """
sources:
  site: {platform: cloudevents, secrets: ["${BENCH_SECRET}"], per_second: 10000, burst: 100000}
"""


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Send single events as fast as they are taken, at half the promised rate, and batches of 100."""
    secret = secrets.token_hex(24)
    with _web(rig, secret) as (port, pid):
        _, token = in_transaction(
            lambda c: tokens.create(c, "bench", ["events:write"], timedelta(days=1), now())
        )
        bearer, shared = f"Authorization: Bearer {token}", f"X-Tasuki-Token: {secret}"
        _load(rig, port, "/v1/events", bearer, _single(rig, 2_000))  # warm
        for _ in range(sizes.runs):
            _take(rig, figures, say, "http.events", pid, port, "/v1/events", bearer, sizes.http_events)
            events = _single(rig, int(HALF * sizes.http_seconds))
            found = _load(rig, port, "/v1/events", bearer, events, rate=HALF)
            for part in (50, 99):
                figures.add(f"http.half_load.p{part}", found[f"p{part}"], "ms", load_requests_s=HALF)
            p50, p99 = said(found["p50"]), said(found["p99"])
            say(f"http.half_load: p50 {p50} ms, p99 {p99} ms at {HALF:,} requests/s")
            _take(rig, figures, say, "http.webhook", pid, port, "/intake/site", shared, sizes.http_events)
            batches = max(1, sizes.http_events // 20)
            cpu = seconds_of(pid)
            found = _load(rig, port, "/v1/events", bearer, _batches(rig, batches))
            spent = (seconds_of(pid) - cpu) / batches / BATCH * 1e6
            figures.add(
                "http.batches.rate", found["rate"] * BATCH, "events/s", batch=BATCH, connections=CONNECTIONS
            )
            figures.add("http.batches.cpu", spent, "us/event")
            say(f"http.batches: {found['rate'] * BATCH:,.0f} events/s, {spent:,.0f} us of the web's CPU each")
            queue.client().delete(queue.STREAM)
    figures.ratio("http.batches_to_single", "http.batches.rate", "http.events.rate")


def _take(
    rig: Rig, figures: Figures, say: Say, name: str, pid: int, port: int, path: str, header: str, count: int
) -> None:
    """Send single events as fast as they are taken."""
    before, cpu = queue.backlog(), seconds_of(pid)
    found = _load(rig, port, path, header, _single(rig, count))
    spent = (seconds_of(pid) - cpu) / count * 1e6
    assert queue.backlog() - before == count, "every request is in the stream"
    figures.add(f"{name}.rate", found["rate"], "requests/s", connections=CONNECTIONS)
    figures.add(f"{name}.cpu", spent, "us/request")
    say(f"{name}: {found['rate']:,.0f} requests/s, {spent:,.0f} us of the web's CPU each")


def _single(rig: Rig, count: int) -> list[bytes]:
    return list(fresh(count, rig.new_leads(count)))


def _batches(rig: Rig, count: int) -> list[bytes]:
    events = _single(rig, count * BATCH)
    return [b"[" + b",".join(events[at : at + BATCH]) + b"]" for at in range(0, len(events), BATCH)]


def _load(
    rig: Rig, port: int, path: str, header: str, bodies: list[bytes], *, rate: float | None = None,
    connections: int = CONNECTIONS,
) -> dict[str, Any]:  # fmt: skip
    file: Path = rig.folder / "bodies"
    file.write_bytes(b"\n".join(bodies))
    command = [
        sys.executable, "-m", "bench.load", "--port", str(port), "--path", path, "--bodies", str(file),
        "--header", header, "--connections", str(connections), *(["--rate", str(rate)] if rate else []),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2_000:])
    found: dict[str, Any] = json.loads(ran.stdout)
    if found["lost"] or not set(found["statuses"]) <= {"200", "202"}:
        raise RuntimeError(f"not all was taken: {found}")
    return found


@contextmanager
def _web(rig: Rig, secret: str) -> Iterator[tuple[int, int]]:
    """Run `tasuki web` with one source; yield its port and process id."""
    sources = rig.folder / "sources.yaml"
    sources.write_text(_SOURCES, encoding="utf-8")
    port = free_port()
    env = {
        **os.environ, "BENCH_SECRET": secret, "TASUKI_SOURCES": str(sources),
        "TASUKI_SPOOL_DIR": str(rig.folder / "spool"), "TASUKI_TOKEN_PER_SECOND": "1000000",
    }  # fmt: skip
    with (rig.folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli.main", "web", "--port", str(port)],
            env=env,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _answers(port), 60, every_s=0.1)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx2.TransportError:
        time.sleep(0.05)
        return False
