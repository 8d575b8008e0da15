"""A call list answered by the outreach gate, row by row, from stored leads."""

import time

from bench import bulk
from bench.events import BUSINESS_NOW
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes
from worker import call_list
from worker.outreach import asked_now
from worker.store.db import transaction


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Answer a list that names each lead by its address, and one that names each by the producer's key."""
    count = sizes.held_leads
    say(f"making {count:,} held leads")
    bulk.held_leads(rig, count, keys=True)
    emails = "".join(f"tanto.{n:08d}@kaisha-{n // 3:07d}.example.co.jp,山田\r\n" for n in range(1, count + 1))
    keys = "".join(f"mkto-{n:08d},山田\r\n" for n in range(1, count + 1))
    for run in range(sizes.runs):
        for name, raw in (("email", "email,name\r\n" + emails), ("ma_id", "ma_id,name\r\n" + keys)):
            file = rig.folder / f"{name}.csv"
            file.write_text(raw, encoding="utf-8", newline="")
            started = time.perf_counter()
            with transaction() as connection:
                people = call_list.read(file)
                _, counted = call_list.answer(connection, people, asked_now(connection, BUSINESS_NOW), "ja")
            seconds = time.perf_counter() - started
            if counted.no != count:
                raise RuntimeError(f"{counted.unknown:,} of {count:,} rows are not known")
            figures.add(f"gate.by_{name}", seconds, "s", rows=count)
            say(f"run {run}: {count:,} rows by {name} answered in {said(seconds)} s")
