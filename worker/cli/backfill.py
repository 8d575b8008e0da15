"""`tasuki backfill`: years of history, judged without waking anybody."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from routing_rules.counted import counted
from schemas.errors import Refused
from worker.bulk import backfilling, files
from worker.bulk.files import as_json
from worker.bulk.opening import Asked, Opened, open_file
from worker.cli.bulk import bar, show_reading
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
from worker.cli.common import REFUSED, JsonFlag, command, console, print_json, print_table
from worker.now import now
from worker.screen import safe
from worker.store import backfills
from worker.store.db import in_transaction
from worker.zone import local_day_time

_COLUMNS = ("file", "source", "started", "finished", "rows", "applied", "repeats", "refused", "hand over")

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help=".csv, .tsv, .jsonl or .parquet; several are done in this order."),
]
HandOverOption = Annotated[
    bool, typer.Option("--hand-over", help="Leads that are ready by their history go to sales at once.")
]
MaxRefusedOption = Annotated[
    int, typer.Option(min=0, help="Stop when more rows than that are not understood.")
]
PauseOption = Annotated[float, typer.Option(min=0, max=60, help="Seconds to rest after each 500 rows.")]
ReleaseOption = Annotated[
    bool,
    typer.Option("--release", help="Judge leads held as history as if they were live; no file then."),
]
AtMostOption = Annotated[
    int, typer.Option(min=1, show_default="all", help="With --release: so many leads, the best first.")
]
ListOption = Annotated[bool, typer.Option("--list", help="List the backfills and how far each has come.")]


@command
def backfill(
    file: FilesArgument = None,
    source: SourceOption = None,
    activity: ActivityOption = None,
    at: AtOption = None,
    column: ColumnOption = None,
    mapping: MappingOption = None,
    encoding: EncodingOption = None,
    delimiter: DelimiterOption = None,
    header_line: HeaderOption = 1,
    zone: ZoneOption = "Asia/Tokyo",
    time_format: FormatOption = None,
    hand_over: HandOverOption = False,
    max_refused: MaxRefusedOption = 1000,
    pause: PauseOption = 0.0,
    release: ReleaseOption = False,
    at_most: AtMostOption = 1_000_000_000,
    show: ListOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Take in history: what leads did in years past, from files of any size.

    JSON Lines of events as docs/events.md has them, or rows whose columns are known as `tasuki import` knows them.

    It may be killed at any time: the same command goes on where it stood, and a file twice has one effect. It does
    not use the queue, so live events are not kept waiting.

    History wakes nobody: no hand-over, no clock, no notice. A lead that is ready by its history alone is held until
    it does something (`tasuki lead explain` says so), or until --release.

    For example:

      tasuki backfill history-2024.jsonl history-2025.parquet --source marketo

      tasuki backfill leads.csv --column ご担当=name

      tasuki backfill --release --at-most 100
    """
    if release or show:
        if file:
            raise Refused("--release and --list take no file")
        return _release(at_most, as_json=as_json) if release else _list(as_json=as_json)
    if not file:
        raise Refused("name a file, such as `tasuki backfill history.jsonl`; or --list, or --release")
    asked = Asked(
        source=source, mapping=mapping, columns=column or (), encoding=encoding, delimiter=delimiter,
        header_line=header_line, at=told_at(at, zone), activity=told_activity(activity), zone=zone, time_format=time_format,
    )  # fmt: skip
    done = [_backfill(one, asked, hand_over, max_refused, pause, quiet=as_json) for one in file]
    if as_json:
        print_json({"files": done})
    if any(one["refused"] for one in done):
        raise typer.Exit(REFUSED)
    return None


#: What is told of a file, of one and of several.
_COUNTED: Final = {
    "rows_done": ("row done", "rows done"),
    "events": ("event", "events"),
    "applied": ("applied", "applied"),
    "repeats": ("repeat", "repeats"),
    "refused": ("refused", "refused"),
}


def _backfill(
    path: Path, asked: Asked, hand_over: bool, max_refused: int, pause: float, *, quiet: bool
) -> dict[str, Any]:
    opened = open_file(path, asked, now())
    begun = _begin(opened, asked, hand_over)
    if not quiet:
        show_reading(opened)
        if begun.finished_at is not None:
            console.print(
                safe(f"{path.name}: done before, at {local_day_time(begun.finished_at)}"), soft_wrap=True
            )
        elif begun.rows_done:
            console.print(safe(f"{path.name}: goes on after row {begun.rows_done}"), soft_wrap=True)
    with bar() as progress:
        task = progress.add_task(path.name, total=files.about(path, opened.kind), completed=begun.rows_done)
        row = backfilling.backfill(
            opened, begun, lambda n: progress.advance(task, n), max_refused=max_refused, pause_s=pause
        )
    told = {
        name: getattr(row, name) for name in ("file", "rows_done", "events", "applied", "repeats", "refused")
    }
    if not quiet:
        said = ", ".join(counted(told[name], one, many) for name, (one, many) in _COUNTED.items())
        console.print(safe(f"{path.name}: {said}"), soft_wrap=True)
        if row.refused:
            console.print("`tasuki quarantine list` says which rows were refused, and why")
    return told


def _begin(opened: Opened, asked: Asked, hand_over: bool) -> Any:
    mapping = asked.mapping and (
        Path(asked.mapping).read_text("utf-8") if Path(asked.mapping).is_file() else asked.mapping
    )
    said = [mapping, list(asked.columns), asked.encoding, asked.delimiter, asked.header_line, asked.at, asked.activity, asked.zone, asked.time_format]  # fmt: skip
    begun = in_transaction(
        lambda connection: backfills.begin(
            connection, file=opened.path.name, digest=opened.digest, source=opened.source,
            read_as=as_json(said).decode(), hand_over=hand_over, now=now(),
        )
    )  # fmt: skip
    if begun.hand_over != hand_over:
        how = "with" if begun.hand_over else "without"
        raise Refused(
            f"{opened.path.name} was begun {how} --hand-over; go on with it so. What is held is let go by"
            " `tasuki backfill --release`"
        )
    return begun


def _list(*, as_json: bool) -> None:
    rows = in_transaction(backfills.listed)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001
    else:
        print_table("backfills", _COLUMNS, [tuple(row) for row in rows])


def _release(at_most: int, *, as_json: bool) -> None:
    with bar() as progress:
        task = progress.add_task("judging", total=None)
        looked, ready = backfilling.release(lambda n: progress.advance(task, n), at_most)
    if as_json:
        print_json({"looked_at": looked, "ready": ready})
    else:
        now_live = counted(looked, "lead counts as live", "leads count as live")
        go = counted(ready, "of them is ready and goes", "of them are ready and go")
        console.print(f"{now_live} from now on; {go} to sales")
