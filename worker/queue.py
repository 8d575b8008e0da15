"""The road of lead events: one Redis stream with one consumer group. A road, not a store.

Contract: stream `tasuki:events`, group `judges`. An entry holds one of
- `event`: one canonical event as JSON,
- `batch`: a JSON array of canonical events,
- `payload` with `platform` and `source`: what an MA platform sent, as it came; intake and the quarantine add
  `received_ms`, when it was accepted, for an entry that waited elsewhere before it came here.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from schemas.errors import Away
from worker.entry import Entry
from worker.settings import settings

STREAM: Final = "tasuki:events"
GROUP: Final = "judges"

AWAY_ERRORS: Final = (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError)

Fields = Mapping[str, str | bytes]


@lru_cache(maxsize=2)
def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=15,
        socket_connect_timeout=3,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
        health_check_interval=15,
    )


@lru_cache(maxsize=2)
def _quick_client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, socket_timeout=1.0, socket_connect_timeout=0.5, retry=Retry(ExponentialBackoff(), 0)
    )


def client() -> "redis.Redis":
    """Return this process's connection pool."""
    url = settings().redis_url
    if url is None:
        raise Away("no queue: set TASUKI_REDIS_URL, or run `tasuki up`")
    return _client(url.get_secret_value())


def ensure_group() -> None:
    """Make the consumer group (and the stream) if they are not there, reading from the beginning."""
    try:
        client().xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def append(entries: Iterable[Fields]) -> list[str]:
    """Append entries in one round trip and return their ids; safe once it returns.

    Raises:
        Away: when the queue cannot be reached or is full; nothing, part or all was appended. Sending the
            same events again is harmless.

    """
    return _append(client(), entries)


def append_at_once(entries: Iterable[Fields]) -> list[str]:
    """Append as `append` does, and give up after a second: for whoever has somewhere else to keep them.

    Raises:
        Away: as `append`, and whatever else Valkey has against it (read-only, no rights).

    """
    url = settings().redis_url
    if url is None:
        raise Away("no queue: set TASUKI_REDIS_URL, or run `tasuki up`")
    try:
        return _append(_quick_client(url.get_secret_value()), entries)
    except redis.RedisError as error:
        raise Away("the queue (Valkey) takes nothing") from error


def _append(with_client: "redis.Redis", entries: Iterable[Fields]) -> list[str]:
    pipeline = with_client.pipeline(transaction=False)
    for fields in entries:
        pipeline.xadd(STREAM, dict(fields))  # type: ignore[arg-type]
    try:
        return [entry_id.decode() for entry_id in pipeline.execute()]
    except AWAY_ERRORS as error:
        raise Away("the queue (Valkey) is away") from error
    except redis.OutOfMemoryError as error:
        raise Away("the queue (Valkey) is full") from error


def _entries(rows: Any) -> list[Entry]:
    return [
        Entry(entry_id.decode(), int(entry_id.split(b"-")[0]), fields or {})
        for entry_id, fields in rows
        if entry_id is not None
    ]


def read_new(consumer: str, count: int, block_ms: int) -> list[Entry]:
    """Take up to `count` entries that nobody has; wait up to `block_ms` for the first."""
    answer: Any = client().xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=block_ms)
    return _entries(answer[0][1] if isinstance(answer, list) and answer else _from_map(answer))


def read_own(consumer: str, count: int) -> list[Entry]:
    """Take again what this consumer took before and never acknowledged."""
    answer: Any = client().xreadgroup(GROUP, consumer, {STREAM: "0"}, count=count)
    return _entries(answer[0][1] if isinstance(answer, list) and answer else _from_map(answer))


def _from_map(answer: Any) -> list[Any]:
    """Read the RESP3 shape, a mapping of stream to chunks of entries."""
    if not isinstance(answer, dict):
        return []
    return [row for chunks in answer.values() for chunk in chunks for row in chunk]


def claim_abandoned(consumer: str, count: int, idle_ms: int) -> list[Entry]:
    """Take over entries that a consumer took more than `idle_ms` ago and never acknowledged."""
    answer: Any = client().xautoclaim(STREAM, GROUP, consumer, min_idle_time=idle_ms, count=count)
    return _entries(answer[1])


def keep(consumer: str, entries: Iterable[Entry]) -> None:
    """Say that `consumer` still works on entries that it has in hand, so that nobody takes them over."""
    ids = [entry.stream_id for entry in entries]
    if ids:
        client().xclaim(STREAM, GROUP, consumer, min_idle_time=0, message_ids=list(ids), justid=True)


def acknowledge(entries: Iterable[Entry]) -> None:
    """Mark entries as done and remove them; harmless when done twice."""
    ids = [entry.stream_id for entry in entries]
    if ids:
        pipeline = client().pipeline(transaction=True)
        pipeline.xack(STREAM, GROUP, *ids)
        pipeline.xdel(STREAM, *ids)
        pipeline.execute()


def backlog() -> int:
    """Return how many entries wait or are being judged."""
    return int(client().xlen(STREAM))
