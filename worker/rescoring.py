"""Held leads judged again, in sets and in parallel: after a publish all of them, else those whose review is due.

What is left to do stands in PostgreSQL as `review_at`: whoever is killed leaves it to the next, and any number of
processes take sets of their own, as locked rows are skipped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection

from schemas.errors import Away
from worker import rulebooks
from worker.judging import Judged, rejudge
from worker.logs import get_logger
from worker.now import now
from worker.store.db import in_transaction, run
from worker.sweeping import BATCH, due_reviews

#: Leads in one set; fewer mean that no more are due.
SET: Final = BATCH
#: Wall seconds for which one task goes on; then others have their turn.
SHARE_S: Final = 1.0
#: After which a lead that could not be judged is looked at again.
PUT_OFF: Final = timedelta(hours=1)

log = get_logger()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the rescoring after a publish is."""

    version: int
    asked_at: datetime
    leads: int
    left: int
    done_at: datetime | None

    @property
    def share(self) -> float:
        """Return the part that is done, 0-1."""
        return 1.0 if not self.leads or self.done_at is not None else max(0.0, 1 - self.left / self.leads)


def review_set() -> tuple[Judged, int]:
    """Judge one set of leads that are due again; return what came of it and how many they were.

    Where the set fails, each is judged by itself: one that cannot be judged is looked at again in an hour, and
    holds up no other.

    Raises:
        Away: the database is away.

    """
    try:
        return in_transaction(_review_set)
    except (Away, SoftTimeLimitExceeded):
        raise
    except Exception:  # whatever it is, the other reviews are kept
        log.exception("review.failed", what="set")
        return _one_by_one()


def _one_by_one() -> tuple[Judged, int]:
    at = now()
    lead_ids = in_transaction(lambda connection: due_reviews(connection, at))
    total = Judged()
    for lead_id in lead_ids:
        try:
            judged = in_transaction(lambda c, one=lead_id: rejudge(c, [one], rulebooks.current(c), at))  # type: ignore[misc]
        except (Away, SoftTimeLimitExceeded):
            raise
        except Exception:
            log.exception("review.failed", what="lead", lead_id=lead_id)
            in_transaction(lambda c, one=lead_id: _put_off(c, one, at + PUT_OFF))  # type: ignore[misc]
        else:
            total.ready += judged.ready
            total.pools |= judged.pools
            total.freed |= judged.freed
    return total, len(lead_ids)


def _put_off(connection: Connection, lead_id: int, until: datetime) -> None:
    run(
        connection, "UPDATE tasuki.lead SET review_at = :until WHERE lead_id = :i",
        until=until, i=lead_id,
    )  # fmt: skip


def _review_set(connection: Connection) -> tuple[Judged, int]:
    at = now()
    lead_ids = due_reviews(connection, at)
    if not lead_ids:
        return Judged(), 0
    return rejudge(connection, lead_ids, rulebooks.current(connection), at), len(lead_ids)


def rescore_for(
    seconds: float, after: Callable[[Judged], None], alive: Callable[[], object]
) -> tuple[int, bool]:
    """Judge sets for so many wall seconds; return how many leads it were, and whether more are due."""
    until = time.monotonic() + seconds
    total = 0
    while True:
        judged, count = review_set()
        after(judged)
        total += count
        if count < SET:
            return total, False
        if time.monotonic() >= until:
            return total, True
        alive()


def note_done(connection: Connection, at: datetime) -> None:
    """Close the open rescoring once none of its leads is due any more, those in hand of others included."""
    run(
        connection,
        "UPDATE tasuki.rescoring r SET done_at = :at WHERE r.done_at IS NULL AND NOT EXISTS ("
        " SELECT FROM tasuki.lead WHERE review_at <= r.asked_at AND lifecycle_stage IN ('inquiry', 'nurture')"
        "  AND merged_into IS NULL) AND NOT EXISTS ("
        " SELECT FROM tasuki.lead WHERE review_at <= r.asked_at AND lifecycle_stage = 'lost' AND merged_into IS NULL)",
        at=at,
    )  # fmt: skip


def progress(connection: Connection, limit: int = 5) -> list[Progress]:
    """Return the newest rescorings, the newest first, with what is left of each that goes on."""
    rows: list[Any] = run(
        connection,
        "SELECT r.version, r.asked_at, r.leads, r.done_at, CASE WHEN r.done_at IS NOT NULL THEN 0 ELSE ("
        " SELECT count(*) FROM tasuki.lead WHERE review_at <= r.asked_at"
        "  AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL) + ("
        " SELECT count(*) FROM tasuki.lead WHERE review_at <= r.asked_at AND lifecycle_stage = 'lost'"
        "  AND merged_into IS NULL) END AS left FROM tasuki.rescoring r ORDER BY r.rescoring_id DESC LIMIT :n",
        n=limit,
    ).all()
    return [Progress(row.version, row.asked_at, row.leads, row.left, row.done_at) for row in rows]
