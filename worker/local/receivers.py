"""Receivers for the demo: a mail box and a webhook receiver that checks signatures, both on loopback."""

import base64
import json
import secrets
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from worker.local.servers import free_port


class _MailHandler:
    """Keeps what arrives, by idempotency key."""

    def __init__(self, box: "MailBox") -> None:
        self._box = box

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take one mail."""
        message = message_from_bytes(envelope.content, policy=policy.default)
        if isinstance(message, EmailMessage):
            self._box.keep(message)
        return "250 OK"


class MailBox:
    """A real SMTP server that keeps what it is sent."""

    def __init__(self) -> None:
        """Choose a free port."""
        self.mails: list[EmailMessage] = []
        self.keys: set[str] = set()
        self._controller = Controller(_MailHandler(self), hostname="127.0.0.1", port=free_port())

    def keep(self, message: EmailMessage) -> None:
        """Keep a mail once, however often it is sent."""
        key = str(message["X-Tasuki-Key"])
        if key not in self.keys:
            self.keys.add(key)
            self.mails.append(message)

    def __enter__(self) -> Self:
        """Start listening."""
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._controller.stop()

    @property
    def url(self) -> str:
        """Return the URL for TASUKI_SMTP_URL."""
        return f"smtp://127.0.0.1:{self._controller.port}"


class HookReceiver:
    """A webhook receiver that refuses what is not signed with its secret."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.keys: set[str] = set()
        self.bodies: dict[str, Any] = {}
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Check the signature, then keep the key."""
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                try:
                    Webhook(receiver.secret).verify(body.decode(), dict(self.headers.items()))
                except WebhookVerificationError:
                    receiver.forged += 1
                    self.send_response(401)
                else:
                    receiver.keys.add(self.headers["webhook-id"])
                    receiver.bodies[self.headers["webhook-id"]] = json.loads(body)
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the demo has the screen."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Return the URL for TASUKI_WEBHOOK_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/leads"

    def __enter__(self) -> Self:
        """Start answering."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
