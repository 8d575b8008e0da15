"""Engagement in tables that a salesperson can read: decay, caps, groups, signals, and what machines did."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.compiled import CompiledBook
from routing_rules.engagement import compile_scoring, engagement, falls_below
from routing_rules.explain import activity_name
from routing_rules.facts import DAY_MS
from routing_rules.fold import fold, merge
from routing_rules.judge import judge
from routing_rules.machines import _may_be, people_only
from routing_rules.outlook_words import filtered_words
from schemas.lead import LeadState
from schemas.lead_event import LeadEvent
from schemas.rulebook.scoring import ScoringFile
from tests.factories import NOW, NOW_MS, a_compiled_book, a_standing, a_state, an_event

_KINDS: dict[str, dict[str, Any]] = {
    "email_open": {"points": 1, "max_per_day": 3, "max_points": 6, "group": "mail"},
    "email_click": {"points": 8, "max_per_day": 2, "max_points": 30, "group": "mail"},
    "pricing_view": {"points": 10, "max_per_day": 2, "max_points": 40},
    "webinar_attended": {"points": 20},
    "careers_view": {"points": -5, "max_points": 20, "group": "away"},
    "email_bounce": {"points": -10, "max_points": 30, "group": "away"},
    "unsubscribe": {"points": -40, "group": "away"},
    "email_sent": {"points": 0},
}
_SIGNALS = {
    "rival_partner": {
        "points": -15, "when": {"company.domain": {"eq": "rival.example"}},
        "name": {"ja": "競合のパートナー", "en": "Partner of a rival"},
    },
    "opted_out": {"points": -40, "when": {"consent.email": {"eq": False}}, "group": "away"},
}  # fmt: skip
_MACHINES = {
    "soon": "5s",
    "burst": {"at_least": 4, "within": "1s"},
    "links": {"at_least": 3, "within": "10s"},
}


def a_book(**scoring: Any) -> CompiledBook:
    """Half-life 10 days; all mail 20 points at most, all turning away 45."""
    given_: dict[str, Any] = {
        "half_life_days": 10, "activities": _KINDS, "signals": _SIGNALS, "machines": _MACHINES,
        "groups": {"mail": {"max_points": 20, "name": {"ja": "メール", "en": "Mail"}}, "away": {"max_points": 45}},
    }  # fmt: skip
    return a_compiled_book(scoring=given_ | scoring)


BOOK = a_book()
# what, how many days ago | who else they are | points | parts that tell why
TABLE = """
pricing_view 0                                              |        | 10   | pricing_view 10
pricing_view 10                                             |        | 5    | pricing_view 5
pricing_view 20                                             |        | 2.5  | pricing_view 2.5
pricing_view 0 0 0                                          |        | 20   | pricing_view 20
pricing_view 0 0 1 1 2 2 3 3                                |        | 40   | pricing_view 40
webinar_attended 0; pricing_view 10                         |        | 25   | webinar_attended 20 pricing_view 5
email_open 0 0 0 0 0                                        |        | 3    | email_open 3
email_open 0 1 2 3 4 5 6 7 8                                |        | 6    | email_open 6
email_click 0 1                                             |        | 15.46 | email_click 15.46
email_click 0 0 1 1 2 2                                     |        | 20   | email_click 30 group.mail -10
email_click 0 0 1 1 2 2; email_open 0 0 0 1 1 1             |        | 20   | email_click 30 email_open 5.8 group.mail -15.8
email_click 0 0 1 1; pricing_view 0                         |        | 30   | email_click 30 pricing_view 10 group.mail -10
email_click 20 20; email_open 20                            |        | 4.25 | email_click 4 email_open 0.25
email_sent 0 1 2                                            |        | 0    |
own_kind 0 0 0                                              |        | 0    |
webinar_attended 0; careers_view 0 0                        |        | 10   | webinar_attended 20 careers_view -10
webinar_attended 0; careers_view 0 0 1 1 2 2                |        | 0    | webinar_attended 20 careers_view -20
webinar_attended 0 0; email_bounce 0                        |        | 30   | webinar_attended 40 email_bounce -10
webinar_attended 0 0; email_bounce 10                       |        | 35   | webinar_attended 40 email_bounce -5
webinar_attended 0 0 0; unsubscribe 0                       |        | 20   | webinar_attended 60 unsubscribe -40
webinar_attended 0 0 0; unsubscribe 0; email_bounce 0 0 0   |        | 15   | webinar_attended 60 unsubscribe -40 email_bounce -30 group.away 25
webinar_attended 0; unsubscribe 0                           |        | 0    | webinar_attended 20 unsubscribe -40
webinar_attended 0                                          | rival  | 5    | webinar_attended 20 signal.rival_partner -15
pricing_view 0                                              | rival  | 0    | pricing_view 10 signal.rival_partner -15
webinar_attended 0 0 0                                      | opted  | 20   | webinar_attended 60 signal.opted_out -40
webinar_attended 0 0 0; unsubscribe 0                       | opted  | 15   | webinar_attended 60 unsubscribe -40 signal.opted_out -40 group.away 35
"""
_ALSO: dict[str, dict[str, Any]] = {
    "rival": {"email": "a@rival.example"},
    "opted": {"consent": {"email": False}},
    "": {},
}


def _did(text: str) -> dict[str, list[float]]:
    words = [part.split() for part in text.split(";") if part.strip()]
    return {kind: [float(day) for day in days] for kind, *days in words}


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_what_it_did_and_what_it_earns(row: str) -> None:
    """The points of the parts add up to the score, and never to less than nothing."""
    what, also, points, why = (cell.strip() for cell in row.split("|"))
    came = judge(a_state(_did(what), **_ALSO[also]), a_standing(), a_book(machines=None), NOW_MS)
    words = why.split()
    assert came.engagement == float(points)
    assert came.reasons.engagement == {
        name: float(n) for name, n in zip(words[::2], words[1::2], strict=True)
    }
    assert came.engagement == max(0, round(math.fsum(came.reasons.engagement.values()), 2))


def _mails(text: str, day: datetime) -> LeadState:
    """Read `sent 09:00:00 a; click 09:00:03.5 a /x`: what, when on that day, of which mail, which link, and how."""
    state = LeadState()
    fold(state, an_event(email="hanako@aoba.example.co.jp", time=day), NOW_MS + DAY_MS)
    for part in text.split(";"):
        what, clock, *more = part.split()
        hours, minutes, seconds = clock.split(":")
        at = day + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        said: dict[str, Any] = {}
        for word in more:
            if word == "machine":
                said["machine"] = True
            elif word.startswith("UA="):
                said["user_agent"] = {
                    "UA=scanner": "Mozilla/5.0 (compatible; BarracudaSentinel/1.0)",
                    "UA=iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604.1",
                }[word]
            elif word.startswith("-"):
                said["mail_sent_at"] = (at - timedelta(seconds=float(word[1:]))).isoformat()
            else:
                said["mail_link" if word.startswith("/") else "mail_id"] = word
        kind = what if "_" in what else f"email_{what}"
        fold(state, an_event(type="lead.activity", time=at, activity=kind, **said), NOW_MS + DAY_MS)
    return state


# what happened when (of which mail, which link) | opens and clicks left | why the others count nothing
MACHINES = """
open 09:00:00                                                              | open 1         |
open 09:00:00; click 09:00:40                                              | open 1 click 1 |
sent 09:00:00; open 09:00:02                                               |                | open soon 1
sent 09:00:00; open 09:00:05                                               |                | open soon 1
sent 09:00:00; open 09:00:05.001                                           | open 1         |
sent 09:00:00; open 09:00:02; open 14:10:00                                | open 1         | open soon 1
sent 09:00:00; click 09:00:01; click 09:00:02                              |                | click soon 2
sent 09:00:00 a; open 09:00:02 a                                           |                | open soon 1
sent 09:00:00 a; open 09:00:02 b                                           | open 1         |
sent 09:00:00 a; open 09:00:02                                             |                | open soon 1
sent 09:00:00; open 09:00:02 b                                             |                | open soon 1
open 09:00:02; sent 09:00:00                                               |                | open soon 1
sent 09:00:03; open 09:00:02                                               | open 1         |
open 09:00:02 -2                                                           |                | open soon 1
open 09:00:20 -20                                                          | open 1         |
sent 09:00:00; open 09:00:02 -600                                          | open 1         |
sent 23:59:58; open 24:00:01                                               |                | open soon 1
click 09:00:00; click 09:00:00.2; click 09:00:00.5; click 09:00:01         |                | click burst 4
click 09:00:00; click 09:00:00.2; click 09:00:00.5; click 09:00:01.001     | click 4        |
click 09:00:00; click 09:00:00; click 09:00:00                             | click 3        |
click 09:00:00; click 09:00:00.3; click 09:00:00.6; click 09:00:01; click 09:00:01.3 |      | click burst 5
click 09:00:00; click 09:00:00; click 09:00:00; click 09:00:00; click 15:00:00 | click 1    | click burst 4
click 23:59:59.5; click 23:59:59.7; click 24:00:00; click 24:00:00.2       |                | click burst 4
open 09:00:00; open 09:00:00; open 09:00:00; open 09:00:00                 |                | open burst 4
open 09:00:00; open 09:00:00; click 09:00:00; click 09:00:00               | open 2 click 2 |
click 09:00:00 a /x; click 09:00:04 a /y; click 09:00:08 a /z              |                | click links 3
click 09:00:00 a /x; click 09:00:04 a /y; click 09:00:11 a /z              | click 3        |
click 09:00:00 a /x; click 09:00:04 a /x; click 09:00:08 a /y              | click 3        |
click 09:00:00 a /x; click 09:00:04 b /y; click 09:00:08 a /z              | click 3        |
click 09:00:00 a /x; click 09:00:04 a /y; click 09:00:08 a /z; click 09:30:00 a /x | click 1 | click links 3
open 09:00:00 machine                                                      |                | open told 1
open 09:00:00 UA=scanner; open 10:00:00 UA=iPhone                          | open 1         | open told 1
pricing_view 09:00:00 UA=scanner; pricing_view 10:00:00                    | pricing_view 1 | pricing_view told 1
demo_request 09:00:00 machine                                              | demo_request 1 |
sent 09:00:00; click 09:00:01 machine                                      |                | click told 1
"""


@pytest.mark.parametrize("row", [line for line in MACHINES.splitlines() if line])
def test_what_a_person_did_and_what_a_machine(row: str) -> None:
    """What bears a mark earns nothing, stays on record, and is told with the mark."""
    what, left, why = (cell.strip() for cell in row.split("|"))
    state = _mails(what, datetime(2026, 11, 22, tzinfo=UTC))
    assert BOOK.machines is not None
    ledger, _, filtered = people_only(state, BOOK.machines)
    kept = {
        kind.removeprefix("email_"): sum(days.values())
        for kind, days in ledger.items()
        if kind != "email_sent" and days
    }
    words, marks = left.split(), why.split()
    assert kept == {name: int(n) for name, n in zip(words[::2], words[1::2], strict=True)}
    said = {
        (kind.removeprefix("email_"), reason): n
        for kind, whys in filtered.items()
        for reason, n in whys.items()
    }
    assert said == {(a, b): int(c) for a, b, c in zip(marks[::3], marks[1::3], marks[2::3], strict=True)}


def test_what_a_machine_did_is_told_earns_nothing_and_proves_no_stage() -> None:
    """Two clicks would be interest: those of a scanner are not, and the explanation says why."""
    state = _mails("sent 09:00:00; click 09:00:01; click 09:00:02", NOW - timedelta(days=1))
    came = judge(state, a_standing(), BOOK, NOW_MS)
    assert (came.engagement, came.buying_stage) == (0.0, "awareness")
    assert came.reasons.filtered == {"email_click": {"soon": 2}}
    assert filtered_words(came.reasons, BOOK, "en") == [("email_click", "seconds after the mail was sent", 2)]
    assert filtered_words(came.reasons, BOOK, "ja") == [("email_click", "送信直後（自動アクセス）", 2)]
    assert state.ledger["email_click"] == {(NOW_MS - DAY_MS + 9 * 3_600_000) // DAY_MS: 2}  # kept


def test_what_exceeds_a_ceiling_is_told() -> None:
    """A rep reads which ceiling took how much away."""
    assert activity_name("group.mail", BOOK, "en") == "beyond the ceiling of: Mail"
    assert activity_name("group.mail", BOOK, "ja") == "上限超過分: メール"
    assert activity_name("signal.rival_partner", BOOK, "ja") == "競合のパートナー"


def test_a_flood_counts_nothing() -> None:
    """More clicks in a day than anybody makes cannot be told apart, and a flood does not grow the lead."""
    state = _mails(
        "; ".join(f"click 09:{n // 6:02d}:{n % 6 * 10:02d}" for n in range(100)), NOW - timedelta(days=2)
    )
    assert BOOK.machines is not None
    ledger, _, filtered = people_only(state, BOOK.machines)
    assert filtered == {"email_click": {"too_many": 68}}
    assert sum(ledger["email_click"].values()) == 32
    assert len(next(iter(state.traces["email_click"].values()))) == 32


def test_mails_of_before_there_were_traces_still_count() -> None:
    """A lead that was folded by an older version has counts without traces: nobody can say it was a machine."""
    state = a_state({"email_click": [1, 2]})
    state.traces.clear()
    assert judge(state, a_standing(), BOOK, NOW_MS).reasons.filtered == {}
    assert judge(state, a_standing(), BOOK, NOW_MS).engagement == 14.43


_EVENTS = st.lists(
    st.builds(
        lambda kind, second, more: an_event(
            type="lead.activity", time=NOW - timedelta(seconds=second), activity=kind, **more
        ),
        st.sampled_from(["email_sent", "email_open", "email_click", "pricing_view"]),
        st.sampled_from([0, 1, 2, 3, 7, 8, 9, 90, 3_600, 3_601, 86_400]),
        st.fixed_dictionaries({}, optional={
            "mail_id": st.sampled_from(["a", "b"]), "mail_link": st.sampled_from(["/x", "/y", "/z"]), "machine": st.booleans(),
            "mail_sent_at": st.sampled_from([(NOW - timedelta(seconds=ago)).isoformat() for ago in (2, 8, 3_605)]),
        }),
    ), max_size=20,
)  # fmt: skip


def _folded(stream: list[LeadEvent]) -> LeadState:
    state = LeadState()
    for event in stream:
        fold(state, event, NOW_MS)
    return state


@given(st.data(), _EVENTS)
def test_filters_know_no_order(data: st.DataObject, stream: list[LeadEvent]) -> None:
    """Whichever event comes first, and whichever halves are merged: the same counts for people and for machines."""
    assert BOOK.machines is not None
    whole = people_only(_folded(stream), BOOK.machines)
    assert people_only(_folded(data.draw(st.permutations(stream))), BOOK.machines) == whole
    at = data.draw(st.integers(0, len(stream)))
    assert people_only(merge(_folded(stream[at:]), _folded(stream[:at])), BOOK.machines) == whole


@given(_EVENTS)
def test_every_activity_is_a_persons_or_a_machines(stream: list[LeadEvent]) -> None:
    """None is lost and none counts twice; judging twice says the same; without `machines` all count."""
    assert BOOK.machines is not None
    state = _folded(stream)
    people = people_only(state, BOOK.machines)
    ledger, filtered = people.ledger, people.filtered
    for kind, days in state.ledger.items():
        assert sum(ledger[kind].values()) + sum(filtered.get(kind, {}).values()) == sum(days.values())
    assert people_only(state, BOOK.machines) == people
    assert judge(state, a_standing(), a_book(machines=None), NOW_MS).reasons.filtered == {}


@given(_EVENTS, st.sampled_from(["soon", "burst", "links", "told"]))
def test_the_quick_look_misses_nothing(stream: list[LeadEvent], mark: str) -> None:
    """Each mark alone, looked for slowly by its words: whoever bears it is found."""
    spec = {"told": mark == "told"} | ({mark: _MACHINES[mark]} if mark in _MACHINES else {})
    marks = a_book(machines=spec).machines
    assert marks is not None
    filtered = people_only(_folded(stream), marks).filtered
    for kind in ("email_open", "email_click"):
        did = [event for event in stream if event.activity == kind]
        assert sum(filtered.get(kind, {}).values()) == sum(_bears(mark, one, did, stream) for one in did)


@pytest.mark.parametrize("says_when", [True, False])
def test_usual_mail_is_not_looked_at_closely(says_when: bool) -> None:
    """Who opens and clicks an hour after each mail of a hundred days costs every later event the quick look only."""
    state = LeadState()
    for day in range(100):
        sent_ms = NOW_MS - day * DAY_MS - 14 * 3_600_000
        for kind, after_ms in (("email_sent", 0), ("email_open", 3_600_000), ("email_click", 3_660_000)):
            touch = (5 + day, 0, sent_ms, 0) if says_when and after_ms else None
            at_ms = sent_ms + after_ms
            fold(state, LeadEvent("e", "ma", "lead.activity", at_ms, [], {}, kind, {}, touch=touch), NOW_MS)
    marks = BOOK.machines
    assert marks is not None
    for kind in ("email_open", "email_click"):
        days, sends = state.traces[kind], state.traces["email_sent"]
        counts = dict.fromkeys(days, 1)
        assert not _may_be(kind, days, counts, sends, marks)
        assert _may_be(kind, days, state.ledger[kind], sends, marks)  # ten days are older than all traces


def _bears(mark: str, one: LeadEvent, did: list[LeadEvent], stream: list[LeadEvent]) -> bool:
    """Tell by the words of scoring.yaml whether an activity bears a mark; every instant here is a whole second."""
    mail, link, sent_ms, told = one.touch or (0, 0, 0, 0)
    if mark == "told":
        return bool(told)
    if mark == "soon" and sent_ms:
        return 0 <= one.at_ms - sent_ms <= 5_000
    if mark == "soon":
        sends = [
            sent for sent in stream if sent.activity == "email_sent" and 0 <= one.at_ms - sent.at_ms <= 5_000
        ]
        return any(not mail or not (sent.touch or (0,))[0] or sent.touch[0] == mail for sent in sends)  # type: ignore[index]
    if mark == "burst":
        return any(
            sum(start <= other.at_ms <= start + 1_000 for other in did) >= 4
            for start in {other.at_ms for other in did}
            if start <= one.at_ms <= start + 1_000
        )
    same = [other for other in did if link and other.touch and other.touch[0] == mail and other.touch[1]]
    return any(
        len({other.touch[1] for other in same if other.touch and start <= other.at_ms <= start + 10_000}) >= 3
        for start in {other.at_ms for other in same}
        if start <= one.at_ms <= start + 10_000
    )


_LEDGERS = st.dictionaries(
    st.sampled_from(sorted(_KINDS)), st.dictionaries(st.integers(19_900, 20_000), st.integers(1, 9), max_size=4), max_size=6
)  # fmt: skip


@given(
    _LEDGERS,
    st.sampled_from(["email_open", "email_click", "pricing_view", "webinar_attended"]),
    st.integers(19_950, 20_000),
)
def test_one_more_good_act_never_lowers_the_score(
    ledger: dict[str, dict[int, int]], kind: str, day: int
) -> None:
    """Neither caps nor ceilings ever take more than was given."""
    days = ledger.get(kind, {})
    more = {**ledger, kind: {**days, day: days.get(day, 0) + 1}}
    assert engagement(more, BOOK.scoring, 20_000)[0] >= engagement(ledger, BOOK.scoring, 20_000)[0]


@given(
    _LEDGERS, st.floats(0.5, 60), st.sampled_from([{}, {"signal.rival_partner": -15.0}, {"signal.x": 7.5}])
)
def test_the_day_of_falling_is_exact_under_ceilings_and_signals(
    ledger: dict[str, dict[int, int]], line: float, signals: dict[str, float]
) -> None:
    """The day before the score still reaches the line, on the day it does not, and no earlier day was below."""
    day = falls_below(ledger, BOOK.scoring, 20_000, line, signals)
    scores = {at: engagement(ledger, BOOK.scoring, at, signals)[0] for at in range(20_000, 20_400)}
    below = [at for at, score in scores.items() if score < line]
    if scores[20_000] < line:
        assert day is None
    else:
        assert day == (below[0] if below else day)
        assert below or day is None or day > 20_399


def test_a_ceiling_holds_the_score_up_and_the_fall_is_later() -> None:
    """40 points of mail under a ceiling of 20 stay 20 for a half-life, and fall below only then."""
    file = ScoringFile.model_validate(
        {"half_life_days": 10, "groups": {"mail": {"max_points": 20}}, "activities": {"email_click": {"points": 40, "group": "mail"}}}
    )  # fmt: skip
    rules, ledger = compile_scoring(file), {"email_click": {20_000: 1}}
    assert [engagement(ledger, rules, 20_000 + days)[0] for days in (0, 5, 10, 11, 20)] == [
        20,
        20,
        20,
        18.66,
        10,
    ]
    assert falls_below(ledger, rules, 20_000, 20) == 20_011
