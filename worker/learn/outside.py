"""An outside table (CSV, plain or gzipped) as cases, read by its spec."""

import csv
import gzip
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from schemas.errors import Refused
from schemas.learn_spec import Naive, TableSpec
from schemas.learned import Told, Value
from worker import rulebook_yaml
from worker.learn.table import Table

#: More rows than this are not read.
MOST_ROWS: Final = 5_000_000

Row = dict[str, str]


def read_spec(path: Path) -> TableSpec:
    """Read a spec.

    Raises:
        Refused: with file, line and place.

    """
    try:
        document = rulebook_yaml.read(path.name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    if document.findings:
        raise Refused("\n".join(str(one) for one in document.findings))
    try:
        return TableSpec.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = tuple(part for part in first["loc"] if not isinstance(part, str) or part != "[key]")
        line, column = rulebook_yaml.where(document.positions, place)
        words = ".".join(str(part) for part in place)
        raise Refused(f"{path.name}:{line}:{column}: {words}: {first['msg']}") from None


def read_table(path: Path, spec: TableSpec) -> Table:
    """Read a table's cases, the oldest first.

    Raises:
        Refused: a file or column is not there, or a number is none.

    """
    rows = _rows(path, spec.separator)
    listed = _listed(path.parent, spec)
    _require(rows, spec, path)
    joins = [(one, _by_key(path.parent / one.file, one.on, spec.separator)) for one in spec.join]
    cases: list[tuple[Any, str, dict[str, Value], bool, tuple[float, ...]]] = []
    for place, row in enumerate(rows):
        if spec.order.since is not None and spec.order.column and row[spec.order.column] < spec.order.since:
            continue
        won = _won(row, spec, listed)
        if won is None:
            continue
        values = {name: _value(row[name], kind, spec, name) for name, kind in spec.features.items()}
        for one, found in joins:
            other = found.get(row[one.on], {})
            values |= {
                name: _value(other.get(name, ""), kind, spec, name) for name, kind in one.columns.items()
            }
        key, label = _order(row, place, spec)
        cases.append((key, label, values, won, tuple(_naive(row, one) for one in spec.naive)))
    cases.sort(key=lambda case: case[0])
    return Table(
        spec.name, _told(spec.target), [case[2] for case in cases], [case[3] for case in cases],
        [case[1] for case in cases], [case[4] for case in cases] if spec.naive else [], spec.naive_name,
        notes=[*map(_told, spec.notes), *(_told(f"left out ({why}): {name}") for name, why in spec.leaks.items())],
    )  # fmt: skip


def _told(text: str) -> Told:
    """Take over what the spec says as it is, in whatever language it is written."""
    return Told(ja=text, en=text)


def _rows(path: Path, separator: str) -> list[Row]:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            rows = []
            for row in csv.DictReader(file, delimiter=separator):
                rows.append({name: value for name, value in row.items() if isinstance(value, str)})
                if len(rows) > MOST_ROWS:
                    raise Refused(f"{path.name} has more than {MOST_ROWS} rows")
            return rows
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{path} cannot be read: {error}") from None


def _require(rows: list[Row], spec: TableSpec, path: Path) -> None:
    if not rows:
        raise Refused(f"{path.name} has no rows")
    wanted = {
        *spec.features,
        spec.outcome.column,
        *(one.column for one in spec.naive),
        *(j.on for j in spec.join),
    }
    if spec.order.column is not None:
        wanted.add(spec.order.column)
    for number, row in enumerate(rows, start=2):
        missing = sorted(wanted - row.keys())
        if missing:
            raise Refused(
                f"{path.name}, row {number}: no column {', '.join(missing)}; see the spec {spec.name}"
            )


def _listed(folder: Path, spec: TableSpec) -> frozenset[str]:
    if spec.outcome.listed_in is None:
        return frozenset()
    return frozenset(_by_key(folder / spec.outcome.listed_in, spec.outcome.column, spec.separator))


def _by_key(path: Path, key: str, separator: str) -> Mapping[str, Row]:
    rows = _rows(path, separator)
    if rows and key not in rows[0]:
        raise Refused(f"{path.name} has no column {key}")
    return {row[key]: row for row in rows if row.get(key)}


def _won(row: Row, spec: TableSpec, listed: frozenset[str]) -> bool | None:
    said = row[spec.outcome.column]
    if spec.outcome.listed_in is not None:
        return said in listed
    if said in spec.outcome.won:
        return True
    return None if spec.outcome.lost and said not in spec.outcome.lost else False


def _value(text: str, kind: str, spec: TableSpec, name: str) -> Value:
    text = text.strip()
    if not text or text in spec.unknown:
        return None
    if kind == "word":
        return text
    try:
        number = float(text)
    except ValueError:
        raise Refused(
            f"{name}: {text[:40]!r} is no number; name it under `unknown` or make it a word"
        ) from None
    return number if math.isfinite(number) else None


def _order(row: Row, place: int, spec: TableSpec) -> tuple[Any, str]:
    if spec.order.column is None:
        return place, f"row {place + 1}"
    said = row[spec.order.column]
    if spec.order.by == "number":
        try:
            return (float(said), place), said
        except ValueError:
            raise Refused(f"{spec.order.column}: {said[:40]!r} is no number to sort by") from None
    if spec.order.by == "hash":
        return hashlib.sha256(f"{spec.name}:{said}".encode()).hexdigest(), "(no time)"
    return (said, place), said


def _naive(row: Row, one: Naive) -> float:
    said = row[one.column].strip()
    if one.better == "these":
        return float(said in one.values)
    try:
        number = float(said)
    except ValueError:
        return 0.0
    return -number if one.better == "less" else number
