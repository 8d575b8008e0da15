"""Compose notices as data, with everything that a receiver needs, at the moment of the decision."""

from datetime import datetime
from typing import Any

from routing_rules.roster import Rep
from schemas.lead import LeadState
from worker.settings import settings


def about_lead(lead_id: int, state: LeadState, extra: dict[str, Any]) -> dict[str, Any]:
    """Return what a rep needs to know of a lead."""
    newest = sorted(state.last.items(), key=lambda item: -item[1])[:5]
    return {
        "lead_id": lead_id,
        "name": state.fact("name") or _joined(state),
        "email": state.fact("email"),
        "phone": state.fact("phone"),
        "company": state.fact("company"),
        "title": state.fact("title"),
        "department": state.fact("department"),
        "activities": [{"kind": kind, "at_ms": at_ms} for kind, at_ms in newest],
        **extra,
    }


def _joined(state: LeadState) -> str | None:
    family, given = state.fact("family_name"), state.fact("given_name")
    return " ".join(part for part in (family, given) if part) or None


def notice(
    kind: str, rep: Rep, assignment_id: int, lead: dict[str, Any], *, because: str, due_at: datetime | None,
    policy: str, step: int | str = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the messages, one a channel, that tell `rep` of `kind`.

    The idempotency key is made of what is told and not of when, so that telling twice is one message.
    """
    spec = rep.spec
    body = {
        "kind": kind,
        "to": {"rep": spec.id, "name": spec.name.model_dump(), "language": spec.language},
        "assignment_id": assignment_id,
        "lead": lead,
        "because": because,
        "policy": policy,
        "due_at": due_at.isoformat() if due_at else None,
        "zone": str(rep.calendar.zone),
    }
    channels = [("email", str(spec.email))]
    webhook = settings().webhook_url
    if webhook is not None:
        channels.append(("webhook", str(webhook)))
    return [
        {
            "key": f"{kind}:{assignment_id}:{spec.id}:{step}:{channel}",
            "kind": kind, "channel": channel, "recipient": recipient, "lead": lead["lead_id"],
            "assignment": assignment_id, "body": body,
        }
        for channel, recipient in channels
    ]  # fmt: skip
