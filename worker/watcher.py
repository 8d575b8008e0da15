"""The watcher: a thread in every worker that pokes when there is work, and restarts a worker that is stuck.

It is why a lost poke, a lost Celery message or a restarted Valkey loses nothing: whatever waits in the
stream or falls due in PostgreSQL is poked again within a second, by every worker that lives. Where Valkey
takes no poke, since it is full or away, the watcher does the work itself: a full stream empties, and
deadlines wait for nobody.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any, Final

import redis
from celery import signals

from schemas.errors import Away
from worker import poking, queue, sweep_task, tasks
from worker.drain import consumer_name, drain
from worker.locks import forget_locks, is_held, lock_key
from worker.logs import get_logger
from worker.now import now, wall_time
from worker.settings import settings
from worker.store.db import in_transaction
from worker.sweeping import due_pools

log = get_logger()

#: Seconds after which a slot that was poked and did not start is poked again.
REPOKE_S: Final = 1.0
#: Entries that wait before another slot is worth its process.
PER_SLOT: Final = 1_000
#: Seconds without an empty stream that are worth another slot: the first may be held up by somebody's lock.
PER_SLOT_S: Final = 2.0
#: Seconds between two looks while drains are at work: they take new entries by themselves.
BUSY_S: Final = 0.1
#: The slot under which the watcher itself drains when no poke can be sent.
OWN_SLOT: Final = 99


def work_by_hand() -> None:
    """Do here what pokes would have others do."""
    try:
        drain(OWN_SLOT, tasks.after_judged, linger_ms=1, for_s=2.0)
        sweep_task.sweep()
        for pool in in_transaction(lambda connection: due_pools(connection, now())):
            tasks.hand_over(pool)
        tasks.deliver()
    except (Away, redis.RedisError) as away:
        log.warning("store.away", reason=type(away).__name__)


class Watcher(threading.Thread):
    """Pokes drains while the stream holds entries, sweeps at a steady pace, and watches progress."""

    def __init__(self, slots: int) -> None:
        """Watch for a worker with so many drain slots."""
        super().__init__(name="watcher", daemon=True)
        self._slots = slots
        self._poked = [0.0] * slots
        self._next_sweep = 0.0
        self._parent = os.getppid()
        self._away = False
        self._by_hand = False
        self._last_empty = time.monotonic()

    def run(self) -> None:
        """Watch until the process ends."""
        started = False
        while True:
            try:
                if not started:
                    forget_locks()
                    poking.note_sweep(wall_time())
                    started = True
                self._once()
                self._note_away(away=False)
            except redis.RedisError:
                self._note_away(away=True)
                time.sleep(0.3)
            except Exception:  # the watcher must outlive anything: without it nothing is poked
                log.exception("watcher.failed")
                time.sleep(1.0)

    def _once(self) -> None:
        self._end_with_parent()
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + settings().sweep_every_s
            self._sweep()
        waiting = queue.backlog()
        if waiting == 0:
            self._last_empty = time.monotonic()
            block_ms = max(1, int((self._next_sweep - time.monotonic()) * 1000))
            queue.client().xread({queue.STREAM: "$"}, count=1, block=block_ms)
            return
        waiting_s = time.monotonic() - self._last_empty
        self._poke_drains(1 + waiting // PER_SLOT + int(waiting_s / PER_SLOT_S))
        time.sleep(BUSY_S)

    def _sweep(self) -> None:
        if not poking.poke(sweep_task.sweep):
            self._by_hand = True
            work_by_hand()
        elif self._by_hand:
            self._by_hand = False
            poking.note_sweep(wall_time())  # while no poke could be sent none could be worked off
        else:
            self._check_progress()

    def _poke_drains(self, wanted: int) -> None:
        for slot in range(min(wanted, self._slots)):
            if time.monotonic() - self._poked[slot] < REPOKE_S:
                continue
            if is_held(f"judge:{slot}"):
                continue
            self._poked[slot] = time.monotonic()
            if not poking.poke(tasks.judge, slot):
                drain(OWN_SLOT, tasks.after_judged, linger_ms=1, for_s=2.0)

    def _check_progress(self) -> None:
        """Restart when pokes are sent and not worked off: alive is not the same as working."""
        silent_s = wall_time() - poking.last_sweep()
        if silent_s < settings().stall_after_s:
            return
        log.error("worker.stalled", worker=consumer_name(0), seconds=round(silent_s))
        if os.getpgid(0) == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(70)

    def _end_with_parent(self) -> None:
        if os.getppid() != self._parent:
            log.error("worker.orphaned", worker=consumer_name(0))
            os.kill(os.getpid(), signal.SIGTERM)
            self._parent = os.getppid()

    def _note_away(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            log.warning("queue.away" if away else "queue.back", worker=consumer_name(0))
            if not away:
                poking.note_sweep(wall_time())  # the time without a queue does not count as a stall


@signals.worker_init.connect
def wait_for_room(**_: Any) -> None:
    """Work by hand until Valkey takes pokes: Celery cannot even start on a full one, which then never empties."""
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            queue.client().set(lock_key("room"), 1, px=1)
        except redis.RedisError as error:
            log.warning("queue.takes_no_poke", reason=type(error).__name__)
        else:
            return
        work_by_hand()
        time.sleep(settings().sweep_every_s)


@signals.worker_ready.connect
def start(sender: Any, **_: Any) -> None:
    """Start the watcher once the worker takes pokes."""
    Watcher(slots=max(1, int(sender.pool.limit) - 1)).start()


@signals.worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Take the locks away, so that running drains end after the batch in hand."""
    with suppress(redis.RedisError):
        forget_locks()
