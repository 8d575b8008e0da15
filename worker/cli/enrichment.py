"""`tasuki enrichment`: outside sources that are asked about companies."""

import time
from typing import Annotated

import typer

from routing_rules.counted import counted
from worker.cli.common import JsonFlag, command, console, print_json, print_table
from worker.enrichment.asking import ask_due
from worker.enrichment.sources import configured
from worker.now import now
from worker.store import enrichment
from worker.store.db import transaction

app = typer.Typer(help="Outside sources that are asked about companies.", no_args_is_help=True)


@app.command("status")
@command
def status(as_json: JsonFlag = False) -> None:
    """Show each source: whether it is configured, its budget and health, and what waits.

    Example: tasuki enrichment status
    """
    names = {source.id: source.kind for source in configured()}
    with transaction() as connection:
        known = {row["source"]: row for row in enrichment.health(connection)}
    rows = [
        {
            "source": name,
            "kind": names.get(name),
            **{k: v for k, v in known.get(name, {}).items() if k != "source"},
        }
        for name in sorted(names.keys() | known.keys())
    ]
    if as_json:
        print_json(rows)
    elif rows:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        print_table("sources", columns, [[row.get(key) for key in columns] for row in rows])
    else:
        console.print("no source is configured: set TASUKI_ENRICHMENT_FILE")


@app.command("ask")
@command
def ask(
    seconds: Annotated[float, typer.Option(help="How long to go on.", min=1, max=3_600)] = 30.0,
    as_json: JsonFlag = False,
) -> None:
    """Ask now what waits to be asked; the worker does so by itself.

    Example: tasuki enrichment ask
    """
    sent = ask_due(now(), time.monotonic() + seconds)
    if as_json:
        print_json({"sent": sent})
    else:
        console.print(counted(sent, "answer was", "answers were") + " sent to the stream")
