"""What is answered about one lead, on the command line and over HTTP alike."""

from typing import Any

from sqlalchemy import Connection

from routing_rules.outreach import as_data
from routing_rules.outreach_words import answer_words, channel_words
from schemas.base import Lang
from schemas.lead import LeadState
from worker import rulebooks
from worker.explaining import held_words
from worker.now import now
from worker.outreach import ask_all, asked_now
from worker.store import leads, reading
from worker.store.rows import utc_ms


def look_at_lead(connection: Connection, who: str) -> dict[str, Any]:
    """Return a lead with its assignments, clocks and newest events.

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    return reading.one_lead(connection, reading.find_lead(connection, who))


def look_at_held(connection: Connection, who: str) -> dict[str, Any]:
    """Return a lead as `look_at_lead` does, with what a held lead carries under `nurture`.

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    found = look_at_lead(connection, who)
    row = leads.read_lead(connection, found["lead_id"])
    found["nurture"] = None if row is None else held_words(row, rulebooks.current(connection))
    found["opportunities"] = [] if row is None else opportunities(row.state)
    return found


def opportunities(state: LeadState) -> list[dict[str, Any]]:
    """Return what the CRM said of each opportunity of a lead, the newest first."""
    return [
        {"opportunity": name, "status": deal.status, "stage": deal.stage, "amount": deal.amount,
         "currency": deal.currency, "reason": deal.reason if deal.status == "lost" else None, "at": utc_ms(deal.at_ms)}
        for name, deal in sorted(state.deals.items(), key=lambda item: -item[1].at_ms)
    ]  # fmt: skip


def ask_gate(
    connection: Connection, who: str, rep: str | None, channel: str | None = None, lang: Lang = "en"
) -> dict[str, Any]:
    """Return whether sales (or one rep) may contact a lead now, why (not), and by which channels.

    Raises:
        Refused: none, or more than one, is known as `who`.

    """
    lead_id = reading.find_lead(connection, who)
    row = leads.read_lead(connection, lead_id)
    assert row is not None  # noqa: S101 - it was just found
    question = asked_now(connection, now(), rep, channel)
    answer = ask_all(connection, [lead_id], question)[lead_id]
    return {
        "lead_id": lead_id, **as_data(answer), "track": row.standing.track,
        "words": answer_words(answer, lang, question.zone),
        "channel_words": [channel_words(one, lang, question.zone) for one in answer.by_channel],
    }  # fmt: skip
