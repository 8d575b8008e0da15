"""What every door of this process leads to: the stream, with the spool while that is away."""

import threading

from worker.desk import OpenDesk


class Road:
    """Opens once, when the app starts or the first request comes, and closes with the app."""

    def __init__(self) -> None:
        """Begin closed."""
        self._lock = threading.Lock()
        self._desk: OpenDesk | None = None

    def open(self) -> OpenDesk:
        """Return the open desk; opening drains what an earlier run left in the spool."""
        with self._lock:
            if self._desk is None:
                self._desk = OpenDesk()
            return self._desk

    def close(self) -> None:
        """Commit what is in hand."""
        with self._lock:
            if self._desk is not None:
                self._desk.close()
                self._desk = None
