"""Leads reach Salesforce once, whatever happens on the way, and what cannot be written is seen with its reason."""

import json
from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import Refused
from tests.fixtures.crm import act, judge_ready, later, offer, place, push_all, rep_of, use, waiting
from tests.fixtures.crm_double import Answer, Request
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System, event
from worker import queue
from worker.crm import meter
from worker.crm.push import push_due
from worker.now import now, wall_seconds
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


def test_a_writer_that_dies_after_sending_makes_no_second_record(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent and not recorded: once the lease is over another one writes the same record again."""
    offer(system)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("worker.store.crm.record", die)
        with pytest.raises(KeyboardInterrupt):
            push_due(now())
    assert len(salesforce.all("Lead")) == 1
    assert waiting(system)[0].status == "pending"
    assert push_due(now()).tried == 0  # its lease runs

    done = push_due(later(131))
    assert done.written == 1
    assert len(salesforce.all("Lead")) == 1
    assert waiting(system)[0].crm_id == salesforce.all("Lead")[0]["Id"]


def test_a_change_during_a_write_is_written_after_it(system: System, salesforce: Salesforce) -> None:
    """The rep accepts while the offer is on its way: never two at once, and the newest truth wins."""
    lead_id = offer(system)
    seen: list[int] = []

    def meanwhile(request: Request) -> None:
        if request.method == "PATCH" and not seen:
            act(system, lead_id, "accept")
            seen.append(push_due(now()).tried)  # nobody else may take it now

    salesforce.before_answer = meanwhile
    first = push_due(now())
    assert (first.written, seen) == (1, [0])
    assert waiting(system)[0].status == "pending"
    push_all()

    assert salesforce.all("Lead")[0]["Tasuki_Next_Step__c"] == "初回の連絡をする"
    assert waiting(system)[0].status == "written"


def test_one_bad_record_stops_no_other(system: System, salesforce: Salesforce) -> None:
    """Of 200 leads one meets a validation rule: 199 are written, and the one is shown with the rule's words."""
    salesforce.rules.append(
        lambda row: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Phone must be Japanese", ["Phone"])
        if row.get("Phone") == "bad" else None
    )  # fmt: skip
    for number in range(200):
        system.send([event(number, email=f"p{number}@sakura.example.co.jp", name="佐藤 花子", company="さくら商事",
                           phone="bad" if number == 77 else "03-0000-0000", title="情報システム部長",
                           employees=3000, country="JP", region="東京都", activity="demo_request")])  # fmt: skip
    system.drain_here()
    done = push_all()

    assert (done.written, done.refused) == (199, 1)
    assert len(salesforce.all("Lead")) == 199
    assert salesforce.count("PATCH", "composite") == 1
    assert len(salesforce.asked) < 12  # calls, log-in and users included
    (bad,) = [row for row in waiting(system) if row.status == "refused"]
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION Phone must be Japanese" in bad.last_error


def test_an_expired_session_is_renewed(system: System, salesforce: Salesforce) -> None:
    """The token is taken back between two pushes: the next one logs in again and nothing is late."""
    lead_id = offer(system)
    push_all()
    salesforce.tokens.clear()
    act(system, lead_id, "accept")

    assert push_all().written == 1
    assert salesforce.count("POST", "oauth2/token") == 2


def test_a_wrong_secret_waits_and_says_so(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own setting is wrong: no lead is refused for it, and `status` shows what Salesforce said."""
    use(monkeypatch, crm_client_secret="wrong")
    offer(system)
    done = push_all()

    assert "invalid_client" in str(done.away)
    assert waiting(system)[0].status == "pending"
    assert push_due(now()).away == done.away  # the breaker is open: Salesforce is not asked again
    assert salesforce.count("POST", "oauth2/token") == 1


def test_jwt_bearer_lets_us_in(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assertion is signed with the private key, for the user, and no secret is sent."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salesforce.public_key = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip
    use(monkeypatch, crm_client_secret="", crm_username="tasuki@example.com", crm_private_key=pem.decode())
    offer(system)

    assert push_all().written == 1


@pytest.mark.parametrize(
    "answer, words, wait_s",
    [
        (Answer(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}], {"Retry-After": "120"}), "SERVER_UNAVAILABLE", 120),
        (Answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]), "REQUEST_LIMIT_EXCEEDED", 900),
        (Answer(500, "<html>"), "500", 5),
    ],
)  # fmt: skip
def test_a_salesforce_that_cannot_now_is_waited_for(
    system: System, salesforce: Salesforce, answer: Answer, words: str, wait_s: int
) -> None:
    """Its wish for the next try is kept; then one lead tries it, and all the others follow."""
    for number in range(3):
        offer(system, number)
    salesforce.faults.append(lambda request: answer if "query" in request.path else None)
    at = now()
    done = push_due(at)
    assert words in str(done.away)
    asked = len(salesforce.asked)
    assert push_due(at + timedelta(seconds=(wait_s - 1) / wall_seconds(1.0))).tried == 0
    assert len(salesforce.asked) == asked

    after = later(wait_s + 1)
    assert push_due(after).written == 1
    assert push_due(after).written == 2
    assert {row.attempts for row in waiting(system)} == {0}


def test_away_for_two_hours_then_back(system: System, salesforce: Salesforce) -> None:
    """Nothing is lost, nobody is asked more often than the breaker allows, and the truth of then is written."""
    salesforce.away = True
    lead_id = offer(system)
    tries = 0
    for minute in range(120):
        tries += push_due(later(60 * minute)).away is not None
        if minute == 60:
            act(system, lead_id, "accept")
    assert tries == 120
    asked = system.one("SELECT calls_today FROM tasuki.crm_connection")
    assert asked < 40
    salesforce.away = False
    done = push_due(later(126 * 60))

    assert done.written == 1
    assert salesforce.all("Lead")[0]["Tasuki_Next_Step__c"] == "初回の連絡をする"
    assert system.one("SELECT failures FROM tasuki.crm_connection") == 0


def test_a_locked_row_is_tried_again_alone(system: System, salesforce: Salesforce) -> None:
    """UNABLE_TO_LOCK_ROW holds up this lead for some seconds and no other."""
    ids = [offer(system, number) for number in range(2)]
    push_all()
    locked = next(row for row in salesforce.all("Lead") if row["Tasuki_Id__c"] == str(ids[0]))
    salesforce.locked.add(locked["Id"])
    for lead_id in ids:
        act(system, lead_id, "accept")
    done = push_all()
    assert (done.written, done.pending) == (1, 1)
    assert "UNABLE_TO_LOCK_ROW" in waiting(system)[0].last_error

    salesforce.locked.clear()
    assert push_due(now()).tried == 0
    assert push_due(later(10)).written == 1


@pytest.mark.parametrize("how", ["unknown", "inactive", "two"])
def test_an_owner_that_cannot_be_written_stops_nothing_else(
    system: System, salesforce: Salesforce, how: str
) -> None:
    """No user with the rep's address, two of them, or one who was just switched off: all else is written, and noted."""
    lead_id = offer(system)
    user = next(one for one in salesforce.all("User") if one["Email"] == rep_of(system, lead_id))
    if how == "unknown":
        salesforce.touch(user, Email="someone@else.example.com")
    elif how == "two":
        salesforce.user(user["Email"])
    else:
        salesforce.faults.append(lambda request: _switch_off(user) if "composite" in request.path else None)
    done = push_all()

    (record,) = salesforce.all("Lead")
    assert done.written == 1
    assert record.get("OwnerId") is None
    assert record["Email"] == "p1@sakura.example.co.jp"
    assert "the owner was not written" in waiting(system)[0].note


def _switch_off(user: dict[str, Any]) -> None:
    user["IsActive"] = False


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


def test_the_days_budget_is_kept(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many calls Salesforce is left alone until midnight UTC, and that is said."""
    use(monkeypatch, crm_daily_calls="10")
    lead_id = offer(system)
    push_all()
    said = []
    for _ in range(4):
        in_transaction(lambda c: store.mark(c, [lead_id], now()))
        said.append(str(push_due(now()).away))
    assert "TASUKI_CRM_DAILY_CALLS" in said[-1]
    assert len(salesforce.asked) == 10


def test_an_address_in_a_private_network_is_refused(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting must not lead us to what is behind the firewall, unless it says so."""
    from worker.crm import reach  # noqa: PLC0415

    offer(system)
    use(monkeypatch, crm_private_network="false")
    assert "https://" in str(push_all().away)
    assert salesforce.asked == []
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/",
                "https://[::ffff:127.0.0.1]/", "ftp://example.com", "https://user@93.184.216.34/"):  # fmt: skip
        with pytest.raises(Refused):
            reach.call("salesforce", "GET", url, b"", {}, timeout_s=1.0, who="CRM")
