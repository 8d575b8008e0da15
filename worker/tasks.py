"""The Celery tasks but for the sweep: a few lines each. They may run twice or never; both are harmless."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import redis
import stamina
from celery.exceptions import SoftTimeLimitExceeded

from schemas.errors import Away, Refused
from worker import fetching, queue, rescoring, rulebooks
from worker.account_finding import join_bridged, propose
from worker.app import app
from worker.crm.push import LEASE_S, push_due
from worker.delivering import Delivered, deliver_for
from worker.drain import drain
from worker.enrichment.asking import ask_due
from worker.handing import hand_over as hand_over_pool
from worker.judging import Judged
from worker.locks import Hold, only_one
from worker.logs import get_logger
from worker.now import now
from worker.poking import poke, taken
from worker.settings import settings
from worker.store.db import in_transaction

log = get_logger()

#: Seconds that one hand-over may run; what is left gets a poke of its own, so that sweeps have their turn.
HAND_OVER_S: Final = 5.0
#: Seconds between two pokes of a pool while one full batch follows another.
FULL_LOAD_S: Final = 0.3
#: Seconds that one delivery may run; the sweep pokes the next.
DELIVER_S: Final = 20.0
#: Seconds that reading back may run; the sweep pokes the next.
FETCH_S: Final = 5.0
#: Seconds that one round of outside sources may run; the sweep pokes the next.
ENRICH_S: Final = 10.0


def poke_pools(pools: Iterable[str]) -> None:
    """Poke the hand-over of pools."""
    for pool in pools:
        poke(hand_over, pool)


def after_judged(judged: Judged) -> None:
    """Poke what follows a committed batch."""
    poke_pools(judged.pools | judged.freed)


class _Followers:
    """Pokes the hand-over of pools: at once, but only so often while full batches follow one another.

    Then each batch makes a few leads ready in the same few pools, and a hand-over costs as much for one lead
    as for many. What is held back when a drain ends or dies is found by the sweep.
    """

    def __init__(self) -> None:
        self._pools: set[str] = set()
        self._next = 0.0

    def after(self, judged: Judged) -> None:
        """Note the pools of a committed batch, and poke them if it is time."""
        self._pools |= judged.pools | judged.freed
        if judged.events < settings().batch_size or time.monotonic() >= self._next:
            self.poke()

    def poke(self) -> None:
        """Poke all pools that were noted."""
        poke_pools(self._pools)
        self._pools.clear()
        self._next = time.monotonic() + FULL_LOAD_S


@app.task(name="tasuki.judge")
def judge(slot: int = 0) -> None:
    """Drain the stream, once a slot at a time."""
    taken("tasuki.judge", slot)
    with only_one(f"judge:{slot}", 15) as hold:
        if hold.mine:
            followers = _Followers()
            drain(slot, followers.after, alive=hold.extend)
            followers.poke()


@app.task(name="tasuki.hand_over")
def hand_over(pool: str) -> None:
    """Place the leads that wait for a pool."""
    taken("tasuki.hand_over", pool)
    try:
        offered = 0
        with only_one(f"hand_over:{pool}", 30) as hold:
            more = hold.mine  # whoever has the pool looks again before it ends; the sweep finds what is left
            until = time.monotonic() + HAND_OVER_S
            while more and time.monotonic() < until:
                hold.extend()
                handed = in_transaction(lambda c: hand_over_pool(c, pool, rulebooks.current(c), now()))
                more = handed.more
                offered += handed.offered
                poke_pools(handed.moved_to)
        if hold.mine and more:
            poke(hand_over, pool)
        if offered:
            log.info("leads.offered", pool=pool, offered=offered)
            poke(deliver)
    except (Away, redis.RedisError) as away:
        log.warning("store.away", reason=type(away).__name__)


@app.task(name="tasuki.rescore")
def rescore(worker: str, slot: int) -> None:
    """Judge held leads again for a while, then let others have their turn; what is left gets a poke of its own."""
    taken("tasuki.rescore", worker, slot)
    try:
        with only_one(f"rescore:{worker}:{slot}", 30) as hold:
            if not hold.mine:
                return
            count, more = rescoring.rescore_for(rescoring.SHARE_S, after_judged, hold.extend)
        if more:
            poke(rescore, worker, slot)
        log.info("leads.rescored", count=count)
    except (Away, redis.RedisError) as away:
        log.warning("store.away", reason=type(away).__name__)


@contextmanager
def _turn(name: str, for_s: int) -> Iterator[Hold]:
    """Note that a task was taken up, hold its lock meanwhile, and say in words why it stopped short."""
    taken(f"tasuki.{name}")
    try:
        with only_one(name, for_s) as hold:
            yield hold
    except (Away, redis.RedisError) as away:
        log.warning("store.away", reason=type(away).__name__)
    except SoftTimeLimitExceeded:
        log.warning("task.out_of_time", task=name)


@app.task(name="tasuki.deliver")
def deliver() -> None:
    """Send what the outbox holds, one sender at a time so that a burst of mail starves nobody."""
    with _turn("deliver", 60) as hold:
        done = deliver_for(DELIVER_S, hold.extend) if hold.mine else Delivered()
        if done.sent or done.failed or done.refused:
            log.info("messages.delivered", sent=done.sent, failed=done.failed, reason=None)


@app.task(name="tasuki.push_crm")
def push_crm() -> None:
    """Write to the CRM the leads that wait for it, one writer a worker at a time."""
    with _turn("push_crm", int(LEASE_S)) as hold:
        until = time.monotonic() + DELIVER_S
        while hold.mine and time.monotonic() < until:
            hold.extend()
            done = push_due(now())
            if not done.tried:
                return
            log.info("crm.written", sent=done.written, failed=done.pending, count=done.tried)


@app.task(name="tasuki.fetch")
def fetch() -> None:
    """Read back what thin events name, one reader of a worker at a time."""
    with _turn("fetch", 60) as hold:
        until = time.monotonic() + FETCH_S
        while hold.mine and time.monotonic() < until and fetching.fetch_some(now()):
            hold.extend()


@app.task(name="tasuki.enrich")
def enrich() -> None:
    """Ask outside sources what is due, and join accounts that leads showed to be one; one at a time, for a while."""
    with _turn("enrich", 60) as hold:
        if not hold.mine:
            return
        until = time.monotonic() + ENRICH_S
        try:
            ask_due(now(), until)
        except Refused as refusal:
            log.warning("enrichment.refused", reason=str(refusal)[:200])
        in_transaction(lambda c: join_bridged(c, now()))
        while in_transaction(lambda c: propose(c, now())) and time.monotonic() < until:
            hold.extend()
            if (
                queue.backlog() > settings().batch_size
            ):  # events come first; some names are compared at every poke
                return


@app.task(name="tasuki.intake", acks_late=False, Strategy="worker.celery_door:strategy")
def intake(events: Any) -> None:
    """Append canonical events (one, or a list) to the stream, for producers that speak Celery."""
    items = events if isinstance(events, list) else [events]
    for attempt in stamina.retry_context(on=Away, attempts=60, timeout=100, wait_max=3):
        with attempt:  # this message is acknowledged already: what it carries must not be dropped lightly
            queue.append({"event": msgspec.json.encode(item)} for item in items)
