"""Puts the web together: one router for each concern, one guard around all."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from worker.intake.room import Room
from worker.settings import settings
from worker.web import assignments, docs, health, home, leads, links, metrics
from worker.web.events import EventsApp
from worker.web.guard import Guard
from worker.web.guesses import Guesses
from worker.web.known_tokens import KnownTokens
from worker.web.pokes import Poker
from worker.web.problems import HANDLERS
from worker.web.road import Road
from worker.web.webhooks import NoWebhooks, Webhooks

_STATIC: Final = Path(__file__).parent / "static"
#: Requests worked on at a time. Less than the database's connections, of which one may need a second.
_THREADS: Final = 6
_DESCRIPTION: Final = "What reps and programs do with leads, and what they may ask, over HTTP."


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    app.state.poker = Poker()
    await anyio.to_thread.run_sync(app.state.road.open)
    yield
    app.state.poker.close()
    await anyio.to_thread.run_sync(_close, app)


def _close(app: FastAPI) -> None:
    """End the requests in hand, then commit what they kept."""
    for one in (app.state.webhooks, app.state.events, app.state.outcomes, app.state.known_tokens):
        one.close()
    app.state.road.close()


def create_app() -> FastAPI:
    """Return the app. It starts without its stores, and says in `/readyz` what is missing."""
    public_url = settings().public_url
    app = FastAPI(
        title="Tasuki HTTP API", version=version("tasuki"), description=_DESCRIPTION, docs_url=None,
        redoc_url=None, lifespan=_lifespan,
    )  # fmt: skip
    app.state.guesses = Guesses()
    app.state.readiness = health.Readiness()
    app.state.metrics = metrics.Metrics()
    _add_intake(app)
    for one in (assignments, leads, health, links, metrics, docs, home):
        app.include_router(one.router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.openapi = lambda: docs.openapi_of(app)  # type: ignore[method-assign]
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, _for_people_too(handler))
    app.add_middleware(Guard, public_url=public_url, metrics=app.state.metrics)
    return app


def _add_intake(app: FastAPI) -> None:
    """Add the calls that carry events, before all others: they are asked most."""
    state = app.state
    state.road = Road()
    state.known_tokens = KnownTokens(state.guesses)
    state.room = Room()
    state.events = EventsApp("/v1/events", "events:write", state.road, state.known_tokens, state.room)
    state.outcomes = EventsApp("/v1/outcomes", "outcomes:write", state.road, state.known_tokens, state.room)
    for one in (state.events, state.outcomes):
        app.router.routes.append(Route(one.path, one, methods=["POST"]))
    unset = settings().sources is None
    state.webhooks = NoWebhooks() if unset else Webhooks(settings().public_url, state.road)
    app.router.routes.append(Mount("/intake", state.webhooks, name="intake"))


Handler = Callable[[Request, Exception], Response]


def _for_people_too(handler: Handler) -> Handler:
    """Answer a person who opened a page with a page, and a program with the problem document."""

    def answer(request: Request, error: Exception) -> Response:
        found = handler(request, error)
        path = request.scope["path"]
        is_page = "/l/" in path or ("/v1/" not in path and "text/html" in request.headers.get("accept", ""))
        if not is_page:
            return found
        words = {404: "not_found", 429: "too_many", 503: "away"}.get(found.status_code, "other_error")
        told = links.closed_page(request, found.status_code, "error", words)
        if "retry-after" in found.headers:
            told.headers["Retry-After"] = found.headers["Retry-After"]
        return told

    return answer
