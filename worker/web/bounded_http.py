"""uvicorn's quick HTTP, with bounds on what is no body and on how long a request may take to come: it has none."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: Seconds in which a request must have come whole, its body too.
REQUEST_S: Final = 20.0
#: Seconds between two looks whether it has.
LOOK_S: Final = 2.0
#: Bytes of a request line and its headers; tokens and signatures need one or two thousand.
MAX_HEAD: Final = 64 * 1024
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on who sends headers, trailers or extensions of chunks without end: they are kept until they end.

    And on whose request does not come to its end: each holds one of the connections that there are.
    """

    _loose_bytes = 0
    #: Since when the end of a request is waited for; None while there is none.
    _waits_since: float | None = None
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        if self._waits_since is not None and self.loop.time() - self._waits_since > REQUEST_S:
            self.transport.abort()  # to close it would wait until the other side has read
            return
        self._look = self.loop.call_later(LOOK_S, self._look_again)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much came since the last byte of a body, or the last end or beginning of a head."""
        if self._waits_since is None:
            self._waits_since = self.loop.time()
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._loose_bytes > MAX_HEAD and not self.transport.is_closing():
            cycle: RequestResponseCycle | None = self.cycle
            if cycle is None or cycle.response_complete or not cycle.response_started:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._loose_bytes = 0
        self._waits_since = self.loop.time()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Wait for no more of this request: how long the answer takes is ours."""
        self._waits_since = None
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """Begin anew: what comes now is a body, which whoever reads it counts, or trailers."""
        self._loose_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Begin anew: a body is counted by whoever reads it."""
        self._loose_bytes = 0
        super().on_body(body)
