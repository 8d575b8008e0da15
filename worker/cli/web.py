"""`tasuki web`: links, the HTTP API, health and metrics, in one process."""

from typing import Annotated

import typer

from worker.cli.common import command, errors
from worker.settings import settings


@command
def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else TASUKI_WEB_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port to listen on; else TASUKI_WEB_PORT.")
    ] = None,
) -> None:
    """Serve the links of notices, the HTTP API, health and metrics, until Ctrl-C.

    Put a proxy that speaks TLS before it, and name its address in TASUKI_PUBLIC_URL.

    Example: tasuki web --host 0.0.0.0 --port 8321
    """
    from worker.web.serve import listen, serve

    where = (host or settings().web_host, port or settings().web_port)
    listening = listen(*where)
    errors.print(f"listening on http://{where[0]}:{where[1]}", markup=False)
    serve(listening)
