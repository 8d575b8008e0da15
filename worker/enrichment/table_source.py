"""A source that is a table of companies in a file: CSV, TSV or Parquet, read anew when the file changes."""

import csv
import io
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from routing_rules.domains import registrable, site_host
from schemas.enrichment import TableSource
from schemas.errors import Refused
from worker import parquet
from worker.enrichment.sources import Question
from worker.settings import settings

#: Rows that are read of a table at most: what is left out is said.
MAX_ROWS: Final = 2_000_000
#: Key of a company -> what the table says of it.
Index = dict[tuple[str, str], dict[str, Any]]


class TableAsker:
    """Asks one table."""

    def __init__(self, source: TableSource) -> None:
        """Keep what the file says of the source."""
        self._source = source

    def ask(self, question: Question) -> dict[str, Any]:
        """Return what the table says of a company; see `Asker`."""
        home = settings().enrichment_file
        path = Path(self._source.path) if home is None else home.parent / self._source.path
        try:
            match, say = tuple(self._source.match.items()), tuple(self._source.say.items())
            index = _index(match, say, path, path.stat().st_mtime_ns)
        except OSError as error:
            raise Refused(f"{path.name} cannot be read: {error.strerror}") from error
        if isinstance(index, str):
            raise Refused(index)
        return dict(index.get((question.kind, question.value), {}))


#: Name -> column, as pairs.
Columns = tuple[tuple[str, str], ...]


@lru_cache(maxsize=8)
def _index(match: Columns, say: Columns, path: Path, _changed: int) -> Index | str:
    """Return a table, or what is wrong with it: that, too, is found out once, and not with every question."""
    try:
        return _read(match, say, path)
    except Refused as error:
        return str(error)


def _read(match: Columns, say: Columns, path: Path) -> Index:
    wanted = [column for _, column in (*match, *say)]
    found: Index = {}
    rows = _parquet(path, wanted) if path.suffix == ".parquet" else _csv(path, wanted)
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            raise Refused(f"{path.name} has more than {MAX_ROWS} rows; part it into several sources")
        said = {name: row[column] for name, column in say if row[column] not in (None, "")}
        for kind, column in match:
            key = _key(kind, row[column])
            if key is not None:
                found.setdefault((kind, key), said)
    return found


def _key(kind: str, value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    if kind == "domain":
        host = site_host(text)
        return None if host is None else registrable(host)
    digits = "".join(letter for letter in text if letter.isdecimal())
    return digits if len(digits) == 13 else None  # noqa: PLR2004 - 法人番号


def _csv(path: Path, wanted: list[str]) -> Iterator[dict[str, Any]]:
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "cp932"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise Refused(f"{path.name}: neither UTF-8 nor Shift_JIS; save it as UTF-8")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",")
    try:
        _need(path, reader.fieldnames or (), wanted)
        yield from reader
    except csv.Error as error:
        line = reader.line_num + 1
        raise Refused(f"{path.name} line {line}: {error}; look for a quote that nobody closed") from None


def _parquet(path: Path, wanted: list[str]) -> Iterator[dict[str, Any]]:
    _need(path, parquet.names(path), wanted)
    for _, cells in parquet.rows(path, only=wanted):
        yield dict.fromkeys(wanted) | {name: _whole(value) for name, value in cells.items()}


def _whole(value: Any) -> Any:
    """Return 5010001000001.0, as a column of numbers with gaps has them, as the whole number that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _need(path: Path, names: Iterable[str], wanted: list[str]) -> None:
    there = list(names)
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise Refused(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(map(str, there))}")
