"""Pokes after an act, off the request's way: the answer never waits for Valkey, and a lost poke is harmless."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final

from worker.tasks import poke_pools

#: Pokes that may wait while Valkey does not answer; what comes on top is left to the sweep.
_WAITING: Final = 16


class Poker:
    """One thread that pokes."""

    def __init__(self) -> None:
        """Begin idle."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poker")
        self._room = BoundedSemaphore(_WAITING)

    def poke(self, pools: Iterable[str]) -> None:
        """Have the hand-over of pools poked soon."""
        chosen = list(pools)
        if chosen and self._room.acquire(blocking=False):
            self._thread.submit(self._poke, chosen)

    def _poke(self, pools: list[str]) -> None:
        try:
            poke_pools(pools)
        finally:
            self._room.release()

    def close(self) -> None:
        """Stop; what still waits is left to the sweep."""
        self._thread.shutdown(wait=False, cancel_futures=True)
