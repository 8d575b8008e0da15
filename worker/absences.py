"""Absences that people and calendar files enter: kept as written, merged in effect, followed by open clocks.

What is past is not rewritten: an absence that has begun can be ended, one that is over stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from schemas.errors import Refused
from worker.ical import Away
from worker.rulebooks import Loaded, require_rep
from worker.store import clocks
from worker.store.assignments import look_now
from worker.store.db import run
from worker.store.locking import lock_line, lock_reps
from worker.store.rows import as_json, ms

#: Who is away for longer is made inactive in team.yaml.
LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Imported:
    """What a calendar file came to."""

    added: int
    changed: int
    removed: int
    same: int


def lock(connection: Connection, rep: str) -> None:
    """Let no hand-over to the rep run beside: ask for the time after it, so that no offer is newer and unaware."""
    lock_reps(connection, [rep])


def add(
    connection: Connection, rep: str, starts: datetime, ends: datetime, loaded: Loaded, now: datetime, *,
    reason: str = "", by: str,
) -> tuple[int, list[int]]:  # fmt: skip
    """Enter an absence; return its number and those that it overlaps, whose common time counts once.

    Raises:
        Refused: the rep is not known, it ends before it starts, or it lasts longer than a year.

    """
    _known(rep, loaded)
    if ends <= starts:
        raise Refused(
            f"the absence would start at {starts:%Y-%m-%d %H:%M} and end at {ends:%Y-%m-%d %H:%M}; it must end later"
        )
    if ends - starts > LONGEST:
        raise Refused(f"longer than {LONGEST.days} days: make {rep} inactive in team.yaml instead")
    overlapping = run(
        connection,
        "SELECT absence_id FROM tasuki.absence WHERE rep = :rep AND removed_at IS NULL AND kind = 'absence'"
        " AND starts_at < :ends AND ends_at > :starts ORDER BY 1",
        rep=rep, starts=starts, ends=ends,
    ).scalars().all()  # fmt: skip
    absence_id = run(
        connection,
        "INSERT INTO tasuki.absence (rep, starts_at, ends_at, reason, entered_by, entered_at)"
        " VALUES (:rep, :starts, :ends, :reason, :by, :now) RETURNING absence_id",
        rep=rep, starts=starts, ends=ends, reason=reason, by=by, now=now,
    ).scalar()  # fmt: skip
    _changed(connection, rep, f"absence {absence_id}", loaded, now)
    return int(absence_id), list(overlapping)


def remove(connection: Connection, absence_id: int, loaded: Loaded, now: datetime, *, by: str) -> str:
    """Take an absence back, or end it now when it has begun; return which in words.

    Raises:
        Refused: there is none, it was removed before, or it is over.

    """
    row = run(
        connection, "SELECT * FROM tasuki.absence WHERE absence_id = :i FOR UPDATE", i=absence_id
    ).one_or_none()
    if row is None:
        raise Refused(f"there is no absence {absence_id}; see `tasuki absence list`")
    if row.removed_at is not None:
        raise Refused(f"absence {absence_id} was removed by {row.removed_by} before")
    if row.ends_at <= now:
        raise Refused(f"absence {absence_id} is over; what is past is not rewritten")
    _end(connection, [row], now, by)
    _changed(connection, row.rep, f"absence {absence_id} removed", loaded, now)
    return "removed" if row.starts_at >= now else "ended now: it had begun"


def import_file(
    connection: Connection, rep: str, found: Sequence[Away], uids: Iterable[str], loaded: Loaded, now: datetime,
    *, by: str, reason: str = "", replace: bool = False,
) -> Imported:  # fmt: skip
    """Enter what a calendar file says; importing the same file again changes nothing.

    Args:
        connection: the rep is locked in it.
        rep: whose file it is.
        found: absences of the file that are not over yet.
        uids: every UID in the file: what was imported of it and is said no more is taken back.
        loaded: the rulebook in force.
        now: when.
        by: who imports.
        reason: of all of them; what the file's events are about is not kept.
        replace: take back what was imported earlier of any UID that the file does not have, too.

    Raises:
        Refused: the rep is not known.

    """
    _known(rep, loaded)
    rows = run(
        connection,
        "SELECT * FROM tasuki.absence WHERE rep = :rep AND uid IS NOT NULL AND removed_at IS NULL"
        " AND ends_at > :now ORDER BY absence_id FOR UPDATE",
        rep=rep, now=now,
    ).all()  # fmt: skip
    before = {(row.uid, row.occurrence): row for row in rows}
    wanted = {(one.uid, one.occurrence): one for one in found}
    spoken_of = set(uids)
    gone = [
        row for key, row in before.items() if key not in wanted and (replace or row.uid in spoken_of)
    ]  # fmt: skip
    moved = [
        (before[key], one) for key, one in wanted.items()
        if key in before and not _same(before[key], one)
    ]  # fmt: skip
    # One that has begun keeps its beginning: what is past is not rewritten.
    stretched = [
        (row, one) for row, one in moved if row.starts_at < now and one.ends > now and one.starts < now
    ]
    replaced = [(row, one) for row, one in moved if (row, one) not in stretched]
    new = [one for key, one in wanted.items() if key not in before]
    _end(connection, [*gone, *(row for row, _ in replaced)], now, by)
    _insert(connection, rep, [*new, *(one for _, one in replaced)], now, by, reason)
    if stretched:
        run(
            connection,
            "UPDATE tasuki.absence b SET ends_at = to_timestamp(r.ends / 1000.0)"
            " FROM json_to_recordset(cast(:rows AS json)) AS r(id bigint, ends bigint) WHERE b.absence_id = r.id",
            rows=as_json([{"id": row.absence_id, "ends": ms(one.ends)} for row, one in stretched]),
        )
    real = [(row, one) for row, one in stretched if ms(row.ends_at) != ms(one.ends)]
    if gone or replaced or real or new:
        _changed(connection, rep, "calendar file", loaded, now)
    return Imported(
        len(new), len(replaced) + len(real), len(gone), len(wanted) - len(new) - len(replaced) - len(real)
    )


def _same(row: Any, one: Away) -> bool:
    return (ms(row.starts_at), ms(row.ends_at)) == (ms(one.starts), ms(one.ends))


def _insert(
    connection: Connection, rep: str, found: Sequence[Away], now: datetime, by: str, reason: str
) -> None:
    if not found:
        return
    run(
        connection,
        "INSERT INTO tasuki.absence (rep, starts_at, ends_at, reason, uid, occurrence, entered_by, entered_at)"
        " SELECT :rep, to_timestamp(starts / 1000.0), to_timestamp(ends / 1000.0), :reason, uid, occurrence, :by, :now"
        " FROM json_to_recordset(cast(:rows AS json)) AS r(starts bigint, ends bigint, uid text,"
        " occurrence text)",
        rep=rep, by=by, reason=reason, now=now,
        rows=as_json(
            [{"starts": ms(one.starts), "ends": ms(one.ends), "uid": one.uid,
              "occurrence": one.occurrence} for one in found]
        ),
    )  # fmt: skip


def _end(connection: Connection, rows: Sequence[Any], now: datetime, by: str) -> None:
    """Take absences back that are to come, and end those that have begun; a begun one gives up its UID."""
    coming = [row.absence_id for row in rows if row.starts_at >= now]
    begun = [row.absence_id for row in rows if row.starts_at < now]
    if coming:
        run(
            connection,
            "UPDATE tasuki.absence SET removed_at = :now, removed_by = :by WHERE absence_id = ANY(:ids)",
            ids=coming, now=now, by=by,
        )  # fmt: skip
    if begun:
        run(
            connection,
            "UPDATE tasuki.absence SET ends_at = :now, uid = NULL WHERE absence_id = ANY(:ids)",
            ids=begun, now=now,
        )  # fmt: skip


def _changed(connection: Connection, rep: str, why: str, loaded: Loaded, now: datetime) -> None:
    """Have the rep's clocks follow, and the lines looked at that the rep takes leads from."""
    clocks.ask(connection, why, now, rep=rep)
    pools = [
        pool.id for pool in loaded.team.pools.values()
        if rep == pool.manager or rep in {member.rep for member in pool.members}
    ]  # fmt: skip
    look_now(connection, lock_line(connection, pools, rep), now)


def _known(rep: str, loaded: Loaded) -> None:
    require_rep(rep, loaded.team.reps)


def listed(
    connection: Connection, loaded: Loaded, now: datetime, rep: str | None, *, past: bool
) -> list[dict[str, Any]]:
    """Return absences as they were written, those of the rulebook too, with the numbers that they overlap.

    Raises:
        Refused: the rep is not known, not even by an absence of theirs.

    """
    if (
        rep is not None
        and not run(connection, "SELECT 1 FROM tasuki.absence WHERE rep = :rep LIMIT 1", rep=rep).first()
    ):
        _known(rep, loaded)
    rows = [
        dict(row)
        for row in run(
            connection,
            "SELECT b.absence_id, b.rep, b.kind, b.starts_at, b.ends_at, b.reason, b.entered_by, b.removed_at,"
            " ARRAY(SELECT o.absence_id FROM tasuki.absence o WHERE o.rep = b.rep AND o.kind = b.kind"
            "  AND o.removed_at IS NULL AND b.removed_at IS NULL AND o.absence_id <> b.absence_id"
            "  AND o.starts_at < b.ends_at AND o.ends_at > b.starts_at ORDER BY 1) AS overlaps"
            " FROM tasuki.absence b WHERE (cast(:rep AS text) IS NULL OR b.rep = :rep)"
            " AND (:past OR (b.removed_at IS NULL AND b.ends_at > :now))",
            rep=rep, past=past, now=now,
        ).mappings()
    ]  # fmt: skip
    for known in loaded.team.reps.values():
        rows += [
            {"absence_id": None, "rep": known.spec.id, "kind": "absence", "starts_at": one.starts,
             "ends_at": one.ends, "reason": one.reason, "entered_by": "team.yaml", "removed_at": None,
             "overlaps": []}
            for one in known.spec.absences
            if rep in (None, known.spec.id) and (past or one.ends > now)
        ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["starts_at"], row["rep"], row["absence_id"] or 0))
