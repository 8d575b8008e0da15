"""What holds for every request: known host, bounded body, safe headers, no error told in detail, all counted."""

import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from pydantic import AnyHttpUrl
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.logs import get_logger
from worker.web.metrics import Metrics
from worker.web.problems import problem

log = get_logger()

#: The largest body that is read, in bytes.
MAX_BODY_BYTES: Final = 64 * 1024
#: The same for webhooks and events, which have smaller bounds of their own.
MAX_INTAKE_BYTES: Final = 8 * 1024 * 1024
_EVENTS: Final = ("/v1/events", "/v1/outcomes")
#: Asked by address or by a name of the inside: probes and scrapers. They build nothing from the host's name.
ANY_HOST: Final = frozenset({"/healthz", "/readyz", "/metrics"})

SAFE_HEADERS: Final = {
    # No script at all: nothing on a page can press its button.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp, public_url: AnyHttpUrl | None, metrics: Metrics) -> None:
        """Hold the public host, which is known besides this machine's own names, and the path below it."""
        self._app = app
        self._public_host = (public_url.host or "").strip("[]").lower() if public_url else None
        self._root = (public_url.path or "").rstrip("/") if public_url else ""
        self._is_secure = public_url is not None and public_url.scheme == "https"
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        exchange = _Exchange(scope, receive, send, is_secure=self._is_secure)
        if scope["path"] not in ANY_HOST and not self._is_known(Headers(scope=scope).get("host", "")):
            words = "this host name is not served here; set TASUKI_PUBLIC_URL"
            await problem(421, "unknown-host", words)(scope, receive, exchange.send)
        else:
            if self._root and not scope["path"].startswith(f"{self._root}/"):  # the proxy took it off
                scope["path"] = self._root + scope["path"]
            scope["root_path"] = self._root
            await self._answer(exchange)
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.note(scope["method"], route, exchange.status, time.perf_counter() - started)

    async def _answer(self, exchange: "_Exchange") -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
            if exchange.is_too_large and not exchange.status:  # the app took it for a sender who hung up
                await exchange.refuse_size()
        except Exception:  # whatever it is: its text may quote a lead or a link, so only its type is logged
            if not exchange.is_too_large:
                log.exception("http.failed", what=exchange.scope["method"])
            if not exchange.status:
                words = "this is a fault of ours; it was logged"
                await problem(500, "failed", words)(exchange.scope, exchange.receive, exchange.send)

    def _is_known(self, host: str) -> bool:
        """Tell whether a Host header is ours.

        A numeric address is: a foreign page can point its own name at this machine, but not a number.
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name.lower() in ("localhost", self._public_host):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


class _Exchange:
    """One request and its answer: the body is counted, the answer's headers are made safe."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, is_secure: bool) -> None:
        self.scope = scope
        self.status = 0
        self._receive = receive
        self._send = send
        self._is_secure = is_secure
        self._size = 0
        self._most = MAX_BODY_BYTES
        if scope["path"].endswith(_EVENTS) or "/intake/" in scope["path"]:
            self._most = MAX_INTAKE_BYTES
        said = Headers(scope=scope).get("content-length", "")
        #: Once it is, the answer says so, whatever the app made of the rest.
        self.is_too_large = said.isdecimal() and int(said) > self._most

    async def receive(self) -> Message:
        """Hand over the next part of the body, unless there is too much of it."""
        message: Message = {"type": "http.disconnect"}
        if not self.is_too_large:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            self.is_too_large = self._size > self._most
        return {"type": "http.disconnect"} if self.is_too_large else message

    async def refuse_size(self) -> None:
        """Answer that the body is too large."""
        refusal = problem(413, "too-large", f"at most {self._most:,} bytes")
        await refusal(self.scope, self._receive, self.send)

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            if self.is_too_large and message["status"] != 413:  # noqa: PLR2004
                await self.refuse_size()
                return
            self.status = message["status"]
            message["headers"] = self._safe(message.get("headers", ()))
            await self._send(message)
        elif message.get("body") is not None and not self._is_done:
            self._is_done = not message.get("more_body", False)
            await self._send(message)

    _is_done = False

    def _safe(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the answer's headers with ours in the place of any of the same names."""
        kept = [header for header in headers if header[0].lower() not in _SAFE_NAMES]
        kept += _SAFE_RAW
        kept.append(_CACHED if "/static/" in self.scope["path"] else _NOT_CACHED)
        if self._is_secure:
            kept.append(_ONLY_TLS)
        return kept


_SAFE_RAW: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
_CACHED: Final = (b"cache-control", b"public, max-age=3600")
_NOT_CACHED: Final = (b"cache-control", b"no-store")
_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
_SAFE_NAMES: Final = frozenset(name for name, _ in (*_SAFE_RAW, _CACHED, _ONLY_TLS))
