"""What all commands share: output for people and machines, exit codes, and clear errors."""

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import wraps
from typing import Annotated, Any, TypeVar, cast
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from schemas.base import Lang
from schemas.errors import Refused, RulebookError, TasukiError
from worker import logs
from worker.screen import make_card, make_console, make_table, safe
from worker.settings import settings
from worker.store.db import NO_SCHEMA, is_away, sqlstate

F = TypeVar("F", bound=Callable[..., Any])

console = make_console()
errors = make_console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

#: Exit codes: 0 done, 1 refused or found wanting, 2 wrong usage.
REFUSED = 1
USAGE = 2


def safe_lines(text: str) -> str:
    """Return text of several lines without markup and control characters."""
    return "\n".join(safe(line) for line in text.splitlines())


def fail(message: str, code: int = REFUSED) -> "typer.Exit":
    """Print an error and return the exit to raise."""
    errors.print(f"[red]error:[/red] {safe_lines(message)}", soft_wrap=True)
    return typer.Exit(code)


def command(function: F) -> F:
    """Run with this machine's servers where no URLs are set; turn our errors into one line and an exit code."""
    return _guarded(function, _join_servers)


def command_alone(function: F) -> F:
    """Run as `command` does, without looking for servers on this machine."""
    return _guarded(function, lambda: None)


def _join_servers() -> None:
    if settings().database_url is None or settings().redis_url is None:
        from worker.local.join import join_servers

        join_servers()


def _guarded(function: F, prepare: Callable[[], None]) -> F:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            logs.configure()
            prepare()
            return function(*args, **kwargs)
        except RulebookError as error:
            raise fail(f"the rulebook was refused\n{error}") from None
        except TasukiError as error:
            raise fail(str(error)) from None
        except ValidationError as error:
            raise fail(f"configuration: {_first(error)}", USAGE) from None
        except DBAPIError as error:
            raise _database_exit(error) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except Exception as error:
            if not _queue_is_away(error):
                raise
            raise fail("the queue (Valkey) cannot be reached; is it running? see `tasuki doctor`") from None

    wrapped.__doc__ = _flowing(function.__doc__ or "")
    return wrapped  # type: ignore[return-value]


def _flowing(text: str) -> str:
    """Return a docstring for a screen of any width: a paragraph is one line, and an example keeps its own."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(one if one.startswith(" ") else one.replace("\n", " ") for one in paragraphs)


def _queue_is_away(error: Exception) -> bool:
    queue = sys.modules.get("worker.queue")  # who has not loaded it cannot have asked the queue
    return queue is not None and isinstance(error, queue.AWAY_ERRORS)


def _database_exit(error: DBAPIError) -> Exception:
    if is_away(error):
        return fail("PostgreSQL cannot be reached; is it running? see `tasuki doctor`")
    if sqlstate(error) in NO_SCHEMA:
        return fail("the database has no schema yet; run `tasuki db upgrade`")
    return error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"TASUKI_{name.upper()}: {first['msg']}"


def instant(text: str, zone: ZoneInfo, *, day_ends: bool = False) -> datetime:
    """Read an instant or a day; without a zone of its own it is meant in `zone`.

    Args:
        text: such as 2026-12-07, 2026-12-07T13:00 or 2026-12-07T13:00+09:00.
        zone: of whoever it is about.
        day_ends: whether a day means its end, and not its beginning.

    Raises:
        Refused: it is neither.

    """
    try:
        if len(text) == len("2026-12-07"):
            day = date.fromisoformat(text) + timedelta(days=day_ends)
            return datetime.combine(day, time(), zone)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        words = "write a day such as 2026-12-07, or an instant such as 2026-12-07T13:00"
        raise Refused(f"{text!r} is neither a day nor an instant; {words}") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def language(lang: str) -> Lang:
    """Read --lang."""
    if lang not in ("ja", "en"):
        raise fail("--lang is ja or en", USAGE)
    return cast("Lang", lang)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def print_card(title: str, rows: Sequence[tuple[str, Any]]) -> None:
    """Print one thing for people: each of its values beside its name, where a table would have too many columns."""
    console.print(Text(f"\n{title.strip()}", style="bold"), soft_wrap=True)
    console.print(make_card(rows))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows for people: the title, if there is one, in one line, and no column that is empty in every row."""
    told = [at for at in range(len(columns)) if at == 0 or any(row[at] not in (None, "") for row in rows)]
    table = make_table(title, [columns[at] for at in told], [[row[at] for at in told] for row in rows])
    table.title = None
    heading = title.strip()
    console.print(Text(f"\n{heading}" if heading else "", style="bold"), soft_wrap=True)
    console.print(table if rows else "none")
