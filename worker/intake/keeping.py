"""Keeps an accepted entry before the sender is answered: in the stream, or on this disk while that is away."""

import threading
import time
from collections.abc import Callable
from typing import Final

from schemas.errors import Away
from worker.intake.group_commit import GroupCommit, LateError
from worker.intake.spool import FullError, Spool
from worker.logs import get_logger
from worker.queue import Fields

log = get_logger()

#: Seconds that the stream may take; then the spool is taken, which may take as long. The sender waits 3 at most.
STREAM_S: Final = 1.2
SPOOL_S: Final = 1.2
#: Seconds for which the stream is not asked after it failed.
_REST_S: Final = 2.0
#: Seconds between two tries to drain the spool.
_DRAIN_EVERY_S: Final = 0.5


class Keeper:
    """Two ways to keep an entry, each shared by the requests that come at the same time."""

    def __init__(self, append: Callable[[list[Fields]], object], spool: Spool) -> None:
        """Hold both ways.

        Args:
            append: to the stream; gives up within about a second.
            spool: on this disk.

        """
        self._append = append
        self._spool = spool
        self._stream = GroupCommit[Fields](append, "intake-stream")
        self._disk = GroupCommit[Fields](spool.write, "intake-spool")
        self._rests_until = float("-inf")
        self._closing = threading.Event()
        self._drainer: threading.Thread | None = None
        self._lock = threading.Lock()

    def keep(self, fields: Fields) -> str:
        """Return where an entry is safe now: `stream` or `spool`.

        Raises:
            Away: nowhere; it is not accepted.

        """
        if time.monotonic() >= self._rests_until:
            try:
                self._stream.submit(fields, STREAM_S)
                return "stream"
            except (Away, LateError) as error:
                self._rests_until = time.monotonic() + _REST_S
                log.warning("queue.away", reason=type(error).__name__)
        try:
            self._disk.submit(fields, SPOOL_S)
        except (FullError, LateError) as error:
            log.exception("spool.full", reason=type(error).__name__)
            raise Away("neither the queue (Valkey) nor the spool takes events") from error
        self._start_draining()
        return "spool"

    def start(self) -> None:
        """Drain what an earlier run, or a killed one, left in the spool."""
        if self._spool.waiting().segments:
            self._start_draining()

    def close(self) -> None:
        """End; what waits in the spool is drained by the next who opens it."""
        self._closing.set()
        self._stream.close()
        self._disk.close()
        self._spool.seal()
        if self._drainer is not None:
            self._drainer.join(timeout=5)

    def _start_draining(self) -> None:
        with self._lock:
            if self._drainer is None or not self._drainer.is_alive():
                self._drainer = threading.Thread(target=self._drain, name="intake-drain", daemon=True)
                self._drainer.start()

    def _drain(self) -> None:
        """Drain until nothing waits; what another process writes is its own to seal."""
        while not self._closing.wait(_DRAIN_EVERY_S):
            try:
                moved = self._spool.drain(self._append)
            except (Away, OSError) as error:
                log.warning("spool.waits", reason=type(error).__name__)
                continue
            if moved:
                log.info("spool.drained", count=moved)
            if not self._spool.waiting().segments:
                with self._lock:
                    if not self._spool.waiting().segments:
                        self._drainer = None
                        return
