"""`tasuki up`, `tasuki worker`, `tasuki db upgrade`: run it."""

import signal
import time
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
        console.print("Tasuki is up. In another terminal:")
        console.print(stack.exports(), markup=False)
        console.print(f"web: http://{settings().web_host}:{settings().web_port}", markup=False)
        console.print(
            "then: tasuki send FILE, tasuki doctor, tasuki handoff list. Ctrl-C stops it.", markup=False
        )
        while not stop:
            time.sleep(0.2)
            for supervisor in supervisors:
                supervisor.watch()
        for supervisor in supervisors:
            supervisor.stop()
