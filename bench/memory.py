"""Memory of a worker's processes over many events: it must stay flat."""

from bench.cpu import megabytes_by_process
from bench.events import many_a_lead
from bench.figures import Figures, Say, said
from bench.rig import Rig
from bench.sizes import Sizes

#: Parts in which the events are sent; memory is read after each.
_PARTS = 10


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Judge many events and read the resident memory of each process on the way."""
    part = sizes.memory_events // _PARTS
    with rig.worker() as pid:
        rig.empty()
        largest: list[float] = []
        for number in range(_PARTS):
            first = rig.new_leads(part)
            rig.run_through(many_a_lead(part, first, sizes.events_a_lead))
            largest.append(max(megabytes_by_process(pid).values()))
            say(f"{(number + 1) * part:,} events: largest process {said(largest[-1])} MiB")
    events = {"events": sizes.memory_events, "mib_by_part": [round(value, 1) for value in largest]}
    figures.add("memory.largest_process", max(largest), "MiB", **events)
    # Caches fill in the first half; what grows in the second grows for ever.
    growth = 100 * (largest[-1] / largest[_PARTS // 2 - 1] - 1)
    figures.add("memory.growth", growth, "% in 2nd half", **events)
