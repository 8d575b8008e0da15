"""`tasuki send`: put events on the queue."""

import codecs
import csv
import hashlib
import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import redis
import typer
from rich.progress import Progress

from schemas.errors import Away, Refused
from schemas.understanding import MAX_EVENT_BYTES
from worker import queue
from worker.cli.common import JsonFlag, command, console, errors, print_json
from worker.intake.adapters.registry import ADAPTERS
from worker.queue import Fields

#: Entries appended in one round trip.
CHUNK: Final = 500
#: Seconds for which sending goes on trying while the queue is away or full.
PATIENCE_S: Final = 30.0


@command
def send(
    file: Annotated[
        str, typer.Argument(help="A .jsonl or .csv file, a platform's payload, or - for standard input.")
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", help="The platform that made the payload: " + ", ".join(sorted(ADAPTERS))),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--source", help="The source's name; the platform's otherwise.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Put events on the queue: canonical JSON Lines, CSV with a header, or a platform's payload.

    For example:

      tasuki send events.jsonl

      tasuki send leads.csv --source fair-2026

      tasuki send mautic.json --from mautic
    """
    raw, path = _read(file)
    if source is not None and source not in ADAPTERS:
        raise Refused(f"no adapter is called {source}; there are {', '.join(sorted(ADAPTERS))}")
    if source is not None:
        entries: list[Fields] = [{"payload": raw, "platform": source, "source": name or source}]
    elif path is not None and path.suffix.lower() == ".csv":
        entries = list(_from_csv(raw, name or path.stem, _saved_at(path)))
    else:
        entries = _from_json(raw.removeprefix(codecs.BOM_UTF8))
    if not entries:
        raise Refused(f"{file} holds no event")
    _append(entries)
    if as_json:
        print_json({"sent": len(entries)})
    else:
        console.print(f"{len(entries)} on the queue; `tasuki drain` waits until all is judged")


def _read(file: str) -> tuple[bytes, Path | None]:
    if file == "-":
        return sys.stdin.buffer.read(), None
    path = Path(file)
    try:
        return path.read_bytes(), path
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from None


def _append(entries: list[Fields]) -> None:
    """Append in chunks, waiting for a queue that is away; repeats of a chunk are harmless."""
    rest = iter(entries)
    with Progress(console=errors, transient=True, disable=len(entries) < CHUNK) as progress:
        task = progress.add_task("sending", total=len(entries))
        while chunk := list(islice(rest, CHUNK)):
            until = time.monotonic() + PATIENCE_S
            while True:
                try:
                    queue.append(chunk)
                    break
                except Away as away:
                    if isinstance(away.__cause__, redis.AuthenticationError):
                        raise Refused(
                            "the queue (Valkey) does not know this user and password; mend TASUKI_REDIS_URL"
                        ) from None
                    if time.monotonic() > until:
                        raise
                    errors.print(f"{away}; trying again")
                    time.sleep(1.0)
            progress.advance(task, len(chunk))


def _from_json(raw: bytes) -> list[Fields]:
    """Read one event a line, or one JSON document over several lines: an event, or an array of them."""
    lines = [line for line in raw.splitlines() if line.strip()]
    if len(lines) > 1:
        with suppress(ValueError, RecursionError):
            return [{"batch" if isinstance(json.loads(raw), list) else "event": raw}]
    return [{"batch" if line.lstrip().startswith(b"[") else "event": line} for line in lines]


def _saved_at(path: Path) -> str:
    """Return when a file was last changed: rows without a time of their own happened by then."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def _from_csv(raw: bytes, source: str, at: str) -> Iterator[Fields]:
    """Read a CSV whose header names fields of an event's data; `id`, `type`, `time`, `subject` if given.

    A row without an id gets one from its content, and one without a time gets the file's (`at`), so that the
    same file sent twice counts once.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("cp932")
        except UnicodeDecodeError:
            raise Refused("the file is neither UTF-8 nor Shift_JIS (CP932)") from None
    reader = csv.DictReader(io.StringIO(text))
    names = reader.fieldnames or []
    if len(set(names)) != len(names):
        raise Refused("two columns have the same name")
    if not {"subject", "email"}.intersection(names):
        raise Refused(
            "no column is called subject or email, so nobody could be told apart; `tasuki import` reads lists"
            " with headers of their own, such as メールアドレス"
        )
    for number, row in enumerate(reader, start=2):
        if None in row:
            raise Refused(f"line {number} has more cells than the header")
        cells = {key: value for key, value in row.items() if value}
        content = json.dumps(cells, sort_keys=True, ensure_ascii=False).encode()
        event = {
            "id": cells.pop("id", hashlib.sha256(content).hexdigest()[:32]),
            "source": cells.pop("source", source),
            "type": cells.pop("type", "lead.activity" if "activity" in cells else "lead.captured"),
            "time": cells.pop("time", at),
            "subject": cells.pop("subject", None),
            "data": cells,
        }
        line = json.dumps(event, ensure_ascii=False).encode()
        if len(line) > MAX_EVENT_BYTES:
            raise Refused(f"line {number} is larger than {MAX_EVENT_BYTES} bytes")
        yield {"event": line}
