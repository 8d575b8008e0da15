"""`tasuki learn export` and `import`: a model as a file, under the same checks as in the database."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import Refused
from schemas.learned import MAX_BYTES, read_model_file
from worker.cli.common import JsonFlag, command, console, print_json
from worker.now import now
from worker.screen import safe
from worker.store import models
from worker.store.db import transaction


@command
def export(
    version: Annotated[int, typer.Argument(help="A version.")],
    file: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Write a model with its report to a file.

    Example: tasuki learn export 3 model.json
    """
    with transaction() as connection:
        row = models.read(connection, version)
    if row.card is None or row.report is None:
        raise Refused(f"model version {version} was refused: {row.problem}")
    document = {"scorecard": row.card.model_dump(mode="json"), "report": row.report.model_dump(mode="json")}
    try:
        file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
    console.print(f"model version {version} is in {safe(file)}")


@command
def import_(
    file: Annotated[Path, typer.Argument(help="A file that `tasuki learn export` wrote.")],
    by: Annotated[str | None, typer.Option(help="Who brings it in; your login otherwise.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Store a model from a file as the next version. It is checked and read, never executed.

    Example: tasuki learn import model.json
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None
    card, report = read_model_file(raw)
    with transaction() as connection:
        version = models.insert(connection, card, report, by=by or getpass.getuser(), now=now())
    if as_json:
        print_json({"version": version, "digest": card.digest})
    else:
        console.print(f"stored as model version {version}; put it in force with `tasuki learn use {version}`")
