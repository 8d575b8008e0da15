"""History is taken in whole, once, and wakes nobody; what happens afterwards wakes as ever."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from schemas.errors import Refused
from tests.fixtures.system import READY, System, event, eventually
from worker import queue, rulebooks
from worker.bulk import backfilling
from worker.bulk.opening import Asked, open_file
from worker.cli.main import app
from worker.handing import hand_over
from worker.judging import rejudge
from worker.now import now
from worker.store import backfills
from worker.store.db import in_transaction
from worker.sweeping import due_reviews

LAST_YEAR = "2025-11-20T10:00:00+09:00"
LAST_WEEK = "2026-11-19T10:00:00+09:00"
SINCE = "2026-11-24T11:30:00+09:00"


def tasuki(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backfill", *arguments])


def said(*arguments: str, code: int = 0) -> Any:
    result = tasuki(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def a_file(folder: Path, events: Iterable[dict[str, Any]], name: str = "history.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in events), "utf-8")
    return str(path)


def ready(number: int | str, time: str = LAST_WEEK) -> dict[str, Any]:
    """An event that by itself makes a lead ready: seen live, a rep would have it."""
    return event(number, email=f"p{number}@shop.example.co.jp", time=time, **READY)


def awake(system: System) -> dict[str, int]:
    """Everything by which somebody would hear of a lead."""
    for pool in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        in_transaction(lambda c, pool=pool: hand_over(c, pool[0], rulebooks.current(c), now()))  # type: ignore[misc]
    tables = ("waiting", "assignment", "clock", "outbox", "escalation")
    return {table: system.one(f"SELECT count(*) FROM tasuki.{table}") for table in tables}


def states(system: System) -> dict[str, Any]:
    return {email: json.loads(state) for email, state in system.sql("SELECT email, state FROM tasuki.lead")}


def stages(system: System) -> dict[str, int]:
    return dict(system.sql("SELECT lifecycle_stage, count(*) FROM tasuki.lead GROUP BY 1"))


def past_the_mark(system: System) -> None:
    """Wait until the clock of tests, which is slow, has gone on since the import: what comes now comes later."""
    mark = system.one("SELECT max(history_until) FROM tasuki.lead")
    eventually(lambda: now() > mark + timedelta(milliseconds=1), "a later instant")


def test_history_wakes_nobody_and_the_next_act_does(system: System, tmp_path: Path) -> None:
    """Ready by history alone: held, and said why; at the next act of its own, and not before, a rep has it."""
    file = a_file(tmp_path, [ready(1), ready(2), event(3, email="p3@x.example.com", time=LAST_YEAR)])

    assert said(file)["files"][0] | {"file": 0} == {
        "file": 0, "rows_done": 3, "events": 3, "applied": 3, "repeats": 0, "refused": 0,
    }  # fmt: skip
    assert stages(system) == {"nurture": 3}
    assert not any(awake(system).values())
    assert system.broken() == []
    told = CliRunner().invoke(app, ["lead", "explain", "p1@shop.example.co.jp", "--lang", "ja"])
    assert "過去の記録のみ" in told.output

    # Neither a review, nor a new rulebook, nor what we send, nor news of its profile is an act of the lead.
    ids = system.sql("SELECT lead_id FROM tasuki.lead")
    in_transaction(lambda c: rejudge(c, [row[0] for row in ids], rulebooks.current(c), now()))
    who = {"subject": "lead-1", "time": SINCE}
    system.send(
        [event("m", activity="email_sent", **who), event("t", "lead.captured", title="本部長", **who)]
    )
    system.drain_here()
    assert not any(awake(system).values())

    past_the_mark(system)
    system.send([event("p", activity="page_view", **who)])
    system.drain_here()
    assert awake(system)["assignment"] == 1
    assert stages(system) == {"nurture": 2, "mql": 1}
    assert system.broken() == []


@pytest.mark.parametrize("live_first", [True, False])
def test_an_act_of_today_counts_before_and_after_the_backfill(
    system: System, tmp_path: Path, live_first: bool
) -> None:
    """A lead that is here right now goes to a rep, whether its history came in before or after."""
    begun = a_file(tmp_path, [ready("other")], "begun.jsonl")
    history = a_file(
        tmp_path, [event(n, email="a@a.example.com", subject="a", time=LAST_WEEK, **READY) for n in range(3)]
    )
    live = [event("live", email="a@a.example.com", subject="a", time=SINCE)]
    said(begun)
    if live_first:
        # The history's own clock begins with its run, so the run begins before the act.
        held = json.dumps([None, [], None, None, 1, None, None, "Asia/Tokyo", None], separators=(",", ":"))
        digest = hashlib.sha256(Path(history).read_bytes()).hexdigest()
        system.do(
            "INSERT INTO tasuki.backfill (file, digest, source, read_as, hand_over, started_at, seen_at)"
            " VALUES ('history.jsonl', :d, 'history', :r, false, '2026-11-24T11:00:00+09:00', now())",
            d=digest, r=held,
        )  # fmt: skip
        system.send(live)
        system.drain_here()
        said(history)
    else:
        said(history)
        time.sleep(0.5)  # until the slow clock of the tests has moved on
        system.send(live)
        system.drain_here()

    assert awake(system)["assignment"] == 1
    assert stages(system) == {"mql": 1, "nurture": 1}
    assert system.broken() == []


def test_the_lead_is_the_same_as_if_it_had_been_seen_live(system: System, tmp_path: Path) -> None:
    """Same events, same fold: by backfill, by stream, and half and half in another order."""
    events = [event(n, email=f"p{n % 7}@x.example.com", subject=f"s{n % 7}", time=f"2026-0{n % 9 + 1}-11T10:00:00+09:00",
                    activity=("page_view", "pricing_view")[n % 2], title=f"課長{n}") for n in range(200)]  # fmt: skip
    system.send(events[::-1])
    system.drain_here()
    live = states(system)
    for table in ("decision", "waiting", "lead_key", "event", "lead", "batch"):
        system.do(f"DELETE FROM tasuki.{table}")

    said(a_file(tmp_path, events[:150]))
    system.send(events[100:])
    system.drain_here()

    assert states(system) == live
    assert system.one("SELECT sum(repeats) FROM tasuki.batch") == 50
    assert system.broken() == []


def test_a_file_twice_has_one_effect(system: System, tmp_path: Path) -> None:
    """The same file is not even read again; the same rows in another file are repeats."""
    rows = [ready(n) for n in range(30)]
    file = a_file(tmp_path, rows)

    assert said(file)["files"][0]["applied"] == 30
    before = system.sql("SELECT * FROM tasuki.decision ORDER BY decision_id")
    assert said(file)["files"][0]["rows_done"] == 30
    other = said(a_file(tmp_path, [*rows, ready("more")], "again.jsonl"), "--source", "history")["files"][0]
    assert (other["applied"], other["repeats"]) == (1, 30)
    assert (
        system.sql(
            "SELECT * FROM tasuki.decision WHERE decision_id <= :n ORDER BY decision_id", n=before[-1][0]
        )
        == before
    )
    assert system.broken() == []


def test_rows_of_csv_json_and_parquet_are_the_same_history(system: System, tmp_path: Path) -> None:
    """Columns are recognised alike, so three files of the same rows are one effect."""
    duckdb = pytest.importorskip("duckdb")
    header = ["メールアドレス", "会社名", "従業員数", "日時", "行動"]
    rows = [
        [f"p{n}@x.example.com", "株式会社さくら", "300", "2025-04-01T10:00:00+09:00", "page_view"]
        for n in range(20)
    ]
    table = tmp_path / "h.csv"
    with table.open("w", encoding="cp932", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    lines = tmp_path / "h.jsonl"
    lines.write_text(
        "".join(json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    )
    parquet = tmp_path / "h.parquet"
    with duckdb.connect() as connection:
        # A time without a zone, and a number: as a warehouse exports them.
        connection.execute(
            'COPY (SELECT * REPLACE ("従業員数"::INTEGER AS "従業員数", TIMESTAMP \'2025-04-01 10:00:00\' AS "日時")'
            f" FROM read_json('{lines}')) TO '{parquet}' (FORMAT PARQUET)"
        )

    done = said(str(table), str(lines), str(parquet), "--source", "dwh")["files"]

    assert [(one["rows_done"], one["applied"], one["repeats"]) for one in done] == [
        (20, 40, 0),
        (20, 0, 40),
        (20, 0, 40),
    ]
    assert system.one("SELECT DISTINCT occurred_at::text FROM tasuki.event") == "2025-04-01 01:00:00+00"
    assert system.broken() == []


def test_what_is_not_understood_is_kept_with_its_line_and_too_much_of_it_stops(
    system: System, tmp_path: Path
) -> None:
    """A wrong mapping must not fill the quarantine; what was right stays, and the rest goes on from there."""
    rows: list[Any] = [ready(n) for n in range(1_200)]
    rows[3]["data"]["email"] = "nobody"
    rows[700] = {"id": "x"}
    file = a_file(tmp_path, rows)
    with Path(file).open("a") as more:
        more.write("not json\n")

    stopped = tasuki(file, "--max-refused", "0")
    assert stopped.exit_code == 1
    assert "--max-refused" in stopped.output
    assert system.applied() == 499

    done = said(file, code=1)["files"][0]
    assert (done["rows_done"], done["applied"], done["refused"]) == (1_201, 1_198, 3)
    places = [row[0] for row in system.sql("SELECT place FROM tasuki.quarantine ORDER BY quarantine_id")]
    assert places == [
        "history.jsonl line 4: data.email",
        "history.jsonl line 701: type",
        "history.jsonl line 1201: line 1 column 1",
    ]
    assert system.broken() == []


def test_poison_harms_none_of_its_neighbours(system: System, tmp_path: Path) -> None:
    """A row that the store itself refuses is found by halving, and the position still moves on once."""
    system.do(
        "CREATE FUNCTION tasuki.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.event_id = 'e13' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"
    )
    system.do("CREATE TRIGGER fail BEFORE INSERT ON tasuki.event FOR EACH ROW EXECUTE FUNCTION tasuki.fail()")

    done = said(a_file(tmp_path, [ready(n) for n in range(40)]), code=1)["files"][0]

    assert (done["rows_done"], done["applied"], done["refused"]) == (40, 39, 1)
    assert system.broken() == []


def test_withdrawals_and_deals_of_the_past_count_at_once(system: System, tmp_path: Path) -> None:
    """They end what a rep does, for that must not go on; they start nothing."""
    live = [
        event(n, email=f"p{n}@shop.example.co.jp", subject=f"lead-{n}", **READY)
        for n in ("no", "won", "stays")
    ]
    system.send(live)
    system.drain_here()
    assert awake(system)["assignment"] == 3
    clocks = system.one("SELECT count(*) FROM tasuki.clock")
    at = "2026-11-24T10:30:00+09:00"

    said(a_file(tmp_path, [
        event("c", "lead.consent", subject="lead-no", consent={"all": False}, time=at),
        event("d", "outcome.won", subject="lead-won", opportunity="006", amount=5, time=at),
        event("old", "lead.consent", subject="lead-stays", consent={"all": False}, time=LAST_YEAR),
        event("new", "lead.consent", subject="lead-stays", consent={"all": True}, time=LAST_WEEK),
        event("p", subject="lead-stays", activity="pricing_view", time=LAST_YEAR),
    ]))  # fmt: skip

    ended = dict(
        system.sql("SELECT l.email, a.end_reason FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id)")
    )
    assert ended == {"pno@shop.example.co.jp": "recycled", "pwon@shop.example.co.jp": "won", "pstays@shop.example.co.jp": None}  # fmt: skip
    assert system.one("SELECT count(*) FROM tasuki.clock") == clocks
    assert system.broken() == []


def test_a_merge_with_history_wakes_nobody_and_can_be_undone(system: System, tmp_path: Path) -> None:
    """News of the CRM says that a live lead and a historical one are one person: held until that person acts."""
    said(
        a_file(
            tmp_path,
            [
                event(
                    1,
                    email="old@shop.example.co.jp",
                    subject="old@shop.example.co.jp",
                    time=LAST_WEEK,
                    **READY,
                )
            ],
        )
    )
    system.send([event(2, email="live@shop.example.co.jp", subject="lead-2")])
    system.drain_here()
    marks = "SELECT email, history_until IS NOT NULL FROM tasuki.lead WHERE merged_into IS NULL ORDER BY 1"
    before = system.sql(marks)
    assert before == [("live@shop.example.co.jp", False), ("old@shop.example.co.jp", True)]

    system.send([event(3, "lead.captured", email="old@shop.example.co.jp", subject="lead-2", time=SINCE)])
    system.drain_here()
    assert [row[1] for row in system.sql(marks)] == [True]
    assert not any(awake(system).values())
    merge = system.one("SELECT merge_id FROM tasuki.lead_merge")
    undone = CliRunner().invoke(app, ["lead", "unmerge", str(merge)])
    assert undone.exit_code == 0, undone.output
    assert sorted(row[1] for row in system.sql(marks)) == [False, True]
    assert system.broken() == []


def test_sales_gets_what_is_held_when_somebody_says_so(system: System, tmp_path: Path) -> None:
    """`--release` the best first and so many; `--hand-over` at once; and the two are not mixed up."""
    file = a_file(
        tmp_path, [ready(n) for n in range(5)] + [event(9, email="p9@x.example.com", time=LAST_YEAR)]
    )
    said(file)

    assert said("--release", "--at-most", "2") == {"looked_at": 2, "ready": 2}
    assert awake(system)["assignment"] == 2
    assert said("--release") == {"looked_at": 4, "ready": 3}
    assert said("--release") == {"looked_at": 0, "ready": 0}
    assert tasuki(file, "--hand-over").exit_code == 1

    said(a_file(tmp_path, [ready("now")], "now.jsonl"), "--hand-over")
    assert stages(system) == {"mql": 6, "nurture": 1}
    assert system.broken() == []


def _moved_on(system: System, stood: int) -> bool:
    return bool(system.one("SELECT coalesce(max(rows_done), 0) FROM tasuki.backfill") > stood)


def _start(system: System, file: str, **env: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "worker.cli.main", "backfill", file, "--json"]
    return subprocess.Popen(command, env={**os.environ, **system.env, **env}, stdout=subprocess.PIPE)


@pytest.mark.timeout(180)
def test_killed_again_and_again_it_goes_on_where_it_stood(system: System, tmp_path: Path) -> None:
    """kill -9 at any row, and two at once: every row counts once, and none is judged from the beginning again."""
    count = 6_000
    file = a_file(tmp_path, ({**ready(n), "subject": f"s{n % 900}"} for n in range(count)))
    stood = 0
    for _ in range(3):
        process = _start(system, file)
        eventually(partial(_moved_on, system, stood), "it moves on", 60)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        at = system.one("SELECT max(rows_done) FROM tasuki.backfill")
        assert at >= stood
        stood = at
        assert system.one("SELECT applied FROM tasuki.backfill") == stood == system.applied()

    two = [_start(system, file), _start(system, file)]
    answers = [process.communicate()[0] for process in two]

    assert [process.returncode for process in two] == [0, 0]
    assert all(json.loads(answer)["files"][0]["rows_done"] == count for answer in answers)
    row = system.sql("SELECT rows_done, events, applied, repeats, refused FROM tasuki.backfill")[0]
    assert row == (count, count, count, 0, 0)
    assert system.applied() == count
    assert system.one("SELECT sum(events) FROM tasuki.batch") == count
    assert queue.backlog() == 0
    assert not any(awake(system).values())
    assert system.broken() == []


def test_it_waits_while_the_database_is_away(system: System, tmp_path: Path) -> None:
    """PostgreSQL restarts under it: it goes on by itself."""
    count = 4_000
    process = _start(system, a_file(tmp_path, (ready(n) for n in range(count))))
    eventually(
        lambda: system.one("SELECT coalesce(max(rows_done), 0) FROM tasuki.backfill") > 0, "it moves on", 60
    )

    system.servers.kill_postgres()
    system.servers.start_postgres()

    answer = process.communicate(timeout=90)[0]
    assert process.returncode == 0
    assert json.loads(answer)["files"][0]["rows_done"] == count
    assert system.applied() == count


def test_live_events_do_not_stand_behind_history(system: System, tmp_path: Path) -> None:
    """While a backfill runs, an event that comes in is judged at once: nothing of it is in the queue."""
    process = _start(system, a_file(tmp_path, ({**ready(n), "subject": f"s{n}"} for n in range(8_000))))
    eventually(
        lambda: system.one("SELECT coalesce(max(rows_done), 0) FROM tasuki.backfill") > 0, "it runs", 60
    )
    waits = []
    for n in range(5):
        begun = time.monotonic()
        system.send([event(f"live{n}", subject=f"s{n}", time=SINCE)])
        assert queue.backlog() == 1
        system.drain_here()
        waits.append(time.monotonic() - begun)

    assert process.poll() is None, "the file was too small to tell"
    process.kill()
    process.communicate()
    assert max(waits) < 3.0


def of_source(system: System, one: dict[str, Any]) -> dict[str, Any]:
    """Return an event of history under the source of the live ones, whose keys it shares."""
    return {**one, "source": system.one("SELECT source FROM tasuki.event LIMIT 1")}


def look_again(at: datetime) -> None:
    """Judge whom a sweep at `at` finds due."""
    in_transaction(lambda c: rejudge(c, due_reviews(c, at), rulebooks.current(c), at))


def test_history_under_a_cool_down_is_held_when_that_ends(system: System, tmp_path: Path) -> None:
    """Ready by history alone, but for a cool-down: the day on which it ends is no act of the lead's."""
    system.send([event(1, email="p1@shop.example.co.jp", time=LAST_WEEK)])
    system.drain_here()
    ends = now() + timedelta(days=1)
    system.do(
        "UPDATE tasuki.lead SET cool_down_until = :u, recycled_at = :n, recycle_count = 1, lifecycle_stage = 'nurture'",
        u=ends, n=now(),
    )  # fmt: skip
    said(a_file(tmp_path, [of_source(system, ready("h") | {"subject": "lead-1"})]))
    look_again(ends + timedelta(minutes=5))
    assert stages(system) == {"nurture": 1}
    past_the_mark(system)
    system.send([event(2, subject="lead-1", time=SINCE, **READY)])
    system.drain_here()
    look_again(ends + timedelta(minutes=5))
    assert stages(system) == {"mql": 1}


def test_history_after_a_merge_stays_history_when_it_is_undone(system: System, tmp_path: Path) -> None:
    """The mark that a later backfill set is not the merge's to take away."""
    people = [event(n, email=f"p{n}@s{n}.example.co.jp", time=LAST_WEEK) for n in (1, 2)]
    system.send(people)
    system.drain_here()
    merged = CliRunner().invoke(app, ["lead", "merge", "lead-1", "lead-2"])
    assert merged.exit_code == 0, merged.output
    kept = dict(system.one("SELECT kept_keys FROM tasuki.lead_merge"))["email"]
    said(a_file(tmp_path, [of_source(system, ready("h") | {"subject": kept})]))
    marked = "SELECT count(*) FROM tasuki.lead WHERE history_until IS NOT NULL AND merged_into IS NULL"
    assert system.one(marked) == 1
    undone = CliRunner().invoke(
        app, ["lead", "unmerge", str(system.one("SELECT merge_id FROM tasuki.lead_merge"))]
    )
    assert undone.exit_code == 0, undone.output
    assert system.one(marked) == 1
    assert awake(system)["waiting"] == 0
    assert "mql" not in stages(system)


def test_a_file_that_grows_while_it_is_read_is_begun_anew(system: System, tmp_path: Path) -> None:
    """Half a line is no event, and what was read of another file is not taken for this one's: the run says so and ends."""
    file = Path(a_file(tmp_path, [event(n, email=f"p{n}@x.example.com", time=LAST_YEAR) for n in range(700)]))
    last = json.dumps(event(700, email="p700@x.example.com", time=LAST_YEAR)).encode()
    opened = open_file(file, Asked(source="grown"), now())
    begun = in_transaction(lambda c: backfills.begin(
        c, file=file.name, digest=opened.digest, source="grown", read_as="", hand_over=False, now=now()
    ))  # fmt: skip

    def grow(_: int) -> None:
        with file.open("ab") as more:
            more.write(last[:50])

    with pytest.raises(Refused, match=r"history\.jsonl changed while it was read"):
        backfilling.backfill(opened, begun, grow, max_refused=0)
    assert system.one("SELECT rows_done FROM tasuki.backfill") == 500
    assert system.one("SELECT finished_at FROM tasuki.backfill") is None

    with file.open("ab") as more:
        more.write(last[50:] + b"\n")
    [done] = said(str(file), "--source", "grown")["files"]
    assert (done["rows_done"], done["applied"], done["repeats"], done["refused"]) == (701, 201, 500, 0)
