"""Outcomes come back: read twice they count once, and nobody whom Tasuki does not know becomes a lead."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.errors import Away
from tests.fixtures.crm import act, offer, push_all, rep_of
from tests.fixtures.hubspot_double import Hubspot
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System
from worker import queue
from worker.crm import hubspot_changes, salesforce_changes
from worker.crm.pull import Pulled, pull
from worker.now import now


def stage(system: System, lead_id: int) -> str:
    return str(system.one("SELECT lifecycle_stage FROM tasuki.lead WHERE lead_id = :l", l=lead_id))


def quarantined(system: System) -> list[Any]:
    return system.sql("SELECT place, reason FROM tasuki.quarantine")


@pytest.fixture
def converted(system: System, salesforce: Salesforce) -> tuple[int, dict[str, Any]]:
    """A lead in Salesforce that sales converted; its opportunity."""
    lead_id = offer(system)
    push_all()
    (record,) = salesforce.all("Lead")
    _, deal = salesforce.convert(record, Amount=1_200_000)
    return lead_id, deal


def test_a_conversion_opens_and_a_won_deal_closes(
    system: System, salesforce: Salesforce, converted: tuple[int, dict[str, Any]]
) -> None:
    """The opportunity of a converted lead is joined through the lead that it was."""
    lead_id, deal = converted
    assert pull(now()) == Pulled(outcomes=1)
    system.drain_here()
    assert stage(system, lead_id) == "sql"

    salesforce.touch(deal, IsClosed=True, IsWon=True, StageName="Closed Won")
    pull(now())
    system.drain_here()
    assert stage(system, lead_id) == "won"
    assert (system.one("SELECT count(*) FROM tasuki.lead"), quarantined(system)) == (1, [])
    body = system.one("SELECT body FROM tasuki.event WHERE type = 'outcome.won'")
    assert "1200000" in body


def test_pulling_twice_counts_once(
    system: System, salesforce: Salesforce, converted: tuple[int, dict[str, Any]]
) -> None:
    """The overlap reads the same again: the same event, and a repeat."""
    for _ in range(3):
        pull(now())
    system.drain_here()

    assert system.one("SELECT count(*) FROM tasuki.event WHERE type LIKE 'outcome%'") == 1
    assert quarantined(system) == []


def test_a_lost_deal_carries_its_reason(
    system: System, salesforce: Salesforce, converted: tuple[int, dict[str, Any]]
) -> None:
    """The org's own field for it."""
    lead_id, deal = converted
    salesforce.touch(deal, IsClosed=True, IsWon=False, Loss_Reason__c="予算凍結")
    pull(now())
    system.drain_here()

    assert stage(system, lead_id) == "lost"
    assert "予算凍結" in system.one("SELECT body FROM tasuki.event WHERE type = 'outcome.lost'")


def test_strangers_are_left_out(system: System, salesforce: Salesforce) -> None:
    """An opportunity of somebody whom Tasuki never saw makes no lead; by a known address it is joined."""
    stranger = salesforce.make("Contact", LastName="X", Email="x@elsewhere.example.com")
    salesforce.make("Opportunity", IsClosed=False, IsWon=False, roles=[stranger["Id"]])
    salesforce.make("Opportunity", IsClosed=False, IsWon=False)
    lead_id = offer(system)
    known = salesforce.make("Contact", LastName="Sato", Email="P1@sakura.example.co.jp")
    salesforce.make("Opportunity", IsClosed=False, IsWon=False, roles=[stranger["Id"], known["Id"]])

    assert pull(now()) == Pulled(outcomes=1, strangers=2)
    system.drain_here()
    assert stage(system, lead_id) == "sql"
    assert system.one("SELECT count(*) FROM tasuki.lead") == 1


def test_an_owner_changed_by_a_human_comes_back_once(system: System, salesforce: Salesforce) -> None:
    """Tasuki's own word does not; a human's does, as the owner of the account, and only once."""
    lead_id = offer(system)
    push_all()
    (record,) = salesforce.all("Lead")
    assert pull(now()).owners == 0
    other = next(one for one in salesforce.all("User") if one["Email"] == "olivia.grant@example.com")
    salesforce.touch(record, OwnerId=other["Id"])
    assert pull(now()).owners == 1
    salesforce.touch(record, Phone="1")
    assert pull(now()).owners == 0
    system.drain_here()

    body = system.one("SELECT body FROM tasuki.event WHERE type = 'lead.captured'")
    assert "grant_olivia" in body
    assert system.one("SELECT lead_id FROM tasuki.event WHERE type = 'lead.captured'") == lead_id
    assert rep_of(system, lead_id) != "olivia.grant@example.com"  # the lead stays with whom it was given to


def test_more_than_a_page_is_read_in_order(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of two over five opportunities, two of which changed at the same instant."""
    monkeypatch.setattr(salesforce_changes, "_PAGE", 2)
    offer(system)
    known = salesforce.make("Contact", LastName="Sato", Email="p1@sakura.example.co.jp")
    deals = [
        salesforce.make("Opportunity", IsClosed=False, IsWon=False, roles=[known["Id"]]) for _ in range(5)
    ]
    for deal in deals[1:4]:
        deal["SystemModstamp"] = deals[1]["SystemModstamp"]

    assert pull(now()).outcomes == 5
    system.drain_here()
    assert system.one("SELECT count(DISTINCT body::json -> 'data' ->> 'opportunity') FROM tasuki.event"
                      " WHERE type = 'outcome.opened'".replace("::", "\\:\\:")) == 5  # fmt: skip


def test_what_the_queue_did_not_take_is_read_again(
    system: System,
    salesforce: Salesforce,
    converted: tuple[int, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cursor moves only once the events are on the queue."""

    def full(_: Any) -> list[str]:
        raise Away("the queue (Valkey) is full")

    with monkeypatch.context() as patched:
        patched.setattr(queue, "append", full)
        with pytest.raises(Away):
            pull(now())
    assert pull(now()).outcomes == 1


def test_since_reads_again_from_there(
    system: System, salesforce: Salesforce, converted: tuple[int, dict[str, Any]]
) -> None:
    """Whatever was read before; and what lies before it is not asked for."""
    pull(now() + timedelta(days=1))
    assert pull(now(), datetime.fromisoformat("2026-11-01T00:00:00+00:00")).outcomes == 1
    assert pull(now(), datetime.fromisoformat("2026-12-01T00:00:00+00:00")).outcomes == 0


def test_a_pull_that_meets_an_outage_says_so(
    system: System, salesforce: Salesforce, converted: tuple[int, dict[str, Any]]
) -> None:
    """And opens the breaker for writers, too."""
    salesforce.away = True
    with pytest.raises(Away, match="Salesforce away"):
        pull(now())
    assert system.one("SELECT failures FROM tasuki.crm_connection") == 1


def test_hubspot_deals_are_joined_by_their_contacts(system: System, hubspot: Hubspot) -> None:
    """Opened, then won with its amount and currency; an owner that changed comes back as well."""
    lead_id = offer(system)
    push_all()
    (crm_id,) = hubspot.contacts
    stranger = hubspot.contact(email="x@elsewhere.example.com")
    hubspot.deal([stranger])
    hubspot.deal([])
    deal = hubspot.deal([stranger, crm_id], amount="1200000.5", deal_currency_code="JPY")
    assert pull(now()) == Pulled(outcomes=1, strangers=2)
    system.drain_here()
    assert stage(system, lead_id) == "sql"

    won = {"hs_is_closed": "true", "hs_is_closed_won": "true", "dealstage": "closedwon"}
    hubspot.touch(hubspot.deals[deal], "hs_lastmodifieddate", **won)
    other = next(one["id"] for one in hubspot.users if one["email"] == "olivia.grant@example.com")
    hubspot.touch(hubspot.contacts[crm_id], "lastmodifieddate", hubspot_owner_id=other)
    assert pull(now()) == Pulled(outcomes=1, owners=1, strangers=2)
    system.drain_here()
    assert stage(system, lead_id) == "won"
    body = system.one("SELECT body FROM tasuki.event WHERE type = 'outcome.won'")
    assert "1200000.5" in body
    assert "JPY" in body
    assert (system.one("SELECT count(*) FROM tasuki.lead"), quarantined(system)) == (1, [])


def test_a_hubspot_contact_that_tasuki_did_not_write_is_known_by_its_address(
    system: System, hubspot: Hubspot
) -> None:
    """Sales made the contact and the deal themselves, before the lead was pushed."""
    lead_id = offer(system)
    hubspot.deal([hubspot.contact(email="P1@sakura.example.co.jp")])

    assert pull(now()) == Pulled(outcomes=1)
    system.drain_here()
    assert stage(system, lead_id) == "sql"


def test_hubspot_is_asked_by_stamp_and_never_past_its_limit(
    system: System, hubspot: Hubspot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """450 deals over small pages, 300 of them of one instant: all are read, and no page number goes far."""
    monkeypatch.setattr(hubspot_changes, "_PAGE", 50)
    offer(system)
    push_all()
    (crm_id,) = hubspot.contacts
    deals = [hubspot.deal([crm_id]) for _ in range(450)]
    for deal in deals[100:400]:
        hubspot.deals[deal]["hs_lastmodifieddate"] = hubspot.deals[deals[100]]["hs_lastmodifieddate"]

    assert pull(now()).outcomes >= 450
    system.drain_here()
    assert system.one("SELECT count(*) FROM tasuki.event WHERE type = 'outcome.opened'") == 450
    assert quarantined(system) == []


def test_a_contacted_lead_and_its_deal_do_not_fight(system: System, hubspot: Hubspot) -> None:
    """An outcome ends sales' work; what is written afterwards tells the outcome."""
    lead_id = offer(system)
    act(system, lead_id, "accept")
    push_all()
    (crm_id,) = hubspot.contacts
    hubspot.deal([crm_id], hs_is_closed="true", closed_lost_reason="予算凍結")
    pull(now())
    system.drain_here()
    push_all()

    assert stage(system, lead_id) == "lost"
    assert hubspot.contacts[crm_id]["hs_lead_status"] == "UNQUALIFIED"
