"""The only source of time and of fresh identity. Business code gets both passed in.

The demo and the tests run business time faster than the wall: `TASUKI_CLOCK=START|ORIGIN|RATE` says that at
wall time ORIGIN (seconds since 1970) it was START (ISO 8601 with zone), and that RATE business seconds pass
in one wall second; with 0 time stands still, as in the data that a demo left behind.
"""

import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from worker.settings import settings


@dataclass(frozen=True, slots=True)
class _Clock:
    start_s: float
    origin_s: float
    rate: float


@lru_cache(maxsize=1)
def _clock() -> _Clock | None:
    text = settings().clock
    if text is None:
        return None
    start, origin, rate = text.split("|")
    return _Clock(datetime.fromisoformat(start).timestamp(), float(origin), float(rate))


def forget_clock() -> None:
    """Read TASUKI_CLOCK anew: it was set after this process began."""
    _clock.cache_clear()


def business_s(wall_s: float) -> float:
    """Return business time at a wall time, both in seconds since 1970."""
    clock = _clock()
    return wall_s if clock is None else clock.start_s + (wall_s - clock.origin_s) * clock.rate


def wall_seconds(business_seconds: float) -> float:
    """Return how long `business_seconds` last on the wall, in seconds."""
    clock = _clock()
    if clock is None:
        return business_seconds
    return business_seconds / clock.rate if clock.rate else float("inf")


def now() -> datetime:
    """Return the present business time, in UTC."""
    return datetime.fromtimestamp(business_s(time.time()), UTC)


def now_ms() -> int:
    """Return the present business time in milliseconds since 1970."""
    return int(business_s(time.time()) * 1000)


def at_wall_ms(wall_ms: int) -> int:
    """Return business time (ms since 1970) at a wall time (ms since 1970), such as a stream entry's."""
    return int(business_s(wall_ms / 1000) * 1000)


def wall_time() -> float:
    """Return the wall time in seconds since 1970: for leases and progress, never for business."""
    return time.time()


def new_id() -> str:
    """Return a fresh random id."""
    return uuid.uuid4().hex


def new_token() -> str:
    """Return a fresh secret of 32 random bytes, in 43 characters that a URL can carry."""
    return secrets.token_urlsafe(32)
