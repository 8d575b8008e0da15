"""Absences, pauses, follow-up and the report as people and machines use them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.fixtures.clocks import AT, HOT_CONTACT, act, away, clean, follow, live, offer, put_in_force, sweep
from tests.fixtures.system import System
from worker import sweep_task
from worker.cli.main import app

REP = "suzuki_haruka"


def tasuki(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments))


def said(*arguments: str) -> Any:
    """Run a command with --json and return its document."""
    result = tasuki(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_absence_is_entered_listed_and_taken_back(system: System) -> None:
    """Days are the rep's own and whole; an overlap is told; both stay as they were written."""
    first = said(
        "absence",
        "add",
        REP,
        "--from",
        "2026-12-07",
        "--to",
        "2026-12-11",
        "--by",
        "sato",
        "--reason",
        "有給休暇",
    )
    assert first["overlaps"] == []
    second = said("absence", "add", REP, "--from", "2026-12-11T13:00", "--to", "2026-12-12T00:00+09:00")
    assert second["overlaps"] == [first["absence_id"]]
    rows = said("absence", "list", "--rep", REP)
    assert [(row["starts_at"][:16], row["ends_at"][:16], row["overlaps"]) for row in rows] == [
        ("2026-12-06T15:00", "2026-12-11T15:00", [second["absence_id"]]),
        ("2026-12-11T04:00", "2026-12-11T15:00", [first["absence_id"]]),
    ]
    assert "overlap; the time in both counts once" in tasuki("doctor").output
    assert said("absence", "remove", str(first["absence_id"]))["done"] == "removed"
    assert [row["absence_id"] for row in said("absence", "list", "--rep", REP)] == [second["absence_id"]]
    assert len(said("absence", "list", "--rep", REP, "--past")) == 2
    # Those of the rulebook are listed, too.
    assert [row["entered_by"] for row in said("absence", "list", "--rep", "takahashi_ren")] == ["team.yaml"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["add", "suzuki", "--from", "2026-12-07", "--to", "2026-12-08"], "no rep is called suzuki"),
        (["add", REP, "--from", "tomorrow", "--to", "2026-12-08"], "'tomorrow' is neither a day nor an instant"),
        (["add", REP, "--from", "2026-12-09", "--to", "2026-12-07"], "end at 2026-12-08 00:00; it must end later"),
        (["add", REP, "--from", "2026-12-09", "--to", "2028-12-07"], "make suzuki_haruka inactive"),
        (["remove", "77"], "there is no absence 77"),
        (["import", REP, "nowhere.ics"], "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(system: System, arguments: list[str], words: str) -> None:
    """Exit 1, one line, with the mend."""
    result = tasuki("absence", *arguments)
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert system.one("SELECT count(*) FROM tasuki.absence") == 0


def a_file(path: Path, *days: tuple[str, str]) -> str:
    """Write a calendar of whole days, given as UID and day."""
    events = [
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:通院\r\nDTSTART;VALUE=DATE:{day}\r\nEND:VEVENT\r\n"
        for uid, day in days
    ]
    path.write_bytes(("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + "".join(events) + "END:VCALENDAR\r\n").encode())
    return str(path)


def test_the_list_of_somebody_unknown_is_refused(system: System) -> None:
    """A mistyped name is no rep without absences; who left is known by theirs."""
    typo = CliRunner().invoke(app, ["absence", "list", "--rep", "suzuki_harukaa"])
    assert (typo.exit_code, "suzuki_haruka" in typo.output) == (1, True)
    away("suzuki_haruka", "2026-12-07T00:00", "2026-12-08T00:00")
    system.do("UPDATE tasuki.absence SET rep = 'who_left'")
    left = CliRunner().invoke(app, ["absence", "list", "--rep", "who_left", "--json"])
    assert (left.exit_code, len(json.loads(left.stdout))) == (0, 1)


def test_a_calendar_file_is_imported_again_and_again(system: System, tmp_path: Path) -> None:
    """The second time nothing changes; a moved day moves; what the file has no more goes only when asked for."""
    file = a_file(tmp_path / "a.ics", ("one", "20261207"), ("two", "20261210"))

    def imported(*more: str) -> list[int]:
        came = said("absence", "import", REP, file, *more)
        return [came[name] for name in ("added", "changed", "removed", "same")]

    assert imported() == [2, 0, 0, 0]
    assert system.one("SELECT count(*) FROM tasuki.clock_recompute") == 1
    assert imported() == [0, 0, 0, 2]
    assert system.one("SELECT count(*) FROM tasuki.clock_recompute") == 1
    a_file(tmp_path / "a.ics", ("one", "20261208"))
    assert imported() == [0, 1, 0, 0]
    assert [row["starts_at"][:10] for row in said("absence", "list", "--rep", REP)] == [
        "2026-12-07",
        "2026-12-09",
    ]
    assert imported("--replace") == [0, 0, 1, 1]
    assert len(said("absence", "list", "--rep", REP)) == 1
    # What an event is about is nobody's business.
    assert "通院" not in str(system.sql("SELECT * FROM tasuki.absence"))
    (tmp_path / "a.ics").write_bytes(b"BEGIN:VCALENDAR\r\nDTSTART\r\n")
    result = tasuki("absence", "import", REP, file)
    assert result.exit_code == 1
    assert "a.ics: line 2" in result.output.replace("\n", "")
    assert len(said("absence", "list", "--rep", REP)) == 1


def test_handoff_shows_what_became_of_the_deadlines(system: System) -> None:
    """Pause, resume, a moved deadline, both durations and every act, in one place."""
    put_in_force(("sla.yaml", HOT_CONTACT, HOT_CONTACT + "\n    follow_up: {attempts: 2, within: 9h}"))
    (number,) = offer(system)
    act(number, "accept", AT)
    paused = said(
        "handoff", "pause", str(number), "--reason", "customer_asked", "--until", "2026-11-27", "--by", "sato"
    )
    assert paused["paused_until"] == "2026-11-27T00:00:00+09:00"
    assert tasuki("handoff", "pause", str(number), "--reason", "customer_asked").exit_code == 1
    assert said("handoff", "resume", str(number))["paused_until"] is None
    rep = system.one("SELECT rep FROM tasuki.assignment")
    away(rep, "2026-11-24T15:00", "2026-11-24T16:00")
    follow(AT)
    assert tasuki("handoff", "contacted", str(number)).exit_code == 0
    assert "1 of 2" in tasuki("handoff", "attempted", str(number), "--note", "留守電").output
    assert "no more attempts" in tasuki("handoff", "reached", str(number)).output
    sweep_task._after_clocks()
    found = said("handoff", "show", str(number))
    assert [row["act"] for row in found["acts"]] == ["accept", "contacted", "attempted", "reached"]
    assert [row["why"] for row in found["moved_deadlines"]] == ["paused: customer_asked", "resumed"]
    assert [row["paused_by"] for row in found["pauses"]] == ["sato"]
    assert [row["kind"] for row in found["clocks"]] == ["accept", "contact", "follow_up", "follow_up"]
    assert all(row["raw_s"] is not None for row in found["clocks"])
    assert found["attempts"] == 2
    assert "moved deadlines" in tasuki("handoff", "show", str(number)).output
    assert tasuki("handoff", "show", "999").exit_code == 1
    assert clean(system) == []


def test_the_report_is_for_people_and_machines(system: System) -> None:
    """Both sides in one page; a month that is none is refused."""
    offer(system, leads=2)
    sweep(AT + (AT - AT.replace(minute=45, hour=10)))
    sweep_task._after_clocks()
    found = said("sla", "report", "--month", "2026-11")
    assert [row["ended"] for row in found["sales"] if row["by"] == "policy"] == [2]
    assert found["not_measured_yet"] == 0
    page = tasuki("sla", "report").output
    assert "marketing" in page
    assert "volume" in page
    assert "open" in page
    for arguments in (["--month", "November"], ["--zone", "Tokyo"]):
        assert tasuki("sla", "report", *arguments).exit_code == 1
    assert live(system) == []


def test_doctor_tells_what_is_being_followed_and_who_is_never_back(system: System) -> None:
    """A wish that nobody has followed yet, and a rep with leads whose leave has no end."""
    (number,) = offer(system)
    rep = system.one("SELECT rep FROM tasuki.assignment")
    away(rep, "2026-11-24T11:00", "2027-11-20T11:00")
    away(rep, "2027-11-20T11:00", "2028-11-18T11:00")
    output = " ".join(tasuki("doctor").output.split())
    assert "absence 1 of" in output
    assert f"{rep} holds 1 lead and is not back within 400 days" in output
    follow(AT)
    assert live(system) != [number]  # the offer moved on
    assert "is being followed" not in tasuki("doctor").output
