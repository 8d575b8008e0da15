"""Who calls the API: a bearer token, and whether its scopes suffice."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from worker import tokens
from worker.now import now
from worker.store.db import in_transaction
from worker.tokens import Bearer, Scope
from worker.web.guesses import guesses
from worker.web.problems import Told, problem

_scheme = HTTPBearer(auto_error=False, description="A token of `tasuki token create`.")


def needs(scope: Scope) -> Callable[..., Bearer]:
    """Return the dependency that lets only tokens with `scope` through."""

    def bearer(
        request: Request, said: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]
    ) -> Bearer:
        count = guesses(request)
        if said is None:
            raise Told(unknown("send `Authorization: Bearer TOKEN`"))
        count.check(request)
        at = now()
        found = in_transaction(lambda connection: tokens.find(connection, said.credentials, at))
        if found is None:
            count.note_wrong(request)
            raise Told(unknown("the token is unknown, expired or revoked"))
        if scope not in found.scopes:
            raise Told(scope_missing(scope))
        return found

    return bearer


def unknown(detail: str) -> JSONResponse:
    """Return the answer to whom nobody knows."""
    return problem(401, "no-token", detail, headers={"WWW-Authenticate": "Bearer"})


def scope_missing(scope: Scope) -> JSONResponse:
    """Return the answer to a token that may not do this."""
    return problem(403, "scope-missing", f"the token lacks the scope {scope}", scope=scope)
