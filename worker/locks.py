"""Short locks in Redis that spare double work. Nothing is unsafe without them: a lost lock costs time only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import redis

from worker import queue
from worker.drain import consumer_name
from worker.now import new_id

_RELEASE: Final = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
)
_EXTEND: Final = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) end return 0"
)


def lock_key(name: str) -> str:
    """Return the key of one of this worker's locks."""
    return f"tasuki:lock:{consumer_name(0)}:{name}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether this process holds a lock, and for how long at a time."""

    mine: bool
    key: str
    for_s: int
    #: What stands under the key while it is ours; None where no lock could be taken, which counts as taken.
    token: str | None

    def extend(self) -> bool:
        """Keep the lock for another `for_s` seconds; return False when it is lost or was taken away."""
        if self.token is None:
            return True
        try:
            return bool(queue.client().eval(_EXTEND, 1, self.key, self.token, self.for_s))
        except redis.RedisError:
            return True  # it may run out; the work goes on


@contextmanager
def only_one(name: str, for_s: int) -> Iterator[Hold]:
    """Take the lock `name` of this worker for `for_s` seconds at a time.

    Where the queue is away or full the lock counts as taken: the work itself will say what is wrong.
    """
    key, token = lock_key(name), f"{os.getpid()}:{new_id()}"
    try:
        hold = Hold(bool(queue.client().set(key, token, nx=True, ex=for_s)), key, for_s, token)
    except redis.RedisError:
        hold = Hold(mine=True, key=key, for_s=for_s, token=None)
    try:
        yield hold
    finally:
        if hold.mine and hold.token is not None:
            with suppress(redis.RedisError):  # it expires by itself
                queue.client().eval(_RELEASE, 1, key, token)


def is_held(name: str) -> bool:
    """Tell whether a living process of this worker holds the lock; drop that of a dead one."""
    token: Any = queue.client().get(lock_key(name))
    if token is None:
        return False
    try:
        os.kill(int(token.split(b":")[0]), 0)
    except ProcessLookupError:
        queue.client().eval(_RELEASE, 1, lock_key(name), token)
        return False
    return True


def forget_locks() -> None:
    """Drop all locks of this worker: those of an earlier run are a dead one's, and whoever lives stops soon."""
    client = queue.client()
    for key in client.scan_iter(match=lock_key("*"), count=1000):
        client.delete(key)
