"""`tasuki rules`: lint, show, publish, history, rollback."""

import getpass
import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from schemas.errors import Away, Refused, RulebookError
from schemas.rulebook.book import Rulebook
from worker import rescoring, rulebook_files, rulebooks
from worker.cli.common import (
    REFUSED,
    JsonFlag,
    command,
    command_alone,
    console,
    errors,
    print_json,
    print_table,
)
from worker.local.join import join_servers
from worker.now import now, now_ms
from worker.screen import safe
from worker.store.db import NO_SCHEMA, is_away, run, sqlstate, transaction

app = typer.Typer(help="The rulebook: eight YAML files, published together.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder with the eight YAML files.", show_default=False)]


@app.command("lint")
@command_alone
def lint(folder: Folder = rulebook_files.EXAMPLE, as_json: JsonFlag = False) -> None:
    """Check a rulebook: every problem with file, line, column and mend; its examples are run.

    Where a rulebook is in force that can be read, files that changed since must be signed anew, as publish asks.

    Example: tasuki rules lint routing_rules/rulebook
    """
    texts = rulebook_files.read_texts(folder)
    book, warnings = rulebook_files.check(texts, now_ms())
    why_not = _must_be_signed(texts, book)
    if as_json:
        print_json(
            {"ok": True, "warnings": [str(item) for item in warnings], "signatures_not_looked_at": why_not}
        )
        return
    if why_not is not None:
        errors.print(safe(f"signatures were not looked at: {why_not}"), soft_wrap=True)
    for item in warnings:
        console.print(f"[yellow]warning:[/yellow] {safe(item)}", soft_wrap=True)
    console.print("[green]the rulebook is fit to be published[/green]")


def _must_be_signed(texts: dict[str, str], book: Rulebook) -> str | None:
    """Refuse what publish would refuse for want of a signature; return why that cannot be known, if it cannot."""
    join_servers(start=False)  # nobody wants a database started to check a file
    try:
        with transaction() as connection:
            findings = rulebooks.unsigned(connection, texts, book)
    except Away as away:
        return str(away)
    except DBAPIError as error:
        if not is_away(error) and sqlstate(error) not in NO_SCHEMA:
            raise
        return "the database cannot be reached" if is_away(error) else "the database has no schema yet"
    if findings:
        raise RulebookError(findings)
    return None


@app.command("publish")
@command
def publish(
    folder: Folder = rulebook_files.EXAMPLE,
    note: Annotated[str, typer.Option(help="What changed and why.")] = "",
    by: Annotated[str | None, typer.Option(help="Who publishes; your login otherwise.")] = None,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Only where no rulebook is in force yet.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Publish a rulebook as the next version and put it in force; held leads are judged again.

    Example: tasuki rules publish routing_rules/rulebook --note "pricing views count 20"
    """
    if if_none:
        with transaction() as connection:
            version_now = rulebooks.current_version(connection)
        if version_now is not None:
            console.print(f"version {version_now} is in force; nothing to do")
            return
    texts = rulebook_files.read_texts(folder)
    version, new = rulebooks.publish(texts, by=by or getpass.getuser(), note=note, now=now())
    if as_json:
        print_json({"version": version, "new": new})
    elif new:
        console.print(
            f"version {version} is in force; held leads are judged again in the background (tasuki rules progress)"
        )
    else:
        console.print(f"nothing changed: version {version} is in force already")


@app.command("history")
@command
def history(as_json: JsonFlag = False) -> None:
    """List all published versions.

    Example: tasuki rules history
    """
    with transaction() as connection:
        rows = rulebooks.history(connection)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 - SQLAlchemy's own name for it
        return
    print_table("rulebook", ("version", "in force", "published", "by", "note", "digest"), [
        (r.version, "*" if r.in_force else "", r.published_at, r.published_by, r.note, r.digest[:12]) for r in rows
    ])  # fmt: skip


@app.command("progress")
@command
def progress(
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait at most until it is done.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """How far held leads are judged again after a publish. Exit 0 when done, 1 when not yet.

    Example: tasuki rules progress --wait 60
    """
    until = time.monotonic() + wait
    while True:
        with transaction() as connection:
            found = rescoring.progress(connection)
        going = bool(found) and found[0].done_at is None
        if not going or time.monotonic() >= until:
            break
        time.sleep(0.2)
    if as_json:
        print_json([
            {"version": one.version, "asked_at": one.asked_at, "leads": one.leads, "left": one.left,
             "done": round(one.share, 4), "done_at": one.done_at} for one in found
        ])  # fmt: skip
    else:
        print_table("rescoring", ("version", "asked", "leads", "left", "done", "done at"), [
            (one.version, one.asked_at, one.leads, one.left, f"{one.share:.0%}", one.done_at or "-") for one in found
        ])  # fmt: skip
    if going:
        raise typer.Exit(REFUSED)


@app.command("show")
@command
def show(
    version: Annotated[int | None, typer.Option(help="A version; the one in force otherwise.")] = None,
    file: Annotated[str | None, typer.Option(help="Only this file, such as routing.yaml.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the rulebook in force (or an older version) as it was published.

    Example: tasuki rules show --file routing.yaml
    """
    with transaction() as connection:
        wanted = version or rulebooks.current_version(connection)
        texts = run(connection, "SELECT texts FROM tasuki.rulebook WHERE version = :v", v=wanted).scalar()
    if texts is None:
        raise Refused("no such version; see `tasuki rules history`")
    if file is not None and file not in texts:
        raise Refused(f"there is no {file}; the files are {', '.join(sorted(texts))}")
    chosen = {name: text for name, text in texts.items() if file in (None, name)}
    if as_json:
        print_json({"version": wanted, "files": chosen})
        return
    for name, text in sorted(chosen.items()):
        console.print(f"[bold]# {name} (version {wanted})[/bold]")
        console.print(text, markup=False, soft_wrap=True)


@app.command("rollback")
@command
def rollback(version: Annotated[int, typer.Argument(help="The version to put in force again.")]) -> None:
    """Put an older version in force again.

    Example: tasuki rules rollback 3
    """
    rulebooks.rollback(version, now())
    console.print(f"version {version} is in force again")
