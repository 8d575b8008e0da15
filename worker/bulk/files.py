"""Rows of a file, one by one and with their line: CSV in Excel's dialects, JSON Lines, Parquet.

A file may hold millions of rows, so none of these readers holds more than a piece of it.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import msgspec

from schemas.errors import NotUnderstood, Refused
from schemas.strict_json import loads
from worker import parquet
from worker.bulk.encodings import Encoding

Kind = Literal["csv", "jsonl", "parquet"]
_KINDS: Final[dict[str, Kind]] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
}  # fmt: skip
#: The longest cell; Excel takes 32,767 characters.
_MAX_CELL: Final = 131_072
#: How exports keep Excel from dropping the zeros of `="00123"`.
_FORMULA: Final = re.compile(r'\A="([^"]*)"\Z')
#: Fields of a canonical event; a file whose rows have them holds events as they are.
EVENT: Final = frozenset({"id", "type", "data"})
_MAX_NAMES: Final = 10_000
#: Most lines of a header.
_HEADER_LINES: Final = 100
_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(slots=True)
class Row:
    """One row: the line where it begins, and its cells by column, or why it cannot be read."""

    line: int
    cells: dict[str, Any]
    problem: NotUnderstood | None = None
    #: Its cells as they stand, for the file of rejects.
    raw: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Table:
    """An opened CSV: its columns, its dialect, and the first line of its data."""

    columns: list[str]
    delimiter: str
    header_line: int


def kind_of(path: Path) -> Kind:
    """Return how a file is read, by its ending.

    Raises:
        Refused: it has another.

    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise Refused(f'{path.name}: save it as .csv (or .tsv), .jsonl or .parquet; Excel does by "Save as"')
    return kind


def open_table(path: Path, encoding: Encoding, *, delimiter: str | None, header_line: int = 1) -> Table:
    """Read the header of a CSV.

    Excel in Europe separates by semicolons, its "Unicode text" by tabs, and a first line `sep=;` says so: what
    stands most often in the header, outside of quotes, is taken.

    Raises:
        Refused: there is no header, or two columns have the same name.

    """
    start, said = _sep_line(path, encoding)
    header_line = max(header_line, start)
    chosen = delimiter or said or _most_frequent(_header(path, encoding, header_line))
    for number, cells in _records(path, encoding, chosen):
        if isinstance(cells, csv.Error):
            raise Refused(f"{path.name} line {number}: the header cannot be read: {cells}")
        if number >= header_line and any(cell.strip() for cell in cells):
            return Table(_named(path, cells), chosen, number)
    raise Refused(f"{path.name} has no header in line {header_line}; the first line must name the columns")


def _named(path: Path, cells: list[str]) -> list[str]:
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Refused(f"{path.name}: two columns are called {', '.join(twice)}; rename one of them")
    return names


def _sep_line(path: Path, encoding: Encoding) -> tuple[int, str | None]:
    first = _physical_line(path, encoding, 1).strip()
    if first.lower().startswith("sep=") and len(first) == len("sep=;"):
        return 2, first[-1]
    return 1, "\t" if path.suffix.lower() == ".tsv" else None


@contextmanager
def _text(path: Path, encoding: Encoding) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding.codec, newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path.name} is not {encoding.name} ({error.reason}); say another --encoding"
        ) from None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def _physical_line(path: Path, encoding: Encoding, number: int) -> str:
    with _text(path, encoding) as file:
        for at, line in enumerate(file, start=1):
            if at == number:
                return line
    return ""


def _header(path: Path, encoding: Encoding, number: int) -> str:
    """Return a header as it stands; a name in quotes may go over several lines."""
    found = ""
    with _text(path, encoding) as file:
        for line in islice(file, number - 1, number - 1 + _HEADER_LINES):
            found += line
            if found.count('"') % 2 == 0:
                break
    return found


def _most_frequent(line: str) -> str:
    outside = "".join(part for at, part in enumerate(line.split('"')) if at % 2 == 0)
    return max((",", ";", "\t"), key=outside.count)


def _records(path: Path, encoding: Encoding, delimiter: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Read records with the line where each begins. A broken one is told, and its neighbours are read."""
    csv.field_size_limit(_MAX_CELL)
    with _text(path, encoding) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                yield line, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, error
                if "unexpected end" in str(error):
                    return


def csv_rows(path: Path, encoding: Encoding, table: Table) -> Iterator[Row]:
    """Read the data of a CSV; empty lines are passed over."""
    width = len(table.columns)
    for line, cells in _records(path, encoding, table.delimiter):
        if line <= table.header_line:
            continue
        if isinstance(cells, csv.Error):
            yield Row(line, {}, NotUnderstood("line", _mend(cells)))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[width:]):
            mend = f"{len(cells)} cells under {width} columns; put a cell that holds the separator in quotes"
            yield Row(line, {}, NotUnderstood("line", mend), cells)
            continue
        named = {
            name: _FORMULA.sub(r"\1", cell)
            for name, cell in zip(table.columns, cells, strict=False)
            if name and cell.strip()
        }
        yield Row(line, named, None, cells)


def _mend(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote is opened here and never closed; all that follows stands in it; close it"
    if "larger than field limit" in str(error):
        return "a cell of more than 131072 characters; a quote that is opened here is probably never closed"
    return "a quote stands in the middle of a cell; double it, and put the cell in quotes"


def json_rows(path: Path) -> Iterator[Row]:
    """Read one JSON object a line."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            text = raw.strip().removeprefix(codecs.BOM_UTF8)
            if not text:
                continue
            try:
                said = loads(text)
                if not isinstance(said, dict):
                    raise NotUnderstood("line", f"a bare {type(said).__name__}; write one object a line")
            except NotUnderstood as problem:
                yield Row(line, {}, problem, [text.decode("utf-8", "replace")])
            else:
                yield Row(line, said)


def parquet_rows(path: Path, skip: int = 0) -> Iterator[Row]:
    """Read the rows of a Parquet file in their order; the line is the number of the row.

    Raises:
        Refused: it is none, or the extra that reads Parquet is not installed.

    """
    return (Row(number, cells) for number, cells in parquet.rows(path, skip))


def names_of(path: Path, kind: Kind) -> list[str]:
    """Return the names of all fields of a file that has no header; one may come in its last row only."""
    if kind == "parquet":
        return parquet.names(path)
    found: dict[str, None] = {}
    with path.open("rb") as file:
        for raw in file:
            try:
                found.update(dict.fromkeys(_names(raw.strip().removeprefix(codecs.BOM_UTF8))))
            except (msgspec.DecodeError, RecursionError):
                continue  # its reader says what is wrong with it
            if len(found) > _MAX_NAMES:
                break
    return list(found)


def about(path: Path, kind: Kind) -> int | None:
    """Return about how many rows a file has, for a progress bar: a line break in a cell counts as a row."""
    if kind == "parquet":
        return None
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def as_json(document: Any) -> bytes:
    """Return a document as one line of JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()
