"""uvicorn's quick HTTP, with a bound on what comes before the body: httptools itself has none."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request line and its headers; tokens and signatures need one or two thousand.
MAX_HEAD: Final = 64 * 1024
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on who sends headers without end, which would be kept in memory until they end."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on, unless this head is too long already."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let the rest be counted by whoever reads the body."""
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()
