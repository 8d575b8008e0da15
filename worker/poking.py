"""Pokes ("there is work") and the beat of a worker's tasks, both in Valkey, where nothing is safe and nothing need be."""

from typing import Any, Final

import redis

from worker import queue
from worker.locks import lock_key
from worker.logs import get_logger
from worker.now import wall_time

log = get_logger()


#: Milliseconds for which a poke that was sent and not taken up keeps the same poke from being sent again.
POKE_WAITS_MS: Final = 3_000


def poke(task: Any, *arguments: Any) -> bool:
    """Send a poke, unless the same one waits already; return False when the queue is away or full."""
    try:
        if not queue.client().set(_poked_key(task.name, arguments), 1, nx=True, px=POKE_WAITS_MS):
            return True
        task.apply_async(args=arguments, retry=False, argsrepr="-", kwargsrepr="-")
    except Exception as error:  # noqa: BLE001 - kombu raises the transport's own errors; a lost poke is harmless
        log.warning("poke.lost", task=task.name, reason=type(error).__name__)
        return False
    return True


def _poked_key(name: str, arguments: tuple[Any, ...]) -> str:
    return f"tasuki:poked:{name}:{':'.join(str(argument) for argument in arguments)}"


def taken(name: str, *arguments: Any) -> None:
    """Note that a poke was taken up: what comes from now on needs a new one."""
    try:
        queue.client().delete(_poked_key(name, arguments))
    except redis.RedisError:
        pass  # it expires by itself


def note_sweep(at: float) -> None:
    """Note (in Redis, for the watcher) that this worker's tasks run: wall time in seconds."""
    queue.client().set(lock_key("swept"), at, ex=86_400)


def last_sweep() -> float:
    """Return when this worker last worked off a sweep; now, when that is not known."""
    value = queue.client().get(lock_key("swept"))
    return wall_time() if value is None else float(value)
