"""What `/openapi.json` says of the calls that carry events, which are no routes of FastAPI: made of the same models."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from schemas.event import EVENT_TYPES, Event
from worker.intake.bodies import MAX_BODY
from worker.intake.canonical import MAX_EVENTS
from worker.web.problems import JSON

_AT: Final = "#/components/schemas/"


class TakenEvent(BaseModel):
    """What became of one event."""

    source: str | None = Field(description="As sent; null where it cannot be read.")
    id: str | None = Field(description="As sent; null where it cannot be read.")
    status: Literal["accepted", "quarantined"] = Field(
        description="Both are safe. What is quarantined was not understood; it waits, with its bytes, to be mended."
    )
    field: str | None = Field(default=None, description="Which field was not understood.")
    mend: str | None = Field(default=None, description="What would be right.")


class Taken(BaseModel):
    """Everything that was sent is safe, and need not be sent again."""

    accepted: int
    quarantined: int
    events: list[TakenEvent] = Field(description="In the order in which they were sent.")


_EXAMPLE: Final = {
    "id": "form-4711", "source": "web", "type": "lead.activity", "time": "2026-11-24T09:00:00+09:00",
    "subject": "web-1", "data": {"activity": "demo_request", "email": "hanako.sato@example.co.jp", "company": "株式会社サンプル商事"},
}  # fmt: skip
_OUTCOME: Final = {
    "id": "opp-1-won", "source": "crm", "type": "outcome.won", "time": "2026-11-24T09:30:00+09:00",
    "subject": "hanako.sato@example.co.jp", "data": {"opportunity": "006-1", "amount": 1_100_000, "currency": "JPY"},
}  # fmt: skip
_ANY: Final = "Whatever else it is, it is kept in quarantine and told of in the answer."
_WORDS: Final = (
    f"Answered with 202 once everything is safe: in the queue, on disk. At most {MAX_EVENTS:,} events and {MAX_BODY:,}"
    " bytes. Sending the same `(source, id)` again has no effect. Each event is judged by itself: one that is not"
    " understood is kept in quarantine, and its neighbours go through. With `Prefer: handling=strict` the request is"
    " refused whole (422) instead, and nothing is kept. CloudEvents 1.0 in structured, batch and binary mode are taken,"
    " and bodies with `Content-Encoding: gzip`."
)
_STATUSES: Final = {
    "401": "No token, or one that is unknown, expired or revoked.",
    "403": "The token lacks the scope, or a source is Tasuki's own.",
    "413": "The body is too large.",
    "415": "Another Content-Type or Content-Encoding.",
    "421": "The Host header names none of ours.",
    "422": "The body is not JSON, or not what its Content-Type says, or holds too many events; nothing was kept.",
    "429": "Too many requests of this token, or wrong tokens of this address.",
    "500": "A fault of Tasuki; nothing is promised.",
    "503": "Nowhere to keep it now; nothing was kept. Send it again after `Retry-After`.",
}


def add_to(document: dict[str, Any]) -> None:
    """Add both calls, and the models that they name, to an OpenAPI document."""
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Event, "validation"), (Taken, "validation"),
    ]  # fmt: skip
    _, made = models_json_schema(models, ref_template=_AT + "{model}")
    document["components"]["schemas"] |= made["$defs"]
    document["paths"]["/v1/events"] = {
        "post": _operation(
            "events", "Send events", "events:write", f"Send canonical events. {_WORDS}", _EXAMPLE
        )
    }
    only = (
        f"Send what sales did, and what became of leads there: {', '.join(f'`{one}`' for one in EVENT_TYPES if one.startswith('outcome.'))}."
        " An `outcome.activity` by the rep who holds the lead may be recorded as that rep's acceptance or contact."
        " Another type needs the scope `events:write` besides, so that a CRM's token can say nothing else."
    )
    document["paths"]["/v1/outcomes"] = {
        "post": _operation("outcomes", "Send outcomes", "outcomes:write", f"{only} {_WORDS}", _OUTCOME)
    }


def _operation(name: str, summary: str, scope: str, words: str, example: dict[str, Any]) -> dict[str, Any]:
    # What is no event is taken, too: a schema that allowed events only would say that it is refused.
    one = {"anyOf": [{"$ref": f"{_AT}Event"}, {"type": "object", "description": _ANY}]}
    many = {
        "type": "array",
        "maxItems": MAX_EVENTS,
        "items": {"anyOf": [{"$ref": f"{_AT}Event"}, {"description": _ANY}]},
    }
    cloud = {"specversion": "1.0", **example}
    return {
        "tags": ["events"], "summary": summary, "operationId": f"post_{name}",
        "description": f"{words} Needs the scope `{scope}`.",
        "security": [{"HTTPBearer": []}],
        "parameters": [
            {
                "name": "Prefer", "in": "header", "required": False, "schema": {"type": "string"},
                "description": "`handling=strict`: take all or nothing.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [one, many]},
                    "examples": {"one": {"value": example}, "several": {"value": [example]}},
                },
                "application/cloudevents+json": {"schema": one, "example": cloud},
                "application/cloudevents-batch+json": {"schema": many, "example": [cloud]},
            },
        },
        "responses": {
            "202": {
                "description": "Everything is safe.",
                "content": {"application/json": {"schema": {"$ref": f"{_AT}Taken"}, "example": _taken(example)}},
            },
            **{
                status: {
                    "description": said,
                    "content": {JSON: {"schema": {"$ref": f"{_AT}Problem"}}},
                    **(_RETRY if status in ("429", "503") else {}),
                }
                for status, said in _STATUSES.items()
            },
        },
    }  # fmt: skip


def _taken(event: dict[str, Any]) -> dict[str, Any]:
    named = {"source": event["source"], "id": event["id"], "status": "accepted"}
    return {"accepted": 1, "quarantined": 0, "events": [named]}


_RETRY: Final = {
    "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
}
