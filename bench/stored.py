"""Whether an event costs more when more leads and events are stored."""

import random

from bench import bulk
from bench.events import on_stored
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Measure the same load, half of it on stored leads, at each size of the store.

    No stored lead is met twice: the first event of one costs most, and of few leads more would be met again.
    """
    with rig.worker():
        made = 0
        for stored in sizes.stored_leads:
            say(f"making leads {made + 1:,} to {stored:,}")
            bulk.stored_leads(rig, made + 1, stored)
            a_run = min(sizes.events_on_stored // 2, (stored - made) // sizes.runs)
            met = random.Random(stored).sample(range(made + 1, stored + 1), a_run * sizes.runs)
            made = stored
            for run in range(sizes.runs):
                _run(rig, met[run * a_run : (run + 1) * a_run], stored, figures, say)
    small, large = (f"stored.at_{count}.cpu" for count in (sizes.stored_leads[0], sizes.stored_leads[-1]))
    figures.ratio("stored.slowdown_by_cpu", large, small)


def _run(rig: Rig, met: list[int], stored: int, figures: Figures, say: Say) -> None:
    count = 2 * len(met)
    wall, spent = rig.run_through(on_stored(met, rig.new_leads(count)))
    figures.add(f"stored.at_{stored}.rate", count / wall, "events/s", events=count, stored_leads=stored)
    figures.add(f"stored.at_{stored}.cpu", spent.total / count * 1e6, "us CPU/event")
    figures.add(f"stored.at_{stored}.cpu_postgres", spent.postgres / count * 1e6, "us CPU/event")
    say(
        f"{stored:,} stored: {said(count / wall)} events/s, {said(spent.total / count * 1e6)} us CPU an event"
    )
