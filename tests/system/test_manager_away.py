"""A manager on a long leave: what the reps let pass goes to whom they report to, and else ops and contacts are told."""

from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.clocks import (
    AT,
    HOT_ACCEPT,
    HOT_CONTACT,
    away,
    clean,
    follow,
    offer,
    place,
    put_in_force,
    sweep,
)
from tests.fixtures.system import System
from worker import rulebooks
from worker.breaching import tell_escalations
from worker.cli.main import app
from worker.store.db import in_transaction

MINUTE = timedelta(minutes=1)
#: After one rep let it pass the manager is next.
ESCALATION = "    escalation: [{tell: matsumoto_jun, after: 0m}]"
HOPS = (
    ("sla.yaml", HOT_ACCEPT, f"accept: {{within: 15m, warn_after: 10m, on_breach: next_rep, slip_at_most: 4h}}\n{ESCALATION}"),
    ("sla.yaml", HOT_CONTACT, HOT_CONTACT.replace("hops: 2", "hops: 1")),
)  # fmt: skip
REPORTS = (
    "team.yaml",
    "email: kenji.sato@example.co.jp",
    "email: kenji.sato@example.co.jp\n    reports_to: matsumoto_jun",
)


def _live(system: System) -> Any:
    (row,) = system.sql("SELECT rep, strategy, skipped FROM tasuki.assignment WHERE ended_at IS NULL")
    return row


def _told(system: System, kind: str) -> set[str]:
    rows = system.sql("SELECT rep FROM tasuki.outbox WHERE kind = :k AND rep IS NOT NULL", k=kind)
    return {row.rep for row in rows}


def test_whom_the_manager_reports_to_gets_it_and_is_told_of_the_breach(system: System) -> None:
    """At once, under its lock, by the normal way of an escalation."""
    put_in_force(*HOPS, REPORTS)
    away("sato_kenji", "2026-11-24 09:00", "2026-12-08 09:00")
    offer(system)
    assert sweep(AT + 15 * MINUTE).breached == 1
    assert place(AT + 16 * MINUTE) == 1
    held = _live(system)
    assert (held.rep, held.strategy, held.skipped) == (
        "matsumoto_jun",
        "escalation",
        {"sato_kenji": "absent"},
    )
    assert _told(system, "breach") == {"sato_kenji", "matsumoto_jun"}
    assert clean(system) == []
    # With them it stays as with the manager, who is back by and by; the breach is told to the manager.
    assert sweep(AT + timedelta(hours=6)).breached == 1
    assert _live(system).rep == "matsumoto_jun"


def test_with_nobody_above_ops_and_the_contacts_of_the_policy_are_told(system: System) -> None:
    """The policy says `escalate` nowhere; the lead is parked until the manager is back, and doctor names it."""
    put_in_force(*HOPS)
    away("sato_kenji", "2026-11-24 09:00", "2026-12-08 09:00")
    offer(system)
    seen = CliRunner().invoke(app, ["doctor"]).stdout
    assert "sato_kenji manages enterprise_east, is away" in seen
    assert "none waits yet" in seen
    sweep(AT + 15 * MINUTE)
    assert place(AT + 16 * MINUTE) == 0
    lead = system.one("SELECT lead_id FROM tasuki.waiting WHERE parked")
    messages = in_transaction(lambda c: tell_escalations(c, rulebooks.current(c), AT + 16 * MINUTE))
    assert {one["rep"] for one in messages if one["rep"]} == {"matsumoto_jun"}
    seen = CliRunner().invoke(app, ["doctor"]).stdout
    assert f"1 lead waits for them ({lead}); name `reports_to`" in seen
    assert clean(system) == []


@pytest.mark.parametrize("reports, moves", [(REPORTS, True), (None, False)])
def test_a_manager_who_leaves_after_the_offer(system: System, reports: Any, *, moves: bool) -> None:
    """It goes on to whom they report to; without anybody it stays, and its deadline moves with the leave."""
    put_in_force(*HOPS, *([reports] if reports else []))
    offer(system)
    sweep(AT + 15 * MINUTE)
    place(AT + 16 * MINUTE)
    assert _live(system).rep == "sato_kenji"
    system.do(
        "UPDATE tasuki.assignment SET had = '{suzuki_haruka,takahashi_ren,ito_misaki}' WHERE ended_at IS NULL"
    )
    away("sato_kenji", "2026-11-24 11:20", "2026-12-08 09:00", AT + 17 * MINUTE)
    follow(AT + 17 * MINUTE)
    assert place(AT + 18 * MINUTE) == moves
    assert _live(system).rep == ("matsumoto_jun" if moves else "sato_kenji")
    assert clean(system) == []
