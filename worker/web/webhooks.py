"""Webhooks of platforms, as a part of the web: the desk opens and closes with the app."""

import threading
from typing import Final

from pydantic import AnyHttpUrl
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from worker.desk import OpenDesk
from worker.intake.answers import without_sources
from worker.intake_http import IntakeApp


class Webhooks:
    """Everything below `/intake/`."""

    def __init__(self, public_url: AnyHttpUrl | None) -> None:
        """Hold the public address, which some platforms sign."""
        self._public_url = None if public_url is None else str(public_url)
        self._lock = threading.Lock()
        self._desk: OpenDesk | None = None
        self._app: IntakeApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.open()(scope, receive, send)

    def open(self) -> IntakeApp:
        """Open the desk, which drains what an earlier run left in the spool."""
        with self._lock:
            if self._app is None:
                self._desk = OpenDesk()
                self._app = IntakeApp(self._desk.desk, self._public_url)
            return self._app

    def close(self) -> None:
        """End the requests in hand, then commit what they kept."""
        if self._app is not None and self._desk is not None:
            self._app.close()
            self._desk.close()


class NoWebhooks:
    """Everything below `/intake/` while TASUKI_SOURCES is not set: nothing is opened, and senders come again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = scope["path"].rpartition("/intake/")[2].rstrip("/")
        answer = without_sources(name, _UNSET)
        await Response(answer.body, answer.status, answer.headers)(scope, receive, send)

    def open(self) -> None:
        """Open nothing."""

    def close(self) -> None:
        """Close nothing."""


#: What an operator reads in the platform's log of deliveries.
_UNSET: Final = (
    "no source is configured: write who may send into a YAML file, name it in TASUKI_SOURCES for the web and every"
    " worker, and start them again (docs/intake.md)"
)
