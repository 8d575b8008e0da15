"""Where each fact of a lead comes from: for people to look at, never for judging."""

from typing import Any, NamedTuple

from routing_rules.facts import gather
from schemas.lead import LeadState, Standing


class Origin(NamedTuple):
    """One value, who says so (`declared`, a table, or a provider's name), and when that was said."""

    field: str
    value: Any
    source: str
    at_ms: int


def origins(
    state: LeadState, standing: Standing, now_ms: int, account_owner: str | None = None
) -> list[Origin]:
    """Return the facts that are known of a lead, by field, with the source and time of each."""
    noted: dict[str, tuple[str, int]] = {}

    def note(field: str, source: str, at_ms: int) -> None:
        noted[field] = (source, at_ms)

    values = gather(state, standing, now_ms, account_owner, note).values
    return [Origin(field, values[field], *noted[field]) for field in sorted(noted) if field in values]
