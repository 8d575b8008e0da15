"""Errors for machines: RFC 9457 problem documents, each with a type that stays."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from schemas.errors import Away, DealOpen, NotFound, NotYours, Overtaken, QuotaUsedUp, ReasonNeeded, Refused
from worker.store.db import is_away

#: Prefix of every `type`.
TYPE: Final = "urn:tasuki:problem:"
#: Every type with what it means; docs/http.md lists the same.
TYPES: Final = {
    "invalid-request": "A field is missing, unknown or of the wrong form; `errors` names each.",
    "no-token": "No bearer token, or one that is unknown, expired or revoked.",
    "scope-missing": "The token lacks the scope that is named.",
    "not-yours": "The token is bound to a rep who does not hold this.",
    "not-found": "There is no such thing.",
    "overtaken": "The assignment has ended; `end_reason`, `ended_at` and `now_with` say how, when and who is next.",
    "reason-needed": "The reason is none of nurture.yaml; `reasons` lists them.",
    "quota-used-up": "No more declines today; `quota` and `renews_at` (null: never) say how many and until when.",
    "refused": "A firm no; `detail` says why. Repeating it cannot help.",
    "too-many-guesses": "Too many wrong tokens or links from this address; wait as `Retry-After` says.",
    "too-many": "More requests of this token than are taken; wait as `Retry-After` says.",
    "too-large": "The body is larger than is taken.",
    "unsupported": "A Content-Type or Content-Encoding that is not taken; `detail` names those that are.",
    "unknown-host": "The Host header names none of ours.",
    "away": "A store is away, or no rulebook is published; try again as `Retry-After` says.",
    "failed": "A fault of Tasuki.",
    "http": "What the status says.",
}
JSON: Final = "application/problem+json"


class Problem(BaseModel):
    """RFC 9457: what went wrong; some types add members of their own."""

    type: str = Field(description="One of the types listed in docs/http.md.")
    title: str
    status: int
    detail: str


def problem(
    status: int, name: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem document."""
    title = HTTPStatus(status).phrase
    content = {"type": TYPE + name, "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, headers=headers, media_type=JSON)


class Told(Exception):
    """A problem that is found half-way; the handler answers with it."""

    def __init__(self, answer: JSONResponse) -> None:
        """Hold the answer."""
        super().__init__(answer.status_code)
        self.answer = answer


def of_error(error: Exception) -> JSONResponse:
    """Return the problem that says one of our errors."""
    if isinstance(error, Told):
        return error.answer
    if isinstance(error, NotFound):
        return problem(404, "not-found", str(error))
    if isinstance(error, NotYours):
        return problem(403, "not-yours", "the token is bound to a rep who does not hold this")
    if isinstance(error, Overtaken):
        return problem(409, "overtaken", str(error))
    if isinstance(error, ReasonNeeded):
        return problem(422, "reason-needed", str(error))
    if isinstance(error, QuotaUsedUp):
        return problem(
            409, "quota-used-up", str(error), quota=error.quota, renews_at=as_text(error.renews_at)
        )
    if isinstance(error, DealOpen):
        return problem(409, "deal-open", str(error))
    if isinstance(error, Refused):
        return problem(409, "refused", str(error))
    if isinstance(error, Away) or is_away(error):
        detail = str(error) if isinstance(error, Away) else "PostgreSQL is away"
        return problem(503, "away", detail, headers={"Retry-After": "5"})
    raise error


def as_text(at: datetime | None) -> str | None:
    """Return an instant as ISO 8601 text."""
    return None if at is None else at.isoformat()


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Say which fields are wrong, without quoting what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    errors = [
        {"field": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
        for one in error.errors()[:20]
    ]
    return problem(422, "invalid-request", "the request does not have the right form", errors=errors)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for a body that is not even UTF-8
        return problem(422, "invalid-request", "the body is not JSON in UTF-8", errors=[])
    name = {404: "not-found", 413: "too-large"}.get(error.status_code, "http")
    return problem(error.status_code, name, str(error.detail), headers=dict(error.headers or {}))


def _ours(_: Request, error: Exception) -> JSONResponse:
    return of_error(error)


HANDLERS: Final[dict[Any, Callable[[Request, Exception], JSONResponse]]] = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    Told: _ours,
    Refused: _ours,
    Overtaken: _ours,
    Away: _ours,
    DBAPIError: _ours,
}
