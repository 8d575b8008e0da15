"""Keeps one Celery worker running: starts it, passes signals on, and starts it again when it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from worker.app import QUEUES
from worker.logs import get_logger
from worker.settings import settings

log = get_logger()

#: Seconds that a worker may take to finish what it has in hand.
STOP_S: Final = 20.0
#: Seconds between two starts of the web.
WEB_AGAIN_S: Final = 5.0


#: Celery's banner for root is not shown; other warnings are. It guards against pickled messages, and a worker of
#: ours takes JSON only (`accept_content` in worker/app.py), under root as under anybody.
_AS_ROOT: Final = "ignore:You're running the worker with superuser privileges:UserWarning:"


class Supervisor:
    """One worker process group and its restarts."""

    def __init__(self, name: str, env: dict[str, str] | None = None, log: Path | None = None) -> None:
        """Prepare a worker called `name`, unique on its machine; `log` takes its output."""
        self._log = log
        self._name = name
        self._env = {**os.environ, **(env or {}), "TASUKI_WORKER_NAME": name}
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        return [
            # --quiet leaves out the banner: it says nothing that concerns anybody here, and on the screen of `up` it
            # would push away what does
            sys.executable, "-W", _AS_ROOT, "-m", "celery", "--quiet", "-A", "worker.app", "worker", "--queues", ",".join(QUEUES),
            "--concurrency", str(settings().concurrency), "--hostname", f"{self._name}@%h",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING",
        ]  # fmt: skip

    def start(self) -> None:
        """Start the worker in a process group of its own."""
        command = self._command()
        output = None if self._log is None else self._log.open("ab")
        self._process = subprocess.Popen(
            command, env=self._env, start_new_session=True, stdout=output, stderr=output
        )
        if output is not None:
            output.close()
        log.info("worker.started", worker=self._name, pid=self._process.pid)

    @property
    def pid(self) -> int | None:
        """Return the worker's process id."""
        return None if self._process is None else self._process.pid

    def alive(self) -> bool:
        """Tell whether the worker runs."""
        return self._process is not None and self._process.poll() is None

    def watch(self) -> None:
        """Start the worker again if it ended by itself, clearing up what it left."""
        if self._stopping or self._process is None or self._process.poll() is None:
            return
        log.warning("worker.ended", worker=self._name, code=self._process.returncode)
        self._kill_group()
        self.start()

    def kill(self) -> None:
        """Kill the worker and its children at once, as a machine that fails does."""
        self._kill_group()
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End the worker: first asked, then made."""
        self._stopping = True
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                log.warning("worker.killed", worker=self._name)
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = False

        def _stop(_number: int, _frame: FrameType | None) -> None:
            nonlocal stop
            stop = True

        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        self.start()
        while not stop:
            time.sleep(0.2)
            self.watch()
        self.stop()


class WebSupervisor(Supervisor):
    """The one web process, started again as a worker is, but not at once: its port may be taken."""

    _next_start = 0.0

    def __init__(self, env: dict[str, str] | None = None, log: Path | None = None) -> None:
        """Prepare the web of this machine."""
        super().__init__("web", env, log)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "worker.cli.main", "web"]

    def start(self) -> None:
        """Start the web in a process group of its own."""
        super().start()
        self._next_start = time.monotonic() + WEB_AGAIN_S

    def watch(self) -> None:
        """Start the web again if it ended by itself a while ago."""
        if time.monotonic() >= self._next_start:
            super().watch()
