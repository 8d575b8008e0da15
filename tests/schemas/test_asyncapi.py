"""The AsyncAPI document: valid by its own schema, and true of what is really sent and taken."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from schemas.asyncapi import document
from schemas.event import Event, EventData
from schemas.notice import CrmMessage, Notice, NoticeMessage, ToldLead, TrackMessage
from tests.factories import NOW, a_compiled_book, a_state, the_team
from tests.fixtures.system import System, event
from tests.fixtures.web import Web
from worker import queue
from worker.app import app as celery_app
from worker.cli.main import app
from worker.intake.adapters.registry import ADAPTERS
from worker.notices import words
from worker.notices.compose import Occasion, about_lead, notice, why_you
from worker.notices.kinds import OF_ANOTHER, UNASSIGNED
from worker.rulebooks import Loaded
from worker.settings import settings

SCHEMA = Path(__file__).parent / "asyncapi" / "schema-3.0.0.json"
DOCUMENT = document("0.1.0", sorted(ADAPTERS))


def schema_of(name: str) -> Any:
    """Return a validator of one of the document's schemas."""
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


def test_the_document_is_valid_asyncapi() -> None:
    """By the schema that the AsyncAPI initiative publishes; a document that is none is found wanting."""
    validator = jsonschema_rs.Draft7Validator(json.loads(SCHEMA.read_bytes()))
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid({**DOCUMENT, "channels": {"events": {"adress": "x"}}})
    assert not validator.is_valid({**DOCUMENT, "operations": {"a": {"action": "shout"}}})


def test_every_reference_leads_somewhere() -> None:
    """No `$ref` is left hanging."""

    def follow(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found: Any = DOCUMENT
                for step in value["$ref"].removeprefix("#/").split("/"):
                    found = found[step]
            for one in value.values():
                follow(one)
        elif isinstance(value, list):
            for one in value:
                follow(one)

    follow(DOCUMENT)


def test_it_names_what_the_code_uses() -> None:
    """Stream, queue, task, fields and types are those of the code."""
    channels, messages = DOCUMENT["channels"], DOCUMENT["components"]["messages"]
    assert channels["events"]["address"] == queue.STREAM
    assert queue.GROUP in channels["events"]["description"]
    assert celery_app.conf.task_routes[messages["task"]["name"]] == {"queue": channels["celery"]["address"]}
    assert all(
        name in messages["payload"]["payload"]["properties"]["platform"]["description"] for name in ADAPTERS
    )
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Event"]["properties"].keys() == Event.model_fields.keys()
    assert schemas["EventData"]["properties"].keys() == EventData.model_fields.keys()


def test_its_examples_are_events() -> None:
    """What it shows is what it says."""
    for message in DOCUMENT["components"]["messages"].values():
        for example in message.get("examples", []):
            for text in example["payload"].values():
                said = json.loads(text)
                for one in said if isinstance(said, list) else [said]:
                    assert schema_of("Event").is_valid(one)


def composed(kind: str) -> dict[str, Any]:
    """Return the body of a notice as `worker.notices.compose` makes it of a lead."""
    loaded = Loaded(1, a_compiled_book(), the_team())
    judged = SimpleNamespace(
        persona="it_decision_maker",
        fit_grade="A",
        engagement=88.2,
        buying_stage="decision",
        ready_rule="hand raise",
    )
    of_another = (
        {"rep": "sato_kenji", "rep_name": {"ja": "佐藤 健二", "en": "Kenji Sato"}}
        if kind in OF_ANOTHER
        else {}
    )
    state = a_state({"demo_request": [0], "pricing_view": [1]}, title="情報システム部長", employees=800)
    about = about_lead(1001, state, judged, loaded, NOW, **of_another)
    what = Occasion(
        kind,
        "standard",
        "accept",
        "rule / round_robin",
        NOW,
        why_you("rule", "round_robin", "enterprise_east", loaded),
    )
    rep = loaded.team.reps["suzuki_haruka"]
    body: dict[str, Any] = notice(what, rep, None if kind in UNASSIGNED else 17, about, loaded, NOW)[0][
        "body"
    ]
    return body


@pytest.mark.parametrize("kind", sorted(words.SUBJECT.keys() - {"digest"}))
def test_a_notice_is_what_the_document_says(kind: str) -> None:
    """The body of a webhook, alone and in a digest; each of its fields is named, and a wrong one is found."""
    body = json.loads(json.dumps(composed(kind)))
    at = "2026-11-24T02:00:00+00:00"
    assert (body["assignment_id"] is None) == (kind in ("claim_open", "claim_over"))
    assert f"`{kind}`" in DOCUMENT["components"]["schemas"]["Notice"]["properties"]["kind"]["description"]
    alone = {"type": f"lead.{kind}", "timestamp": at, "data": body}
    several = {"type": "lead.digest", "timestamp": at, "data": {"kind": "digest", "notices": [body, body]}}
    for message in (alone, several):
        NoticeMessage.model_validate(message)
        assert schema_of("NoticeMessage").is_valid(message)
    assert body.keys() == DOCUMENT["components"]["schemas"]["Notice"]["properties"].keys()
    assert body["lead"].keys() <= ToldLead.model_fields.keys()
    assert not schema_of("NoticeMessage").is_valid({**alone, "data": {**body, "assignment_id": "17"}})


def test_what_is_really_composed_is_what_the_document_says(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lead that is offered: the notice for the webhook, as it stands in the outbox."""
    monkeypatch.setenv("TASUKI_WEBHOOK_URL", "https://receiver.example.com/hook")
    settings.cache_clear()
    web.offer()
    body = web.system.one("SELECT body FROM tasuki.outbox WHERE channel = 'webhook' AND kind = 'offer'")
    message = {"type": "lead.offer", "timestamp": body["at"], "data": body}
    assert schema_of("NoticeMessage").is_valid(message)
    assert body.keys() == Notice.model_fields.keys()
    assert body["lead"].keys() == ToldLead.model_fields.keys() - {
        "rep",
        "rep_name",
    }  # these a manager is told


def test_what_the_ma_platform_is_told_is_what_the_document_says(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled, moved and stopped, as the bodies stand in the outbox; one without its lead is found."""
    monkeypatch.setenv("TASUKI_MA_URL", "https://ma.example.com/hook")
    settings.cache_clear()
    person = {"email": "keiri@minato.example.co.jp", "title": "経理課長", "employees": 80, "country": "JP"}
    for one in (
        event(1, "lead.captured", **person), event("1b", subject="lead-1", activity="whitepaper_download"),
        event("1c", subject="lead-1", activity="demo_request"),
    ):  # fmt: skip
        system.send([one])
        system.drain_here()
    told = system.sql("SELECT kind, body FROM tasuki.outbox WHERE receiver = 'ma' ORDER BY message_id")
    assert [row.kind for row in told] == ["track_enrol", "track_move", "track_stop"]
    for row in told:
        message = {"type": row.kind.replace("_", "."), "timestamp": row.body["at"], "data": row.body}
        TrackMessage.model_validate(message)
        assert schema_of("TrackMessage").is_valid(message)
        assert row.body.keys() == DOCUMENT["components"]["schemas"]["Instruction"]["properties"].keys()
        assert not schema_of("TrackMessage").is_valid({**message, "data": {**row.body, "lead": None}})
    assert DOCUMENT["operations"]["tellMa"]["channel"] == {"$ref": "#/channels/ma"}


def test_the_crms_message_is_what_the_document_says() -> None:
    """As docs/crm.md shows it."""
    text = (Path(__file__).parents[2] / "docs" / "crm.md").read_text(encoding="utf-8")
    said = json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])
    assert CrmMessage.model_validate(said).type == "crm.lead"
    assert schema_of("CrmMessage").is_valid(said)
    assert not schema_of("CrmMessage").is_valid({**said, "type": "crm.else"})


@pytest.mark.parametrize("name", ["event", "openapi", "asyncapi"])
def test_the_command_prints_each_document(name: str) -> None:
    """As JSON, and nothing else."""
    ran = CliRunner().invoke(app, ["schema", name])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert said["title" if name == "event" else name] in ("Event", "3.1.0", "3.0.0")
    if name == "asyncapi":
        assert said["channels"] == DOCUMENT["channels"]
