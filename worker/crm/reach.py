"""The one way to the CRM: checked, pinned, paced, and bounded in time and in size before and during every call."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from schemas.errors import Away
from worker.crm.meter import take_turn
from worker.notices import guard
from worker.notices.guard import Answer, Bounds
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


def one_line(text: str) -> str:
    """Return words of the CRM as they can be kept: on one line, without what a database or a screen chokes on."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
