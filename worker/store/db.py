"""The database: one engine a process, and the only place that commits."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeVar

import stamina
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from schemas.errors import Away
from worker.settings import settings

T = TypeVar("T")

#: SQLSTATEs after which the same work may simply be done again.
_TRANSIENT: Final = frozenset({"40001", "40P01", "55P03"})
#: SQLSTATEs of a database to which `tasuki db upgrade` was never done.
NO_SCHEMA: Final = frozenset({"42P01", "3F000"})
#: SQLSTATE classes that mean the server is not there or not ready.
_AWAY: Final = ("08", "57", "53")


@lru_cache(maxsize=4)
def _engine(url: str, _pid: int) -> Engine:
    return create_engine(
        url,
        pool_size=4,
        max_overflow=4,
        pool_pre_ping=False,
        pool_timeout=10,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "tasuki",
            "options": "-c timezone=UTC -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        },
    )


def engine() -> Engine:
    """Return this process's engine; a forked process gets its own."""
    url = settings().database_url
    if url is None:
        raise Away("no database: set TASUKI_DATABASE_URL, or run `tasuki up`")
    return _engine(url.get_secret_value(), os.getpid())


def sqlstate(error: DBAPIError) -> str:
    """Return the server's error code, or an empty string when it gave none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def is_transient(error: Exception) -> bool:
    """Tell whether a deadlock or a serialisation failure was met."""
    return isinstance(error, Clash) or (isinstance(error, DBAPIError) and sqlstate(error) in _TRANSIENT)


def is_away(error: Exception) -> bool:
    """Tell whether the server was away: the connection was lost, refused, or is not let in."""
    if isinstance(error, Away):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = sqlstate(error)
    if state:
        return state.startswith(_AWAY)
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


class Clash(Exception):
    """Another transaction took first what this one had read; do the whole unit again."""


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a transaction; commit at the end, roll back on any exception."""
    with engine().begin() as connection:
        yield connection


def in_transaction(work: Callable[[Connection], T]) -> T:
    """Run a unit of work in one transaction, again (at most 8 times) after a clash.

    Raises:
        Away: when the database cannot be reached; nothing was done, or all of it was.

    """
    try:
        for attempt in stamina.retry_context(
            on=is_transient, attempts=8, timeout=60, wait_initial=0.01, wait_max=0.5, wait_jitter=0.05
        ):
            with attempt, transaction() as connection:
                return work(connection)
    except DBAPIError as error:
        if is_away(error):
            raise Away("PostgreSQL is away") from error
        raise
    raise AssertionError  # the loop returns or raises


def run(connection: Connection, sql: str, **parameters: Any) -> Any:
    """Execute one statement with bound parameters."""
    return connection.execute(text(sql), parameters)
