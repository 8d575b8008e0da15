"""What a rep did, as the CRM tells it: it counts as contact where the rep holds the lead and the policy says so.

The event itself changes nothing of the lead: it earns no points, and moves no stage.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from schemas.errors import Refused, RulebookError
from schemas.handover import Act
from schemas.lead_event import LeadEvent
from worker.acting import act
from worker.crm import mapping
from worker.logs import get_logger
from worker.rulebooks import Loaded, policy_of
from worker.settings import settings
from worker.store.db import run
from worker.store.rows import ms

log = get_logger()

#: With these the person was spoken to; after the others the next try is owed.
_REACHED: Final = frozenset({"call_made", "meeting_held"})
_ID_15: Final = 15  # Salesforce: an id of 18 characters ends in a check of the other 15


def record(
    connection: Connection, told: Iterable[tuple[int, LeadEvent]], loaded: Loaded, now: datetime
) -> None:
    """Record contact on the assignments of these leads, which are locked and judged already."""
    ordered = sorted(told, key=lambda one: (one[1].at_ms, one[1].source, one[1].id))
    live = {
        row.lead_id: row
        for row in run(
            connection,
            "SELECT assignment_id, lead_id, rep, sla, offered_at FROM tasuki.assignment"
            " WHERE lead_id = ANY(:ids) AND ended_at IS NULL",
            ids=sorted({lead_id for lead_id, _ in ordered}),
        )
    }
    for lead_id, event in ordered:
        held = live.get(lead_id)
        if held is not None and _counts(held, event, loaded):
            _contacted(connection, held, event, loaded, now)


def _counts(held: Any, event: LeadEvent, loaded: Loaded) -> bool:
    """Tell whether this is contact by the rep who holds the lead, since they were offered it."""
    if event.sales not in policy_of(held.sla, loaded).crm_activities or event.at_ms < ms(held.offered_at):
        return False
    return event.by is not None and _is_rep(event.by, held.rep, loaded)


def _is_rep(by: str, rep: str, loaded: Loaded) -> bool:
    known = loaded.team.reps.get(rep)
    if by == rep or (known is not None and known.spec.email and by.lower() == known.spec.email.lower()):
        return True
    user = _users().get(rep)
    return user is not None and (by == user or (len(by) >= _ID_15 and by[:_ID_15] == user[:_ID_15]))


def _users() -> dict[str, str]:
    crm = settings().crm
    if crm == "none":
        return {}
    try:
        return dict(mapping.load(crm).users)
    except RulebookError:
        return {}  # `tasuki doctor` says so; a judgement does not fail for it


def _contacted(connection: Connection, held: Any, event: LeadEvent, loaded: Loaded, now: datetime) -> None:
    what: Act = "reached" if event.sales in _REACHED else "attempted"
    try:
        act(connection, held.assignment_id, what, loaded, now, rep=held.rep, note=f"CRM: {event.sales}")
    except Refused as refusal:
        log.warning("sales_activity.refused", assignment_id=held.assignment_id, reason=str(refusal)[:200])
