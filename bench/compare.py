"""The stream beside what one would do with Celery alone: a task that does nothing, and one task per event."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Final

from bench.cpu import Spent
from bench.events import fresh
from bench.figures import Figures, Say, said
from bench.rig import Rig, wait_until
from bench.sizes import Sizes
from worker import queue
from worker.now import new_id

#: Processes of the worker for one task per event: with eight, commits share the disk's time best.
JUDGING_PROCESSES: Final = 8
NO_OP_PROCESSES: Final = 2
_QUEUE: Final = "bench"


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Measure both, and the stream itself if this run has not measured it, and take the ratios."""
    if figures.median("stream.fresh.rate") is None:
        with rig.worker():
            _stream(rig, sizes, figures, say)
    with rig.task_worker(NO_OP_PROCESSES):
        _tasks(rig, "bench.no_op", 200)
        for _ in range(sizes.runs):
            _run(rig, "compare.no_op_task", "bench.no_op", sizes.no_op_tasks, NO_OP_PROCESSES, figures, say)
    with rig.task_worker(JUDGING_PROCESSES):
        _tasks(rig, "bench.judge_one", 200)
        for _ in range(sizes.runs):
            rig.empty()
            _run(
                rig,
                "compare.one_task",
                "bench.judge_one",
                sizes.judged_tasks,
                JUDGING_PROCESSES,
                figures,
                say,
            )
            judged = rig.number("SELECT count(*) FROM tasuki.event")
            if judged != sizes.judged_tasks:
                raise RuntimeError(f"{judged:g} of {sizes.judged_tasks} events were judged")
    figures.ratio("compare.stream_to_one_task", "stream.fresh.rate", "compare.one_task.rate")
    figures.ratio("compare.stream_to_one_task_cpu", "compare.one_task.cpu", "stream.fresh.cpu")
    figures.ratio("compare.stream_to_no_op_task", "stream.fresh.rate", "compare.no_op_task.rate")


def _stream(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    for _ in range(sizes.runs):
        rig.empty()
        wall, spent = rig.run_through(fresh(sizes.events, rig.new_leads(sizes.events)))
        _note("stream.fresh", wall, spent, sizes.events, figures, say)


def _run(rig: Rig, name: str, task: str, count: int, processes: int, figures: Figures, say: Say) -> None:
    wall, spent = _tasks(rig, task, count)
    _note(name, wall, spent, count, figures, say, processes=processes)


def _note(name: str, wall: float, spent: Spent, count: int, figures: Figures, say: Say, **sizes: int) -> None:
    micro = 1e6 / count
    figures.add(f"{name}.rate", count / wall, "events/s", events=count, **sizes)
    figures.add(f"{name}.cpu", spent.total * micro, "us CPU/event")
    say(f"{name}: {said(count / wall)} events/s, {said(spent.total * micro)} us CPU an event")


def _tasks(rig: Rig, task: str, count: int) -> tuple[float, Spent]:
    """Let the worker do a full queue of tasks; return wall seconds and CPU seconds."""
    client = queue.client()
    waiting = f"{_QUEUE}:filled"
    _fill(waiting, task, fresh(count, rig.new_leads(count)))
    before = rig.spent()
    client.rename(waiting, _QUEUE)
    wait_until(lambda: int(client.llen(_QUEUE)) < count, 60, every_s=0.002)
    wall = wait_until(lambda: client.llen(_QUEUE) == 0, 600, every_s=0.005)
    if task == "bench.judge_one":
        sql = "SELECT coalesce(sum(applied), 0) FROM tasuki.batch"
        wall += wait_until(lambda: rig.number(sql) >= count, 30, every_s=0.01)
        rig.settle()
    return wall, rig.spent() - before


def _fill(key: str, task: str, events: Iterable[bytes]) -> None:
    """Write messages as Celery's own producer would (protocol 2), many at a time."""
    client = queue.client()
    client.delete(key)
    while part := [_message(task, event) for event in islice(events, 500)]:
        client.lpush(key, *part)


def _message(task: str, event: bytes) -> bytes:
    body = json.dumps(
        [[event.decode()], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    )
    return json.dumps(
        {
            "body": body, "content-type": "application/json", "content-encoding": "utf-8",
            "headers": {"task": task, "id": new_id(), "lang": "py", "retries": 0, "argsrepr": "-"},
            "properties": {
                "delivery_tag": new_id(), "delivery_info": {"exchange": "", "routing_key": _QUEUE},
            },
        }
    ).encode()  # fmt: skip
