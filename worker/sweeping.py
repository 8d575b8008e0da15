"""Flow D: whatever fell due. Every worker sweeps; locked rows are skipped, so none is handled twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection

from schemas.errors import Away
from worker import rulebooks
from worker.breaching import breach_clocks, still_promised, tell
from worker.clocks import follow
from worker.logs import get_logger
from worker.now import now as business_now
from worker.rulebooks import Loaded
from worker.store import clocks as rows_of
from worker.store import outbox
from worker.store.db import in_transaction, run
from worker.store.rows import ms

log = get_logger()

#: Clocks handled in one transaction.
BATCH: Final = 500


@dataclass(slots=True)
class Swept:
    """What one sweep of the clocks came to."""

    warned: int = 0
    breached: int = 0
    #: Pools whose leads went back into the line.
    pools: set[str] = field(default_factory=set)
    more: bool = False


def sweep_batch(bad: set[int]) -> Swept:
    """Handle a batch of due clocks; where it fails, each of them by itself, so that one harms no other.

    Args:
        bad: clocks that could not be handled in this sweep: they are passed over, and those of this batch added.
            The next sweep tries them again, and until then they are overdue in `tasuki check`.

    Raises:
        Away: the database is away.

    """
    try:
        return in_transaction(lambda c: sweep_clocks(c, rulebooks.current(c), business_now(), skip=bad))
    except (Away, SoftTimeLimitExceeded):
        raise
    except Exception:  # whatever it is, the other deadlines are kept
        log.exception("sweep.failed", what="clocks")
        return _one_by_one(bad)


def _one_by_one(bad: set[int]) -> Swept:
    at = business_now()
    ids = in_transaction(lambda c: _due_ids(c, at, bad))
    total = Swept(more=len(ids) >= BATCH)
    for clock_id in ids:
        try:
            swept = in_transaction(
                lambda c, one=clock_id: sweep_clocks(c, rulebooks.current(c), at, only=one)  # type: ignore[misc]
            )
        except (Away, SoftTimeLimitExceeded):
            raise
        except Exception:
            log.exception("sweep.failed", what="clock", clock=clock_id)
            bad.add(clock_id)
        else:
            total.warned += swept.warned
            total.breached += swept.breached
            total.pools |= swept.pools
    return total


def sweep_clocks(
    connection: Connection, loaded: Loaded, now: datetime, *,
    skip: Iterable[int] = (), only: int | None = None,
) -> Swept:  # fmt: skip
    """Handle up to `BATCH` clocks whose pause, warning or end is due."""
    result = Swept()
    due = _take_due(connection, now, result, skip, only)
    if not due:
        return result
    due = _look_twice(connection, due, loaded, now, result)
    reached = {row.clock_id: _warnings_by(row, now) for row in due}
    warn = [row for row in due if reached[row.clock_id] > row.warned]
    breach = still_promised(connection, [row for row in due if row.due_at <= now], loaded, now)
    messages: list[dict[str, Any]] = []
    if warn:
        rows_of.warn(connection, {row.clock_id: reached[row.clock_id] for row in warn}, now)
        overdue = {row.clock_id for row in due if row.due_at <= now}  # those that were just ended, too
        for row in warn:
            if row.clock_id not in overdue:
                step = _warning_step(row, reached[row.clock_id])
                messages += tell(row, row.rep, "warning", loaded, now, step=step)
        result.warned = len(warn)
    if breach:
        messages += breach_clocks(connection, breach, loaded, now)
        result.pools |= {row.pool for row in breach}
        result.breached = len(breach)
    outbox.add(connection, messages, now)
    return result


def _take_due(
    connection: Connection, now: datetime, result: Swept, skip: Iterable[int], only: int | None
) -> list[Any]:
    """Lock the leads of due clocks, skipping those that somebody works on, then the clocks themselves."""
    ids = _due_ids(connection, now, skip, only)
    result.more = len(ids) >= BATCH
    return rows_of.read(connection, ids, due=now) if ids else []


def _due_ids(
    connection: Connection, now: datetime, skip: Iterable[int], only: int | None = None
) -> list[int]:
    more = " AND c.clock_id <> ALL(:skip)" if skip else ""
    if only is not None:
        more += " AND c.clock_id = :only"
    return list(
        run(
            connection,
            "SELECT c.clock_id FROM tasuki.clock c JOIN tasuki.lead l USING (lead_id)"  # noqa: S608 - no value
            f" WHERE c.next_at <= :now{more} ORDER BY c.next_at LIMIT :n FOR NO KEY UPDATE OF l SKIP LOCKED",
            now=now, n=BATCH,
            **({"skip": list(skip)} if skip else {}), **({} if only is None else {"only": only}),
        ).scalars()
    )  # fmt: skip


def _look_twice(
    connection: Connection, due: list[Any], loaded: Loaded, now: datetime, result: Swept
) -> list[Any]:
    """Let pauses end; and where a change is still to be followed, reckon anew before anything is breached."""
    paused = [row.clock_id for row in due if row.paused_at is not None]
    if paused:
        rows_of.end_pauses(connection, paused)
    why = rows_of.asked(connection)
    if why is not None:
        result.pools |= follow(connection, due, loaded, now, why).pools
    if not paused and why is None:
        return due
    return rows_of.read(connection, [row.clock_id for row in due], due=now)


def _warnings_by(row: Any, now: datetime) -> int:
    """Return how many of a clock's warnings are due; those of the first version know one only."""
    if row.warnings:
        return sum(at <= now for at in row.warnings)
    return int(row.warn_at is not None and row.warned_at is None and row.warn_at <= now)


def _warning_step(row: Any, number: int) -> str:
    """Tell warnings apart: a deadline that moved to a later instant is warned of anew."""
    return f"{row.clock_id}.{number}.{ms(row.due_at)}"


def due_reviews(connection: Connection, now: datetime, limit: int = BATCH) -> list[int]:
    """Lock held leads whose review is due, and lost ones whose time is over, and return them."""
    held = list(
        run(
            connection,
            "SELECT lead_id FROM tasuki.lead WHERE review_at <= :now AND lifecycle_stage IN ('inquiry', 'nurture')"
            " AND merged_into IS NULL ORDER BY review_at LIMIT :n FOR NO KEY UPDATE SKIP LOCKED",
            now=now, n=limit,
        ).scalars()
    )  # fmt: skip
    if len(held) >= limit:
        return held
    lost = run(
        connection,
        "SELECT lead_id FROM tasuki.lead WHERE review_at <= :now AND lifecycle_stage = 'lost'"
        " AND merged_into IS NULL ORDER BY review_at LIMIT :n FOR NO KEY UPDATE SKIP LOCKED",
        now=now, n=limit - len(held),
    ).scalars()  # fmt: skip
    return [*held, *lost]


def due_pools(connection: Connection, now: datetime) -> list[str]:
    """Return the pools that have a lead to place."""
    return list(
        run(
            connection, "SELECT DISTINCT pool FROM tasuki.waiting WHERE look_again_at <= :now", now=now
        ).scalars()
    )
