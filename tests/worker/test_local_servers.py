"""The local servers are real, keep their data through a crash, and leave nobody behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from kombu import Connection

from worker.local import home, processes
from worker.local.home import stop_orphans
from worker.local.processes import LocalServerError
from worker.local.servers import LocalServers, default_state_dir, find_running

#: Starts servers, prints their process ids and URLs, and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from worker.local.servers import LocalServers
servers = LocalServers(Path(sys.argv[1]))
servers.start()
print(servers.postgres_pid, servers.valkey_pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder of one's own in the temporary folder, open to the account that root's servers run as."""
    with tempfile.TemporaryDirectory(prefix="tasuki-own-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def setting(url: str, name: str) -> str:
    with connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def start_owner(state_dir: Path) -> tuple[subprocess.Popen[str], list[int]]:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(state_dir)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout as said:
        return owner, [int(pid) for pid in said.readline().split()]


def await_end(pids: list[int]) -> list[int]:
    """The processes that are still alive after a while; one that init has not yet noticed is not."""
    deadline = time.monotonic() + 20
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "name, expected",
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("jit", "off"),
        ("max_connections", "200"),
        ("max_wal_size", "4GB"),
        ("shared_buffers", "128MB"),
        ("timezone", "UTC"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
    ],
)
def test_postgres_is_set_for_durable_short_transactions(
    servers: LocalServers, name: str, expected: str
) -> None:
    """PostgreSQL flushes every commit, speaks UTC, and listens on its socket only."""
    assert setting(servers.database_url, name) == expected


@pytest.mark.parametrize(
    "name, expected",
    [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction"), ("save", "")],
)
def test_valkey_is_set_to_keep_what_it_acknowledged(servers: LocalServers, name: str, expected: str) -> None:
    """Valkey writes every command to disk before it answers, and evicts nothing."""
    with redis.Redis.from_url(servers.redis_url, decode_responses=True) as client:
        assert client.config_get(name) == {name: expected}


def test_the_redis_url_suits_celery(redis_url: str) -> None:
    """Kombu, which Celery speaks through, sends and receives over the same URL."""
    with Connection(redis_url) as connection, connection.SimpleQueue("poke") as queue:
        queue.put({"n": 1})

        assert queue.get(timeout=5).payload == {"n": 1}


def test_valkey_wants_its_password(servers: LocalServers) -> None:
    """Another user of the machine, who can reach the port, is refused."""
    port = servers.redis_url.partition("@")[2]
    with redis.Redis.from_url(f"redis://{port}") as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_japanese_text_is_lowered_and_sorted_alike_everywhere(servers: LocalServers) -> None:
    """The locale is PostgreSQL's own C.UTF-8, whatever the machine has."""
    with connect(servers.database_url) as connection:
        row = connection.execute("SELECT lower('ＴＡＳＵＫＩ Ä 株式会社')").fetchone()

    assert row == ("ｔａｓｕｋｉ ä 株式会社",)


def test_a_copied_database_holds_the_template_and_nothing_flows_back(servers: LocalServers) -> None:
    """A test's database starts as its template and is its own."""
    with connect(servers.create_database("a_template")) as connection:
        connection.execute("CREATE TABLE lead AS SELECT 1 AS n")
    copy = servers.create_database("a copy", "a_template")
    with connect(copy) as connection:
        connection.execute("INSERT INTO lead VALUES (2)")
        copied = connection.execute("SELECT n FROM lead ORDER BY n").fetchall()
        servers.drop_database("a copy")  # although someone is connected
    with connect(servers.url_of("a_template")) as connection:
        kept = connection.execute("SELECT n FROM lead").fetchall()
    servers.drop_database("a_template")

    assert (copied, kept) == ([(1,), (2,)], [(1,)])


def test_data_survives_a_kill_of_both_servers(servers: LocalServers) -> None:
    """What was acknowledged before a `kill -9` is there after the restart, at the same address."""
    urls = servers.database_url, servers.redis_url
    with connect(servers.database_url) as connection:
        connection.execute("CREATE TABLE survivor AS SELECT generate_series(1, 1000) AS n")
    with redis.Redis.from_url(servers.redis_url) as client:
        client.xadd("survivors", {"event": "{}"})
    pids = [servers.postgres_pid, servers.valkey_pid]
    children = [child.pid for child in psutil.Process(servers.postgres_pid).children()]

    servers.kill_postgres()
    servers.kill_valkey()
    left = await_end([*pids, *children])
    servers.start_postgres()
    servers.start_valkey()

    with connect(servers.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM survivor").fetchone()
        connection.execute("DROP TABLE survivor")
    with redis.Redis.from_url(servers.redis_url) as client:
        length = client.xlen("survivors")
    assert (left, row, length) == ([], (1000,), 1)
    assert (servers.database_url, servers.redis_url) == urls
    assert {servers.postgres_pid, servers.valkey_pid}.isdisjoint(pids)


def test_a_dead_server_is_named(state_dir: Path) -> None:
    """Asking for the process of a server that does not run says so."""
    servers = LocalServers(state_dir)

    with pytest.raises(LocalServerError, match="Valkey is not running"):
        _ = servers.valkey_pid


def test_stop_ends_both_keeps_the_data_and_may_be_repeated(state_dir: Path) -> None:
    """After `stop` nothing runs, nothing is announced, and the next start finds the data."""
    with LocalServers(state_dir) as servers:
        servers.start()  # a second start changes nothing
        servers.create_database("kept")
        pids = [servers.postgres_pid, servers.valkey_pid]
        announced = find_running(state_dir)
        assert announced == (servers.database_url, servers.redis_url)
    servers.stop()

    assert (await_end(pids), find_running(state_dir)) == ([], None)
    with LocalServers(state_dir, appendfsync="everysec") as again:
        assert setting(again.url_of("kept"), "fsync") == "on"


def test_orphans_of_a_killed_owner_are_stopped_by_the_next(state_dir: Path) -> None:
    """Servers outlive a SIGKILL of their owner; the next owner stops exactly them and takes over the data."""
    owner, orphans = start_owner(state_dir)
    owner.kill()
    owner.wait()
    assert [is_alive(pid) for pid in orphans] == [True, True]
    assert find_running(state_dir) is None

    with LocalServers(state_dir) as servers:
        assert await_end(orphans) == []
        assert setting(servers.database_url, "fsync") == "on"


def test_stop_orphans_starts_nothing(state_dir: Path) -> None:
    """Orphans can be stopped without becoming an owner."""
    owner, orphans = start_owner(state_dir)
    owner.kill()
    owner.wait()

    stop_orphans(state_dir)

    assert await_end(orphans) == []


def test_servers_of_a_living_owner_are_not_touched(state_dir: Path) -> None:
    """A second start in the same folder is refused and names who holds it; the first one runs on."""
    owner, pids = start_owner(state_dir)
    try:
        with pytest.raises(LocalServerError, match=f"in use by process {owner.pid}"):
            LocalServers(state_dir).start()

        urls = find_running(state_dir)
        assert urls is not None
        assert setting(urls.database_url, "fsync") == "on"
        assert all(is_alive(pid) for pid in pids)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        stop_orphans(state_dir)


def test_a_pid_that_now_is_another_program_is_spared(state_dir: Path) -> None:
    """A pid file that names a stranger, since pids are used again, does not get the stranger killed."""
    with LocalServers(state_dir):
        pass
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for pid_file in ("postgres/postmaster.pid", "valkey/valkey.pid"):
            (state_dir / "servers" / pid_file).write_text(f"{stranger.pid}\n")
        stop_orphans(state_dir)
        is_spared = stranger.poll() is None
        stranger.kill()

    assert is_spared


@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning"
)  # 3.12 on: pytest-xdist has threads; we end at once
def test_a_fork_of_the_owner_cannot_stop_the_servers(servers: LocalServers) -> None:
    """A worker process forked from the owner ends without taking the servers along."""
    child = os.fork()
    if child == 0:
        servers.stop()
        os._exit(0)
    os.waitpid(child, 0)

    assert setting(servers.database_url, "fsync") == "on"


def test_a_failed_start_shows_the_log_and_leaves_nothing(state_dir: Path) -> None:
    """A start that fails says what the server said, and gives the folder free."""
    with LocalServers(state_dir) as servers:
        pids = [servers.postgres_pid, servers.valkey_pid]
    (state_dir / "servers" / "postgres" / "global" / "pg_control").unlink()

    with pytest.raises(LocalServerError, match=r"PostgreSQL did not start(?s:.*)pg_control"):
        LocalServers(state_dir).start()

    stop_orphans(state_dir)
    assert await_end(pids) == []


def test_a_missing_wheel_is_named_with_the_way_out(state_dir: Path) -> None:
    """Without the wheels, the error says what to install or to set instead."""
    with pytest.raises(LocalServerError, match=r"no-such-wheel is not installed.*TASUKI_DATABASE_URL"):
        home.Home(state_dir).wheel("no_such_wheel", "no-such-wheel")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to hide folders from")
def test_root_opens_none_of_its_closed_folders(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a closed home the servers live elsewhere, their programs are copied, and the home stays closed."""
    closed = state_dir / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(home, "SYSTEM_STATE_DIR", state_dir / "system")
    monkeypatch.setattr(
        home, "_is_open", lambda path: path.stat().st_mode & 1 and "site-packages" not in str(path)
    )

    with LocalServers(closed / "state") as servers:
        assert setting(servers.database_url, "fsync") == "on"
        program = Path(psutil.Process(servers.postgres_pid).exe())

    assert program.is_relative_to(state_dir / "system")
    assert (closed / "state" / "servers").readlink().parent == state_dir / "system"
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_long_state_folder_gets_a_short_socket(state_dir: Path) -> None:
    """The path of a Unix socket is limited to about a hundred bytes; the state folder's is not."""
    deep = state_dir / ("a" * 100)

    with LocalServers(deep) as servers:
        assert setting(servers.database_url, "fsync") == "on"
        socket_dir = Path(setting(servers.database_url, "unix_socket_directories").strip('"'))
    assert not socket_dir.exists()


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({"TASUKI_STATE_DIR": "/srv/tasuki", "XDG_STATE_HOME": "/x"}, "/srv/tasuki"),
        ({"XDG_STATE_HOME": "/x"}, "/x/tasuki"),
        ({}, "/home/sato/.local/state/tasuki"),
    ],
)
def test_the_state_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    """TASUKI_STATE_DIR first, then the XDG rule, then the user's home."""
    for name in ("TASUKI_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/sato", **environment}.items():
        monkeypatch.setenv(name, value)

    assert default_state_dir() == Path(expected)


def test_what_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ignores its stop signal is killed, with its children, after the time limit."""
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.5)
    script = "trap '' TERM; sleep 60 & echo $!; wait; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as deaf:
        assert deaf.stdout is not None
        family = [deaf.pid, int(deaf.stdout.readline())]
        processes.end(psutil.Process(deaf.pid), signal.SIGTERM)

    assert await_end(family) == []
