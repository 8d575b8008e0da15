"""Celery tasks that only the bench has: nothing at all, and one task per event doing the same judged work."""

from celery import signals
from sqlalchemy import Connection

from worker import rulebooks
from worker.app import app
from worker.incoming import read_entry
from worker.judging import Judged, judge_batch
from worker.now import now, wall_time
from worker.queue import Entry
from worker.store.db import in_transaction, transaction
from worker.tasks import after_judged


@app.task(name="bench.no_op", queue="bench")
def no_op(event: str) -> None:
    """Do nothing with an event."""


@app.task(name="bench.judge_one", queue="bench")
def judge_one(event: str) -> None:
    """Judge one event in a transaction of its own, by the very code that judges batches."""
    wall_ms = int(wall_time() * 1000)
    items = read_entry(Entry(f"{wall_ms}-0", wall_ms, {b"event": event.encode()}))

    def work(connection: Connection) -> Judged:
        loaded = rulebooks.current(connection)
        return judge_batch(connection, items, loaded, now(), "bench", 1)

    after_judged(in_transaction(work))


@signals.worker_process_init.connect
def _compile_rulebook(**_: object) -> None:
    """Have the rulebook compiled before the first task, so that it is not part of what is measured."""
    with transaction() as connection:
        rulebooks.current(connection)
