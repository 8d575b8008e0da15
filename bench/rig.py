"""Servers, schema, rulebook, clock and worker of one bench, and how they are filled, watched and emptied."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
import psycopg

from bench.cpu import Spent, seconds_of
from bench.events import BUSINESS_NOW, fresh
from worker import queue
from worker.app import QUEUES
from worker.local.home import stop_orphans
from worker.local.processes import LocalServerError
from worker.local.servers import LocalServers
from worker.local.stack import Stack
from worker.settings import settings
from worker.supervise import Supervisor

PREFIX: Final = "tasuki-bench-"
#: A stream is filled here and then put in the place of the real one at once.
FILLED: Final = "bench:events"
#: Tables that stay as they are when a bench starts anew.
_KEPT: Final = ("rulebook", "rulebook_current", "pool", "alembic_version")
WARM_UP: Final = 3_000


class Rig:
    """Real servers in a folder of their own, deleted at the end, however it comes."""

    def __init__(self) -> None:
        self._exit = ExitStack()
        self._worker_pid: int | None = None
        self._next_lead = 10_000_000
        self._watching: psycopg.Connection[Any] | None = None
        #: How often a worker ended by itself, and was started again.
        self.restarts = 0

    def __enter__(self) -> Self:
        sweep_away()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._exit.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        try:
            self.folder = folder
            self.servers = self._exit.enter_context(LocalServers(folder))
            env = {
                "TASUKI_DATABASE_URL": self.servers.database_url,
                "TASUKI_REDIS_URL": self.servers.redis_url,
                "TASUKI_CLOCK": f"{BUSINESS_NOW.isoformat()}|{time.time():.3f}|1",
                "TASUKI_LOG_LEVEL": "error",
            }
            os.environ.update(env)
            settings.cache_clear()
            self._exit.enter_context(Stack(folder, extra_env=env))
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.__exit__(kind, error, trace)

    # --- the worker -----------------------------------------------------------------------------------------

    @contextmanager
    def worker(self, *, warm: bool = True) -> Iterator[int]:
        """Run a Tasuki worker as `tasuki worker` does, warmed up; yield its process id."""
        supervisor = Supervisor("bench")
        with _output_to(self.folder / "worker.log"):
            supervisor.start()
        ended = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(supervisor, ended), daemon=True)
        try:
            assert supervisor.pid is not None
            self._worker_pid = supervisor.pid
            keeper.start()
            if warm:
                self.run_through(fresh(WARM_UP, self.new_leads(WARM_UP)))
                self.empty()
            yield supervisor.pid
        finally:
            ended.set()
            if keeper.is_alive():
                keeper.join()
            self._worker_pid = None
            with _output_to(self.folder / "worker.log"):
                supervisor.stop()

    def _keep(self, supervisor: Supervisor, ended: threading.Event) -> None:
        """Start a worker that ended by itself again, as `tasuki worker` does, and count how often."""
        while not ended.wait(0.2):
            before = supervisor.pid
            supervisor.watch()
            if supervisor.pid != before:
                self.restarts += 1
                self._worker_pid = supervisor.pid

    @contextmanager
    def task_worker(self, processes: int) -> Iterator[int]:
        """Run a Celery worker for the tasks that only the bench has, beside those that follow a judgement."""
        queues = ["bench", *(name for name in QUEUES if name != "tasuki.judge")]
        command = [
            sys.executable, "-m", "celery", "-A", "bench.tasks", "worker", "--queues", ",".join(queues),
            "--concurrency", str(processes), "--without-gossip", "--without-mingle", "--without-heartbeat",
            "--loglevel", "ERROR",
        ]  # fmt: skip
        with (self.folder / "tasks.log").open("ab") as log:
            process = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)
        self._worker_pid = process.pid
        try:
            yield process.pid
        finally:
            self._worker_pid = None
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()

    def spent(self) -> Spent:
        """Return the CPU seconds so far."""
        return Spent(
            seconds_of(self._worker_pid) if self._worker_pid else 0.0,
            seconds_of(self.servers.postgres_pid),
            seconds_of(self.servers.valkey_pid),
        )

    # --- the stream -----------------------------------------------------------------------------------------

    def new_leads(self, count: int) -> int:
        """Return the first of `count` lead numbers that no event named before."""
        first = self._next_lead
        self._next_lead += count
        return first

    def run_through(self, events: Iterable[bytes]) -> tuple[float, Spent]:
        """Let the worker judge a full stream; return wall seconds and CPU seconds.

        The wall time counts from the first event that is taken to the last that is acknowledged; the CPU
        time also holds what follows (hand-over, outbox) until the lines are settled.
        """
        self.fill(events)
        before = self.spent()
        self.release()
        client = queue.client()
        wait_until(lambda: _taken(client) > 0, 120, every_s=0.002)
        started = time.perf_counter()
        wait_until(lambda: client.xlen(queue.STREAM) == 0, 600, every_s=0.004)
        wall = time.perf_counter() - started
        self.settle()
        return wall, self.spent() - before

    def fill(self, events: Iterable[bytes]) -> None:
        """Make a full stream with its consumer group, apart from the real one."""
        client = queue.client()
        client.delete(FILLED)
        client.xgroup_create(FILLED, queue.GROUP, id="0", mkstream=True)
        source = iter(events)
        while part := list(islice(source, 1_000)):
            pipeline = client.pipeline(transaction=False)
            for item in part:
                pipeline.xadd(FILLED, {"event": item})
            pipeline.execute()

    def release(self) -> None:
        """Put the full stream in the place of the real one, all at once."""
        queue.client().rename(FILLED, queue.STREAM)

    def settle(self) -> None:
        """Wait until every ready lead was looked at by the hand-over."""
        sql = "SELECT count(*) FROM tasuki.waiting WHERE reason = 'ready'"
        wait_until(lambda: self.number(sql) == 0, 60, every_s=0.05)

    # --- the database ---------------------------------------------------------------------------------------

    @contextmanager
    def sql(self) -> Iterator["psycopg.Connection[Any]"]:
        """Open a connection that commits at the end."""
        url = self.servers.database_url.replace("+psycopg", "")
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            yield connection

    def number(self, sql: str) -> float:
        """Return the one number that a query gives, on a connection that stays: each new one costs PostgreSQL 5 ms."""
        if self._watching is None:
            url = self.servers.database_url.replace("+psycopg", "")
            self._watching = self._exit.enter_context(psycopg.connect(url, autocommit=True))
        row = self._watching.execute(sql.encode()).fetchone()
        assert row is not None
        return float(row[0])

    def run(self, *statements: str) -> None:
        """Execute statements in one transaction."""
        with self.sql() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def analyze(self) -> None:
        """Let PostgreSQL look at what was made in bulk, as autovacuum would within minutes."""
        with self.sql() as connection:
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    def empty(self) -> None:
        """Forget every lead, event and message."""
        with self.sql() as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'tasuki' AND tablename <> ALL(%s)",
                [list(_KEPT)],
            ).fetchall()
            tables = ", ".join(f"tasuki.{name}" for (name,) in names)
            connection.execute(f"TRUNCATE {tables}".encode())


@contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send what this process and those it starts write to a file: Celery greets at length."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _taken(client: Any) -> int:
    """Return how many entries of the stream were given to a worker since it was filled."""
    groups = client.xinfo_groups(queue.STREAM)
    return int(groups[0]["entries-read"] or 0) if groups else 0


def wait_until(holds: Callable[[], bool], at_most_s: float, *, every_s: float = 0.01) -> float:
    """Wait until something holds and return the seconds that it took.

    Raises:
        TimeoutError: when it does not come true in time.

    """
    started = time.perf_counter()
    while not holds():
        if time.perf_counter() - started > at_most_s:
            raise TimeoutError(f"not within {at_most_s:g} s")
        time.sleep(every_s)
    return time.perf_counter() - started


def sweep_away() -> None:
    """Stop and delete what a killed bench left behind; one that still runs is left alone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with suppress(LocalServerError, OSError, ValueError):
            if lock.stat().st_uid == os.getuid() and not psutil.pid_exists(int(lock.read_text())):
                stop_orphans(lock.parent)
                shutil.rmtree(lock.parent)
