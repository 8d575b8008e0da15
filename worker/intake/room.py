"""How many requests, and bytes of bodies, are in hand at a time: what is over it is told to come again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Requests whose bodies are read, or that wait until they are safe.
MAX_AT_ONCE: Final = 500
#: Bytes of their bodies that have come; what a sender only announces holds no memory.
MAX_BYTES: Final = 64 * 1024 * 1024


class NoRoomError(Exception):
    """Too much is in hand."""


class Room:
    """Counts what is in hand, for one event loop. What it bounds is memory.

    A process has one for requests that are not proven yet (intake's) and one for those of proven tokens (the API's),
    so that strangers who fill theirs shut nobody else out.
    """

    def __init__(self, most: int = MAX_AT_ONCE, most_bytes: int = MAX_BYTES) -> None:
        """Begin empty."""
        self._most = most
        self._most_bytes = most_bytes
        self._requests = 0
        self._bytes = 0

    @contextmanager
    def hold(self) -> "Iterator[Share]":
        """Hold room for one request, which gives it back whatever happens.

        Raises:
            NoRoomError: there are too many.

        """
        if self._requests >= self._most or (self._requests and self._bytes >= self._most_bytes):
            raise NoRoomError
        self._requests += 1
        share = Share(self)
        try:
            yield share
        finally:
            self._requests -= 1
            self._bytes -= share.bytes

    def take(self, size: int) -> None:
        """Take room for bytes that have come. A lone body always has room."""
        if self._requests > 1 and self._bytes + size > self._most_bytes:
            raise NoRoomError
        self._bytes += size


class Share:
    """What one request holds."""

    def __init__(self, room: Room) -> None:
        """Begin with nothing but its place."""
        self._room = room
        self.bytes = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            NoRoomError: there is no room for them.

        """
        self._room.take(size)
        self.bytes += size
