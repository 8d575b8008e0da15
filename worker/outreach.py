"""May sales contact these people now? The gate for one lead and for many, with one set of statements for each set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from routing_rules.outreach import Outreach, Person, ask
from schemas.base import HOME_ZONE
from schemas.errors import Away
from schemas.rulebook.outreach import OutreachSpec
from worker import rulebooks
from worker.store import leads
from worker.store import outreach as store
from worker.store.rows import ms


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, by which channel, and under what rules."""

    spec: OutreachSpec | None
    now: datetime
    rep: str | None = None
    channel: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Return the clock on which times are told."""
        return HOME_ZONE if self.spec is None else ZoneInfo(self.spec.zone)


def asked_now(
    connection: Connection, now: datetime, rep: str | None = None, channel: str | None = None
) -> Asked:
    """Return a question under the rulebook in force; before the first publish no rule is added."""
    try:
        spec = rulebooks.current(connection).book.source.nurture.outreach
    except Away:
        spec = None
    return Asked(spec, now, rep, channel)


def ask_all(connection: Connection, lead_ids: Iterable[int], question: Asked) -> dict[int, Outreach]:
    """Return the gate's answer for each lead, in two statements whatever their number."""
    ids = sorted(set(lead_ids))
    if not ids:
        return {}
    rows = leads.read_leads(connection, ids)
    tried: Mapping[int, int] = {}
    if question.spec is not None and question.spec.pause:
        since = question.now - timedelta(seconds=question.spec.pause)
        tried = store.tried(connection, ids, since)
    at = ms(question.now)
    return {
        lead_id: ask(
            Person(row.state, row.standing, row.owner, tried.get(lead_id), row.account_owner),
            question.spec, at, rep=question.rep, channel=question.channel,
        )
        for lead_id, row in rows.items()
    }  # fmt: skip
