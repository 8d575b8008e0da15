"""Messages that call the task `tasuki.intake`, as they are received.

Celery reads a message leniently (NaN, a key that stands twice) or not at all (it is thrown away then, with all that it
carries). What is no JSON as we take it goes onto the stream here, as it was written, and so to quarantine with its
place; its neighbours in a list are judged.
"""

from collections.abc import Callable
from typing import Any, Final

from celery.utils.log import get_logger as celery_logger
from celery.worker.strategy import default

from schemas.errors import Away, NotUnderstood
from schemas.strict_json import loads, split
from worker import queue
from worker.logs import get_logger
from worker.queue import Fields

log = get_logger()

_JSON: Final = "application/json"


def strategy(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Return what receives the messages of a task, for Celery."""
    handle = default(task, app, consumer, **options)

    def receive(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        raw = None if body is not None or message.content_type != _JSON else _bytes(message.body)
        if raw is None or _is_strict(raw):
            return handle(message, body, ack, reject, callbacks, **more)
        try:
            queue.append([entry_of(raw)])
        except Away as away:
            log.warning("queue.away", reason=str(away))
            message.reject_log_error(celery_logger(__name__), consumer.connection_errors, requeue=True)
        else:
            message.ack_log_error(celery_logger(__name__), consumer.connection_errors)
        return None

    return receive


def entry_of(raw: bytes) -> Fields:
    """Return the entry of a message's body, `[[events], {}, {}]`; what cannot be parted stays in one piece."""
    try:
        arguments = split(split(raw)[0])
    except (NotUnderstood, IndexError):
        return {"event": raw}
    if len(arguments) != 1:
        return {"event": raw}
    return {"batch" if arguments[0].lstrip().startswith(b"[") else "event": arguments[0]}


def _bytes(body: Any) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)


def _is_strict(raw: bytes) -> bool:
    try:
        loads(raw)
    except NotUnderstood:
        return False
    return True
