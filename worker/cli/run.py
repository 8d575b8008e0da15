"""`tasuki up`, `tasuki worker`, `tasuki db upgrade`: run it."""

import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from schemas.errors import Refused
from worker.cli.common import command_alone, console
from worker.local.stack import Stack
from worker.settings import settings
from worker.store import migrate
from worker.supervise import Supervisor, WebSupervisor

db_app = typer.Typer(help="The database.", no_args_is_help=True)


@db_app.command("upgrade")
@command_alone
def upgrade() -> None:
    """Bring the database to the current schema; safe to run again, and by several at a time.

    Example: TASUKI_DATABASE_URL=postgresql://... tasuki db upgrade
    """
    url = settings().database_url
    if url is None:
        raise Refused("set TASUKI_DATABASE_URL")
    migrate.upgrade(url.get_secret_value())
    console.print(f"the database is at {migrate.newest()}")


@command_alone
def worker(
    name: Annotated[str, typer.Option(help="A name, unique on this machine.")] = "worker",
) -> None:
    """Run one worker (judging, hand-over, clocks, delivery) and start it again if it ends. For production.

    Run as many as you like, on as many machines, against the same PostgreSQL and Valkey.

    Example: tasuki worker --name w1
    """
    if settings().redis_url is None or settings().database_url is None:
        raise Refused("set TASUKI_DATABASE_URL and TASUKI_REDIS_URL; `tasuki up` runs all on this machine")
    Supervisor(name).run()


def _what_next(stack: Stack) -> str:
    """Return what another terminal can do now: commands as they can be typed there, from any folder."""
    here = Path(sys.argv[0]).absolute()  # `tasuki` as it was started: its folder need not be on the PATH
    known = shutil.which("tasuki")
    name = "tasuki" if known and Path(known).resolve() == here.resolve() else shlex.quote(str(here))
    return (
        f"Tasuki is up: http://{settings().web_host}:{settings().web_port}. In another terminal:\n"
        f"  {name} send FILE.jsonl\n"
        f"  {name} drain\n"
        f"  {name} handoff list\n"
        f"  {name} doctor\n"
        f"{_how_found(stack)}\n"
        "Ctrl-C stops it; the data stays."
    )


def _how_found(stack: Stack) -> str:
    """Return how commands and other programs come to these servers."""
    if not stack.env:
        return "They need the TASUKI_DATABASE_URL and TASUKI_REDIS_URL that you set here."
    finds = "They find these servers by themselves; other programs need:"
    if len(stack.env) == 1:
        finds = "They need the URL that you set here, and:"
    elif settings().state_dir is not None:
        finds = "They find these servers with the same TASUKI_STATE_DIR; other programs need:"
    return f"{finds}\n{stack.exports()}"


@command_alone
def up(
    workers: Annotated[int, typer.Option(min=1, max=16, help="How many workers.")] = 1,
) -> None:
    """Run everything on this machine: servers (started from wheels unless the URLs are set), schema, worker, web.

    The first start publishes the example rulebook. Stop with Ctrl-C; data stays in TASUKI_STATE_DIR.

    Example: tasuki up
    """
    stop = False

    def _stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with Stack() as stack:
        supervisors = [WebSupervisor(), *(Supervisor(f"up{number}") for number in range(workers))]
        for supervisor in supervisors:
            supervisor.start()
        console.print(_what_next(stack), markup=False, soft_wrap=True)
        while not stop:
            time.sleep(0.2)
            for supervisor in supervisors:
                supervisor.watch()
        for supervisor in supervisors:
            supervisor.stop()
