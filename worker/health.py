"""Whether this machine can serve: do the stores answer, does the schema fit, is a rulebook in force?"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.exc import DBAPIError

from schemas.errors import TasukiError
from worker import rulebooks
from worker.settings import settings
from worker.store import migrate
from worker.store.db import run, transaction

#: Milliseconds and seconds that a store may take to answer; a probe must not hang with it.
_SQL_MS: Final = 2_000
_QUEUE_S: Final = 1.0

#: None: fine; otherwise what is wrong.
Answer = str | None


@lru_cache(maxsize=1)
def _newest() -> str:
    return migrate.newest()


@lru_cache(maxsize=2)
def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, socket_timeout=_QUEUE_S, socket_connect_timeout=_QUEUE_S, retry=Retry(NoBackoff(), 0)
    )


def probe_client() -> "redis.Redis | None":
    """Return a client of the queue that gives up soon, or None where no queue is set."""
    url = settings().redis_url
    return None if url is None else _client(url.get_secret_value())


def ready() -> dict[str, Answer]:
    """Return, for database, schema, rulebook and queue, what is wrong with it (None: nothing)."""
    return {**_database(), "queue": _queue()}


def _database() -> dict[str, Answer]:
    try:
        with transaction() as connection:
            run(connection, f"SET LOCAL statement_timeout = {_SQL_MS}")
            if run(connection, "SELECT to_regclass('tasuki.alembic_version')").scalar() is None:
                wrong = "there is no schema; run `tasuki db upgrade`"
                return {"database": None, "schema": wrong, "rulebook": "cannot be looked at"}
            at = run(connection, "SELECT version_num FROM tasuki.alembic_version").scalar()
            version = rulebooks.current_version(connection)
    except (TasukiError, DBAPIError) as error:
        unknown = "cannot be looked at"
        return {"database": _says(error), "schema": unknown, "rulebook": unknown}
    schema = None if at == _newest() else f"is {at}, this code needs {_newest()}; run `tasuki db upgrade`"
    rulebook = None if version is not None else "none is published; run `tasuki rules publish`"
    return {"database": None, "schema": schema, "rulebook": rulebook}


def _queue() -> Answer:
    client = probe_client()
    if client is None:
        return "TASUKI_REDIS_URL is not set"
    ping: Callable[[], object] = client.ping
    try:
        ping()
    except redis.RedisError as error:
        return _says(error)
    return None


def _says(error: Exception) -> str:
    return str(error) if isinstance(error, TasukiError) else f"does not answer: {type(error).__name__}"
