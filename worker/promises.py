"""The promises, proved on the live database: each a query that returns offenders."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from worker.now import now, wall_seconds
from worker.recompute import recompute
from worker.store.db import run, sqlstate

_FILE: Final = Path(__file__).parent / "store" / "promises.sql"
_NAME: Final = re.compile(r"^-- name: (\d+): (.+)$", re.MULTILINE)
#: Wall seconds for which something due may still be on its way.
GRACE_S: Final = 30.0
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
    found += [
        Promise(number, offence, tuple(offenders[:20]))
        for number, offence, offenders in recompute(connection)
    ]
    return sorted(found, key=lambda promise: promise.number)


def _wanted(sql: str, at: object, grace: object) -> dict[str, object]:
    values = {"now": at, "grace": grace}
    return {name: value for name, value in values.items() if f":{name}" in sql}
