"""The Celery app. It carries pokes ("there is work") and runs the work; it never carries a lead.

Pokes are acknowledged when they are taken (early): a lost poke costs nothing, since the watcher in every
worker pokes again, and Celery 5.7.0 with late acknowledgement on prefork exits or hangs when the Redis
server is killed under load (tests/system/test_stores_away.py proves that ours goes on).
"""

import gc
from contextlib import suppress
from typing import Any

from celery import Celery, signals
from pydantic import ValidationError

from worker.logs import configure
from worker.settings import settings

app = Celery("tasuki")


def use_broker() -> None:
    """Point the app at the queue's URL; called again where the URL becomes known after the start."""
    url = settings().redis_url
    if url is not None:
        app.conf.update(broker_url=url.get_secret_value())


with suppress(ValidationError):  # whoever runs a command or a task is told then, in words
    use_broker()
app.conf.update(
    include=["worker.tasks", "worker.sweep_task", "worker.watcher"],
    task_default_queue="tasuki",
    task_queues=None,
    task_routes={
        "tasuki.judge": {"queue": "tasuki.judge"},
        "tasuki.hand_over": {"queue": "tasuki.hand_over"},
        "tasuki.sweep": {"queue": "tasuki.sweep"},
        "tasuki.rescore": {"queue": "tasuki.rescore"},
        "tasuki.deliver": {"queue": "tasuki.deliver"},
        "tasuki.push_crm": {"queue": "tasuki.push_crm"},
        "tasuki.enrich": {"queue": "tasuki.enrich"},
        "tasuki.intake": {"queue": "intake"},
    },
    task_acks_late=False,
    task_ignore_result=True,
    result_backend=None,
    accept_content=["json"],
    task_serializer="json",
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_soft_shutdown_timeout=5.0,
    task_soft_time_limit=110,
    task_time_limit=120,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_timeout": 15,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 15,
        "retry_on_timeout": False,
        "max_retries": 1,
    },
)

#: The queues that one worker consumes.
QUEUES = (
    "tasuki.judge",
    "tasuki.hand_over",
    "tasuki.sweep",
    "tasuki.rescore",
    "tasuki.deliver",
    "tasuki.push_crm",
    "tasuki.enrich",
    "intake",
    "tasuki",
)


@signals.setup_logging.connect
def _logging(**_: Any) -> None:
    """Keep Celery from setting up logs of its own: they quote arguments."""
    configure()


@signals.worker_process_init.connect
def _calm_collector(**_: Any) -> None:
    """Let the collector look seldom: batches free by reference count, and what was imported stays for ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
