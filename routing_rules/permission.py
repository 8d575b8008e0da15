"""What keeps sales away from a lead whatever the rules say: permission, a cool-down, mere history, a rep's word."""

from routing_rules.facts import Facts
from schemas.activity import HAND_RAISES, NOT_THE_LEADS_DOING
from schemas.decision import Missing
from schemas.lead import LeadState, Standing


def ruled_out_by_a_rep(standing: Standing) -> bool:
    """Tell whether a rep's word, and not a rule, disqualified the lead: rules do not undo it."""
    by_a_rep = (standing.rule or "").startswith(("declined.", "recycled."))
    return standing.lifecycle_stage == "disqualified" and by_a_rep


def may_contact(state: LeadState) -> bool:
    """Tell whether a channel is left: permission not withdrawn, and an address or number known."""
    facts = state.facts
    return ("email" in facts and not state.denied("email")) or (
        "phone" in facts and not state.denied("phone")
    )


def barred(facts: Facts, state: LeadState, standing: Standing) -> list[Missing]:
    """Return what keeps sales away whatever the rules say: no channel left, a cool-down, or mere history."""
    missing = []
    if not may_contact(state):
        missing.append(Missing("contact_channel", "exists", True))
    until = standing.cool_down_until_ms
    if (
        until is not None
        and until > facts.now_ms
        and not raised_hand_since(state, standing.recycled_at_ms or 0)
    ):
        missing.append(Missing("cool_down", "until", until))
    history = standing.history_until_ms
    if history is not None and not _did_something_since(facts, history):
        missing.append(Missing("history", "until_it_acts", history))
    return missing


def _did_something_since(facts: Facts, since_ms: int) -> bool:
    """Tell whether the lead itself acted later: what is only known from history wakes nobody, nor does a machine."""
    return any(at_ms > since_ms for kind, at_ms in facts.last.items() if kind not in NOT_THE_LEADS_DOING)


def raised_hand_since(state: LeadState, since_ms: int) -> bool:
    """Tell whether the lead asked to talk later."""
    last = state.last
    return any(last[kind] > since_ms for kind in HAND_RAISES & last.keys())
