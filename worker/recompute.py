"""Promises that SQL cannot prove: recent rows are computed again by the very code that made them."""

from collections import Counter
from typing import Final

import msgspec
from sqlalchemy import Connection

from routing_rules.calendars import is_open
from routing_rules.fold import fold
from routing_rules.judge import JUDGEMENT
from schemas.lead import LeadState
from schemas.strict_json import loads
from schemas.understanding import understand
from worker import rulebooks
from worker.presence import reps_at_their_offers
from worker.recount import over_caps
from worker.replaying import replay
from worker.store import leads
from worker.store.db import run
from worker.store.rows import ms

#: The newest offers whose rep is looked at.
RECENT: Final = 2_000
#: The newest decisions that are computed again.
REPLAYED: Final = 500
#: The leads judged last whose events are folded again.
FOLDED: Final = 200
#: The promises looked at here.
NUMBERS: Final = frozenset({2, 6, 8})

#: Promise, what an offender is, offenders.
Found = tuple[int, str, list[str]]


def recompute(connection: Connection) -> list[Found]:
    """Compute recent rows again and return what differs."""
    over = (6, "a lead was offered to a rep beyond a cap", over_caps(connection))
    return [_not_folded(connection), *_unfit_reps(connection), over, _not_replayed(connection)]


def _not_folded(connection: Connection) -> Found:
    """Find leads whose state is not the fold of their events, taken in the order of their ids."""
    states = {
        row.lead_id: row.state
        for row in run(
            connection,
            "SELECT lead_id, state FROM tasuki.lead WHERE merged_into IS NULL ORDER BY updated_at DESC LIMIT :n",
            n=FOLDED,
        )
    }
    again = {lead_id: LeadState() for lead_id in states}
    rows = run(
        connection,
        "SELECT lead_id, body, received_at FROM tasuki.event WHERE lead_id = ANY(:ids) ORDER BY event_id",
        ids=sorted(states),
    )
    for row in rows:
        event = understand(loads(row.body.encode()), row.received_at).flat()
        fold(again[row.lead_id], event, ms(row.received_at))
    offence = "a lead judged lately is not the fold of its events"
    return (
        2,
        offence,
        [
            f"lead {lead_id}"
            for lead_id, state in states.items()
            if not _same(leads.decode_state(state), again[lead_id])
        ],
    )


def _same(stored: LeadState, again: LeadState) -> bool:
    """Tell whether a lead is the fold of its events. Of what came before traces were kept there may be none."""
    there = {(kind, day): Counter(kept) for kind, days in again.traces.items() for day, kept in days.items()}
    has_more = any(
        Counter(kept) - there.get((kind, day), Counter())
        for kind, days in stored.traces.items()
        for day, kept in days.items()
    )
    return not has_more and msgspec.structs.replace(stored, traces=again.traces) == again


def _unfit_reps(connection: Connection) -> list[Found]:
    """Find recent offers to a rep who was absent, off hours or full, by the rulebook of the offer."""
    rows = run(
        connection,
        "SELECT assignment_id, rep, offered_at, rulebook_version, (SELECT count(*) FROM tasuki.assignment o"
        "  WHERE o.rep = a.rep AND o.assignment_id <= a.assignment_id AND o.offered_at <= a.offered_at"
        "  AND (o.ended_at IS NULL OR o.ended_at > a.offered_at)) AS held"
        " FROM tasuki.assignment a ORDER BY assignment_id DESC LIMIT :n",
        n=RECENT,
    ).all()
    away, full = [], []
    known = reps_at_their_offers(connection, rows, lambda version: rulebooks.load(version).team)
    for row in rows:
        rep = known[row.assignment_id]
        if rep is None or not is_open(rep.calendar, row.offered_at, rep.without_offers):
            away.append(f"assignment {row.assignment_id} to {row.rep}")
        if rep is not None and row.held > rep.spec.capacity.open:
            full.append(f"assignment {row.assignment_id} to {row.rep}, who held {row.held}")
    return [
        (6, "a lead was offered to a rep who was absent or off hours", away),
        (6, "a lead was offered to a rep over their capacity", full),
    ]


def _not_replayed(connection: Connection) -> Found:
    """Find recent decisions that do not come out the same from their stored inputs and rulebook version."""
    rows = run(
        connection,
        "SELECT decision_id, verdict, to_stage, reasons, inputs, rulebook_version FROM tasuki.decision"
        " WHERE verdict <> 'act' AND inputs LIKE :judgement ORDER BY decision_id DESC LIMIT :n",
        n=REPLAYED,
        judgement=f'{{"judgement":{JUDGEMENT},%',
    ).all()
    differ = []
    for row in rows:
        again = replay(row.inputs, rulebooks.load(row.rulebook_version))
        reasons = msgspec.json.encode(again.reasons).decode()
        if (again.verdict, again.lifecycle_stage, reasons) != (row.verdict, row.to_stage, row.reasons):
            differ.append(f"decision {row.decision_id}")
    return (8, "a recent decision comes out otherwise when computed again", differ)
