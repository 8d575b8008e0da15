"""The AsyncAPI 3 document of everything that goes by messages: made of the models, so that it says what they say."""

from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.event import Event
from schemas.notice import CrmMessage, NoticeMessage, TrackMessage

_AT: Final = "#/components/schemas/"
_EXAMPLE: Final = (
    '{"id":"form-4711","source":"web","type":"lead.activity","time":"2026-11-24T09:00:00+09:00","subject":"web-1",'
    '"data":{"activity":"demo_request","email":"hanako.sato@example.co.jp"}}'
)


def document(version: str, platforms: list[str]) -> dict[str, Any]:
    """Return the document.

    Args:
        version: of Tasuki.
        platforms: whose payloads are understood.

    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tasuki messages",
            "version": version,
            "description": "The queue of lead events, and the signed webhooks that Tasuki sends.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "queue": {
                "host": "valkey.example.com:6379", "protocol": "redis",
                "description": "Valkey or Redis: TASUKI_REDIS_URL.",
            }
        },
        "channels": _channels(),
        "operations": {
            "takeEvents": _operation("receive", "events", "Takes events from the stream and judges each once."),
            "takeTasks": _operation("receive", "celery", "Appends the events of a Celery task to the stream."),
            "tellNotices": _operation("send", "notices", "Tells a receiver what reps are told; at least once."),
            "tellCrm": _operation("send", "crm", "Tells a CRM's receiver how a lead stands; at least once."),
            "tellMa": _operation("send", "ma", "Tells the MA platform to enrol, move or stop a lead; at least once."),
        },
        "components": {"messages": _messages(platforms), "schemas": _schemas()},
    }  # fmt: skip


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _channels() -> dict[str, Any]:
    queue = [{"$ref": "#/servers/queue"}]
    return {
        "events": {
            "address": "tasuki:events",
            "servers": queue,
            "description": "A Redis stream: `XADD tasuki:events * FIELD VALUE ...`. Its consumer group `judges` is"
            " Tasuki's own. Never trim it.",
            "messages": _named("event", "batch", "payload"),
        },
        "celery": {
            "address": "intake",
            "servers": queue,
            "description": "A queue of Celery. A worker killed at the wrong moment loses a message; XADD does not.",
            "messages": _named("task"),
        },
        "notices": {
            "address": None,
            "description": "An https URL of yours: TASUKI_WEBHOOK_URL, or a channel of the kind `webhook` in team.yaml.",
            "messages": _named("notice"),
        },
        "crm": {
            "address": None,
            "description": "An https URL of yours: TASUKI_CRM_URL, where TASUKI_CRM is `webhook`.",
            "messages": _named("crm"),
        },
        "ma": {
            "address": None,
            "description": "An https URL of yours: TASUKI_MA_URL.",
            "messages": _named("track"),
        },
    }  # fmt: skip


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _messages(platforms: list[str]) -> dict[str, Any]:
    event = {"$ref": f"{_AT}Event"}
    return {
        "event": {
            "title": "One event",
            "payload": _fields(event=_json(event)),
            "examples": [{"payload": {"event": _EXAMPLE}}],
        },
        "batch": {
            "title": "Several events, each judged by itself",
            "payload": _fields(batch=_json({"type": "array", "items": event})),
            "examples": [{"payload": {"batch": f"[{_EXAMPLE}]"}}],
        },
        "payload": {
            "title": "What a platform sent, as it came",
            "payload": _fields(
                payload={"type": "string", "description": "The bytes of the body."},
                platform={"type": "string", "description": f"One of {', '.join(platforms)}."},
                source={"type": "string", "description": "The name under which the events are known."},
            ),
        },
        "task": {
            "name": "tasuki.intake",
            "title": "The arguments of the Celery task `tasuki.intake`: one event, or a list of them",
            "payload": {
                "type": "array", "minItems": 1, "maxItems": 1,
                "items": {"oneOf": [event, {"type": "array", "items": event}]},
            },
        },
        "notice": _webhook("A notice", "NoticeMessage"),
        "crm": _webhook("A lead for the CRM", "CrmMessage"),
        "track": _webhook("A lead on its track", "TrackMessage"),
    }  # fmt: skip


def _webhook(title: str, model: str) -> dict[str, Any]:
    words = {
        "webhook-id": "The message's key: a repeat has the same.",
        "webhook-timestamp": "Seconds since 1970 at which it was signed.",
        "webhook-signature": "`v1,` and the base64 of an HMAC-SHA256 of id, timestamp and body (Standard Webhooks 1.0).",
    }
    return {
        "title": title,
        "headers": {
            "type": "object",
            "required": list(words),
            "properties": {name: {"type": "string", "description": said} for name, said in words.items()},
        },
        "payload": {"$ref": f"{_AT}{model}"},
        "bindings": {"http": {"bindingVersion": "0.3.0"}},
    }


def _fields(**fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a stream entry's fields."""
    return {"type": "object", "required": list(fields), "properties": fields}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of text that holds JSON."""
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


def _schemas() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Event, "validation"), (NoticeMessage, "validation"), (CrmMessage, "validation"),
        (TrackMessage, "validation"),
    ]  # fmt: skip
    _, made = models_json_schema(models, ref_template=_AT + "{model}")
    found: dict[str, Any] = made["$defs"]
    return found
