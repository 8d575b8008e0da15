"""Runs the web in one process, until SIGTERM or SIGINT."""

from typing import Final

import uvicorn

from worker.settings import settings
from worker.web.app import create_app

#: Connections at a time; more are answered with 503.
_CONNECTIONS: Final = 500
#: Seconds that answers may take to end when the process is asked to stop.
_STOP_S: Final = 10


def config(host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn runs: it logs no request, for a path may hold a link's secret."""
    proxies = settings().web_proxies
    return uvicorn.Config(
        create_app(), host=host, port=port, log_config=None, access_log=False, server_header=False,
        proxy_headers=proxies is not None, forwarded_allow_ips=proxies or "", timeout_keep_alive=5,
        limit_concurrency=_CONNECTIONS, timeout_graceful_shutdown=_STOP_S, lifespan="on",
    )  # fmt: skip


def serve(host: str, port: int) -> None:
    """Serve until asked to stop."""
    uvicorn.Server(config(host, port)).run()
