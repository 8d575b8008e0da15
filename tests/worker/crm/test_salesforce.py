"""Leads reach Salesforce once, whatever happens on the way, and what cannot be written is seen with its reason."""

from typing import Any

from tests.fixtures.crm import act, judge_ready, offer, place, push_all, rep_of, waiting
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction


def owner_email(org: Salesforce, record: dict[str, Any]) -> str:
    return str(org.records["User"][record["OwnerId"]]["Email"])


def test_an_offered_lead_becomes_one_record_with_everything_sales_needs(
    system: System, salesforce: Salesforce
) -> None:
    """Names in their fields, owner, status, next step with its due time, why it is ready, and the way back."""
    lead_id = offer(system)
    done = push_all()

    (record,) = salesforce.all("Lead")
    assert done.written == 1
    assert (record["LastName"], record["FirstName"]) == ("佐藤", "花子")
    assert (record["Company"], record["Email"], record["Title"]) == (
        "さくら商事株式会社", "p1@sakura.example.co.jp", "情報システム部長",
    )  # fmt: skip
    assert owner_email(salesforce, record) == rep_of(system, lead_id)
    assert record["Status"] == "Open - Not Contacted"
    assert record["Tasuki_Id__c"] == str(lead_id)
    assert record["Tasuki_Stage__c"] == "mql"
    assert record["Tasuki_Next_Step__c"] == "リードを引き受ける"
    due = system.one("SELECT due_at FROM tasuki.clock WHERE lead_id = :l", l=lead_id)
    assert record["Tasuki_Next_Step_Due__c"] == due.isoformat(timespec="seconds")
    assert "2026-11-24" in record["Tasuki_Why_Ready__c"]
    assert record["Tasuki_Link__c"] == f"https://tasuki.example.com/leads/{lead_id}"


def test_a_burst_of_changes_is_one_record_and_one_write(system: System, salesforce: Salesforce) -> None:
    """Ready, offered, accepted, contacted, all before the first push: one write of the last truth."""
    lead_id = offer(system)
    act(system, lead_id, "accept")
    act(system, lead_id, "contacted")
    assert system.one("SELECT version FROM tasuki.crm_push") == 4
    push_all()

    (record,) = salesforce.all("Lead")
    assert record["Status"] == "Working - Contacted"
    assert record["Tasuki_Next_Step__c"] == "商談にするか決める"
    assert salesforce.count("PATCH", "composite") == 1


def test_what_did_not_change_is_not_sent_again(system: System, salesforce: Salesforce) -> None:
    """A lead that is pushed once more by hand costs a read and no write."""
    lead_id = offer(system)
    push_all()
    in_transaction(lambda c: store.mark(c, [lead_id], now()))
    done = push_all()

    assert done.written == 1
    assert salesforce.count("PATCH", "composite") == 1


def test_without_a_crm_no_row_is_written(system: System) -> None:
    """Who has no CRM pays nothing."""
    lead_id = offer(system)
    act(system, lead_id, "accept")

    assert waiting(system) == []
    assert push_due(now()).tried == 0


def test_a_lead_that_sales_never_saw_is_not_written(system: System, salesforce: Salesforce) -> None:
    """What marketing holds or throws out is no business of the CRM's, until it was with sales."""
    lead_id = judge_ready(system)
    system.send([event(2, "lead.consent", subject="lead-1", consent={"all": False})])
    system.drain_here()
    done = push_all()

    assert system.one("SELECT lifecycle_stage FROM tasuki.lead WHERE lead_id = :l", l=lead_id) != "mql"
    assert (done.not_needed, done.written, salesforce.all("Lead")) == (1, 0, [])


def test_a_recycled_lead_is_closed_in_the_crm_and_its_next_step_is_marketings(
    system: System, salesforce: Salesforce
) -> None:
    """Declined to nurture: the CRM says so, and why it was ready is taken out again."""
    lead_id = offer(system)
    push_all()
    act(system, lead_id, "decline", "not_now")
    push_all()

    (record,) = salesforce.all("Lead")
    assert record["Status"] == "Closed - Not Converted"
    assert record["Tasuki_Stage__c"] == "nurture"
    assert record["Tasuki_Next_Step__c"] == "マーケティングが育成中"
    assert record["Tasuki_Why_Ready__c"] is None


def test_a_lead_that_goes_to_the_next_rep_changes_its_owner(system: System, salesforce: Salesforce) -> None:
    """Declined as too busy, placed again: the owner follows."""
    lead_id = offer(system)
    push_all()
    first = salesforce.all("Lead")[0]["OwnerId"]
    act(system, lead_id, "decline", "too_busy")
    place(system)
    push_all()

    (record,) = salesforce.all("Lead")
    assert record["OwnerId"] != first
    assert owner_email(salesforce, record) == rep_of(system, lead_id)


def test_what_a_human_wrote_in_the_crm_stands(system: System, salesforce: Salesforce) -> None:
    """A corrected phone number (if_empty), another owner and status (on_change) stand until Tasuki has news."""
    lead_id = offer(system)
    push_all()
    (record,) = salesforce.all("Lead")
    other = next(one["Id"] for one in salesforce.all("User") if one["Id"] != record["OwnerId"])
    salesforce.touch(record, Phone="090-0000-0000", OwnerId=other, Status="Working - Contacted")
    act(system, lead_id, "accept")  # its status is what it was: no news
    push_all()
    assert (record["Phone"], record["OwnerId"], record["Status"]) == (
        "090-0000-0000", other, "Working - Contacted",
    )  # fmt: skip
    assert record["Tasuki_Next_Step__c"] == "初回の連絡をする"

    act(system, lead_id, "decline", "not_now")
    push_all()
    assert record["Status"] == "Closed - Not Converted"  # news


def test_a_placeholder_is_replaced_once_the_name_is_known(system: System, salesforce: Salesforce) -> None:
    """Salesforce asks for a name and a company; what was written for want of them counts as empty."""
    lead_id = offer(system, family_name=None, given_name=None, company=None)
    push_all()
    (record,) = salesforce.all("Lead")
    assert (record["LastName"], record["Company"]) == ("[not provided]", "[not provided]")

    system.send([event(9, "lead.captured", subject="lead-1", name="Hanako Sato", company="Sakura Ltd")])
    system.drain_here()
    act(system, lead_id, "accept")
    push_all()
    assert (record["FirstName"], record["LastName"], record["Company"]) == ("Hanako", "Sato", "Sakura Ltd")


def test_a_record_that_is_there_is_taken_and_not_doubled(system: System, salesforce: Salesforce) -> None:
    """A contact with the lead's address, in other letters, is the lead; what it holds is kept."""
    contact = salesforce.make("Contact", LastName="Sato", Email="P1@Sakura.example.co.jp", Phone="1")
    lead_id = offer(system)
    push_all()

    assert salesforce.all("Lead") == []
    assert (contact["Tasuki_Id__c"], contact["LastName"], contact["Phone"]) == (str(lead_id), "Sato", "1")
    assert (waiting(system)[0].object, waiting(system)[0].crm_id) == ("Contact", contact["Id"])


def test_two_records_of_one_person_are_for_a_human(system: System, salesforce: Salesforce) -> None:
    """Tasuki does not choose: the lead is refused with both ids, and written once they are merged."""
    one = salesforce.make("Contact", LastName="Sato", Email="p1@sakura.example.co.jp")
    two = salesforce.make("Lead", LastName="Sato", Company="x", Email="p1@sakura.example.co.jp")
    offer(system)
    done = push_all()
    row = waiting(system)[0]
    assert (done.refused, row.status) == (1, "refused")
    assert one["Id"] in row.last_error
    assert two["Id"] in row.last_error

    del salesforce.records["Lead"][two["Id"]]
    in_transaction(lambda c: store.retry(c, "salesforce", None, now()))
    assert push_all().written == 1


def test_a_converted_lead_is_written_as_its_contact(system: System, salesforce: Salesforce) -> None:
    """Sales converted the lead: what follows is written to the contact, and the lead is left alone."""
    lead_id = offer(system)
    act(system, lead_id, "accept")
    push_all()
    (record,) = salesforce.all("Lead")
    contact, _ = salesforce.convert(record)
    act(system, lead_id, "contacted")
    done = push_all()

    assert done.written == 1
    assert contact["Tasuki_Next_Step__c"] == "商談にするか決める"
    assert contact["Tasuki_Id__c"] == str(lead_id)
    assert record["Status"] == "Closed - Converted"
    row = waiting(system)[0]
    assert (row.object, row.crm_id) == ("Contact", contact["Id"])


def test_an_outcome_that_names_only_the_record_finds_its_lead(system: System, salesforce: Salesforce) -> None:
    """The lead's number in Salesforce is an identity key: a platform event with nothing else reaches the lead."""
    lead_id = offer(system)
    push_all()
    short = salesforce.all("Lead")[0]["Id"][:15]
    system.send([{"id": "o1", "source": "salesforce", "type": "outcome.opened", "time": "2026-11-24T10:30:00+09:00",
                  "subject": short, "data": {"opportunity": "006000000000201"}}])  # fmt: skip
    system.drain_here()

    assert system.one("SELECT lifecycle_stage FROM tasuki.lead WHERE lead_id = :l", l=lead_id) == "sql"
    assert system.one("SELECT count(*) FROM tasuki.lead") == 1
