"""Records that the org or people changed, and leads that are merged or erased."""

import json
from typing import Any

import pytest

from tests.fixtures.crm import act, offer, push_all, use, waiting
from tests.fixtures.crm_double import Request
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event
from worker import queue
from worker.crm import meter
from worker.crm.push import push_due
from worker.now import now
from worker.store import crm as store
from worker.store.db import in_transaction


def test_a_rep_can_be_named_in_the_mapping(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """`users` goes before the look-up by address; `nobody` owns what no rep holds."""
    users = {one["Email"]: one["Id"] for one in salesforce.all("User")}
    file = tmp_path / "crm.yaml"
    other = users["olivia.grant@example.com"]
    reps = "".join(f"  {row[0]}: {other}\n" for row in [["suzuki_haruka"], ["takahashi_ren"], ["ito_misaki"],
                                                        ["tanaka_yui"], ["yamamoto_sota"]])  # fmt: skip
    file.write_text(f"users:\n{reps}nobody: 00G000000000001AAA\nlanguage: en\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    lead_id = offer(system)
    push_all()
    (record,) = salesforce.all("Lead")
    assert (record["OwnerId"], record["Tasuki_Next_Step__c"]) == (other, "accept the lead")

    act(system, lead_id, "decline", "not_now")
    push_all()
    assert record["OwnerId"] == "00G000000000001AAA"


def test_a_duplicate_rule_holds_the_lead_unless_the_mapping_allows_it(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """DUPLICATES_DETECTED is for a person, with what to do; `duplicates: allow` sends the header."""
    salesforce.rules.append(lambda _: ("DUPLICATES_DETECTED", "Use one of these records?", []))
    offer(system)
    assert push_all().refused == 1
    assert "duplicates: allow" in waiting(system)[0].last_error

    file = tmp_path / "crm.yaml"
    file.write_text("duplicates: allow\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    in_transaction(lambda c: store.retry(c, "salesforce", None, now()))
    assert push_all().written == 1


def test_a_field_that_the_org_does_not_have_stops_all_and_is_named(
    system: System, salesforce: Salesforce
) -> None:
    """It is no lead's fault: nothing is refused, the field is named, and once it is there all is written."""
    salesforce.missing_fields.add("Tasuki_Persona__c")
    offer(system)
    done = push_all()
    assert "Tasuki_Persona__c" in str(done.away)
    assert waiting(system)[0].status == "pending"

    salesforce.missing_fields.clear()
    in_transaction(lambda c: meter.close(c, "salesforce"))
    in_transaction(lambda c: store.retry(c, "salesforce", None, now()))
    assert push_all().written == 1


def test_a_record_deleted_in_the_crm_is_not_made_again_without_news(
    system: System, salesforce: Salesforce
) -> None:
    """Somebody deleted it: the lead is shown as refused; its next change makes a new record."""
    lead_id = offer(system)
    push_all()
    salesforce.records["Lead"].clear()
    act(system, lead_id, "accept")
    done = push_all()
    assert (done.refused, salesforce.all("Lead")) == (1, [])
    assert "was deleted" in waiting(system)[0].last_error

    act(system, lead_id, "contacted")
    push_all()
    assert len(salesforce.all("Lead")) == 1


@pytest.mark.parametrize("policy", ["delete", "anonymise", "keep"])
def test_an_erased_lead_leaves_the_crm_by_policy(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, policy: str
) -> None:
    """Deleted, emptied, or kept; our own link is forgotten in each case, and doing it twice is harmless."""
    file = tmp_path / "crm.yaml"
    file.write_text(f"erase: {policy}\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    lead_id = offer(system)
    push_all()
    in_transaction(lambda c: store.erase(c, [lead_id], now()))
    assert push_all().erased == 1

    left = salesforce.all("Lead")
    assert len(left) == (0 if policy == "delete" else 1)
    if policy == "anonymise":
        assert (left[0]["LastName"], left[0]["Email"], left[0]["Tasuki_Id__c"]) == (
            "[not provided]",
            None,
            None,
        )
    assert system.sql("SELECT * FROM tasuki.crm_link") == []
    in_transaction(lambda c: store.erase(c, [lead_id], now()))
    assert push_all().erased == 1


def test_a_lead_erased_while_it_is_written_leaves_nothing(system: System, salesforce: Salesforce) -> None:
    """The write arrives after the erasure: the record is deleted in the next round, and no key is left."""
    lead_id = offer(system)

    def meanwhile(request: Request) -> None:
        if request.method == "PATCH":
            system.do(f"DELETE FROM tasuki.lead WHERE lead_id = {lead_id}")
            system.do(f"DELETE FROM tasuki.lead_key WHERE lead_id = {lead_id}")
            in_transaction(lambda c: store.erase(c, [lead_id], now()))

    salesforce.before_answer = meanwhile
    push_due(now())
    assert len(salesforce.all("Lead")) == 1
    salesforce.before_answer = lambda _: None
    push_all()

    assert salesforce.all("Lead") == []
    assert system.sql("SELECT * FROM tasuki.lead_key") == []
    assert system.sql("SELECT * FROM tasuki.crm_link") == []
    assert waiting(system)[0].status == "erased"


def test_the_echo_of_our_own_write_tells_nothing_new(system: System, salesforce: Salesforce) -> None:
    """Change Data Capture sends back what Tasuki wrote: a placeholder becomes no company, and nothing is pushed."""
    lead_id = offer(system, company=None)
    push_all()
    (record,) = salesforce.all("Lead")
    header = {"entityName": "Lead", "changeType": "UPDATE", "transactionKey": "t1", "sequenceNumber": 1,
              "commitTimestamp": 1_795_485_600_000, "recordIds": [record["Id"]]}  # fmt: skip
    echo = {
        name: value for name, value in record.items() if name in ("LastName", "Company", "Email", "Phone")
    }
    assert echo["Company"] == "[not provided]"
    queue.append([{"payload": json.dumps({"ChangeEventHeader": header, **echo}).encode(), "platform": "salesforce",
                   "source": "salesforce"}])  # fmt: skip
    system.drain_here()

    assert system.one("SELECT company FROM tasuki.lead WHERE lead_id = :l", l=lead_id) is None
    assert system.one("SELECT count(*) FROM tasuki.lead") == 1
    assert waiting(system)[0].status == "written"


@pytest.mark.parametrize("marked", ["kept", "gone"])
def test_merged_leads_keep_one_record(system: System, salesforce: Salesforce, marked: str) -> None:
    """The older lead takes in the one that is in Salesforce: it has that record, and is written to it."""
    older = {
        **event(50, "lead.captured", subject="mautic-9", email="q@sakura.example.co.jp"),
        "source": "mautic",
    }
    system.send([older])
    system.drain_here()
    gone = offer(system)
    push_all()
    joins = {
        **event(51, "lead.captured", subject="mautic-9", email="p1@sakura.example.co.jp"),
        "source": "mautic",
    }
    system.send([joins])
    system.drain_here()
    kept = system.one("SELECT merged_into FROM tasuki.lead WHERE lead_id = :l", l=gone)
    assert kept is not None
    in_transaction(lambda c: store.mark(c, [kept if marked == "kept" else gone], now()))
    push_all()

    (record,) = salesforce.all("Lead")
    assert record["Tasuki_Id__c"] == str(kept)
    assert system.sql("SELECT lead_id, crm_id FROM tasuki.crm_link") == [(kept, record["Id"])]
    assert {row.status for row in waiting(system)} <= {"written", "not_needed"}
