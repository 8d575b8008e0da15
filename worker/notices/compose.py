"""Compose notices as data, with everything that a receiver needs, at the moment of the decision.

Names of rules, stages and activities are kept in both languages, as they stood in the rulebook then: what a
person reads hours later is what was decided.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from routing_rules.calendars import business_between
from routing_rules.engagement import engagement
from routing_rules.explain import activity_name, buying_stage_name, persona_name, route_name, rule_name
from routing_rules.machines import Ledger, people_only
from routing_rules.roster import Rep
from schemas.activity import HAND_RAISES, NOT_THE_LEADS_DOING
from schemas.lead import LeadState
from schemas.rulebook.team import TeamFile
from worker.names import name_of
from worker.notices.kinds import BY_THE_WALL
from worker.notices.routes import WEBHOOK, way_to, ways_of
from worker.rulebooks import Loaded
from worker.settings import settings
from worker.store.rows import ms

#: Newest activities told.
ACTIVITIES: Final = 5
#: What interests the lead most: so many kinds.
INTERESTS: Final = 3
#: Activities are counted over so many days.
COUNT_DAYS: Final = 30
#: Names of a rulebook version that are kept in words; kinds that no rulebook knows may be any number.
WORDS_KEPT: Final = 2_000
_DAY_MS: Final = 86_400_000


def about_lead(
    lead_id: int, state: LeadState, judged: Any, loaded: Loaded, now: datetime, **extra: Any
) -> dict[str, Any]:
    """Return what a rep needs to know of a lead.

    Args:
        lead_id: its number.
        state: the fold of its events.
        judged: a row with persona, fit_grade, engagement, buying_stage and ready_rule.
        loaded: the rulebook in force, for the names.
        now: business time, for counts and points.
        **extra: goes in as it is.

    """
    today = ms(now) // _DAY_MS
    ledger = by_people(state, loaded)
    return {
        "lead_id": lead_id,
        "name": name_of(state),
        "email": state.fact("email"),
        "phone": state.fact("phone"),
        "company": state.fact("company"),
        "title": state.fact("title"),
        "department": state.fact("department"),
        "employees": state.fact("employees"),
        "industry": state.fact("industry"),
        "country": state.fact("country"),
        "region": state.fact("region"),
        "campaign": state.fact("campaign"),
        "persona": judged.persona,
        "fit_grade": judged.fit_grade,
        "engagement": judged.engagement,
        "buying_stage": judged.buying_stage,
        "ready_because": judged.ready_rule,
        "persona_name": _both(persona_name, judged.persona, loaded),
        "stage_name": _both(buying_stage_name, judged.buying_stage, loaded),
        "ready_name": _both(rule_name, judged.ready_rule, loaded),
        "activities": activities(state, ledger, loaded, today),
        "interests": _interests(ledger, loaded, today),
        "hand_raise": _hand_raise(state, loaded),
        **extra,
    }


def _both(name: Any, value: str | None, loaded: Loaded) -> dict[str, str] | None:
    """Return a name in both languages; the same object each time."""
    if value is None:
        return None
    words = loaded.words.get((name, value))
    if words is None:
        words = {lang: name(value, loaded.book, lang) for lang in ("ja", "en")}
        if len(loaded.words) < WORDS_KEPT:
            loaded.words[name, value] = words
    return words


def by_people(state: LeadState, loaded: Loaded) -> Ledger:
    """Return what people did, as it was judged."""
    machines = loaded.book.machines
    return state.ledger if machines is None else people_only(state, machines)[0]


def activities(state: LeadState, ledger: Ledger, loaded: Loaded, today: int) -> list[dict[str, Any]]:
    """Return the newest kinds of activity; what we sent (worth no points) is not what the lead did."""
    points = loaded.book.source.scoring.activities
    did = [
        (kind, at)
        for kind, at in state.last.items()
        if ledger.get(kind)
        and kind not in NOT_THE_LEADS_DOING
        and (kind not in points or points[kind].points)
    ]
    newest = sorted(did, key=lambda item: (-item[1], item[0]))[:ACTIVITIES]
    return [
        {"kind": kind, "at_ms": at_ms, "name": _both(activity_name, kind, loaded),
         "count": sum(n for day, n in ledger[kind].items() if day > today - COUNT_DAYS)}
        for kind, at_ms in newest
    ]  # fmt: skip


def _interests(ledger: Ledger, loaded: Loaded, today: int) -> list[dict[str, Any]]:
    """Return the kinds that earn the most points now."""
    _, parts = engagement(ledger, loaded.book.scoring, today)
    most = sorted((item for item in parts.items() if item[1] > 0), key=lambda item: (-item[1], item[0]))
    return [
        {"kind": kind, "points": points, "name": _both(activity_name, kind, loaded)}
        for kind, points in most[:INTERESTS]
    ]


def _hand_raise(state: LeadState, loaded: Loaded) -> dict[str, Any] | None:
    """Return the newest wish to talk."""
    raised = [(at_ms, kind) for kind, at_ms in state.last.items() if kind in HAND_RAISES]
    if not raised:
        return None
    at_ms, kind = max(raised)
    return {"kind": kind, "at_ms": at_ms, "name": _both(activity_name, kind, loaded)}


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to tell of."""

    kind: str
    policy: str
    clock: str
    because: str
    due_at: datetime | None
    #: from `why_you`
    why: dict[str, Any] = field(default_factory=dict)
    #: tells occasions of the same kind and assignment apart
    step: int | str = 0


def why_you(rule: str, strategy: str, pool: str, loaded: Loaded) -> dict[str, Any]:
    """Return why it is this rep, as data."""
    spec = loaded.team.pools.get(pool)
    return {
        "rule": rule, "rule_name": _both(route_name, rule, loaded), "strategy": strategy,
        "pool": spec.name.model_dump() if spec else None,
    }  # fmt: skip


def notice(
    what: Occasion, rep: Rep, assignment_id: int | None, lead: dict[str, Any], loaded: Loaded, now: datetime
) -> list[dict[str, Any]]:
    """Return the messages that tell `rep` of an occasion: by their first channel, and to the webhook if there is one.

    The idempotency key is made of what is told and not of when, so that telling twice is one message: of the
    assignment, or of the lead where nobody holds it. No kind is told of both, so no two keys meet.
    """
    spec = rep.spec
    team = loaded.book.source.team
    sla = loaded.book.policies.get(what.policy)
    body = {
        "kind": what.kind,
        "to": {"rep": spec.id, "name": spec.name.model_dump(), "language": spec.language},
        "assignment_id": assignment_id,
        "lead": lead,
        "because": what.because,
        "why": what.why,
        "clock": what.clock,
        "policy": what.policy,
        "policy_name": sla.name.model_dump() if sla else None,
        "at": now.isoformat(),
        "due_at": what.due_at.isoformat() if what.due_at else None,
        "time": sla.time if sla else "business",
        "left_s": left_s(rep, what.due_at, now, sla.time if sla else "business"),
        "zone": str(rep.calendar.zone),
    }
    row = {"kind": what.kind, "lead": lead["lead_id"], "assignment": assignment_id, "body": body}
    number = lead["lead_id"] if assignment_id is None else assignment_id
    key = f"{what.kind}:{number}:{spec.id}:{what.step}"
    first, *rest = ways_of(rep)
    way = way_to(rep, first, team)
    messages = []
    if way is not None:
        messages.append(
            {**row, "key": f"{key}:{way.channel_id}", "channel": way.kind, "channel_id": way.channel_id, "recipient": way.recipient,
             "receiver": way.receiver, "rep": spec.id, "urgent": is_urgent(what.kind, what.policy, team, loaded),
             "route": rest}
        )  # fmt: skip
    webhook = settings().webhook_url
    if webhook is not None:
        messages.append(
            {**row, "key": f"{key}:{WEBHOOK}", "channel": "webhook", "channel_id": None, "recipient": str(webhook),
             "receiver": WEBHOOK, "rep": None, "urgent": True, "route": []}
        )  # fmt: skip
    return messages


def is_urgent(kind: str, policy: str, team: TeamFile, loaded: Loaded) -> bool:
    """Tell whether a message breaks through quiet hours: by its kind, its policy, or a clock that runs at night."""
    urgent = team.notices.urgent
    sla = loaded.book.policies.get(policy)
    by_the_wall = sla is not None and sla.time == "wall" and kind in BY_THE_WALL
    return kind in urgent.kinds or policy in urgent.policies or by_the_wall


def left_s(rep: Rep, due_at: datetime | None, now: datetime, time: str) -> int | None:
    """Return the seconds that are left, in the time that the policy counts."""
    if due_at is None:
        return None
    if time == "wall":
        return round((due_at - now).total_seconds())
    return round(business_between(rep.calendar, now, due_at, rep.absences))
