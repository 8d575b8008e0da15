"""What a judgement writes: the rows of the lead, of the decision and of the line, and what ends with sales."""

from typing import Any

import msgspec

from routing_rules.judge import JUDGEMENT
from schemas.decision import Judgement, Route
from schemas.lead import WITH_SALES, Standing
from worker.store.leads import LeadRow

_encode = msgspec.json.Encoder().encode


def waiting_row(row: LeadRow, route: Route, version: int, now_ms: int) -> dict[str, Any]:
    """Return the place in the line of a pool that a ready lead gets."""
    return {
        "id": row.lead_id, "pool": route.pool, "rule": route.rule, "strategy": route.strategy,
        "sla": route.sla, "owner": route.owner, "priority": route.priority, "now": now_ms,
        "version": version, "value": route.value, "points": route.points, "terms": route.terms,
    }  # fmt: skip


def is_news(before: Standing, verdict: Judgement) -> bool:
    """Tell whether a judgement is another than the one before: then it is recorded as a decision."""
    return (
        before.lifecycle_stage != verdict.lifecycle_stage
        or before.track != verdict.track
        or before.buying_stage != verdict.buying_stage
        or before.fit_grade != verdict.fit_grade
        or before.persona != verdict.persona
        or before.rule != verdict.reasons.rule
    )


def ended_with_sales(before: str, verdict: Judgement) -> str | None:
    """Return why a lead leaves the hands of sales, `opened` when it moves on with them, or None."""
    after = verdict.lifecycle_stage
    if before == after:
        return None
    if after == "sql":
        return "opened"
    if after in ("won", "lost", "disqualified"):
        return after
    return "recycled" if before in WITH_SALES else None


def lead_row(row: LeadRow, verdict: Judgement, state: bytes, version: int, now_ms: int) -> tuple[Any, ...]:
    """Return what is written of a judged lead, in the order of `leads.save_leads`."""
    facts = row.state.facts
    email, company = facts.get("email"), facts.get("company")
    return (
        row.lead_id, email and email[1], company and company[1], row.account_key, verdict.lifecycle_stage,
        verdict.persona, verdict.fit, verdict.fit_grade, verdict.engagement, verdict.buying_stage, verdict.track,
        verdict.reasons.rule, next_look(row, verdict, now_ms), version, state, now_ms,
    )  # fmt: skip


def next_look(row: LeadRow, verdict: Judgement, now_ms: int) -> int | None:
    """Return when a lead is looked at next: as stored, where that is yet to come and sooner than needed.

    It is one look more in all that time, and saves each event from entering the row into every index of the leads.
    """
    needed, stored = verdict.review_at_ms, row.review_at_ms
    stays = row.standing.lifecycle_stage == verdict.lifecycle_stage
    if needed is None or stored is None or stored <= now_ms or not stays:
        return needed
    return min(stored, needed)


def decision_row(
    row: LeadRow, verdict: Judgement, state: bytes, version: int, now_ms: int
) -> tuple[Any, ...]:
    """Return a decision with all that it rests on, so that it can be computed again."""
    inputs = b'{"judgement":%d,"now_ms":%d,"account_owner":%s,"standing":%s,"state":%s}' % (
        JUDGEMENT, now_ms, _encode(row.account_owner), _encode(row.standing), state,
    )  # fmt: skip
    was = None if row.is_new else row.standing.lifecycle_stage
    return (
        row.lead_id, now_ms, verdict.verdict, was, verdict.lifecycle_stage, verdict.reasons.rule,
        _encode(verdict.reasons), inputs, version,
    )  # fmt: skip
