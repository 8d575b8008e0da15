"""A load tool of its own process: `python -m bench.load` sends POSTs over loopback and prints figures as JSON.

It writes ready bytes and reads little of the answers, so that it costs little beside what it measures. With a rate it
keeps to a timetable: a request that is sent late counts from when it was due, so that a stall shows in the tail.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import uvloop


class Connection(asyncio.Protocol):
    """One connection that carries one request at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._transport: Any = None  # uvloop's own kind
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.idle.append(self)

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) >= length:
            status, self._buffer = int(head[9:12]), b""
            self._load.answered(self, status)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.gone(error)


class Load:
    """What is sent, and what came back."""

    def __init__(self, requests: Iterator[bytes], rate: float | None) -> None:
        self.idle: deque[Connection] = deque()
        self.statuses: dict[int, int] = {}
        self.latencies: list[float] = []
        self.lost = 0
        self._requests = requests
        self._rate = rate
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._in_flight = 0
        self._all_sent = False
        self._done = asyncio.get_running_loop().create_future()

    def gone(self, error: Exception | None) -> None:
        """Give up: a connection ended while it was needed."""
        self.lost += 1
        if not self._done.done():
            self._done.set_exception(ConnectionError(f"a connection was lost: {error}"))

    def answered(self, connection: Connection, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(time.perf_counter() - connection.due)
        self._in_flight -= 1
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        elif self._rate is None and (request := next(self._requests, None)) is not None:
            self._send(connection, request, time.perf_counter())
        else:
            self._all_sent = self._all_sent or self._rate is None
            self.idle.append(connection)
            if self._all_sent and not self._in_flight and not self._done.done():
                self._done.set_result(None)

    def _send(self, connection: Connection, request: bytes, due: float) -> None:
        self._in_flight += 1
        connection.send(request, due)

    async def run(self) -> float:
        """Send everything and wait for the last answer; return the seconds that it took."""
        started = time.perf_counter()
        if self._rate is None:
            for request in islice(self._requests, len(self.idle)):
                self._send(self.idle.popleft(), request, time.perf_counter())
        else:
            await self._by_timetable(self._rate, started)
        await self._done
        return time.perf_counter() - started

    async def _by_timetable(self, rate: float, started: float) -> None:
        for number, request in enumerate(self._requests):
            due = started + number / rate
            early = due - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            if self.idle:
                self._send(self.idle.popleft(), request, due)
            else:
                self._waiting.append((request, due))
        self._all_sent = True
        if not self._in_flight and not self._waiting and not self._done.done():
            self._done.set_result(None)


async def _main(options: argparse.Namespace) -> dict[str, object]:
    bodies = options.bodies.read_bytes().split(b"\n")
    head = (
        f"POST {options.path} HTTP/1.1\r\nHost: 127.0.0.1:{options.port}\r\nContent-Type: application/json\r\n"
        + "".join(f"{line}\r\n" for line in options.header)
    ).encode()
    requests = [head + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies if body]
    load = Load(iter(requests), options.rate)
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", options.port)
    seconds = await asyncio.wait_for(load.run(), options.timeout)
    ordered = sorted(load.latencies)
    return {
        "requests": len(ordered), "seconds": seconds, "rate": len(ordered) / seconds, "lost": load.lost,
        "statuses": load.statuses,
        **{f"p{part}": ordered[min(len(ordered) - 1, len(ordered) * part // 100)] * 1000 for part in (50, 99)},
    }  # fmt: skip


def main() -> int:
    """Send and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--bodies", type=Path, required=True, help="a file with one body a line")
    parser.add_argument("--header", action="append", default=[], help="a further header, such as 'A: b'")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, help="requests a second; as fast as it goes without")
    parser.add_argument("--timeout", type=float, default=120)
    print(json.dumps(uvloop.run(_main(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
