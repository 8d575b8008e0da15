"""What a proof comes to, and the comparisons that all share."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from worker.intake.proofs.spec import Encoding, Unit

#: A Unix time as a platform writes it: `int()` alone would take `１２３`, ` 1_000 ` and `+5`.
_DIGITS: Final = re.compile(r"[0-9]{1,13}")
_HTTP_DATE: Final = re.compile(r"[A-Za-z0-9,: +-]{10,40}")


@dataclass(frozen=True, slots=True)
class Proven:
    """The sender is who the source says."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """It may be anybody. `reason` is for ops; the sender is never told."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """It cannot be told now (a key cannot be fetched, a secret is not set); the sender may try again."""

    reason: str


Verdict = Proven | Unproven | Unsure


def is_one_of(said: str, wanted: Sequence[str]) -> bool:
    """Compare with every wanted text, in a time that does not depend on which is right.

    Texts are compared, not what they decode to: then any other byte in a header is a refusal.
    """
    raw = said.encode("utf-8", "surrogatepass")
    found = False
    for one in wanted:
        found |= hmac.compare_digest(raw, one.encode("utf-8", "surrogatepass"))
    return found


def encoded(digest: bytes, encoding: Encoding) -> str:
    """Return a code as a platform writes it."""
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def instant(text: str, unit: Unit) -> float | None:
    """Return the time that a header states, in seconds since 1970, or None where it states none."""
    if unit == "http_date":
        if not _HTTP_DATE.fullmatch(text):
            return None
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    if not _DIGITS.fullmatch(text) or not text.isascii():
        return None
    return int(text) / 1000 if unit == "ms" else float(int(text))


def is_timely(at_s: float, now: datetime, tolerance_s: float) -> bool:
    """Tell whether a time is near enough, before and after: a clock ahead would be a replay for later."""
    return abs(now.timestamp() - at_s) <= tolerance_s
