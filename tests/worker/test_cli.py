"""The command line as people and machines use it: what it prints, and its exit codes."""

import json
import re
import shutil
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner, Result

from routing_rules.explain import buying_stage_name, persona_name, pool_name, route_name, stage_name
from routing_rules.field_words import field_words
from routing_rules.waiting_words import waiting_words
from schemas.base import Lang
from tests.fixtures.system import READY, System, event
from worker import queue, rulebook_files, rulebooks
from worker.cli import common
from worker.cli.main import app
from worker.delivering import deliver_due
from worker.explaining import rep_name
from worker.handing import hand_over
from worker.now import now
from worker.screen import safe
from worker.settings import settings
from worker.store.db import in_transaction, run, transaction

WHO = "hanako@sakura.example.co.jp"


def tasuki(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments), input=stdin)


def said(*arguments: str) -> Any:
    """Run a command with --json and return its document."""
    result = tasuki(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def hand_over_now(pool: str) -> None:
    """Place the leads that wait for a pool."""
    in_transaction(lambda connection: hand_over(connection, pool, rulebooks.current(connection), now()))


@pytest.fixture
def handed(system: System) -> System:
    """A Tasuki in which a ready lead was offered, and another is held."""
    system.send([event(1, email=WHO, company="株式会社さくら", **READY), event(2, email="u@x.example.com")])
    system.drain_here()
    for pool in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        hand_over_now(pool[0])
    return system


@pytest.mark.parametrize(
    "command", [["send", "--help"], ["rules", "publish", "--help"], ["lead", "gate", "--help"]]
)
def test_help_teaches_by_an_example(command: list[str]) -> None:
    """Help says what a command does and shows one call."""
    result = tasuki(*command)

    assert result.exit_code == 0
    assert "tasuki " in result.output


def test_the_version_is_told() -> None:
    """Whoever reports a fault is asked for it first."""
    result = tasuki("--version")
    assert (result.exit_code, result.output) == (0, f"tasuki {version('tasuki')}\n")


def test_wrong_usage_is_exit_2() -> None:
    """A call that cannot be meant is told apart from a refusal."""
    assert tasuki("handoff", "accept", "seventeen").exit_code == 2
    assert tasuki("no-such-command").exit_code == 2


@pytest.mark.parametrize(
    "name, raw, count",
    [
        ("a.jsonl", json.dumps(event(1)).encode() + b"\n\n" + json.dumps(event(2)).encode(), 2),
        ("a.csv", 'email,company,employees\nhanako@a.example.co.jp,株式会社さくら,"1,000"\n'.encode(), 1),
        ("sjis.csv", "email,company\nhanako@a.example.co.jp,株式会社さくら\n".encode("cp932"), 1),
    ],
)  # fmt: skip
def test_files_are_sent_and_judged(system: System, tmp_path: Path, name: str, raw: bytes, count: int) -> None:
    """JSON Lines and CSV, in UTF-8 and in Shift_JIS, reach the lead; sent twice they count once."""
    path = tmp_path / name
    path.write_bytes(raw)
    assert said("send", str(path)) == {"sent": count}
    said("send", str(path))
    system.drain_here()

    assert system.applied() == count
    if name.endswith("csv"):
        assert system.one("SELECT company FROM tasuki.v_lead") == "株式会社さくら"


def test_a_list_with_headers_of_its_own_is_pointed_to_import(system: System, tmp_path: Path) -> None:
    """Each of its rows would go to quarantine, for nobody could be told apart."""
    path = tmp_path / "来場者.csv"
    path.write_text("氏名,メールアドレス\n佐藤 花子,hanako@a.example.co.jp\n", encoding="cp932")
    result = tasuki("send", str(path))
    assert result.exit_code == 1
    assert "`tasuki import` reads lists" in " ".join(result.output.split())
    assert queue.backlog() == 0


def test_a_platforms_payload_is_sent_as_it_came(system: System) -> None:
    """A Mautic form submit reaches the lead with its company."""
    sample = Path(__file__).parents[1] / "samples" / "mautic" / "form_on_submit.ja.json"
    said("send", str(sample), "--from", "mautic")
    system.drain_here()

    assert said("lead", "show", "hanako.sato@example.co.jp")["company"] == "株式会社サンプル商事"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["send", "no-such-file"], "no-such-file"), (["send", "-", "--from", "mautik"], "no adapter"),
        (["lead", "show", "nobody@example.com"], "no lead is known"), (["lead", "explain", "sakura"], "`tasuki account show DOMAIN` list leads"), (["handoff", "accept", "999"], "no assignment"),
        (["quarantine", "show", "999"], "no quarantined event"), (["rules", "rollback", "99"], "no rulebook version"),
        (["rules", "lint", "/no-such-folder"], "/no-such-folder"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_exit_1(system: System, arguments: list[str], words: str) -> None:
    """What cannot be done is said in words, without a traceback."""
    result = tasuki(*arguments, stdin=b"{}")

    assert result.exit_code == 1
    assert words in result.output.replace("\n", "")
    assert "Traceback" not in result.output


def test_a_rep_accepts_and_contacts(handed: System) -> None:
    """Accept ends one clock and starts the next; contacted ends that; once more says so and changes nothing."""
    number = str(said("handoff", "list")[0]["assignment_id"])
    assert said("handoff", "accept", number)["done"] == "accepted"
    assert "already accepted" in said("handoff", "accept", number)["done"]
    assert said("handoff", "contacted", number)["done"] == "contacted"
    clocks = said("lead", "show", WHO)["clocks"]

    assert [(clock["kind"], clock["met_at"] is not None) for clock in clocks] == [
        ("accept", True),
        ("contact", True),
    ]
    assert tasuki("lead", "gate", WHO).exit_code == 0
    assert tasuki("check").exit_code == 0


def test_another_reps_lead_is_refused(handed: System) -> None:
    """A rep who names themselves cannot act on what is not theirs."""
    number = str(said("handoff", "list")[0]["assignment_id"])
    result = tasuki("handoff", "accept", number, "--rep", "somebody_else")

    assert result.exit_code == 1


def test_decisions_are_explained_in_full(handed: System) -> None:
    """A decision by its number is a sentence and a table; of an unknown number it is said which there are."""
    number = str(said("handoff", "list")[0]["assignment_id"])
    said("handoff", "decline", number, "--reason", "too_early")
    told = said("lead", "explain", WHO, "--decision", "0")
    one = tasuki("lead", "explain", WHO, "--decision", str(told[0]["decision_id"]), "--lang", "ja")
    gone = tasuki("lead", "explain", WHO, "--decision", "999")

    assert [row["verdict"] for row in told] == ["ready", "act"]
    assert {"fit", "engagement", "rule", "next"} <= {row["section"] for row in told[0]["table"]}
    assert (one.exit_code, "により営業へ引き渡します" in one.output, "適合" in one.output) == (0, True, True)
    assert (gone.exit_code, f"it has {told[0]['decision_id']}, {told[1]['decision_id']}" in gone.output) == (
        1,
        True,
    )
    for lang, words, other in (
        ("ja", "引き渡しまで", "until it is ready"),
        ("en", "until it is ready", "引き渡しまで"),
    ):
        shown = tasuki("lead", "show", WHO, "--lang", lang).output
        assert (words in shown, other in shown) == (True, False)
    assert said("lead", "show", WHO)["nurture"]["recycle_count"] == 1


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_lead_is_shown_in_words_on_eighty_columns(
    system: System, monkeypatch: pytest.MonkeyPatch, lang: Lang
) -> None:
    """Who it is, how it stands and who has it, in the rulebook's own names; no code where there are words."""
    monkeypatch.setattr(common, "console", Console(width=80, highlight=False))
    system.send(
        [event(1, email=WHO, company="株式会社さくら", family_name="佐藤", given_name="花子", **READY)]
    )
    system.drain_here()
    waits = tasuki("lead", "show", WHO, "--lang", lang).output
    for pool in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        hand_over_now(pool[0])
    (offer,) = said("handoff", "list")
    with transaction() as connection:
        loaded = rulebooks.current(connection)
    result = tasuki("lead", "show", WHO, "--lang", lang)
    assert result.exit_code == 0, result.output
    shown = result.output

    book, lead = loaded.book, said("lead", "show", WHO)
    assert lead["name"] == "佐藤 花子"
    assert {"ja": "待機中", "en": "waits"}[lang] in waits
    assert waiting_words(None, lang) in waits
    for words in (
        "佐藤 花子", "株式会社さくら", stage_name("mql", lang), buying_stage_name(lead["buying_stage"], book, lang),
        persona_name(lead["persona"], book, lang), rep_name(offer["rep"], loaded, lang), pool_name(offer["pool"], book, lang),
        route_name(offer["rule"], book, lang), {"ja": "引き受けの期限", "en": "accept by"}[lang],
        {"ja": "最近の出来事", "en": "newest events"}[lang], field_words("person.title", lang),
    ):  # fmt: skip
        assert words in shown
    for code in (
        "lifecycle_stage",
        "buying_stage",
        lead["persona"],
        "person.title",
        "lead.activity",
        "round_robin",
    ):
        assert code not in shown
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    assert tasuki("lead", "show", WHO, "--lang", "fr").exit_code == 2


def test_a_statement_calls_colleagues_by_their_names(handed: System) -> None:
    """With the id beside it where ops look one up."""
    (offer,) = said("handoff", "list")
    with transaction() as connection:
        team = rulebooks.current(connection).team
    members = [one.rep for one in team.pools[offer["pool"]].members if one.rep != offer["rep"]]
    name = team.reps[offer["rep"]].spec.name.ja
    output = re.sub(r"\s+", "", tasuki("handoff", "statement", members[0], "--lang", "ja").output)
    turns = said("handoff", "statement", members[0], "--lang", "ja")["turns"]
    (turn,) = (one for one in turns if one["assigned_to"] is not None)

    assert turn["assigned_to"] == offer["rep"]
    assert (name in turn["why"], offer["rep"] in turn["why"]) == (True, False)
    assert f"{name}（{offer['rep']}）".replace(" ", "") in output


def test_the_history_names_rules_and_reps(handed: System) -> None:
    """Nobody reads `declined.too_early` or a rep's id in the history, nor codes of stages in a Japanese head."""
    offer = said("handoff", "list")[0]
    said("handoff", "decline", str(offer["assignment_id"]), "--reason", "too_early")
    history = tasuki("lead", "explain", WHO, "--lang", "ja").output.split("判定の履歴")[1]
    full = tasuki("lead", "explain", WHO, "--lang", "ja", "--decision", "0").output

    assert "辞退: " in re.sub(r"\s+", " ", history)
    assert "too_early" not in history
    assert offer["rep"] not in history
    assert ("営業引き渡し可能 (MQL) → マーケティングで育成中" in full, "rulebook" in full) == (True, False)
    assert "inside_sales" not in full


def test_a_decision_of_an_earlier_version_is_told_as_it_is_on_record(handed: System) -> None:
    """Where it would come out otherwise today, today's fit stands not beside the reasons of that day."""
    with transaction() as connection:
        run(
            connection,
            "UPDATE tasuki.decision SET inputs = replace(inputs, :new, :old), reasons = :reasons"
            " WHERE verdict = 'ready'",
            new='"judgement":4', old='"judgement":1',
            reasons='{"fit_rules":[0,11],"engagement":{"pricing_view":30.5,"webinar_attended":20.0},'
            '"rule":"understands and fits"}',
        )  # fmt: skip
    (one,) = said("lead", "explain", WHO, "--decision", "0")
    assert "Ready for sales by rule “Understands and fits”" in one["sentence"]
    assert "Decided by an earlier version of Tasuki" in one["sentence"]
    assert "Fit" not in one["sentence"]
    assert [row["points"] for row in one["table"] if row["section"] == "engagement"] == [30.5, 20.0, 50.5]
    assert {row["section"] for row in one["table"]} == {"engagement", "rule"}
    assert tasuki("lead", "explain", WHO, "--decision", "0", "--lang", "ja").exit_code == 0


def test_a_declined_lead_goes_back_to_nurture_and_the_gate_closes(handed: System) -> None:
    """Decline with a reason recycles the lead; the same offer cannot be taken any more, and it says why."""
    number = str(said("handoff", "list")[0]["assignment_id"])
    assert tasuki("handoff", "decline", number, "--reason", "because").exit_code == 1
    assert "back to nurture" in said("handoff", "decline", number, "--reason", "not_now")["done"]
    overtaken = tasuki("handoff", "accept", number)
    gate = tasuki("lead", "gate", WHO)

    assert (overtaken.exit_code, "declined" in overtaken.output) == (1, True)
    assert (gate.exit_code, "marketing still nurtures the lead" in gate.output) == (1, True)
    assert tasuki("check").exit_code == 0


def test_a_declined_lead_is_never_offered_to_that_rep_again(handed: System) -> None:
    """A lead that goes to the next rep does so without coming back."""
    first = said("handoff", "list")[0]
    said("handoff", "decline", str(first["assignment_id"]), "--reason", "too_busy")
    hand_over_now(first["pool"])

    assert said("handoff", "list")[0]["rep"] != first["rep"]


@pytest.mark.parametrize("lang, words", [("ja", "トラック"), ("en", "Held on track")])
def test_a_held_lead_is_explained_in_both_languages(handed: System, lang: str, words: str) -> None:
    """The explanation names the track and what is missing."""
    explained = said("lead", "explain", "u@x.example.com", "--lang", lang)

    assert words in explained["sentence"]
    assert explained["missing"]
    assert tasuki("lead", "explain", "u@x.example.com", "--lang", lang).exit_code == 0


@pytest.mark.parametrize(
    "lang, falls, left_out, must",
    [
        (
            "ja",
            "「比較・検討」から「興味・関心」へ戻ります",
            "送信元が自動アクセスと判定",
            "国内企業ではない",
        ),
        ("en", "buying stage falls from Evaluation to Interest", "said to be a machine", "Not in Japan"),
    ],
)
def test_what_falls_and_what_a_machine_did_is_explained(
    system: System, lang: str, falls: str, left_out: str, must: str
) -> None:
    """When the stage falls back, what was left out and why, and the must-haves: stored as data, worded when read."""
    lead = {"email": "v@x.example.com", "title": "Operations Manager", "employees": 250, "country": "SG"}
    system.send([
        event(1, subject="v", activity="pricing_view", **lead), event(2, subject="v", activity="email_click", machine=True),
        event(3, subject="v", activity="email_sent", mail_id="m", time="2026-11-24T09:00:00+09:00"),
        event(4, subject="v", activity="email_open", mail_id="m", time="2026-11-24T09:00:03+09:00"),
    ])  # fmt: skip
    system.drain_here()

    explained = said("lead", "explain", "v@x.example.com", "--lang", lang)
    assert explained["now"]["reasons"]["filtered"] == {"email_click": {"told": 1}, "email_open": {"soon": 1}}
    assert explained["now"]["reasons"]["engagement"] == {"pricing_view": 10.0}
    told = [one for one in explained["outlook"] if one["field"] == "buying_stage"]
    assert falls in told[0]["words"]
    assert told[0]["at"].startswith("2026-12-24T00:00:00")
    screen = re.sub(r"\s+", " ", tasuki("lead", "explain", "v@x.example.com", "--lang", lang).output)
    for words in (falls.split(maxsplit=1)[0], left_out, must):
        assert words in screen


def test_a_broken_rulebook_is_refused_and_the_running_one_stays(system: System, tmp_path: Path) -> None:
    """The error names file, line and column; the version in force does not change."""
    folder = tmp_path / "rules"
    shutil.copytree(rulebook_files.EXAMPLE, folder)
    path = folder / "routing.yaml"
    path.write_text(path.read_text().replace("pool: inside_sales", "pool: no_such_pool"))
    result = tasuki("rules", "publish", str(folder))

    assert result.exit_code == 1
    assert "routing.yaml:" in result.output
    assert [row["version"] for row in said("rules", "history")] == [1]


def test_a_published_change_rescores_held_leads(handed: System, tmp_path: Path) -> None:
    """A new version is numbered, cited by new decisions, and held leads are judged by it again."""
    folder = tmp_path / "rules"
    shutil.copytree(rulebook_files.EXAMPLE, folder)
    path = folder / "nurture.yaml"
    path.write_text(path.read_text() + "\n# changed\n")
    assert said("rules", "publish", str(folder)) == {"version": 2, "new": True}
    assert said("rules", "publish", str(folder)) == {"version": 2, "new": False}
    due = handed.one(
        "SELECT count(*) FROM tasuki.lead WHERE review_at <= :now AND lifecycle_stage = 'nurture'", now=now()
    )

    assert due == 1
    assert "# changed" in said("rules", "show", "--file", "nurture.yaml")["files"]["nurture.yaml"]


def test_a_signed_file_is_not_changed_behind_a_sides_back(system: System, tmp_path: Path) -> None:
    """A change to the readiness rules is refused until marketing and sales both sign it anew."""
    folder = tmp_path / "rules"
    shutil.copytree(rulebook_files.EXAMPLE, folder)
    path = folder / "readiness.yaml"
    path.write_text(path.read_text().replace("engagement: {gte: 50}", "engagement: {gte: 45}"))
    refused = tasuki("rules", "publish", str(folder))
    path.write_text(re.sub(r"on: \d{4}-\d\d-\d\d", "on: 2026-11-24", path.read_text()))

    assert (refused.exit_code, "signs it anew" in refused.output) == (1, True)
    assert said("rules", "publish", str(folder))["version"] == 2


def test_quarantine_is_listed_mended_and_closed(system: System, tmp_path: Path) -> None:
    """A mended event is applied and closes its row; another is dropped."""
    system.send([b"not json", b'{"id": 5}'])
    system.drain_here()
    rows = said("quarantine", "list")
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps(event(9)))
    tasuki("quarantine", "retry", str(rows[1]["quarantine_id"]), "--file", str(mended))
    system.drain_here()
    tasuki("quarantine", "drop", str(rows[0]["quarantine_id"]))
    closed = {row["quarantine_id"]: row["resolution"] for row in said("quarantine", "list", "--all")}

    assert said("quarantine", "list") == []
    assert sorted(closed.values()) == ["applied", "dropped"]
    assert tasuki("check").exit_code == 0


def test_doctor_finds_what_is_wrong(system: System) -> None:
    """A healthy system is fine; without a mail server it says so; a queue that evicts is wrong."""
    healthy = tasuki("doctor")
    assert healthy.exit_code == 0
    assert "TASUKI_SMTP_URL" in healthy.output.replace("\n", "")
    system.client().config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert tasuki("doctor").exit_code == 1
    finally:
        system.client().config_set("maxmemory-policy", "noeviction")


def test_drain_says_what_is_left(system: System) -> None:
    """Without a worker the time runs out, and the count is told."""
    system.send([event(1)])
    result = tasuki("drain", "--timeout", "0.2")

    assert result.exit_code == 1
    assert "not done: 1 event to judge\n" in result.output


def test_drain_names_what_waits_all_the_same(handed: System) -> None:
    """Neither mail without a mail server, nor a lead without a rep, nor a broken event counts as done unsaid."""
    handed.send([{**event(3), "type": "lead.captrued"}])
    handed.drain_here()
    for seconds in (0, 10):  # the first failure is tried again at once; from the second on it is named
        deliver_due(now() + timedelta(seconds=seconds))
    result = tasuki("drain")

    assert result.exit_code == 0, result.output
    assert "all is judged" not in result.output
    assert "quarantine: 1 of test not understood, at type; see `tasuki quarantine list`" in result.output
    assert re.search(r"outbox: 1 for \S+ not told: no mail server: set TASUKI_SMTP_URL", result.output)
    document = said("drain")
    assert (document["done"], document["told_in_the_last_hour"]) == (True, 0)
    assert [row["events"] for row in document["quarantined"]] == [1]


def test_gate_speaks_in_words(handed: System) -> None:
    """People read a sentence in their language, machines the code."""
    holder = said("handoff", "list")[0]["rep"]
    assert "yes: the lead's rep may, by email" in tasuki("lead", "gate", WHO, "--rep", holder).output
    assert "可: 担当者が連絡できます（メール" in tasuki("lead", "gate", WHO, "--lang", "ja").output
    held = tasuki("lead", "gate", "u@x.example.com", "--lang", "ja")
    assert held.exit_code == 1
    assert held.output.startswith("不可: ")
    assert json.loads(tasuki("lead", "gate", WHO, "--json").stdout)["reason"] == "with_its_rep"


@pytest.mark.parametrize(
    "command",
    [
        ("handoff", "list", "--rep", "suzuki_harika"),
        ("lead", "gate", WHO, "--rep", "suzuki_harika"),
        ("handoff", "statement", "suzuki_harika"),
        ("absence", "add", "suzuki_harika", "--from", "2026-12-07", "--to", "2026-12-11"),
    ],
)
def test_mistyped_rep_is_refused_with_the_nearest(handed: System, command: tuple[str, ...]) -> None:
    """A name that nobody bears is no rep without leads."""
    result = tasuki(*command)

    assert result.exit_code == 1
    assert "no rep is called suzuki_harika; did you mean suzuki_haruka" in result.output


def test_pool_that_is_none_is_refused_and_a_rep_who_left_is_known(handed: System) -> None:
    """Who has a past is listed by it, though the rulebook knows them no longer."""
    assert (
        "no pool is called insde_sales; did you mean inside_sales"
        in tasuki("handoff", "list", "--pool", "insde_sales").output
    )
    with transaction() as connection:
        run(connection, "UPDATE tasuki.assignment SET rep = 'gone_since'")
    assert len(said("handoff", "list", "--rep", "gone_since")) == 1


def test_explain_is_japanese_throughout(handed: System) -> None:
    """With --lang ja the headings are Japanese as well."""
    for who in (WHO, "u@x.example.com"):
        output = tasuki("lead", "explain", who, "--lang", "ja").output
        assert "判定の履歴" in output
        assert "適合度" in output
        for word in (
            "engagement",
            "activity",
            "points",
            "missing for",
            "decisions",
            "from",
            "rulebook",
            "known",
        ):
            assert not re.search(rf"\b{word}\b", output), output
    assert tasuki("lead", "explain", WHO, "--lang", "fr").exit_code == 2


def test_a_screen_keeps_the_blanks_of_japanese_and_shows_control_characters_as_marks() -> None:
    """The ideographic space and the no-break space are no control characters; a bell and an override are."""
    assert safe("11/24\u00a023:56\u3000デモ依頼") == "11/24\u00a023:56\u3000デモ依頼"
    assert safe("a\x07b\u202ec\n") == "a\ufffdb\ufffdc\ufffd"


def changed_rulebook(folder: Path, *, signed: str = "") -> Path:
    """Return a copy of the example whose personas changed, signed anew by the sides that are named."""
    copy = folder / "mine"
    shutil.copytree(rulebook_files.EXAMPLE, copy)
    file = copy / "persona.yaml"
    text = file.read_text("utf-8").replace("points: 30", "points: 29", 1)
    for side in signed.split():
        text, found = re.subn(rf"({side}: {{by: [^,]+, on: )[0-9-]+", r"\g<1>2026-11-23", text, count=1)
        assert found == 1
    file.write_text(text, "utf-8")
    return copy


@pytest.mark.parametrize(
    "signed, wanted", [("", "marketing sales"), ("marketing", "sales"), ("marketing sales", "")]
)
def test_lint_asks_for_the_signatures_that_publish_asks_for(
    system: System, tmp_path: Path, signed: str, wanted: str
) -> None:
    """A changed persona needs both sides' new signature: lint says so beforehand, with the line, as publish would."""
    folder = str(changed_rulebook(tmp_path, signed=signed))
    lint, publish = tasuki("rules", "lint", folder), tasuki("rules", "publish", folder)
    assert lint.exit_code == publish.exit_code == (1 if wanted else 0)
    for side in ("marketing", "sales"):
        line = re.search(rf"persona\.yaml:\d+:\d+: agreed\.{side}: ", lint.output)
        assert (line is not None) == (side in wanted.split())
        assert (re.search(rf"persona\.yaml:\d+:\d+: agreed\.{side}: ", publish.output) is not None) == (
            line is not None
        )


def test_lint_without_a_database_says_what_it_did_not_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder can be checked anywhere, as in CI; nobody takes that for a signature."""
    for name in ("TASUKI_DATABASE_URL", "TASUKI_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASUKI_STATE_DIR", str(tmp_path / "none"))
    settings.cache_clear()
    try:
        lint = tasuki("rules", "lint", str(changed_rulebook(tmp_path)))
        assert lint.exit_code == 0, lint.output
        assert "signatures were not looked at" in lint.output
        assert said("rules", "lint", str(tmp_path / "mine"))["signatures_not_looked_at"]
    finally:
        settings.cache_clear()
