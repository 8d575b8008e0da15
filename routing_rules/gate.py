"""The outreach gate: may sales contact this person now, and why (not)."""

from dataclasses import dataclass

from schemas.lead import LeadState


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer, its reason as a code, and the channels that are left."""

    may_contact: bool
    reason: str
    channels: tuple[str, ...]


def gate(state: LeadState, lifecycle_stage: str, holder: str | None, rep: str | None = None) -> Gate:
    """Answer for one lead.

    Args:
        state: the lead, for its permissions and addresses.
        lifecycle_stage: where it is in our process.
        holder: the rep with the live assignment.
        rep: who asks; None asks for sales as a whole.

    """
    channels = tuple(
        channel
        for channel in ("email", "phone")
        if state.fact(channel) is not None and not state.denied(channel)
    )
    if lifecycle_stage == "disqualified":
        return Gate(may_contact=False, reason="disqualified", channels=())
    if not channels:
        return Gate(may_contact=False, reason="no_permitted_channel", channels=())
    if lifecycle_stage in ("inquiry", "nurture"):
        return Gate(may_contact=False, reason="held_in_nurture", channels=())
    if holder is None:
        reason = "waiting_for_a_rep" if lifecycle_stage == "mql" else "nobody_holds_it"
        return Gate(may_contact=False, reason=reason, channels=())
    if rep is not None and rep != holder:
        return Gate(may_contact=False, reason="held_by_another_rep", channels=())
    return Gate(may_contact=True, reason="with_its_rep", channels=channels)
