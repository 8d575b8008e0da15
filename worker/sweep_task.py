"""The task that handles everything that fell due, step by step; whatever one step does, the others are done."""

import time
from typing import Final

import redis
from celery.exceptions import SoftTimeLimitExceeded

from schemas.errors import Away
from worker import fetching, queue, rescoring, rulebooks, tidying
from worker.app import app
from worker.breaching import tell_escalations
from worker.clocks import BATCH, follow_changes, measure_ended
from worker.drain import consumer_name
from worker.leavers import sweep_leavers
from worker.logs import get_logger
from worker.now import now, wall_time
from worker.poking import note_sweep, poke, taken
from worker.settings import settings
from worker.store import outbox
from worker.store.db import in_transaction
from worker.store.enrichment import has_due
from worker.sweeping import due_pools, sweep_batch
from worker.tasks import HAND_OVER_S, after_judged, deliver, enrich, fetch, poke_pools, push_crm, rescore

log = get_logger()


#: Seconds for which a flood of deadlines goes before the hand-over of the leads that it brings back.
DEADLINES_FIRST_S: Final = 10.0
#: Seconds between two looks at accounts that may be one.
ACCOUNTS_EVERY_S: Final = 30


@app.task(name="tasuki.sweep")
def sweep() -> None:
    """Handle everything that fell due: clocks, reviews, lines; then have the outbox looked at."""
    taken("tasuki.sweep")
    try:
        note_sweep(wall_time())
        for step in (
            _follow_changes,
            _sweep_clocks,
            _sweep_leavers,
            _after_clocks,
            _sweep_reviews,
            _poke_others,
        ):
            try:
                step()
            except (Away, redis.RedisError, SoftTimeLimitExceeded):
                raise
            except Exception:  # whatever one row of one step does, every other deadline is kept
                log.exception("sweep.failed", what=step.__name__)
    except (Away, redis.RedisError) as away:
        log.warning("store.away", reason=type(away).__name__)


def _sweep_leavers() -> None:
    poke_pools(in_transaction(lambda c: sweep_leavers(c, rulebooks.current(c), now())).pools)


def _poke_others() -> None:
    """Poke what else may be due."""
    poke_pools(in_transaction(lambda c: due_pools(c, now())))
    poke(deliver)
    if settings().crm != "none":
        poke(push_crm)
    if fetching.is_due(now()):
        poke(fetch)
    tidying.wipe_expired(now())
    _poke_enrich()


def _follow_changes() -> None:
    """Reckon open clocks anew after a changed calendar, absence or policy; the next sweep goes on."""
    until = time.monotonic() + HAND_OVER_S
    while time.monotonic() < until:
        done = in_transaction(lambda c: follow_changes(c, rulebooks.current(c), now()))
        note_sweep(wall_time())
        if done.moved:
            log.info("clocks.moved", count=done.moved, entries=done.looked)
        poke_pools(done.pools)
        if not done.more:
            return


def _after_clocks() -> None:
    """Tell escalations that are due, and measure the clocks that have ended."""
    in_transaction(lambda c: outbox.add(c, tell_escalations(c, rulebooks.current(c), now()), now()))
    until = time.monotonic() + HAND_OVER_S
    while time.monotonic() < until:
        measured = in_transaction(lambda c: measure_ended(c, rulebooks.current(c), now()))
        note_sweep(wall_time())
        if measured < BATCH:
            return


def _poke_enrich() -> None:
    """Poke the outside sources when a question is due, and the accounts now and then."""
    asks = settings().enrichment_file is not None and in_transaction(lambda c: has_due(c, now()))
    if asks or queue.client().set("tasuki:looked:accounts", 1, nx=True, ex=ACCOUNTS_EVERY_S):
        poke(enrich)


def _sweep_clocks() -> None:
    more, bad, pools = True, set[int](), set[str]()
    until = time.monotonic() + DEADLINES_FIRST_S
    while more:
        swept = sweep_batch(bad)
        more = swept.more
        note_sweep(wall_time())
        if swept.warned or swept.breached:
            log.info("clocks.swept", warned=swept.warned, breached=swept.breached)
        pools |= swept.pools
        # A kill before loses nothing: the next sweep pokes who waits.
        if not more or time.monotonic() >= until:
            poke_pools(pools)
            pools.clear()


def _sweep_reviews() -> None:
    """Judge a set of leads that are due; where there are many, have all processes take sets of their own."""
    judged, count = rescoring.review_set()
    after_judged(judged)
    if count < rescoring.SET:
        in_transaction(lambda c: rescoring.note_done(c, now()))
        return
    poked = [poke(rescore, consumer_name(0), slot) for slot in range(max(1, settings().concurrency - 1))]
    while not any(poked) and count:  # the queue takes no poke: by hand then
        note_sweep(wall_time())
        judged, count = rescoring.review_set()
        after_judged(judged)
