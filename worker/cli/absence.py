"""`tasuki absence`: who is away, entered by the rep, the manager or a calendar file."""

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.errors import Refused
from worker import absences, ical, rulebooks
from worker.cli.common import JsonFlag, command, console, instant, print_json, print_table
from worker.now import now
from worker.rulebooks import Loaded
from worker.screen import safe
from worker.store.db import in_transaction, transaction
from worker.zone import local_time

app = typer.Typer(help="Absences: add, list, remove, import.", no_args_is_help=True)

Rep = Annotated[str, typer.Argument(help="Who is away, such as sato.")]
By = Annotated[str | None, typer.Option(help="Who enters it; your login otherwise.")]


@app.command("add")
@command
def add(
    rep: Rep,
    starts: Annotated[str, typer.Option("--from", help="Instant, or a day (from its beginning).")],
    ends: Annotated[str, typer.Option("--to", help="Instant, or a day (to its end).")],
    reason: Annotated[str, typer.Option(help="In a few words.")] = "",
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Enter an absence: no new leads, no running clock; open clocks follow. Days and hours are the rep's own.

    Example: tasuki absence add suzuki_haruka --from 2026-12-07 --to 2026-12-11 --reason 有給休暇
    """

    def work(connection: Any) -> tuple[int, list[int]]:
        loaded = rulebooks.current(connection)
        zone = _zone(rep, loaded)
        absences.lock(connection, rep)
        return absences.add(
            connection, rep, instant(starts, zone), instant(ends, zone, day_ends=True), loaded, now(),
            reason=reason, by=by or getpass.getuser(),
        )  # fmt: skip

    number, overlapping = in_transaction(work)
    if as_json:
        print_json({"absence_id": number, "rep": rep, "overlaps": overlapping})
        return
    console.print(f"absence {number} entered; open clocks of {safe(rep)} follow in a moment")
    if overlapping:
        console.print(f"it overlaps {', '.join(map(str, overlapping))}; the time in both counts once")


@app.command("list")
@command
def list_(
    rep: Annotated[str | None, typer.Option(help="Of this rep only.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Those that are over or removed, too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List absences as they were written, of the rulebook and of the database; and who is out of rotation.

    Example: tasuki absence list --rep suzuki_haruka
    """
    with transaction() as connection:
        rows = absences.listed(connection, rulebooks.current(connection), now(), rep, past=past)
    if as_json:
        print_json(rows)
        return
    columns = ("#", "rep", "what", "from", "to", "reason", "by", "overlaps", "removed")
    print_table("absences", columns, [
        (row["absence_id"], row["rep"], row["kind"].replace("_", " "), local_time(row["starts_at"]),
         local_time(row["ends_at"]), row["reason"], row["entered_by"], " ".join(map(str, row["overlaps"])),
         row["removed_at"]) for row in rows
    ])  # fmt: skip


@app.command("remove")
@command
def remove(
    number: Annotated[int, typer.Argument(help="Number, from `absence list`.")],
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Take an absence back; one that has begun ends now. Ends a time out of rotation, too.

    Example: tasuki absence remove 12
    """

    def work(connection: Any) -> str:
        return absences.remove(
            connection, number, rulebooks.current(connection), now(), by=by or getpass.getuser()
        )

    done = in_transaction(work)
    if as_json:
        print_json({"absence_id": number, "done": done})
    else:
        console.print(f"absence {number}: {done}")


@app.command("import")
@command
def import_(
    rep: Rep,
    file: Annotated[Path, typer.Argument(help="iCalendar file (.ics).", show_default=False)],
    all_day: Annotated[bool, typer.Option("--all-day", help="Whole days only: leave out meetings.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take back what was imported earlier and is not in this file.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Of all of them; the file's own words are not kept.")] = "",
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Enter what a calendar file says of the next 400 days; free time (TRANSPARENT) is left out.

    Example: tasuki absence import suzuki_haruka leave.ics --all-day
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from error

    def work(connection: Any) -> absences.Imported:
        loaded = rulebooks.current(connection)
        zone = _zone(rep, loaded)
        absences.lock(connection, rep)
        at = now()
        try:
            found, uids = ical.read(raw, zone, at, all_day_only=all_day)
        except Refused as error:
            raise Refused(f"{file}: {error}; nothing was imported") from None
        return absences.import_file(
            connection,
            rep,
            found,
            uids,
            loaded,
            at,
            by=by or getpass.getuser(),
            reason=reason,
            replace=replace,
        )

    came = in_transaction(work)
    if as_json:
        print_json(
            {
                "rep": rep,
                "added": came.added,
                "changed": came.changed,
                "removed": came.removed,
                "same": came.same,
            }
        )
        return
    console.print(
        f"{came.added} added, {came.changed} changed, {came.removed} taken back, {came.same} as before"
    )


def _zone(rep: str, loaded: Loaded) -> Any:
    rulebooks.require_rep(rep, loaded.team.reps)
    return loaded.team.reps[rep].calendar.zone
