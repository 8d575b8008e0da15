"""A list becomes leads: what it says is understood in the ways of Excel and of Japan, and no line counts twice."""

import csv
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from schemas.errors import Refused
from tests.fixtures.system import System, eventually
from worker import queue
from worker.bulk import importing
from worker.bulk.activities import require_activity
from worker.cli.main import app

HEADER = "氏名,会社名,部署,役職,メールアドレス,電話番号,従業員数,都道府県"
#: Characters that Python's `shift_jis` does not know, and Windows' does.
HANAKO = '髙橋 花子①,㈱サンプル商事,情報システム部,部長,Hanako@Sample.example.co.jp,03-0000-1234,"1,000人以上",東京都'


def tasuki(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments])


def said(*arguments: str, code: int = 0) -> Any:
    result = tasuki(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def a_file(folder: Path, text: str, encoding: str = "utf-8", name: str = "fair.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def facts(system: System, email: str = "hanako@sample.example.co.jp") -> dict[str, Any]:
    state = json.loads(system.one("SELECT state FROM tasuki.lead WHERE email = :e", e=email))
    return {name: word[1] for name, word in state["facts"].items()}


@pytest.mark.parametrize("encoding, told", [
    ("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8 with a mark (BOM)"), ("cp932", "Shift_JIS (CP932)"), ("utf-16", "UTF-16"),
])  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings_are_found_out_and_said(
    system: System, tmp_path: Path, encoding: str, told: str, line_end: str
) -> None:
    """The same list in every usual encoding is the same lead."""
    file = a_file(tmp_path, line_end.join([HEADER, HANAKO, ""]), encoding)

    answer = said(file)

    assert answer["encoding"] == told
    assert (answer["lines"], answer["new"], answer["sent"]) == (1, 1, 1)
    system.drain_here()
    assert facts(system) == {
        "name": "髙橋 花子①", "company": "㈱サンプル商事", "department": "情報システム部", "title": "部長",
        "email": "hanako@sample.example.co.jp", "phone": "03-0000-1234", "employees": 1000, "region": "東京都",
    }  # fmt: skip


def test_an_encoding_that_cannot_be_found_out_is_told(system: System, tmp_path: Path) -> None:
    """EUC is neither: the refusal says what to do, and doing that helps; a wrong one is refused, not mangled."""
    file = a_file(
        tmp_path, f"{HEADER}\n髙橋,株式会社あ,,,h@sample.example.co.jp,,,\n".replace("髙", "高"), "euc_jp"
    )

    refused = tasuki(file)
    assert refused.exit_code == 1
    assert "--encoding" in refused.output
    assert said(file, "--encoding", "euc_jp")["new"] == 1
    assert tasuki(file, "--encoding", "utf-8").exit_code == 1
    assert tasuki(file, "--encoding", "klingon").exit_code == 1


@pytest.mark.parametrize("text", [
    pytest.param("sep=;\nEmail;Company\nh@sample.example.co.jp;A, B and C\n", id="a sep line"),
    pytest.param("Email;Company\nh@sample.example.co.jp;A, B and C\n", id="semicolons of Europe"),
    pytest.param("Email\tCompany\nh@sample.example.co.jp\tA, B and C\n", id="tabs"),
    pytest.param('Email,Company\nh@sample.example.co.jp,"A, B and C"\n', id="quotes"),
    pytest.param('\ufeff"Email","Company"\n"h@sample.example.co.jp","A,\nB and C"\n', id="a line break in quotes"),
    pytest.param('Email,Company,\n,,\n\nh@sample.example.co.jp,"A, B and C",\n,,\n', id="empty lines and columns"),
])  # fmt: skip
def test_dialects_of_excel(system: System, tmp_path: Path, text: str) -> None:
    """However Excel wrote it, one cell is one cell."""
    answer = said(a_file(tmp_path, text))

    assert (answer["lines"], answer["new"]) == (1, 1)
    system.drain_here()
    assert facts(system, "h@sample.example.co.jp")["company"] == "A, B and C"


def test_each_bad_line_is_told_and_its_neighbours_go_through(system: System, tmp_path: Path) -> None:
    """Line, column, reason, mend; in the report and in a file of rejects that can be mended and imported."""
    lines = [
        "会社名,メールアドレス,従業員数,メール配信停止,役職",
        "㈱一,one@one.example.co.jp,100〜299名,,課長",
        "㈱二,two＠two.example.co.jp,不明,,",  # full-width @ is one; 不明 is left out
        "㈱三,three@,,,",
        "㈱四,,,,社長",
        "㈱五,five@five.example.co.jp,,たぶん,",
        "㈱六,six@six.example.co.jp,,,,多い",
        '㈱七,seven@seven.example.co.jp,,,"部"長',
        "㈱八,eight@eight.example.co.jp,,1,",
    ]
    file = a_file(tmp_path, "\n".join(lines), "cp932")
    report = tmp_path / "report.csv"

    answer = said(file, "--report", str(report), code=1)

    assert [(one["line"], one["field"]) for one in answer["first"]] == [
        (3, "従業員数"), (4, "メールアドレス"), (5, "メールアドレス"), (6, "メール配信停止"), (7, "line"), (8, "line"),
    ]  # fmt: skip
    assert (answer["new"], answer["refused"], answer["with_warnings"]) == (3, 5, 1)
    assert all(one["reason"] and one["mend"] for one in answer["first"])
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead") == 3
    assert facts(system, "one@one.example.co.jp")["employees"] == 100
    assert "employees" not in facts(system, "two@two.example.co.jp")
    eight = json.loads(system.one("SELECT state FROM tasuki.lead WHERE email = 'eight@eight.example.co.jp'"))
    assert eight["consent"]["email"][1] is False
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    rows = read_rows(report)
    assert {(int(row["line"]), row["verdict"]) for row in rows} >= {(2, "new"), (3, "new"), (4, "refused")}
    rejects = read_rows(tmp_path / "fair.rejects.csv")
    assert [row["tasuki_line"] for row in rejects] == ["4", "5", "6", "7", "8"]
    assert rejects[0]["会社名"] == "㈱三"

    mended = tmp_path / "fair.rejects.csv"
    mended.write_text(
        mended.read_text("utf-8-sig").replace("three@,", "three@three.example.co.jp,"), "utf-8-sig"
    )
    again = said(str(mended), code=1)
    assert (again["new"], again["refused"]) == (1, 4)  # a line without its cells is to be mended in the list
    assert "tasuki_line" not in again["unused_columns"]


def test_a_quote_that_is_never_closed_is_told_where_it_opens(system: System, tmp_path: Path) -> None:
    """It swallows all that follows, so silence would lose the rest of the list."""
    file = a_file(tmp_path, 'email,company\na@a.example.com,A\nb@b.example.com,"B\nc@c.example.com,C\n')

    answer = said(file, code=1)

    assert answer["first"][0]["line"] == 3
    assert "never closed" in answer["first"][0]["reason"] + answer["first"][0]["mend"]
    assert answer["new"] == 1


def test_a_dry_run_says_what_would_be_and_changes_nothing(system: System, tmp_path: Path) -> None:
    """New, known, repeated and doubled lines are counted as the real run then finds them."""
    first = a_file(
        tmp_path, "email,company\nknown@k.example.com,K\nrepeat@r.example.com,R\n", name="first.csv"
    )
    said(first, "--source", "fair")
    system.drain_here()
    file = a_file(tmp_path, (
        "email,company,備考\nknown@k.example.com,K2,\nrepeat@r.example.com,R,\nnew@n.example.com,N,x\n"
        "NEW@N.example.com,N,y\nnew@n.example.com,N2,\nbad,B,\n"
    ))  # fmt: skip
    before = system.sql("SELECT * FROM tasuki.event ORDER BY event_id")

    answer = said(file, "--source", "fair", "--dry-run", code=1)

    assert {name: answer[name] for name in ("new", "known", "repeat", "duplicate", "refused", "same_person")} == {
        "new": 1, "known": 2, "repeat": 1, "duplicate": 1, "refused": 1, "same_person": 1,
    }  # fmt: skip
    assert answer["unused_columns"] == ["備考"]
    assert answer["sent"] == 0
    system.drain_here()
    assert system.sql("SELECT * FROM tasuki.event ORDER BY event_id") == before
    said(file, "--source", "fair", code=1)
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead") == 3
    assert system.applied() == 5


def test_the_same_list_twice_has_one_effect(system: System, tmp_path: Path) -> None:
    """Sent twice, copied, in another encoding, with another order of columns, with a corrected line: one act each."""
    text = f"{HEADER}\n{HANAKO}\n"
    said(a_file(tmp_path, text), "--activity", "event_attended", "--source", "fair")
    said(a_file(tmp_path, text), "--activity", "event_attended", "--source", "fair")
    system.drain_here()
    said(a_file(tmp_path, text, "cp932", "copy.csv"), "--activity", "event_attended", "--source", "fair")
    turned = "\n".join(
        ",".join(reversed(next(csv.reader([line])))) for line in (HEADER, HANAKO.replace("1,000", "1000"))
    )
    said(
        a_file(tmp_path, turned.replace("部長", "本部長"), name="b.csv"),
        "--activity",
        "event_attended",
        "--source",
        "fair",
    )
    system.drain_here()

    state = json.loads(system.one("SELECT state FROM tasuki.lead"))
    assert sum(state["ledger"]["event_attended"].values()) == 1
    assert state["facts"]["title"][1] == "本部長"
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0

    for day in ("2025-11-20", "2026-11-20"):  # another year's fair is another visit
        said(a_file(tmp_path, text), "--activity", "event_attended", "--source", "fair", "--at", day)
    system.drain_here()
    assert (
        sum(json.loads(system.one("SELECT state FROM tasuki.lead"))["ledger"]["event_attended"].values()) == 3
    )


def test_columns_that_are_called_otherwise_are_told(system: System, tmp_path: Path) -> None:
    """By --column, by --header-line, or by a mapping file that can do more."""
    file = a_file(tmp_path, "来場者リスト 2026\n,,\nご担当,貴社,れんらく先\n佐藤,㈱あ,a@a.example.com\n")
    refused = tasuki(file)
    assert refused.exit_code == 1
    assert "--column" in refused.output
    assert "--header-line" in refused.output
    told = ["--header-line", "3", "--column", "れんらく先=email", "--column", "ご担当=name"]
    assert said(file, *told, "--dry-run")["new"] == 1
    assert tasuki(file, *told, "--column", "れんらく先=rank").exit_code == 1
    assert tasuki(file, *told, "--column", "無い=name").exit_code == 1

    mapping = tmp_path / "cards.yaml"
    mapping.write_text(
        "rules:\n  - name: card\n    type: lead.activity\n    again: never\n    data:\n"
        "      email: $['れんらく先']\n      name: $['ご担当']\n      company: $['貴社']\n"
        "      activity: {value: event_attended}\n",
        "utf-8",
    )
    assert said(file, "--header-line", "3", "--mapping", str(mapping), "--source", "cards")["new"] == 1
    system.drain_here()
    assert facts(system, "a@a.example.com") == {"email": "a@a.example.com", "name": "佐藤", "company": "㈱あ"}


def test_times_and_keys_of_an_export_are_kept(system: System, tmp_path: Path) -> None:
    """An MA tool's own key joins its rows to its webhooks; a time without a zone is meant in --zone."""
    file = a_file(tmp_path, "ID,メール,登録日時,会社名\n53.0,a@a.example.com,2026/11/20 9:05,㈱あ\n")

    said(file, "--source", "mautic")
    system.drain_here()

    assert system.sql("SELECT kind, value FROM tasuki.lead_key WHERE kind <> 'email'") == [
        ("ma:mautic", "53")
    ]
    assert system.one("SELECT occurred_at::text FROM tasuki.event") == "2026-11-20 00:05:00+00"


def test_an_import_waits_while_the_queue_is_full(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' events do not stand behind a long list: it goes on as room appears."""
    monkeypatch.setattr(importing, "ROOM", 10)
    monkeypatch.setattr(importing, "CHUNK", 20)
    file = a_file(tmp_path, "email\n" + "".join(f"p{n}@x.example.com\n" for n in range(60)))
    importer = threading.Thread(target=tasuki, args=(file,))
    importer.start()
    eventually(lambda: queue.backlog() == 20, "the first part is on the queue")
    time.sleep(0.5)
    assert queue.backlog() == 20

    while importer.is_alive():
        assert queue.backlog() <= 20
        system.drain_here()
    system.drain_here()
    assert system.applied() == 60


def test_times_of_another_country_are_told(system: System, tmp_path: Path) -> None:
    """11/12 is not guessed: the refusal says how to tell it."""
    file = a_file(tmp_path, "Lead ID,Email,Created Date\n00Q1,a@a.example.com,11/12/2026 9:05 PM\n")
    assert "--time-format" in said(file, code=1)["first"][0]["mend"]

    said(file, "--time-format", "%m/%d/%Y %I:%M %p", "--zone", "America/New_York")
    system.drain_here()
    assert system.one("SELECT occurred_at::text FROM tasuki.event") == "2026-11-13 02:05:00+00"


@pytest.mark.parametrize("text, word", [
    ("", "no header"), ("email,email\na@a.example.com,b\n", "two columns"), ("PK\x03\x04\x00\x00", "Excel"),
    ("名前,住所\n佐藤,東京\n", "no column names a person"),
])  # fmt: skip
def test_what_cannot_be_a_list_is_refused_whole(system: System, tmp_path: Path, text: str, word: str) -> None:
    """With the mend, and nothing goes anywhere."""
    result = tasuki(a_file(tmp_path, text))

    assert result.exit_code == 1
    assert word in result.output
    assert system.drain_here().events == 0


@pytest.mark.parametrize("command", ["import", "backfill"])
@pytest.mark.parametrize("typed, meant", [
    ("Event Attended", "event_attended"), ("event_atended", "event_attended"), ("WEBINAR-ATTENDED", "webinar_attended"),
    ("イベント来場", "event_attended"), ("価格", None),
])  # fmt: skip
def test_an_activity_that_nobody_knows_is_refused_before_any_line(
    system: System, tmp_path: Path, command: str, typed: str, meant: str | None
) -> None:
    """Once, with the closest one and all that there are; and not for each of a hundred thousand lines."""
    file = a_file(tmp_path, f"{HEADER}\n{HANAKO}\n")
    refused = CliRunner().invoke(app, [command, file, "--activity", typed])
    assert refused.exit_code == 1
    told = " ".join(refused.output.split())
    assert (
        f"no activity is called that{f'; did you mean {meant}?' if meant else '.'} Known are careers_view,"
        in told
    )
    assert "lines" not in told
    assert not (tmp_path / "fair.rejects.csv").exists()
    assert queue.backlog() == 0


def test_without_a_rulebook_every_well_formed_activity_is_taken() -> None:
    """A dry run may go without a store; what is no name of an activity is refused all the same."""
    assert require_activity("our_own_fair", None) == "our_own_fair"
    with pytest.raises(Refused, match="did you mean event_attended"):
        require_activity("Event Attended", None)


@pytest.mark.parametrize("cell", ["45983", "45983.375", "４５９８３"])
@pytest.mark.parametrize("told", [(), ("--time-format", "%Y/%m/%d")])
def test_a_number_of_excel_where_a_date_is_due_is_told_and_never_guessed(
    system: System, tmp_path: Path, cell: str, told: tuple[str, ...]
) -> None:
    """45983 may be any number: the line is refused, with the day that it looks like and how to mend the column."""
    file = a_file(tmp_path, f"Email,来場日時\nh@sample.example.co.jp,{cell}\n")
    answer = said(file, *told, code=1)
    assert (answer["refused"], answer["sent"]) == (1, 0)
    (kept,) = read_rows(tmp_path / "fair.rejects.csv")
    assert kept["tasuki_field"] == "来場日時"
    assert kept["tasuki_reason"] == f"{cell} looks like the number by which Excel keeps 2025-11-22"
    assert kept["tasuki_mend"].startswith("give the column a date format in Excel")
