"""What became of requests, counted by source; and how many a source may send. In memory, a thread at a time."""

import threading
from collections import Counter
from dataclasses import dataclass

#: source, outcome, reason.
Counted = tuple[str, str, str]


class Tally:
    """Counts, until somebody takes them to the database. They hold no word of any payload."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._lock = threading.Lock()
        self._counts: Counter[Counted] = Counter()

    def note(self, source: str, outcome: str, reason: str = "") -> None:
        """Count one request."""
        with self._lock:
            self._counts[source, outcome, reason[:200]] += 1

    def take(self) -> dict[Counted, int]:
        """Return the counts and begin anew."""
        with self._lock:
            taken, self._counts = dict(self._counts), Counter()
        return taken

    def give_back(self, counts: dict[Counted, int]) -> None:
        """Add counts that could not be kept."""
        with self._lock:
            self._counts.update(counts)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """A token bucket for each source; only proven requests draw from it, so nobody can use it up for another."""

    def __init__(self) -> None:
        """Begin with full buckets."""
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, source: str, per_second: float, burst: int, at_s: float) -> bool:
        """Take one request from a source's bucket at a monotonic time; False where it is empty."""
        with self._lock:
            bucket = self._buckets.setdefault(source, _Bucket(float(burst), at_s))
            refilled = bucket.tokens + max(0.0, at_s - bucket.at_s) * per_second
            bucket.tokens, bucket.at_s = min(float(burst), refilled), max(at_s, bucket.at_s)
            if bucket.tokens < 1.0:
                return False
            bucket.tokens -= 1.0
            return True
