"""What sla.yaml and the calendars of team.yaml may say: nonsense told with its place, doubts, and what counts."""

import re
from typing import Any

import pytest

from routing_rules.compiled import compile_book
from routing_rules.facts import gather
from routing_rules.routing import route
from schemas.base import Contract
from schemas.errors import RulebookError
from schemas.event import EventData
from schemas.rulebook.sla import LeadField, Promise, SlaPolicy
from tests.factories import NOW_MS, a_compiled_book, a_policy, a_rulebook, a_standing, a_state
from worker.rulebook_files import EXAMPLE, check, read_texts

TEXTS = read_texts(EXAMPLE)
HOT_ACCEPT = "on_breach: next_rep, slip_at_most: 4h}"
CHAIN = "escalation: [{tell: matsumoto_jun, after: 2h}]"
MEMBERS = "      - {rep: ito_misaki, weight: 1}\n    manager: sato_kenji"

WRONG = [
    # file, old, new, where the finding points, words that it says
    ("sla.yaml", "warn_after: 10m", "warn_after: [5m, 20m]", "20m", r"the warning comes at or after the breach"),
    ("sla.yaml", "warn_after: 10m", "warn_after: [5m, 5m]", "5m]", r"the same warning is given twice"),
    ("sla.yaml", "warn_after: 10m", "warn_after: soon", "warn_after", r"'soon' is not a duration"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: nothing}", "on_breach", r"'nothing'"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: []}", "on_breach", r"a breach must do something"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: [next_rep, manager]}", "next_rep", r"next_rep takes the lead away and comes last"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: [remind, next_rep]}", "on_breach", r"needs no reminder"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: [remind, remind]}", "remind]", r"remind stands here twice"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: [escalate, next_rep]}", "on_breach", r"escalate tells nobody: write `escalation"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: out_of_rotation, out_for: 0m}", "out_for", r"0 takes the rep out for no time"),
    ("sla.yaml", CHAIN, "escalation: [{tell: matsumoto_jan}]", "tell", r"no rep is called matsumoto_jan; did you mean matsumoto_jun\?"),
    ("sla.yaml", "attempts: 3", "attempts: 0", "attempts", r"must be at least 1, not 0"),
    ("sla.yaml", "every: 16h", "every: 50h", "every", r"before all of them"),
    ("sla.yaml", "every: 16h", "every: 0h", "every", r"due after some time"),
    ("sla.yaml", "every: 16h, within: 40h, warn_after: 12h", "every: 8h, within: 40h, warn_after: 12h", "warn_after", r"at or after the breach"),
    ("sla.yaml", "select: []", "select: [{when: {fit_grade: {eq: A}}, policy: hott}]", "policy: hott", r"no policy is called hott; did you mean hot\?"),
    ("sla.yaml", "select: []", "select: [{when: {fit_grade: {eq: E}}, policy: hot}]", "eq: E", r"'E' is not one of D, C, B, A"),
    ("sla.yaml", "select: []", "select: [{when: {}, rules: [enterprise], policy: hot}]", "enterprise]", r"no routing rule is called enterprise"),
    ("sla.yaml", "select: []", "select: [{when: {persona: {eq: it_guy}}, policy: hot}]", "eq", r"no persona is called it_guy"),
    ("sla.yaml", "    at_most: 14d\n", "", "id: customer_asked", r"`at_most` is missing"),  # a pause without an end
    ("sla.yaml", "at_most: 14d", "at_most: 10s", "at_most", r"must be at least 60"),
    ("sla.yaml", "- id: waiting_for_answer", "- id: customer_asked", "id: customer_asked", r"customer_asked is given twice"),
    ("sla.yaml", "leads: 30", "leads: 0", "leads: 0", r"must be at least 1"),
    ("sla.yaml", "fields: [email,", "fields: [e_mail,", "e_mail", r"did you mean `email`\?"),
    ("sla.yaml", "persona: {grades: [A, B], at_least: 60}", "persona: {at_least: 60}", "persona", r"asks for nothing; name grades"),
    ("sla.yaml", "persona: {grades: [A, B]", "persona: {personas: [it_guy]", "it_guy", r"no persona is called it_guy"),
    ("sla.yaml", "at_least: 60", "at_least: 101", "at_least: 101", r"must be at most 100"),
    ("sla.yaml", "within: 90d", "within: 0d", "within: 0d", r"in no time"),
    ("team.yaml", "{first: 12-29,", "{first: 13-29,", "13-29", r"'13-29' is not a day of the year"),
    ("team.yaml", "{first: 12-29,", "{first: 02-30,", "02-30", r"'02-30' is not a day of the year"),
    ("team.yaml", "standby: overseas_emea_amer", "standby: overseas_emea", "standby", r"no pool is called overseas_emea; did you mean overseas_emea_amer"),
    ("team.yaml", "standby: overseas_emea_amer", "standby: overseas_apac", "standby", r"cannot stand by for itself"),
    ("team.yaml", "role: manager", "role: manager\n    reports_to: matsumoto_jo", "reports_to", r"no rep is called matsumoto_jo; did you mean matsumoto_jun"),
    ("team.yaml", "role: manager", "role: manager\n    reports_to: sato_kenji", "reports_to", r"sato_kenji would report to themselves"),
]  # fmt: skip


@pytest.mark.parametrize(
    "file, old, new, mark, words", WRONG, ids=[f"{one[0]}:{one[2][:45]}" for one in WRONG]
)
def test_nonsense_is_told_with_its_place(file: str, old: str, new: str, mark: str, words: str) -> None:
    """Each stops a publish, at the line that is wrong, with the mend."""
    assert old in TEXTS[file]
    texts = TEXTS | {file: TEXTS[file].replace(old, new, 1)}
    with pytest.raises(RulebookError) as raised:
        check(texts, NOW_MS)
    found = next((one for one in raised.value.findings if re.search(words, one.message)), None)
    assert found is not None, [str(one) for one in raised.value.findings]
    assert found.file == file
    assert found.line is not None
    assert mark in texts[file].splitlines()[found.line - 1], found


DOUBTFUL = [
    ("sla.yaml", "on_breach: remind, reminders: 2}", "on_breach: remind}", r"has no end: the rep is reminded for ever"),
    ("sla.yaml", HOT_ACCEPT, "on_breach: next_rep, reminders: 3, slip_at_most: 4h}", r"`reminders` says nothing"),
    ("sla.yaml", "on_breach: [remind, escalate]", "on_breach: remind", r"nobody is told: no `on_breach` says escalate"),
    ("sla.yaml", "select: []", "select: [{when: {source: {eq: x}}, policy: hot}, {when: {source: {eq: x}}, policy: hot}]", r"is never reached: an earlier one asks the same"),
    ("team.yaml", "reason: 有給休暇}", "reason: 有給休暇}\n      - {starts: 2026-12-11T12:00:00+09:00, ends: 2026-12-13T00:00:00+09:00}", r"overlaps another absence of this rep; the time in both counts once"),
]  # fmt: skip


@pytest.mark.parametrize("file, old, new, words", DOUBTFUL, ids=[one[3][:40] for one in DOUBTFUL])
def test_doubts_do_not_stop_a_publish(file: str, old: str, new: str, words: str) -> None:
    """Promises without end, chains that tell nobody, overlapping absences: warned of."""
    assert old in TEXTS[file]
    _, warnings = check(TEXTS | {file: TEXTS[file].replace(old, new, 1)}, NOW_MS)
    assert any(re.search(words, one.message) and one.line for one in warnings), [str(one) for one in warnings]


def test_a_select_of_its_own_rules_takes_no_others() -> None:
    """Only an unrestricted choice keeps those after it from being reached."""
    same = "{when: {source: {eq: x}}"
    new = f"select: [{same}, rules: [otherwise], policy: hot}}, {same}, policy: hot}}]"
    _, warnings = check(TEXTS | {"sla.yaml": TEXTS["sla.yaml"].replace("select: []", new)}, NOW_MS)
    assert warnings == []


def test_files_written_before_still_hold() -> None:
    """A policy as it was written until now is read as it was meant: one warning, one action, no follow-up."""
    old = a_policy()
    assert (old.accept.warnings, old.accept.actions, old.follow_up) == ([2400], ["next_rep"], None)
    assert old.promise("follow_up") is None
    assert [promise.within for promise in (old.promise("accept"), old.promise("contact")) if promise] == [
        3600,
        14400,
    ]


CHOICES: list[dict[str, Any]] = [
    {"when": {"persona": {"eq": "it_decision_maker"}}, "rules": ["otherwise"], "policy": "hot"},
    {"when": {"source": {"eq": "webinar"}}, "policy": "overseas"},
    {"when": {"fit_grade": {"at_least": "A"}}, "policy": "standard"},
]


@pytest.mark.parametrize(
    "said, judged, source, expected",
    [
        ({"employees": 100}, {"persona": "it_decision_maker"}, "ma", ("otherwise", "hot")),
        (
            {"employees": 3000},
            {"persona": "it_decision_maker"},
            "ma",
            ("enterprise west", "hot"),
        ),  # its rule's own
        ({"employees": 100}, {"persona": "back_office_head"}, "webinar", ("otherwise", "overseas")),
        ({"employees": 3000}, {"fit_grade": "A"}, "ma", ("enterprise west", "standard")),
        ({"employees": 100}, {"fit_grade": "B"}, "ma", ("otherwise", "standard")),  # its rule's own
    ],
)
def test_the_policy_is_chosen_by_persona_grade_source_and_rule(
    said: dict[str, Any], judged: dict[str, str], source: str, expected: tuple[str, str]
) -> None:
    """The first choice that holds outranks the routing rule's own policy; the rest of the route stays."""
    book = compile_book(a_rulebook(sla={"select": CHOICES}), 1)
    facts = gather(a_state(country="JP", region="大阪府", **said), a_standing(), NOW_MS)
    facts.values.update(judged, source=source)
    came = route(facts, book)
    assert (came.rule, came.sla) == expected
    plain = route(facts, a_compiled_book())
    assert (plain.rule, plain.pool, plain.strategy, plain.priority) == (came.rule, came.pool, came.strategy, came.priority)  # fmt: skip


def test_the_fields_of_completeness_are_facts() -> None:
    """Whatever can be promised to be known is a field that an event can say."""
    assert set(LeadField.__args__) <= set(EventData.model_fields)  # type: ignore[attr-defined]


def test_promises_are_contracts() -> None:
    """Nothing unknown is taken, and nothing changes after it was read."""
    assert issubclass(Promise, Contract)
    with pytest.raises(ValueError, match="frozen"):
        a_policy().hops = 3  # type: ignore[misc]
    assert isinstance(a_policy(), SlaPolicy)
