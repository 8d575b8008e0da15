"""Many callers, one commit: what comes while one commit runs shares the next. For threads and for coroutines."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Weight of one commit at most, but for an item that alone is heavier.
_MOST: Final = 500


class LateError(Exception):
    """The commit did not come back in time; it may still be done."""


class _Ticket(Generic[T]):
    """An item and who waits for it: a thread, or a future of an event loop."""

    def __init__(self, item: T, weight: int, future: "asyncio.Future[None] | None" = None) -> None:
        self.item = item
        self.weight = weight
        self.future = future
        self.done = threading.Event() if future is None else None
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

    def submit(self, item: T, timeout_s: float, *, weight: int = 1) -> None:
        """Have an item committed; it is safe once this returns.

        Raises:
            LateError: not within `timeout_s`.
            Exception: whatever the commit raised, for every item that shared it.

        """
        ticket = _Ticket(item, weight)
        self._put(ticket)
        assert ticket.done is not None  # noqa: S101 - it has no future
        if not ticket.done.wait(timeout_s):
            ticket.is_withdrawn = True
            raise LateError
        if ticket.error is not None:
            raise ticket.error

    async def submit_soon(self, item: T, timeout_s: float, *, weight: int = 1) -> None:
        """Do as `submit` does, without holding up the event loop.

        Raises:
            LateError: not within `timeout_s`.
            Exception: whatever the commit raised, for every item that shared it.

        """
        loop = asyncio.get_running_loop()
        ticket = _Ticket(item, weight, loop.create_future())
        assert ticket.future is not None  # noqa: S101 - it was just made
        alarm = loop.call_later(timeout_s, _give_up, ticket)
        self._put(ticket)
        try:
            await ticket.future
        finally:
            alarm.cancel()

    def _put(self, ticket: _Ticket[T]) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(ticket)
            self._changed.notify()

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
                taken = self._take()
            self._settle([ticket for ticket in taken if not ticket.is_withdrawn])

    def _take(self) -> list[_Ticket[T]]:
        taken = [self._waiting.popleft()]
        weight = taken[0].weight
        while self._waiting and weight + self._waiting[0].weight <= _MOST:
            taken.append(self._waiting.popleft())
            weight += taken[-1].weight
        return taken

    def _settle(self, tickets: list[_Ticket[T]]) -> None:
        if not tickets:
            return
        try:
            self._commit([ticket.item for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - each caller gets it, in its own thread or coroutine
            for ticket in tickets:
                ticket.error = error
        self.commits += 1
        self.items += len(tickets)
        futures: dict[asyncio.AbstractEventLoop, list[_Ticket[T]]] = {}
        for ticket in tickets:
            if ticket.done is not None:
                ticket.done.set()
            elif ticket.future is not None:
                futures.setdefault(ticket.future.get_loop(), []).append(ticket)
        for loop, theirs in futures.items():  # a loop is woken once for all who wait in it
            with suppress(RuntimeError):  # it was closed meanwhile: nobody is there to be told
                loop.call_soon_threadsafe(_tell, theirs)


def _give_up(ticket: _Ticket[T]) -> None:
    ticket.is_withdrawn = True
    if ticket.future is not None and not ticket.future.done():
        ticket.future.set_exception(LateError())


def _tell(tickets: list[_Ticket[T]]) -> None:
    for ticket in tickets:
        if ticket.future is None or ticket.future.done():
            continue
        if ticket.error is None:
            ticket.future.set_result(None)
        else:
            ticket.future.set_exception(ticket.error)
