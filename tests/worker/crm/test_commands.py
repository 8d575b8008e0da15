"""`tasuki crm` and the line in `tasuki doctor`: what an operator sees and does."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.crm import act, offer, push_all, use, waiting
from tests.fixtures.receiver_double import Receiver
from tests.fixtures.salesforce_double import Salesforce
from tests.fixtures.system import System
from worker import queue
from worker.cli.main import app


def run(*words: str) -> tuple[int, str]:
    """Run a command; return exit code and output on one line."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})
    return result.exit_code, " ".join(result.output.split())


def as_json(*words: str) -> Any:
    return json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)


def crm_line() -> dict[str, str]:
    return next(one for one in as_json("doctor")["findings"] if one["what"] == "CRM")


def test_try_shows_what_push_then_writes(system: System, salesforce: Salesforce) -> None:
    """Nothing is written by trying; afterwards there is nothing left to write."""
    lead_id = offer(system)
    found = as_json("crm", "try", "p1@sakura.example.co.jp")
    assert (found["object"], found["record"]) == ("Lead", None)
    assert salesforce.all("Lead") == []
    code, said = run("crm", "push", "lead-1")
    assert (code, salesforce.all("Lead")[0]["Id"] in said) == (0, True)
    (record,) = salesforce.all("Lead")
    sent = {name: value for name, value in found["fields"].items() if name != "attributes"}
    assert {name: record[name] for name in sent} == sent
    assert as_json("crm", "try", str(lead_id))["fields"] == {}


def test_status_shows_the_refused_lead_and_retry_writes_it(system: System, salesforce: Salesforce) -> None:
    """Exit 1 while somebody has to do something, 0 afterwards."""
    rule = ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ask legal first", ["Email"])
    salesforce.rules.append(lambda _: rule)
    offer(system)
    push_all()
    code, said = run("crm", "status")
    assert code == 1
    assert "Ask legal first" in said
    assert crm_line()["level"] == "look"

    salesforce.rules.clear()
    assert run("crm", "retry")[0] == 0
    push_all()
    found = as_json("crm", "status")
    assert (found["connection"]["written"], found["connection"]["breaker"], found["leads"]) == (
        1,
        "closed",
        [],
    )


def test_status_shows_an_open_breaker(system: System, salesforce: Salesforce) -> None:
    """Who is asked, why not, and until when."""
    salesforce.away = True
    offer(system)
    push_all()
    found = as_json("crm", "status")["connection"]

    assert (found["breaker"], found["waiting"]) == ("open", 1)
    assert "Salesforce away" in found["last_error"]
    assert crm_line()["level"] == "bad"


def test_doctor_says_how_the_crm_fares(system: System, salesforce: Salesforce) -> None:
    """Reached, let in, budget left, waiting, failing; nothing when none is configured."""
    offer(system)
    line = crm_line()
    assert line["level"] == "ok"
    assert "lets us in" in line["found"]
    assert "1 lead waits since 2026-11-24" in line["found"]
    left = 15000 - salesforce.used
    assert f"{left:,} calls" in line["found"] or f"{left + 1:,} calls" in line["found"]


def test_doctor_without_a_crm(system: System) -> None:
    """It is no illness."""
    assert crm_line() == {"level": "ok", "what": "CRM", "found": "none is configured"}
    assert run("crm", "status")[0] == 1


def test_push_all_writes_those_that_were_there_before_the_crm(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting a CRM to a Tasuki that runs already."""
    use(monkeypatch, crm="none")
    lead_id = offer(system)
    act(system, lead_id, "accept")
    use(monkeypatch, crm="salesforce")
    assert waiting(system) == []
    assert as_json("crm", "push", "--all") == {"marked": 1}
    push_all()
    assert len(salesforce.all("Lead")) == 1


def test_pull_tells_what_it_found(system: System, salesforce: Salesforce) -> None:
    """And puts it on the queue."""
    offer(system)
    push_all()
    salesforce.convert(salesforce.all("Lead")[0])
    assert as_json("crm", "pull") == {"outcomes": 1, "owners": 0, "strangers": 0}
    assert queue.backlog() == 1
    assert run("crm", "pull", "--since", "2026-11-01")[0] == 0


def test_a_wrong_mapping_is_told_with_its_line(
    system: System, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """By every command, and by the writer, which waits."""
    file = tmp_path / "crm.yaml"
    file.write_text("objects:\n  Lead:\n    Phone: {fact: fone}\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    offer(system)
    code, said = run("crm", "fields")
    assert (code, "crm.yaml:3:13" in said) == (1, True)
    assert "crm.yaml:3:13" in str(push_all().away)
    assert waiting(system)[0].status == "pending"


def test_fields_shows_the_mapping_in_force(system: System, salesforce: Salesforce) -> None:
    """Every field, its fact, and when it is written."""
    assert as_json("crm", "fields")["objects"]["Lead"]["LastName"]["write"] == "if_empty"
    assert "Tasuki_Next_Step_Due__c" in run("crm", "fields")[1]


def test_fields_of_a_webhook_are_what_it_carries(
    system: System, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Every name that a receiver gets is listed, no more; a mapping of fields, which nobody would look at, is refused."""
    offer(system)
    push_all()
    (told,) = receiver.leads.values()
    carried = as_json("crm", "fields")["carries"]
    assert told.keys() <= carried.keys()
    said = run("crm", "fields")[1]
    for name in ("tasuki_id", "version", "next_step_due", "rep_email"):
        assert name in said
    assert "TASUKI_CRM_MAPPING" in said
    file = tmp_path / "crm.yaml"
    file.write_text("objects:\n  lead:\n    Phone: {fact: phone}\n", encoding="utf-8")
    use(monkeypatch, crm_mapping=file)
    code, said = run("crm", "fields")
    assert (code, "crm.yaml:" in said, "take `objects` out" in said) == (1, True, True)
