"""The drain: takes events from the stream in batches, has them judged, and acknowledges after the commit."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import redis
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from schemas.errors import Away, NotUnderstood
from worker import queue, rulebooks
from worker.incoming import Incoming, read_entry
from worker.judging import Judged, judge_batch
from worker.logs import get_logger
from worker.now import now
from worker.queue import Entry
from worker.settings import settings
from worker.store import quarantine
from worker.store.db import in_transaction, is_away, transaction

log = get_logger()

#: An entry that came back so often is judged alone, so that its batch does not suffer with it.
ALONE_AFTER: Final = 2
#: An entry that came back so often, and alone, is quarantined: it takes its worker down each time.
GIVE_UP_AFTER: Final = 5
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


def drain(
    slot: int, on_judged: Callable[[Judged], None], *, linger_ms: int = LINGER_MS, for_s: float = 60.0,
    alive: Callable[[], None] = lambda: None,
) -> Drained:  # fmt: skip
    """Judge what the stream holds until it stays empty for `linger_ms`, or for `for_s` seconds.

    Args:
        slot: which of this worker's drains this is.
        on_judged: called after each commit, to poke what follows.
        linger_ms: how long to wait for another event before ending.
        for_s: the longest run; the watcher pokes again.
        alive: called between batches, to keep the slot's lock.

    """
    consumer = consumer_name(slot)
    parent = os.getppid()
    until = time.monotonic() + for_s
    total = Drained()
    recover = True
    last_claim = 0.0
    while time.monotonic() < until and os.getppid() == parent:
        alive()
        try:
            if recover:
                queue.ensure_group()
                entries, came_back = queue.read_own(consumer, settings().batch_size), True
                recover = bool(entries)
            elif time.monotonic() - last_claim > settings().claim_after_s / 2:
                last_claim = time.monotonic()
                idle_ms = int(settings().claim_after_s * 1000)
                entries, came_back = queue.claim_abandoned(consumer, settings().batch_size, idle_ms), True
            else:
                entries, came_back = queue.read_new(consumer, settings().batch_size, linger_ms), False
                if not entries:
                    break
        except queue.AWAY_ERRORS:
            log.warning("queue.away")
            time.sleep(0.5)
            recover = True
            continue
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            recover = True
            continue
        if entries:
            recover = not _handle(entries, came_back, on_judged, total) or recover
    return total


def _handle(
    entries: Sequence[Entry], came_back: bool, on_judged: Callable[[Judged], None], total: Drained
) -> bool:
    """Judge entries and acknowledge them; return False when a store was away and nothing was lost."""
    try:
        groups = _with_tries(entries) if came_back else [(list(entries), False)]
        for group, hopeless in groups:
            _judge(group, on_judged, total, hopeless=hopeless)
            queue.acknowledge(group)
        if came_back:
            with transaction() as connection:
                quarantine.forget_tries(connection, [entry.stream_id for entry in entries])
    except Away as away:
        log.warning("store.away", reason=str(away))
        time.sleep(0.5)
        return False
    except queue.AWAY_ERRORS:
        log.warning("queue.away")
        time.sleep(0.5)
        return False
    return True


def _with_tries(entries: Sequence[Entry]) -> list[tuple[list[Entry], bool]]:
    """Count a try for entries that came back; group those of few tries, single out the others."""
    ids = [entry.stream_id for entry in entries]
    tries = in_transaction(lambda connection: quarantine.count_tries(connection, ids, now()))
    together = [entry for entry in entries if tries[entry.stream_id] <= ALONE_AFTER]
    alone = [entry for entry in entries if tries[entry.stream_id] > ALONE_AFTER]
    groups: list[tuple[list[Entry], bool]] = [(together, False)] if together else []
    return groups + [([entry], tries[entry.stream_id] > GIVE_UP_AFTER) for entry in alone]


def _judge(
    entries: list[Entry], on_judged: Callable[[Judged], None], total: Drained, *, hopeless: bool
) -> None:
    items = [item for entry in entries for item in read_entry(entry)]
    if hopeless:
        log.error("event.gave_up", stream_id=entries[0].stream_id, attempts=GIVE_UP_AFTER)
        for item in items:
            _condemn(
                item, f"failed {GIVE_UP_AFTER} times and took its worker down; mend the cause, then retry"
            )
    _judge_items(items, len(entries), on_judged, total)


def _condemn(item: Incoming, why: str) -> None:
    item.event = None
    if item.problem is None:
        item.problem = NotUnderstood("event", why)


def _judge_items(
    items: list[Incoming], entries: int, on_judged: Callable[[Judged], None], total: Drained
) -> None:
    """Judge in one transaction; when that fails for a reason of the data, halve until the poison is found."""
    try:
        judged = _commit(items, entries)
    except Away:
        raise
    except Exception as error:  # the delivery edge: whatever one event does, its neighbours go through
        if isinstance(error, DBAPIError) and is_away(error):
            raise Away("PostgreSQL is away") from error
        if len(items) > 1:
            middle = len(items) // 2
            _judge_items(items[:middle], entries, on_judged, total)
            _judge_items(items[middle:], 0, on_judged, total)
            return
        if items[0].problem is not None:
            raise
        log.exception("event.poison", stream_id=items[0].stream_id, event_id=items[0].event_id)
        _condemn(items[0], f"could not be judged: {_said(error)}")
        judged = _commit(items, entries)
    total.events += len(items)
    total.applied += judged.applied
    on_judged(judged)


def _said(error: Exception) -> str:
    """Say what failed, without the values of the event."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return f"{type(error.orig).__name__}: {str(error.orig).splitlines()[0][:200]}"
    return type(error).__name__


def _commit(items: list[Incoming], entries: int) -> Judged:
    copies = [(item.event, item.problem) for item in items]

    def work(connection: Connection) -> Judged:
        for item, (event, problem) in zip(items, copies, strict=True):
            item.event, item.problem = (
                event,
                problem,
            )  # a conflict found in a rolled-back try is looked at anew
        loaded = rulebooks.current(connection)
        return judge_batch(connection, items, loaded, now(), consumer_name(0), entries)

    judged = in_transaction(work)
    if judged.quarantined or judged.ready:
        log.info(
            "batch.judged", events=len(items), applied=judged.applied, repeats=judged.repeats,
            quarantined=judged.quarantined, ready=judged.ready,
        )  # fmt: skip
    return judged
