"""Readiness in tables: named rules, hand raises, thresholds by persona, and when it all falls."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.compiled import CompiledBook
from routing_rules.facts import DAY_MS
from routing_rules.judge import judge
from routing_rules.outlook import outlook
from routing_rules.outlook_words import fall_words
from tests.factories import NOW_MS, WHO, a_compiled_book, a_standing, a_state

_READY: list[dict[str, Any]] = [
    {
        "name": "fits and looked into it",
        "when": {"all": [{"fit_grade": {"at_least": "B"}}, {"buying_stage": {"at_least": "evaluation"}}, {"engagement": {"gte": 50}}]},
        "personas": {
            "back_office_head": {"engagement": 30},
            "overseas_operations_lead": {"engagement": 70, "fit_grade": "A", "buying_stage": "decision"},
        },
    },
    {"name": "asked to talk", "when": {"all": [{"hand_raise": {"within_days": 7}}, {"fit_grade": {"at_least": "C"}}]}},
    {"name": "very keen", "when": {"all": [{"fit_grade": {"at_least": "C"}}, {"engagement": {"gte": 90}}]}},
]  # fmt: skip


def a_book(**files: Any) -> CompiledBook:
    return a_compiled_book(readiness={"ready": _READY}, **files)


BOOK = a_book()
# who | what, how many days ago | ready by, or what the nearest rule lacks
TABLE = """
情シス部長800人    | pricing_view 0 0 1 1; event_attended 2        | fits and looked into it
情シス部長800人    | pricing_view 0 0 1; whitepaper_download 2     | -engagement
情シス部長800人    | pricing_view 0 0 1; whitepaper_download 2 3   | fits and looked into it
情シス部長800人    | whitepaper_download 0 0 1; form_submit 0 1    | -buying_stage
情シス部長800人    | demo_request 3                                | asked to talk
情シス部長800人    | demo_request 0                                | fits and looked into it
情シス部長800人    | demo_request 6.9                              | asked to talk
情シス部長800人    | demo_request 7.1                              | -engagement
経理課長80人       | pricing_view 0 0 1; whitepaper_download 2     | fits and looked into it
経理課長80人       | pricing_view 0 0; whitepaper_download 2       | fits and looked into it
経理課長80人       | pricing_view 0 0                              | -engagement
経理課長80人       | whitepaper_download 0 0 1                     | -buying_stage
総務課長60人       | webinar_attended 0 0                          | fits and looked into it
総務課長60人       | webinar_attended 0                            | -engagement
人事部長2000人     | contact_request 0                             | fits and looked into it
IT manager SG      | pricing_view 0 0 1 1; event_attended 2        | -engagement
IT manager SG      | pricing_view 0 0 1 1; event_attended 2 2      | fits and looked into it
IT manager SG      | webinar_attended 0 0; event_attended 0 0      | -engagement
IT manager SG      | contact_request 9; pricing_view 0 0 1 1       | -engagement
IT manager SG      | demo_request 0                                | asked to talk
情シス担当40人     | demo_request 8; pricing_view 0 0 1 1; page_view 0 0 0 0 0; webinar_attended 0 | very keen
Sales manager DE   | demo_request 0; pricing_view 0                | fits and looked into it
情シス担当40人     | webinar_attended 0 0; event_attended 0 0; whitepaper_download 0 0 | very keen
情シス担当40人     | webinar_attended 0 0; event_attended 0 0      | -engagement
情シス担当40人     | quote_request 2                               | asked to talk
only an address    | quote_request 2                               | -fit_grade engagement
only an address    | webinar_attended 0 0; event_attended 0 0; whitepaper_download 0 0 | -fit_grade
部長, all no       | demo_request 0; pricing_view 0 0              | -contact_channel
情シス部長800人    | pricing_view 0 0 1 1; event_attended 2; unsubscribe 0 | -engagement
"""


def _did(text: str) -> dict[str, list[float]]:
    words = [part.split() for part in text.split(";") if part.strip()]
    return {kind: [float(day) for day in days] for kind, *days in words}


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_who_is_ready_by_which_rule_and_what_the_others_lack(row: str) -> None:
    """Each persona by its own thresholds; what is missing is told against the same."""
    who, what, wanted = (cell.strip() for cell in row.split("|"))
    came = judge(a_state(_did(what), **WHO[who]), a_standing(), BOOK, NOW_MS)
    lacking = "-" + " ".join(missing.field for missing in came.reasons.missing)
    assert (came.reasons.rule if came.verdict == "ready" else lacking) == wanted


@pytest.mark.parametrize("who, want", [("情シス部長800人", 50), ("経理課長80人", 30), ("IT manager SG", 70)])
def test_what_is_missing_is_the_personas_own_threshold(who: str, want: float) -> None:
    """A head of finance needs 30 points and reads so, not 50."""
    came = judge(a_state({"page_view": [0], "demo_request": [8.0]}, **WHO[who]), a_standing(), BOOK, NOW_MS)
    wanted = {missing.field: missing.want for missing in came.reasons.missing}
    assert wanted.get("engagement", want) == want
    assert came.verdict == ("ready" if who == "経理課長80人" else "nurture")


# who | what | field, line, falls on (UTC), then
FALLS = """
情シス部長800人 | pricing_view 0 0 1 1; event_attended 2; webinar_attended 2 | engagement 50 2026-12-08 00:00 48.37; ready fits and looked into it 2026-12-08 00:00
経理課長80人    | pricing_view 0 0; whitepaper_download 2 | engagement 30 2026-11-26 00:00 29.24; ready fits and looked into it 2026-11-26 00:00
総務課長60人    | demo_request 6 | engagement 30 2026-12-04 00:00 29.49; ready fits and looked into it 2026-12-04 00:00
情シス担当40人  | contact_request 1 | ready asked to talk 2026-11-30 01:00
IT manager SG   | demo_request 0; pricing_view 0 0 1 1 | engagement 70 2026-12-02 00:00 68.62; ready fits and looked into it 2026-12-02 00:00
情シス部長800人 | page_view 0 |
"""


@pytest.mark.parametrize("row", [line for line in FALLS.splitlines() if line])
def test_what_falls_when(row: str) -> None:
    """Points to the day, hand raises to the millisecond: 7 times 24 hours after they were made."""
    who, what, wanted = (cell.strip() for cell in row.split("|"))
    found = outlook(a_state(_did(what), **WHO[who]), a_standing(), BOOK, NOW_MS)
    said = []
    for fall in found:
        at = datetime.fromtimestamp(fall.at_ms // 60_000 * 60, UTC)
        then = "" if fall.then is None else f" {fall.then}"
        said.append(
            f"{fall.field} {fall.line if isinstance(fall.line, str) else format(fall.line, 'g')} {at:%Y-%m-%d %H:%M}{then}"
        )
    assert "; ".join(one for one in said if not one.startswith("buying_stage")) == wanted


def test_the_fall_is_told_in_both_languages() -> None:
    """`falls below 60 on 12 Oct`, in the reader's zone."""
    lead = a_state(_did("pricing_view 0 0; whitepaper_download 2"), **WHO["経理課長80人"])
    falls = {fall.field: fall for fall in outlook(lead, a_standing(), BOOK, NOW_MS)}

    zone = timezone(timedelta(hours=9), "JST")
    points, ready = falls["engagement"], falls["ready"]
    assert (
        fall_words(points, BOOK, "en", zone) == "engagement falls below 30 on 2026-11-26 09:00 JST (to 29.24)"
    )
    assert (
        fall_words(points, BOOK, "ja", zone)
        == "関心度は 2026-11-26 09:00 JST に 30 を下回ります（29.24 になります）"
    )
    assert (
        fall_words(ready, BOOK, "en")
        == "meets no readiness rule from 2026-11-26 00:00 UTC on (now “fits and looked into it”)"
    )


_KINDS = (
    "pricing_view",
    "webinar_attended",
    "email_click",
    "whitepaper_download",
    "demo_request",
    "unsubscribe",
    "careers_view",
)
_ACTS = st.dictionaries(
    st.sampled_from(_KINDS), st.lists(st.integers(0, 600).map(lambda n: n / 20), min_size=1, max_size=5), max_size=5
)  # fmt: skip


@given(_ACTS, st.sampled_from(["情シス部長800人", "経理課長80人", "IT manager SG", "情シス担当40人"]))
def test_every_fall_is_true_to_the_millisecond(did: dict[str, list[float]], who: str) -> None:
    """Judged just before, it is still so; judged at the instant, it is so no more."""
    state = a_state(did, **WHO[who])
    for fall in outlook(state, a_standing(), BOOK, NOW_MS):
        before, after = (judge(state, a_standing(), BOOK, at) for at in (fall.at_ms - 1, fall.at_ms))
        if fall.field == "engagement":
            assert after.engagement == fall.then < fall.line <= before.engagement
        elif fall.field == "buying_stage":
            assert (before.buying_stage, after.buying_stage) == (fall.line, fall.then)
            assert fall.line != fall.then
        else:
            assert (before.verdict, after.verdict) == ("ready", "nurture")


@given(_ACTS, st.sampled_from(["情シス部長800人", "経理課長80人", "情シス担当40人"]))
def test_ready_until_the_instant_told(did: dict[str, list[float]], who: str) -> None:
    """No day between now and then on which it is not; and who never falls is ready for as far as anybody plans."""
    state = a_state(did, **WHO[who])
    if judge(state, a_standing(), BOOK, NOW_MS).verdict != "ready":
        return
    falls = [fall.at_ms for fall in outlook(state, a_standing(), BOOK, NOW_MS) if fall.field == "ready"]
    until = falls[0] if falls else NOW_MS + 60 * DAY_MS
    times = range(NOW_MS, until, max(DAY_MS // 4, (until - NOW_MS) // 200))
    assert {judge(state, a_standing(), BOOK, at).verdict for at in times} == {"ready"}


@given(
    _ACTS, st.sampled_from(["pricing_view", "webinar_attended", "demo_request"]), st.sampled_from(sorted(WHO))
)
def test_one_more_good_act_never_makes_a_ready_lead_unready(
    did: dict[str, list[float]], kind: str, who: str
) -> None:
    """More evidence never costs readiness, unless a rule says so."""
    more = {**did, kind: [*did.get(kind, []), 0.0]}
    before = judge(a_state(did, **WHO[who]), a_standing(), BOOK, NOW_MS)
    if before.verdict == "ready":
        assert judge(a_state(more, **WHO[who]), a_standing(), BOOK, NOW_MS).verdict == "ready"
