"""The facts that conditions ask: a lead's state read at one instant, with local enrichment.

Everything here is computed from the state and tables in memory; nothing is looked up outside.
"""

from typing import Any, Final

from routing_rules import enrich
from routing_rules.enrich import Note
from routing_rules.fields import FACT_FIELDS
from schemas.activity import HAND_RAISES
from schemas.lead import LeadState, Standing

DAY_MS: Final = 86_400_000
_CONSENT_FIELDS: Final = (("email", "consent.email"), ("phone", "consent.phone"))


class Facts:
    """What is known of a lead at `now_ms`. `values` holds known fields only."""

    __slots__ = ("last", "ledger", "now_ms", "today", "values")

    def __init__(
        self, values: dict[str, Any], ledger: dict[str, dict[int, int]], last: dict[str, int], now_ms: int
    ) -> None:
        """Keep references: facts live for one judgement."""
        self.values = values
        self.ledger = ledger
        self.last = last
        self.now_ms = now_ms
        self.today = now_ms // DAY_MS

    def count(self, kind: str, within_days: float | None) -> int:
        """Count an activity, in all or in the last `within_days` days (today is the first of them)."""
        days = self.ledger.get(kind)
        if days is None:
            return 0
        if within_days is None:
            return sum(days.values())
        since = self.today - within_days
        total = 0
        for day, count in days.items():
            if day > since:
                total += count
        return total

    def hand_raised_within(self, days: float) -> bool:
        """Tell whether the lead asked to talk in the last `days` days, to the millisecond."""
        since = self.now_ms - days * DAY_MS
        raised = HAND_RAISES & self.last.keys()
        return bool(raised) and any(self.last[kind] >= since for kind in raised)


def gather(
    state: LeadState,
    standing: Standing,
    now_ms: int,
    account_owner: str | None = None,
    note: Note | None = None,
) -> Facts:
    """Read a lead's facts: what was said, then what providers answered, then what local tables conclude.

    A declared value always outranks a guessed one, whenever each was heard.

    Args:
        state: the fold of its events.
        standing: where it is in our process.
        now_ms: the instant at which the facts are read.
        account_owner: the rep who owns its account, if one does.
        note: is told the source of each value; for showing, not for judging.

    """
    said = state.facts
    values: dict[str, Any] = {}
    for fact, field in FACT_FIELDS.items():
        word = said.get(fact)
        if word is not None:
            values[field] = word[1]
            if note is not None:
                note(field, "declared", word[0])
    if state.guessed:
        enrich.take_guesses(values, state, note)
    enrich.person(values, state, note)
    enrich.company(values, state, note)
    if state.first is not None:
        values["source"] = state.first[1]
    if account_owner is not None:
        values["account.owner"] = account_owner
    if state.consent:
        for channel, field in _CONSENT_FIELDS:
            if channel in state.consent or "all" in state.consent:
                values[field] = not state.denied(channel)
    values["recycle_count"] = standing.recycle_count
    return Facts(values, state.ledger, state.last, now_ms)
