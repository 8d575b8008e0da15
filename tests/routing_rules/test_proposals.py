"""Proposals on a hand-made past, counted by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from routing_rules.changes import Change, changed, changes
from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.proposal_words import change_words, proposal_words
from routing_rules.proposals import Past, search
from routing_rules.wilson import wilson
from tests.factories import NOW_MS, a_compiled_book, a_rulebook, a_standing, a_state

PERSONA = {
    "id": "buyer", "name": {"ja": "買い手", "en": "Buyer"},
    "fit": [{"points": 100, "when": {"company.employees": {"gte": 50}}, "name": {"ja": "規模", "en": "Size"}}],
}  # fmt: skip
READY = [
    {
        "name": "asked",
        "when": {"all": [{"fit_grade": {"at_least": "A"}}, {"hand_raise": {"within_days": 7}}]},
    },
]
Spec = Mapping[tuple[str, int], int]


def a_book() -> CompiledBook:
    """Return a rulebook of one fit rule: fifty people or more."""
    return a_compiled_book(
        persona={"personas": [PERSONA], "examples": []}, readiness={"ready": READY, "examples": []}
    )


def pasts(spec: Spec) -> list[Past]:
    """Return so many hand-overs of each outcome and size."""
    return [
        Past(a_state({"demo_request": [0]}, employees=size), a_standing(), NOW_MS, None, outcome)
        for (outcome, size), count in spec.items()
        for _ in range(count)
    ]


OLDER: Spec = {
    ("declined", 60): 7, ("recycled", 60): 4, ("declined", 500): 20, ("recycled", 500): 9,
    ("won", 60): 1, ("won", 500): 29,
}  # fmt: skip
NEWEST: Spec = {("declined", 60): 5, ("declined", 500): 8, ("won", 500): 10}


def test_the_example_of_the_agreement_counted_by_hand() -> None:
    """Raise employees from 50 to 100: 11 of 40 declines avoided, 1 of 30 won deals given up; and again later."""
    book = a_book()
    result = search(book, pasts(OLDER), pasts(NEWEST))
    assert (result.found_on, result.held_out) == (70, 23)
    best = result.proposals[0]
    assert best.change.path == ("persona", "personas", 0, "fit", 0, "when", "company.employees", "gte")
    assert (best.change.before, best.change.after) == (50, 100)
    assert best.found.declines == (11, 40)
    assert (best.found.won_held_back, best.found.won, best.found.held_back) == (1, 30, 12)
    assert (best.found.low, best.found.high) == wilson(1, 12)
    assert best.again.declines == (5, 13)
    assert best.found.spared == pytest.approx(11 - 1 * 40 / 30)
    assert proposal_words(best, book, "en") == (
        "persona.yaml: “Buyer / Size”: raise employees from 50 to 100: would have avoided 11 of 40 declines, and cost"
        " 1 of 30 won deals. Of those held back 8% (95 %: 1%-35%) were won, of all handed over 43%. It held again in"
        " the newest part: would have avoided 5 of 13 declines, and cost 0 of 10 won deals."
    )
    assert proposal_words(best, book, "ja").startswith(
        "persona.yaml: 「買い手 / 規模」: 従業員数を50から100に上げる: "
        "辞退・差し戻し40件中11件を避けられ、受注30件中1件を失っていた。"
    )


def test_the_rulebook_itself_is_left_alone() -> None:
    """Whatever was tried, the rulebook says what it said."""
    book = a_book()
    before = book.source.model_dump_json()
    search(book, pasts(OLDER), pasts(NEWEST))
    assert book.source.model_dump_json() == before


@pytest.mark.parametrize(
    "older, newest",
    [
        pytest.param({**OLDER, ("won", 60): 4}, NEWEST, id="costs more than a tenth of the won deals"),
        pytest.param({**OLDER, ("declined", 60): 1}, NEWEST, id="too few held back to tell"),
        pytest.param(OLDER, {**NEWEST, ("declined", 60): 4}, id="too few in the newest part"),
        pytest.param(OLDER, {**NEWEST, ("won", 60): 4}, id="does not hold in the newest part"),
        pytest.param({("declined", 60): 20, ("declined", 500): 5}, NEWEST, id="nothing was ever won"),
        pytest.param({}, {}, id="no past"),
    ],
)
def test_what_is_not_sure_is_not_proposed(older: Spec, newest: Spec) -> None:
    """A change that costs too much, rests on too little or did not hold again is not worth a word."""
    found = search(a_book(), pasts(older), pasts(newest)).proposals
    assert [one for one in found if one.change.field == "company.employees"] == []


def test_leads_that_todays_rules_would_not_hand_over_are_no_witnesses() -> None:
    """Hand-overs under older, looser rules are left out of both counts."""
    small = {("declined", 20): 50}
    assert search(a_book(), pasts({**OLDER, **small}), pasts(NEWEST)) == search(
        a_book(), pasts(OLDER), pasts(NEWEST)
    )


def every_change() -> Sequence[Change]:
    return changes(
        a_rulebook(), {"person.function": ["sales", "unheard of"], "company.country": ["JP", "US"]}
    )


def test_every_change_of_the_shipped_rulebook_compiles_and_has_words() -> None:
    """One step each way of each threshold, a value in or out, a line less: all are rulebooks, all can be said."""
    source, book = a_rulebook(), a_compiled_book()
    found = every_change()
    kinds = {one.kind for one in found}
    assert kinds == {"threshold", "take_out", "put_in", "drop"}
    assert len({(one.path, str(one.after)) for one in found}) == len(found)
    for one in found:
        other = changed(source, one)
        assert other != source
        compile_book(other, 1)
        for lang in ("ja", "en"):
            assert change_words(one, book, lang)
    assert "unheard of" not in str([one.after for one in found if one.field == "person.function"])


@pytest.mark.parametrize(
    "path, before, after, words",
    [
        (("persona", "grades", "B"), 50, 55, "persona.yaml: raise the least fit for grade B from 50 to 55"),
        (
            ("persona", "personas", 0, "fit", 1, "when", "person.seniority", "at_least"), "head", "director",
            "persona.yaml: “IT decision maker / Head of a department or above”: raise seniority from head of a department to director",
        ),
        (
            ("readiness", "ready", 0, "when", "all", 2, "engagement", "gte"), 50, 60,
            "readiness.yaml: “Understands and fits”: raise engagement from 50 to 60",
        ),
        (
            ("readiness", "ready", 1, "when", "all", 0, "hand_raise", "within_days"), 7, 5,
            "readiness.yaml: “Asked to talk”: lower hand raise, within days, from 7 to 5",
        ),
        (
            ("journey", "sales_may_start_at"), "evaluation", "decision",
            "journey.yaml: raise the stage at which sales may start from Evaluation to Decision",
        ),
    ],
)  # fmt: skip
def test_thresholds_move_one_step(path: tuple[Any, ...], before: Any, after: Any, words: str) -> None:
    """The steps that people would think of, and how they are said."""
    one = next(one for one in every_change() if one.path == path and one.after == after)
    assert one.before == before
    assert change_words(one, a_compiled_book(), "en") == words


def test_lists_and_lines_are_said_as_what_is_taken_or_added() -> None:
    """A value out of a list, a value into it, a whole line."""
    book = a_compiled_book()
    told = {change_words(one, book, "en") for one in every_change()}
    head = "persona.yaml: “Head of finance or general affairs / Finance, general affairs or HR”: "
    assert head + "take HR out of function" in told
    assert head + "add sales to function" in told
    assert head + "drop this line" in told
    said = {change_words(one, book, "ja") for one in every_change()}
    assert "persona.yaml: 「経理・総務の部門長 / 経理・総務・人事」: 職種から人事を外す" in said


def test_wilson_is_the_textbooks() -> None:
    """Known values; no case leaves everything open."""
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
