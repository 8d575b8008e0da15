"""Whether an event costs more when more leads and events are stored."""

from bench import bulk
from bench.events import on_stored
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Measure the same load, half of it on stored leads, at each size of the store."""
    with rig.worker():
        made = 0
        for stored in sizes.stored_leads:
            say(f"making leads {made + 1:,} to {stored:,}")
            bulk.stored_leads(rig, made + 1, stored)
            made = stored
            for _ in range(sizes.runs):
                _run(rig, sizes.events_on_stored, stored, figures, say)
    small, large = (f"stored.at_{count}.cpu" for count in (sizes.stored_leads[0], sizes.stored_leads[-1]))
    figures.ratio("stored.slowdown_by_cpu", large, small)


def _run(rig: Rig, count: int, stored: int, figures: Figures, say: Say) -> None:
    wall, spent = rig.run_through(on_stored(count, rig.new_leads(count), stored))
    figures.add(f"stored.at_{stored}.rate", count / wall, "events/s", events=count, stored_leads=stored)
    figures.add(f"stored.at_{stored}.cpu", spent.total / count * 1e6, "us CPU/event")
    figures.add(f"stored.at_{stored}.cpu_postgres", spent.postgres / count * 1e6, "us CPU/event")
    say(
        f"{stored:,} stored: {said(count / wall)} events/s, {said(spent.total / count * 1e6)} us CPU an event"
    )
