"""Intake as an ASGI app of its own, for any web framework to mount: reads the body within bounds, asks the desk.

app.mount("/intake", IntakeApp(desk, public_url))
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from worker.intake.accept import Desk
from worker.intake.request import Answer, Request
from worker.intake.room import NoRoomError, Share
from worker.now import now

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Seconds in which a body must have come: who sends a byte a second holds no room for long.
BODY_S: Final = 10.0
#: Threads for large bodies, and for whom a key has to be fetched.
_THREADS: Final = 8
_PREFIX: Final = "/intake/"


class TooLargeError(Exception):
    """More came than is read."""


class GoneError(Exception):
    """The sender hung up."""


class IntakeApp:
    """Answers `/intake/SOURCE`, and nothing else."""

    def __init__(self, desk: Desk, public_url: str | None, *, source: str | None = None) -> None:
        """Hold the desk.

        Args:
            desk: where requests are handed in.
            public_url: TASUKI_PUBLIC_URL; HubSpot signs it. Never taken from a header.
            source: the source of every request, where the path names none.

        """
        self._desk = desk
        self._source = source
        parts = urlsplit(public_url or "")
        self._origin = f"{parts.scheme}://{parts.netloc}" if public_url else None
        self._root = parts.path.rstrip("/")
        # Threads of its own: a slow Valkey must not hold up the pages, nor they intake.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")

    def close(self) -> None:
        """Let the requests in hand end."""
        self._threads.shutdown(wait=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        name = self._source or scope["path"].rpartition(_PREFIX)[2].rstrip("/")
        try:
            answer = await self._answer(name, scope, receive)
        except GoneError:
            return  # nobody is there to be answered, and nothing was kept
        headers = [(key.lower().encode(), value.encode("latin-1")) for key, value in answer.headers.items()]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> Answer:
        try:
            with self._desk.room.hold() as share:
                async with asyncio.timeout(BODY_S):
                    body = await read_body(receive, self._desk.max_body(name), share)
                return await self._desk.accept_soon(name, self._request(scope, body), now(), self._threads)
        except NoRoomError:
            return self._desk.refuse(name, "away", "too many requests at a time")
        except TooLargeError:
            return self._desk.refuse(name, "too_large", "the body is too large")
        except TimeoutError:
            return self._desk.refuse(name, "away", "the body came too slowly")

    def _request(self, scope: Scope, body: bytes) -> Request:
        raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        if self._root and not raw_path.startswith(f"{self._root}/"):  # the proxy took it off
            raw_path = self._root + raw_path
        host, port = scope.get("server") or ("localhost", None)
        origin = self._origin or f"{scope.get('scheme', 'http')}://{host}:{port}"
        query = scope.get("query_string", b"").decode("latin-1")
        headers = tuple(
            (key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in scope["headers"]
        )
        url = f"{origin}{raw_path}?{query}" if query else origin + raw_path
        return Request(scope["method"], url, headers, body)


async def read_body(receive: Receive, most: int, share: Share) -> bytes:
    """Return the body, reading not more than is taken.

    Raises:
        TooLargeError: it is longer.
        NoRoomError: there is no room for what came.
        GoneError: nobody is there any more.

    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLargeError
        share.grow(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
