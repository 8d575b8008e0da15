"""uvicorn's quick HTTP, with a bound on what is no body: httptools itself has none."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: Bytes of a request line and its headers; tokens and signatures need one or two thousand.
MAX_HEAD: Final = 64 * 1024
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on who sends headers, trailers or extensions of chunks without end: they are kept until they end."""

    _loose_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much came since the last byte of a body, or the last end or beginning of a head."""
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
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin anew: what comes now is a body, which whoever reads it counts, or trailers."""
        self._loose_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Begin anew: a body is counted by whoever reads it."""
        self._loose_bytes = 0
        super().on_body(body)
