"""From a row of the line, of a clock or of an assignment to the messages that tell somebody of it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from routing_rules.roster import Rep
from worker.notices.compose import Occasion, about_lead, notice, why_you
from worker.notices.kinds import UNASSIGNED
from worker.rulebooks import Loaded
from worker.store import leads


def tell(
    what: Occasion, rep: Rep, row: Any, loaded: Loaded, now: datetime, *,
    assignment_id: int | None = None, strategy: str | None = None, holder: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the messages that tell `rep` of an occasion.

    Args:
        what: the occasion; why it is this rep is added here.
        rep: who is told.
        row: with lead_id, rule, strategy, pool, the columns of `leads.JUDGED`, and assignment_id.
        loaded: the rulebook in force, for the names.
        now: business time.
        assignment_id: the assignment, where the row is older than that; a lead open to a claim has none.
        strategy: how the rep was chosen, where the row does not say.
        holder: whose lead it is, where somebody else is told.

    """
    of = loaded.team.reps.get(holder or "")
    extra = {"rep": holder, "rep_name": of.spec.name.model_dump() if of else None} if holder else {}
    about = about_lead(row.lead_id, leads.decode_state(row.state), row, loaded, now, **extra)
    why = why_you(row.rule, strategy or row.strategy, row.pool, loaded)
    if assignment_id is None and what.kind not in UNASSIGNED:
        assignment_id = row.assignment_id
    return notice(replace(what, why=why), rep, assignment_id, about, loaded, now)
