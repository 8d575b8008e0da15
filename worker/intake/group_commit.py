"""Many callers, one commit: what comes while one commit runs shares the next."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Items of one commit at most.
_MOST: Final = 500


class LateError(Exception):
    """The commit did not come back in time; it may still be done."""


class _Ticket(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item
        self.done = threading.Event()
        self.error: Exception | None = None
        self.is_withdrawn = False


class GroupCommit(Generic[T]):
    """One thread that commits what waits, all at once. A caller never waits longer than it says."""

    def __init__(self, commit: Callable[[list[T]], object], name: str) -> None:
        """Begin idle; the thread starts with the first item."""
        self._commit = commit
        self._name = name
        self._changed = threading.Condition()
        self._waiting: deque[_Ticket[T]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False
        #: Commits so far, and items in them.
        self.commits = 0
        self.items = 0

    def submit(self, item: T, timeout_s: float) -> None:
        """Have an item committed; it is safe once this returns.

        Raises:
            LateError: not within `timeout_s`.
            Exception: whatever the commit raised, for every item that shared it.

        """
        ticket = _Ticket(item)
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(ticket)
            self._changed.notify()
        if not ticket.done.wait(timeout_s):
            ticket.is_withdrawn = True
            raise LateError
        if ticket.error is not None:
            raise ticket.error

    def close(self) -> None:
        """Commit what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                taken = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            self._settle([ticket for ticket in taken if not ticket.is_withdrawn])

    def _settle(self, tickets: list[_Ticket[T]]) -> None:
        if not tickets:
            return
        try:
            self._commit([ticket.item for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - each caller gets it, in its own thread
            for ticket in tickets:
                ticket.error = error
        self.commits += 1
        self.items += len(tickets)
        for ticket in tickets:
            ticket.done.set()
