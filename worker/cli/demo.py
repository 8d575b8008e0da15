"""`tasuki demo`: everything on this machine, with a realistic business day."""

import os
from typing import Annotated

import typer

from worker.cli.common import REFUSED, command_alone, console
from worker.local.join import demo_dir
from worker.logs import configure
from worker.settings import settings


@command_alone
def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop everything at the end; the data stays.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=10, max=3600, help="Wall seconds for the business day.")
    ] = 75.0,
) -> None:
    """Start everything on this machine and stream a business day of lead events through it.

    Tuesday 2026-11-24, 08:30 to 19:00 in Tokyo, some 420 leads from web, Mautic, HubSpot, Segment, Marketo,
    Meta and Salesforce: repeated, out of order and malformed ones too. The day runs faster than the wall
    clock. Reps are played.

    Example: tasuki demo --exit
    """
    from worker.local.demo import Demo

    os.environ.setdefault("TASUKI_LOG_LEVEL", "warning")
    settings.cache_clear()
    configure()
    if not Demo(demo_dir(), seconds, console).run(stay=not leave):
        raise typer.Exit(REFUSED)
