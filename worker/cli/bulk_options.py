"""What `tasuki import` and `tasuki backfill` are told about a file, in the same words."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from schemas.errors import Away, Refused
from worker import rulebooks
from worker.bulk.activities import require_activity
from worker.cli.common import instant
from worker.store.db import in_transaction

MappingOption = Annotated[
    str | None,
    typer.Option("--mapping", help="A mapping file (.yaml), for columns that need more than a name."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option("--column", help="What a column says, as COLUMN=field; COLUMN= ignores it."),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Who says so, for ever the same; the file's name otherwise.")
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", help="utf-8, cp932 (Shift_JIS), euc_jp ...; found out otherwise.")
]
DelimiterOption = Annotated[str | None, typer.Option(help="Between two cells; found out otherwise.")]
HeaderOption = Annotated[int, typer.Option(min=1, max=1000, help="The line that names the columns.")]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="When it happened, for rows without a time; the file's date otherwise."),
]
ActivityOption = Annotated[
    str | None, typer.Option("--activity", help="What everybody in it did, such as event_attended.")
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--time-format", help="How times are written, such as %d/%m/%Y %H:%M; the usual forms need none."
    ),
]
ZoneOption = Annotated[str, typer.Option("--zone", help="The zone of times that state none.")]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refused(f"no time zone is called {name[:60]}; write one such as Asia/Tokyo") from None


def told_at(text: str | None, zone: str) -> datetime | None:
    """Return the instant of `--at`, and refuse a zone that there is not."""
    meant = _zone(zone)
    return None if text is None else instant(text, meant)


def told_activity(kind: str | None) -> str | None:
    """Return what `--activity` says, and refuse what the rulebook in force does not know."""
    if kind is None:
        return None
    try:
        book = in_transaction(lambda connection: rulebooks.current(connection).book.source)
    except Away:  # a dry run may go without a store, and whoever needs one says so
        book = None
    return require_activity(kind, book)
