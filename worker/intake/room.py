"""How many requests, and bytes of bodies, are in hand at a time: what is over it is told to come again."""

from typing import Final

#: Requests whose bodies are read, or that wait until they are safe.
MAX_AT_ONCE: Final = 500
#: Bytes of their bodies. A body of unknown length counts as the longest that is taken.
MAX_BYTES: Final = 64 * 1024 * 1024


class Room:
    """Counts what is in hand. Used by one event loop; what it bounds is memory, so a process has one."""

    def __init__(self, most: int = MAX_AT_ONCE, most_bytes: int = MAX_BYTES) -> None:
        """Begin empty."""
        self._most = most
        self._most_bytes = most_bytes
        self._requests = 0
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Take room for a body; False where there is none. A lone body always has room."""
        if self._requests and (self._requests >= self._most or self._bytes + size > self._most_bytes):
            return False
        self._requests += 1
        self._bytes += size
        return True

    def leave(self, size: int) -> None:
        """Give it back."""
        self._requests -= 1
        self._bytes -= size
