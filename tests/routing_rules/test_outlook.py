"""What a lead loses by waiting, and the parts that a table of its judgement has: as the judgement itself finds."""

from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from routing_rules.breakdown import breakdown
from routing_rules.coming import InLine, next_words, what_comes
from routing_rules.compiled import CompiledBook
from routing_rules.conditions import lines, parse
from routing_rules.facts import DAY_MS
from routing_rules.fold import fold
from routing_rules.judge import judge
from routing_rules.learnable import knows
from routing_rules.nearest import did, smallest_changes
from routing_rules.outlook import outlook
from schemas.base import HOME_ZONE
from schemas.lead import Deal, Standing
from schemas.lead_event import LeadEvent
from tests.factories import NOW_MS, WHO, a_compiled_book, a_state

NAME = {"ja": "名", "en": "name"}


def a_book_of(persona: dict[str, Any], *asked: dict[str, Any], **files: Any) -> CompiledBook:
    """Return a rulebook of one persona and one readiness rule, without examples."""
    return a_compiled_book(
        persona={"personas": [{"id": "it", "name": NAME, **persona}], "examples": []},
        readiness={"ready": [{"name": "own", "when": {"all": list(asked)}}], "examples": []},
        journey={"sales_may_start_at": "awareness", "examples": []},
        routing={"rules": [], "examples": []},
        nurture={
            "tracks": [{"id": "basics", "name": NAME, "review_after": "30d"}], "dormant": None, "lost": [],
            "reasons": [{"id": "not_now", "name": NAME, "then": "nurture"}], "examples": [],
        },
        **files,
    )  # fmt: skip


IT = {"points": 50, "when": {"person.function": {"eq": "it"}}}
FITS, WARM = {"fit_grade": {"at_least": "A"}}, {"engagement": {"gte": 5}}


def test_fit_that_asks_what_was_done_grows_old() -> None:
    """A persona that asks for a view within five days: the outlook ends on the day on which the judgement does."""
    viewed = {"points": 50, "when": {"activity.pricing_view": {"within_days": 5}}}
    book = a_book_of({"fit": [IT, viewed]}, FITS, WARM)
    state = a_state({"pricing_view": [0, 0, 1]}, title="IT Director")
    (end,) = [fall.at_ms for fall in outlook(state, Standing(), book, NOW_MS) if fall.field == "ready"]
    assert judge(state, Standing(), book, end - 1).verdict == "ready"
    assert judge(state, Standing(), book, end).verdict == "nurture"
    assert end < NOW_MS + 5 * DAY_MS


def test_a_line_that_is_more_than_is_a_line_too() -> None:
    """`gt: 5` ends a hundredth above five, and what stands under `none` twice counts as what stands under none."""
    book = a_book_of({"fit": [IT]}, {"engagement": {"gt": 5}})
    state = a_state({"pricing_view": [0]}, title="IT Director")
    falls = {fall.field: fall for fall in outlook(state, Standing(), book, NOW_MS)}
    assert falls["engagement"].line == 5.01
    assert falls["engagement"].at_ms == falls["ready"].at_ms
    twice = {"none": [{"none": [{"engagement": {"gte": 7}}]}, {"engagement": {"gte": 9}}]}
    assert lines([parse(twice)], "engagement", 0.01) == {7.0}


def test_who_is_lost_has_no_outlook() -> None:
    """Nobody is told that a lost lead is ready until some day: it is not, and comes back by another rule."""
    book = a_compiled_book()
    held = a_state({"demo_request": [1]}, **WHO["情シス部長800人"])
    lost = msgspec.structs.replace(held, deals={"crm:1": Deal(NOW_MS - 3_600_000, "lost", reason="price")})
    assert outlook(held, Standing(), book, NOW_MS) != []
    assert outlook(lost, Standing("lost", rule="outcome.lost"), book, NOW_MS) == []
    assert outlook(lost, Standing("sql"), book, NOW_MS) == []


def test_a_must_have_that_nobody_knows_is_a_way_and_a_line_of_the_table() -> None:
    """Who is kept out while nobody knows its country is told so, and that knowing it would do."""
    must = {
        "when": {"company.country": {"eq": "JP"}},
        "unknown": "refuse",
        "name": {"ja": "国内", "en": "In Japan"},
    }
    book = a_book_of({"fit": [IT], "must": [must]}, FITS, WARM)
    state = a_state({"webinar_attended": [0]}, title="IT Director", email="a@example.com")
    ways = smallest_changes(state, Standing(), book, NOW_MS)
    assert [[(step.name, step.amount) for step in way.steps] for way in ways] == [[("company.country", "JP")]]
    assert judge(knows(state, ways[0].steps[0], NOW_MS), Standing(), book, NOW_MS).verdict == "ready"
    rows = breakdown(judge(state, Standing(), book, NOW_MS), ways, [], book, "en", ZoneInfo("UTC"))
    assert "must-have “In Japan”: not known: cannot fit until it is" in [row.what for row in rows]


def test_a_fact_that_a_signal_asks_for_is_a_way() -> None:
    """A signal gives points for a country: where points are short, knowing it is one of the ways."""
    signal = {"home": {"name": NAME, "points": 30, "when": {"company.country": {"eq": "JP"}}}}
    book = a_book_of({"fit": [IT]}, {"engagement": {"gte": 40}}, scoring={"signals": signal, "examples": []})
    state = a_state({"webinar_attended": [0]}, title="IT Director", email="a@example.com")
    ways = smallest_changes(state, Standing(), book, NOW_MS)
    assert [("company.country", "JP")] in [[(step.name, step.amount) for step in way.steps] for way in ways]


def test_what_machines_did_is_a_line_of_the_table() -> None:
    """Clicks that count nothing are told with why, in both languages, and change no sum."""
    book = a_compiled_book()
    state = a_state({"page_view": [0]}, **WHO["情シス部長800人"])
    click = LeadEvent("m", "ma", "lead.activity", NOW_MS - 5, [], {}, "email_click", {}, touch=(0, 0, 0, 1))
    fold(state, click, NOW_MS)
    judged = judge(state, Standing(), book, NOW_MS)
    rows = {lang: breakdown(judged, [], [], book, lang, ZoneInfo("UTC")) for lang in ("ja", "en")}
    told = {lang: [row.what for row in found if row.section == "engagement"] for lang, found in rows.items()}
    assert any("said to be a machine" in what for what in told["en"]), told
    assert any("送信元が自動アクセスと判定" in what for what in told["ja"]), told


def test_a_wish_to_talk_reopens_a_loss_and_no_win() -> None:
    """What is said to come of a customer and of a lost lead is what the judgement makes of their wish to talk."""
    book = a_book_of({"fit": [IT]}, FITS)
    cases: tuple[tuple[Literal["won", "lost"], bool], ...] = (("won", False), ("lost", True))
    for status, reopens in cases:
        state = a_state({}, title="IT Director")
        closed = msgspec.structs.replace(state, deals={"crm:1": Deal(NOW_MS - DAY_MS, status)})
        standing = Standing(status, rule=f"outcome.{status}")
        now = judge(closed, standing, book, NOW_MS)
        asked = judge(did(closed, "demo_request", 1, NOW_MS), standing, book, NOW_MS)
        assert (asked.lifecycle_stage != status) is reopens
        (coming,) = what_comes(now, closed, standing, book, NOW_MS)
        assert ("asks to talk" in next_words(coming, book, "en", ZoneInfo("Asia/Tokyo"))) is reopens
        assert ("面談を希望" in next_words(coming, book, "ja", ZoneInfo("Asia/Tokyo"))) is reopens


def test_a_stage_that_rises_by_waiting_is_no_fall() -> None:
    """Evidence that something was not done for a while comes by itself: only the fall after it is told, from there."""
    evidence = {
        "interest": {"activity.page_view": {"within_days": 9}},
        "evaluation": {
            "all": [
                {"activity.page_view": {"within_days": 20}},
                {"none": [{"hand_raise": {"within_days": 1.5}}]},
            ]
        },
    }
    book = a_compiled_book(
        journey={"stages": ["awareness", "interest", "evaluation"], "evidence": evidence, "falls_back": {},
                 "names": {}, "sales_may_start_at": "evaluation", "examples": []},
        readiness={"ready": [{"name": "own", "when": FITS}], "examples": []},
        nurture={"tracks": [{"id": "basics", "name": NAME, "review_after": "30d"}], "dormant": None, "lost": [],
                 "reasons": [{"id": "not_now", "name": NAME, "then": "nurture"}], "examples": []},
        routing={"rules": [], "examples": []},
    )  # fmt: skip
    state = a_state({"page_view": [2], "demo_request": [0.4]})
    assert judge(state, Standing(), book, NOW_MS).buying_stage == "interest"
    (fall,) = [one for one in outlook(state, Standing(), book, NOW_MS) if one.field == "buying_stage"]
    assert (fall.line, fall.then) == ("evaluation", "awareness")
    assert judge(state, Standing(), book, fall.at_ms - 1).buying_stage == "evaluation"
    assert judge(state, Standing(), book, fall.at_ms).buying_stage == "awareness"


def test_nobody_is_said_to_work_on_a_lead_that_waits() -> None:
    """A lead that no rep has taken yet waits; sales goes on with it once one has."""
    book, state = a_book_of({"fit": [IT]}, FITS), a_state({}, title="IT Director")
    stages: tuple[tuple[Literal["mql", "sal", "sql"], str], ...] = (
        ("mql", "waits_for_rep"), ("sal", "with_sales"), ("sql", "with_sales"),
    )  # fmt: skip
    for stage, what in stages:
        now = judge(state, Standing(stage), book, NOW_MS)
        assert [one.what for one in what_comes(now, state, Standing(stage), book, NOW_MS)] == [what]


@pytest.mark.parametrize(
    "reason, ja, en",
    [
        ("closed", "2026-11-25 09:00 担当者を再度探す（勤務中の担当者がいない）", "2026-11-25 09:00: looked at again for a rep: nobody is at work"),
        ("full", "2026-11-25 09:00 担当者を再度探す（勤務中の担当者の手持ちが上限）", "2026-11-25 09:00: looked at again for a rep: everybody at work is full"),
        (None, "2026-11-25 09:00 担当者を再度探す（割り当て中）", "2026-11-25 09:00: looked at again for a rep: to be placed"),
    ],
)  # fmt: skip
def test_a_lead_in_line_waits_for_no_reps_answer(reason: str | None, ja: str, en: str) -> None:
    """At night nobody was asked yet: it is told what the lead really waits for, and until when."""
    book, state = a_book_of({"fit": [IT]}, FITS), a_state({}, title="IT Director")
    opening = int(datetime.fromisoformat("2026-11-25T09:00:00+09:00").timestamp() * 1000)
    now = judge(state, Standing("mql"), book, NOW_MS)
    (coming,) = what_comes(now, state, Standing("mql"), book, NOW_MS, None, InLine(reason, opening))
    assert (next_words(coming, book, "ja", HOME_ZONE), next_words(coming, book, "en", HOME_ZONE)) == (ja, en)
