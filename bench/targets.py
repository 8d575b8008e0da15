"""The targets of DESIGN section 7, by the figure that is held against them."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """At least, or at most, a number."""

    bound: Literal["min", "max"]
    number: float

    def holds(self, value: float) -> bool:
        """Tell whether a value meets it."""
        return value >= self.number if self.bound == "min" else value <= self.number

    def __str__(self) -> str:
        return f"{'>=' if self.bound == 'min' else '<='} {self.number:,g}"


#: On two quiet cores. What holds on a busy machine too is CPU an event and the ratios.
TARGETS: Final[dict[str, Target]] = {
    "stream.fresh.rate": Target("min", 15_000),
    "stream.fresh.cpu": Target("max", 100),
    "stream.twenty.rate": Target("min", 15_000),
    "stream.twenty.cpu": Target("max", 100),
    "compare.stream_to_one_task": Target("min", 15),
    "latency.unloaded.p50": Target("max", 50),
    "latency.unloaded.p99": Target("max", 200),
    "latency.half_load.p99": Target("max", 1_000),
    "judgement.fold_and_judge": Target("max", 40),
    "clocks.none_due": Target("max", 1),
    "clocks.due_handled": Target("max", 30),
    "clocks.worker_restarts": Target("max", 0),
    "clocks.handled_twice": Target("max", 0),
    "rush.furthest_from_weight": Target("max", 1),
    "rush.doubles": Target("max", 0),
    "rush.lost": Target("max", 0),
    "rescore.all": Target("max", 30),
    "gate.by_email": Target("max", 30),
    "memory.largest_process": Target("max", 200),
    "memory.growth": Target("max", 5),
    "http.events.rate": Target("min", 1_500),
    "http.half_load.p99": Target("max", 50),
    "http.batches.rate": Target("min", 15_000),
    "http.batches_to_single": Target("min", 10),
    "backfill.memory": Target("max", 200),
    "backfill.growth": Target("max", 5),
    "stored.slowdown_by_cpu": Target("max", 1.25),
}
