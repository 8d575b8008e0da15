"""Leads merged by people, and merges undone: each side gets its keys, events and standing back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from routing_rules.accounts import COMPANY_FACTS
from routing_rules.fold import fold
from schemas.errors import Refused
from schemas.lead import LeadState
from schemas.lead_event import LeadEvent
from schemas.strict_json import loads
from schemas.understanding import understand
from worker import merging
from worker.judging import Judged, judge_and_save
from worker.logs import get_logger
from worker.parting import part_sales, part_who_had, with_sales
from worker.rulebooks import Loaded
from worker.store import crm, crm_links, leads
from worker.store.db import run
from worker.store.leads import Key
from worker.store.rows import as_json, ms
from worker.zone import local_day_time

log = get_logger()


def merge_by_hand(
    connection: Connection, kept: int, gone: int, by: str, loaded: Loaded, now: datetime
) -> Judged:
    """Make two leads one because somebody knows that they are, and judge the one anew.

    Raises:
        Refused: they are one lead already.

    """
    if kept == gone:
        raise Refused(f"lead {kept} is one lead already")
    rows = leads.lock_leads(connection, [kept, gone])
    for lead_id in (kept, gone):
        if lead_id not in rows or rows[lead_id].merged_into is not None:
            raise Refused(f"lead {lead_id} is not there, or was merged; see `tasuki lead show {lead_id}`")
    merging.merge_leads(connection, rows, kept, gone, "by_hand", now, by)
    return _judge_anew(connection, [kept], loaded, now)


def keep_apart(connection: Connection, one: int, other: int, now: datetime) -> None:
    """Record that two leads are two people: no later event merges them."""
    run(
        connection,
        "INSERT INTO tasuki.merge_candidate (lead_a, lead_b, because, seen_at, settled, settled_at)"
        " VALUES (:a, :b, 'by_hand', :now, 'apart', :now)"
        " ON CONFLICT (lead_a, lead_b) DO UPDATE SET settled = 'apart', settled_at = :now",
        a=min(one, other), b=max(one, other), now=now,
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.merge_candidate SET settled = 'apart', settled_at = :now WHERE lead_a = :b AND lead_b = :a",
        a=min(one, other), b=max(one, other), now=now,
    )  # fmt: skip


def unmerge(
    connection: Connection, merge_id: int, by: str, loaded: Loaded, now: datetime
) -> tuple[int, int, Judged]:
    """Undo a merge and return the two leads.

    Those who let one of the two pass before are known to that one only again (`had`). A CRM record that came from the lead that was taken in is its own again, and both are written to the CRM anew.
    What was applied since goes to the lead of its first key that either of them had; a key that is new since goes
    where the event went that brought it. Both are folded anew from their events and judged.

    Raises:
        Refused: there is no such merge, it was undone, or one of the two was merged again since.

    """
    kept, gone = _of_merge(connection, merge_id)
    rows = leads.lock_leads(connection, [kept, gone])  # leads before the merge's row, as a batch does
    merge = run(
        connection, "SELECT * FROM tasuki.lead_merge WHERE merge_id = :m FOR UPDATE", m=merge_id
    ).one()
    if merge.undone_at is not None:
        raise Refused(
            f"merge {merge_id} was undone at {local_day_time(merge.undone_at)} by {merge.undone_by or '-'}"
        )
    if rows[kept].merged_into is not None or rows[gone].merged_into != kept:
        raise Refused(
            f"lead {kept} was merged again since; undo that merge first: `tasuki lead candidates --merges`"
        )
    later = run(
        connection,
        "SELECT min(merge_id) FROM tasuki.lead_merge WHERE kept = :k AND merge_id > :m AND undone_at IS NULL",
        k=kept, m=merge_id,
    ).scalar()  # fmt: skip
    if later is not None:
        raise Refused(f"lead {kept} took in another lead since; undo merge {later} first")
    _part_events(connection, merge, kept, gone, crm_links.give_back(connection, kept, gone))
    run(
        connection,
        "UPDATE tasuki.lead SET merged_into = NULL, updated_at = :now WHERE lead_id = :g",
        g=gone,
        now=now,
    )
    part_sales(connection, merge, kept, gone)
    run(
        connection, "UPDATE tasuki.lead_merge SET undone_at = :now, undone_by = :by WHERE merge_id = :m",
        now=now, by=by, m=merge_id,
    )  # fmt: skip
    keep_apart(connection, kept, gone, now)
    live = with_sales(connection, kept, gone)
    judged = _judge_anew(connection, [kept, gone], loaded, now)
    part_who_had(connection, merge, kept, gone, live)
    crm.mark(connection, [kept, gone], now)
    log.info("lead.unmerged", lead_id=kept, lead_ids=[kept, gone])
    return kept, gone, judged


def _of_merge(connection: Connection, merge_id: int) -> tuple[int, int]:
    row = run(
        connection, "SELECT kept, merged FROM tasuki.lead_merge WHERE merge_id = :m", m=merge_id
    ).one_or_none()
    if row is None:
        raise Refused(f"there is no merge {merge_id}; see `tasuki lead candidates --merges`")
    return row.kept, row.merged


def _part_events(connection: Connection, merge: Any, kept: int, gone: int, records: set[Key]) -> None:
    """Give each side its keys and events back, and its state folded anew from them.

    Args:
        connection: both leads are locked in it.
        merge: its row.
        kept: the lead that took the other in.
        gone: the lead that was taken in.
        records: keys of CRM records that went back to it: one that was learned since is its own all the same.

    """
    moved = {
        (row.source, row.event_id)
        for row in run(
            connection,
            "SELECT source, event_id FROM tasuki.lead_merge_event WHERE merge_id = :m",
            m=merge.merge_id,
        )
    }
    rows = [
        _Applied(
            (row.source, row.event_id),
            understand(loads(row.body.encode()), row.received_at).flat(),
            ms(row.received_at),
        )
        for row in run(
            connection,
            "SELECT source, event_id, body, received_at FROM tasuki.event WHERE lead_id = :k",
            k=kept,
        )
    ]
    theirs = {(kind, value) for kind, value in merge.keys}
    theirs |= records - {(kind, value) for kind, value in merge.kept_keys}
    now_has = run(connection, "SELECT kind, value FROM tasuki.lead_key WHERE lead_id = :k", k=kept)
    # merges of before this was recorded: what the kept lead has now and the other had not
    mine = {(kind, value) for kind, value in merge.kept_keys} or {tuple(key) for key in now_has} - theirs
    back = _theirs(rows, moved, mine, theirs)
    states = {kept: LeadState(), gone: LeadState()}
    for one in rows:
        fold(states[gone if one.name in back else kept], one.event, one.received_ms)
    run(
        connection,
        "UPDATE tasuki.event e SET lead_id = :g FROM json_to_recordset(cast(:rows AS json)) AS r(s text, i text)"
        " WHERE e.source = r.s AND e.event_id = r.i",
        g=gone, rows=as_json([{"s": source, "i": event_id} for source, event_id in sorted(back)]),
    )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.lead_key k SET lead_id = :g FROM json_to_recordset(cast(:rows AS json)) AS r(k text, v text)"
        " WHERE k.kind = r.k AND k.value = r.v AND k.lead_id = :kept",
        g=gone, kept=kept, rows=as_json([{"k": kind, "v": value} for kind, value in sorted(theirs)]),
    )  # fmt: skip
    for lead_id, state in states.items():
        run(
            connection, "UPDATE tasuki.lead SET state = :s WHERE lead_id = :i",
            s=leads.encode_state(state).decode(), i=lead_id,
        )  # fmt: skip


class _Applied(NamedTuple):
    """An event of the lead that took another in."""

    name: tuple[str, str]
    event: LeadEvent
    received_ms: int


def _theirs(
    rows: Sequence[_Applied], moved: set[tuple[str, str]], mine: set[Key], theirs: set[Key]
) -> set[tuple[str, str]]:
    """Return the names of the events that go to the lead that was taken in; what is learned joins `mine` or `theirs`.

    An event is its whose key stands first in it. One that names neither goes with the event that brought its key,
    whatever the order in which they came, and stays where it is when none did.
    """
    found: set[tuple[str, str]] = set()
    left = list(rows)
    while left:
        waiting = []
        for one in left:
            side = theirs if one.name in moved else _side(one.event, mine, theirs)
            if side is None:
                waiting.append(one)
                continue
            if side is theirs:
                found.add(one.name)
            side.update(key for key in one.event.keys if key not in mine and key not in theirs)
        if len(waiting) == len(left):
            break
        left = waiting
    return found


def _side(event: LeadEvent, mine: set[Key], theirs: set[Key]) -> set[Key] | None:
    return next((side for key in event.keys for side in (theirs, mine) if key in side), None)


def _judge_anew(connection: Connection, lead_ids: Sequence[int], loaded: Loaded, now: datetime) -> Judged:
    """Judge leads whose state was put together anew, their accounts included."""
    rows = list(leads.lock_leads(connection, lead_ids).values())
    for row in rows:
        row.company_before = (None,) * len(COMPANY_FACTS)
    result = Judged()
    judge_and_save(connection, rows, loaded, now, result)
    return result
