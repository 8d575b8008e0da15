"""Examples in rule files: judged as live leads are, and told when they come out otherwise."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from routing_rules.examples import run_examples
from schemas.rulebook.book import Rulebook
from schemas.rulebook.example import CalendarExample, ClockExample, Example
from worker.rulebook_files import EXAMPLE, holidays_for, parse, read_texts

NOW_MS = int(datetime(2026, 11, 23, 23, 30, tzinfo=UTC).timestamp() * 1000)
BOOK = parse(read_texts(EXAMPLE))
HOLIDAYS = holidays_for(BOOK, range(2025, 2029))
LEAD_FILES = ("persona", "journey", "scoring", "readiness", "nurture", "routing")


def _with(stem: str, examples: list[Any]) -> Rulebook:
    """Return the example rulebook with only these examples."""
    none = {name: getattr(BOOK, name).model_copy(update={"examples": []}) for name in Rulebook.model_fields}
    return Rulebook.model_validate({**none, stem: none[stem].model_copy(update={"examples": examples})})


def _came(stem: str, **example: Any) -> list[str]:
    """Return the messages for one example of a file."""
    book = _with(stem, [Example.model_validate(example)])
    return [one.message for one in run_examples(book, NOW_MS, HOLIDAYS)]


_HEAD = {"email": "bucho@aoba.example.co.jp", "title": "情報システム部長", "employees": 3000}


@pytest.mark.parametrize("stem", Rulebook.model_fields)
def test_every_file_of_the_box_has_examples(stem: str) -> None:
    """Ops learn from two to seven examples in each file."""
    assert 2 <= len(getattr(BOOK, stem).examples) <= 7


def test_examples_that_hold_say_nothing() -> None:
    """The examples of the shipped rulebook all hold."""
    assert run_examples(BOOK, NOW_MS, HOLIDAYS) == []


@pytest.mark.parametrize(
    "name, wrong, right",
    [
        ("persona", "back_office_head", "it_decision_maker"),
        ("fit", 7, "100"),
        ("grade", "D", "A"),
        ("engagement", 7, "50"),
        ("buying_stage", "interest", "decision"),
        ("verdict", "nurture", "ready"),
        ("rule", "strong engagement", "understands and fits"),
        ("track", "basics", "none"),
        ("pool", "enterprise_west", "enterprise_east"),
        ("strategy", "owner", "round_robin"),
        ("sla", "standard", "hot"),
    ],
)
def test_each_result_is_compared_and_told(name: str, wrong: Any, right: str) -> None:
    """A wrong expectation is told with what was expected and what came, whichever part of the verdict it is."""
    said = _came("readiness", lead=_HEAD, did={"demo_request": {"days_ago": [0]}}, expect={name: wrong})

    assert len(said) == 1
    assert f"expects {name} {wrong}, but it is {right} (persona it_decision_maker;" in said[0]


def test_a_finding_leads_to_the_expectation_in_its_file() -> None:
    """The path is that of the expectation that failed, so that its line can be shown."""
    good = Example.model_validate({"lead": _HEAD, "expect": {"grade": "A"}})
    bad = Example.model_validate({"name": "odd", "lead": _HEAD, "expect": {"grade": "A", "fit": 3}})

    found = run_examples(_with("persona", [good, bad]), NOW_MS, HOLIDAYS)

    assert [(one.file, one.path) for one in found] == [("persona.yaml", ("examples", 1, "expect", "fit"))]
    assert found[0].message.startswith("example 'odd' expects fit 3, but it is 100")


def test_rule_means_the_routing_rule_in_routing_yaml_only() -> None:
    """In routing.yaml `rule` names the rule that chose the pool, elsewhere the one that made the lead ready."""
    asked = {"lead": _HEAD, "did": {"demo_request": {"days_ago": [0]}}}

    assert _came("routing", **asked, expect={"rule": "enterprise east"}) == []
    assert _came("readiness", **asked, expect={"rule": "understands and fits"}) == []


def test_a_routing_example_that_is_not_ready_says_what_is_lacking() -> None:
    """Who is not ready goes nowhere, and the finding names what keeps the lead from being ready."""
    said = _came("routing", lead=_HEAD, expect={"pool": "enterprise_east"})

    assert "expects pool enterprise_east, but it is none" in said[0]
    assert "lacking buying_stage, engagement for 'understands and fits'" in said[0]


@pytest.mark.parametrize("days, count", [([0], "evaluation"), ([29], "evaluation"), ([30], "interest")])
def test_days_ago_count_back_from_now(days: list[int], count: str) -> None:
    """`within_days: 30` holds for 29 days ago and no longer for 30: today is the first day."""
    assert _came("journey", did={"pricing_view": {"days_ago": days}}, expect={"buying_stage": count}) == []


def test_null_expects_that_nothing_came() -> None:
    """`pool: null` says that the lead must not be handed over."""
    assert _came("readiness", lead=_HEAD, expect={"pool": None, "rule": None}) == []


@pytest.mark.parametrize(
    "document",
    [
        {"expect": {}},
        {"lead": {"emial": "a@example.com"}, "expect": {"fit": 1}},
        {"lead": {"email": "nobody"}, "expect": {"fit": 1}},
        {"did": {"pricing_view": {"days_ago": []}}, "expect": {"fit": 1}},
        {"did": {"pricing_view": {"days_ago": [-1]}}, "expect": {"fit": 1}},
        {"did": {"Pricing": {"days_ago": [1]}}, "expect": {"fit": 1}},
        {"expect": {"verdikt": "ready"}},
        {"expect": {"verdict": "maybe"}},
    ],
)
def test_an_example_with_a_typing_error_is_refused(document: dict[str, Any]) -> None:
    """An example that would prove nothing, or not what it seems to, is no example."""
    with pytest.raises(ValidationError):
        Example.model_validate(document)


@pytest.mark.parametrize(
    "at, expect, held",
    [
        ("2026-11-24T11:59:59+09:00", {"open": True}, True),
        ("2026-11-24T12:00:00+09:00", {"open": False, "opens": "2026-11-24T13:00:00+09:00"}, True),
        ("2026-11-23T10:00:00+09:00", {"open": True}, False),  # 勤労感謝の日
        ("2026-11-23T10:00:00+09:00", {"opens": "2026-11-24T00:00:00Z"}, True),
    ],
)
def test_calendar_examples_know_lunch_and_holidays(at: str, expect: dict[str, Any], held: bool) -> None:
    """team.yaml's examples ask the very calendar that clocks and hand-over ask."""
    example = CalendarExample.model_validate({"calendar": "japan", "at": at, "expect": expect})

    assert (run_examples(_with("team", [example]), NOW_MS, HOLIDAYS) == []) is held


def test_clock_examples_run_in_the_time_of_the_rep() -> None:
    """sla.yaml's examples start real clocks: over a holiday, lunch and the rep's own absence."""
    example = ClockExample.model_validate(
        {
            "policy": "standard",
            "rep": "takahashi_ren",
            "at": "2026-12-04T17:30:00+09:00",
            "expect": {"accept_by": "2026-12-14T09:30:00+09:00", "contact_by": "2026-12-14T11:00:00+09:00"},
        }
    )

    found = run_examples(_with("sla", [example]), NOW_MS, HOLIDAYS)

    assert [one.path for one in found] == [("examples", 0, "expect", "contact_by")]
    assert "but it is 2026-12-14T13:30+09:00" in found[0].message


def test_without_holidays_the_weekdays_are_open() -> None:
    """Holidays are given from outside; without them only the calendar's own days are closed."""
    example = CalendarExample.model_validate(
        {"calendar": "japan", "at": "2026-11-23T10:00:00+09:00", "expect": {"open": True}}
    )

    assert run_examples(_with("team", [example]), NOW_MS) == []
    assert run_examples(_with("team", [example]), NOW_MS, {"JP": frozenset({date(2026, 11, 23)})})
