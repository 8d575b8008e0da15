"""Backfill: years of history are judged here, beside the road, and wake nobody.

The events never enter the stream, so what happens now does not stand behind them: a batch is judged in one
transaction, as a worker judges its own, and that transaction also says how many rows are done. So a backfill that
is killed goes on where it stood, and the next batch is read only when this one is safe.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from schemas.errors import Away, NotUnderstood, Refused
from worker import poison, rulebooks
from worker.bulk.comparing import batched
from worker.bulk.files import as_json
from worker.bulk.opening import Opened
from worker.bulk.rows import Made
from worker.incoming import Incoming
from worker.judging import Judged, judge_batch, rejudge
from worker.now import now
from worker.store import backfills, leads
from worker.store.db import in_transaction
from worker.store.rows import ms

#: Rows judged in one transaction: live events of the same leads wait for it, for a tenth of a second.
BATCH: Final = 500
#: As what a row that was not understood stands in quarantine.
PLATFORM: Final = "backfill"
#: Leads released in one transaction.
RELEASED: Final = 500
#: Seconds for which it goes on trying while PostgreSQL is away.
PATIENCE_S: Final = 60.0

Progress = Callable[[int], None]


@dataclass(slots=True)
class _Position:
    """Where this process stands: as the row says, and in the batch in hand."""

    backfill_id: int
    done: int
    refused: int


def backfill(
    opened: Opened, begun: Any, progress: Progress, *, max_refused: int, pause_s: float = 0.0
) -> Any:
    """Judge the rest of a file and return its finished row.

    Args:
        opened: the file, read as the row says.
        begun: its row, by `backfills.begin`.
        progress: told how many rows were done.
        max_refused: stop when more rows than that were not understood: the mapping is wrong, or the file.
        pause_s: rest so long after each batch, to leave more of a small machine to live events.

    Raises:
        Away: PostgreSQL is, for longer than `PATIENCE_S`; run it again.
        Refused: too many rows are not understood, or the file changed.

    """
    history_ms = None if begun.hand_over else ms(begun.started_at)
    at = _Position(begun.backfill_id, begun.rows_done, begun.refused)
    for rows in batched(opened.rows(at.done), BATCH):
        made = [opened.make(row) for row in rows]
        opened.must_be_unchanged()
        _patiently(made, opened, begun, at, history_ms)
        progress(len(made))
        if at.refused > max_refused:
            raise Refused(
                f"stopped after row {at.done}: {at.refused} were not understood, more than --max-refused {max_refused};"
                " `tasuki quarantine list` says why. Mend the mapping, and run it again"
            )
        if pause_s:
            time.sleep(pause_s)
    opened.must_be_unchanged()
    return in_transaction(lambda c: backfills.finish(c, at.backfill_id, now()))


def _patiently(made: list[Made], opened: Opened, begun: Any, at: _Position, history_ms: int | None) -> None:
    """Judge some rows, unless it turns out that they were: by another process, or by a commit whose answer was lost."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            row = in_transaction(lambda connection: backfills.read(connection, at.backfill_id))
            if row.rows_done < at.done + len(made):
                _judge(made, opened, begun, at, history_ms)
            else:
                at.refused = row.refused
            at.done += len(made)
            return
        except Away:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _judge(made: list[Made], opened: Opened, begun: Any, at: _Position, history_ms: int | None) -> None:
    """Judge the events of some rows and move on, in one transaction; halved where one of them is poison.

    Then the last part moves on, for all: should it be killed before, what went before is a repeat.
    """
    items = [
        item for number, one in enumerate(made, start=at.done) for item in _items(one, number, opened, begun)
    ]
    left = len(items)
    sums = Judged()

    def commit(part: list[Incoming], entries: int) -> Judged:
        def work(connection: Connection) -> Judged:
            judged = judge_batch(
                connection, part, rulebooks.current(connection), now(), "backfill", entries, history_ms
            )
            if len(part) >= left:
                _advance(connection, at, len(made), sums, judged)
            return judged

        return poison.in_one_transaction(part, work)

    def done(count: int, judged: Judged) -> None:
        nonlocal left
        left -= count
        for name in ("events", "applied", "repeats", "quarantined"):
            setattr(sums, name, getattr(sums, name) + getattr(judged, name))

    if items:
        poison.judge_items(items, 0, commit, done)
    else:
        in_transaction(lambda connection: _advance(connection, at, len(made), sums, Judged()))
    at.refused += sums.quarantined


def _advance(connection: Connection, at: _Position, rows: int, before: Judged, last: Judged) -> None:
    moved = backfills.advance(
        connection, at.backfill_id, at.done, rows, now(), events=before.events + last.events,
        applied=before.applied + last.applied, repeats=before.repeats + last.repeats,
        refused=before.quarantined + last.quarantined,
    )  # fmt: skip
    if not moved:
        raise Away("another process did these rows meanwhile")


def _items(made: Made, number: int, opened: Opened, begun: Any) -> list[Incoming]:
    """Return what judging takes: events with their bodies, and what was not understood, with its line."""
    received_ms = ms(begun.started_at)
    stream_id = f"backfill-{begun.backfill_id}-{number}"
    found = []
    for part, (event, document) in enumerate(zip(made.events, made.documents, strict=True)):
        found.append(
            Incoming(
                stream_id,
                part,
                received_ms,
                "canonical",
                event.source,
                event.id,
                as_json(document),
                event=event,
            )
        )
    for part, problem in enumerate(made.problems, start=len(found)):
        raw = as_json(made.row.cells) if made.row.cells else "\n".join(made.row.raw).encode()
        told = NotUnderstood(f"{opened.path.name} line {made.row.line}: {problem.place}", problem.mend)
        found.append(Incoming(stream_id, part, received_ms, PLATFORM, opened.source, None, raw, problem=told))
    return found


def release(progress: Progress, at_most: int) -> tuple[int, int]:
    """Let sales have leads that are known from history only; return how many were looked at, how many are ready.

    The best ones go first. Each is judged as if it were live, so most stay where they are.
    """
    ids = in_transaction(lambda connection: backfills.held(connection, at_most))
    looked = ready = 0
    for start in range(0, len(ids), RELEASED):
        part = ids[start : start + RELEASED]
        count, judged = in_transaction(lambda connection, part=part: _release(connection, part))  # type: ignore[misc]
        looked, ready = looked + count, ready + judged.ready
        progress(count)
    return looked, ready


def _release(connection: Connection, ids: Sequence[int]) -> tuple[int, Judged]:
    locked = backfills.lock_held(connection, ids)
    leads.mark_history(connection, locked, None)
    return len(locked), rejudge(
        connection, locked, rulebooks.current(connection), now()
    ) if locked else Judged()
