"""Lets a command talk to this machine's servers when no URLs are set: those that run, or those that can."""

import atexit
import os
import sys
from pathlib import Path

from worker.local.servers import LocalServers, default_state_dir, find_running
from worker.now import forget_clock
from worker.settings import settings


def demo_dir() -> Path:
    """Return the folder in which `tasuki demo` leaves its day."""
    return default_state_dir().parent / "tasuki-demo"


def join_servers(*, start: bool = True) -> None:
    """Set the URLs of the servers on this machine.

    Those of a running `tasuki up` or `tasuki demo` if there is one; otherwise the data that one of them left
    is opened for the length of this command, unless `start` is false.
    """
    options = settings()
    if options.database_url is not None and options.redis_url is not None:
        return
    chosen = options.state_dir
    folders = [chosen] if chosen is not None else [default_state_dir(), demo_dir()]
    for folder in folders:
        running = find_running(folder)
        if running is not None:
            _use(running.database_url, running.redis_url, folder)
            return
    for folder in folders if start else ():
        if (folder / "servers").exists():
            servers = LocalServers(folder)
            servers.start()
            atexit.register(servers.stop)
            _use(servers.database_url, servers.redis_url, folder)
            sys.stderr.write(f"(no server runs; opened the data in {folder} for this command)\n")
            return


def _use(database_url: str, redis_url: str, folder: Path) -> None:
    os.environ.setdefault("TASUKI_DATABASE_URL", database_url)
    os.environ.setdefault("TASUKI_REDIS_URL", redis_url)
    clock = folder / "clock"
    if clock.exists():
        os.environ.setdefault("TASUKI_CLOCK", clock.read_text(encoding="utf-8").strip())
    settings.cache_clear()
    forget_clock()
    app = sys.modules.get("worker.app")  # who has not loaded it by now reads the URL when it does
    if app is not None:
        app.use_broker()
