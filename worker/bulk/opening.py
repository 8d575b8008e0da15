"""A file opened for reading: its encoding, its columns, and what makes events of its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from schemas.errors import Refused
from worker.bulk import encodings, files, headers, rows
from worker.bulk.encodings import Encoding
from worker.bulk.files import Kind, Row, Table
from worker.bulk.headers import Columns
from worker.bulk.rows import Defaults, Maker
from worker.intake.mapping import Mapping
from worker.intake.sources import SHIPPED, read_mapping


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody said about a file."""

    source: str | None = None
    mapping: str | None = None
    columns: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    header_line: int = 1
    at: datetime | None = None
    activity: str | None = None
    campaign: str | None = None
    zone: str = "Asia/Tokyo"
    time_format: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can be read, as often as one likes."""

    path: Path
    kind: Kind
    #: SHA-256 of its bytes: the file, whatever it is called.
    digest: str
    #: Its size, time and number when it was opened.
    stamp: tuple[int, ...]
    source: str
    make: Maker
    #: All its columns or fields.
    names: list[str]
    encoding: Encoding | None = None
    table: Table | None = None
    #: What its columns mean; None where a mapping says it, or where the rows are events.
    columns: Columns | None = None

    def must_be_unchanged(self) -> None:
        """Refuse a file that is still written to: half a line is none, and its name is that of other bytes.

        Raises:
            Refused: it is not what was opened.

        """
        if _stamp(self.path) != self.stamp:
            raise Refused(f"{self.path.name} changed while it was read; run it again when it is whole")

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """Return the rows after the first `skip` ones."""
        if self.kind == "parquet":
            return files.parquet_rows(self.path, skip)
        if self.table is None or self.encoding is None:
            return islice(files.json_rows(self.path), skip, None)
        return islice(files.csv_rows(self.path, self.encoding, self.table), skip, None)


def open_file(path: Path, asked: Asked, received_at: datetime) -> Opened:
    """Open a file as asked.

    Args:
        path: a .csv, .tsv, .jsonl or .parquet file.
        asked: what was said about it.
        received_at: when its rows count as accepted.

    Raises:
        Refused: it cannot be read, or no column names a person.
        RulebookError: the mapping is not fit.

    """
    kind, stamp = files.kind_of(path), _stamp(path)
    found, digest = (
        encodings.detect(path) if kind == "csv" and not asked.encoding else (None, encodings.digest(path))
    )
    source = asked.source or path.stem
    defaults = Defaults(
        source=source[:255], at=min(asked.at or _saved_at(path), received_at), at_told=asked.at is not None,
        activity=asked.activity, campaign=asked.campaign, zone=asked.zone,
        time_format=asked.time_format,
    )  # fmt: skip
    mapping = None if asked.mapping is None else _mapping(asked.mapping)
    encoding = table = columns = None
    if kind == "csv":
        encoding = encodings.told(asked.encoding) if asked.encoding else found
        assert encoding is not None  # noqa: S101 - found where it was not told
        table = files.open_table(path, encoding, delimiter=asked.delimiter, header_line=asked.header_line)
    names = table.columns if table is not None else files.names_of(path, kind)
    if mapping is not None:
        make = rows.by_mapping(mapping, defaults, received_at)
    elif table is None and set(names) >= files.EVENT:
        make = rows.as_they_are(source, received_at)
    else:
        columns = headers.recognise(names, headers.read_told(asked.columns))
        make = rows.by_columns(columns, defaults, received_at)
    return Opened(path, kind, digest, stamp, source, make, names, encoding, table, columns)


def _mapping(name: str) -> Mapping:
    path = Path(name) if name.endswith((".yaml", ".yml")) else SHIPPED / f"{Path(name).name}.yaml"
    if not path.is_file():
        raise Refused(f"there is no mapping {name}; name a .yaml file, see docs/intake.md")
    return read_mapping(path)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _saved_at(path: Path) -> datetime:
    """Return when a file was last changed: rows without a time of their own happened by then."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
