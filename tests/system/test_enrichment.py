"""Outside sources over real HTTP and real files: never in the way, never above what a lead said, never asked too much."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from schemas.enrichment import TableSource
from schemas.errors import Away, Refused
from tests.fixtures.system import System, event
from worker import now as clock
from worker import parquet, tasks
from worker.enrichment import asking, table_source
from worker.enrichment.sources import Question, configured, fit_to_say
from worker.enrichment.table_source import TableAsker
from worker.settings import settings
from worker.store import enrichment
from worker.store.db import in_transaction
from worker.store.leads import decode_state

Configure = Callable[..., None]

REGISTER = {
    "id": "register", "kind": "http", "url": "SERVER/company/{domain}", "timeout": "1s", "failures": 3,
    "closed_for": "10m", "headers": {"X-Token": "t-{token}"},
    "say": {"employees": "items.0.people", "industry": "items.0.industry", "company": "items.0.name", "region": "items.0.place"},
}  # fmt: skip
ANSWER = {"items": [{"people": 1200, "industry": "G39", "name": "Aoba", "place": "大阪府"}]}


@pytest.fixture
def httpserver() -> Iterator[HTTPServer]:
    """A server of this test alone: a request of another one that was cut off and ends late does not count here."""
    with HTTPServer(host="localhost") as server:
        yield server


@pytest.fixture
def configure(
    system: System, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Configure:
    """Write an enrichment file; SERVER stands for the local server's address."""

    def write(*sources: dict[str, Any]) -> None:
        text = json.dumps({"sources": sources}).replace("SERVER", httpserver.url_for("").rstrip("/"))
        (tmp_path / "enrichment.yaml").write_text(text)
        monkeypatch.setenv("TASUKI_ENRICHMENT_FILE", str(tmp_path / "enrichment.yaml"))
        monkeypatch.setenv("TASUKI_ENRICHMENT_TOKENS", '{"register": "s3cret"}')
        settings.cache_clear()

    return write


def ask(at: datetime | None = None) -> int:
    """Ask what is due."""
    return asking.ask_due(at or clock.now(), time.monotonic() + 20)


def capture(system: System, number: int, **said: Any) -> None:
    """Let a lead be captured and judged."""
    system.send([event(number, "lead.captured", **{"email": f"p{number}@aoba{number}.co.jp", **said})])
    system.drain_here()


def facts(system: System, email: str) -> Any:
    """Return the folded state of a lead."""
    return decode_state(system.one("SELECT state FROM tasuki.lead WHERE email = :e", e=email))


def requests(httpserver: HTTPServer) -> int:
    """Count requests about a company."""
    return sum("aoba" in request.path for request, _ in httpserver.log)


def waiting(system: System) -> list[Any]:
    """Return subject, outcome and error of each question."""
    return system.sql(
        "SELECT subject, outcome, last_error FROM tasuki.enrichment_request ORDER BY 1, lead_id"
    )


def test_an_answer_is_an_event_and_outranks_nothing(
    system: System, configure: Configure, httpserver: HTTPServer
) -> None:
    """What the lead said stands, though it was said before; the rest is filled, with its source; cached for the next."""
    configure(REGISTER)
    httpserver.expect_request("/company/aoba.co.jp", headers={"X-Token": "t-s3cret"}).respond_with_json(
        ANSWER
    )
    capture(system, 1, email="a@mail.aoba.co.jp", industry="製造業")
    assert requests(httpserver) == 0, "a judgement asks nobody"
    assert ask() == 1
    system.drain_here()
    state = facts(system, "a@mail.aoba.co.jp")
    assert state.facts["industry"][1] == "製造業"
    assert state.guessed["employees"][1:] == ("register", 1200)
    capture(system, 2, email="b@aoba.co.jp")
    assert ask() == 1
    system.drain_here()
    assert facts(system, "b@aoba.co.jp").guessed["region"][2] == "大阪府"
    assert requests(httpserver) == 1
    assert [row[1] for row in waiting(system)] == ["answered", "answered"]
    assert system.one("SELECT count(*) FROM tasuki.lead") == 2
    assert system.broken() == []


def test_the_worker_asks_by_itself(system: System, configure: Configure, httpserver: HTTPServer) -> None:
    """The task does what the command does, and does it once."""
    configure(REGISTER)
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_json(ANSWER)
    capture(system, 1)
    tasks.enrich()
    tasks.enrich()
    system.drain_here()
    assert requests(httpserver) == 1
    assert facts(system, "p1@aoba1.co.jp").guessed["company"][2] == "Aoba"


def test_a_crash_before_the_record_sends_the_same_event_again(
    system: System, configure: Configure, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is kept before its event is sent: the repeat has the same id, and counts once."""
    configure(REGISTER)
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_json(ANSWER)
    capture(system, 1)
    with monkeypatch.context() as crash:
        crash.setattr(enrichment, "settle", lambda *_: (_ for _ in ()).throw(Away("cut")))
        with pytest.raises(Away):
            ask()
    assert ask(clock.now() + timedelta(hours=1)) == 1
    system.drain_here()
    assert sum(judged.repeats for judged in system.judged) == 1
    assert system.one("SELECT count(*) FROM tasuki.event WHERE source = 'enrich:register'") == 1
    assert requests(httpserver) == 1
    assert system.broken() == []


def test_a_source_that_fails_is_left_alone(
    system: System, configure: Configure, httpserver: HTTPServer
) -> None:
    """After some failures in a row nobody asks; then one question shows whether it is back."""
    configure(REGISTER)
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_data("down", status=503)
    for number in (2, 3, 4, 5):
        httpserver.expect_request(f"/company/aoba{number}.co.jp").respond_with_data("down", status=503)
    for number in range(1, 4):
        capture(system, number)
    assert ask() == 0
    asked = requests(httpserver)
    assert asked == 3 * 2, "each is tried twice in a round"
    capture(system, 4)
    capture(system, 5)
    assert ask(clock.now() + timedelta(minutes=9)) == 0
    assert requests(httpserver) == asked
    httpserver.clear()
    for number in range(1, 6):
        httpserver.expect_request(f"/company/aoba{number}.co.jp").respond_with_json(ANSWER)
    assert ask(clock.now() + timedelta(minutes=30)) == 1
    assert ask(clock.now() + timedelta(days=2)) == 4
    assert {row[1] for row in waiting(system)} == {"answered"}


@pytest.mark.parametrize("as_date", [False, True])
def test_a_source_that_says_when_to_come_back_is_not_asked_before(
    system: System, configure: Configure, httpserver: HTTPServer, as_date: bool
) -> None:
    """`Retry-After`, by a number or a date, is kept: no second try a moment later, none in the hour, then one."""
    configure(REGISTER)
    hour = (
        format_datetime(datetime.fromtimestamp(clock.wall_time() + 3600, UTC), usegmt=True)
        if as_date
        else "3600"
    )
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_data(
        "slow down", status=429, headers={"Retry-After": hour}
    )
    capture(system, 1)
    assert ask() == 0
    assert requests(httpserver) == 1
    httpserver.clear()
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_json(ANSWER)
    assert ask(clock.now() + timedelta(minutes=50)) == 0
    assert ask(clock.now() + timedelta(minutes=70)) == 1


def test_a_token_that_no_header_takes_holds_up_no_other_source(
    system: System, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told where it shows, and the table beside it answers."""
    write_table(tmp_path / "t.csv", "utf-8")
    configure(REGISTER, {**TABLE, "path": "t.csv"})
    monkeypatch.setenv("TASUKI_ENRICHMENT_TOKENS", '{"register": "合言葉"}')
    settings.cache_clear()
    capture(system, 1, email="b@wakaba.co.jp")
    assert ask() == 1
    assert any("token" in str(row[2]) for row in waiting(system))


def test_a_day_has_a_budget(system: System, configure: Configure, httpserver: HTTPServer) -> None:
    """What is over it waits for the next day, and says so."""
    configure({**REGISTER, "per_day": 2})
    for number in range(1, 4):
        httpserver.expect_request(f"/company/aoba{number}.co.jp").respond_with_json(ANSWER)
        capture(system, number)
    assert ask() == 2
    assert ask() == 0
    assert ask(clock.now() + timedelta(hours=2)) == 0
    assert [row[1] for row in waiting(system)].count(None) == 1
    assert "budget" in next(row[2] for row in waiting(system) if row[1] is None)
    assert ask(clock.now() + timedelta(days=1)) == 1
    assert requests(httpserver) == 3


def test_a_slow_source_is_cut_off(system: System, configure: Configure, httpserver: HTTPServer) -> None:
    """A source that never answers costs its time-out, in the task and not in the judgement."""
    configure({**REGISTER, "failures": 100})
    httpserver.expect_request("/company/slow.co.jp").respond_with_handler(_sleep)
    capture(system, 1, email="a@slow.co.jp")
    assert ask() == 0
    assert waiting(system)[0][2].startswith("away: ReadTimeout")
    capture(system, 2)
    assert system.applied() == 2


def _sleep(_: Request) -> Response:
    time.sleep(2.5)
    return Response("{}")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>blocked</html>", b"", b"[", b"{" * 10_000, b"\xff\xfe", b'{"items": ' + b"1" * 1_100_000 + b"}",
        b'{"items": []}', b'{"items": [{"people": {"$gt": 1}, "name": ["x"]}]}', b"null", b'"x"',
        json.dumps({"items": [{"people": -5, "name": "\x00\x1b[31m" + "あ" * 10_000, "industry": True}]}).encode(),
    ],
)  # fmt: skip
def test_no_answer_does_harm(
    system: System, configure: Configure, httpserver: HTTPServer, body: bytes
) -> None:
    """What is no answer is none; what is half one is taken as far as it is sound."""
    configure(REGISTER)
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_data(body, content_type="application/json")
    capture(system, 1)
    ask()
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    assert "employees" not in facts(system, "p1@aoba1.co.jp").guessed
    assert system.broken() == []


def test_an_answer_about_somebody_else_is_none(
    system: System, configure: Configure, httpserver: HTTPServer
) -> None:
    """Where the file says where the company's key stands, another company's answer is dropped."""
    configure({**REGISTER, "check": {"domain": "items.0.site"}})
    other = {"items": [{**ANSWER["items"][0], "site": "www.wakaba.co.jp"}]}
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_json(other)
    capture(system, 1)
    assert ask() == 0
    assert waiting(system) == [("domain:aoba1.co.jp", "nothing", None)]


def test_the_domain_is_quoted_and_redirects_are_not_followed(
    system: System, configure: Configure, httpserver: HTTPServer
) -> None:
    """What a lead writes makes no other URL, and a source sends us nowhere else."""
    configure({**REGISTER, "failures": 100})
    httpserver.expect_request("/company/aoba1.co.jp").respond_with_data(
        "", status=302, headers={"location": "/elsewhere"}
    )
    capture(system, 1)
    capture(system, 2, email="x@gmail.com", company_domain="https://aoba.co.jp/../../admin?x=1")
    ask()
    paths = {request.path for request, _ in httpserver.log if "slow" not in request.path}
    assert paths == {"/company/aoba1.co.jp", "/company/aoba.co.jp"}


def test_nobody_answers_about_a_lead_that_was_not_asked_about(system: System) -> None:
    """An event in a source's name for a number that was never asked about makes no lead; it is shown."""
    forged = {**event(1, "lead.captured", subject="4711", employees=9), "source": "enrich:register"}
    system.send([forged])
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead") == 0
    assert system.sql("SELECT place FROM tasuki.quarantine") == [("subject",)]
    assert system.broken() == []


ROWS = [("法人番号", "サイト", "名称", "従業員数", "業種"), ("5010001000001", "https://www.aoba1.co.jp/", "青葉製作所", "1,200人", "製造業"),
        ("", "wakaba.co.jp", "若葉商事", "", "卸売業")]  # fmt: skip
TABLE = {
    "id": "table", "kind": "table", "match": {"corporate_number": "法人番号", "domain": "サイト"},
    "say": {"company": "名称", "employees": "従業員数", "industry": "業種"},
}  # fmt: skip


def write_table(path: Path, encoding: str) -> None:
    """Write ROWS as the file's ending says."""
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t ({', '.join(f'{name} varchar' for name in ROWS[0])})")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", ROWS[1:])
            connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        path.write_bytes(
            "".join(sign.join(f'"{cell}"' for cell in row) + "\n" for row in ROWS).encode(encoding)
        )


@pytest.mark.parametrize(
    "name, encoding",
    [("t.csv", "utf-8"), ("t.csv", "utf-8-sig"), ("t.csv", "cp932"), ("t.tsv", "utf-8"), ("t.parquet", "")],
)
def test_a_table_of_companies_answers(
    system: System, configure: Configure, tmp_path: Path, name: str, encoding: str
) -> None:
    """By corporate number first, else by domain; in each encoding and format; read anew when it changes."""
    write_table(tmp_path / name, encoding)
    configure({**TABLE, "path": name})
    capture(system, 1, corporate_number="5010001000001", email="x@gmail.com")
    capture(system, 2, email="b@mail.wakaba.co.jp")
    capture(system, 3, email="c@chigusa.co.jp")
    assert ask() == 2
    system.drain_here()
    assert facts(system, "x@gmail.com").guessed["employees"][2] == 1200
    assert facts(system, "b@mail.wakaba.co.jp").guessed["industry"][2] == "卸売業"
    assert [row[1] for row in waiting(system)] == ["answered", "nothing", "answered"]


def test_numbers_of_a_table_with_gaps_are_floats_and_match_all_the_same(tmp_path: Path) -> None:
    """pandas writes whole numbers of a column with gaps as 5010001000001.0: it is the same company."""
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE t ("法人番号" double, "サイト" varchar, "名称" varchar, "従業員数" double, "業種" varchar)'
        )
        connection.execute(
            "INSERT INTO t VALUES (5010001000001.0, NULL, '青葉', 1200.0, NULL), (NULL, 'wakaba.co.jp', NULL, 'NaN', NULL)"
        )
        connection.execute(f"COPY t TO '{tmp_path / 't.parquet'}' (FORMAT parquet)")
    asker = TableAsker(TableSource.model_validate({**TABLE, "path": str(tmp_path / "t.parquet")}))
    assert fit_to_say(asker.ask(Question("corporate_number", "5010001000001"))) == {
        "company": "青葉",
        "employees": 1200,
    }
    assert fit_to_say(asker.ask(Question("domain", "wakaba.co.jp"))) == {}


def test_a_cell_without_end_is_told_with_its_line(
    system: System, configure: Configure, tmp_path: Path
) -> None:
    """A quote that nobody closed swallows the file: the line is named, and the next source is asked."""
    rows = ",".join(ROWS[0]) + "\n" + ",".join(ROWS[2]) + '\n,"' + "x" * 200_000
    (tmp_path / "broken.csv").write_text(rows, encoding="utf-8")
    write_table(tmp_path / "t.csv", "utf-8")
    configure({**TABLE, "id": "broken", "path": "broken.csv"}, {**TABLE, "path": "t.csv"})
    capture(system, 1, email="b@wakaba.co.jp")
    assert ask() == 1
    assert any("broken.csv line 3" in str(row[2]) for row in waiting(system))


def test_a_table_is_read_once_for_many_questions(
    system: System, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two million rows eight times beside one another would be too much for a worker."""
    write_table(tmp_path / "t.csv", "utf-8")
    configure({**TABLE, "path": "t.csv"})
    for number in range(1, 9):
        capture(system, number)
    read = []
    real = table_source._csv

    def slowly(path: Path, wanted: list[str]) -> Any:
        read.append(path)
        time.sleep(0.2)
        return real(path, wanted)

    monkeypatch.setattr(table_source, "_csv", slowly)
    ask()
    assert len(read) == 1


def test_what_is_wrong_with_a_table_is_found_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table with too many rows was read to the last of them for each question, and held up all other sources."""
    write_table(tmp_path / "t.csv", "utf-8")
    monkeypatch.setattr(table_source, "MAX_ROWS", 1)
    read = []
    real = table_source._csv

    def noted(path: Path, wanted: list[str]) -> Any:
        read.append(path)
        return real(path, wanted)

    monkeypatch.setattr(table_source, "_csv", noted)
    asker = TableAsker(TableSource.model_validate({**TABLE, "path": str(tmp_path / "t.csv")}))
    for _ in range(2):
        with pytest.raises(Refused, match="more than 1 rows"):
            asker.ask(Question("domain", "wakaba.co.jp"))
    assert len(read) == 1


def test_of_a_wide_table_only_what_is_asked_for_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registers have dozens of columns and millions of rows: to read all of them takes longer than a task may."""
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        others = ", ".join(f"{n} AS c{n}" for n in range(30))
        columns = '\'5010001000001\' AS "法人番号", NULL AS "サイト", \'青葉\' AS "名称", 9 AS "従業員数", NULL AS "業種"'
        connection.execute(f"COPY (SELECT {others}, {columns}) TO '{path}' (FORMAT parquet)")
    read = []
    real = parquet._plain

    def noted(value: Any) -> Any:
        read.append(value)
        return real(value)

    monkeypatch.setattr(parquet, "_plain", noted)

    asker = TableAsker(TableSource.model_validate({**TABLE, "path": str(path)}))
    said = asker.ask(Question("corporate_number", "5010001000001"))

    assert said == {"company": "青葉", "employees": 9}
    assert len(read) == len(TABLE["match"]) + len(TABLE["say"]) + 1  # and its number


@pytest.mark.parametrize(
    "change, said",
    [
        ({"path": "none.csv"}, "cannot be read"), ({"match": {"domain": "URL"}}, "has no column URL"),
        ({"match": {}}, "match"), ({"say": {"email": "名称"}}, "cannot say email"), ({"kind": "ftp"}, "kind"),
        ({"path": "t.xlsx"}, "path"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_with_its_place(
    system: System, configure: Configure, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """Leads are judged all the same; the command says what to mend."""
    write_table(tmp_path / "t.csv", "utf-8")
    configure({**TABLE, "path": "t.csv", **change})
    capture(system, 1)
    assert system.applied() == 1
    try:
        ask()
        found = " ".join(str(row[2]) for row in waiting(system))
    except Refused as refusal:
        found = str(refusal)
        assert "enrichment.yaml:1:" in found
    assert said in found


def test_no_file_no_source(system: System) -> None:
    """Nothing is asked where nothing is configured."""
    assert configured() == []
    capture(system, 1)
    assert in_transaction(lambda c: enrichment.has_due(c, clock.now())) is False


def test_only_sound_fields_are_kept() -> None:
    """Each field is held against the canonical event, alone."""
    assert fit_to_say({"employees": "1,200人", "company": "a\nb", "country": "Japan", "corporate_number": 5010001000001, "industry": None}) == {
        "employees": 1200, "company": "a b", "corporate_number": "5010001000001",
    }  # fmt: skip
