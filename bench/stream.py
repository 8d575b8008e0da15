"""Judged events a second, durable, from a full stream to the last commit."""

from collections.abc import Iterable

from bench.events import fresh, many_a_lead
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes
from worker.settings import settings


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Measure fresh leads with one event each, and leads with many events each."""
    a_lead = sizes.events_a_lead
    with rig.worker():
        for _ in range(sizes.runs):
            first = rig.new_leads(sizes.events)
            _run(rig, "stream.fresh", fresh(sizes.events, first), sizes.events, figures, say)
            first = rig.new_leads(sizes.events // a_lead + 1)
            events = many_a_lead(sizes.events, first, a_lead)
            _run(rig, "stream.twenty", events, sizes.events, figures, say)


def _run(rig: Rig, name: str, events: Iterable[bytes], count: int, figures: Figures, say: Say) -> None:
    rig.empty()
    wall, spent = rig.run_through(events)
    lost = count - rig.number("SELECT coalesce(sum(applied + repeats), 0) FROM tasuki.batch")
    if lost:
        raise RuntimeError(f"{name}: {lost:g} of {count} events were not judged")
    told = {
        "events": count,
        "leads": rig.number("SELECT count(*) FROM tasuki.lead"),
        "ready": rig.number("SELECT count(*) FROM tasuki.decision WHERE verdict = 'ready'"),
        "processes": settings().concurrency,
        "batch_size": settings().batch_size,
    }
    micro = 1e6 / count
    figures.add(f"{name}.rate", count / wall, "events/s", **told)
    figures.add(f"{name}.cpu", spent.total * micro, "us CPU/event", **told)
    figures.add(f"{name}.cpu_worker", spent.worker * micro, "us CPU/event")
    figures.add(f"{name}.cpu_postgres", spent.postgres * micro, "us CPU/event")
    figures.add(f"{name}.cpu_valkey", spent.valkey * micro, "us CPU/event")
    say(
        f"{said(count / wall)} events/s, {said(spent.total * micro)} us CPU an event ({told['ready']:g} ready)"
    )
