"""What receivers answer, told safely: bounded, on one line, without secrets and without the lead's data."""

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

from schemas.errors import Away, Refused
from worker.notices.guard import Answer
from worker.now import wall_time

#: Of an error so many characters are kept.
ERROR_CHARS: Final = 500
#: Of a receiver's own words so many.
_SAID_CHARS: Final = 200
#: The longest wait that a receiver's Retry-After is taken for, in seconds.
_LONGEST_WAIT_S: Final = 86_400.0
_OK: Final = range(200, 300)
#: Answers after which the same message may be taken later.
_TRY_LATER: Final = frozenset({408, 425, 429})
_URL: Final = re.compile(
    r"\b([a-z][a-z0-9+.-]*://)([^\s/?#\"'<>]*@)?([^\s/?#\"'<>]*)[^\s\"'<>]*", re.IGNORECASE
)
_MAIL: Final = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_LONG: Final = re.compile(r"(?<![\w-])(?!TASUKI_)[A-Za-z0-9_\-+/=.]{24,}|\+?\d[\d\-() ]{7,}\d")
#: Shorter values are words that may stand in any sentence.
_LEAST_VALUE: Final = 2


class ThisOne(Away):
    """One message has to wait, while the receiver itself is well: it says nothing of its health."""


def safe_error(text: str, hidden: Iterable[Any] = ()) -> str:
    """Return an error that may be kept and shown.

    Args:
        text: our words and the receiver's.
        hidden: what it must not repeat: the lead's data, addresses and secrets of the message.

    """
    line = " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
    for value in sorted({str(one) for one in hidden if one}, key=len, reverse=True):
        if len(value) >= _LEAST_VALUE:
            line = line.replace(value, "…")
    line = _URL.sub(r"\1\3/…", line)
    line = _LONG.sub("…", _MAIL.sub("…", line))
    return line[:ERROR_CHARS]


def raise_unless_done(answer: Answer, who: str = "receiver") -> None:
    """Judge an answer by its status.

    Raises:
        Away: it may take the message later; with the receiver's own wish to wait.
        Refused: it will not, redirects included: nobody but ops may choose another address.

    """
    if answer.status in _OK:
        return
    said = f"{who} answered {answer.status} {answer.text[:_SAID_CHARS]}"
    if answer.status in _TRY_LATER or answer.status >= 500:  # noqa: PLR2004
        raise Away(said, retry_after(answer.headers.get("retry-after")))
    if 300 <= answer.status < 400:  # noqa: PLR2004
        raise Refused(
            f"{who} answered {answer.status}: it moved, and redirects are not followed; mend its address"
        )
    raise Refused(said)


def error_body(answer: Answer, who: str, *, firm: bool) -> NoReturn:
    """Treat a 200 with an error inside as the error that it is."""
    said = f"{who} answered {answer.status} with an error: {answer.text[:_SAID_CHARS]}"
    if firm:
        raise Refused(said)
    raise Away(said)


def retry_after(header: str | None) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, a day at most, by a number or a date; None for neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), _LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
        seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp() - wall_time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_WAIT_S)
