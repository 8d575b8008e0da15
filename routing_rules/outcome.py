"""What the CRM's words on a lead's opportunities make of it."""

from routing_rules.compiled import CompiledBook
from routing_rules.permission import may_contact, raised_hand_since
from routing_rules.rest import Back, back_from_lost
from schemas.lead import LeadState


def outcome_of(state: LeadState) -> str | None:
    """Return what the CRM's newest words make of the lead: an open deal outweighs won, won outweighs lost.

    An open deal does not hold a lead that no longer permits contact, nor a lost one a lead that asked to talk
    since: both go on as marketing's.
    """
    if not state.deals:
        return None
    statuses = {deal.status for deal in state.deals.values()}
    if "opened" in statuses and may_contact(state):
        return "sql"
    if "won" in statuses:
        return "won"
    newest = max(deal.at_ms for deal in state.deals.values())
    return None if "opened" in statuses or raised_hand_since(state, newest) else "lost"


def loss_of(state: LeadState, book: CompiledBook) -> Back | None:
    """Return when a lead that counts as lost comes back, by the rules of `lost`."""
    lost = book.rest is not None and outcome_of(state) == "lost"
    return back_from_lost(state, book.rest) if lost and book.rest is not None else None
