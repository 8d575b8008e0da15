"""The promises, proved on the live database: each a query that returns offenders."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from routing_rules.calendars import is_open
from worker import rulebooks
from worker.judging import replay
from worker.now import now, wall_seconds
from worker.store.db import run, sqlstate

_FILE: Final = Path(__file__).parent / "store" / "promises.sql"
_NAME: Final = re.compile(r"^-- name: (\d+): (.+)$", re.MULTILINE)
#: Wall seconds for which something due may still be on its way.
GRACE_S: Final = 30.0
#: The newest offers whose rep is looked at.
RECENT: Final = 2_000
#: The newest decisions that are computed again.
REPLAYED: Final = 500
#: Milliseconds that one query may take.
LIMIT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Promise:
    """One check: the promise it belongs to, what an offender is, and the offenders found."""

    number: int
    offence: str
    offenders: tuple[str, ...]
    #: Whether the query ended in time.
    finished: bool = True


def queries() -> list[tuple[int, str, str]]:
    """Return promise, offence and SQL of each check."""
    text = _FILE.read_text(encoding="utf-8")
    marks = list(_NAME.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        (int(mark[1]), mark[2], text[mark.end() : end].strip().rstrip(";"))
        for mark, end in zip(marks, ends, strict=True)
    ]


def prove(connection: Connection) -> list[Promise]:
    """Run every check on one snapshot."""
    run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    run(connection, f"SET LOCAL statement_timeout = {LIMIT_MS}")
    at = now()
    grace = at - timedelta(seconds=GRACE_S / max(wall_seconds(1.0), 1e-9))
    found = []
    for number, offence, sql in queries():
        try:
            with connection.begin_nested():
                rows = run(connection, sql.replace("::", "\\:\\:"), **_wanted(sql, at, grace)).scalars().all()
        except DBAPIError as error:
            if sqlstate(error) != "57014":
                raise
            found.append(Promise(number, offence, (), finished=False))
            continue
        found.append(Promise(number, offence, tuple(str(row) for row in rows)))
    found += _unfit_reps(connection)
    found.append(_not_replayed(connection))
    return sorted(found, key=lambda promise: promise.number)


def _wanted(sql: str, at: object, grace: object) -> dict[str, object]:
    values = {"now": at, "grace": grace}
    return {name: value for name, value in values.items() if f":{name}" in sql}


def _unfit_reps(connection: Connection) -> list[Promise]:
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
    for row in rows:
        rep = rulebooks.load(row.rulebook_version).team.reps.get(row.rep)
        if rep is None or not is_open(rep.calendar, row.offered_at, rep.absences):
            away.append(f"assignment {row.assignment_id} to {row.rep}")
        if rep is not None and row.held > rep.spec.capacity.open:
            full.append(f"assignment {row.assignment_id} to {row.rep}, who held {row.held}")
    return [
        Promise(6, "a lead was offered to a rep who was absent or off hours", tuple(away[:20])),
        Promise(6, "a lead was offered to a rep over their capacity", tuple(full[:20])),
    ]


def _not_replayed(connection: Connection) -> Promise:
    """Find recent decisions that do not come out the same from their stored inputs and rulebook version."""
    rows = run(
        connection,
        "SELECT decision_id, verdict, to_stage, reasons, inputs, rulebook_version FROM tasuki.decision"
        " WHERE verdict <> 'act' ORDER BY decision_id DESC LIMIT :n",
        n=REPLAYED,
    ).all()
    differ = []
    for row in rows:
        again = replay(row.inputs, rulebooks.load(row.rulebook_version))
        reasons = msgspec.json.encode(again.reasons).decode()
        if (again.verdict, again.lifecycle_stage, reasons) != (row.verdict, row.to_stage, row.reasons):
            differ.append(f"decision {row.decision_id}")
    return Promise(8, "a recent decision comes out otherwise when computed again", tuple(differ[:20]))
