"""The fold: any order, any split, one lead."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing_rules import traces
from routing_rules.facts import DAY_MS
from routing_rules.fold import fold, merge
from schemas.event import PROFILE
from schemas.lead import LeadState
from schemas.lead_event import LeadEvent
from tests.factories import NOW, NOW_MS, an_event, ms

HOUR = timedelta(hours=1)
# Few values and few instants, so that ties and contradictions are common.
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@example.com", "b@example.com"]),
        "title": st.sampled_from(["部長", "課長", "Manager"]),
        "company": st.sampled_from(["青葉", "Aoba"]),
        "employees": st.sampled_from([0, 9, 10, 500]),
        "country": st.sampled_from(["JP", "us"]),
        "activity": st.sampled_from(["pricing_view", "demo_request", "page_view", "email_sent", "email_open", "email_click"]),
        "mail_id": st.sampled_from(["mail-1", "mail-2"]),
        "mail_link": st.sampled_from(["https://example.com/a", "https://example.com/b"]),
        "mail_sent_at": st.sampled_from([NOW.isoformat(), (NOW - HOUR).isoformat()]),
        "user_agent": st.sampled_from(["Mozilla/5.0 (iPhone) Safari/604.1", "python-requests/2.32.3"]),
        "machine": st.booleans(),
        "consent": st.dictionaries(st.sampled_from(["email", "phone", "all"]), st.sampled_from([True, False, None])),
        "opportunity": st.sampled_from(["006-1", "006-2"]),
        "amount": st.sampled_from([0.0, 1.0, 5e6]),
        "currency": st.sampled_from(["JPY", "USD"]),
        "reason": st.sampled_from(["price", "timing"]),
    },
)  # fmt: skip


@st.composite
def events(draw: st.DrawFn, max_size: int = 8) -> list[LeadEvent]:
    return [
        an_event(
            time=NOW + draw(st.sampled_from([-720, -25, -24, -1, 0, 1, 5])) * HOUR,
            source=draw(st.sampled_from(["ma", "crm", "enrich:a", "enrich:b"])),
            subject=draw(st.sampled_from(["lead-1", "c@example.com"])),
            type=draw(st.sampled_from(["lead.captured", "lead.activity", "outcome.opened", "outcome.won", "outcome.lost"])),
            **draw(_DATA),
        )
        for _ in range(draw(st.integers(0, max_size)))
    ]  # fmt: skip


def folded(stream: Sequence[LeadEvent], received_ms: int = NOW_MS) -> LeadState:
    state = LeadState()
    for event in stream:
        fold(state, event, received_ms)
    return state


@given(st.data(), events())
def test_any_order_gives_the_same_lead(data: st.DataObject, stream: list[LeadEvent]) -> None:
    """Events may arrive in any order: the lead is the same to the last field."""
    assert folded(data.draw(st.permutations(stream))) == folded(stream)


@given(events(), events())
def test_merging_is_folding_all_events_into_one(some: list[LeadEvent], others: list[LeadEvent]) -> None:
    """Two leads that turn out to be one are the lead that all their events make."""
    assert merge(folded(some), folded(others)) == folded([*some, *others])


@given(events(), events(), events())
def test_merging_knows_no_order_and_no_brackets(
    one: list[LeadEvent], two: list[LeadEvent], three: list[LeadEvent]
) -> None:
    """Whichever is merged into whichever, and in which order, the lead is the same."""
    a, b, c = folded(one), folded(two), folded(three)
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, LeadState()) == a


@given(events(), events())
def test_merging_changes_neither_lead(some: list[LeadEvent], others: list[LeadEvent]) -> None:
    """A merge can be undone: both leads are what they were."""
    a, b = folded(some), folded(others)
    merged = merge(a, b)
    for event in others:
        fold(merged, event, NOW_MS)
    assert (a, b) == (folded(some), folded(others))


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep traces of two days, and of a day two, so that hypothesis reaches the ends."""
    monkeypatch.setattr(traces, "TRACES_A_DAY", 2)
    monkeypatch.setattr(traces, "TRACED_DAYS", 2)


@pytest.mark.usefixtures("little_room")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), events(max_size=16), events(max_size=8))
def test_traces_that_find_no_room_are_the_same_in_any_order(
    data: st.DataObject, some: list[LeadEvent], others: list[LeadEvent]
) -> None:
    """Of each day the earliest are kept, of days the newest: in any order, and whichever leads are merged."""
    whole = folded([*some, *others])
    assert folded(data.draw(st.permutations([*some, *others]))) == whole
    assert merge(folded(some), folded(others)) == merge(folded(others), folded(some)) == whole
    assert all(
        len(days) <= 2 and all(len(kept) <= 2 for kept in days.values()) for days in whole.traces.values()
    )


@given(events(max_size=12))
def test_every_open_and_click_leaves_a_trace(stream: list[LeadEvent]) -> None:
    """So many as were counted, day by day; of other kinds only those that a machine did by its own words."""
    state = folded(stream)
    for kind in ("email_sent", "email_open", "email_click"):
        assert {day: len(kept) for day, kept in state.traces.get(kind, {}).items()} == state.ledger.get(
            kind, {}
        )
    told = [event for event in stream if event.activity == "page_view" and event.touch and event.touch[3]]
    assert sum(len(kept) for kept in state.traces.get("page_view", {}).values()) == len(told)


@given(events())
def test_a_stored_lead_is_the_lead(stream: list[LeadEvent]) -> None:
    """Writing a lead down and reading it again changes nothing."""
    state = folded(stream)
    assert msgspec.json.decode(msgspec.json.encode(state), type=LeadState) == state


@given(events(max_size=20))
def test_the_ledger_counts_exactly(stream: list[LeadEvent]) -> None:
    """Each activity counts once, on its UTC day; a repeat that was not deduplicated would show."""
    wanted: dict[str, Counter[int]] = {}
    for event in stream:
        if event.activity is not None:
            day = min(event.at_ms, NOW_MS) // DAY_MS
            wanted.setdefault(event.activity, Counter())[day] += 1
    assert folded(stream).ledger == {kind: dict(days) for kind, days in wanted.items()}


@given(events(), st.integers(0, 48))
def test_no_time_is_later_than_its_receipt(stream: list[LeadEvent], hours: int) -> None:
    """A sender's clock that runs ahead cannot win against words said later."""
    received_ms = NOW_MS - hours * 3_600_000
    state = folded(stream, received_ms)
    times = [word[0] for word in [*state.facts.values(), *state.consent.values()]]
    times += [*state.last.values(), state.newest_ms, *(deal.at_ms for deal in state.deals.values())]
    assert max(times) <= received_ms


@given(st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 24)))
def test_times_are_kept_to_the_millisecond(naive: datetime) -> None:
    """The time under which an event counts is its own, cut to milliseconds, whatever the float says."""
    at = naive.replace(tzinfo=UTC)
    assert fold(LeadState(), an_event(time=at), NOW_MS) == ms(at)


def test_the_millisecond_that_a_float_loses() -> None:
    """1,095,379,199.003 s is a hair less as a float: it still counts as ...003 ms, not ...002."""
    lost = [at for at in (datetime(2004, 9, 16, tzinfo=UTC) + timedelta(milliseconds=n) for n in range(1_000))
            if fold(LeadState(), an_event(time=at), NOW_MS) != ms(at)]  # fmt: skip
    assert lost == []


@pytest.mark.parametrize(
    "field",
    sorted(PROFILE - {"email", "employees", "corporate_number", "country", "account_owner", "language"}),
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_word_wins(field: str, newest_first: bool) -> None:
    """Of two words on a field the later one counts, whichever arrives first."""
    old, new = an_event(time=NOW - HOUR, **{field: "zzz old"}), an_event(time=NOW, **{field: "aaa new"})
    state = folded([new, old] if newest_first else [old, new])
    assert state.fact(field) == "aaa new"


@pytest.mark.parametrize("values", [("青葉", "Aoba"), ("部長", "課長"), ("a", "b")])
def test_words_of_the_same_instant_are_settled_by_value(values: tuple[str, str]) -> None:
    """A tie is settled the same way whatever came first."""
    both = [an_event(title=value) for value in values]
    assert folded(both).fact("title") == folded(both[::-1]).fact("title") == max(values)


@pytest.mark.parametrize(
    "said, is_denied",
    [
        ([(-2, {"email": False}), (-1, {"email": True})], False),
        ([(-1, {"email": True}), (-2, {"email": False})], False),
        ([(-1, {"email": False}), (-2, {"email": True})], True),
        ([(-2, {"email": True}), (-1, {"email": False})], True),
        ([(-1, {"email": True}), (-1, {"email": False})], True),
        ([(-1, {"email": False}), (-1, {"email": True})], True),
        ([(-1, {"all": False})], True),
        ([(-1, {"phone": False})], False),
        ([(-1, {"email": None}), (-2, {"email": False})], True),
        ([(-2, {"all": False}), (-1, {"all": True})], False),
        ([], False),
    ],
)  # fmt: skip
def test_an_older_opt_in_does_not_undo_an_opt_out(said: list[tuple[int, Any]], is_denied: bool) -> None:
    """The newest word on permission counts; at the same instant a withdrawal does; null says nothing."""
    state = folded(
        [an_event(type="lead.consent", time=NOW + hours * HOUR, consent=word) for hours, word in said]
    )
    assert state.denied("email") is is_denied


@pytest.mark.parametrize(
    "words, status",
    [
        ([("opened", -2), ("won", -1)], "won"),
        ([("won", -1), ("opened", -2)], "won"),
        ([("lost", -1), ("opened", -2)], "lost"),
        ([("lost", -2), ("opened", -1)], "opened"),
        ([("opened", -1), ("won", -1)], "won"),
        ([("won", -1), ("lost", -1)], "won"),
        ([("lost", -1), ("opened", -1)], "lost"),
    ],
)  # fmt: skip
def test_a_deal_is_its_newest_word(words: list[tuple[str, int]], status: str) -> None:
    """A deal reopened is open again; at the same instant the later step counts."""
    stream = [
        an_event(type=f"outcome.{what}", time=NOW + hours * HOUR, opportunity="006") for what, hours in words
    ]
    assert folded(stream).deals["006"].status == status
    assert folded(stream[::-1]) == folded(stream)


@pytest.mark.parametrize(
    "one, other",
    [
        ({}, {"amount": 0.0}),
        ({"amount": 1.0}, {"amount": 2.0}),
        ({}, {"reason": "price"}),
        ({"currency": "JPY"}, {}),
    ],
)
def test_deals_of_the_same_instant_are_settled_by_value(one: dict[str, Any], other: dict[str, Any]) -> None:
    """No amount and an amount of nothing are two words: which counts does not hang on who came first."""
    both = [an_event(type="outcome.won", opportunity="006", **said) for said in (one, other)]
    assert folded(both) == folded(both[::-1])


@pytest.mark.parametrize(
    "subject, email, known",
    [
        ("A@Example.com", None, "a@example.com"),
        ("lead-1", None, None),
        ("a@example.com", "b@example.com", "b@example.com"),
    ],
)
def test_an_address_as_subject_is_an_address(subject: str, email: str | None, known: str | None) -> None:
    """Who is named by an address can be written to; an address in the data says more."""
    said = {} if email is None else {"email": email}
    assert folded([an_event(subject=subject, **said)]).fact("email") == known


def test_a_guess_never_outranks_a_declared_word() -> None:
    """A provider's answer stands beside what the lead said, however new it is; of two answers the newer counts."""
    stream = [
        an_event(time=NOW - HOUR, employees=30),
        an_event(time=NOW, source="enrich:register", employees=500, industry="G39"),
        an_event(time=NOW - 2 * HOUR, source="enrich:table", industry="E09", email="x@example.com"),
    ]
    for order in (stream, stream[::-1]):
        state = folded(order)
        assert state.fact("employees") == 30
        assert state.fact("email") is None
        assert state.guessed["employees"][1:] == ("register", 500)
        assert state.guessed["industry"][1:] == ("register", "G39")
        assert state.first == (NOW_MS - 3_600_000, "ma")
