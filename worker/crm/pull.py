"""Outcomes back in: what changed in the CRM is read and appended to the stream as canonical events.

For CRMs that cannot send: a webhook or a change event is quicker. Every step may be done twice: an event is
named by what it says, so the same one again is a repeat, and the cursor moves only after the events are on
the queue.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from schemas.errors import Away
from worker import queue, rulebooks
from worker.crm import connect, meter
from worker.crm.base import Crm, Deal, Owned, Page
from worker.crm.mapping import digest, load
from worker.intake.adapters.shape import digest as shape_digest
from worker.intake.adapters.shape import event, key, money
from worker.store import crm_links
from worker.store.db import in_transaction, run
from worker.store.leads import find_keys

#: Where the first pull begins.
FIRST: Final = timedelta(days=30)
#: A change that was long in coming appears under an early stamp, and HubSpot's search lags behind: each pull begins
#: so far before the end of the last one. What is read twice is a repeat.
OVERLAP: Final = timedelta(minutes=5)
#: Under this name a link keeps whose the record was when its owner last came back.
_SEEN: Final = "owner_seen"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull came to."""

    outcomes: int = 0
    owners: int = 0
    #: Opportunities of people whom Tasuki does not know.
    strangers: int = 0


def pull(now: datetime, since: datetime | None = None) -> Pulled:
    """Read what changed since the last pull and put it on the queue.

    Args:
        now: the present.
        since: read again from here, whatever was read before.

    Raises:
        Away: the CRM or the queue is; what was read is on the queue, and the next pull goes on from there.
        Refused: no CRM is configured, or it cannot be asked.

    """
    name, crm = connect.name(), connect.connect()
    cursor = in_transaction(lambda connection: _cursor(connection, name))
    cursor = {} if since is not None or not cursor else _earlier(name, cursor)
    start = since or now - FIRST
    total = Pulled()
    while True:
        try:
            page = crm.changes(cursor, start)
        except Away as away:
            in_transaction(partial(meter.failed, name=name, away=away, now=now))
            raise
        done = _append(crm, name, page)
        in_transaction(partial(_keep, name=name, cursor=page.cursor, now=now))
        total = Pulled(
            total.outcomes + done.outcomes, total.owners + done.owners, total.strangers + done.strangers
        )
        if not page.more or page.cursor == cursor:
            return total
        cursor = page.cursor


def _earlier(name: str, cursor: dict[str, Any]) -> dict[str, Any]:
    """Set every stamp of a cursor back by the overlap."""
    if name == "salesforce":
        return {
            kind: [(datetime.fromisoformat(at) - OVERLAP).isoformat(), ""] for kind, (at, _) in cursor.items()
        }
    return {kind: [at - int(OVERLAP.total_seconds() * 1000), 0] for kind, (at, _) in cursor.items()}


def _cursor(connection: Connection, name: str) -> dict[str, Any]:
    found = run(connection, "SELECT cursor FROM tasuki.crm_connection WHERE connection = :c", c=name).scalar()
    return dict(found or {})


def _keep(connection: Connection, name: str, cursor: dict[str, Any], now: datetime) -> None:
    run(
        connection,
        "INSERT INTO tasuki.crm_connection (connection, cursor, pulled_at) VALUES (:c, cast(:cursor AS jsonb), :now)"
        " ON CONFLICT (connection) DO UPDATE SET cursor = excluded.cursor, pulled_at = excluded.pulled_at",
        c=name, cursor=msgspec.json.encode(cursor).decode(), now=now,
    )  # fmt: skip


def _append(crm: Crm, name: str, page: Page) -> Pulled:
    source = connect.source()
    keys = in_transaction(lambda connection: find_keys(connection, _keys(page, source)))
    reps = _reps(crm, [one.owner for one in page.deals if one.owner] + [one.owner for one in page.owned])
    outcomes = [_outcome(deal, source, keys, reps) for deal in page.deals]
    links = in_transaction(lambda c: crm_links.linked(c, name, [one.crm_id for one in page.owned]))
    moved = [one for one in page.owned if _is_news(one, links, crm.owner_field)]
    owners = [_owner(one, source, reps[one.owner]) for one in moved if one.owner in reps]
    events = [*(found for found in outcomes if found is not None), *owners]
    if events:
        queue.append([{"batch": msgspec.json.encode(events)}])
    if moved:
        seen = [{"id": links[one.crm_id][0], "written": {_SEEN: digest(one.owner)}} for one in moved]
        in_transaction(lambda connection: crm_links.note_written(connection, name, seen))
    return Pulled(len(events) - len(owners), len(owners), outcomes.count(None))


def _keys(page: Page, source: str) -> list[tuple[str, str]]:
    found = [(f"deal:{source}", deal.opportunity) for deal in page.deals]
    found += [(f"ma:{source}", one) for deal in page.deals for one in deal.people]
    return found + [("email", one) for deal in page.deals for one in deal.emails]


def _outcome(
    deal: Deal, source: str, keys: dict[tuple[str, str], int], reps: dict[str, str]
) -> dict[str, Any] | None:
    """Write one opportunity's state as an event, or None when Tasuki knows nobody on it."""
    subject = next((one for one in deal.people if (f"ma:{source}", one) in keys), None)
    email = next((one for one in deal.emails if ("email", one) in keys), None)
    if subject is None and email is None and (f"deal:{source}", deal.opportunity) not in keys:
        return None
    data = {
        "opportunity": deal.opportunity, "opportunity_stage": deal.stage, "amount": money(deal.amount), "currency": deal.currency,
        "reason": deal.reason, "email": email, "account_owner": reps.get(deal.owner or ""),
    }  # fmt: skip
    return _named(f"outcome.{deal.status}", deal.opportunity, source, deal.at, subject, data)


def _owner(one: Owned, source: str, rep: str) -> dict[str, Any]:
    return _named("lead.captured", one.key, source, one.at, one.key, {"account_owner": rep})


def _named(
    kind: str, record: str, source: str, at: datetime, subject: str | None, data: dict[str, Any]
) -> dict[str, Any]:
    """Name an event by all that it says, so that reading it again makes the very same event."""
    time = at.isoformat(timespec="milliseconds")
    named = key("pull", kind, record, time, shape_digest([subject, data]))
    return event(kind, key=named, source=source, time=time, subject=subject, data=data)


def _is_news(one: Owned, links: dict[str, tuple[int, dict[str, str]]], owner_field: str) -> bool:
    """Tell whether a human gave the record to another one since Tasuki wrote or saw its owner."""
    if one.crm_id not in links:
        return False
    written = links[one.crm_id][1]
    known = written.get(_SEEN) or written.get(owner_field)
    return digest(one.owner) not in (known, written.get(owner_field))


def _reps(crm: Crm, owners: Iterable[str]) -> dict[str, str]:
    """Return which rep each CRM user is, by the mapping or by e-mail address."""
    asked = sorted(set(owners))
    if not asked:
        return {}
    team = in_transaction(rulebooks.current).team
    by_email = {str(rep.spec.email).lower(): name for name, rep in team.reps.items()}
    emails = crm.owner_emails(asked)
    found = {owner: by_email[emails[owner]] for owner in asked if emails.get(owner) in by_email}
    return found | {user: rep for rep, user in load(connect.name()).users.items() if user in asked}
