"""What holds for every request: known host, bounded body, safe headers, and no error told in detail."""

from ipaddress import ip_address
from typing import Final

from pydantic import AnyHttpUrl
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.logs import get_logger
from worker.web.problems import problem

log = get_logger()

#: The largest body that is read, in bytes.
MAX_BODY_BYTES: Final = 64 * 1024
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

    def __init__(self, app: ASGIApp, public_url: AnyHttpUrl | None, max_body_bytes: int) -> None:
        """Hold the public host, which is known besides this machine's own names, and the size of a body."""
        self._app = app
        self._public_host = public_url.host if public_url is not None else None
        self._max = max_body_bytes
        self._headers = dict(SAFE_HEADERS)
        if public_url is not None and public_url.scheme == "https":
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def send_safely(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._make_safe(MutableHeaders(scope=message), scope["path"])
            await send(message)

        headers = Headers(scope=scope)
        refusal: ASGIApp | None = None
        if scope["path"] not in ANY_HOST and not self._is_known(headers.get("host", "")):
            refusal = problem(421, "unknown-host", "this host name is not served here; set TASUKI_PUBLIC_URL")
        elif (said := headers.get("content-length", "0")).isdecimal() and int(said) > self._max:
            refusal = too_large(self._max)
        if refusal is not None:
            await refusal(scope, receive, send_safely)
            return
        try:
            await self._app(scope, self._bounded(receive), send_safely)
        except Exception:  # whatever it is: its text may quote a lead or a link, so only its type is logged
            log.exception("http.failed", what=scope["method"])
            if answered:
                return
            await problem(500, "failed", "this is a fault of ours; it was logged")(
                scope, receive, send_safely
            )

    def _make_safe(self, headers: MutableHeaders, path: str) -> None:
        for name, value in self._headers.items():
            headers[name] = value
        headers["Cache-Control"] = "public, max-age=3600" if "/static/" in path else "no-store"

    def _is_known(self, host: str) -> bool:
        """Tell whether a Host header is ours.

        A numeric address is: a foreign page can point its own name at this machine, but not a number.
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name.lower() == "localhost" or (
            self._public_host is not None and name.lower() == self._public_host.strip("[]")
        ):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True

    def _bounded(self, receive: Receive) -> Receive:
        """Count a body that comes without a length, or with a wrong one."""
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max:
                raise HTTPException(413, f"at most {self._max} bytes")
            return message

        return counted


def too_large(most: int) -> ASGIApp:
    """Return the answer to a body that is too large."""
    return problem(413, "too-large", f"at most {most} bytes")
