"""A call list goes in and comes out with a verdict on each row: by any way to name a person, in either encoding."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sa_event
from typer.testing import CliRunner

from schemas.errors import Refused
from tests.fixtures.system import READY, System, event
from worker import call_list, rulebooks
from worker.cli.main import app
from worker.handing import hand_over
from worker.now import now
from worker.outreach import asked_now
from worker.store import db
from worker.store.db import in_transaction, transaction

OFFERED = {"email": "hanako@sakura.example.co.jp", "phone": "03-0000-1234", **READY}
HELD = {
    "email": "keiri@minato.example.co.jp",
    "title": "経理課長",
    "employees": 80,
    "country": "JP",
    "phone": "０６－１２３４－５６７８",
}


@pytest.fixture
def called(system: System) -> System:
    """A Tasuki in which one lead is with a rep, one in nurture, and two share a switchboard."""
    system.send([
        event(1, "lead.captured", **OFFERED), event(2, "lead.captured", **HELD),
        event(3, "lead.captured", email="a@aoba.example.co.jp", phone="03-1111-2222"),
        event(4, "lead.captured", email="b@aoba.example.co.jp", phone="+81 3 1111 2222"),
    ])  # fmt: skip
    system.drain_here()
    pool = system.one("SELECT pool FROM tasuki.waiting")
    in_transaction(lambda c: hand_over(c, pool, rulebooks.current(c), now()))
    return system


def check(folder: Path, raw: bytes, *more: str) -> tuple[int, list[dict[str, str]], bytes]:
    """Run the command on a list; return its exit, the rows that came out, and the bytes."""
    people, out = folder / "calls.csv", folder / "checked.csv"
    people.write_bytes(raw)
    result = CliRunner().invoke(app, ["lead", "gate", "--csv", str(people), "--out", str(out), *more])
    if result.exit_code:
        return result.exit_code, [{"error": result.output}], b""
    answer = out.read_bytes()
    text = answer.decode(
        "utf-8-sig" if answer.startswith(b"\xef\xbb\xbf") else "utf-8" if b"\x83" not in raw else "cp932"
    )
    return 0, list(csv.DictReader(io.StringIO(text))), answer


def lead_of(system: System, subject: str) -> str:
    return str(system.one("SELECT lead_id FROM tasuki.lead_key WHERE value = :v", v=subject))


def test_every_way_to_name_a_person_is_found(called: System, tmp_path: Path) -> None:
    """Address, number, the producer's key and phone, each by itself, in any writing."""
    one, two = lead_of(called, "lead-1"), lead_of(called, "lead-2")
    rows = [
        ("HANAKO@sakura.example.co.jp", "", "", "", one, "yes"), ("", one, "", "", one, "yes"),
        ("", "", "lead-1", "", one, "yes"), ("", "", "", "+81 3-0000-1234", one, "yes"),
        ("", "", "", "0612345678", two, "no"), ("keiri@minato.example.co.jp", two, "lead-2", "06-1234-5678", two, "no"),
        ("hanako@sakura.example.co.jp", two, "", "", "", "unknown"), ("nobody@example.com", "", "", "", "", "unknown"),
        ("", "", "", "03-1111-2222", "", "unknown"), ("", "", "", "x", "", "unknown"),
        ("no address", "99999999999999999999", "", "", "", "unknown"),
    ]  # fmt: skip
    raw = io.StringIO()
    csv.writer(raw).writerows(
        [("メールアドレス", "Lead ID", "ma_id", "電話番号"), *(row[:4] for row in rows)]
    )
    code, came, _ = check(tmp_path, raw.getvalue().encode())
    assert code == 0
    assert [(row["tasuki_lead_id"], row["tasuki_verdict"]) for row in came] == [row[4:] for row in rows]
    assert [row["tasuki_reasons"] for row in came[6:9]] == [
        "several_people",
        "unknown_person",
        "several_people",
    ]
    assert (came[0]["tasuki_channels"], came[4]["tasuki_reasons"]) == ("email phone", "held_in_nurture")


def a_list(folder: Path, raw: bytes) -> Path:
    """Write a list as a file."""
    path = folder / "calls.csv"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_comes_back_as_it_went(called: System, tmp_path: Path, encoding: str, delimiter: str) -> None:
    """Encoding, delimiter, columns and their order stay; the added columns are replaced when it comes again."""
    raw = (
        delimiter.join(("氏名", "メール", "メモ"))
        + "\r\n"
        + delimiter.join(("佐藤 花子", "hanako@sakura.example.co.jp", '"架電,;済"'))
        + "\r\n"
    )
    people = call_list.read(a_list(tmp_path, raw.encode(encoding)))
    assert (people.delimiter, people.encoding) == (delimiter, encoding)
    with transaction() as connection:
        first, counted = call_list.answer(connection, people, asked_now(connection, now()), "ja")
        again, _ = call_list.answer(
            connection, call_list.read(a_list(tmp_path, first)), asked_now(connection, now()), "ja"
        )
    assert first == again
    assert counted == call_list.Counted(1, 1, 0, 0)
    header, row = csv.reader(io.StringIO(first.decode(encoding)), delimiter=delimiter)
    assert (header[:3], row[:3]) == (
        ["氏名", "メール", "メモ"],
        ["佐藤 花子", "hanako@sakura.example.co.jp", "架電,;済"],
    )
    assert row[-1] == "可: 担当者が連絡できます（メール、電話）"


def test_a_rep_and_a_channel_are_asked_for(called: System, tmp_path: Path) -> None:
    """Another rep is told so; one channel answers for itself."""
    raw = b"email\nhanako@sakura.example.co.jp\n"
    holder = called.one("SELECT owner FROM tasuki.lead WHERE owner IS NOT NULL")
    other = "ito_misaki" if holder != "ito_misaki" else "suzuki_haruka"
    assert check(tmp_path, raw, "--rep", other)[1][0]["tasuki_reasons"] == "held_by_another_rep"
    assert check(tmp_path, raw, "--rep", "ito_misaku")[0] == 1
    assert check(tmp_path, raw, "--channel", "phone")[1][0]["tasuki_channels"] == "phone"
    assert check(tmp_path, raw, "--channel", "fax")[0] == 2
    result = CliRunner().invoke(app, ["lead", "gate", "--csv", str(tmp_path / "calls.csv"), "--json"])
    assert "tasuki_verdict" in result.stdout


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "has no header in line 1"), (b"name,company\na,b\n", "no column says who is meant"),
        (b"email\na@example.com,b\n", r"calls.csv line 2: 2 cells under 1 columns; put a cell"),
        (b"email,email\na,b\n", "two columns are called email"), (b"email\n\x81\xff\xfe\n", r"neither UTF-8 \(until byte 6\) nor Shift_JIS"), (b'email\n"a@example.com\n', "line 2: a quote is opened here and never closed"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_refused_with_a_mend(tmp_path: Path, raw: bytes, words: str) -> None:
    """Nothing is written of half a list."""
    with pytest.raises(Refused, match=words):
        call_list.read(a_list(tmp_path, raw))


def test_cells_of_any_script_go_through_unharmed(called: System, tmp_path: Path) -> None:
    """Emoji, HTML, a formula, a zero-width space and 10,000 characters are text; unknown people say so."""
    wild = ["😀", "<script>alert(1)</script>", "=1+1", "a\u200bb", "あ" * 10_000, 'say "no"', "two\nlines"]
    raw = io.StringIO()
    csv.writer(raw).writerows(
        [("email", "note"), *((f"x{n}@example.com", cell) for n, cell in enumerate(wild))]
    )
    code, came, _ = check(tmp_path, raw.getvalue().encode())
    assert code == 0
    assert [row["note"] for row in came] == wild
    assert {row["tasuki_reasons"] for row in came} == {"unknown_person"}


def test_statements_do_not_grow_with_the_rows(called: System, tmp_path: Path) -> None:
    """A set of rows is asked with the same statements, however many they are."""

    def statements(rows: int) -> int:
        count = 0

        def counted(*_: Any) -> None:
            nonlocal count
            count += 1

        raw = "email,lead_id,ma_id\n" + "hanako@sakura.example.co.jp,,lead-1\n" * rows
        people = call_list.read(a_list(tmp_path, raw.encode()))
        engine = db.engine()
        sa_event.listen(engine, "before_cursor_execute", counted)
        try:
            with transaction() as connection:
                _, said = call_list.answer(connection, people, asked_now(connection, now()), "en")
        finally:
            sa_event.remove(engine, "before_cursor_execute", counted)
        assert said.yes == rows
        return count

    assert statements(10) == statements(call_list.BATCH)
