"""Webhooks of platforms, as a part of the web: what they are handed in at opens and closes with the app."""

import threading
from types import SimpleNamespace
from typing import Final

from pydantic import AnyHttpUrl
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from worker.intake.answers import without_sources
from worker.intake_http import IntakeApp
from worker.web.road import Road

#: Under which the metrics count.
_ROUTE: Final = SimpleNamespace(path="/intake/{source}")


class Webhooks:
    """Everything below `/intake/`."""

    def __init__(self, public_url: AnyHttpUrl | None, road: Road) -> None:
        """Hold the public address, which some platforms sign."""
        self._public_url = None if public_url is None else str(public_url)
        self._road = road
        self._lock = threading.Lock()
        self._app: IntakeApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route"] = _ROUTE
        await self._open()(scope, receive, send)

    def _open(self) -> IntakeApp:
        with self._lock:
            if self._app is None:
                self._app = IntakeApp(self._road.open().desk, self._public_url)
            return self._app

    def close(self) -> None:
        """End the requests in hand."""
        if self._app is not None:
            self._app.close()


class NoWebhooks:
    """Everything below `/intake/` while TASUKI_SOURCES is not set: nothing is opened, and senders come again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route"] = _ROUTE
        name = scope["path"].rpartition("/intake/")[2].rstrip("/")
        answer = without_sources(name, _UNSET)
        await Response(answer.body, answer.status, answer.headers)(scope, receive, send)

    def close(self) -> None:
        """Close nothing."""


#: What an operator reads in the platform's log of deliveries.
_UNSET: Final = (
    "no source is configured: write who may send into a YAML file, name it in TASUKI_SOURCES for the web and every"
    " worker, and start them again (docs/intake.md)"
)
