"""Starting, awaiting and ending server processes.

A process is a `psutil.Process` or `psutil.Popen`; psutil ships no types, hence `Any`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from schemas.errors import TasukiError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.01
#: What a program needs to know of our environment: nothing.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class LocalServerError(TasukiError):
    """A server from a wheel could not be found, started or stopped."""


def spawn(command: Sequence[str | Path], *, folder: Path, log: Path, run_as: dict[str, Any]) -> Any:
    """Start a server in a session of its own, so that a Ctrl-C in the terminal reaches only its owner."""
    with log.open("ab") as output:
        return psutil.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0o077,
            **run_as,
        )


def await_answer(name: str, process: Any, log: Path, answers: Callable[[], bool]) -> None:
    """Wait until a started server answers; if it does not, say what it logged last."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            last_words = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise LocalServerError(f"{name} did not start. The end of {log}:\n{last_words}")
        time.sleep(POLL_S)


def end(process: Any, stop_signal: signal.Signals) -> None:
    """Ask a process to stop and wait until it is gone; kill it if it does not listen."""
    if not _is_alive(process):
        return
    with suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
    if not _are_gone([process]):
        kill(process)


def kill(process: Any) -> None:
    """`kill -9` a process and all its children, as a crash would, and wait until they are gone."""
    with suppress(psutil.NoSuchProcess):
        process.suspend()  # so that it starts no child between the listing and the kill
        family = [process, *process.children(recursive=True)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        if not _are_gone(family):
            raise LocalServerError(f"Process {process.pid} or a child of it outlives a kill -9.")


def _are_gone(processes: Sequence[Any]) -> bool:
    """Wait until processes do nothing any more; a zombie that its parent has not yet noticed is gone."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _is_alive(process: Any) -> bool:
    if isinstance(process, psutil.Popen):
        return process.poll() is None  # notices the end of a child of ours, so that no zombie stays
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
