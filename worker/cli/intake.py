"""`tasuki intake`: which platforms may send, what their payloads become, and what waits on this disk."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from routing_rules.counted import counted
from schemas.errors import Away, NotUnderstood, Refused, RulebookError
from schemas.understanding import understand
from worker import queue
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
from worker.desk import spool as open_spool
from worker.intake import sources as source_files
from worker.intake import translating
from worker.intake.accept import payload_of
from worker.intake.adapters.registry import ADAPTERS
from worker.intake.adapters.shape import Found, OnlyATest
from worker.intake.bodies import TooLargeError, UnsupportedError
from worker.intake.configured import registry
from worker.intake.proof import prove
from worker.intake.proofs.verdict import Proven
from worker.intake.request import Request, make
from worker.intake.sources import SHIPPED, Source
from worker.now import now
from worker.screen import safe
from worker.settings import settings
from worker.store import intake
from worker.store.db import transaction

app = typer.Typer(help="Webhooks of platforms: lint, sources, try, spool.", no_args_is_help=True)


@app.command("lint")
@command_alone
def lint(
    file: Annotated[Path | None, typer.Argument(help="A sources file; TASUKI_SOURCES otherwise.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a sources file and its mappings: every problem with file, line, column and mend.

    Example: tasuki intake lint sources.yaml
    """
    path = file or settings().sources
    if path is None:
        raise Refused("no file is given and TASUKI_SOURCES is not set")
    try:
        loaded = source_files.load(path, os.environ)
    except RulebookError as error:
        raise Refused(f"the sources were refused\n{error}") from None
    if as_json:
        print_json(
            {"ok": True, "sources": sorted(loaded.sources), "warnings": [str(one) for one in loaded.warnings]}
        )
        return
    for one in loaded.warnings:
        console.print(f"[yellow]warning:[/yellow] {safe(one)}", soft_wrap=True)
    console.print(f"[green]{counted(len(loaded.sources), 'source is', 'sources are')} fit[/green]")


@app.command("sources")
@command
def sources(
    days: Annotated[int, typer.Option(min=1, max=366, help="Requests of so many days.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """List the sources, what became of their requests, and what is read back. Secrets are never shown.

    Example: tasuki intake sources --days 1
    """
    at = now()
    loaded = registry().current()
    with transaction() as connection:
        counts = [dict(row._mapping) for row in intake.counts(connection, at - timedelta(days=days - 1))]  # noqa: SLF001
        fetches = [dict(row._mapping) for row in intake.fetches(connection)]  # noqa: SLF001
    told = [_told(one, counts) for one in loaded.sources.values()]
    problem = None if registry().problem is None else str(registry().problem)
    if as_json:
        print_json({"sources": told, "requests": counts, "read_back": fetches, "problem": problem})
        return
    if settings().sources is None:
        console.print(safe(_NONE), soft_wrap=True)
        return
    if problem is not None:
        errors.print(f"[red]the file is broken; the sources are those of before:[/red]\n{safe(problem)}")
    columns = ("id", "platform", "proof", "mapping", "events of", "takes events", "requests", "unproven")
    print_table("sources", columns, [tuple(one[name] for name in _COLUMNS) for one in told])
    print_table("requests", ("source", "outcome", "why", "requests", "last"), [
        (one["source"], one["outcome"], one["reason"], one["requests"], one["last_at"]) for one in counts
    ])  # fmt: skip
    if fetches:
        print_table("read back", tuple(fetches[0]), [tuple(one.values()) for one in fetches])


_NONE = (
    "no source is configured: /intake/* answers 503. Write who may send into a YAML file (docs/intake.md has an"
    " example), name it in TASUKI_SOURCES for `tasuki web` and every worker, put the secrets into the environment,"
    " and look with `tasuki intake lint`"
)
_COLUMNS = ("id", "platform", "proof", "mapping", "named", "takes", "requests", "unproven")


def _told(source: Source, counts: list[dict[str, Any]]) -> dict[str, Any]:
    mine = [one for one in counts if one["source"] == source.id]
    if source.missing:
        takes = f"no: {', '.join(source.missing)} not set"
    else:
        takes = "yes" if source.enabled else "no: switched off"
    also = "" if source.also is None else f" and {source.also.scheme}"
    return {
        "id": source.id, "platform": source.platform, "proof": source.proof.scheme + also,
        "secrets": len(source.secrets), "mapping": source.mapping_from or None, "named": source.named,
        "takes": takes, "requests": sum(one["requests"] for one in mine),
        "unproven": sum(one["requests"] for one in mine if one["outcome"] == "unproven"),
    }  # fmt: skip


@app.command("try")
@command_alone
def try_(
    source: Annotated[
        str,
        typer.Argument(help="A source of TASUKI_SOURCES, a platform, a shipped mapping, or a mapping file."),
    ],
    file: Annotated[Path, typer.Argument(help="The body, byte for byte as it was sent.")],
    headers: Annotated[
        Path | None,
        typer.Option(help="JSON with url, method, headers, received_at: the proof is tried, too."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a payload would become, without any effect. Exit 1 when a part of it is not understood.

    Example: tasuki intake try typeform payload.json
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from None
    at, verdict = now(), None
    try:
        if headers is not None:
            sender, request, at = _request(source, headers, raw, at)
            proof = prove(sender, request, at)
            verdict = "proven" if isinstance(proof, Proven) else f"not proven: {proof.reason}"
            raw = payload_of(sender, request)
        found = _translate(source, raw, at)
    except (TooLargeError, UnsupportedError) as error:
        raise Refused(f"{file} is not taken: {type(error).__name__}") from None
    except NotUnderstood as problem:
        found = [problem]
    parts = [_part(one, at) for one in found]
    if as_json:
        print_json({"proof": verdict, "events": parts})
    else:
        _show(parts, verdict)
    if any("problem" in one for one in parts) or verdict not in (None, "proven"):
        raise typer.Exit(REFUSED)


def _translate(name: str, raw: bytes, at: datetime) -> Found:
    known = registry().current().sources.get(name)
    if known is not None:
        return translating.translate(known.marked, raw, known.named, at)
    if name in ADAPTERS:
        return translating.translate(name, raw, name, at)
    path = Path(name) if name.endswith((".yaml", ".yml")) else SHIPPED / f"{Path(name).name}.yaml"
    if path.is_file():
        return translating.by_mapping(source_files.read_mapping(path), raw, path.stem, at)
    registry().require(name)
    raise AssertionError  # it refuses


def _request(name: str, headers: Path, raw: bytes, at: datetime) -> tuple[Source, Request, datetime]:
    try:
        said = json.loads(headers.read_bytes())
        received = said.get("received_at")
        when = at if received is None else datetime.fromisoformat(received)
        request = make(said.get("method", "POST"), said["url"], said["headers"], raw)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise Refused(f"{headers} is not {{url, headers, ...}}: {type(error).__name__}") from None
    return registry().require(name), request, when


def _part(found: Any, at: datetime) -> dict[str, Any]:
    """Return an event as it would be kept, checked as at judging time."""
    if isinstance(found, OnlyATest):
        return {"test": found.mend, "place": found.place}
    if isinstance(found, NotUnderstood):
        return {"problem": found.mend, "place": found.place}
    document = {name: word for name, word in found.items() if name not in ("read_back", "dated_by")}
    try:
        event = understand(document, at)
    except NotUnderstood as problem:
        return {"problem": problem.mend, "place": problem.place, "event": document}
    return {"event": event.model_dump(mode="json", exclude_none=True), "read_back": found.get("read_back")}


def _show(parts: list[dict[str, Any]], verdict: str | None) -> None:
    if verdict is not None:
        console.print(f"proof: {safe(verdict)}")
    if not parts:
        console.print("no event: test traffic, or nothing that anybody wants")
    for number, part in enumerate(parts, start=1):
        if "problem" in part:
            console.print(safe(f"{number}. quarantine: {part['place']}: {part['problem']}"), soft_wrap=True)
            continue
        if "test" in part:
            console.print(safe(f"{number}. {part['place']}: {part['test']}"), soft_wrap=True)
            continue
        event = part["event"]
        console.print(
            safe(f"{number}. {event['type']} {event['time']} subject {event.get('subject')}"), soft_wrap=True
        )
        console.print(safe(f"   id {event['id']}"), soft_wrap=True)
        for name, word in event["data"].items():
            console.print(safe(f"   {name}: {word}"), soft_wrap=True)
        if part["read_back"]:
            console.print(safe(f"   to be read back: {part['read_back']}"))


@app.command("spool")
@command
def spool(
    drain: Annotated[bool, typer.Option("--drain", help="Put what waits on the queue now.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show, or drain, what was accepted while the queue was away and waits on this disk.

    The web process drains by itself; this is for the disk of one that does not come back.

    Example: tasuki intake spool --drain
    """
    spooled = open_spool()
    moved = 0
    if drain:
        try:
            moved = spooled.drain(queue.append)
        except OSError as error:
            raise Away(f"the spool cannot be read: {error.strerror}") from None
    waiting = spooled.waiting()
    if as_json:
        print_json(
            {
                "drained": moved,
                "segments": waiting.segments,
                "bytes": waiting.bytes,
                "damaged": waiting.damaged,
            }
        )
        return
    if drain:
        console.print(f"put on the queue: {moved}")
    console.print(
        f"waiting: {counted(waiting.bytes, 'byte')} in {counted(waiting.segments, 'file')}; damaged files: {waiting.damaged}"
    )
