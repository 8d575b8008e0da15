"""Flow G: questions about leads' companies are noted with the judgement, asked later, answered as events.

A source may be slow, away, over its budget or wrong: no judgement waits for it, and no answer outranks what a
lead said. Every step may happen twice: an answer is kept before its event is sent, under an id of its own.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zlib import crc32

import msgspec

from schemas.enrichment import HttpSource, Source
from schemas.errors import Away, Refused
from schemas.identity import GUESS_SOURCE
from worker import queue
from worker.enrichment.http_source import HttpAsker
from worker.enrichment.sources import Asker, Question, configured, fit_to_say
from worker.enrichment.table_source import TableAsker
from worker.logs import get_logger
from worker.now import wall_seconds
from worker.store import enrichment
from worker.store.db import in_transaction
from worker.store.rows import ms

log = get_logger()

#: Questions taken at a time, and asked beside one another.
BATCH: Final = 40
THREADS: Final = 8
#: Seconds for which one worker has its questions to itself.
LEASE_S: Final = 120.0
#: Seconds before each next try of a question.
BACKOFF_S: Final = (60, 300, 1_800, 7_200, 21_600, 86_400)
#: Tries after which a question is given up; the source's next answer about the company is taken all the same.
GIVE_UP_AFTER: Final = 8


@dataclass(slots=True)
class _Round:
    """One round with one source."""

    #: Subject -> what it said, now or lately, and when.
    said: dict[str, tuple[dict[str, Any], datetime]] = field(default_factory=dict)
    fresh: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    #: Seconds for which the source asked to be left alone.
    wait_s: float = 0.0


def ask_due(now: datetime, until_s: float) -> int:
    """Ask what is due, until `until_s` (monotonic); return how many events were sent.

    Raises:
        Away: a store is away; what was leased is asked again.
        Refused: the enrichment file is wrong.

    """
    sent = 0
    for source in configured():
        while time.monotonic() < until_s:
            count = _round(source, now)
            if count is None:
                break
            sent += count
    return sent


def _round(source: Source, now: datetime) -> int | None:
    """Ask one source some of its questions; return how many events went out, None when it has none due."""
    lease_s = LEASE_S / max(wall_seconds(1.0), 1e-9)  # business seconds that last so long on the wall
    rows = in_transaction(lambda c: enrichment.lease(c, source.id, now, lease_s, BATCH))
    if not rows:
        return None
    result = _Round()
    for row in rows:
        if row.said is not None:
            result.said[row.subject] = (enrichment.said_of(row.said), row.answered_at)
    asked = list(dict.fromkeys(row.subject for row in rows if row.subject not in result.said))
    later = _ask(source, asked, result, now) if asked else {}
    if result.fresh:
        in_transaction(lambda c: enrichment.keep_answers(c, source.id, result.fresh, now, source.keep_for))
        result.said.update((subject, (said, now)) for subject, said in result.fresh.items())
    events = [
        _event(source.id, row.lead_id, row.subject, *result.said[row.subject])
        for row in rows if row.subject in result.said and result.said[row.subject][0]
    ]  # fmt: skip
    if events:
        queue.append({"event": event} for event in events)
    settled = [_outcome(row, result, later, now) for row in rows]
    in_transaction(lambda c: enrichment.settle(c, source.id, settled))
    log.info("source.asked", source=source.id, sent=len(events), failed=len(result.failed), count=len(asked))
    return len(events)


def _ask(source: Source, subjects: list[str], result: _Round, now: datetime) -> dict[str, datetime]:
    """Ask within the budget and while the source is not left alone; return when the others are to be tried."""
    asker: Asker = HttpAsker(source) if isinstance(source, HttpSource) else TableAsker(source)
    if not isinstance(source, HttpSource):
        _ask_all(asker, subjects, result)
        return {}
    allowed, row = in_transaction(
        lambda c: enrichment.reserve(c, source.id, now, len(subjects), source.per_day)
    )
    if allowed > 1 and row.failures >= source.failures:
        allowed = 1  # it was left alone: one question shows whether it is back
    _ask_all(asker, subjects[:allowed], result)
    failures = row.failures + len(result.failed)
    closed = None
    if result.wait_s or (failures >= source.failures and not result.fresh and allowed):
        closed = now + timedelta(seconds=max(result.wait_s, source.closed_for))
        log.warning("source.left_alone", source=source.id, failed=failures, seconds=source.closed_for)
    if allowed:
        in_transaction(
            lambda c: enrichment.note_health(
                c, source.id, failed=len(result.failed), answered=bool(result.fresh), closed_until=closed
            )
        )
    again = _next_day(now) if allowed == 0 and row.asked >= source.per_day else now + timedelta(seconds=60)
    if row.closed_until is not None and row.closed_until > again:
        again = row.closed_until
    return dict.fromkeys(subjects[allowed:], closed or again)


def _ask_all(asker: Asker, subjects: list[str], result: _Round) -> None:
    def one(subject: str) -> tuple[str, dict[str, Any] | Exception]:
        kind, _, value = subject.partition(":")
        try:
            return subject, fit_to_say(asker.ask(Question(kind, value)))  # type: ignore[arg-type]
        except (Away, Refused) as error:
            return subject, error

    # What is in memory is looked up one by one: beside one another all would read a large table at first.
    threads = 1 if isinstance(asker, TableAsker) else THREADS
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for subject, answer in pool.map(one, subjects):
            if isinstance(answer, Exception):
                result.failed[subject] = str(answer)[:300]
                if isinstance(answer, Away) and answer.retry_after_s:
                    result.wait_s = max(result.wait_s, answer.retry_after_s)
            else:
                result.fresh[subject] = answer


def _next_day(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


def _outcome(row: Any, result: _Round, later: dict[str, datetime], now: datetime) -> dict[str, Any]:
    settled = {
        "lead": row.lead_id,
        "subject": row.subject,
        "outcome": None,
        "error": None,
        "tried": 0,
        "next": None,
    }
    if row.subject in result.said:
        return {**settled, "outcome": "answered" if result.said[row.subject][0] else "nothing"}
    if row.subject in later:
        return {**settled, "next": ms(later[row.subject]), "error": "waits: budget of the day, or left alone"}
    error = result.failed.get(row.subject, "not asked")
    if row.tries + 1 >= GIVE_UP_AFTER:
        return {**settled, "outcome": "gave_up", "error": error, "tried": 1}
    base = BACKOFF_S[min(row.tries, len(BACKOFF_S) - 1)]
    spread = base * (0.9 + 0.2 * (crc32(f"{row.subject}:{row.tries}".encode()) % 1000) / 1000)
    return {**settled, "next": ms(now + timedelta(seconds=spread)), "error": error, "tried": 1}


def _event(source: str, lead_id: int, subject: str, said: dict[str, Any], at: datetime) -> bytes:
    """Return an answer as a canonical event; the same answer about the same lead has one id."""
    return msgspec.json.encode({
        "id": f"{lead_id}:{subject}"[:200] + f"@{ms(at)}", "source": f"{GUESS_SOURCE}{source}", "type": "lead.captured",
        "time": at.isoformat(timespec="milliseconds"), "subject": str(lead_id), "data": said,
    })  # fmt: skip
