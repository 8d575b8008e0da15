"""Puts the web together: one router for each concern, one guard around all."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from worker.settings import settings
from worker.web import assignments, docs, health, home, leads, links, metrics
from worker.web.guard import Guard
from worker.web.guesses import Guesses
from worker.web.pokes import Poker
from worker.web.problems import HANDLERS
from worker.web.webhooks import NoWebhooks, Webhooks

_STATIC: Final = Path(__file__).parent / "static"
#: Requests worked on at a time. Less than the database's connections, of which one may need a second.
_THREADS: Final = 6
_DESCRIPTION: Final = "What reps and programs do with leads, and what they may ask, over HTTP."


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    app.state.poker = Poker()
    await anyio.to_thread.run_sync(app.state.webhooks.open)
    yield
    app.state.poker.close()
    await anyio.to_thread.run_sync(app.state.webhooks.close)


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
    for one in (assignments, leads, health, links, metrics, docs, home):
        app.include_router(one.router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.state.webhooks = NoWebhooks() if settings().sources is None else Webhooks(public_url)
    app.mount("/intake", app.state.webhooks, name="intake")
    app.openapi = lambda: docs.openapi_of(app)  # type: ignore[method-assign]
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, _for_people_too(handler))
    app.add_middleware(Guard, public_url=public_url, metrics=app.state.metrics)
    return app


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
