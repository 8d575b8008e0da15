"""Short locks in Redis that spare double work. Nothing is unsafe without them: a lost lock costs time only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from worker import queue
from worker.drain import consumer_name
from worker.now import new_id

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


def lock_key(name: str) -> str:
    """Return the key of one of this worker's locks."""
    return f"tasuki:lock:{consumer_name(0)}:{name}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether this process holds a lock, and for how long at a time."""

    mine: bool
    key: str
    for_s: int

    def extend(self) -> None:
        """Keep the lock for another `for_s` seconds."""
        try:
            queue.client().expire(self.key, self.for_s)
        except redis.RedisError:
            pass  # the lock may run out; the work goes on


@contextmanager
def only_one(name: str, for_s: int) -> Iterator[Hold]:
    """Take the lock `name` of this worker for `for_s` seconds at a time.

    Where the queue is away or full the lock counts as taken: the work itself will say what is wrong.
    """
    key, token = lock_key(name), new_id()
    try:
        mine = bool(queue.client().set(key, token, nx=True, ex=for_s))
    except redis.RedisError:
        mine = True
    try:
        yield Hold(mine, key, for_s)
    finally:
        if mine:
            try:
                queue.client().eval(_RELEASE, 1, key, token)
            except redis.RedisError:
                pass  # it expires by itself


def forget_locks() -> None:
    """Drop the locks of an earlier run of this worker, which is dead."""
    client = queue.client()
    for key in client.scan_iter(match=lock_key("*"), count=1000):
        client.delete(key)
