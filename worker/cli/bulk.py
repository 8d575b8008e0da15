"""`tasuki import`: the leads of a list, looked at line by line before anything happens."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from routing_rules.counted import counted
from schemas.errors import Away, Refused
from worker.bulk import importing
from worker.bulk.opening import Asked, Opened, open_file
from worker.bulk.report import SHOWN, VERDICTS, Report, Tally
from worker.cli.bulk_options import (
    ActivityOption,
    AtOption,
    ColumnOption,
    DelimiterOption,
    EncodingOption,
    FormatOption,
    HeaderOption,
    MappingOption,
    SourceOption,
    ZoneOption,
    told_activity,
    told_at,
)
from worker.cli.common import REFUSED, JsonFlag, command, console, errors, print_json, print_table
from worker.now import now
from worker.screen import safe

#: What is said of each verdict on the screen.
_MEANS = {
    "new": "leads that nobody knows",
    "known": "meet a lead that is there",
    "repeat": "were imported before: no effect",
    "duplicate": "stand in the file before: no effect",
    "refused": "not imported",
}


@command
def import_(
    file: Annotated[Path, typer.Argument(help="A .csv or .tsv file; .jsonl and .parquet are read, too.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each line would become; no effect.")
    ] = False,
    source: SourceOption = None,
    activity: ActivityOption = None,
    campaign: Annotated[str | None, typer.Option(help="The campaign that brought them.")] = None,
    at: AtOption = None,
    column: ColumnOption = None,
    mapping: MappingOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    header_line: HeaderOption = 1,
    zone: ZoneOption = "Asia/Tokyo",
    time_format: FormatOption = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write what became of each line into this CSV.")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", help="Where refused lines go; fair.rejects.csv for fair.csv otherwise."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Import the leads of a list: an exhibition's, a business-card scanner's, an export of an MA tool.

    Columns are known by their names, Japanese or English (氏名, 会社名, メールアドレス, Job Title, ...). UTF-8 and
    Shift_JIS are told apart, and so are Excel's dialects. Look at a list with --dry-run first.

    Those of fair.csv that are refused go to fair.rejects.csv with reason and mend: mend them there, and import that file. The same line
    twice has one effect, so a whole file may be imported again, too. Leads go to sales when they are ready; years
    of history are for `tasuki backfill`.

    For example:

      tasuki import fair.csv --dry-run

      tasuki import fair.csv --activity event_attended --at 2026-11-20 --source fair-tokyo-2026

      tasuki import cards.csv --column ご担当=name --column 貴社=company --report report.csv
    """
    asked = Asked(
        source=source, mapping=mapping, columns=column or (), encoding=encoding, delimiter=delimiter,
        header_line=header_line, at=told_at(at, zone), activity=told_activity(activity), campaign=campaign, zone=zone, time_format=time_format,
    )  # fmt: skip
    tally, opened, sent, kept = _import(
        file, asked, report, rejects or file.with_suffix(".rejects.csv"), dry_run
    )
    if as_json:
        print_json({**_about(opened), "dry_run": dry_run, **tally.as_json(), "sent": sent, "rejects": kept})
    else:
        _show(opened, tally, dry_run, sent, kept)
    if tally.lines["refused"]:
        raise typer.Exit(REFUSED)


def _import(
    file: Path, asked: Asked, report: Path | None, rejects: Path, dry_run: bool
) -> tuple[Tally, Opened, int, str | None]:
    opened = open_file(file, asked, now())
    if rejects.resolve() == file.resolve():
        raise Refused(f"--rejects {rejects} is the file itself; name another")
    with Report(opened.names, report, rejects) as told, bar() as progress:
        task = progress.add_task("looking", total=None)
        importing.look(opened, told, lambda n: progress.advance(task, n), stored=_stored(dry_run))
        progress.update(task, total=told.tally.rows)
        sent = 0
        if not dry_run:
            task = progress.add_task("importing", total=told.tally.rows)
            sent = importing.send(opened, lambda n: progress.advance(task, n))
    return told.tally, opened, sent, str(rejects) if told.tally.lines["refused"] else None


def _stored(dry_run: bool) -> bool:
    """Tell whether there is a store to compare with; a dry run may go without."""
    from worker.store.db import in_transaction, run

    try:
        in_transaction(lambda connection: run(connection, "SELECT 1"))
    except Away as away:
        if not dry_run:
            raise
        errors.print(f"{away}: not compared with the leads that are there")
        return False
    return True


def _about(opened: Opened) -> dict[str, Any]:
    return {
        "file": str(opened.path), "source": opened.source,
        "encoding": None if opened.encoding is None else opened.encoding.name,
        "columns": None if opened.columns is None else opened.columns.of,
        "unused_columns": [] if opened.columns is None else opened.columns.unused,
    }  # fmt: skip


def show_reading(opened: Opened) -> None:
    """Say how a file is read, so that a wrong guess is seen."""
    if opened.encoding is not None and opened.table is not None:
        guessed = " (found out; say --encoding if it is another)" if opened.encoding.guessed else ""
        between = {"\t": "tab", ",": "comma", ";": "semicolon"}.get(
            opened.table.delimiter, opened.table.delimiter
        )
        console.print(
            safe(f"encoding: {opened.encoding.name}{guessed}; between cells: {between}"), soft_wrap=True
        )
    if opened.columns is not None:
        said = ", ".join(f"{' / '.join(names)} = {target}" for target, names in opened.columns.of.items())
        console.print(safe(f"columns: {said}"), soft_wrap=True)
        if opened.columns.unused:
            unused = ", ".join(opened.columns.unused)
            console.print(safe(f"not read: {unused} (say --column NAME=field)"), soft_wrap=True)


def _show(opened: Opened, tally: Tally, dry_run: bool, sent: int, kept: str | None) -> None:
    show_reading(opened)
    found = [(tally.lines[name], name, _MEANS[name]) for name in VERDICTS]
    title = f"{counted(tally.rows, 'line')}, {counted(tally.events, 'event')}"
    print_table(title, ("lines", "verdict", "means"), found)
    if tally.same_person:
        more = counted(tally.same_person, "line tells", "lines tell")
        console.print(f"{more} more of a person of an earlier line")
    if tally.reasons:
        print_table("reasons", ("lines", "field", "reason"), [
            (n, place, why) for (place, why), n in tally.reasons.most_common(SHOWN)
        ])  # fmt: skip
        print_table(f"refused: the first {counted(len(tally.shown), 'line')}", ("line", "field", "reason", "mend"), [
            (one.line, one.place, one.reason, one.mend) for one in tally.shown
        ])  # fmt: skip
    if kept is not None:
        console.print(
            safe(f"the refused lines are in {kept}: mend them there, and import that file"), soft_wrap=True
        )
    if dry_run:
        console.print("a dry run: nothing was changed")
    else:
        console.print(f"{counted(sent, 'event')} on the queue; `tasuki drain` waits until all is judged")


def bar() -> Progress:
    """Return a progress bar on standard error, which goes away when it is done."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=errors, transient=True,
    )  # fmt: skip
