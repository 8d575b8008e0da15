"""`tasuki lead gate --csv`: a call list goes in, and comes out with a verdict on each row."""

import os
import sys
from pathlib import Path

from schemas.base import Lang
from schemas.errors import Refused
from worker import call_list as lists
from worker.cli.common import errors, print_json
from worker.now import now
from worker.outreach import asked_now
from worker.store.db import transaction


def call_list(
    people: Path,
    out: str,
    *,
    encoding: str | None,
    rep: str | None,
    channel: str | None,
    lang: Lang,
    as_json: bool,
) -> None:
    """Answer a list, and write it whole or not at all."""
    found = lists.read(people, encoding)
    with transaction() as connection:
        raw, counted = lists.answer(connection, found, asked_now(connection, now(), rep, channel), lang)
    if out == "-":
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    else:
        _write(Path(out), raw)
    said = {"rows": counted.rows, "yes": counted.yes, "no": counted.no, "unknown": counted.unknown}
    if as_json and out != "-":
        print_json({"out": out, **said})
    else:
        errors.print(", ".join(f"{name} {count:,}" for name, count in said.items()))


def _write(path: Path, raw: bytes) -> None:
    """Write beside the file and put it in place, so that a full disk leaves no half of a list."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(raw)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
