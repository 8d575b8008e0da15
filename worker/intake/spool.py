"""Where accepted events wait while Valkey is away: files, fsynced before the sender is answered, bounded.

A segment is a file of records: length (4 bytes), CRC-32 (4 bytes), then the entry's fields in MessagePack.
Its writer holds a lock on it; who drains takes what nobody writes to, so that the segments of a killed process
are drained by any other. A record is written whole or its tail is dropped: nobody was told that it is safe.
An entry may be appended to the stream twice (a crash between append and deletion); it is the same entry, with the
same `received_ms`, so its events count once.
"""

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from worker.now import new_id
from worker.queue import Fields

_HEAD: Final = struct.Struct(">II")
_SUFFIX: Final = ".spool"
_DAMAGED: Final = ".damaged"
#: Bytes after which a segment is closed and the next begun.
SEGMENT_BYTES: Final = 8 * 1024 * 1024
#: Entries appended to the stream in one round trip.
_CHUNK: Final = 200


class FullError(Exception):
    """The spool takes no more: its bound is reached, or the disk refuses."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a spool."""

    segments: int
    bytes: int
    damaged: int


class Spool:
    """One folder of segments; any number of processes may write to it and drain it."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Open a folder, which is made when the first entry comes."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._path = folder
        self._written = 0
        self._number = 0

    def write(self, entries: Sequence[Fields]) -> None:
        """Write entries with one fsync; they are safe once this returns.

        Raises:
            FullError: none of them is promised; some may be there.

        """
        raw = b"".join(_record(fields) for fields in entries)
        with self._lock:
            if self.waiting().bytes + len(raw) > self._max_bytes:
                raise FullError
            try:
                fd = self._open() if self._fd is None else self._fd
                _write_all(fd, raw)
                os.fsync(fd)
            except OSError as error:
                self._leave()
                raise FullError from error
            self._written += len(raw)
            if self._written >= SEGMENT_BYTES:
                self._close()

    def waiting(self) -> Waiting:
        """Return what waits."""
        sizes = {path: _size(path) for path in (*self._segments(), *self._folder.glob(f"*{_DAMAGED}"))}
        damaged = [path for path in sizes if path.suffix == _DAMAGED]
        return Waiting(len(sizes) - len(damaged), sum(sizes.values()), len(damaged))

    def seal(self) -> None:
        """Close the segment in hand, so that it can be drained."""
        with self._lock:
            self._close()

    def drain(self, append: Callable[[list[Fields]], object]) -> int:
        """Append what waits, the oldest first, and delete it; return how many entries that were.

        Where another process drains, nothing is done. What `append` raises comes through; nothing is lost then.
        """
        if not self._segments():
            return 0
        with self._alone() as mine:
            if not mine:
                return 0
            count = sum(self._drain_one(path, append) for path in self._segments())
            self.seal()  # only now: while the stream is away, one segment goes on being filled
            return count + sum(self._drain_one(path, append) for path in self._segments())

    def _drain_one(self, path: Path, append: Callable[[list[Fields]], object]) -> int:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            if not _take(fd):
                return 0  # somebody writes to it
            entries, is_damaged = _read(path.read_bytes())
            for start in range(0, len(entries), _CHUNK):
                append(entries[start : start + _CHUNK])
            if is_damaged:
                path.rename(path.with_suffix(_DAMAGED))
            else:
                path.unlink()
            _sync_folder(self._folder)
        finally:
            os.close(fd)
        return len(entries)

    def _segments(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def _open(self) -> int:
        """Begin a segment: locked under another name first, so that nobody drains it in between."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        last = self._segments()
        self._number = max(self._number, _number_of(last[-1]) if last else 0) + 1
        name = f"{self._number:012d}-{new_id()}"  # process numbers repeat in containers
        path = self._folder / f".{name}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._fd, self._path, self._written = fd, path, 0
        _take(fd)
        self._path = path.rename(self._folder / f"{name}{_SUFFIX}")
        _sync_folder(self._folder)
        return fd

    def _leave(self) -> None:
        """Leave a segment that the disk refused, since what came after a torn record would be lost.

        An empty one goes, too: a full disk would be filled with a file for each request.
        """
        if self._fd is None:
            return
        with suppress(OSError):
            os.ftruncate(self._fd, self._written)
            if not self._written:
                self._path.unlink()
        self._close()

    def _close(self) -> None:
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = None

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the right to drain, if nobody else does; a killed holder's is free at once."""
        fd = os.open(self._folder / "drain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _take(fd)
        finally:
            os.close(fd)


def _record(fields: Fields) -> bytes:
    raw = msgspec.msgpack.encode(
        {name: value.encode() if isinstance(value, str) else value for name, value in fields.items()}
    )
    return _HEAD.pack(len(raw), zlib.crc32(raw)) + raw


def _read(raw: bytes) -> tuple[list[Fields], bool]:
    """Return the entries of a segment, and whether a record before its tail is damaged."""
    entries: list[Fields] = []
    damaged, at = False, 0
    decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode
    while at + _HEAD.size <= len(raw):
        length, crc = _HEAD.unpack_from(raw, at)
        body = raw[at + _HEAD.size : at + _HEAD.size + length]
        if length == 0 or len(body) < length:
            # A torn tail, or zeros where the disk never wrote; anything else after it would be damage.
            damaged = damaged or (length == 0 and any(raw[at:]))
            break
        at += _HEAD.size + length
        try:
            if zlib.crc32(body) != crc:
                raise msgspec.DecodeError
            entries.append(decode(body))
        except msgspec.MsgspecError:
            damaged = damaged or at < len(raw)
    return entries, damaged


def _number_of(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # drained in this moment


def _write_all(fd: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(fd, view) :]


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
