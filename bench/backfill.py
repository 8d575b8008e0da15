"""Backfill of history beside a running worker: rows/s, memory, and how long live events wait meanwhile."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

import psutil

from bench.events import fresh, many_a_lead
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes
from worker import queue

_MIB = 1024 * 1024
#: Seconds between two live events.
_PROBE_EVERY_S = 0.25


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Take in a file of history while single events come in live, and look at both."""
    rows = sizes.backfill_rows
    path = rig.folder / "history.jsonl"
    with path.open("wb") as file:
        file.writelines(one + b"\n" for one in many_a_lead(rows, rig.new_leads(rows), sizes.events_a_lead))
    with rig.worker():
        rig.empty()
        first = rig.new_leads(100_000)
        started = time.perf_counter()
        process = _start(path)
        before = rig.spent()
        memory, waits, cpu = _watch(process, first)
        wall = time.perf_counter() - started
        after = rig.spent()
        answer = json.loads(process.communicate()[0])["files"][0]
    assert answer["applied"] + answer["repeats"] == rows, answer
    kept = {"rows": rows, "mib_by_tenth": [round(memory[len(memory) * n // 10], 1) for n in range(10)]}
    figures.add("backfill.rate", rows / wall, "rows/s", **kept)
    figures.add("backfill.cpu", 1e6 * cpu / rows, "us/row", rows=rows)
    figures.add("backfill.cpu_postgres", 1e6 * (after.postgres - before.postgres) / rows, "us/row", rows=rows)
    figures.add("backfill.memory", max(memory), "MiB", rows=rows)
    figures.add(
        "backfill.growth",
        100 * (max(memory) / max(memory[: len(memory) // 2]) - 1),
        "% in 2nd half",
        rows=rows,
    )
    figures.add("backfill.live_p50", 1_000 * median(waits), "ms", events=len(waits))
    figures.add(
        "backfill.live_p95",
        1_000 * quantiles(waits, n=20)[-1] if len(waits) > 1 else waits[0],
        "ms",
        events=len(waits),
    )
    say(f"{rows:,} rows in {said(wall)} s; {len(waits)} live events waited {said(1_000 * median(waits))} ms")


def _start(path: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "worker.cli.main", "backfill", str(path), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _watch(process: "subprocess.Popen[bytes]", first: int) -> tuple[list[float], list[float], float]:
    """Read the memory of the backfill, and send a live event now and then until it is judged."""
    memory, waits, cpu = [0.1], [], 0.0
    of = psutil.Process(process.pid)
    live = fresh(100_000, first)
    while process.poll() is None:
        begun = time.perf_counter()
        queue.append([{"event": next(live)}])
        while queue.backlog() and time.perf_counter() - begun < 30:
            time.sleep(0.002)
        waits.append(time.perf_counter() - begun)
        try:
            memory.append(of.memory_info().rss / _MIB)
            cpu = sum(of.cpu_times()[:2])
        except psutil.NoSuchProcess:
            break
        time.sleep(max(0.0, _PROBE_EVERY_S - waits[-1]))
    return memory, waits, cpu
