"""The judgement on the shipped rulebook: a table that a salesperson can read, then what holds for every lead."""

import copy
import dataclasses
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.facts import DAY_MS, gather
from routing_rules.fit import best_fit, fit_grade
from routing_rules.fold import fold
from routing_rules.judge import judge
from schemas.decision import Judgement
from schemas.lead import WITH_SALES, LeadState, Standing
from tests.factories import NOW, NOW_MS, WHO, a_compiled_book, a_rulebook, a_standing, a_state, an_event

BOOK = a_compiled_book()
# who | did what how many days ago | grade | stage | verdict | by this rule, or held on this track
TABLE = """
情シス部長800人 |  | A | awareness | nurture | basics
情シス部長800人 | page_view 0 0 1 | A | awareness | nurture | basics
情シス部長800人 | whitepaper_download 3 | A | interest | nurture | basics
情シス部長800人 | pricing_view 3 | A | evaluation | nurture | evaluation_support
情シス部長800人 | pricing_view 1 2 2; webinar_attended 5; whitepaper_download 6 | A | evaluation | ready | understands and fits
情シス部長800人 | pricing_view 35 36 36; webinar_attended 70; whitepaper_download 80 | A | interest | nurture | basics
情シス部長800人 | whitepaper_download 0 0 1 1; case_study_view 0 0; page_view 0 0 0 0 0 | A | interest | nurture | basics
情シス部長800人 | demo_request 0 | A | decision | ready | understands and fits
情シス部長800人 | demo_request 8 | A | decision | nurture | evaluation_support
情シス部長800人 | demo_request 15 | A | evaluation | nurture | evaluation_support
情シス部長800人 | demo_request 0; unsubscribe 0 | A | decision | ready | hand raise
情シス課長100人 | pricing_view 0 0 1 1; event_attended 2 | B | decision | ready | understands and fits
情シス課長100人 | webinar_registered 1; webinar_attended 0 | B | evaluation | nurture | evaluation_support
情シス担当40人 | pricing_view 1 2; case_study_view 3 | C | evaluation | nurture | evaluation_support
情シス担当40人 | demo_request 1 | C | decision | ready | hand raise
情シス担当40人 | trial_started 4; product_login 1 2 3 | C | decision | ready | uses the trial
情シス担当40人 | trial_started 4; product_login 1 2 | C | decision | nurture | trial_coaching
情シス担当40人 | trial_started 4; product_login 15 16 17 | C | decision | nurture | trial_coaching
情シス担当40人 | webinar_attended 0 0; event_attended 0 0; whitepaper_download 0 0 | C | evaluation | ready | strong engagement
経理課長80人 | pricing_view 2 | A | evaluation | nurture | evaluation_support
経理課長80人 | pricing_view 1 2 2; webinar_attended 5; whitepaper_download 6 | A | evaluation | ready | understands and fits
経理課長80人 | quote_request 0 | A | decision | ready | understands and fits
経理課長80人 | contact_request 3 | A | decision | ready | hand raise
総務担当30人 | contact_request 0 | C | decision | ready | hand raise
総務担当30人 | pricing_view 0 0 0 0 | C | decision | nurture | evaluation_support
総務課長60人 | demo_request 7 | A | decision | ready | hand raise
総務課長60人 | newsletter_signup 10; email_click 1 2 | A | interest | nurture | back_office_basics
人事部長2000人 | trial_request 1; webinar_attended 3 | A | decision | ready | understands and fits
営業部長5000人 | demo_request 0 | B | decision | ready | understands and fits
営業部長30人 | pricing_view 1 2 2; webinar_attended 5 | C | evaluation | nurture | evaluation_support
CIO in Tokyo | event_attended 1; pricing_view 0 0; whitepaper_download 1 | A | evaluation | ready | understands and fits
IT manager SG | demo_request 0 | A | decision | ready | understands and fits
IT manager SG | page_view 0 | A | awareness | nurture | overseas_education
IT manager SG | pricing_view 1 | A | evaluation | nurture | evaluation_support
Finance manager US | contact_request 1 | A | decision | ready | hand raise
Sales manager DE | page_view 0 | B | awareness | nurture | overseas_education
Sales manager DE | demo_request 0 | B | decision | ready | understands and fits
only an address | | D | awareness | nurture | basics
only an address | demo_request 0 | D | decision | nurture | basics
only an address | webinar_attended 0 0; event_attended 0 0; whitepaper_download 0 0 | D | evaluation | nurture | basics
free mail, 課長 | contact_request 0 | B | decision | ready | understands and fits
only a phone | demo_request 0 | A | decision | ready | understands and fits
no address | demo_request 0 | A | decision | nurture | evaluation_support
competitor CIO | demo_request 0 | A | decision | disqualify | competitor
学生 | demo_request 0 | D | decision | disqualify | student
student | whitepaper_download 1 | C | interest | disqualify | student
our own | pricing_view 0 0 | A | evaluation | disqualify | ourselves
総務課長60人 | careers_view 1 2 3 | A | awareness | disqualify | job_seeker
総務課長60人 | careers_view 1 2 3; pricing_view 1 | A | evaluation | nurture | evaluation_support
総務課長60人 | careers_view 1 2 31 | A | awareness | nurture | basics
総務課長60人 | careers_view 1 2 3; demo_request 0 | A | decision | ready | hand raise
部長, mail no | demo_request 0 | A | decision | nurture | sunset.no_mail_permission
部長, mail no, phone | demo_request 0 | A | decision | ready | understands and fits
部長, all no | demo_request 0; pricing_view 0 0 | A | decision | nurture | sunset.no_mail_permission
"""


def did(text: str) -> dict[str, list[float]]:
    """Read `pricing_view 1 2; demo_request 0`: kinds, and how many days ago."""
    words = [part.split() for part in text.split(";") if part.strip()]
    return {kind: [float(day) for day in days] for kind, *days in words}


def judged(who: str, what: str = "", standing: Standing | None = None) -> Judgement:
    return judge(a_state(did(what), **WHO[who]), standing or a_standing(), BOOK, NOW_MS)


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_who_did_what_and_what_we_make_of_it(row: str) -> None:
    """Each line is a lead as marketing and sales agreed to see it."""
    who, what, *wanted = (cell.strip() for cell in row.split("|"))
    came = judged(who, what)
    why = (came.track or came.reasons.rule) if came.verdict == "nurture" else came.reasons.rule
    assert [came.fit_grade, came.buying_stage, came.verdict, why] == wanted


def recycled(days_ago: float, cool_down_days: float = 60, **more: Any) -> Standing:
    """Return the standing of a lead that a rep handed back."""
    at_ms = NOW_MS - int(days_ago * DAY_MS)
    until = at_ms + int(cool_down_days * DAY_MS)
    given = {
        "lifecycle_stage": "nurture",
        "track": "win_back",
        "recycle_count": 1,
        "rule": "declined.not_now",
    }
    return Standing(**{**given, "recycled_at_ms": at_ms, "cool_down_until_ms": until, **more})


READY = "pricing_view 1 2 2; webinar_attended 5; whitepaper_download 6"


@pytest.mark.parametrize(
    "what, standing, verdict, missing",
    [
        (READY, recycled(10), "nurture", ["cool_down"]),
        (READY, recycled(59.9), "nurture", ["cool_down"]),
        (READY, recycled(60), "ready", []),
        (READY, recycled(10, cool_down_days=0), "ready", []),
        ("demo_request 1", recycled(10), "ready", []),
        ("demo_request 10.5", recycled(10), "nurture", ["cool_down", "engagement"]),
        ("demo_request 3", recycled(2.5), "nurture", ["cool_down"]),
        ("quote_request 2; demo_request 11", recycled(10), "ready", []),
        (READY, a_standing(lifecycle_stage="nurture", recycle_count=3), "ready", []),
    ],
)  # fmt: skip
def test_a_cool_down_is_kept_unless_the_lead_asks_anew(
    what: str, standing: Standing, verdict: str, missing: list[str]
) -> None:
    """Sales does not see it again before the time is over, but for a wish to talk that came afterwards."""
    came = judged("情シス部長800人", what, standing)
    assert (came.verdict, [one.field for one in came.reasons.missing][: len(missing) or 9]) == (
        verdict,
        missing,
    )


_READY: dict[str, Any] = {"title": "情報システム部長", "employees": 800}


@pytest.mark.parametrize("did, verdict", [
    ({"demo_request": [3]}, "nurture"),  # all of it is history
    ({"demo_request": [3], "page_view": [0.5]}, "ready"),
    ({"demo_request": [0.5]}, "ready"),
    ({"demo_request": [3], "email_sent": [0.5], "email_bounce": [0.5]}, "nurture"),  # not its own doing
    ({"demo_request": [3], "page_view": [1]}, "nurture"),  # the very instant until which it is history
])  # fmt: skip
def test_history_waits_for_an_act_of_the_lead(did: dict[str, list[float]], verdict: str) -> None:
    """Known from history until yesterday: only what the lead did since then lets sales have it, and it is told so."""
    state = a_state(did, **_READY)
    held = judge(state, a_standing(history_until_ms=NOW_MS - DAY_MS), a_compiled_book(), NOW_MS)

    assert judge(state, a_standing(), a_compiled_book(), NOW_MS).verdict == "ready"
    assert held.verdict == verdict
    assert ("history" in [one.field for one in held.reasons.missing]) == (verdict == "nurture")


@pytest.mark.parametrize("days, track", [(10, "basics"), (61, "win_back")])
def test_the_track_that_a_rep_chose_lasts_as_long_as_the_cool_down(days: float, track: str) -> None:
    """Handed back for a reason with a track of its own, it stays there until the reason is over."""
    assert judged("only an address", "", recycled(days, track="basics", recycle_count=2)).track == track


def test_what_is_there_is_not_called_missing() -> None:
    """A lead that only cools down lacks nothing else."""
    missing = judged("情シス部長800人", READY + "; demo_request 12", recycled(10)).reasons.missing
    assert [one.field for one in missing] == ["cool_down"]


@pytest.mark.parametrize("stage", sorted(WITH_SALES - {"sql"}))
@pytest.mark.parametrize(
    "who, verdict, lifecycle_stage",
    [("情シス部長800人", "unchanged", None), ("部長, all no", "recycle", "nurture"), ("部長, mail no", "recycle", "nurture"), ("部長, mail no, phone", "unchanged", None), ("competitor CIO", "disqualify", "disqualified")],
)  # fmt: skip
def test_with_sales_it_stays_until_permission_goes(
    stage: Any, who: str, verdict: str, lifecycle_stage: str | None
) -> None:
    """Falling interest takes no lead from a rep; withdrawn permission does, when no channel is left."""
    came = judged(who, "", a_standing(lifecycle_stage=stage, rule="hand raise"))
    rule = {"recycle": "consent_withdrawn", "unchanged": "hand raise", "disqualify": "competitor"}[verdict]
    assert (came.verdict, came.lifecycle_stage, came.reasons.rule) == (
        verdict,
        lifecycle_stage or stage,
        rule,
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "words, stage",
    [
        ([("opened", "1", 3)], "sql"), ([("opened", "1", 3), ("won", "1", 1)], "won"), ([("opened", "1", 3), ("lost", "1", 1)], "lost"),
        ([("won", "1", 3), ("opened", "2", 1)], "sql"), ([("won", "1", 3), ("lost", "2", 1)], "won"),
        ([("lost", "1", 3), ("opened", "1", 1)], "sql"), ([("lost", "1", 9), ("lost", "2", 1)], "lost"),
        ([("opened", "1", 9), ("lost", "1", 5), ("opened", "2", 4), ("won", "2", 1)], "won"),
    ],
)  # fmt: skip
def test_the_crm_has_the_last_word(words: list[tuple[str, str, int]], stage: str, reverse: bool) -> None:
    """Opened, won and lost make the stage in whatever order they arrive, on whatever stage they meet."""
    state = a_state()
    for what, deal, days in reversed(words) if reverse else words:
        fold(
            state, an_event(type=f"outcome.{what}", opportunity=deal, time=NOW - timedelta(days=days)), NOW_MS
        )
    for before in ("inquiry", "nurture", "mql", "sal", "sql", "won", "lost"):
        came = judge(state, Standing(lifecycle_stage=before), BOOK, NOW_MS)
        assert (came.verdict, came.lifecycle_stage) == ("unchanged", stage)


@pytest.mark.parametrize(
    "who, rule, verdict",
    [
        ("情シス部長800人", "declined.student_or_private", "unchanged"), ("情シス部長800人", "declined.duplicate", "unchanged"),
        ("情シス部長800人", "competitor", "ready"), ("only an address", "competitor", "nurture"), ("competitor CIO", "competitor", "disqualify"),
    ],
)  # fmt: skip
def test_what_a_rep_ruled_out_stays_out(who: str, rule: str, verdict: str) -> None:
    """A rule that holds no longer lets a lead in again; a rep's word no rule undoes."""
    came = judged(who, "demo_request 0", a_standing(lifecycle_stage="disqualified", rule=rule))
    assert came.verdict == verdict
    assert (came.lifecycle_stage == "disqualified") is (verdict in ("unchanged", "disqualify"))


@pytest.mark.parametrize(
    "who, what, owner, pool, strategy, sla",
    [
        ("情シス部長800人", READY, "kato_daichi", "inside_sales", "owner", "standard"),
        ("情シス部長800人", READY, "gone_long_ago", "inside_sales", "least_loaded", "standard"),
        ("情シス部長800人", "demo_request 0", None, "inside_sales", "least_loaded", "hot"),
        ("CIO in Tokyo", "demo_request 0", None, "enterprise_east", "round_robin", "hot"),
        ("営業部長5000人", "demo_request 0", None, "enterprise_east", "round_robin", "hot"),
        ("IT manager SG", "demo_request 0", None, "overseas_apac", "best_match", "overseas"),
        ("Finance manager US", "demo_request 0", None, "overseas_emea_amer", "least_loaded", "overseas"),
        ("free mail, 課長", "demo_request 0", None, "inside_sales", "least_loaded", "hot"),
    ],
)  # fmt: skip
def test_a_ready_lead_has_a_way_to_go(
    who: str, what: str, owner: str | None, pool: str, strategy: str, sla: str
) -> None:
    """Every ready lead names pool, strategy and promise; an owner who left swallows none."""
    route = judge(a_state(did(what), **WHO[who]), a_standing(), BOOK, NOW_MS, owner).reasons.route
    assert route is not None
    assert (route.pool, route.strategy, route.sla) == (pool, strategy, sla)


_KINDS = st.sampled_from([*BOOK.source.scoring.activities, "own_kind"])
_DID = st.dictionaries(_KINDS, st.lists(st.integers(0, 100).map(float), max_size=4), max_size=4)
_WHO = st.sampled_from([name for name in WHO if name != "student"])
_STANDING = st.builds(
    Standing, st.sampled_from(["inquiry", "nurture", "mql", "sal", "sql", "won", "lost", "disqualified"]),
    recycle_count=st.integers(0, 2), rule=st.sampled_from([None, "hand raise", "declined.duplicate"]),
    track=st.sampled_from([None, "basics"]), cool_down_until_ms=st.sampled_from([None, NOW_MS - 1, NOW_MS + DAY_MS]),
)  # fmt: skip


@given(_DID, _WHO, _STANDING)
def test_a_judgement_is_pure(done: dict[str, list[float]], who: str, standing: Standing) -> None:
    """The same lead at the same time gives the same words, byte by byte, and is not changed by being judged."""
    state = a_state(done, **WHO[who])
    before = copy.deepcopy(state)
    first = msgspec.json.encode(judge(state, standing, BOOK, NOW_MS))
    assert (msgspec.json.encode(judge(before, standing, BOOK, NOW_MS)), state) == (first, before)


@given(_DID, _WHO, _STANDING)
def test_the_explanation_adds_up(done: dict[str, list[float]], who: str, standing: Standing) -> None:
    """Fit is the points of the rules named; engagement is the sum of the parts named, never below nothing."""
    came = judge(a_state(done, **WHO[who]), standing, BOOK, NOW_MS)
    persona = next(one for one in BOOK.source.persona.personas if one.id == came.persona)
    earned = sum(persona.fit[index].points for index in came.reasons.fit_rules)
    assert came.fit == round(100 * earned / sum(rule.points for rule in persona.fit))
    assert came.fit_grade == fit_grade(came.fit, BOOK)
    assert came.engagement == max(round(sum(came.reasons.engagement.values()), 2), 0)


@given(_DID, _WHO, _STANDING)
def test_a_verdict_says_what_comes_next(done: dict[str, list[float]], who: str, standing: Standing) -> None:
    """Ready has a route; held has a track, a later look and something missing; nobody unreachable is ready."""
    state = a_state(done, **WHO[who])
    came = judge(state, standing, BOOK, NOW_MS)
    assert (came.reasons.route is not None) is (came.verdict == "ready")
    if came.verdict == "ready":
        assert any(
            state.fact(channel) is not None and not state.denied(channel) for channel in ("email", "phone")
        )
    if came.verdict in ("nurture", "recycle"):
        tracks = {track.id for track in BOOK.source.nurture.tracks}
        assert came.track in tracks or (came.reasons.rule or "").startswith(("sunset.", "consent_withdrawn"))
        assert came.review_at_ms is not None
        assert came.review_at_ms > NOW_MS
        assert came.reasons.missing


_FACTS: dict[str, Any] = {
    "title": "情報システム部長",
    "employees": 5000,
    "country": "JP",
    "email": "a@aoba.example.co.jp",
}


@given(st.permutations(sorted(_FACTS)), st.integers(0, 3))
def test_fit_never_falls_when_a_matching_fact_becomes_known(order: list[str], known: int) -> None:
    """An unknown fact earns nothing, so learning one that matches can only help."""
    said: dict[str, Any] = {"email": None} | {name: _FACTS[name] for name in order[:known]}
    more = {**said, order[known]: _FACTS[order[known]]}
    fits = [best_fit(gather(a_state(**words), Standing(), NOW_MS), BOOK).fit for words in (said, more)]
    assert fits[0] <= fits[1]


def test_a_lead_of_whom_nothing_is_known_is_judged() -> None:
    """No event at all: fit nothing, first stage, held, and told that no channel is known."""
    came = judge(LeadState(), Standing(), BOOK, NOW_MS)
    assert (came.fit, came.fit_grade, came.buying_stage, came.verdict) == (0, "D", "awareness", "nurture")
    assert came.reasons.missing[0].field == "contact_channel"
    assert came.reasons.known == 0


@pytest.mark.parametrize("who", sorted(WHO))
def test_a_remembered_fit_is_the_fit(who: str) -> None:
    """The fit of facts that were met before is the one that a rulebook without memory gives."""
    forgetful = dataclasses.replace(BOOK, fit_fields=None)
    facts = gather(a_state(**WHO[who]), Standing(), NOW_MS)
    assert BOOK.fit_fields
    assert best_fit(facts, BOOK) == best_fit(facts, BOOK) == best_fit(facts, forgetful)


def test_a_fit_that_rests_on_what_a_lead_did_is_not_remembered() -> None:
    """Two leads with the same facts differ where the persona asks what they did."""
    document = a_rulebook().model_dump(mode="json")["persona"]
    document["personas"] = document["personas"][:1]
    document["personas"][0]["fit"].append({"points": 50, "when": {"activity.trial_started": {"at_least": 1}}})
    book = a_compiled_book(persona=document)
    idle, busy = (
        gather(a_state(did, **WHO["情シス課長100人"]), Standing(), NOW_MS)
        for did in ({}, {"trial_started": [1]})
    )
    assert best_fit(idle, book).fit < best_fit(busy, book).fit
