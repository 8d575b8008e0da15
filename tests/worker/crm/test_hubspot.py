"""Leads reach HubSpot once, whatever happens on the way, and what cannot be written is seen with its reason."""

from typing import Any

import pytest

from tests.fixtures.crm import act, later, offer, place, push_all, rep_of, use, waiting
from tests.fixtures.crm_double import Answer, Request
from tests.fixtures.hubspot_double import Hubspot
from tests.fixtures.system import System, event
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction


def only(account: Hubspot) -> dict[str, Any]:
    """Return the one contact that there is."""
    (contact,) = account.contacts.values()
    return contact


def owner_email(account: Hubspot, contact: dict[str, Any]) -> str:
    return next(str(one["email"]) for one in account.users if one["id"] == contact["hubspot_owner_id"])


def test_a_burst_of_changes_is_one_contact_and_one_write(system: System, hubspot: Hubspot) -> None:
    """Offered, accepted, contacted before the first push: one upsert of the last truth, with the owner."""
    lead_id = offer(system)
    act(system, lead_id, "accept")
    act(system, lead_id, "contacted")
    done = push_all()

    contact = only(hubspot)
    assert done.written == 1
    assert (contact["lastname"], contact["firstname"]) == ("佐藤", "花子")
    assert (contact["lifecyclestage"], contact["hs_lead_status"]) == ("salesqualifiedlead", "CONNECTED")
    assert contact["tasuki_id"] == str(lead_id)
    assert contact["tasuki_next_step"] == "商談にするか決める"
    assert owner_email(hubspot, contact) == rep_of(system, lead_id)
    assert (hubspot.count("POST", "batch/upsert"), hubspot.count("POST", "batch/update")) == (1, 0)


def test_a_contact_that_is_there_is_taken(system: System, hubspot: Hubspot) -> None:
    """Found by its second address, too; what it holds of the person is kept."""
    crm_id = hubspot.contact(
        email="old@sakura.example.co.jp",
        hs_additional_emails="x@y.example;p1@sakura.example.co.jp",
        phone="1",
    )
    lead_id = offer(system)
    push_all()

    contact = only(hubspot)
    assert (contact["tasuki_id"], contact["phone"], contact["email"]) == (
        str(lead_id), "1", "old@sakura.example.co.jp",
    )  # fmt: skip
    assert waiting(system)[0].crm_id == crm_id


def test_a_contact_of_another_lead_is_for_a_human(system: System, hubspot: Hubspot) -> None:
    """The address is that of a contact that carries another lead's number: nothing is overwritten."""
    hubspot.contact(email="p1@sakura.example.co.jp", tasuki_id="999999")
    offer(system)
    done = push_all()

    assert (done.refused, only(hubspot)["tasuki_id"]) == (1, "999999")
    assert "999999" in waiting(system)[0].last_error


def test_two_leads_that_are_one_contact_are_for_a_human(system: System, hubspot: Hubspot) -> None:
    """One by the contact's first address, one by its second: the first is written, the other shown."""
    hubspot.contact(email="p1@sakura.example.co.jp", hs_additional_emails="p2@sakura.example.co.jp")
    one, two = offer(system, 1), offer(system, 2)
    done = push_all()

    assert (done.written, done.refused) == (1, 1)
    assert only(hubspot)["tasuki_id"] == str(one)
    assert f"is lead {one} already" in waiting(system)[1].last_error
    assert waiting(system)[1].lead_id == two


def test_an_answer_of_another_shape_is_seen_and_waited_for(system: System, hubspot: Hubspot) -> None:
    """HubSpot changes its answers, or a gateway makes its own: no lead is lost, none is refused."""
    offer(system)
    hubspot.faults.append(Answer(200, {"results": [{"id": 1}]}))
    assert "what we do not understand" in str(push_due(now()).away)
    assert push_due(later(301)).written == 1


@pytest.mark.parametrize("backwards, after", [("leave", "salesqualifiedlead"), ("clear", "lead")])
def test_a_recycled_lead_goes_back_only_where_the_mapping_says_so(
    system: System,
    hubspot: Hubspot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    backwards: str,
    after: str,
) -> None:
    """HubSpot takes an earlier lifecycle stage only after it was cleared."""
    file = tmp_path / "crm.yaml"
    file.write_text(f"lifecycle_backwards: {backwards}\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    lead_id = offer(system)
    act(system, lead_id, "accept")
    push_all()
    assert only(hubspot)["lifecyclestage"] == "salesqualifiedlead"
    act(system, lead_id, "decline", "not_now")
    push_all()

    assert only(hubspot)["lifecyclestage"] == after
    assert only(hubspot)["hs_lead_status"] == "BAD_TIMING"
    assert only(hubspot)["tasuki_why_ready"] is None


def test_a_later_stage_that_a_human_set_stands(system: System, hubspot: Hubspot) -> None:
    """A customer who asks for a demo is no lead again."""
    hubspot.contact(email="p1@sakura.example.co.jp", lifecyclestage="customer")
    offer(system)
    push_all()

    assert only(hubspot)["lifecyclestage"] == "customer"


def test_the_next_rep_becomes_the_owner(system: System, hubspot: Hubspot) -> None:
    """Declined as too busy: the owner follows the hand-over."""
    lead_id = offer(system)
    push_all()
    act(system, lead_id, "decline", "too_busy")
    place(system)
    push_all()

    assert owner_email(hubspot, only(hubspot)) == rep_of(system, lead_id)


def many(system: System, count: int, **bad: Any) -> None:
    """Let leads in, the one with number 7 with something bad."""
    for number in range(count):
        said = {"email": f"p{number}@sakura.example.co.jp", "name": "佐藤 花子", "title": "情報システム部長",
                "employees": 3000, "country": "JP", "region": "東京都", "activity": "demo_request"}  # fmt: skip
        system.send([event(number, **{**said, **(bad if number == 7 else {})})])
    system.drain_here()


def test_a_batch_that_is_refused_for_one_is_halved_until_the_one_is_found(
    system: System, hubspot: Hubspot
) -> None:
    """HubSpot refuses all 100 for one bad value: 99 are written, and the one is shown with HubSpot's words."""
    many(system, 100, email="p7@sakura.example.日本")
    done = push_all()

    assert (done.written, done.refused) == (99, 1)
    assert len(hubspot.contacts) == 99
    (bad,) = [row for row in waiting(system) if row.status == "refused"]
    assert "Email address is invalid" in bad.last_error
    assert hubspot.count("POST", "batch/upsert") < 20


def test_a_partial_failure_is_read_one_by_one(system: System, hubspot: Hubspot) -> None:
    """A 207 holds results and errors: each lead gets its own, by the trace id of its input."""
    many(system, 20)
    ids = [row[0] for row in system.sql("SELECT lead_id FROM tasuki.lead ORDER BY lead_id")]
    hubspot.poison.add(str(ids[7]))
    done = push_all()

    assert (done.written, done.refused) == (19, 1)
    (bad,) = [row for row in waiting(system) if row.status == "refused"]
    assert bad.lead_id == ids[7]
    assert "a workflow of the account says no" in bad.last_error


@pytest.mark.parametrize(
    "policy, header, wait_s",
    [("TEN_SECONDLY_ROLLING", None, 10), ("SECONDLY", "30", 30), ("DAILY", None, 1800)],
)
def test_a_limit_is_kept_as_hubspot_names_it(
    system: System, hubspot: Hubspot, policy: str, header: str | None, wait_s: int
) -> None:
    """Seconds for a burst, Retry-After where it is given, half an hour when the day's calls are spent."""
    offer(system)
    body = {
        "status": "error",
        "message": "You have reached your limit.",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
    }
    hubspot.faults.append(Answer(429, body, {"Retry-After": header} if header else {}))
    done = push_due(now())

    assert policy in str(done.away)
    assert push_due(later(wait_s - 1)).tried == 0
    assert push_due(later(wait_s + 1)).written == 1


@pytest.mark.parametrize("status", [401, 403, 502, 503])
def test_no_lead_is_refused_for_what_is_not_its_fault(system: System, hubspot: Hubspot, status: int) -> None:
    """A refused token, a gateway's page: the lead waits, and is written when HubSpot is itself again."""
    offer(system)
    hubspot.faults.append(Answer(status, "<html>"))
    assert str(status) in str(push_due(now()).away)
    assert waiting(system)[0].status == "pending"
    assert push_due(later(301)).written == 1


def test_a_contact_made_by_somebody_else_meanwhile_is_taken_at_the_next_try(
    system: System, hubspot: Hubspot
) -> None:
    """Between our look and our write a form made the contact: HubSpot says 409, and no second one is made."""
    lead_id = offer(system)

    def meanwhile(request: Request) -> Answer | None:
        if "batch/upsert" in request.path and not hubspot.contacts:
            hubspot.contact(email="p1@sakura.example.co.jp")
        return None

    hubspot.faults.append(meanwhile)
    assert push_due(now()).pending == 1
    assert "already exists" in waiting(system)[0].last_error
    assert push_due(later(10)).written == 1
    assert only(hubspot)["tasuki_id"] == str(lead_id)


def test_a_merged_contact_is_followed(system: System, hubspot: Hubspot) -> None:
    """Two contacts were merged in HubSpot: the old number leads to the one that is left."""
    lead_id = offer(system)
    push_all()
    (old,) = hubspot.contacts
    left = hubspot.contact(
        email="other@sakura.example.co.jp", hs_merged_object_ids=old, tasuki_id=str(lead_id)
    )
    del hubspot.contacts[old]
    hubspot.merged[old] = left
    act(system, lead_id, "accept")
    push_all()

    assert only(hubspot)["tasuki_next_step"] == "初回の連絡をする"
    assert waiting(system)[0].crm_id == left


def test_a_property_that_the_account_does_not_have_stops_all_and_is_named(
    system: System, hubspot: Hubspot
) -> None:
    """It is no lead's fault: nothing is refused, and the property is named."""
    hubspot.missing_properties.add("tasuki_persona")
    offer(system)
    done = push_all()

    assert "tasuki_persona" in str(done.away)
    assert waiting(system)[0].status == "pending"


def test_our_own_property_must_be_there(system: System, hubspot: Hubspot) -> None:
    """Without the unique property nothing can be found again: it is asked for by name."""
    hubspot.missing_properties.add("tasuki_id")
    offer(system)

    assert "tasuki_id" in str(push_all().away)


def test_owners_come_over_several_pages(system: System, hubspot: Hubspot) -> None:
    """The 101st owner is found, too."""
    reps = list(hubspot.users)
    hubspot.users.clear()
    for number in range(150):
        hubspot.owner(f"u{number}@example.com")
    hubspot.users += reps
    lead_id = offer(system)
    push_all()

    assert owner_email(hubspot, only(hubspot)) == rep_of(system, lead_id)


def test_an_unknown_owner_is_noted(system: System, hubspot: Hubspot) -> None:
    """All else is written."""
    hubspot.users.clear()
    offer(system)
    push_all()

    assert only(hubspot).get("hubspot_owner_id") is None
    assert "no active user" in waiting(system)[0].note


@pytest.mark.parametrize("policy", ["delete", "anonymise", "keep"])
def test_an_erased_lead_leaves_hubspot_by_policy(
    system: System, hubspot: Hubspot, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, policy: str
) -> None:
    """Deleted as privacy laws ask, emptied, or kept; a contact that is gone already is done."""
    file = tmp_path / "crm.yaml"
    file.write_text(f"erase: {policy}\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    one, two = offer(system, 1), offer(system, 2)
    push_all()
    first, second = hubspot.contacts
    if policy == "delete":
        del hubspot.contacts[second]
    in_transaction(lambda c: store.erase(c, [one, two], now()))

    assert push_all().erased == 2
    if policy == "delete":
        assert (hubspot.contacts, hubspot.erased) == ({}, [first])
    else:
        assert hubspot.contacts[first]["email"] == (
            None if policy == "anonymise" else "p1@sakura.example.co.jp"
        )
    assert system.sql("SELECT * FROM tasuki.crm_link") == []


def anonymised(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, *numbers: int) -> None:
    """Write leads to HubSpot, and have them erased under the policy `anonymise`."""
    file = tmp_path / "crm.yaml"
    file.write_text("erase: anonymise\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    leads = [offer(system, number) for number in numbers]
    push_all()
    in_transaction(lambda c: store.erase(c, leads, now()))


def test_a_contact_that_cannot_be_emptied_is_seen_and_stays_linked(
    system: System, hubspot: Hubspot, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A 207 with an error: the personal data are still there, so the erasing is not done, and says why."""
    anonymised(system, monkeypatch, tmp_path, 1)
    no = {"status": "error", "category": "VALIDATION_ERROR", "message": "email is a read only value"}
    hubspot.faults.append(Answer(207, {"status": "COMPLETE", "results": [], "errors": [no]}))
    done = push_all()
    assert (done.erased, done.refused) == (0, 1)
    assert only(hubspot)["email"] == "p1@sakura.example.co.jp"
    assert system.one("SELECT count(*) FROM tasuki.crm_link") == 1
    assert "read only" in waiting(system)[0].last_error


@pytest.mark.parametrize("tells", ["404", "207"])
def test_a_contact_that_is_gone_is_erased(
    system: System, hubspot: Hubspot, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, tells: str
) -> None:
    """Whether HubSpot says so for the call or for the input; it holds up nobody else."""
    anonymised(system, monkeypatch, tmp_path, 1, 2)
    first, second = hubspot.contacts
    del hubspot.contacts[first]
    if tells == "207":
        no = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "not there"}
        hubspot.faults.append(Answer(207, {"status": "COMPLETE", "results": [], "errors": [no]}))
    done = push_all()
    assert (done.erased, done.away) == (2, None)
    assert hubspot.contacts[second]["email"] is None
    assert system.sql("SELECT * FROM tasuki.crm_link") == []


def test_an_outcome_by_webhook_finds_its_lead(system: System, hubspot: Hubspot) -> None:
    """What HubSpot later sends of the contact by its number alone reaches the lead and makes no other."""
    lead_id = offer(system)
    push_all()
    (crm_id,) = hubspot.contacts
    system.send([{"id": "h1", "source": "hubspot", "type": "outcome.won", "time": "2026-11-24T10:59:00+09:00",
                  "subject": crm_id, "data": {"opportunity": "18800000777", "amount": 1200000}}])  # fmt: skip
    system.drain_here()
    push_all()

    assert system.one("SELECT lifecycle_stage FROM tasuki.lead WHERE lead_id = :l", l=lead_id) == "won"
    assert system.one("SELECT count(*) FROM tasuki.lead") == 1
    assert only(hubspot)["lifecyclestage"] == "customer"
