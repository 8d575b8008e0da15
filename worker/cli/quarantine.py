"""`tasuki quarantine`: events that were not understood, to be mended and sent again."""

import sys
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import typer

from schemas.errors import NotUnderstood, Refused
from worker import queue
from worker.bulk import backfilling
from worker.cli.common import JsonFlag, command, console, print_json, print_table
from worker.incoming import CANONICAL
from worker.intake import translating
from worker.now import now
from worker.queue import Fields
from worker.screen import safe
from worker.settings import settings
from worker.store import quarantine
from worker.store.db import transaction
from worker.zone import local_day_time

app = typer.Typer(help="Events that were not understood: list, show, retry, drop.", no_args_is_help=True)

#: A retry would make history live.
_HISTORY = "mend the file or the mapping and run `tasuki backfill` again: what is in is a repeat"

Number = Annotated[int, typer.Argument(help="Number from `quarantine list`.")]


@app.command("list")
@command
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List quarantined events with the field that was wrong and how to mend it.

    Example: tasuki quarantine list
    """
    with transaction() as connection:
        rows = quarantine.listed(connection, everything=everything, limit=limit)
        tests, last_test = quarantine.tests(connection)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 - SQLAlchemy's own name for it
        return
    columns = (
        "#",
        "source",
        "received",
        "where",
        "what and how to mend it",
        *(("closed",) if everything else ()),
    )
    print_table("quarantine", columns, [
        (r.quarantine_id, r.source, r.received_at, r.place, r.reason, *((r.resolution,) if everything else ()))
        for r in rows
    ])  # fmt: skip
    if tests and not everything:
        console.print(
            f"test deliveries of platforms: {tests}, the last one received {local_day_time(last_test)}; no lead was made of"
            " them, and nothing is to be mended (--all lists them)",
            soft_wrap=True,
        )


def _open(quarantine_id: int) -> Any:
    with transaction() as connection:
        row = quarantine.one(connection, quarantine_id)
    if row is None:
        raise Refused(f"there is no quarantined event {quarantine_id}; see `tasuki quarantine list`")
    return row


@app.command("show")
@command
def show(
    number: Number,
    raw: Annotated[bool, typer.Option("--raw", help="Print only the bytes as they came.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show one event: the reason and the bytes as they came.

    Example: tasuki quarantine show 3 --raw > event.json
    """
    row = _open(number)
    if raw:
        sys.stdout.buffer.write(bytes(row.raw))
        return
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
    if as_json:
        print_json(fields)
        return
    body = bytes(fields.pop("raw")).decode("utf-8", "backslashreplace")
    print_table(f"quarantined event {number}", ("field", "value"), list(fields.items()))
    console.print("raw:")
    console.print(safe(body[:4000]), soft_wrap=True)


@app.command("retry")
@command
def retry(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers from `quarantine list`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one.")] = False,
    file: Annotated[
        typer.FileBinaryRead | None, typer.Option(help="A mended event to send in its place.")
    ] = None,
) -> None:
    """Send events again: after a mapping or rule was mended, or with a mended event from a file.

    Example: tasuki quarantine retry 3 --file event.json
    """
    if everything:
        with transaction() as connection:
            numbers = [
                row.quarantine_id for row in quarantine.listed(connection, everything=False, limit=100_000)
            ]
    if not numbers and not everything:
        raise Refused("name the events to send again, or --all")
    mended = file.read() if file is not None else None
    if mended is not None and len(numbers or []) != 1:
        raise Refused("--file mends exactly one event")
    became: dict[str, str] = {}  # a payload goes again whole, with all its parts, and so once
    for number in sorted(numbers or []):
        row = _open(number)
        entry = str(number) if row.platform == CANONICAL else row.stream_id
        if entry not in became:  # of one that went, a worker may have closed the other parts by now
            if everything and row.resolved_at is not None:
                continue  # closed since the list was read
            is_history = everything and row.platform == backfilling.PLATFORM
            became[entry] = "history" if is_history else _again(row, mended)
        _mark(number, became[entry])
    _say(list(became.values()))


def _say(became: list[str]) -> None:
    console.print(f"sent again: {became.count('sent')}")
    if "nothing" in became:
        console.print(f"closed, since the mapping wants no event of them: {became.count('nothing')}")
    if "history" in became:
        console.print(f"left, as rows of a backfill: {became.count('history')}; {_HISTORY}", soft_wrap=True)


def _may_go(row: Any, *, has_mended: bool) -> None:
    if row.platform == backfilling.PLATFORM:
        raise Refused(f"event {row.quarantine_id} is a row of a backfill; {_HISTORY}")
    if row.resolved_at is not None:
        raise Refused(f"event {row.quarantine_id} is closed already ({row.resolution})")
    if row.expired_at is not None and not has_mended:
        raise Refused(
            f"the bytes of event {row.quarantine_id} were wiped; only a mended one can be sent (--file)"
        )


def _again(row: Any, mended: bytes | None) -> str:
    """Send an entry again, unless its mapping wants nothing of it now: then nothing would come to close its row."""
    _may_go(row, has_mended=mended is not None)
    if mended is None and row.platform != CANONICAL:
        with suppress(NotUnderstood):
            if not translating.translate(row.platform, bytes(row.raw), row.source, row.received_at):
                return "nothing"
    queue.append([_entry(row, mended)])
    return "sent"


def _mark(number: int, became: str) -> None:
    with transaction() as connection:
        if became == "nothing":
            quarantine.drop(connection, number, now())
        elif became == "sent":
            quarantine.mark_retried(connection, number, now())


def _entry(row: Any, mended: bytes | None) -> Fields:
    """Return the event as it came, at its own time of receipt; a mapping is applied as it is today."""
    again = {"retry_of": str(row.quarantine_id), "received_ms": str(int(row.received_at.timestamp() * 1000))}
    if mended is not None:
        return {"event": mended, **again}
    raw = bytes(row.raw)
    if row.platform == CANONICAL:
        return {"event": raw, **again}
    return {"payload": raw, "platform": row.platform, "source": row.source, **again}


@app.command("expire")
@command
def expire(
    days: Annotated[
        int | None, typer.Option(min=0, help="Wipe what is older; TASUKI_QUARANTINE_DAYS otherwise.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Wipe the bytes of old events, which hold personal data; workers do so by themselves.

    Place and reason stay on record. Open ones are closed as expired.

    Example: tasuki quarantine expire --days 7
    """
    at = now()
    before = at - timedelta(days=settings().quarantine_days if days is None else days)
    with transaction() as connection:
        wiped = quarantine.expire(connection, before, at)
    if as_json:
        print_json({"wiped": wiped})
    else:
        console.print(f"wiped: {wiped}")


@app.command("drop")
@command
def drop(number: Number) -> None:
    """Close an event as not wanted; it stays on record.

    Example: tasuki quarantine drop 3
    """
    _open(number)
    with transaction() as connection:
        if not quarantine.drop(connection, number, now()):
            raise Refused(f"event {number} is closed already")
    console.print(f"event {number} dropped")
