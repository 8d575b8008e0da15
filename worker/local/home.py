"""The folder that local servers live in, and the account that they run as.

    state_dir/lock       held while a process uses the folder, so that nobody else stops its servers
    state_dir/servers/   data, logs, sockets, pid files

PostgreSQL refuses root, so under root the servers run as `postgres` or `nobody`, who must reach their data
and programs. Nothing of root's is opened for that, but the state folder itself to walk through. Where the
folders above it are closed (a home of mode 0700), `servers` is a link to `/var/lib/tasuki/...`; programs in a
closed environment are copied there.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from worker.local.processes import LocalServerError, end, spawn

#: Where root's servers live when root's own folders are closed to the account.
SYSTEM_STATE_DIR = Path("/var/lib/tasuki")
#: The path of a Unix socket has at most 103 bytes on macOS and 107 on Linux; PostgreSQL's file name takes 18.
SOCKET_DIR_MAX_BYTES = 85
SERVER_ACCOUNTS = ("postgres", "nobody")


class Home:
    """A folder of the account that runs the servers; theirs alone while it is taken."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.expanduser().absolute()
        self.account = _server_account() if os.geteuid() == 0 else None
        #: Both are set by `take`.
        self.path = self.state_dir / "servers"
        self.socket_dir = self.path / "socket"
        self._lock_fd: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether this object holds the folder."""
        return self._lock_fd is not None

    def take(self) -> None:
        """Make the folder, hold it, and stop the servers that a killed holder left in it."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._lock_fd = _hold(self.state_dir / "lock")
        try:
            self.path = self._make_path()
            self.socket_dir = self._make_socket_dir()
            self._stop_orphans()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the folder free."""
        if self._lock_fd is None:
            return
        if not self.socket_dir.is_relative_to(self.path):
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        os.close(self._lock_fd)
        self._lock_fd = None

    def make_dir(self, path: Path) -> Path:
        """Make a folder that only the servers' account (and root) can open."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Hand a file or folder over to the servers' account."""
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run_as(self) -> dict[str, Any]:
        """Arguments of `subprocess` that make a program run as the servers' account."""
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def spawn(self, command: Sequence[str | Path], log: Path) -> Any:
        """Start a server as its account, in its folder."""
        return spawn(command, folder=self.path, log=log, run_as=self.run_as())

    def wheel(self, package: str, distribution: str) -> Path:
        """The folder of an installed package whose programs the servers' account can run."""
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise LocalServerError(
                f"The package {distribution} is not installed. Install requirements/local.lock, "
                "or name your servers in TASUKI_DATABASE_URL and TASUKI_REDIS_URL."
            )
        installed = Path(spec.origin).resolve().parent
        if self.account is None or all(_is_open(path) for path in (installed, *installed.parents)):
            return installed
        return self._copy(installed, distribution)

    def _copy(self, installed: Path, distribution: str) -> Path:
        copies = self.make_dir(self.path / "programs") / distribution
        copy = copies / importlib.metadata.version(distribution)
        if not copy.exists():
            shutil.rmtree(copies, ignore_errors=True)
            unfinished = copies / "unfinished"
            # Libraries that a wheel brings along lie beside its package, where its programs look for them.
            for folder in (installed, installed.with_name(f"{installed.name}.libs")):
                if folder.exists():
                    ignored = shutil.ignore_patterns("include", "*.a", "__pycache__")
                    shutil.copytree(folder, unfinished / folder.name, ignore=ignored)
            for path in (copies, *copies.rglob("*")):
                self.give(path)
            unfinished.rename(copy)
        return copy / installed.name

    def _make_path(self) -> Path:
        path = self.state_dir / "servers"
        if self.account is None or path.is_symlink():
            return self.make_dir(path.resolve())
        if all(_is_open(parent) for parent in self.state_dir.resolve().parents):
            self.state_dir.chmod(self.state_dir.stat().st_mode | 0o001)
            return self.make_dir(path.resolve())
        SYSTEM_STATE_DIR.mkdir(mode=0o711, exist_ok=True)
        name = hashlib.sha256(os.fsencode(self.state_dir)).hexdigest()[:16]
        path.symlink_to(self.make_dir(SYSTEM_STATE_DIR / name))
        return path.resolve()

    def _make_socket_dir(self) -> Path:
        path = self.path / "socket"
        if len(os.fsencode(path)) <= SOCKET_DIR_MAX_BYTES:
            return self.make_dir(path)
        short = Path(tempfile.mkdtemp(prefix="tasuki-", dir="/tmp"))  # a short path
        self.give(short)
        return short

    def _stop_orphans(self) -> None:
        """Stop what the pid files name, provided it still is a server of this very folder."""
        for pid_file, stop_signal in (
            (self.path / "valkey" / "valkey.pid", signal.SIGTERM),
            (self.path / "postgres" / "postmaster.pid", signal.SIGINT),
        ):
            with suppress(OSError, ValueError, IndexError, psutil.Error):
                process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
                if any(str(self.path) in argument for argument in process.cmdline()):
                    end(process, stop_signal)


def is_held(state_dir: Path) -> bool:
    """Whether a living process uses the servers of this folder."""
    try:
        descriptor = os.open(state_dir.expanduser() / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def stop_orphans(state_dir: Path) -> None:
    """Stop the servers that a killed process left in this folder; refuse if a living one uses it."""
    home = Home(state_dir)
    home.take()
    home.release()


def wipe(state_dir: Path) -> None:
    """Delete the servers' data in this folder, wherever it really lies; stop what a dead parent left first."""
    if not state_dir.exists():
        return
    stop_orphans(state_dir)
    servers = state_dir / "servers"
    if servers.is_symlink():
        shutil.rmtree(servers.resolve(), ignore_errors=True)
    shutil.rmtree(state_dir, ignore_errors=True)


def _hold(lock: Path) -> int:
    """Lock a file until the descriptor is closed or the process ends, in whatever way."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(5):  # `is_held` of another process locks it for a moment, too
        if _try_lock(descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor
        time.sleep(0.02)
    holder = os.pread(descriptor, 20, 0).decode()
    os.close(descriptor)
    raise LocalServerError(f"{lock.parent} is in use by process {holder}.")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _server_account() -> pwd.struct_passwd:
    for name in SERVER_ACCOUNTS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise LocalServerError(
        f"PostgreSQL does not run as root, and there is no account named {' or '.join(SERVER_ACCOUNTS)}. "
        "Run Tasuki as an ordinary user."
    )


def _is_open(path: Path) -> bool:
    """Whether everyone may go through a folder."""
    return bool(path.stat().st_mode & 0o001)
