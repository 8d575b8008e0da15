"""The drain: takes events from the stream in batches, has them judged, and acknowledges after the commit."""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

import redis
from sqlalchemy import Connection

from schemas.errors import Away
from worker import poison, queue, rulebooks
from worker.entry import Entry
from worker.incoming import Incoming, read_entry
from worker.judging import Judged, judge_batch
from worker.logs import get_logger
from worker.now import now
from worker.settings import settings
from worker.store import attempts
from worker.store.db import in_transaction

log = get_logger()

#: An entry that came back so often is judged alone, so that its batch does not suffer with it.
ALONE_AFTER: Final = 2
#: An entry that came back so often, and alone, is quarantined: it takes its worker down each time.
GIVE_UP_AFTER: Final = 5
#: A batch grows to so many times `batch_size` while full ones follow one another: what a batch costs at all is
#: shared by more events, and nobody waits longer for it than for what stands before them.
GROWS_TO: Final = 8
#: Bytes of entries above which a batch grows no further, so that large ones do not fill the memory.
MAX_GROWN_BYTES: Final = 4 * 1024 * 1024
#: Milliseconds that a drain waits for another event before it ends.
LINGER_MS: Final = 1_000


@dataclass(slots=True)
class Drained:
    """What one drain came to."""

    events: int = 0
    applied: int = 0


def consumer_name(slot: int) -> str:
    """Return the stable name under which this worker's slot takes events."""
    return f"{socket.gethostname()}-{os.environ.get('TASUKI_WORKER_NAME', 'worker')}-{slot}"


class BatchSize:
    """How many entries the next batch takes at most: more while the stream is full, few again once it is not."""

    def __init__(self, least: int) -> None:
        self._least = least
        self.next = least

    def took(self, entries: Sequence[Entry]) -> None:
        """Note what the last batch was."""
        size = sum(len(value) for entry in entries for value in entry.fields.values())
        if len(entries) < self.next:
            self.next = self._least
        elif size * 2 <= MAX_GROWN_BYTES:
            self.next = min(self.next * 2, self._least * GROWS_TO)
        elif size > MAX_GROWN_BYTES:
            self.next = max(self.next // 2, self._least)


class _Keeper(threading.Thread):
    """Keeps what a drain has in hand while its batch is slow: only a dead or stopped worker loses it."""

    def __init__(self, consumer: str, alive: Callable[[], bool]) -> None:
        super().__init__(name="keeper", daemon=True)
        self._consumer = consumer
        self._alive = alive
        self._done = threading.Event()
        self.in_hand: Sequence[Entry] = ()
        #: Whether another took over, or this worker is to stop.
        self.lost = False

    def run(self) -> None:
        while not self._done.wait(settings().claim_after_s / 3):
            try:
                self.lost = self.lost or not self._alive()
                queue.keep(self._consumer, self.in_hand)
            except redis.RedisError:
                pass  # then it may be taken over: double work, and no harm

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def drain(
    slot: int, on_judged: Callable[[Judged], None], *, linger_ms: int = LINGER_MS, for_s: float = 60.0,
    alive: Callable[[], bool] = lambda: True,
) -> Drained:  # fmt: skip
    """Judge what the stream holds until it stays empty for `linger_ms`, or for `for_s` seconds.

    Args:
        slot: which of this worker's drains this is.
        on_judged: called after each commit, to poke what follows.
        linger_ms: how long to wait for another event before ending.
        for_s: the longest run; the watcher pokes again.
        alive: keeps the slot's lock; called every few seconds, from a thread. False ends the drain.

    """
    consumer = consumer_name(slot)
    parent = os.getppid()
    until = time.monotonic() + for_s
    total = Drained()
    recover = True
    last_claim = 0.0
    size = BatchSize(settings().batch_size)
    with _Keeper(consumer, alive) as keeper:
        while time.monotonic() < until and os.getppid() == parent and not keeper.lost:
            try:
                if recover:
                    entries, came_back = queue.read_own(consumer, settings().batch_size), True
                    recover = bool(entries)
                elif time.monotonic() - last_claim > settings().claim_after_s / 2:
                    last_claim = time.monotonic()
                    idle_ms = int(settings().claim_after_s * 1000)
                    entries, came_back = queue.claim_abandoned(consumer, settings().batch_size, idle_ms), True
                else:
                    entries, came_back = queue.read_new(consumer, size.next, linger_ms), False
                    if not entries:
                        break
                    size.took(entries)
            except queue.AWAY_ERRORS:
                log.warning("queue.away")
                time.sleep(0.5)
                recover = True
                continue
            except redis.ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                queue.ensure_group()
                recover = True
                continue
            if entries:
                keeper.in_hand = entries
                recover = not _handle(entries, came_back, on_judged, total) or recover
                keeper.in_hand = ()
    return total


def _handle(
    entries: Sequence[Entry], came_back: bool, on_judged: Callable[[Judged], None], total: Drained
) -> bool:
    """Judge entries and acknowledge them; return False when a store was away and nothing was lost."""
    try:
        if came_back:
            _again(entries, on_judged, total)
        else:
            _judge(list(entries), on_judged, total)
    except Away as away:
        log.warning("store.away", reason=str(away))
        time.sleep(0.5)
        return False
    except queue.AWAY_ERRORS:
        log.warning("queue.away")
        time.sleep(0.5)
        return False
    return True


def _again(entries: Sequence[Entry], on_judged: Callable[[Judged], None], total: Drained) -> None:
    """Judge entries that came back: a try is counted before it is made, and those of many tries go alone.

    Those of fewer tries go first, so that what is blocked by one that fails is neither counted nor kept.
    """
    ids = [entry.stream_id for entry in entries]
    tries = in_transaction(lambda connection: _tries(connection, ids))
    together = [entry for entry in entries if tries.get(entry.stream_id, 0) < ALONE_AFTER]
    alone = [entry for entry in entries if tries.get(entry.stream_id, 0) >= ALONE_AFTER]
    alone.sort(key=lambda entry: tries[entry.stream_id])
    for group in [together, *([entry] for entry in alone)]:
        if group:
            names = [entry.stream_id for entry in group]
            hopeless = tries.get(names[0], 0) >= GIVE_UP_AFTER
            in_transaction(partial(attempts.count, stream_ids=names, now=now()))
            try:
                _judge(group, on_judged, total, hopeless=hopeless)
            except poison.UnfitStoreError:
                in_transaction(partial(attempts.forget, stream_ids=names))
                raise
            in_transaction(partial(attempts.forget, stream_ids=names))


def _tries(connection: Connection, stream_ids: Sequence[str]) -> dict[str, int]:
    rulebooks.current(connection)  # without one no try is made, hence none counted
    return attempts.known(connection, stream_ids)


def _judge(
    entries: list[Entry], on_judged: Callable[[Judged], None], total: Drained, *, hopeless: bool = False
) -> None:
    items = [item for entry in entries for item in read_entry(entry)]
    if hopeless:
        log.error("event.gave_up", stream_id=entries[0].stream_id, attempts=GIVE_UP_AFTER)
        for item in items:
            poison.condemn(
                item, f"failed {GIVE_UP_AFTER} times and took its worker down; mend the cause, then retry"
            )
    _judge_items(items, len(entries), on_judged, total)
    queue.acknowledge(entries)


def _judge_items(
    items: list[Incoming], entries: int, on_judged: Callable[[Judged], None], total: Drained
) -> None:
    def done(count: int, judged: Judged) -> None:
        total.events += count
        total.applied += judged.applied
        on_judged(judged)

    poison.judge_items(items, entries, _commit, done)


def _commit(items: list[Incoming], entries: int) -> Judged:
    def work(connection: Connection) -> Judged:
        return judge_batch(connection, items, rulebooks.current(connection), now(), consumer_name(0), entries)

    judged = poison.in_one_transaction(items, work)
    if judged.quarantined or judged.ready:
        log.info(
            "batch.judged", events=len(items), applied=judged.applied, repeats=judged.repeats,
            quarantined=judged.quarantined, ready=judged.ready,
        )  # fmt: skip
    return judged
