"""Mail by SMTP: text and HTML side by side, one connection for several messages."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from schemas.errors import Away, Refused
from worker.notices.answers import ThisOne
from worker.notices.as_html import as_html
from worker.notices.as_text import as_text
from worker.notices.sheet import Sheet
from worker.settings import settings

#: How much of a server's answer is kept in the error.
_ANSWER_CHARS: Final = 200
_PERMANENT: Final = 500


@contextmanager
def mail_server() -> Iterator[smtplib.SMTP]:
    """Connect to TASUKI_SMTP_URL and log in.

    Raises:
        Away: it is not set, not there, or does not let us in.

    """
    url = settings().smtp_url
    if url is None:
        raise Away("no mail server: set TASUKI_SMTP_URL")
    parts = urlsplit(url.get_secret_value())
    server_class = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        server = server_class(
            parts.hostname or "localhost", parts.port or 25, timeout=settings().delivery_timeout_s
        )
    except smtplib.SMTPResponseException as error:
        raise Away(f"mail server does not let us in: {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"mail server away: {type(error).__name__}") from error
    try:
        try:
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except smtplib.SMTPResponseException as error:
            # our own setting is wrong, and not the receiver: once it is mended the message goes out
            raise Away(f"mail server does not let us send: {error.smtp_code}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Away(f"mail server away: {type(error).__name__}") from error
        yield server
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.quit()


def send_mail(server: smtplib.SMTP, recipient: str, key: str, sheet: Sheet, at: datetime) -> None:
    """Send one notice over an open connection.

    Raises:
        Away: the server fails.
        ThisOne: it takes this one later.
        Refused: it does not take this one.

    """
    message = make_mail(recipient, key, sheet, at)
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        _raise_for(*next(iter(error.recipients.values())))
    except (smtplib.SMTPSenderRefused, smtplib.SMTPHeloError) as error:
        raise Away(f"mail server does not let us send: {error.smtp_code}") from error
    except smtplib.SMTPResponseException as error:
        _raise_for(error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"mail server away: {type(error).__name__}") from error


def make_mail(recipient: str, key: str, sheet: Sheet, at: datetime) -> EmailMessage:
    """Return the mail: plain text, and HTML for programs that draw it."""
    message = EmailMessage()
    message["Subject"] = _subject(sheet.subject)
    message["From"] = settings().mail_from
    message["To"] = recipient
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{key}@tasuki.invalid>"
    message["X-Tasuki-Key"] = key
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message["Content-Language"] = sheet.lang
    message.set_content(as_text(sheet))
    message.add_alternative(as_html(sheet), subtype="html")
    return message


def _subject(text: str) -> str:
    """Return a subject whose spaces stay: `email` drops the one at which it folds a line that is not ASCII."""
    return text if text.isascii() else text.replace(" ", "\N{NO-BREAK SPACE}")


def _raise_for(code: int, answer: bytes | str) -> None:
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    text = f"mail server answered {code} {said[:_ANSWER_CHARS]}"
    raise Refused(text) if code >= _PERMANENT else ThisOne(text)
