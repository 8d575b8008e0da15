"""Where the CRM may be: checked in one place before every call."""

import socket
from typing import Final
from urllib.parse import urlsplit

from schemas.errors import Away, Refused
from worker.notices.guard import is_public
from worker.settings import settings

#: How much of an answer is kept in an error.
ANSWER_CHARS: Final = 300


def check_url(url: str) -> None:
    """Refuse an address that a setting or an answer must not lead us to.

    It is https, names no user, and resolves to public addresses only, unless TASUKI_CRM_PRIVATE_NETWORK
    allows a gateway in a private network (by http, too).

    Raises:
        Refused: it is none of these.
        Away: the name does not resolve now.

    """
    parts = urlsplit(url)
    allowed = settings().crm_private_network
    if parts.scheme not in (("https", "http") if allowed else ("https",)):
        raise Refused(f"the CRM's address must begin with https://, not {parts.scheme or 'nothing'}")
    if parts.hostname is None or parts.username is not None:
        raise Refused("the CRM's address must name a host and no user")
    if allowed:
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Away(f"the CRM's host {parts.hostname} is not found") from error
    if any(not is_public(str(row[4][0])) for row in found):
        raise Refused(
            f"{parts.hostname} is in a private network; if it is your own gateway, set"
            " TASUKI_CRM_PRIVATE_NETWORK=true"
        )


def retry_after(header: str | None) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, or None when it gives no number."""
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004
