"""Flow F: leads that the CRM must know are written, each at least once, by its newest truth, in order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection

from schemas.errors import Away, Refused, RulebookError
from worker import rulebooks
from worker.crm import connect, meter
from worker.crm.base import Crm, Failed, Linked, Result, Wanted, Written, already
from worker.crm.card import make_card
from worker.crm.mapping import CrmMapping, load
from worker.logs import get_logger
from worker.now import wall_seconds
from worker.settings import settings
from worker.store import crm as store
from worker.store.crm import Taken
from worker.store.db import in_transaction, transaction
from worker.store.rows import ms

log = get_logger()

#: Seconds for which one worker has its leads to itself: longer than Celery lets a task live (`task_time_limit`).
LEASE_S: Final = 130.0
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
    #: Why nobody was tried: the CRM is away, or its breaker is open.
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
    try:
        results = crm.write(round_.write) if round_.write else []
        erased = crm.erase(round_.erase) if round_.erase else []
    except Away as away:
        return _note_away(name, away, list(round_.taken.values()), now)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # What another program answers may have any shape: nothing is known of any lead, and it must be seen.
        log.exception("crm.not_understood", source=name)
        odd = Away(f"{name} answered what we do not understand ({type(error).__name__})", meter.OPEN_S[-1])
        return _note_away(name, odd, list(round_.taken.values()), now)
    except Refused as no:  # an address that is not allowed, say: mended in the settings, not at the lead
        return _note_away(name, Away(str(no), meter.OPEN_S[-1]), list(round_.taken.values()), now)
    results = in_transaction(lambda connection: _one_each(connection, name, results))
    called = bool(round_.write or round_.erase)
    rows = [*round_.settled, *_rows(round_, results, erased, now)]
    if rows:
        in_transaction(lambda c: _record(c, name, crm, (rows, results, erased), now, called=called))
    for row in rows:
        if row["status"] == "refused":
            log.warning("crm.refused", lead_id=row["id"], source=name)
    count = Counter(row["status"] for row in rows)
    return Pushed(count["written"], count["pending"], count["refused"], count["not_needed"], count["erased"])


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
        known = store.link_of(connection, name, lead_id)
    return crm.preview(Wanted(lead_id, card, 0, *known))


def _take(
    connection: Connection, name: str, mapping: CrmMapping, now: datetime, limit: int, only: int | None
) -> _Round:
    """Lease leads and read their truth in the same transaction: it is as new as their version, or newer."""
    until = now + timedelta(seconds=LEASE_S / max(wall_seconds(1.0), 1e-9))
    taken = {one.lead_id: one for one in store.take(connection, name, now, until, limit, only)}
    round_ = _Round(taken, [], [], [])
    if not taken:
        return round_
    without = [lead_id for lead_id, one in taken.items() if one.crm_id is None]
    adopted = store.adopt(connection, name, without) if without else {}
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
            store.follow_merge(connection, name, lead_id, row.merged_into, now)
            round_.settled.append(_row(one, "not_needed", note=f"merged into lead {row.merged_into}"))
        elif one.crm_id is None and not row.was_with_sales and row.lifecycle_stage not in mapping.create_in:
            round_.settled.append(_row(one, "not_needed", note=f"{row.lifecycle_stage}, and not in the CRM"))
        else:
            card = make_card(row, loaded, mapping.language)
            round_.write.append(Wanted(lead_id, card, one.version, one.object, one.crm_id, one.written))
    return round_


def _one_each(connection: Connection, name: str, results: Sequence[Result]) -> list[Result]:
    """Let each record be one lead only: whoever comes second is for a person to settle."""
    ids = [one.crm_id for one in results if isinstance(one, Written)]
    holder = (
        {crm_id: lead for crm_id, (lead, _) in store.linked(connection, name, ids).items()} if ids else {}
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
            rows.append(_row(one, "erased" if result.lead_id in gone else "written", note=result.note))
        elif result.again:
            wait_s = result.wait_s or _back_off_s(one)
            at = now + timedelta(seconds=wait_s / max(wall_seconds(1.0), 1e-9))
            rows.append(_row(one, "pending", error=result.error, next=ms(at)))
        else:
            rows.append(_row(one, "refused", error=result.error))
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
        store.know_as(connection, kind, keys, now)
        store.link(
            connection, name,
            [{"id": one.lead_id, "object": one.object, "crm": one.crm_id, "how": one.how, "written": one.written}
             for one in written], now,
        )  # fmt: skip
    forget = [one.lead_id for one in erased if isinstance(one, Written)]
    forget += [one.lead_id for one in results if isinstance(one, Failed) and one.gone]
    if forget:
        store.unlink(connection, name, forget)
    store.record(connection, name, rows, now)
    if called:
        meter.worked(connection, name, now, crm.calls_left())


def _note_away(name: str, away: Away, taken: Sequence[Taken], now: datetime) -> Pushed:
    """Give the leads back and open the breaker."""
    log.warning("crm.away", source=name, count=len(taken))

    def note(connection: Connection) -> None:
        if taken:
            store.release(connection, name, taken, str(away))
        meter.failed(connection, name, away, now)

    in_transaction(note)
    return Pushed(away=str(away))
