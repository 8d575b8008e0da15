"""`/docs`: the API in words, made on the server from the very document that `/openapi.json` is."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from schemas.asyncapi import document
from worker.intake.adapters.registry import ADAPTERS
from worker.web import events_doc
from worker.web.pages import page
from worker.web.problems import JSON, TYPES

router = APIRouter(include_in_schema=False)


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the app: as FastAPI makes it, with problems under their own media type."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if _names(content.get("application/json", {}).get("schema", {})) == "Problem":
                        content[JSON] = content.pop("application/json")
        events_doc.add_to(document)
        app.openapi_schema = document
    return app.openapi_schema


def _names(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


@router.get("/asyncapi.json")
def asyncapi(request: Request) -> dict[str, Any]:
    """Return the document of the queue and the outgoing webhooks."""
    return document(request.app.version, sorted(ADAPTERS))


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the page."""
    told = request.app.openapi()
    schemas = told["components"]["schemas"]
    operations = [
        {
            "method": method.upper(), "path": path, "summary": operation["summary"],
            "words": operation.get("description", ""), "is_open": "security" not in operation,
            "given": _given(operation, schemas), "answers": _answers(operation, schemas),
        }
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]  # fmt: skip
    return page(
        request, "docs.html", "en", title=told["info"]["title"], words=told["info"]["description"],
        operations=operations, problems=TYPES,
    )  # fmt: skip


def _given(operation: dict[str, Any], schemas: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return parameters and fields of the body: name, where, type, words."""
    rows = [
        (one["name"], one["in"], _type(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    while "anyOf" in body:  # the first is the one that is meant
        body = body["anyOf"][0]
    return rows + [(name, "body", kind, words) for name, kind, words in _fields(body, schemas)]


def _answers(
    operation: dict[str, Any], schemas: dict[str, Any]
) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Return the answers: status, words, fields; those of problems are the same everywhere."""
    rows = []
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        rows.append((status, response["description"], _fields(schema, schemas)))
    return rows


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = schemas.get(_names(schema), {})
    needed = found.get("required", [])
    return [
        (name, _type(field) + ("" if name in needed else ", optional"), field.get("description", ""))
        for name, field in found.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _names(schema) or str(schema.get("format") or schema.get("type") or "any")
