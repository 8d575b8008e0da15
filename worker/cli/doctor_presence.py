"""What `tasuki doctor` says of absences and clocks: overlaps, times without end, changes not followed yet."""

from routing_rules.calendars import next_open
from routing_rules.counted import counted
from worker import rulebooks
from worker.now import now
from worker.presence import team_now
from worker.store.db import run, transaction
from worker.zone import local_time

#: good, worth a look, or wrong; what was looked at; what was found and how to mend it.
Finding = tuple[str, str, str]


def presence_findings() -> list[Finding]:
    """Look at who is away, and whether open clocks have followed."""
    at = now()
    with transaction() as connection:
        if rulebooks.current_version(connection) is None:
            return []  # told as such
        loaded = rulebooks.current(connection)
        team = team_now(connection, loaded, at)
        wishes = run(
            connection,
            "SELECT why, asked_at, looked FROM tasuki.clock_recompute WHERE done_at IS NULL ORDER BY recompute_id",
        ).all()
        overlaps = run(
            connection,
            "SELECT a.rep, a.absence_id AS one, b.absence_id AS other FROM tasuki.absence a JOIN tasuki.absence b"
            " ON b.rep = a.rep AND b.kind = a.kind AND b.absence_id > a.absence_id AND b.starts_at < a.ends_at"
            " AND b.ends_at > a.starts_at WHERE a.kind = 'absence' AND a.removed_at IS NULL AND b.removed_at IS NULL"
            " AND a.ends_at > :now AND b.ends_at > :now ORDER BY 2, 3 LIMIT 20",
            now=at,
        ).all()
        unknown = run(
            connection,
            "SELECT DISTINCT rep FROM tasuki.absence WHERE removed_at IS NULL AND ends_at > :now", now=at,
        ).scalars().all()  # fmt: skip
        holders = run(
            connection,
            "SELECT rep, count(*) AS n FROM tasuki.assignment WHERE ended_at IS NULL GROUP BY rep ORDER BY rep",
        ).all()
    found: list[Finding] = [
        (
            "look",
            "clocks",
            f"{wish.why} of {local_time(wish.asked_at)} is being followed: {wish.looked} looked at",
        )
        for wish in wishes
    ]
    found += [
        ("look", "absences", f"{one.one} and {one.other} of {one.rep} overlap; the time in both counts once")
        for one in overlaps
    ]
    found += [
        ("look", "absences", f"{rep} is in the rulebook no more; remove the absences or mend the name")
        for rep in unknown
        if rep not in team.reps
    ]
    for rep in team.reps.values():
        if rep.is_out(at):
            until = max(back for gone, back in rep.out_of_rotation if gone <= at < back)
            words = f"{rep.spec.id} is out of rotation until {local_time(until)}, by a breach"
            found.append(("look", "absences", f"{words}; `tasuki absence list` has its number to end it"))
    for holder in holders:
        known = team.reps.get(holder.rep)
        if known is not None and next_open(known.calendar, at, known.absences) is None:
            words = f"{holder.rep} holds {counted(holder.n, 'lead')} and is not back within 400 days"
            found.append(("bad", "clocks", f"{words}: the wall's time counts; make the rep inactive"))
    return found or [("ok", "absences", "none overlap, and all open clocks have followed")]
