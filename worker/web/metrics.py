"""`/metrics` for Prometheus: how much waits and how old it is, and how requests fare. Counts only, no names."""

import time
from collections.abc import Iterator
from threading import Lock
from typing import Any, Final

import redis
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from schemas.errors import TasukiError
from worker import queue
from worker.health import probe_client
from worker.now import now
from worker.store.db import run, transaction

router = APIRouter(include_in_schema=False)

#: Seconds for which the numbers are good: several scrapers ask the database once.
GOOD_FOR_S: Final = 5.0
#: Milliseconds that the numbers may take.
_LIMIT_MS: Final = 2_000

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})

_GAUGES: Final = {
    "stream_backlog": "Entries in the stream: they wait or are being judged.",
    "stream_pending": "Entries that a worker has taken and not finished.",
    "waiting_leads": "Sales-ready leads that wait for a rep.",
    "parked_leads": "Those of them for whom nobody is at work, or left.",
    "running_clocks": "Clocks that run.",
    "overdue_clocks": "Running clocks whose end is past; they should be handled within seconds.",
    "outbox_pending": "Messages to be sent, or to be tried again.",
    "outbox_oldest_seconds": "Age of the oldest of them; 0 when there is none.",
    "quarantine_open": "Events that were not understood and wait to be mended.",
}
#: Each by an index that holds only what is open.
_SQL: Final = """
SELECT (SELECT count(*) FROM tasuki.waiting) AS waiting_leads,
       (SELECT count(*) FROM tasuki.waiting WHERE parked) AS parked_leads,
       (SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL) AS running_clocks,
       (SELECT count(*) FROM tasuki.clock WHERE next_at <= :now AND due_at <= :now) AS overdue_clocks,
       (SELECT count(*) FROM tasuki.outbox WHERE next_try_at IS NOT NULL) AS outbox_pending,
       (SELECT coalesce(extract(epoch FROM :now - min(created_at)), 0) FROM tasuki.outbox
        WHERE next_try_at IS NOT NULL) AS outbox_oldest_seconds,
       (SELECT count(*) FROM tasuki.quarantine WHERE resolved_at IS NULL) AS quarantine_open
"""


class Backlog(Collector):
    """What waits, read at a scrape. A store that is away leaves its numbers out, so that none is stale."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = Lock()
        self._looked_at = float("-inf")
        self._numbers: dict[str, float] = {}
        self._up: dict[str, bool] = {}

    def describe(self) -> Iterator[Any]:
        """Name nothing beforehand: registering asks no store."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges."""
        with self._lock:
            if time.monotonic() - self._looked_at > GOOD_FOR_S:
                self._look()
                self._looked_at = time.monotonic()
            numbers, up = dict(self._numbers), dict(self._up)
        for name, words in _GAUGES.items():
            if name in numbers:
                yield GaugeMetricFamily(f"tasuki_{name}", words, value=numbers[name])
        family = GaugeMetricFamily("tasuki_store_up", "Whether a store answered.", labels=["store"])
        for store, answered in up.items():
            family.add_metric([store], float(answered))
        yield family

    def _look(self) -> None:
        database, stream = _from_database(), _from_queue()
        self._up = {"database": database is not None, "queue": stream is not None}
        self._numbers = {**(database or {}), **(stream or {})}


def _from_database() -> dict[str, float] | None:
    try:
        with transaction() as connection:
            run(connection, f"SET LOCAL statement_timeout = {_LIMIT_MS}")
            row = run(connection, _SQL, now=now()).mappings().one()
    except (TasukiError, DBAPIError):
        return None
    return {name: float(value) for name, value in row.items()}


def _from_queue() -> dict[str, float] | None:
    client = probe_client()
    if client is None:
        return None
    try:
        backlog = float(client.xlen(queue.STREAM))
        taken: Any = client.xpending(queue.STREAM, queue.GROUP)
    except redis.ResponseError:  # no group yet: no worker ever ran
        return {"stream_backlog": 0.0, "stream_pending": 0.0}
    except redis.RedisError:
        return None
    return {"stream_backlog": backlog, "stream_pending": float(taken["pending"])}


class Metrics:
    """The registry of one app."""

    def __init__(self) -> None:
        """Register everything."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of use to nobody
        self.registry = CollectorRegistry()
        self.registry.register(Backlog())
        self.requests = Counter(
            "tasuki_http_requests", "Requests by route and status.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "tasuki_http_request_seconds", "Time to answer.", ["method", "route"], registry=self.registry
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by its route's template: a path may hold a secret."""
        said = method if method in _METHODS else "other"  # a caller may make up as many as they like
        self.requests.labels(said, route, str(status)).inc()
        self.seconds.labels(said, route).observe(seconds)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text form."""
    found: Metrics = request.app.state.metrics
    return Response(generate_latest(found.registry), media_type=CONTENT_TYPE_LATEST)
