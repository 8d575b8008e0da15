"""What the CRM says of deals and of reps' work, in whatever order it comes, how often, and of whom."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from schemas.errors import DealOpen
from schemas.lead import Deal
from tests.fixtures.clocks import put_in_force
from tests.fixtures.system import READY, System, event
from worker import rulebooks
from worker.acting import act
from worker.cli.main import app
from worker.handing import hand_over
from worker.looking import look_at_held
from worker.now import now
from worker.settings import settings
from worker.store.db import in_transaction

HANAKO = "hanako@shop.example.co.jp"


def outcome(number: int | str, kind: str, hour: int = 10, /, **said: Any) -> dict[str, Any]:
    """An outcome of the CRM at an hour of the day before, about Hanako's deal unless told otherwise."""
    whom = said.pop("subject", HANAKO)
    made = event(
        number,
        f"outcome.{kind}",
        subject=whom,
        time=f"2026-11-23T{hour:02}:00:00+09:00",
        **{"opportunity": "006", **said},
    )
    return {**made, "source": "crm"}


def deal(system: System, email: str = HANAKO) -> dict[str, Any]:
    """The deal as it is stored, by name, without its times."""
    state = json.loads(
        system.one("SELECT state FROM tasuki.lead WHERE email = :e AND merged_into IS NULL", e=email)
    )
    words = state["deals"]["006"]
    return {
        name: word
        for name, word in zip(Deal.__struct_fields__, words, strict=True)
        if word is not None and not name.endswith("_ms")
    }


def stage(system: System, email: str = HANAKO) -> str:
    return str(
        system.one(
            "SELECT lifecycle_stage FROM tasuki.lead WHERE email = :e AND merged_into IS NULL", e=email
        )
    )


OPENED = outcome("o", "opened", 9, amount=1_000_000, currency="JPY")
WON = outcome("w", "won", 12, amount=1_200_000, currency="JPY")
#: What is told, in the order of its happening; the stage and the deal that come of it in any order.
TOLD: dict[str, tuple[list[dict[str, Any]], str, dict[str, Any]]] = {
    "opened": ([OPENED], "sql", {"status": "opened", "amount": 1e6, "currency": "JPY"}),
    "opened, won": ([OPENED, WON], "won", {"status": "won", "amount": 1.2e6, "currency": "JPY"}),
    "won, and nobody told that it was opened": ([WON], "won", {"status": "won", "amount": 1.2e6, "currency": "JPY"}),
    "a change that tells only what changed": (
        [OPENED, outcome("w", "won", 12)], "won", {"status": "won", "amount": 1e6, "currency": "JPY"},
    ),
    "lost": (
        [OPENED, outcome("l", "lost", 12, reason="予算がない")], "lost",
        {"status": "lost", "amount": 1e6, "currency": "JPY", "reason": "予算がない"},
    ),
    "lost, then won after all": (
        [outcome("l", "lost", 10, reason="価格"), WON], "won",
        {"status": "won", "amount": 1.2e6, "currency": "JPY", "reason": "価格"},
    ),
    "won, then lost (it was cancelled)": (
        [WON, outcome("l", "lost", 13, reason="取消")], "lost",
        {"status": "lost", "amount": 1.2e6, "currency": "JPY", "reason": "取消"},
    ),
    "lost, then opened again": (
        [outcome("l", "lost", 10), outcome("o2", "opened", 11)], "sql", {"status": "opened"},
    ),
    "a stage further": (
        [OPENED, outcome("s", "opened", 11, amount=900_000, opportunity_stage="提案・見積")], "sql",
        {"status": "opened", "amount": 9e5, "currency": "JPY", "stage": "提案・見積"},
    ),
    "two stages further, and won by a word that tells none": (
        [OPENED, outcome("s", "opened", 10, opportunity_stage="提案"), outcome("t", "opened", 11, opportunity_stage="最終交渉"), WON],
        "won", {"status": "won", "amount": 1.2e6, "currency": "JPY", "stage": "最終交渉"},
    ),
    "the amount corrected afterwards": (
        [OPENED, WON, outcome("w2", "won", 14, amount=1_150_000)], "won", {"status": "won", "amount": 1.15e6, "currency": "JPY"},
    ),
    "another currency": (
        [OPENED, outcome("w", "won", 12, amount=8000, currency="USD")], "won", {"status": "won", "amount": 8000.0, "currency": "USD"},
    ),
    "of the same instant": (
        [outcome("o", "opened", 12, amount=1), outcome("l", "lost", 12), outcome("w", "won", 12)], "won",
        {"status": "won", "amount": 1.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "out of order"])
@pytest.mark.parametrize("name", list(TOLD))
def test_a_deal_comes_out_the_same_in_any_order_and_told_twice(
    system: System, name: str, backwards: bool
) -> None:
    """One by one, in batches of their own, and then all of them once more."""
    told, expected, facts = TOLD[name]
    system.send([event(1, "lead.captured", email=HANAKO, subject=HANAKO)])
    system.drain_here()
    for one in told[::-1] if backwards else told:
        system.send([one])
        system.drain_here()
    system.send(told)
    system.drain_here()

    assert (stage(system), deal(system)) == (expected, facts)
    assert system.applied() == 1 + len(told)
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0
    assert system.broken() == []


def test_of_an_unknown_lead_it_is_kept_until_somebody_says_whose_it_is(system: System) -> None:
    """The win names only the deal, and comes first: the lead is found by the opening that names both."""
    system.send([event(1, email=HANAKO, subject="lead-1")])
    system.drain_here()
    system.send([outcome("w", "won", 12, subject=None, amount=5)])
    system.drain_here()
    assert stage(system) == "nurture"

    system.send([outcome("o", "opened", 9)])
    system.drain_here()

    assert (stage(system), deal(system)) == ("won", {"status": "won", "amount": 5.0})
    assert system.one("SELECT count(*) FROM tasuki.lead WHERE merged_into IS NULL") == 1
    assert system.broken() == []


def test_of_a_lead_that_was_merged_it_goes_to_the_one_that_is_left(system: System) -> None:
    """The deal was of the one, the person turns out to be the other: later words still find it."""
    system.send(
        [
            event(1, "lead.captured", email="old@shop.example.co.jp", subject="old@shop.example.co.jp"),
            event(2, email=HANAKO, subject="lead-2"),
        ]
    )
    system.send([outcome("o", "opened", 9, subject="old@shop.example.co.jp", amount=1)])
    system.drain_here()
    system.send(
        [event(3, "lead.captured", subject="lead-2", email="old@shop.example.co.jp")]
    )  # both keys: one person
    system.drain_here()
    system.send([outcome("w", "won", 12, subject=None, amount=2)])
    system.drain_here()

    assert system.sql("SELECT lifecycle_stage FROM tasuki.lead WHERE merged_into IS NULL") == [("won",)]
    assert system.broken() == []


@pytest.mark.parametrize("reason", ["too_busy", "not_now", "student_or_private"])
def test_a_lead_with_an_open_deal_is_given_back_in_the_crm(system: System, reason: str) -> None:
    """The next page view would make it `sql` again, out of the line or off the track, and with nobody."""
    system.send([event(1, email=HANAKO, **READY)])
    system.drain_here()
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    system.send([OPENED])
    system.drain_here()
    held = system.one("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NULL")
    with pytest.raises(DealOpen, match="lost there"):
        in_transaction(lambda c: act(c, held, "recycle", rulebooks.current(c), now(), reason=reason))
    system.send([event(2, email=HANAKO, time="2026-11-24T10:30:00+09:00")])
    system.drain_here()
    assert stage(system) == "sql"
    assert system.sql("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NULL") == [(held,)]

    system.send([{**outcome("l", "lost", reason="価格"), "time": "2026-11-24T10:45:00+09:00"}])
    system.drain_here()
    assert stage(system) == "lost"
    assert system.one("SELECT count(*) FROM tasuki.assignment WHERE ended_at IS NULL") == 0
    assert system.broken() == []


def test_a_lead_that_asked_to_talk_after_its_deal_was_lost_can_be_given_back(system: System) -> None:
    """The rep has it still, and no deal is open any more: what they say of it holds."""
    system.send([event(1, email=HANAKO, **READY)])
    system.drain_here()
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    system.send([OPENED])
    system.drain_here()
    system.send([outcome("l", "lost", 13)])  # reported late: the demo was asked for on the day after
    system.drain_here()
    held = system.one("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NULL")
    in_transaction(lambda c: act(c, held, "recycle", rulebooks.current(c), now(), reason="not_now"))
    system.send([event(2, email=HANAKO, time="2026-11-24T10:30:00+09:00")])
    system.drain_here()
    assert stage(system) == "nurture"
    assert system.broken() == []


def test_handing_back_enrols_nobody_who_asked_us_not_to_write(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names a track; permission to mail was withdrawn meanwhile, and the phone is still allowed."""
    monkeypatch.setenv("TASUKI_MA_URL", "http://127.0.0.1:1/ma")
    settings.cache_clear()
    system.send([event(1, email=HANAKO, phone="03-5555-0101", **READY)])
    system.drain_here()
    in_transaction(lambda c: hand_over(c, "enterprise_east", rulebooks.current(c), now()))
    system.send([event(2, "lead.consent", email=HANAKO, consent={"email": False})])
    system.drain_here()
    held = system.one("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NULL")
    done = in_transaction(lambda c: act(c, held, "decline", rulebooks.current(c), now(), reason="not_now"))
    assert done.done == "declined; back to nurture on no track"
    assert system.sql("SELECT lifecycle_stage, track FROM tasuki.lead") == [("nurture", None)]
    assert system.one("SELECT count(*) FROM tasuki.track_stay WHERE left_at IS NULL") == 0
    assert system.one("SELECT count(*) FROM tasuki.outbox WHERE receiver = 'ma'") == 0


# --- sales activities ---------------------------------------------------------------------------------------------

NOW = "2026-11-24T11:05:00+09:00"


def _place(connection: Connection, pool: str) -> None:
    hand_over(connection, pool, rulebooks.current(connection), now())


@pytest.fixture
def offered(system: System) -> Any:
    """A rep was offered a lead and has not answered; after first contact three follow-ups are owed."""
    hot = "    contact: {within: 1h, warn_after: 45m, on_breach: next_rep}\n"
    put_in_force(("sla.yaml", hot, f"{hot}    follow_up: {{attempts: 3, within: 40h, on_breach: remind}}\n"))
    system.send(
        [
            event(
                1,
                email=HANAKO,
                subject="lead-1",
                **READY,
            )
        ]
    )
    system.drain_here()
    for pool in system.sql("SELECT DISTINCT pool FROM tasuki.waiting"):
        in_transaction(partial(_place, pool=pool[0]))
    return system.sql("SELECT assignment_id, rep, sla FROM tasuki.assignment")[0]


def activity(number: int | str, what: str, by: str | None, time: str = NOW, **said: Any) -> dict[str, Any]:
    made = event(
        f"a{number}", "outcome.activity", subject=HANAKO, time=time, sales_activity=what, by=by, **said
    )
    return {**made, "source": "crm"}


def standing(system: System) -> tuple[bool, bool, int, bool]:
    """Accepted, contacted, attempts after that, no more owed."""
    row = system.sql("SELECT accepted_at, contacted_at, attempts, followed_up_at FROM tasuki.assignment")[0]
    return (row[0] is not None, row[1] is not None, row[2], row[3] is not None)


def running(system: System) -> list[str]:
    return [
        row[0] for row in system.sql("SELECT kind FROM tasuki.clock WHERE next_at IS NOT NULL ORDER BY 1")
    ]


@pytest.mark.parametrize("what, then", [
    ("call_made", (True, True, 1, True)), ("meeting_held", (True, True, 1, True)),
    ("no_answer", (True, True, 0, False)), ("mail_sent", (True, True, 0, False)),
])  # fmt: skip
def test_what_the_rep_did_is_contact(
    system: System, offered: Any, what: str, then: tuple[bool, bool, int, bool]
) -> None:
    """It stops the clocks as the button would; reached ends the follow-up, a try leaves the next one owed."""
    before = system.sql("SELECT engagement, fit, state::json -> 'ledger' #>> '{}' FROM tasuki.lead")

    system.send([activity(1, what, offered.rep)])
    system.drain_here()

    assert standing(system) == then
    assert running(system) == ([] if then[3] else ["follow_up"])
    assert system.sql("SELECT engagement, fit, state::json -> 'ledger' #>> '{}' FROM tasuki.lead") == before
    assert system.one("SELECT note FROM tasuki.act") == f"CRM: {what}"
    assert system.broken() == []


def test_the_rep_is_known_by_id_and_by_address_and_nobody_else_counts(system: System, offered: Any) -> None:
    """A colleague's call, an unnamed one, and one from before the offer leave the clock running."""
    in_force = in_transaction(rulebooks.current)
    address = in_force.team.reps[offered.rep].spec.email
    other = next(rep for rep in in_force.team.reps if rep != offered.rep)
    clocks = running(system)
    system.send([
        activity(1, "call_made", other), activity(2, "call_made", None), activity(3, "call_made", "x@example.com"),
        activity(4, "call_made", offered.rep, "2026-11-24T10:00:00+09:00"),
        {**activity(5, "call_made", offered.rep), "subject": "somebody@else.example.com"},
    ])  # fmt: skip
    system.drain_here()
    assert standing(system) == (False, False, 0, False)
    assert running(system) == clocks

    system.send([activity(6, "no_answer", address.upper())])
    system.drain_here()
    assert standing(system)[:2] == (True, True)
    assert system.broken() == []


def test_the_rep_is_known_by_the_crms_user(
    system: System, offered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `users` of the CRM mapping has it; ids of 15 and of 18 characters are one."""
    file = tmp_path / "crm.yaml"
    file.write_text(f"users: {{{offered.rep}: 005000000000301AAA}}\n", "utf-8")
    monkeypatch.setenv("TASUKI_CRM", "salesforce")
    monkeypatch.setenv("TASUKI_CRM_MAPPING", str(file))
    settings.cache_clear()
    system.send([activity(1, "call_made", "005000000000302")])
    system.drain_here()
    assert standing(system)[:2] == (False, False)

    system.send([activity(2, "call_made", "005000000000301")])
    system.drain_here()
    assert standing(system)[:2] == (True, True)


def test_a_meeting_about_a_deal_does_not_make_two_people_one(system: System, offered: Any) -> None:
    """Its opportunity leads to the lead only where nobody is named: a colleague in the room stays a colleague."""
    system.send([outcome("o", "opened", 9)])
    system.send(
        [
            {
                **activity(1, "meeting_held", offered.rep, opportunity="006"),
                "subject": "boss@shop.example.co.jp",
            }
        ]
    )
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead WHERE merged_into IS NULL") == 2
    assert system.one("SELECT count(*) FROM tasuki.lead_merge") == 0

    system.send([{**activity(2, "meeting_held", offered.rep, opportunity="006"), "subject": None}])
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.lead WHERE merged_into IS NULL") == 2
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


def test_each_try_counts_once_however_often_it_is_told(system: System, offered: Any) -> None:
    """First contact, then two tries, each told twice and backwards; then a meeting ends it."""
    tries = [activity(n, "no_answer", offered.rep, f"2026-11-24T11:{n:02}:00+09:00") for n in (1, 2, 3)]
    system.send([*tries[::-1], *tries])
    system.drain_here()
    system.send(tries)
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.act") == 3
    assert system.one("SELECT attempts FROM tasuki.assignment") == 2

    system.send([activity("m", "meeting_held", offered.rep)])
    system.drain_here()
    assert running(system) == []
    assert system.broken() == []


def test_the_policy_says_what_counts(system: System, offered: Any) -> None:
    """A mail that the CRM sent by itself is no contact where ops say so."""
    policy = f"\n  - id: {offered.sla}\n"
    put_in_force(("sla.yaml", policy, f"{policy}    crm_activities: [call_made, meeting_held]\n"))
    system.send([activity(1, "mail_sent", offered.rep), activity(2, "no_answer", offered.rep)])
    system.drain_here()
    assert standing(system) == (False, False, 0, False)

    system.send([activity(3, "meeting_held", offered.rep)])
    system.drain_here()
    assert standing(system)[:2] == (True, True)


def test_of_an_assignment_that_ended_nothing_comes(system: System, offered: Any) -> None:
    """The rep declined, and calls all the same: told, and without effect."""
    in_transaction(
        lambda c: act(c, offered.assignment_id, "decline", rulebooks.current(c), now(), reason="wrong_person")
    )
    acts = system.one("SELECT count(*) FROM tasuki.act")
    system.send([activity(1, "call_made", offered.rep)])
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.act") == acts
    assert system.one("SELECT count(*) FROM tasuki.quarantine") == 0


@pytest.mark.parametrize("data, place", [
    ({"sales_activity": None}, "data.sales_activity"), ({"sales_activity": "lunch"}, "data.sales_activity"),
    ({"activity": "page_view"}, "data.activity"),
])  # fmt: skip
def test_an_activity_of_sales_is_not_the_leads(system: System, data: dict[str, Any], place: str) -> None:
    """It says what a rep did, in our words, and nothing that would count for the lead."""
    made = activity(1, "call_made", "x")
    system.send([{**made, "data": {**made["data"], **data}}])
    system.drain_here()
    assert system.sql("SELECT place FROM tasuki.quarantine") == [(place,)]


def test_deals_are_shown_with_their_stage(system: System) -> None:
    """`lead show` and the API tell status, stage, amount and currency of each."""
    system.send(
        [event(1, email=HANAKO, **READY), OPENED, outcome("s", "opened", 11, opportunity_stage="提案・見積")]
    )
    system.drain_here()
    told = CliRunner().invoke(app, ["lead", "show", HANAKO, "--json"]).output
    (shown,) = json.loads(told)["opportunities"]
    assert shown.pop("at").startswith("2026-11-23T")
    assert shown == {
        "opportunity": "006", "status": "opened", "stage": "提案・見積", "amount": 1e6, "currency": "JPY", "reason": None,
    }  # fmt: skip
    people = CliRunner().invoke(app, ["lead", "show", HANAKO, "--lang", "ja"]).output
    assert re.search(r"006 +進行中 +提案・見積 +1,000,000 JPY", people), people
    (over_http,) = in_transaction(lambda c: look_at_held(c, HANAKO))["opportunities"]
    assert over_http["stage"] == "提案・見積"
