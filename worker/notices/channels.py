"""The two ways out: mail by SMTP, and a signed webhook (Standard Webhooks). Each says done, wait or no."""

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec
from standardwebhooks.webhooks import Webhook

from schemas.errors import Away, Refused
from worker.notices.render import render
from worker.now import wall_time
from worker.settings import settings

#: How much of a receiver's answer is kept in the error.
_ANSWER_CHARS: Final = 200
_HTTP_OK: Final = range(200, 300)
_SMTP_PERMANENT: Final = 500


def send(channel: str, recipient: str, key: str, body: dict[str, Any], at: datetime) -> None:
    """Deliver one message.

    Raises:
        Away: it may work later.
        Refused: it will not.

    """
    if channel == "email":
        _send_mail(recipient, key, body, at)
    else:
        _send_webhook(recipient, key, body, at)


def _send_mail(recipient: str, key: str, body: dict[str, Any], at: datetime) -> None:
    url = settings().smtp_url
    if url is None:
        raise Away("no mail server: set TASUKI_SMTP_URL")
    parts = urlsplit(url.get_secret_value())
    subject, text = render(body)
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = settings().mail_from
    message["To"] = recipient
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{key}@tasuki.invalid>"
    message["X-Tasuki-Key"] = key
    message.set_content(text)
    timeout = settings().delivery_timeout_s
    try:
        server_class = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
        with server_class(parts.hostname or "localhost", parts.port or 25, timeout=timeout) as server:
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        _raise_for_smtp(code, answer)
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused, smtplib.SMTPHeloError) as error:
        # our own setting is wrong, and not the receiver: once it is mended the message goes out
        raise Away(f"mail server does not let us send: {error.smtp_code}") from error
    except smtplib.SMTPResponseException as error:
        _raise_for_smtp(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"mail server away: {type(error).__name__}") from error


def _raise_for_smtp(code: int, answer: bytes | str) -> None:
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    text = f"mail server answered {code} {said[:_ANSWER_CHARS]}"
    raise Refused(text) if code >= _SMTP_PERMANENT else Away(text)


def _send_webhook(recipient: str, key: str, body: dict[str, Any], at: datetime) -> None:
    secret = settings().webhook_secret
    if secret is None:
        raise Away("no webhook secret: set TASUKI_WEBHOOK_SECRET")
    signed_at = datetime.fromtimestamp(int(wall_time()), UTC)  # receivers compare it with their own clock
    payload = msgspec.json.encode(
        {"type": f"lead.{body['kind']}", "timestamp": at.isoformat(), "data": body}
    ).decode()
    signature = Webhook(secret.get_secret_value()).sign(key, signed_at, payload)
    headers = {
        "content-type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": signature,
    }
    try:
        answer = httpx2.post(
            recipient, content=payload.encode(), headers=headers,
            timeout=settings().delivery_timeout_s, follow_redirects=False,
        )  # fmt: skip
    except httpx2.HTTPError as error:
        raise Away(f"receiver away: {type(error).__name__}") from error
    if answer.status_code in _HTTP_OK:
        return
    text = f"receiver answered {answer.status_code} {answer.text[:_ANSWER_CHARS]}"
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:  # noqa: PLR2004
        wait = answer.headers.get("retry-after", "")
        raise Away(text, float(wait) if wait.isascii() and wait.isdigit() else None)
    raise Refused(text)
