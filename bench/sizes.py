"""How much is measured: the full bench, and a quick one that only shows that everything runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of events, leads, clocks and runs."""

    runs: int = 5
    #: Events in the stream in one run of a rate.
    events: int = 30_000
    events_a_lead: int = 20
    no_op_tasks: int = 8_000
    judged_tasks: int = 3_000
    #: Events whose way to the outbox is timed, in one run.
    probes: int = 150
    #: Seconds between two of them, on average.
    probe_every_s: float = 0.06
    #: Events that are judged in memory in one run.
    judged_in_memory: int = 20_000
    open_clocks: int = 1_000_000
    due_clocks: int = 100_000
    held_leads: int = 100_000
    rush_leads: int = 10_000
    rush_pools: int = 20
    rush_reps: int = 200
    stored_leads: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    #: Half of them of stored leads that no other run meets: five runs meet all of the fewest.
    events_on_stored: int = 4_000
    memory_events: int = 200_000
    #: Requests of one run of intake over HTTP, and seconds of its half load.
    http_events: int = 10_000
    http_seconds: float = 10.0
    backfill_rows: int = 200_000
    #: Runs of what takes minutes to set up and seconds to measure (at most `runs`).
    long_runs: int = 3


QUICK = Sizes(
    runs=1, events=3_000, no_op_tasks=300, judged_tasks=200, probes=15, judged_in_memory=1_000,
    open_clocks=5_000, due_clocks=1_000, held_leads=1_000, stored_leads=(1_000, 3_000), events_on_stored=1_500,
    memory_events=6_000, backfill_rows=6_000, long_runs=1, rush_leads=600, rush_pools=4, rush_reps=40,
    http_events=400, http_seconds=1.0,
)  # fmt: skip
