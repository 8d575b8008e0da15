"""Rows of a Parquet file, as JSON would hold them: read by DuckDB, a piece at a time."""

import math
from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from schemas.errors import Refused

_ROWS: Final = 5_000
_NUMBER: Final = "file_row_number"
#: DuckDB hands out instants by a package that it does not bring along, so it writes them itself.
_ZONED: Final = "WITH TIME ZONE"
_INSTANT: Final = "strftime({0} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS {0}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Give a connection, for whose errors the file is blamed.

    Raises:
        Refused: it is no Parquet file or a damaged one, or the extra that reads Parquet is not installed.

    """
    try:
        import duckdb  # noqa: PLC0415 - an extra: only who has Parquet needs it
    except ImportError:
        raise Refused(
            f"{path.name}: Parquet needs `pip install 'tasuki[parquet]'`; or save it as CSV"
        ) from None
    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            words = "is no Parquet file, or a damaged one; write it anew"
            raise Refused(f"{path.name} {words} ({type(error).__name__})") from error


def names(path: Path) -> list[str]:
    """Return the columns of a Parquet file, whether or not anything stands in them.

    Raises:
        Refused: as `rows`.

    """
    with _opened(path) as connection:
        return [name for name, _ in _columns(connection, path)]


def rows(
    path: Path, skip: int = 0, only: Container[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the rows after the first `skip` ones, each with its number, without empty cells.

    Args:
        path: the file.
        skip: rows that are passed over.
        only: the columns that are read; all of them without it.

    Raises:
        Refused: it is no Parquet file or a damaged one, or the extra that reads Parquet is not installed.

    """
    with _opened(path) as connection:
        found = _columns(connection, path)
        read = [_written(name, kind) for name, kind in found if only is None or name in only]
        result = connection.execute(
            f"SELECT {', '.join([*read, _NUMBER])} FROM read_parquet(?, {_NUMBER} = true)"  # noqa: S608 - quoted names
            f" WHERE {_NUMBER} >= ?",
            [str(path), skip],
        )
        columns = [column[0] for column in result.description]
        while values := result.fetchmany(_ROWS):
            for row in values:
                cells = {
                    name: said
                    for name, value in zip(columns, row, strict=True)
                    if (said := _plain(value)) is not None
                }
                yield int(cells.pop(_NUMBER)) + 1, cells


def _columns(connection: Any, path: Path) -> list[tuple[str, str]]:
    found = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [(row[0], row[1]) for row in found]


def _written(name: str, kind: str) -> str:
    """Return how a column is asked for: instants as text."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind == f"TIMESTAMP {_ZONED}":
        return _INSTANT.format(quoted)
    return f"CAST({quoted} AS VARCHAR) AS {quoted}" if _ZONED in kind else quoted


def _plain(value: Any) -> Any:
    """Return a value as JSON would hold it; None where it says nothing, as NaN where an id is missing."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):  # text, as Spark, Impala and Hive write it without saying so
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | bool) or value is None else str(value)
