"""What all commands share: output for people and machines, exit codes, and clear errors."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from schemas.errors import RulebookError, TasukiError
from worker import logs
from worker.local.servers import default_state_dir, find_running
from worker.queue import AWAY_ERRORS
from worker.settings import settings
from worker.store.db import is_away

F = TypeVar("F", bound=Callable[..., Any])

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

#: Exit codes: 0 done, 1 refused or found wanting, 2 wrong usage.
REFUSED = 1
USAGE = 2


def fail(message: str, code: int = REFUSED) -> "typer.Exit":
    """Print an error and return the exit to raise."""
    errors.print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)
    return typer.Exit(code)


def command(function: F) -> F:
    """Turn our errors into one line and an exit code, never into a traceback."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        logs.configure()
        try:
            _join_running()
            return function(*args, **kwargs)
        except RulebookError as error:
            raise fail(f"the rulebook was refused\n{error}") from None
        except TasukiError as error:
            raise fail(str(error)) from None
        except ValidationError as error:
            raise fail(f"configuration: {_first(error)}", USAGE) from None
        except AWAY_ERRORS:
            raise fail("the queue (Valkey) cannot be reached; is it running? see `tasuki doctor`") from None
        except DBAPIError as error:
            if is_away(error):
                raise fail("PostgreSQL cannot be reached; is it running? see `tasuki doctor`") from None
            if "tasuki." in str(error.orig) and "does not exist" in str(error.orig):
                raise fail("the database has no schema yet; run `tasuki db upgrade`") from None
            raise
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return wrapped  # type: ignore[return-value]


def _join_running() -> None:
    """Where no URLs are set, talk to the servers that `tasuki up` or `tasuki demo` runs on this machine."""
    options = settings()
    if options.database_url is not None and options.redis_url is not None:
        return
    running = find_running(options.state_dir or default_state_dir())
    if running is not None:
        os.environ.setdefault("TASUKI_DATABASE_URL", running.database_url)
        os.environ.setdefault("TASUKI_REDIS_URL", running.redis_url)
        settings.cache_clear()


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"TASUKI_{name.upper()}: {first['msg']}"


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows for people; text from outside is shown and never interpreted."""
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(safe(cell) for cell in row))
    console.print(table)


def safe(value: Any) -> str:
    """Return a cell's text without markup and control characters."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return local_time(value)
    text = "".join(ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in str(value))
    return escape(text)


#: Times on screen are the home market's; JSON and views give UTC.
SCREEN_ZONE = ZoneInfo("Asia/Tokyo")


def local_time(at: datetime) -> str:
    """Return an instant as people in the first market read it."""
    return f"{at.astimezone(SCREEN_ZONE):%m-%d %H:%M} JST"
