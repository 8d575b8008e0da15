"""Who is let rest is looked at again in time, and only what the lead itself did wakes anybody up."""

from routing_rules.coming import what_comes
from routing_rules.facts import DAY_MS
from routing_rules.judge import judge
from schemas.lead import Standing
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
