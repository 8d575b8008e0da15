"""`tasuki check`: the promises, proved on the live database."""

import typer

from routing_rules.counted import counted
from worker.cli.common import REFUSED, JsonFlag, command, console, errors, print_json
from worker.promises import prove
from worker.screen import safe
from worker.settings import settings
from worker.store.db import transaction


@command
def check(as_json: JsonFlag = False) -> None:
    """Prove the promises of the design on the live database; print offenders. Exit 1 when one is broken.

    Example: tasuki check
    """
    with transaction() as connection:
        promises = prove(connection)
    broken = [promise for promise in promises if promise.offenders or not promise.finished]
    if as_json:
        print_json({"ok": not broken, "checks": [
            {"promise": p.number, "offence": p.offence, "offenders": p.offenders, "finished": p.finished} for p in promises
        ]})  # fmt: skip
    else:
        for promise in promises:
            mark = "[green]kept[/green]  " if promise not in broken else "[red]BROKEN[/red]"
            tail = "" if promise.finished else " (not finished in time)"
            console.print(f"{mark} {promise.number}  never: {safe(promise.offence)}{tail}", soft_wrap=True)
            for offender in promise.offenders:
                console.print(f"         {safe(offender)}")
        console.print(
            "all promises are kept" if not broken else counted(len(broken), "check") + " found something"
        )
    if broken:
        raise typer.Exit(REFUSED)
    url = settings().heartbeat_url
    if url is not None:
        import httpx2

        try:
            httpx2.get(str(url), timeout=5)
        except httpx2.HTTPError as error:
            errors.print(f"the heartbeat URL did not answer: {type(error).__name__}")
