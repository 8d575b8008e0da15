"""Files as other programs write them: no column is passed over, and no value becomes another or Python's spelling."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.errors import Refused
from worker.bulk.opening import Asked, open_file
from worker.bulk.report import Report
from worker.bulk.rows import Made

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def made(path: Path) -> list[Made]:
    opened = open_file(path, Asked(), NOW)
    return [opened.make(row) for row in opened.rows()]


def said(path: Path) -> list[dict[str, Any]]:
    """What each row says, with its subject and, where it is not the file's, its time."""
    found = []
    for one in made(path):
        assert (one.problems, one.warnings) == ([], [])
        [event] = one.documents
        time = {} if "dated_by" in event else {"time": event["time"][:19]}
        found.append(
            {**event["data"], **time, **({"subject": event["subject"]} if "subject" in event else {})}
        )
    return found


def parquet(folder: Path, select: str, name: str = "leads.parquet") -> Path:
    path = folder / name
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def list_of(folder: Path, text: str, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_column_that_is_filled_late_is_read(tmp_path: Path) -> None:
    """Sorted by what is missing, or without what is null: the rest of the file counts as much as its beginning."""
    late = "CASE WHEN n >= 400 THEN '部長' END AS title"
    from_parquet = said(
        parquet(tmp_path, f"SELECT 'p' || n || '@x.example.com' AS email, {late} FROM range(401) t(n)")
    )

    rows = [{"email": f"p{n}@x.example.com", **({"title": "部長"} if n >= 400 else {})} for n in range(401)]
    lines = tmp_path / "leads.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    assert from_parquet == said(lines)
    assert from_parquet[400] == {"email": "p400@x.example.com", "title": "部長"}


@pytest.mark.parametrize("column, wanted", [
    ("'NaN'::DOUBLE AS id", {}),  # so that people without an id are not all one
    ("53.0::DOUBLE AS id", {"subject": "53"}),
    ("encode('山田 花子') AS name", {"name": "山田 花子"}),  # text that is not marked as such
    ("TIMESTAMPTZ '2026-11-20 09:00:00+09' AS time", {"time": "2026-11-20T00:00:00"}),
    ("TIMESTAMP '2026-11-20 09:00:00' AS time", {"time": "2026-11-20T00:00:00"}),
    ("DATE '2026-11-20' AS time", {"time": "2026-11-19T15:00:00"}),
    ("20261120 AS time", {"time": "2026-11-19T15:00:00"}),
    ("[TIMESTAMPTZ '2026-11-20 09:00:00+09'] AS seen", {}),
    ("12.50::DECIMAL(10, 2) AS amount", {"amount": 12.5}),
    ("NULL::VARCHAR AS title", {}),
    ("TRUE AS industry", {"industry": "true"}),
])  # fmt: skip
def test_types_of_parquet(tmp_path: Path, column: str, wanted: dict[str, Any]) -> None:
    """What has no word in JSON is read as what it means, or as nothing."""
    path = parquet(tmp_path, f"SELECT 'a@x.example.com' AS email, {column}")

    assert said(path) == [{"email": "a@x.example.com", **wanted}]


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_value_within_a_value_is_told_and_not_spelled_out(tmp_path: Path, kind: str) -> None:
    """A company is not called {'name': ...}."""
    if kind == "parquet":
        path = parquet(tmp_path, "SELECT 'a@x.example.com' AS email, {'name': 'Sample'} AS company")
    else:
        path = tmp_path / "leads.jsonl"
        path.write_text(json.dumps({"email": "a@x.example.com", "company": {"name": "Sample"}}))

    [one] = made(path)

    assert not one.events
    assert "company: an object or a list" in str(one.problems[0])


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    """Cut, or with other bytes in its middle: the file is named, and nothing falls over."""
    whole = parquet(
        tmp_path, "SELECT 'p' || hash(n) || '@x.example.com' AS email FROM range(20000) t(n)"
    ).read_bytes()
    for number, raw in enumerate((whole[:-9], b"PAR1", whole[:2_000] + bytes(20_000) + whole[22_000:])):
        path = tmp_path / f"bad{number}.parquet"
        path.write_bytes(raw)

        with pytest.raises(Refused, match=f"bad{number}.parquet is no Parquet file, or a damaged one"):
            made(path)


def test_zeros_and_digits_as_excel_and_people_write_them(tmp_path: Path) -> None:
    """`="00123"` is how exports keep zeros; ５３ and 53 are one person."""
    path = list_of(tmp_path, 'ID,電話番号\n="00123",="0300001234"\n"=""00124""",\n５３,\n53,\n53.0,\n')

    assert said(path) == [
        {"subject": "00123", "phone": "0300001234"},
        {"subject": "00124"},
        {"subject": "53"},
        {"subject": "53"},
        {"subject": "53"},
    ]


def test_a_name_of_a_column_over_two_lines_hides_no_separator(tmp_path: Path) -> None:
    """The separator stands after the line that the quotes hold."""
    path = list_of(tmp_path, '"会社\n名"\tメールアドレス\nSample\ta@x.example.com\n', "leads.txt")

    assert said(path) == [{"company": "Sample", "email": "a@x.example.com"}]


def written(path: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What stands in the report and in the file of rejects."""
    opened = open_file(path, Asked(), NOW)
    files = path.with_name("report.csv"), path.with_name("rejects.csv")
    with Report(opened.names, *files) as told:
        for row in opened.rows():
            one = opened.make(row)
            told.say(one, "refused" if one.problems else "new", None)
    report, rejects = (list(csv.DictReader(file.read_text("utf-8-sig").splitlines())) for file in files)
    return report, rejects


@pytest.mark.parametrize("line, fields", [
    ({"Email Address": "bad", "Company Name": "Sample", "Note": ["a", 1]},
     {"Email Address": "bad", "Company Name": "Sample", "Note": '["a",1]'}),
    ({"id": "e1", "type": "lead.captured", "data": {"email": "bad"}},
     {"id": "e1", "type": "lead.captured", "data": '{"email":"bad"}'}),
])  # fmt: skip
def test_rejects_of_json_lines_hold_what_was_refused(
    tmp_path: Path, line: dict[str, Any], fields: dict[str, str]
) -> None:
    """Under the file's own names, also what nobody reads: it is to be mended there."""
    path = tmp_path / "leads.jsonl"
    path.write_text(json.dumps(line) + "\n", "utf-8")

    _, [rejected] = written(path)

    assert {name: word for name, word in rejected.items() if not name.startswith("tasuki_")} == fields


def test_rejects_of_events_hold_fields_that_the_first_has_not(tmp_path: Path) -> None:
    """An event may say more than the first one of its file."""
    path = tmp_path / "events.jsonl"
    first = {"id": "e1", "source": "s", "type": "lead.captured", "data": {"email": "a@x.example.com"}}
    more = {**first, "id": "e2", "subject": "53", "time": "never"}
    path.write_text(f"{json.dumps(first)}\n{json.dumps(more)}\n", "utf-8")

    _, rejected = written(path)

    assert [(row["id"], row["subject"], row["time"]) for row in rejected if row["id"] == "e2"] == [
        ("e2", "53", "never")
    ]


def test_a_report_holds_no_formula(tmp_path: Path) -> None:
    """What strangers typed is opened in Excel; a phone number stays readable, and rejects stay as they were."""
    path = list_of(
        tmp_path,
        'ID,メールアドレス\n"=HYPERLINK(""http://x"",1)",\n-2+A1,\n+81-3-0000-1234,\n-1,\n=1,bad\n',
    )

    report, [rejected] = written(path)

    subjects = [one["subject"] for one in report if one["verdict"] == "new"]
    assert subjects == ['\'=HYPERLINK("http://x",1)', "'-2+A1", "+81-3-0000-1234", "-1"]
    assert rejected["ID"] == "=1"
