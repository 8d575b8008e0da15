"""The error tree. The class says who must act, and whether trying again can help.

TasukiError
├─ NotUnderstood   sender's fault: place and mend        -> quarantine, no retry
├─ RulebookError   ops' fault: file:line:column and mend -> refused whole, the running version stays
├─ Overtaken       someone else was first                -> said plainly: who and when
├─ Away            a store or receiver is not reachable  -> wait and try again
└─ Refused         a receiver's or our own firm no       -> shown, not repeated
"""

from dataclasses import dataclass
from datetime import datetime


class TasukiError(Exception):
    """Anything Tasuki itself says no to."""


class NotUnderstood(TasukiError):
    """An event that cannot be understood. `place` names the field, `mend` says what would be right."""

    def __init__(self, place: str, mend: str) -> None:
        """Keep the place and the mend apart, so that both can be shown in a column."""
        super().__init__(f"{place}: {mend}")
        self.place = place
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a rulebook: where, what, and how to mend it."""

    file: str
    path: tuple[str | int, ...]
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return `file:line:column: path: message`, with what is known of the place."""
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        path = ".".join(str(part) for part in self.path)
        return f"{place}: {path}: {self.message}" if path else f"{place}: {self.message}"


class RulebookError(TasukiError):
    """A rulebook that must not be published."""

    def __init__(self, findings: list[Finding]) -> None:
        """Hold every finding, so that ops mend all of them in one go."""
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


class Overtaken(TasukiError):
    """Somebody or some clock was first; the message says who and when."""


class Away(TasukiError):
    """A store or a receiver cannot be reached or asks to wait."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        """Keep the receiver's own wish for the next try, in seconds."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(TasukiError):
    """A firm no: repeating the same thing cannot help."""


class NotFound(Refused):
    """There is no such thing."""


class NotYours(Refused):
    """It is another rep's."""


class ReasonNeeded(Refused):
    """An act needs a reason of the rulebook, and none or an unknown one was given."""


class DealOpen(Refused):
    """The CRM has an opportunity of the lead open: it is ended there, and no rep hands the lead back before."""


class QuotaUsedUp(Refused):
    """The pool lets a rep decline so many leads a day and no more; the lead stays with the rep."""

    def __init__(self, message: str, quota: int, renews_at: datetime | None) -> None:
        """Keep the quota, and when the next day of the rep begins (None where nobody may decline)."""
        super().__init__(message)
        self.quota = quota
        self.renews_at = renews_at
