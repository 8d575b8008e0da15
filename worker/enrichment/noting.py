"""The questions that a judgement leaves for outside sources; worker/enrichment/asking.py asks them later."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from schemas.errors import Refused
from worker.enrichment.sources import configured
from worker.store import enrichment


def note_questions(
    connection: Connection, leads: Iterable[tuple[int, str | None, str | None]], now: datetime
) -> None:
    """Note what sources are to be asked of leads: lead, corporate number, domain. Nothing where none is configured."""
    try:
        sources = configured()
    except Refused:
        return  # `tasuki doctor` and the task say so; a judgement does not fail for it
    if not sources:
        return
    rows = []
    for lead_id, number, domain in leads:
        known = {"corporate_number": number, "domain": domain}
        for source in sources:
            kind = next((kind for kind in source.asks if known[kind]), None)
            if kind is not None:
                rows.append((source.id, lead_id, f"{kind}:{known[kind]}"))
    if rows:
        enrichment.request(connection, rows, now)
