"""The AsyncAPI document: valid by its own schema, and true of what is really sent and taken."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from schemas.asyncapi import document
from schemas.event import Event, EventData
from schemas.notice import CrmMessage, Notice, NoticeMessage, ToldLead
from tests.fixtures.web import Web
from tests.worker.notices.bodies import a_body
from worker import queue
from worker.app import app as celery_app
from worker.cli.main import app
from worker.intake.adapters.registry import ADAPTERS
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


@pytest.mark.parametrize("kind", ["offer", "warn", "breach"])
def test_a_notice_is_what_the_document_says(kind: str) -> None:
    """The body of a webhook, alone and in a digest; each of its fields is named, and a wrong one is found."""
    body = a_body(kind=kind)
    at = "2026-11-24T02:00:00+00:00"
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
    assert body["lead"].keys() == ToldLead.model_fields.keys()


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
