"""What is answered about one lead, on the command line and over HTTP alike."""

from typing import Any

from sqlalchemy import Connection

from routing_rules.gate import gate
from worker.store import leads, reading


def look_at_lead(connection: Connection, who: str) -> dict[str, Any]:
    """Return a lead with its assignments, clocks and newest events.

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    return reading.one_lead(connection, reading.find_lead(connection, who))


def ask_gate(connection: Connection, who: str, rep: str | None) -> dict[str, Any]:
    """Return whether sales (or one rep) may contact a lead now, and why (not).

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    lead_id = reading.find_lead(connection, who)
    row = leads.read_lead(connection, lead_id)
    assert row is not None  # noqa: S101 - it was just found
    answer = gate(row.state, row.standing.lifecycle_stage, row.owner, rep)
    return {
        "lead_id": lead_id, "may_contact": answer.may_contact, "reason": answer.reason,
        "channels": list(answer.channels), "track": row.standing.track,
    }  # fmt: skip
