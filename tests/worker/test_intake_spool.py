"""The spool: what was answered as safe survives kill -9, torn tails and a full disk, and comes out in order."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Away
from worker.intake.spool import FullError, Spool, _read, _record
from worker.queue import Fields

ROOT = Path(__file__).parent.parent.parent
#: Writes entries one by one and tells each number only when it is safe, until it is killed.
WRITER = """
import sys
from pathlib import Path
from worker.intake.spool import Spool
spool = Spool(Path(sys.argv[1]), 10**9)
number = 0
while True:
    spool.write([{"payload": b"x" * 2_000, "number": str(number)}])
    print(number, flush=True)
    number += 1
"""


def entry(number: int, size: int = 10) -> Fields:
    return {"payload": b"p" * size, "number": str(number)}


def drained(spool: Spool) -> list[int]:
    """Drain everything and return the numbers in the order in which they came."""
    found: list[Fields] = []
    spool.drain(found.extend)
    return [int(one["number"]) for one in found]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_entries_come_out_whole_and_in_order(tmp_path: Path) -> None:
    """Over many segments, and nothing is left behind."""
    spool = Spool(tmp_path, 10**9)
    for start in range(0, 100, 10):
        spool.write([entry(number) for number in range(start, start + 10)])
        spool.seal()
    assert drained(spool) == list(range(100))
    assert segments(tmp_path) == []
    assert drained(spool) == []


def test_killed_writer_loses_nothing_that_it_promised(tmp_path: Path) -> None:
    """kill -9 at any moment: whatever was told as safe is there, once, in order; another process drains it."""
    for number in range(4):
        folder = tmp_path / str(number)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert writer.stdout is not None
        promised = [int(writer.stdout.readline()) for _ in range(10 + 13 * number)]
        os.kill(writer.pid, signal.SIGKILL)
        promised += [int(line) for line in writer.stdout.read().splitlines()]
        writer.stdout.close()
        writer.wait()
        found = drained(Spool(folder, 10**9))
        assert found == list(range(len(found)))
        assert len(found) - len(promised) in (0, 1)  # at most one was written and not told yet
        assert segments(folder) == []


def test_living_writers_segment_is_left_alone(tmp_path: Path) -> None:
    """Another process may drain what is closed, not what is being written."""
    ours, theirs = Spool(tmp_path, 10**9), Spool(tmp_path, 10**9)
    theirs.write([entry(1)])
    ours.write([entry(2)])
    assert drained(ours) == [2]
    theirs.write([entry(3)])
    theirs.seal()
    assert drained(ours) == [1, 3]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_torn_tail_is_dropped_and_what_is_before_it_stays(tmp_path: Path, cut: int) -> None:
    """A record that was not written to its end was promised to nobody."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(1), entry(2), entry(3)])
    spool.seal()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert drained(spool) == ([1, 2] if cut < len(_record(entry(3))) else [1])
    assert spool.waiting().damaged == 0


def test_zeros_where_the_disk_never_wrote_are_a_torn_tail(tmp_path: Path) -> None:
    """After a power cut a file may be longer than what was written."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(1)])
    spool.seal()
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert drained(spool) == [1]
    assert spool.waiting().damaged == 0


def test_damaged_record_is_kept_aside_and_its_neighbours_come_through(tmp_path: Path) -> None:
    """A flipped bit costs one entry, and the file is kept for whoever wants to look."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(number, 100) for number in range(5)])
    spool.seal()
    (path,) = segments(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[2 * len(_record(entry(0, 100))) + 50] ^= 1
    path.write_bytes(bytes(raw))
    assert drained(spool) == [0, 1, 3, 4]
    assert spool.waiting().damaged == 1
    assert segments(tmp_path) == []


def test_drain_that_is_interrupted_repeats_entries_and_loses_none(tmp_path: Path) -> None:
    """The stream goes away in the middle: next time the segment comes whole, byte for byte as before."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(number) for number in range(450)])
    first: list[Fields] = []

    def fails(entries: list[Fields]) -> None:
        if len(first) >= 200:
            raise Away("away")
        first.extend(entries)

    with pytest.raises(Away):
        spool.drain(fails)
    again: list[Fields] = []
    spool.drain(again.extend)
    assert again[: len(first)] == first
    assert [int(one["number"]) for one in again] == list(range(450))


def test_bound_holds_and_frees(tmp_path: Path) -> None:
    """A full spool says so before it writes, and takes again once it is drained."""
    size = len(_record(entry(0, 1_000)))
    spool = Spool(tmp_path, 5 * size)
    for number in range(5):
        spool.write([entry(number, 1_000)])
    for _ in range(3):
        with pytest.raises(FullError):
            spool.write([entry(9, 1_000)])
    assert spool.waiting().bytes == 5 * size
    assert drained(spool) == [0, 1, 2, 3, 4]
    spool.write([entry(6, 1_000)])
    assert drained(spool) == [6]


def test_full_disk_is_told_and_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC in the middle of a record: it is refused, and what comes later is not behind the torn one."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(1)])
    real = os.write
    left = [20]

    def full(fd: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "no space")
        part = bytes(data)[: left[0]]
        left[0] -= len(part)
        return real(fd, part)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FullError):
        spool.write([entry(2, 1_000)])
    monkeypatch.undo()
    spool.write([entry(3)])
    assert drained(spool) == [1, 3]


#: Writes on while the system gives its files no more room, and tells how many files there are then.
FULL = """
import resource, signal, sys
from pathlib import Path
from worker.intake.spool import FullError, Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path(sys.argv[1]), 10**9)
spool.write([{"number": "1"}])
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
refused = 0
for _ in range(20):
    try:
        spool.write([{"number": "2", "payload": b"x" * 1_000}])
    except FullError:
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.write([{"number": "3"}])
print(refused, len(list(Path(sys.argv[1]).iterdir())))
"""


def test_a_full_disk_is_not_filled_with_torn_files(tmp_path: Path) -> None:
    """However many requests come meanwhile: what was refused takes no room, and what was kept is there."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == "20 2\n"
    assert drained(Spool(tmp_path, 10**9)) == [1, 3]


def test_failed_fsync_is_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk did not confirm is not promised, and that file is not written to any more."""
    spool = Spool(tmp_path, 10**9)
    spool.write([entry(1)])

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(FullError):
        spool.write([entry(2)])
    monkeypatch.undo()
    spool.write([entry(3)])
    assert len(segments(tmp_path)) == 2
    assert [number for number in drained(spool) if number != 2] == [1, 3]


def test_two_drainers_and_writers_lose_nothing(tmp_path: Path) -> None:
    """Two processes' worth of writers and drainers at once: each entry comes once."""
    spools = [Spool(tmp_path, 10**9) for _ in range(2)]
    found: list[int] = []
    lock = threading.Lock()
    stop = threading.Event()

    def take(entries: list[Fields]) -> None:
        with lock:
            found.extend(int(one["number"]) for one in entries)

    def drain(spool: Spool) -> None:
        while not stop.is_set():
            spool.drain(take)

    def write(spool: Spool, start: int) -> None:
        for number in range(start, start + 150):
            spool.write([entry(number)])

    drainers = [threading.Thread(target=drain, args=(spool,)) for spool in spools]
    writers = [
        threading.Thread(target=write, args=(spool, 1_000 * index)) for index, spool in enumerate(spools)
    ]
    for thread in drainers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    until = time.monotonic() + 20
    while len(found) < 300 and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    for thread in drainers:
        thread.join()
    assert sorted(found) == [*range(150), *range(1_000, 1_150)]


def test_files_are_closed_to_others(tmp_path: Path) -> None:
    """Payloads hold personal data."""
    folder = tmp_path / "spool"
    spool = Spool(folder, 10**9)
    spool.write([entry(1)])
    (path,) = segments(folder)
    assert path.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_raising(raw: bytes) -> None:
    """Whatever a broken disk gives, there are entries, or damage, or a tail."""
    entries, damaged = _read(raw)
    assert isinstance(entries, list)
    assert isinstance(damaged, bool)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.binary(max_size=50), max_size=4), max_size=5), st.data()
)
def test_cut_anywhere_gives_a_beginning(entries: list[dict[str, bytes]], data: st.DataObject) -> None:
    """However a segment is cut, what is read is the first of its entries."""
    raw = b"".join(_record(one) for one in entries)
    cut = data.draw(st.integers(0, len(raw)))
    found, damaged = _read(raw[:cut])
    assert found == entries[: len(found)]
    assert not damaged
    if cut == len(raw):
        assert found == entries
