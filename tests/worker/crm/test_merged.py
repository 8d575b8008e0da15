"""Leads merged and parted: each ends with the record that it had, and both are written anew."""

from typing import Any

import pytest

from tests.fixtures.crm import act, judge_ready, offer, place, push_all, waiting
from tests.fixtures.crm_double import Double, Request
from tests.fixtures.hubspot_double import Hubspot
from tests.fixtures.receiver_double import Receiver
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event
from worker import rulebooks
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction
from worker.unmerging import merge_by_hand, unmerge

ALL = ["salesforce", "hubspot", "receiver"]


@pytest.fixture
def crm(request: pytest.FixtureRequest) -> Double:
    """One CRM after the other."""
    found: Double = request.getfixturevalue(request.param)
    return found


def links(system: System) -> dict[int, str]:
    """Return the record of each lead that has one."""
    return {row.lead_id: row.crm_id for row in system.sql("SELECT lead_id, crm_id FROM tasuki.crm_link")}


def versions(system: System) -> dict[int, int]:
    """Return how often each lead was marked."""
    return {row.lead_id: row.version for row in system.sql("SELECT lead_id, version FROM tasuki.crm_push")}


def merged(system: System, kept: int, gone: int) -> int:
    """Merge two leads by hand; return the merge."""
    in_transaction(lambda c: merge_by_hand(c, kept, gone, "aoki", rulebooks.current(c), now()))
    return int(system.one("SELECT max(merge_id) FROM tasuki.lead_merge"))


def parted(merge_id: int) -> None:
    """Undo a merge."""
    in_transaction(lambda c: unmerge(c, merge_id, "aoki", rulebooks.current(c), now()))


def addresses(crm: Double) -> dict[str, str]:
    """Return lead number -> e-mail address, of all records that there are."""
    if isinstance(crm, Salesforce):
        return {row["Tasuki_Id__c"]: row["Email"] for row in crm.all("Lead")}
    if isinstance(crm, Hubspot):
        return {row["tasuki_id"]: row["email"] for row in crm.contacts.values()}
    assert isinstance(crm, Receiver)
    return {number: row["email"] for number, row in crm.leads.items()}


def held(system: System) -> int:
    """Let a lead in that marketing holds: it has no record."""
    system.send([event(90, "lead.captured", subject="m90", email="held@sakura.example.co.jp")])
    system.drain_here()
    return int(system.one("SELECT lead_id FROM tasuki.lead_key WHERE value = 'm90'"))


@pytest.mark.parametrize("crm", ALL, indirect=True)
@pytest.mark.parametrize("pushed", [True, False], ids=["pushed between", "not pushed between"])
def test_the_record_of_the_lead_that_was_taken_in_is_its_own_again(
    system: System, crm: Double, pushed: bool
) -> None:
    """Only the younger one had a record: the older takes it over, and gives it back; the older gets none."""
    older = held(system)
    younger = offer(system)
    push_all()
    before, marks = links(system), versions(system)
    assert set(before) == {younger}
    number = merged(system, older, younger)
    if pushed:
        push_all()
        assert links(system) == {older: before[younger]}
    parted(number)
    assert links(system) == before
    after = versions(system)
    assert after[older] > marks.get(older, 0)
    assert after[younger] > marks[younger] + 1

    push_all()
    assert links(system) == before
    assert addresses(crm)[str(younger)] == "p1@sakura.example.co.jp"
    assert {row.lead_id: row.status for row in waiting(system)} == {older: "not_needed", younger: "written"}
    assert system.one("SELECT lead_id FROM tasuki.lead_key WHERE kind LIKE 'ma:%' AND value = :v",
                      v=before[younger][:15] if isinstance(crm, Salesforce) else before[younger]) == younger  # fmt: skip


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"], indirect=True)
def test_each_is_written_to_its_own_record_though_the_other_bears_its_number(
    system: System, crm: Double
) -> None:
    """Both are with sales afterwards: the one with the record writes first, the other gets a record of its own."""
    older = judge_ready(system, 1)  # ready, and not in the CRM yet
    younger = offer(system, 2)
    in_transaction(lambda c: store.mark(c, [younger], now()))
    system.do("DELETE FROM tasuki.crm_push WHERE lead_id = :l", l=older)
    push_all()
    before = links(system)
    assert set(before) == {younger}
    number = merged(system, older, younger)
    push_all()
    assert links(system) == {older: before[younger]}
    parted(number)
    place(system)
    in_transaction(lambda c: store.mark(c, [older, younger], now()))
    push_all()
    system.do(
        "UPDATE tasuki.crm_push SET next_try_at = now() - interval '1 year' WHERE next_try_at IS NOT NULL"
    )
    push_all()
    after = links(system)
    assert after[younger] == before[younger]
    assert {row.lead_id: row.status for row in waiting(system)} == {older: "written", younger: "written"}
    found = addresses(crm)
    assert (found[str(younger)], found[str(older)]) == ("p2@sakura.example.co.jp", "p1@sakura.example.co.jp")
    assert after[older] != after[younger]


@pytest.mark.parametrize("crm", ALL, indirect=True)
def test_two_that_had_a_record_keep_them(system: System, crm: Double) -> None:
    """Each its own before, and each its own after; that the second is left meanwhile is said."""
    one, two = offer(system, 1), offer(system, 2)
    push_all()
    before, marks = links(system), versions(system)
    number = merged(system, one, two)
    push_all()
    assert links(system) == before
    notes = {row.lead_id: row.note for row in waiting(system)}
    assert f"its record {before[two]} is left" in notes[two]
    parted(number)
    assert all(versions(system)[lead] > marks[lead] for lead in (one, two))
    push_all()
    assert links(system) == before
    assert {row.status for row in waiting(system)} == {"written"}
    assert addresses(crm) == {str(one): "p1@sakura.example.co.jp", str(two): "p2@sakura.example.co.jp"}


def test_a_chain_of_merges_is_undone_link_by_link(system: System, hubspot: Hubspot) -> None:
    """The record goes through two leads, and comes back the same way."""
    first = held(system)
    system.send([event(91, "lead.captured", subject="m91", email="held2@sakura.example.co.jp")])
    system.drain_here()
    second = int(system.one("SELECT lead_id FROM tasuki.lead_key WHERE value = 'm91'"))
    third = offer(system)
    push_all()
    record = links(system)[third]
    inner = merged(system, second, third)
    outer = merged(system, first, second)
    push_all()
    assert links(system) == {first: record}
    parted(outer)
    assert links(system) == {second: record}
    parted(inner)
    assert links(system) == {third: record}
    assert system.one("SELECT came_from FROM tasuki.crm_link") == []


def test_a_lead_merged_while_it_is_pushed_gives_its_record_to_the_one_that_is_left(
    system: System, hubspot: Hubspot
) -> None:
    """The merge commits between our call and its record, and nobody marks anything by hand."""
    older = held(system)
    younger = offer(system)
    done: list[Any] = []

    def meanwhile(request: Request) -> None:
        if "batch/upsert" in request.path and not done:
            done.append(merged(system, older, younger))

    hubspot.before_answer = meanwhile
    push_due(now())
    push_all()
    assert done
    assert set(links(system)) == {older}
    assert len(hubspot.contacts) == 1
    assert next(iter(hubspot.contacts.values()))["tasuki_id"] == str(older)
    assert {row.lead_id: row.status for row in waiting(system)} == {older: "written", younger: "not_needed"}
    act(system, older, "accept")
    push_all()
    assert next(iter(hubspot.contacts.values()))["tasuki_stage"] == "sal"
