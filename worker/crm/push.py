"""Flow F: leads that the CRM must know are written, each at least once, by its newest truth, in order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection

from schemas.errors import Away, Refused, RulebookError
from worker import rulebooks
from worker.crm import connect, meter, reach
from worker.crm.base import Crm, Failed, Halted, Linked, Result, Wanted, Written, already
from worker.crm.card import make_card
from worker.crm.mapping import CrmMapping, load
from worker.logs import get_logger
from worker.now import wall_seconds
from worker.settings import settings
from worker.store import crm as store
from worker.store import crm_links
from worker.store.crm import Taken
from worker.store.db import in_transaction, transaction
from worker.store.rows import ms

log = get_logger()

#: Seconds for which one worker has its leads to itself: longer than Celery lets a task live (`task_time_limit`).
LEASE_S: Final = 130.0
#: Seconds that all calls of one round may take: with the round before it, less than Celery lets a task live.
ROUND_S: Final = 75.0
#: Seconds before each next try of one lead; the last one goes on for ever.
BACKOFF_S: Final = (5, 30, 120, 600, 1_800, 7_200)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one round came to."""

    written: int = 0
    pending: int = 0
    refused: int = 0
    not_needed: int = 0
    erased: int = 0
    #: Why not all were tried: the CRM is away, or its breaker is open.
    away: str | None = None

    @property
    def tried(self) -> int:
        """Return how many leads were settled or tried."""
        return self.written + self.pending + self.refused + self.not_needed + self.erased


@dataclass(frozen=True, slots=True)
class _Round:
    """The leads of one round, by what is to be done with them."""

    taken: dict[int, Taken]
    write: list[Wanted]
    erase: list[Linked]
    #: Leads that need no call, with their results.
    settled: list[dict[str, Any]]


def push_due(now: datetime, only: int | None = None) -> Pushed:
    """Write one batch of the leads that are due, unless the breaker is open.

    The lease is committed before anything is sent: a worker that dies in between lets the leads be written
    again by another, to the same records. Without a CRM there is nothing to do.

    Args:
        now: the present.
        only: this lead and no other.

    """
    if settings().crm == "none":
        return Pushed()
    name = connect.name()
    gate = in_transaction(lambda connection: meter.gate(connection, name, now))
    if gate.is_open:
        return Pushed(away=gate.error)
    try:
        crm, mapping = connect.connect(), load(name)
    except RulebookError as error:
        return _note_away(name, Away(str(error), meter.OPEN_S[-1]), (), now)
    # After a failure one lead tries it first: a CRM that just came back is not rushed.
    limit = 1 if gate.failures else crm.batch
    round_ = in_transaction(lambda connection: _take(connection, name, mapping, now, limit, only))
    results, erased, away = _send(name, crm, round_)
    results = in_transaction(lambda connection: _one_each(connection, name, results))
    called = bool(results or erased)
    rows = [*round_.settled, *_rows(round_, results, erased, now)]
    if rows:
        in_transaction(lambda c: _record(c, name, crm, (rows, results, erased), now, called=called))
    for row in rows:
        if row["status"] == "refused":
            log.warning("crm.refused", lead_id=row["id"], source=name)
    count = Counter(row["status"] for row in rows)
    done = Pushed(count["written"], count["pending"], count["refused"], count["not_needed"], count["erased"])
    if away is None:
        return done
    left = set(round_.taken) - {row["id"] for row in rows}
    return replace(done, away=_note_away(name, away, [round_.taken[one] for one in sorted(left)], now).away)


def _send(name: str, crm: Crm, round_: _Round) -> tuple[list[Result], list[Result], Away | None]:
    """Write and erase; what was done before the CRM went away stays done. Return why it ended early, too."""
    results: list[Result] = []
    erased: list[Result] = []
    into = results
    try:
        with reach.within(ROUND_S):
            if round_.write:
                results += crm.write(round_.write, partial(_holders, name))
            into = erased
            if round_.erase:
                erased += crm.erase(round_.erase)
    except Halted as halted:
        into += halted.results
        return results, erased, halted
    except Away as away:
        return results, erased, away
    except Refused as no:  # an address that is not allowed, say: mended in the settings, not at the lead
        return results, erased, Away(str(no), meter.OPEN_S[-1])
    except Exception as error:
        # What another program answers may have any shape; and Celery tells with an exception that time is up.
        log.exception("crm.not_understood", source=name)
        return results, erased, Away(f"{name} answered what we do not understand ({type(error).__name__})")
    return results, erased, None


def preview(lead_id: int) -> dict[str, Any]:
    """Return what would be written of a lead: object, record, fields and note, or the error.

    Raises:
        Away: the CRM is.
        Refused: no CRM is configured.

    """
    name, crm, mapping = connect.name(), connect.connect(), load(connect.name())
    with transaction() as connection:
        row = store.facts(connection, [lead_id])[lead_id]
        card = make_card(row, rulebooks.current(connection), mapping.language)
        known = crm_links.link_of(connection, name, lead_id)
    with reach.within(ROUND_S):
        return crm.preview(Wanted(lead_id, card, 0, *known), partial(_holders, name))


def _holders(name: str, crm_ids: Sequence[str]) -> dict[str, int]:
    """Return which leads these records are, by our own links."""
    found = in_transaction(lambda connection: crm_links.linked(connection, name, crm_ids))
    return {crm_id: lead for crm_id, (lead, _) in found.items()}


def _take(
    connection: Connection, name: str, mapping: CrmMapping, now: datetime, limit: int, only: int | None
) -> _Round:
    """Lease leads and read their truth in the same transaction: it is as new as their version, or newer."""
    until = now + _business(LEASE_S)
    taken = {one.lead_id: one for one in store.take(connection, name, now, until, limit, only)}
    round_ = _Round(taken, [], [], [])
    if not taken:
        return round_
    without = [lead_id for lead_id, one in taken.items() if one.crm_id is None]
    adopted = crm_links.adopt(connection, name, without) if without else {}
    for lead_id, (kind, crm_id, written) in adopted.items():
        taken[lead_id] = replace(taken[lead_id], object=kind, crm_id=crm_id, written=written)
    loaded = rulebooks.current(connection)
    rows = store.facts(connection, list(taken))
    for lead_id, one in taken.items():
        row = rows.get(lead_id)
        if one.erase and one.crm_id is not None:
            round_.erase.append(Linked(lead_id, one.object or "", one.crm_id))
        elif one.erase or row is None:
            round_.settled.append(_row(one, "erased" if one.erase else "not_needed"))
        elif row.merged_into is not None:
            moved = crm_links.follow_merge(connection, name, lead_id, row.merged_into, now)
            rest = (
                f"; its record {one.crm_id} is left: merge the two in the CRM"
                if one.crm_id and not moved
                else ""
            )
            round_.settled.append(_row(one, "not_needed", note=f"merged into lead {row.merged_into}{rest}"))
        elif one.crm_id is None and not row.was_with_sales and row.lifecycle_stage not in mapping.create_in:
            round_.settled.append(_row(one, "not_needed", note=f"{row.lifecycle_stage}, and not in the CRM"))
        else:
            card = make_card(row, loaded, mapping.language)
            round_.write.append(Wanted(lead_id, card, one.version, one.object, one.crm_id, one.written))
    # Whose record is known goes first: after a merge was undone, the other lead's then bears the right number.
    round_.write.sort(key=lambda one: one.crm_id is None)
    return round_


def _one_each(connection: Connection, name: str, results: Sequence[Result]) -> list[Result]:
    """Let each record be one lead only: whoever comes second is for a person to settle."""
    ids = [one.crm_id for one in results if isinstance(one, Written)]
    holder = (
        {crm_id: lead for crm_id, (lead, _) in crm_links.linked(connection, name, ids).items()} if ids else {}
    )
    kept: list[Result] = []
    for one in results:
        if isinstance(one, Written) and holder.setdefault(one.crm_id, one.lead_id) != one.lead_id:
            kept.append(already(one.lead_id, one.crm_id, holder[one.crm_id]))
        else:
            kept.append(one)
    return kept


def _row(one: Taken, status: str, **more: Any) -> dict[str, Any]:
    return {"id": one.lead_id, "lease": one.lease, "version": one.version, "status": status, **more}


def _rows(
    round_: _Round, results: Sequence[Result], erased: Sequence[Result], now: datetime
) -> list[dict[str, Any]]:
    rows = []
    gone = {result.lead_id for result in erased}
    for result in (*results, *erased):
        one = round_.taken[result.lead_id]
        if isinstance(result, Written):
            note = None if result.note is None else reach.one_line(result.note)
            rows.append(_row(one, "erased" if result.lead_id in gone else "written", note=note))
        elif result.again:
            at = now + _business(_back_off_s(one))
            rows.append(_row(one, "pending", error=reach.one_line(result.error), next=ms(at)))
        else:
            rows.append(_row(one, "refused", error=reach.one_line(result.error)))
    return rows


def _back_off_s(one: Taken) -> float:
    base = BACKOFF_S[min(one.attempts, len(BACKOFF_S)) - 1]
    return base * (0.9 + 0.2 * (crc32(f"{one.lead_id}:{one.attempts}".encode()) % 1000) / 1000)


def _record(
    connection: Connection, name: str, crm: Crm,
    done: tuple[list[dict[str, Any]], Sequence[Result], Sequence[Result]], now: datetime, *, called: bool,
) -> None:  # fmt: skip
    """Keep who is which record, make the records' ids identity keys, and say how each lead went."""
    rows, results, erased = done
    written = [result for result in results if isinstance(result, Written)]
    if written:
        kind = f"ma:{connect.source()}"
        keys = [(one.lead_id, key) for one in written if (key := crm.key_of(one.crm_id)) is not None]
        crm_links.know_as(connection, kind, keys, now)
        crm_links.link(
            connection, name,
            [{"id": one.lead_id, "object": one.object, "crm": one.crm_id, "how": one.how, "written": one.written}
             for one in written], now,
        )  # fmt: skip
    forget = [one.lead_id for one in erased if isinstance(one, Written)]
    forget += [one.lead_id for one in results if isinstance(one, Failed) and one.gone]
    if forget:
        crm_links.unlink(connection, name, forget)
    store.record(connection, name, rows, now)
    if called:
        meter.worked(connection, name, now, crm.calls_left())


def _note_away(name: str, away: Away, left: Sequence[Taken], now: datetime) -> Pushed:
    """Give back the leads that were not done, and open the breaker.

    The one at which the CRM went away goes behind the others: if it is that lead which the CRM cannot bear, it is
    not the one that tries it first every time.
    """
    log.warning("crm.away", source=name, count=len(left))
    words = reach.one_line(str(away))
    at = away.lead_id if isinstance(away, Halted) else left[0].lead_id if len(left) == 1 else None

    def note(connection: Connection) -> None:
        failures, until = meter.failed(connection, name, Away(words, away.retry_after_s), now)
        for one in left:
            if one.lead_id == at:
                # Well a moment ago, and away at this lead: it may be the lead, which then comes less and less often.
                alone = now + _business(min(_back_off_s(one), meter.OPEN_S[-1]))
                store.set_aside(connection, name, one, words, alone if failures == 1 else until)
        others = [one for one in left if one.lead_id != at]
        if others:
            store.release(connection, name, others, words)

    in_transaction(note)
    return Pushed(away=words)


def _business(seconds: float) -> timedelta:
    """Return the business time that passes in so many seconds on the wall."""
    return timedelta(seconds=seconds / max(wall_seconds(1.0), 1e-9))
