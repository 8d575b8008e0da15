"""`tasuki doctor`: configuration, connections, versions, backlog and lag."""

from collections.abc import Callable
from typing import Annotated, Any

import redis
import typer
from sqlalchemy.exc import DBAPIError

from routing_rules.counted import counted
from schemas.errors import Refused, TasukiError
from schemas.rulebook.channels import URL_KINDS
from schemas.rulebook.team import TeamFile
from worker import queue, rulebooks
from worker.cli.common import REFUSED, JsonFlag, command, console, print_json
from worker.cli.doctor_presence import presence_findings
from worker.notices.guard import check_url
from worker.notices.routes import read_address
from worker.now import now
from worker.screen import safe
from worker.settings import settings
from worker.staffing import staffing
from worker.store import migrate, outbox_view
from worker.store.db import run, transaction
from worker.zone import local_day_time

#: good, worth a look, or wrong; what was looked at; what was found and how to mend it.
Finding = tuple[str, str, str]


def _answers() -> list[Finding]:
    """Ask the stores for a sign of life and nothing else: an upgrade or a managed server is no illness."""
    with transaction() as connection:
        run(connection, "SELECT 1")
    queue.client().ping()
    return [("ok", "stores", "PostgreSQL and the queue answer")]


def _postgres() -> list[Finding]:
    url = settings().database_url
    if url is None:
        return [("bad", "PostgreSQL", "TASUKI_DATABASE_URL is not set; set it, or run `tasuki up`")]
    with transaction() as connection:
        version = run(connection, "SHOW server_version").scalar()
        sync = run(connection, "SHOW synchronous_commit").scalar()
    found = [("ok", "PostgreSQL", f"version {version}")]
    if sync == "off":
        found.append(
            (
                "bad",
                "PostgreSQL",
                "synchronous_commit is off: a crash can lose what was accepted; switch it on",
            )
        )
    at, newest = migrate.current(url.get_secret_value()), migrate.newest()
    if at == newest:
        found.append(("ok", "schema", f"{at}"))
    else:
        found.append(("bad", "schema", f"{at or 'none'}, this code needs {newest}; run `tasuki db upgrade`"))
    return found


def _valkey() -> list[Finding]:
    client = queue.client()
    info: Any = client.info()
    found = [
        ("ok", "queue", f"Redis protocol {info.get('redis_version')}, {info.get('used_memory_human')} used")
    ]
    try:
        config: Any = client.config_get("*")
    except redis.ResponseError:
        words = "does not tell its settings; see to appendonly yes, appendfsync always, noeviction"
        return [*found, ("look", "queue", words)]
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    for name, value in wanted.items():
        if config.get(name) != value:
            level = "bad" if name == "maxmemory-policy" else "look"
            found.append(
                (
                    level,
                    "queue",
                    f"{name} is {config.get(name)}; set it to {value}, or accepted events can be lost",
                )
            )
    return found


def _backlog() -> list[Finding]:
    waiting = queue.backlog()
    with transaction() as connection:
        at = now()
        quarantined = run(
            connection, "SELECT count(*) FROM tasuki.quarantine WHERE resolved_at IS NULL"
        ).scalar()
        overdue = run(connection, "SELECT count(*) FROM tasuki.clock WHERE next_at <= :now", now=at).scalar()
        in_line = run(connection, "SELECT count(*) FROM tasuki.waiting").scalar()
        stuck = run(connection, "SELECT count(*) FROM tasuki.waiting WHERE reason = 'nobody_left'").scalar()
        failing = run(
            connection,
            "SELECT count(*), max(last_error) FROM tasuki.outbox WHERE status = 'pending' AND attempts > 1",
        ).one()
        refused = run(
            connection, "SELECT count(*), max(last_error) FROM tasuki.outbox WHERE status = 'refused'"
        ).one()
    entries = counted(waiting, "entry", "entries")
    found = [
        ("ok" if waiting < 10_000 else "look", "backlog", f"{entries} in the stream"),  # noqa: PLR2004
        ("ok" if overdue < 1_000 else "look", "clocks", f"{overdue} due now"),  # noqa: PLR2004
        ("ok", "line", counted(in_line, "sales-ready lead waits", "sales-ready leads wait") + " for a rep"),
        (
            "ok" if not quarantined else "look",
            "quarantine",
            f"{quarantined} open; see `tasuki quarantine list`",
        ),
    ]
    if stuck:
        found.append(
            ("bad", "line", counted(stuck, "lead") + " that nobody may take; widen a pool in team.yaml")
        )
    if failing[0]:
        found.append(
            (
                "look",
                "outbox",
                f"{counted(failing[0], 'message is', 'messages are')} being retried; the last error: {failing[1]}",
            )
        )
    if refused[0]:
        found.append(
            (
                "look",
                "outbox",
                f"{counted(refused[0], 'message was refused by its receiver', 'messages were refused by their receivers')}; the last: {refused[1]}",
            )
        )
    return found


def _rulebook() -> list[Finding]:
    with transaction() as connection:
        version = rulebooks.current_version(connection)
        if version is None:
            return [("bad", "rulebook", "none is published; run `tasuki rules publish`")]
        older = run(
            connection,
            "SELECT count(*) FROM tasuki.lead WHERE review_at IS NOT NULL AND rulebook_version <> :v"
            " AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL", v=version,
        ).scalar()  # fmt: skip
    found: list[Finding] = [("ok", "rulebook", f"version {version} in force")]
    if older:
        found.append(
            (
                "look",
                "rulebook",
                f"{counted(older, 'held lead is', 'held leads are')} still to be judged by it; look again in a moment",
            )
        )
    return found


def _hand_over() -> list[Finding]:
    with transaction() as connection:
        if rulebooks.current_version(connection) is None:
            return []
        return staffing(connection, rulebooks.current(connection))


def _notices() -> list[Finding]:
    options = settings()
    found: list[Finding] = []
    if options.public_url is None:
        found.append(("look", "links", "TASUKI_PUBLIC_URL is not set: mail carries no links to answer by"))
    elif options.public_url.scheme != "https":
        found.append(
            ("look", "links", "TASUKI_PUBLIC_URL is not https: others on the way can read the links")
        )
    if options.smtp_url is None:
        found.append(("look", "mail", "TASUKI_SMTP_URL is not set: notices by mail wait in the outbox"))
    if options.ma_url is not None and options.ma_secret is None:
        found.append(
            ("bad", "ma", "TASUKI_MA_SECRET is not set: instructions to the MA platform wait in the outbox")
        )
    if options.webhook_url is not None and options.webhook_secret is None:
        found.append(
            ("bad", "webhook", "TASUKI_WEBHOOK_SECRET is not set: notices by webhook wait in the outbox")
        )
    with transaction() as connection:
        at = now()
        if rulebooks.current_version(connection) is not None:
            found += _channels(rulebooks.current(connection).book.source.team)
        for breaker in outbox_view.open_breakers(connection):
            words = f"away since {local_day_time(breaker.open_since)}, {counted(breaker.n, 'message waits', 'messages wait')}"
            words += (
                f": {breaker.last_error}; once mended: `tasuki outbox retry --receiver {breaker.receiver}`"
            )
            found.append(("look", f"receiver {breaker.receiver}", words))
        oldest = outbox_view.oldest_undelivered(connection)
    if oldest is not None and (minutes := int((at - oldest.created_at).total_seconds() / 60)) > 0:
        words = (
            f"the oldest undelivered message ({oldest.message_id}, {oldest.receiver}) waits for {minutes} min"
        )
        found.append(("look", "outbox", f"{words}; see `tasuki outbox list`"))
    return found or [("ok", "notices", "a way out is configured")]


def _channels(team: TeamFile) -> list[Finding]:
    """Look at the channels that somebody is told by: are their variables set, and may their URLs be called?"""
    used = {name for rep in team.reps for name in rep.notify}
    found: list[Finding] = []
    for spec in team.channels:
        if spec.id not in used:
            continue
        here = f"channel {spec.id}"
        for text in (spec.address, spec.secret):
            try:
                value = read_address(text)
                if text is not None and value is None:
                    found.append(("bad", here, f"{text[2:-1]} is not set: its notices wait in the outbox"))
                elif value is not None and text == spec.address and spec.kind in URL_KINDS:
                    check_url(value)
            except OSError as error:
                found.append(
                    ("bad", here, f"the file of {(text or '')[2:-1]} cannot be read: {error.strerror}")
                )
            except Refused as refusal:
                found.append(("bad", here, str(refusal)))
    return found


def _crm() -> list[Finding]:
    """Say whether the CRM is reached and lets us in, what is left of its budget, and what waits."""
    from worker.crm import connect
    from worker.store.crm_reading import fare

    if settings().crm == "none":
        return [("ok", "CRM", "none is configured")]
    health = connect.connect().look()
    with transaction() as connection:
        found = fare(connection, connect.name(), now())
    left = "an unknown number of" if health.calls_left is None else health.calls_left
    words = (
        f"{settings().crm} at {health.url} lets us in; {counted(left, 'call')} left by its own count,"
        f" {found['calls_today']:,} of {found['calls_a_day']:,} of ours made; {counted(found['waiting'], 'lead waits', 'leads wait')}"
        + (f" since {local_day_time(found['oldest'])}" if found["oldest"] else "")
        + f", {found['failing']} failing, {found['refused']} refused"
    )
    return [("look" if found["failing"] or found["refused"] else "ok", "CRM", words)]


def _away_words(error: redis.RedisError | DBAPIError) -> str:
    """Return what kind of error a store met, and where to look; never its text, which may hold a password."""
    name = "TASUKI_REDIS_URL" if isinstance(error, redis.RedisError) else "TASUKI_DATABASE_URL"
    return f"{type(error).__name__}; is it running, and are address, user and password of {name} right?"


@command
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only: do the stores answer? For health checks.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at configuration, connections, versions, backlog and lag. Exit 1 when something is wrong.

    Example: tasuki doctor
    """
    checks: dict[str, Callable[[], list[Finding]]] = {"stores": _answers}
    if not quick:
        checks = {
            "PostgreSQL": _postgres, "queue": _valkey, "backlog": _backlog, "rulebook": _rulebook,
            "hand-over": _hand_over, "notices": _notices, "absences": presence_findings, "CRM": _crm,
        }  # fmt: skip
    found: list[Finding] = []
    for name, look in checks.items():
        try:
            found += look()
        except (TasukiError, redis.RedisError, DBAPIError) as error:
            words = str(error) if isinstance(error, TasukiError) else _away_words(error)
            found.append(("bad", name, f"cannot be looked at: {words}"))
    if as_json:
        print_json({"ok": all(level != "bad" for level, _, _ in found), "findings": [
            {"level": level, "what": what, "found": text} for level, what, text in found
        ]})  # fmt: skip
    else:
        marks = {"ok": "[green]ok[/green]  ", "look": "[yellow]look[/yellow]", "bad": "[red]bad[/red] "}
        for level, what, text in found:
            console.print(f"{marks[level]} {what}: {safe(text)}", soft_wrap=True)
    if any(level == "bad" for level, _, _ in found):
        raise typer.Exit(REFUSED)
