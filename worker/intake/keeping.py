"""Keeps an accepted entry before the sender is answered: in the stream, or on this disk while that is away."""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import chain
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
        # An item is what one request brought: it may be many entries.
        self._stream = GroupCommit[Sequence[Fields]](
            lambda items: self._append(list(chain(*items))), "intake-stream"
        )
        self._disk = GroupCommit[Sequence[Fields]](
            lambda items: self._spool.write(list(chain(*items))), "intake-spool"
        )
        self._rests_until = float("-inf")
        self._closing = threading.Event()
        self._drainer: threading.Thread | None = None
        self._lock = threading.Lock()

    def keep(self, *entries: Fields) -> str:
        """Return where the entries of a request are safe now: `stream` or `spool`.

        Raises:
            Away: nowhere; they are not accepted.

        """
        if time.monotonic() >= self._rests_until:
            try:
                self._stream.submit(entries, STREAM_S, weight=len(entries))
                return "stream"
            except (Away, LateError) as error:
                self._rest(error)
        try:
            self._disk.submit(entries, SPOOL_S, weight=len(entries))
        except (FullError, LateError) as error:
            raise _full(error) from error
        self._start_draining()
        return "spool"

    async def keep_soon(self, *entries: Fields) -> str:
        """Do as `keep` does, without holding up the event loop.

        Raises:
            Away: nowhere; they are not accepted.

        """
        if time.monotonic() >= self._rests_until:
            try:
                await self._stream.submit_soon(entries, STREAM_S, weight=len(entries))
                return "stream"
            except (Away, LateError) as error:
                self._rest(error)
        try:
            await self._disk.submit_soon(entries, SPOOL_S, weight=len(entries))
        except (FullError, LateError) as error:
            raise _full(error) from error
        self._start_draining()
        return "spool"

    def _rest(self, error: Exception) -> None:
        """Ask the stream nothing for a while."""
        was_up, at = time.monotonic() >= self._rests_until, time.monotonic()
        self._rests_until = at + _REST_S
        if was_up:  # once for all requests that met it
            log.warning("queue.away", reason=type(error).__name__)

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


def _full(error: Exception) -> Away:
    log.error("spool.full", reason=type(error).__name__)
    return Away("neither the queue (Valkey) nor the spool takes events")
