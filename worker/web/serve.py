"""Runs the web in one process, until SIGTERM or SIGINT."""

import gc
import socket
from typing import Final

import uvicorn

from schemas.errors import Refused
from worker.settings import settings
from worker.web.app import create_app
from worker.web.bounded_http import BoundedProtocol

#: Connections at a time; more are answered with 503.
_CONNECTIONS: Final = 1_000
#: Seconds that answers may take to end when the process is asked to stop.
_STOP_S: Final = 10


def config(host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn runs: it logs no request, for a path may hold a link's secret."""
    proxies = settings().web_proxies
    return uvicorn.Config(
        create_app(), host=host, port=port, log_config=None, access_log=False, server_header=False,
        proxy_headers=proxies is not None, forwarded_allow_ips=proxies or "", timeout_keep_alive=5,
        http=BoundedProtocol, limit_concurrency=_CONNECTIONS, timeout_graceful_shutdown=_STOP_S, lifespan="on",
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises:
        Refused: it is not to be had.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise Refused(
            f"{host}:{port} cannot be listened on ({reason}); choose another with --host and --port"
        ) from None


def serve(listening: socket.socket) -> None:
    """Serve until asked to stop."""
    host, port = listening.getsockname()[:2]
    server = uvicorn.Server(config(host, port))
    # A full collection looks at all that was imported, and everybody waits a tenth of a second for it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    server.run(sockets=[listening])
