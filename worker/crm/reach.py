"""The one way to the CRM: checked, pinned, paced, and bounded in time and in size before and during every call."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from schemas.errors import Away, Refused
from worker.crm.meter import take_turn
from worker.notices import guard
from worker.notices.guard import Answer, Bounds
from worker.now import wall_time
from worker.settings import settings

#: How much of an answer is kept in an error.
ANSWER_CHARS: Final = 300
#: The longest answer that is read whole: 200 records with all their fields are a tenth of it.
ANSWER_BYTES: Final = 4_000_000

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let all calls made inside take so many wall seconds together."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def left_s() -> float | None:
    """Return how many seconds are left of `within`, or None outside of it."""
    until = _until.get()
    return None if until is None else until - time.monotonic()


def call(
    name: str, method: str, url: str, content: bytes, headers: Mapping[str, str], *, timeout_s: float,
    most: int = ANSWER_BYTES, who: str,
) -> Answer:  # fmt: skip
    """Make one call to the CRM in its turn.

    Args:
        name: the connection, whose pace and budget count.
        method: such as POST.
        url: where to.
        content: the body.
        headers: its headers.
        timeout_s: seconds that it may take in all.
        most: bytes that are read of the answer.
        who: is called, in the words of an error.

    Raises:
        Away: not reached, cut off, not done in time, or the day's budget is spent.
        Refused: the address must not be called.

    """
    check_url(url)
    take_turn(name, _time_left())
    bounds = Bounds(
        min(timeout_s, _time_left()), most, private=settings().crm_private_network, who=who,
        mend="if it is your own gateway, set TASUKI_CRM_PRIVATE_NETWORK=true",
    )  # fmt: skip
    return guard.call(method, url, content, headers, bounds)


def _time_left() -> float:
    left = left_s()
    if left is not None and left <= 0:
        raise Away("the CRM is so slow that one round does not come to its end")
    return 600.0 if left is None else left


def check_url(url: str) -> None:
    """Refuse an address that a setting or an answer must not lead us to, by its text alone.

    It is https and names no user; http is allowed where TASUKI_CRM_PRIVATE_NETWORK allows a gateway in a private
    network. Where its name leads is checked as the connection is made.

    Raises:
        Refused: it is none of these.

    """
    parts = urlsplit(url)
    if parts.scheme not in (("https", "http") if settings().crm_private_network else ("https",)):
        raise Refused(f"the CRM's address must begin with https://, not {parts.scheme or 'nothing'}")
    if parts.hostname is None or parts.username is not None:
        raise Refused("the CRM's address must name a host and no user")


def retry_after(header: str | None) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, given as a number or as a date; None for neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:7])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.replace(tzinfo=at.tzinfo or UTC).timestamp() - wall_time())


def one_line(text: str) -> str:
    """Return words of the CRM as they can be kept: on one line, without what a database or a screen chokes on."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
