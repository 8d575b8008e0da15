"""Conditions: three answers, every operator on every kind, and errors that name place and mend."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.closures import Answer, compile_node
from routing_rules.conditions import MAX_DEPTH, MAX_TESTS, ConditionError, parse
from routing_rules.conditions import tests_of as all_tests
from routing_rules.facts import DAY_MS, Facts
from routing_rules.fields import FIELDS, OPERATORS
from tests.factories import NOW_MS

STAGES = ("awareness", "interest", "evaluation", "decision")
TODAY = NOW_MS // DAY_MS
KNOWN: dict[str, Any] = {
    "person.title": "情報システム部長", "person.seniority": "head", "company.employees": 300, "consent.email": False,
    "fit_grade": "B", "buying_stage": "evaluation", "engagement": 59.5, "company.country": "JP", "person.function": "it",
}  # fmt: skip
LEDGER = {"pricing_view": {TODAY: 2, TODAY - 6: 1, TODAY - 29: 1, TODAY - 30: 5}}


def facts(**values: Any) -> Facts:
    return Facts(KNOWN | values, LEDGER, {"demo_request": NOW_MS - 7 * DAY_MS}, NOW_MS)


def ask(condition: Any, about: Facts | None = None) -> Answer:
    return compile_node(parse(condition, stages=STAGES))(about or facts())


def error_of(condition: Any, **options: Any) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        parse(condition, stages=STAGES, **options)
    return caught.value


YES: Any = {"company.country": {"eq": "JP"}}
NO: Any = {"company.country": {"eq": "US"}}
UNKNOWN: Any = {"company.region": {"eq": "JP-13"}}
WORDS = {True: YES, False: NO, None: UNKNOWN}


@pytest.mark.parametrize(
    "answers", [combo for size in (1, 2, 3) for combo in product((True, False, None), repeat=size)]
)
def test_three_valued_logic(answers: tuple[Answer, ...]) -> None:
    """`all` is false by one false, `any` true by one true, `none` its opposite; else one unknown makes it unknown."""
    parts = [WORDS[answer] for answer in answers]
    every = False if False in answers else None if None in answers else True
    some = True if True in answers else None if None in answers else False
    assert (ask({"all": parts}), ask({"any": parts}), ask({"none": parts})) == (
        every,
        some,
        None if some is None else not some,
    )


_TREES = st.recursive(
    st.sampled_from([YES, NO, UNKNOWN]),
    lambda inner: st.dictionaries(st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3), min_size=1, max_size=2),
    max_leaves=8,
)  # fmt: skip


@given(_TREES, st.sampled_from(["JP-13", "JP-27"]))
def test_learning_a_fact_never_overturns_an_answer(tree: Any, region: str) -> None:
    """What was certain without a fact stays so whatever the fact turns out to be."""
    before = ask(tree)
    assert before is None or ask(tree, facts(**{"company.region": region})) is before


@pytest.mark.parametrize(
    "condition, answer",
    [
        ({}, True), ({"all": []}, True), ({"any": []}, False), ({"none": []}, True),
        ({**YES, "fit_grade": {"eq": "B"}}, True), ({**YES, "fit_grade": {"eq": "A"}}, False),
        ({"any": [NO], "all": [YES]}, False),
        ({"company.employees": {"gte": 100, "lt": 300}}, False), ({"company.employees": {"gte": 100, "lte": 300}}, True),
        # text
        ({"person.title": {"eq": "情報システム部長"}}, True), ({"person.title": {"ne": "部長"}}, True),
        ({"person.title": {"in": ["部長", "課長"]}}, False), ({"person.title": {"not_in": ["部長", "課長"]}}, True),
        ({"person.title": {"contains": "システム"}}, True), ({"person.title": {"matches": "部長$"}}, True),
        ({"person.title": {"matches": "^部長"}}, False), ({"person.title": {"exists": True}}, True),
        ({"person.title": {"exists": False}}, False), ({"company.region": {"exists": False}}, True),
        ({"company.region": {"exists": True}}, False), ({"person.function": {"in": ["it", "finance"]}}, True),
        # number
        ({"company.employees": {"eq": 300}}, True), ({"company.employees": {"ne": 300}}, False),
        ({"company.employees": {"in": [100, 300]}}, True), ({"company.employees": {"gt": 300}}, False),
        ({"company.employees": {"gte": 300}}, True), ({"company.employees": {"lt": 300}}, False),
        ({"company.employees": {"lte": 300}}, True), ({"engagement": {"gte": 60}}, False),
        ({"engagement": {"gt": 59.4}}, True), ({"fit": {"exists": False}}, True), ({"fit": {"gte": 0}}, None),
        # flag
        ({"consent.email": {"eq": False}}, True), ({"consent.email": {"eq": True}}, False),
        ({"consent.email": {"exists": True}}, True), ({"consent.phone": {"eq": False}}, None),
        # ordered
        ({"fit_grade": {"at_least": "C"}}, True), ({"fit_grade": {"at_least": "B"}}, True),
        ({"fit_grade": {"at_least": "A"}}, False), ({"fit_grade": {"ne": "A"}}, True),
        ({"fit_grade": {"in": ["A", "B"]}}, True), ({"fit_grade": {"not_in": ["A", "B"]}}, False),
        ({"person.seniority": {"at_least": "manager"}}, True), ({"person.seniority": {"at_least": "director"}}, False),
        ({"buying_stage": {"at_least": "interest"}}, True), ({"buying_stage": {"at_least": "decision"}}, False),
        # activity
        ({"activity.pricing_view": {"at_least": 9}}, True), ({"activity.pricing_view": {"at_least": 10}}, False),
        ({"activity.pricing_view": {"at_most": 8}}, False), ({"activity.page_view": {"at_most": 0}}, True),
        ({"activity.page_view": {"at_least": 1}}, False), ({"activity.pricing_view": {"at_least": 2, "at_most": 4, "within_days": 30}}, True),
        ({"activity.pricing_view": {"within_days": 1}}, True), ({"activity.page_view": {"within_days": 30}}, False),
    ],
)  # fmt: skip
def test_every_operator_says_what_it_says(condition: Any, answer: Answer) -> None:
    """A table of every operator on every kind of field, with what it answers for one lead."""
    assert ask(condition) is answer


@pytest.mark.parametrize(
    "days, count", [(1, 2), (6, 2), (7, 3), (29, 3), (30, 4), (31, 9), (0.5, 2), (365, 9)]
)
def test_within_days_counts_whole_days_with_today_as_the_first(days: float, count: int) -> None:
    """What was done 29 days ago is within 30 days, what was done 30 days ago is not."""
    assert ask({"activity.pricing_view": {"at_least": count, "within_days": days}}) is True
    assert ask({"activity.pricing_view": {"at_least": count + 1, "within_days": days}}) is False


@pytest.mark.parametrize("late_ms, answer", [(-1, True), (0, True), (1, False)])
def test_a_hand_raise_is_fresh_to_the_millisecond(late_ms: int, answer: bool) -> None:
    """Seven days after asking to talk the wish is fresh, a millisecond later it is not."""
    raised = Facts({}, {}, {"demo_request": NOW_MS - 7 * DAY_MS - late_ms, "page_view": NOW_MS}, NOW_MS)
    assert ask({"hand_raise": {"within_days": 7}}, raised) is answer


@pytest.mark.parametrize(
    "field, operator", [(name, op) for name, spec in FIELDS.items() for op in sorted(OPERATORS[spec.kind])]
)
def test_every_field_takes_every_operator_of_its_kind(field: str, operator: str) -> None:
    """What the vocabulary promises compiles; on a lead of whom nothing is known it answers without a crash."""
    spec = FIELDS[field]
    values = STAGES if field == "buying_stage" else spec.values
    plain: Any = {"number": 3, "flag": True, "hand_raise": 7}.get(spec.kind, values[0] if values else "x")
    value = {"in": [plain], "not_in": [plain], "exists": True}.get(operator, plain)
    nothing = Facts({}, {}, {}, NOW_MS)
    assert ask({field: {operator: value}}, nothing) is (
        False if operator == "exists" or spec.kind == "hand_raise" else None
    )


@pytest.mark.parametrize(
    "condition, path, words",
    [
        ([], (), "mapping"), ("fit", (), "mapping"), (None, (), "mapping"),
        ({"all": YES}, ("all",), "takes a list"), ({"any": [YES, "x"]}, ("any", 1), "mapping"),
        ({"company.employes": {"gte": 1}}, ("company.employes",), "did you mean company.employees?"),
        ({"al": [YES]}, ("al",), "did you mean all?"), ({"zzzzzz": {"eq": 1}}, ("zzzzzz",), "no field is called zzzzzz"),
        ({"activity.": {"at_least": 1}}, ("activity.",), "no field"), ({"fit": 3}, ("fit",), "takes operators such as {gte: 300}"),
        ({"fit": {}}, ("fit",), "takes operators"), ({"fit": {"contains": "3"}}, ("fit", "contains"), "it takes eq"),
        ({"fit": {"gte": "30"}}, ("fit", "gte"), "a number, not '30'"), ({"fit": {"gte": True}}, ("fit", "gte"), "a number"),
        ({"fit": {"in": []}}, ("fit", "in"), "takes a list"), ({"fit": {"in": [1, "2"]}}, ("fit", "in"), "a number, not '2'"),
        ({"company.name": {"eq": 5}}, ("company.name", "eq"), "put it in quotes"),
        ({"company.country": {"eq": False}}, ("company.country", "eq"), "put it in quotes"),
        ({"fit_grade": {"at_least": "E"}}, ("fit_grade", "at_least"), "'E' is not one of D, C, B, A"),
        ({"buying_stage": {"eq": "won"}}, ("buying_stage", "eq"), "'won' is not one of awareness"),
        ({"person.function": {"in": ["it", "hrr"]}}, ("person.function", "in"), "'hrr' is not one of it"),
        ({"consent.email": {"eq": "yes"}}, ("consent.email", "eq"), "true or false"),
        ({"company.name": {"exists": "yes"}}, ("company.name", "exists"), "true or false"),
        ({"person.title": {"matches": "("}}, ("person.title", "matches"), "not a regular expression"),
        ({"person.title": {"matches": r"(a)\1"}}, ("person.title", "matches"), "not a regular expression"),
        ({"hand_raise": {"eq": True}}, ("hand_raise", "eq"), "it takes within_days"),
        ({"activity.page_view": {"gte": 3}}, ("activity.page_view", "gte"), "at_least, at_most, within_days"),
        ({"activity.page_view": {"within_days": 0}}, ("activity.page_view", "within_days"), "above 0"),
        ({"hand_raise": {"within_days": -7}}, ("hand_raise", "within_days"), "above 0"),
        ({"fit": {"gte": float("nan")}}, ("fit", "gte"), "number"), ({"fit": {"lt": float("inf")}}, ("fit", "lt"), "number"),
        ({"all": [{"any": [{"none": [{"fitt": {"gte": 1}}]}]}]}, ("all", 0, "any", 0, "none", 0, "fitt"), "did you mean fit?"),
    ],
)  # fmt: skip
def test_a_condition_that_means_nothing_names_place_and_mend(
    condition: Any, path: tuple[Any, ...], words: str
) -> None:
    """Ops read where the mistake stands and what would be right."""
    error = error_of(condition)
    assert error.path == path
    assert words in str(error)


@pytest.mark.parametrize("field", ["persona", "fit", "fit_grade", "engagement", "buying_stage"])
def test_what_the_judgement_makes_cannot_be_asked_before(field: str) -> None:
    """Fit cannot rest on fit: such a question is refused where it would be asked too early."""
    assert "not known here" in str(error_of({field: {"exists": True}}, judged=False))


def test_limits_hold() -> None:
    """Neither endless nesting nor endless lists are taken."""
    deep: Any = YES
    for _ in range(MAX_DEPTH + 1):
        deep = {"all": [deep]}
    assert "nested deeper" in str(error_of(deep))
    assert "more than" in str(error_of({"any": [YES] * (MAX_TESTS + 1)}))
    assert len(all_tests(parse({"any": [YES] * MAX_TESTS}))) == MAX_TESTS


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*)*x", "(a|aa)+$"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Patterns that hang other engines answer at once on 50,000 characters."""
    assert ask({"person.title": {"matches": pattern}}, facts(**{"person.title": "a" * 50_000 + "!"})) is False


@given(
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from(["all", "fit", *FIELDS]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.text(max_size=8) | st.sampled_from(["eq", "gte", "in"]), inner, max_size=2
                )
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_any_document_is_a_condition_or_a_condition_error(document: Any) -> None:
    """Whatever ops write is understood or refused; nothing else is raised."""
    said = "understood"
    try:
        parse(document, stages=STAGES)
    except ConditionError as error:
        said = str(error)
    assert re.search(r"\w", said)
