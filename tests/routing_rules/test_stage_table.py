"""The buying stage in tables: forward by evidence, back without, and the instant at which it falls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.closures import compile_node
from routing_rules.compiled import CompiledBook
from routing_rules.conditions import parse
from routing_rules.facts import DAY_MS, Facts
from routing_rules.judge import judge
from routing_rules.outlook import outlook
from routing_rules.outlook_words import fall_words
from routing_rules.stages import ALWAYS, NEVER, compile_until
from schemas.lead import LeadState
from tests.factories import NOW, NOW_MS, a_compiled_book, a_standing, a_state

_JOURNEY: dict[str, Any] = {
    "stages": ["awareness", "interest", "evaluation", "decision"],
    "evidence": {
        "interest": {"any": [{"activity.whitepaper_download": {"within_days": 90}}, {"activity.email_click": {"at_least": 2, "within_days": 30}}]},
        "evaluation": {"any": [{"activity.pricing_view": {"within_days": 30}}, {"activity.webinar_attended": {"within_days": 60}}]},
        "decision": {"any": [{"hand_raise": {"within_days": 14}}, {"activity.pricing_view": {"at_least": 4, "within_days": 14}}]},
    },
    "sales_may_start_at": "evaluation",
    "falls_back": {"decision": {"to": "evaluation", "lasts": "30d"}, "evaluation": {"to": "interest", "lasts": "60d"}},
}  # fmt: skip


def a_book(**journey: Any) -> CompiledBook:
    return a_compiled_book(journey=_JOURNEY | journey)


BOOK = a_book()
PLAIN = a_book(falls_back={})
# what, how many days ago (1.0 is 24 hours) | stage | it falls after so many days (of 24 h, or at 0:00 UTC) | without `falls_back`
TABLE = """
                                          | awareness  | -         | awareness
page_view 0                               | awareness  | -         | awareness
whitepaper_download 10                    | interest   | 0:00 +80  | interest
whitepaper_download 89                    | interest   | 0:00 +1   | interest
whitepaper_download 90                    | awareness  | -         | awareness
email_click 1                             | awareness  | -         | awareness
email_click 1 20                          | interest   | 0:00 +10  | interest
email_click 1 2 20                        | interest   | 0:00 +28  | interest
email_click 1 31                          | awareness  | -         | awareness
pricing_view 3                            | evaluation | 0:00 +27  | evaluation
pricing_view 3; webinar_attended 10       | evaluation | 0:00 +50  | evaluation
pricing_view 29                           | evaluation | 0:00 +1   | evaluation
pricing_view 30                           | interest   | 0:00 +60  | awareness
pricing_view 89                           | interest   | 0:00 +1   | awareness
pricing_view 90                           | awareness  | -         | awareness
pricing_view 40; whitepaper_download 2    | interest   | 0:00 +88  | interest
pricing_view 40; whitepaper_download 80   | interest   | 0:00 +50  | interest
demo_request 0                            | decision   | 24h +14   | decision
demo_request 13.5                         | decision   | 24h +0.5  | decision
demo_request 14                           | decision   | 24h +0    | decision
demo_request 15                           | evaluation | 24h +29   | awareness
demo_request 43                           | evaluation | 24h +1    | awareness
demo_request 45                           | interest   | 24h +59   | awareness
demo_request 103                          | interest   | 24h +1    | awareness
demo_request 105                          | awareness  | -         | awareness
demo_request 30; pricing_view 20          | evaluation | 24h +14   | evaluation
demo_request 30; pricing_view 2           | evaluation | 0:00 +28  | evaluation
pricing_view 0 1 2 3                      | decision   | 0:00 +11  | decision
pricing_view 0 1 2 14                     | evaluation | 0:00 +30  | evaluation
pricing_view 10 11 12 13                  | decision   | 0:00 +1   | decision
pricing_view 11 12 13 14                  | evaluation | 0:00 +30  | evaluation
pricing_view 20 20 20 20                  | evaluation | 0:00 +24  | evaluation
"""


def _did(text: str) -> dict[str, list[float]]:
    words = [part.split() for part in text.split(";") if part.strip()]
    return {kind: [float(day) for day in days] for kind, *days in words}


def _instant(text: str) -> int | None:
    if text == "-":
        return None
    how, days = text.split(" +")
    start = NOW_MS // DAY_MS * DAY_MS if how == "0:00" else NOW_MS + 1
    return start + int(float(days) * DAY_MS)


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_where_it_is_and_when_it_falls(row: str) -> None:
    """The stage, and the very millisecond: just before it holds, at it no more."""
    what, stage, falls, without = (cell.strip() for cell in row.split("|"))
    state = a_state(_did(what))
    came = judge(state, a_standing(), BOOK, NOW_MS)
    assert came.buying_stage == stage
    assert judge(state, a_standing(), PLAIN, NOW_MS).buying_stage == without
    at_ms = came.reasons.stage_until_ms
    assert at_ms == _instant(falls)
    if at_ms is not None:
        assert judge(state, a_standing(), BOOK, at_ms - 1).buying_stage == stage
        fallen = judge(state, a_standing(), BOOK, at_ms).buying_stage
        assert _JOURNEY["stages"].index(fallen) < _JOURNEY["stages"].index(stage)


@pytest.mark.parametrize("days, reviewed", [(29, "stage"), (3, "track")])
def test_the_review_is_no_later_than_the_fall(days: float, reviewed: str) -> None:
    """A held lead is looked at when its stage falls, if that is sooner than its track's review."""
    came = judge(
        a_state({"pricing_view": [days]}, title="経理課長", employees=80), a_standing(), BOOK, NOW_MS
    )
    assert came.verdict == "nurture"
    assert came.review_at_ms is not None
    assert (came.review_at_ms == came.reasons.stage_until_ms) == (reviewed == "stage")


def test_a_journey_without_falls_back_is_reviewed_as_before() -> None:
    """The fall is not even worked out."""
    came = judge(a_state({"pricing_view": [29]}), a_standing(), PLAIN, NOW_MS)
    assert came.reasons.stage_until_ms is None


def test_the_fall_is_told_in_both_languages() -> None:
    """With the day and the minute, and the names of both stages."""
    lead = a_state({"pricing_view": [3]})
    fall = next(one for one in outlook(lead, a_standing(), BOOK, NOW_MS) if one.field == "buying_stage")
    assert (
        fall_words(fall, BOOK, "en")
        == "buying stage falls from Evaluation to Interest on 2026-12-21 00:00 UTC"
    )
    assert (
        fall_words(fall, BOOK, "ja")
        == "検討段階は 2026-12-21 00:00 UTC に「比較・検討」から「興味・関心」へ戻ります"
    )


_KINDS = ("whitepaper_download", "email_click", "pricing_view", "webinar_attended", "demo_request")
_ACTS = st.dictionaries(
    st.sampled_from(_KINDS), st.lists(st.integers(0, 2_600).map(lambda tenth: tenth / 20), min_size=1, max_size=5), max_size=4
)  # fmt: skip


@given(_ACTS)
def test_the_stage_holds_until_the_instant_and_not_beyond(did: dict[str, list[float]]) -> None:
    """However evidence of several stages overlaps: at every day between, the stage is the same; then it is lower."""
    state = a_state(did)
    came = judge(state, a_standing(), BOOK, NOW_MS)
    until = came.reasons.stage_until_ms
    if until is None:
        assert came.buying_stage == "awareness"
        return
    between = [*range(NOW_MS, until, DAY_MS), until - 1]
    assert {judge(state, a_standing(), BOOK, at).buying_stage for at in between} == {came.buying_stage}
    fallen = judge(state, a_standing(), BOOK, until).buying_stage
    assert BOOK.stage_rank[fallen] < BOOK.stage_rank[came.buying_stage]


@given(_ACTS, st.sampled_from(_KINDS), st.integers(0, 200))
def test_more_evidence_never_sets_back(did: dict[str, list[float]], kind: str, tenths: int) -> None:
    """One more act keeps the stage or moves it on, and falling back never puts a lead behind where it would be."""
    more = {**did, kind: [*did.get(kind, []), tenths / 10]}
    rank = BOOK.stage_rank
    before = judge(a_state(did), a_standing(), BOOK, NOW_MS).buying_stage
    assert rank[judge(a_state(more), a_standing(), BOOK, NOW_MS).buying_stage] >= rank[before]
    assert rank[before] >= rank[judge(a_state(did), a_standing(), PLAIN, NOW_MS).buying_stage]


_TESTS = st.one_of(
    st.builds(
        lambda kind, least, within: {f"activity.{kind}": {"at_least": least, "within_days": within}},
        st.sampled_from(_KINDS[:3]), st.integers(0, 3), st.sampled_from([1, 7, 10.5, 30]),
    ),
    st.builds(lambda kind, most: {f"activity.{kind}": {"at_most": most, "within_days": 10}}, st.sampled_from(_KINDS[:3]), st.integers(0, 2)),
    st.builds(lambda kind: {f"activity.{kind}": {"at_least": 1}}, st.sampled_from(_KINDS[:3])),
    st.builds(lambda days: {"hand_raise": {"within_days": days}}, st.sampled_from([1, 7.25])),
    st.just({"person.seniority": {"at_least": "head"}}),
)  # fmt: skip
_CONDITIONS = st.recursive(
    _TESTS, lambda inner: st.builds(lambda how, parts: {how: parts}, st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=4,
)  # fmt: skip


@given(
    _CONDITIONS,
    st.dictionaries(
        st.sampled_from(_KINDS[:3]), st.lists(st.integers(0, 45), min_size=1, max_size=4), max_size=3
    ),
    st.none() | st.integers(0, 400),
)
def test_until_when_any_condition_holds(
    condition: dict[str, Any], did: dict[str, list[int]], raised: int | None
) -> None:
    """Asked quarter by quarter of a day for a hundred days: it holds up to the instant, and not at it."""
    state: LeadState = a_state({kind: [float(day) for day in days] for kind, days in did.items()})
    last = {} if raised is None else {"demo_request": NOW_MS - raised * 3_600_000}
    facts = Facts({"person.seniority": "director"}, state.ledger, last, NOW_MS)
    node = parse(condition)
    check, until = compile_node(node), compile_until(node)(facts)
    later = [NOW_MS + quarter * DAY_MS // 4 for quarter in range(400)]
    if check(facts):
        assert all(check(Facts(facts.values, facts.ledger, facts.last, at)) for at in later if at < until)
        if until < ALWAYS:
            assert check(Facts(facts.values, facts.ledger, facts.last, int(until) - 1))
            assert not check(Facts(facts.values, facts.ledger, facts.last, int(until)))
    else:
        assert until == NEVER or until <= NOW_MS


def test_evidence_that_lapsed_is_found_where_it_was() -> None:
    """`all` of two windows that once overlapped: it ended when the first of them did."""
    state = a_state({"pricing_view": [20], "email_click": [18]})
    both = {
        "all": [{"activity.pricing_view": {"within_days": 5}}, {"activity.email_click": {"within_days": 5}}]
    }
    facts = Facts({}, state.ledger, {}, NOW_MS)
    ended = datetime.fromtimestamp(compile_until(parse(both))(facts) / 1000, UTC)
    assert ended == datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) - timedelta(days=15)
