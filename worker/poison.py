"""A set of events in one transaction; when that fails for a reason of the data, the poison is found by halving."""

from collections.abc import Callable
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from schemas.errors import Away, NotUnderstood
from worker.incoming import Incoming
from worker.judging import Judged
from worker.logs import get_logger
from worker.store.db import in_transaction, is_away, is_transient, sqlstate

log = get_logger()


def judge_items(
    items: list[Incoming], entries: int, commit: Callable[[list[Incoming], int], Judged],
    done: Callable[[int, Judged], None],
) -> None:  # fmt: skip
    """Judge events; one that fails goes to quarantine, and its neighbours go through.

    Args:
        items: the events.
        entries: how many entries of the stream they came in.
        commit: judges events in one transaction.
        done: told after each commit how many events it held, and what they came to.

    Raises:
        Away: the store is, or it fails for every event; nothing was lost.

    """
    try:
        judged = commit(items, entries)
    except (Away, SoftTimeLimitExceeded):
        raise
    except Exception as error:  # the delivery edge: whatever one event does, its neighbours go through
        _blame_the_store(error, len(items))
        if len(items) > 1:
            middle = len(items) // 2
            judge_items(items[:middle], entries, commit, done)
            judge_items(items[middle:], 0, commit, done)
            return
        if items[0].problem is not None:
            raise
        log.exception("event.poison", stream_id=items[0].stream_id, event_id=items[0].event_id)
        condemn(items[0], f"could not be judged: {_said(error)}")
        judged = commit(items, entries)
    done(len(items), judged)


def in_one_transaction(items: list[Incoming], work: Callable[[Connection], Judged]) -> Judged:
    """Run `work` on events in one transaction; what a try that was rolled back made of them is forgotten."""
    as_read = [(item.event, item.problem) for item in items]

    def forget_conflicts() -> None:
        """Look anew at what a try that was rolled back took for a conflict."""
        for item, (event, problem) in zip(items, as_read, strict=True):
            item.event, item.problem = event, problem

    def anew(connection: Connection) -> Judged:
        forget_conflicts()
        return work(connection)

    try:
        return in_transaction(anew)
    except BaseException:
        forget_conflicts()
        raise


def condemn(item: Incoming, why: str) -> None:
    """Send an event to quarantine."""
    item.event = None
    if item.problem is None:
        item.problem = NotUnderstood("event", why)


class UnfitStoreError(Away):
    """The store is there and fails for every event: read-only, not migrated, no room. No event's fault."""


#: SQLSTATE classes of such a failure: transaction state, authorisation, catalogue, schema, syntax or access,
#: system.
_UNFIT: Final = ("25", "28", "3D", "3F", "42", "58")


def _blame_the_store(error: Exception, items: int) -> None:
    """Raise Away where the store is at fault and not the event."""
    if is_away(error):
        raise Away("PostgreSQL is away") from error
    if isinstance(error, DBAPIError) and sqlstate(error).startswith(_UNFIT):
        raise UnfitStoreError(f"PostgreSQL refuses to work: {_said(error)}") from error
    if items == 1 and is_transient(error):
        raise Away("somebody holds a lock for long") from error


def _said(error: Exception) -> str:
    """Say what failed, without the values of the event."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return f"{type(error.orig).__name__}: {str(error.orig).splitlines()[0][:200]}"
    return type(error).__name__
