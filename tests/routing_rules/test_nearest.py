"""The smallest change: it makes the lead ready, and nothing smaller of its kind does."""

import dataclasses
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_rules.compiled import CompiledBook
from routing_rules.engagement import compile_scoring
from routing_rules.facts import gather
from routing_rules.fields import SENIORITIES
from routing_rules.fold import fold
from routing_rules.judge import judge
from routing_rules.learnable import knows
from routing_rules.nearest import did, smallest_changes
from routing_rules.nearest_words import way_words
from schemas.activity import HAND_RAISES
from schemas.decision import Step, Way
from schemas.lead import LeadState, Standing
from schemas.lead_event import LeadEvent
from schemas.rulebook.scoring import ScoringFile
from tests.factories import NOW_MS, WHO, a_compiled_book, a_state

BOOK = a_compiled_book()
DAY_MS = 86_400_000
PEOPLE = sorted(WHO)
ACTS = st.dictionaries(
    st.sampled_from([*BOOK.source.scoring.activities, "own_kind"]),
    st.lists(st.integers(0, 60).map(float), max_size=4), max_size=5,
)  # fmt: skip
STANDINGS = st.sampled_from([
    {}, {"lifecycle_stage": "nurture", "track": "basics"},
    {"lifecycle_stage": "nurture", "recycle_count": 1, "recycled_at_ms": NOW_MS - DAY_MS, "cool_down_until_ms": NOW_MS + 20 * DAY_MS},
    {"lifecycle_stage": "nurture", "track": "basics", "history_until_ms": NOW_MS - DAY_MS},
    {"lifecycle_stage": "lost"}, {"lifecycle_stage": "sal"}, {"lifecycle_stage": "disqualified", "rule": "declined.duplicate"},
])  # fmt: skip

#: What machines did: kind, seconds ago.
TRACES = st.lists(
    st.tuples(st.sampled_from(["email_open", "email_click", "pricing_view"]), st.integers(1, 60 * 86_400)), max_size=3
)  # fmt: skip


def with_machines(state: LeadState, traces: list[tuple[str, int]]) -> LeadState:
    """Return the lead for whom machines did something more."""
    for kind, seconds in traces:
        at_ms = NOW_MS - seconds * 1_000
        fold(
            state, LeadEvent("m", "ma", "lead.activity", at_ms, [], {}, kind, {}, touch=(0, 0, 0, 1)), NOW_MS
        )
    return state


def with_points(book: CompiledBook, points: float) -> CompiledBook:
    """Return the rulebook in which a kind of its own, `bonus`, is worth so many points today."""
    own = {"half_life_days": 3650, "activities": {"bonus": {"points": points}}}
    made = compile_scoring(ScoringFile.model_validate(own))
    scoring = dataclasses.replace(book.scoring, kinds={**book.scoring.kinds, **made.kinds})
    return dataclasses.replace(book, scoring=scoring)


def after(
    way: Way, state: LeadState, standing: Standing, book: CompiledBook, points_less: float = 0.0
) -> str:
    """Return the verdict once all steps of a way were taken, as events and rules would have it."""
    at_ms = way.from_ms or NOW_MS
    for step in way.steps:
        if step.kind == "points":
            book = with_points(book, round(step.amount - points_less, 2))
            points = did(state, "bonus", 1, at_ms)  # points alone are no act: they wake nobody
            state = msgspec.structs.replace(points, last=state.last)
        elif step.kind == "activity":
            state = did(state, step.name, step.amount, at_ms)
        elif step.kind == "permission":
            state = msgspec.structs.replace(state, consent={"all": (NOW_MS, True)})
        elif step.name == "contact_channel":
            state = msgspec.structs.replace(state, facts={**state.facts, "phone": (NOW_MS, "+81300000000")})
        else:
            state = knows(state, step, at_ms)
    return judge(state, standing, book, at_ms).verdict


def smaller(step: Step) -> Step | None:
    """Return the next smaller step of the same kind, or None where there is none."""
    if step.kind == "activity" and step.amount == 1:
        return None
    if step.kind == "activity":
        return msgspec.structs.replace(step, amount=step.amount - 1)
    if step.operator == "gte" and step.amount == 1:
        return None  # any number does
    if step.operator == "gte":
        return msgspec.structs.replace(step, amount=step.amount - 1)
    if step.operator == "lte":
        return msgspec.structs.replace(step, amount=step.amount + 1)
    if step.operator == "at_least" and step.amount != SENIORITIES[0]:
        return msgspec.structs.replace(step, amount=SENIORITIES[SENIORITIES.index(step.amount) - 1])
    return None


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PEOPLE), ACTS, STANDINGS, TRACES)
def test_the_change_makes_it_ready_and_nothing_smaller_does(
    who: str, acts: Any, stand: Any, traces: Any
) -> None:
    """Each way does it; with one time, a hundredth of a point or a rank less in any of its steps it does not."""
    state, standing = with_machines(a_state(acts, **WHO[who]), traces), Standing(**stand)
    ways = smallest_changes(state, standing, BOOK, NOW_MS)
    held = judge(
        state, standing, BOOK, NOW_MS
    ).lifecycle_stage  # sales gives back whoever withdrew permission
    standing = msgspec.structs.replace(standing, lifecycle_stage=held)
    for way in ways:
        assert after(way, state, standing, BOOK) == "ready", way
        for at, step in enumerate(way.steps):
            rest = [*way.steps[:at], *way.steps[at + 1 :]]
            less = smaller(step)
            alone = msgspec.structs.replace(way, steps=rest)
            if rest or way.from_ms is None:
                assert after(alone, state, standing, BOOK) != "ready", (way, "without", step)
            if less is not None:
                tried = msgspec.structs.replace(way, steps=[*way.steps[:at], less, *way.steps[at + 1 :]])
                assert after(tried, state, standing, BOOK) != "ready", (way, less)
            if step.kind == "points":
                assert after(way, state, standing, BOOK, points_less=0.01) != "ready", way


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PEOPLE), ACTS, STANDINGS)
def test_only_who_is_held_and_not_ready_is_told_a_way(who: str, acts: Any, stand: Any) -> None:
    """Nobody is told how to get what they have, and for whoever is out or with sales there is no way."""
    state, standing = a_state(acts, **WHO[who]), Standing(**stand)
    now = judge(state, standing, BOOK, NOW_MS)
    ways = smallest_changes(state, standing, BOOK, NOW_MS)
    if now.verdict not in ("nurture", "recycle"):
        assert ways == []
    for way in ways:
        assert len({step.name or step.kind for step in way.steps}) == len(way.steps)


def test_a_cool_down_moves_the_change_to_its_end_but_for_a_wish_to_talk() -> None:
    """Points count from the day on which sales may have it again, decayed by then; a hand raise counts at once."""
    until = NOW_MS + 20 * DAY_MS
    standing = Standing(
        lifecycle_stage="nurture", recycle_count=1, recycled_at_ms=NOW_MS - 1, cool_down_until_ms=until
    )
    state = a_state({"pricing_view": [1], "webinar_attended": [3]}, **WHO["情シス部長800人"])
    ways = smallest_changes(state, standing, BOOK, NOW_MS)

    now = {way.steps[-1].name for way in ways if way.from_ms is None}
    assert now == HAND_RAISES
    assert {way.from_ms for way in ways} == {None, until}
    short = next(way for way in ways if way.steps[0].kind == "points")
    assert short.steps[0].amount == round(50 - judge(state, standing, BOOK, until).engagement, 2)


def test_points_begin_below_nothing() -> None:
    """Who unsubscribed owes more than the line: points that are below nothing have to be made up first."""
    state = a_state({"unsubscribe": [0], "webinar_attended": [0]}, **WHO["情シス部長800人"])
    ways = smallest_changes(state, Standing(), BOOK, NOW_MS)
    points = [way.steps[0].amount for way in ways if way.steps[0].kind == "points"]
    assert points == [70.0]  # 20 - 40 are -20, and the line is 50


def test_rules_that_ask_otherwise_are_tried_too() -> None:
    """A limit from above, an exact line, an activity that earns nothing: what is said is what the judgement finds."""
    ready = [
        {
            "name": "own",
            "when": {"all": [{"engagement": {"gt": 5, "lte": 30}}, {"activity.own_kind": {"at_least": 3}}]},
        }
    ]
    book = a_compiled_book(
        readiness={"ready": ready, "examples": []},
        journey={"sales_may_start_at": "awareness", "examples": []},
    )
    state = a_state({"page_view": [0], "own_kind": [0, 0]})
    ways = smallest_changes(state, Standing(), book, NOW_MS)

    assert [(step.kind, step.name, step.amount) for step in ways[0].steps] == [
        ("activity", "own_kind", 1), ("points", "", 4.01),
    ]  # fmt: skip
    assert after(ways[0], state, Standing(), book) == "ready"


def test_facts_read_back_as_they_were_meant() -> None:
    """Every rank and function that a fact can be is read from the words that stand for it."""
    for field, values in (
        ("person.seniority", SENIORITIES),
        ("person.function", ("it", "finance", "management")),
    ):
        for value in values:
            state = knows(LeadState(), Step("fact", field, value, "eq"), NOW_MS)
            assert gather(state, Standing(), NOW_MS).values[field] == value


def test_who_is_known_from_history_only_has_to_act() -> None:
    """Points make nobody ready whom history holds: ready but for it, or short of points, the way begins with an act."""
    standing = Standing(lifecycle_stage="nurture", track="basics", history_until_ms=NOW_MS - DAY_MS)
    for did_before in ({"pricing_view": [2, 2, 3], "webinar_attended": [2, 4]}, {"pricing_view": [2]}):
        state = a_state(did_before, **WHO["情シス部長800人"])
        ways = smallest_changes(state, standing, BOOK, NOW_MS)
        assert ways[0].steps[0].kind == "activity"
        assert all(after(way, state, standing, BOOK) == "ready" for way in ways)


def test_a_machines_click_is_none_that_a_rule_asks_for() -> None:
    """A rule that asks for a click is not met by a scanner's: points alone do not do, and are not said to."""
    ready = [
        {
            "name": "own",
            "when": {"all": [{"engagement": {"gte": 50}}, {"activity.email_click": {"at_least": 1}}]},
        }
    ]
    book = a_compiled_book(
        readiness={"ready": ready, "examples": []},
        journey={"sales_may_start_at": "awareness", "examples": []},
    )
    state = with_machines(a_state({"page_view": [0]}, **WHO["情シス部長800人"]), [("email_click", 5)])
    ways = smallest_changes(state, Standing(), book, NOW_MS)
    assert [step.name for step in ways[0].steps] == ["email_click", ""]
    assert all(after(way, state, Standing(), book) == "ready" for way in ways)


@pytest.mark.parametrize(
    "asked, operator, amount, words",
    [
        ({"company.employees": {"gte": 50}}, "gte", 50, "従業員数が50人以上と分かること"),
        ({"company.employees": {"lt": 300}}, "lte", 299, "従業員数が299人以下と分かること"),
        ({"company.employees": {"gte": 50, "lt": 300}}, "eq", 50, "従業員数が50人と分かること"),
        ({"none": [{"company.employees": {"lt": 50}}]}, "gte", 50, "従業員数が50人以上と分かること"),
        ({"company.employees": {"exists": True}}, "gte", 1, "従業員数が1人以上と分かること"),
        ({"person.seniority": {"at_least": "head"}}, "at_least", "head", "役職が部長以上と分かること"),
        ({"person.seniority": {"in": ["manager", "head"]}}, "eq", "manager", "役職が課長と分かること"),
    ],
)
def test_a_fact_is_told_no_wider_than_it_does(asked: Any, operator: str, amount: Any, words: str) -> None:
    """Nobody is told "50 people or more" where a rule asks for fewer than 300."""
    ready = [{"name": "own", "when": {"all": [asked, {"engagement": {"gte": 0}}]}}]
    book = a_compiled_book(
        readiness={"ready": ready, "examples": []},
        journey={"sales_may_start_at": "awareness", "examples": []},
    )
    state = a_state({})
    ways = smallest_changes(state, Standing(), book, NOW_MS)
    (way,) = [way for way in ways if way.steps[0].kind == "fact"]
    assert [(step.operator, step.amount) for step in way.steps] == [(operator, amount)]
    assert way_words(way, book, "ja") == words


def test_a_fact_that_a_stage_asks_for_is_a_way() -> None:
    """Evidence may ask who somebody is: a lead that is early for want of it is told so."""
    evidence = {
        "evaluation": {
            "all": [{"activity.pricing_view": {"at_least": 1}}, {"company.employees": {"lte": 200}}]
        }
    }
    book = a_compiled_book(
        readiness={"ready": [{"name": "own", "when": {"buying_stage": {"at_least": "evaluation"}}}], "examples": []},
        journey={"evidence": evidence, "falls_back": {}, "examples": []},
    )  # fmt: skip
    ways = smallest_changes(a_state({"pricing_view": [1]}), Standing(), book, NOW_MS)
    assert [(way.steps[0].operator, way.steps[0].amount) for way in ways if way.steps[0].kind == "fact"] == [
        ("lte", 200)
    ]
