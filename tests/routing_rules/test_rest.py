"""Who is let rest is looked at again in time, and only what the lead itself did wakes anybody up."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.coming import what_comes
from routing_rules.facts import DAY_MS
from routing_rules.fold import fold
from routing_rules.judge import judge
from routing_rules.machines import Marks, people_only
from schemas.lead import LeadState, Standing
from schemas.lead_event import LeadEvent
from tests.factories import NOW_MS, WHO, a_compiled_book, a_state

BOOK = a_compiled_book()
IT = WHO["情シス部長800人"]
NAME = {"ja": "名", "en": "name"}
READY = {"pricing_view": [1, 1, 2], "webinar_attended": [1, 3]}


def test_a_sunset_leaves_the_end_of_a_cool_down() -> None:
    """Who denied mail may still be phoned: it is ready when its cool-down ends, and looked at then."""
    state = a_state(READY, **IT, phone="+81312345678", consent={"email": False})
    until = NOW_MS + DAY_MS
    standing = Standing(
        "nurture", "back_office_basics", 1, NOW_MS - 4 * DAY_MS, until, rule="declined.too_early"
    )
    held = judge(state, standing, BOOK, NOW_MS)
    assert (held.track, held.reasons.rule, held.review_at_ms) == (None, "sunset.no_mail_permission", until)
    assert judge(state, standing, BOOK, until).verdict == "ready"
    coming = what_comes(held, state, standing, BOOK, NOW_MS)
    assert ("cool_down_ends", until) in [(one.what, one.at_ms) for one in coming]


def test_a_sunset_whose_condition_grows_old_is_looked_at_as_on_a_track() -> None:
    """It is on no track, and yet looked at when the track would have had it looked at: here within thirty days."""
    job = {"id": "job", "name": NAME, "when": {"activity.careers_view": {"within_days": 30}}}
    book = a_compiled_book(nurture={"sunset": [job]})
    state = a_state({"careers_view": [1]}, **IT)
    held = judge(state, Standing(), book, NOW_MS)
    assert (held.track, held.reasons.rule) == (None, "sunset.job")
    assert held.review_at_ms is not None
    assert held.review_at_ms <= NOW_MS + 30 * DAY_MS
    assert judge(state, Standing(), book, NOW_MS + 30 * DAY_MS).track == "basics"


def touched(state: LeadState, kind: str, at_ms: int, *, machine: bool = False) -> LeadState:
    """Return a lead who did one thing more, or for whom a machine did it."""
    after = msgspec.json.decode(msgspec.json.encode(state), type=LeadState)
    touch = (0, 0, 0, 1) if machine else None
    fold(after, LeadEvent("e", "ma", "lead.activity", at_ms, [], {}, kind, {}, touch=touch), NOW_MS)
    return after


@pytest.mark.parametrize("kind, machine, verdict", [
    ("email_click", True, "nurture"), ("email_click", False, "ready"), ("email_open", False, "nurture"),
    ("page_view", True, "nurture"), ("page_view", False, "ready"), ("email_sent", False, "nurture"),
])  # fmt: skip
def test_only_its_own_act_ends_mere_history(kind: str, machine: bool, verdict: str) -> None:
    """Held by imported history though it is ready: a scanner's click and a mail program's open leave it there."""
    held = Standing(lifecycle_stage="nurture", track="basics", history_until_ms=NOW_MS - 1_000)
    state = a_state(READY, **IT)
    assert judge(state, held, BOOK, NOW_MS).verdict == "nurture"
    assert judge(touched(state, kind, NOW_MS - 5, machine=machine), held, BOOK, NOW_MS).verdict == verdict


@pytest.mark.parametrize("machine, rule", [(True, "dormant"), (False, None)])
def test_a_machine_wakes_nobody(machine: bool, rule: str | None) -> None:
    """Asleep for want of activity: a click does wake it, unless a scanner made it; what comes says the same."""
    state = touched(a_state({"whitepaper_download": [150]}, **IT), "email_click", NOW_MS - 5, machine=machine)
    now = judge(state, Standing(), BOOK, NOW_MS)
    assert now.reasons.rule == rule
    coming = [one.what for one in what_comes(now, state, Standing(), BOOK, NOW_MS)]
    assert ("falls_asleep" in coming) is not machine


@given(
    st.lists(
        st.tuples(st.sampled_from(["email_open", "email_click", "page_view"]), st.integers(0, 40 * 60), st.booleans()),
        max_size=12,
    )
)  # fmt: skip
def test_the_newest_act_of_a_person_is_exact(acts: list[tuple[str, int, bool]]) -> None:
    """Of traced kinds to the millisecond; of others to the day, or exactly where nothing later was a machine's."""
    state, told = LeadState(), Marks(None, None, None, True, 32, 0)
    for kind, minutes, machine in acts:
        state = touched(state, kind, NOW_MS - minutes * 60_000, machine=machine)
    last = people_only(state, told).last
    for kind in ("email_open", "email_click", "page_view"):
        own = [NOW_MS - minutes * 60_000 for name, minutes, machine in acts if name == kind and not machine]
        by_machine = [NOW_MS - m * 60_000 for name, m, machine in acts if name == kind and machine]
        if not own:
            assert kind not in last
        elif kind == "page_view" and by_machine and max(by_machine) >= max(own):
            assert last[kind] == max(own) // DAY_MS * DAY_MS
        else:
            assert last[kind] == max(own)


def test_what_people_do_of_other_kinds_is_not_struck_for_being_much() -> None:
    """Only what a machine did of them leaves a trace, so what has none is a person's, however full the day."""
    state = LeadState()
    for second in range(40):
        state = touched(state, "page_view", NOW_MS - second * 1_000, machine=second < 32)
    assert BOOK.machines is not None
    people = people_only(state, BOOK.machines)
    assert (people.ledger["page_view"], people.filtered) == (
        {NOW_MS // DAY_MS: 8},
        {"page_view": {"told": 32}},
    )


@pytest.mark.parametrize("sunset, announced", [
    ({"id": "de", "when": {"company.country": {"eq": "DE"}}, "silent_days": 20}, None),
    ({"id": "jp", "when": {"fit_grade": {"at_least": "B"}}, "silent_days": 20}, ("sunset", 17)),
    ({"id": "old", "age_days": 90}, ("sunset_by_age", 87)),
    ({"id": "both", "age_days": 90, "silent_days": 20}, ("sunset", 87)),
    ({"id": "late", "silent_days": 400}, ("sunset", 397)),
])  # fmt: skip
def test_a_sunset_is_announced_where_it_comes(sunset: Any, announced: tuple[str, int] | None) -> None:
    """Only a rule whose condition holds is, by age too; and who is no longer written to does not fall asleep after."""
    book = a_compiled_book(nurture={"sunset": [{**sunset, "name": NAME}]})
    state = a_state({"whitepaper_download": [3]}, **IT)
    coming = what_comes(judge(state, Standing(), book, NOW_MS), state, Standing(), book, NOW_MS)
    told = [one for one in coming if one.what.startswith("sunset")]
    days = None if announced is None else announced[1]
    assert [(one.what, one.at_ms) for one in told] == (
        [] if announced is None or days is None else [(announced[0], NOW_MS + days * DAY_MS)]
    )
    assert ("falls_asleep" in [one.what for one in coming]) is (days is None or days > 117)
    for one in told:
        assert one.at_ms is not None
        before, then = (judge(state, Standing(), book, at) for at in (one.at_ms - 1, one.at_ms))
        assert then.reasons.rule == f"sunset.{sunset['id']}" != before.reasons.rule


@pytest.mark.parametrize("did_before, standing, track, days", [
    ({"whitepaper_download": [150]}, Standing(), "sleepers", 90),
    ({"whitepaper_download": [3]}, Standing("nurture", "win_back", 1, NOW_MS - DAY_MS, NOW_MS + 40 * DAY_MS), "win_back", 14),
    ({"whitepaper_download": [3]}, Standing(), "basics", 30),
    ({"whitepaper_download": [3]}, Standing("nurture", "gone", 1, NOW_MS - DAY_MS, NOW_MS + 40 * DAY_MS), "gone", 30),
])  # fmt: skip
def test_the_next_look_is_that_of_the_track_it_is_on(
    did_before: Any, standing: Standing, track: str, days: int
) -> None:
    """Asleep, or where a reason sent it: `review_after` of that track counts; of one that is gone, the chosen one's."""
    held = judge(a_state(did_before, **IT), standing, BOOK, NOW_MS)
    at_ms = (NOW_MS + days * DAY_MS) // DAY_MS * DAY_MS + 60_000
    assert (held.track, held.review_at_ms) == (track, at_ms)
