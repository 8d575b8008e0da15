"""CPU and memory of process groups: the worker, PostgreSQL, Valkey. Ended children are counted."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds by group."""

    worker: float
    postgres: float
    valkey: float

    def __sub__(self, before: "Spent") -> "Spent":
        return Spent(
            self.worker - before.worker, self.postgres - before.postgres, self.valkey - before.valkey
        )

    @property
    def total(self) -> float:
        """Return the CPU seconds of all groups."""
        return self.worker + self.postgres + self.valkey


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def seconds_of(pid: int) -> float:
    """Return the CPU seconds of a process and its children, those that ended and were waited for included."""
    total = 0.0
    for process in family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes_by_process(pid: int) -> dict[int, float]:
    """Return the resident memory (MiB) of a process and its children."""
    found = {}
    for process in family(pid):
        try:
            found[process.pid] = process.memory_info().rss / 2**20
        except psutil.NoSuchProcess:
            continue
    return found
