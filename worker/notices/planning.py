"""What becomes of messages that are due: sent one by one, told together, or held for a while. Pure.

- Quiet hours: what can wait waits until they end, a digest too: its first try may have failed in the evening.
- Digest: more than N due at once for one person by one channel are one message.
- Flood: when a person was told more than N times within the window, the next ones wait until it has passed and
  come together; but never so long that less than three quarters of the time to act are left. What takes back what
  was told does not wait for that: the reader may call the lead meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from routing_rules.quiet import quiet_until
from routing_rules.roster import Rep, Team
from schemas.rulebook.channels import Digest, NoticesSpec
from worker.notices.kinds import TAKING_BACK, TIMED
from worker.notices.routes import WEBHOOK

#: Messages told in one digest at most, where the channel takes so many; the others come in the next.
MOST_IN_DIGEST: Final = 50
#: By channels that take less: so many leads fit with their acts, whatever they are called. Through Apprise go
#: services whose messages are as short as those of LINE WORKS; of a long mail Gmail shows the beginning alone.
MOST_BY_CHANNEL: Final[Mapping[str, int]] = {
    "lineworks": 3,
    "apprise": 3,
    "line": 8,
    "slack": 12,
    "teams": 18,
    "email": 25,
}
#: Of the time that is left to act, a message is held for at most this share.
_HELD_SHARE: Final = 0.25

#: rep, receiver -> how many were told within the window, and when the first was.
Lately = Mapping[tuple[str, str], tuple[int, datetime]]


@dataclass(slots=True)
class Plan:
    """What to do with each message."""

    #: to be sent, the oldest first
    single: list[Any] = field(default_factory=list)
    #: to be told together
    digests: list[list[Any]] = field(default_factory=list)
    #: message, until when, why
    held: list[tuple[int, datetime, str]] = field(default_factory=list)


def digest_of(rep_id: str | None, team: Team, notices: NoticesSpec) -> Digest:
    """Return a person's own digest rule, or everybody's."""
    rep = team.reps.get(rep_id or "")
    own = rep.spec.digest if rep is not None else None
    return own or notices.digest


def make_plan(rows: Sequence[Any], lately: Lately, team: Team, notices: NoticesSpec, now: datetime) -> Plan:
    """Plan for due messages, the oldest first.

    Args:
        rows: with message_id, kind, rep, channel, receiver, recipient, urgent and body.
        lately: what went out within each person's window.
        team: for quiet hours and zones.
        notices: everybody's rules.
        now: business time.

    """
    plan = Plan()
    groups: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        rep = team.reps.get(row.rep or "")
        if rep is None or row.receiver == WEBHOOK:
            plan.single.append(row)
            continue
        is_urgent = row.urgent or (row.kind in TAKING_BACK and row.kind in notices.urgent.kinds)
        until = None if is_urgent else quiet_until(rep.spec.quiet_hours, rep.calendar.zone, now)
        if until is not None:
            plan.held.append((row.message_id, until, f"quiet hours until {_local(until, rep)}"))
            continue
        if row.kind == "digest":
            plan.single.append(row)
            continue
        groups.setdefault((rep.spec.id, row.receiver, row.recipient), []).append(row)
    for (rep_id, receiver, _), group in groups.items():
        rule = digest_of(rep_id, team, notices)
        told, first = lately.get((rep_id, receiver), (0, now))
        _plan_group(group, rule, told, first + timedelta(seconds=rule.within), team.reps[rep_id], now, plan)
    plan.single.sort(key=lambda row: (row.next_try_at, row.message_id))
    return plan


def _plan_group(
    group: list[Any], rule: Digest, told: int, over_at: datetime, rep: Rep, now: datetime, plan: Plan
) -> None:
    """Plan for what is due to one person by one channel."""
    is_flood = told > rule.when_more_than and over_at > now
    if is_flood:
        stay = [row for row in group if _may_wait(row) and _hold_until(row, over_at, now) > now]
        for row in stay:
            until = _hold_until(row, over_at, now)
            plan.held.append((row.message_id, until, f"digest at {_local(until, rep)}"))
        kept = {row.message_id for row in stay}
        group = [row for row in group if row.message_id not in kept]
    # what was held for a digest comes as one, however few they are
    together = len(group) > rule.when_more_than or (len(group) > 1 and all(row.waits_for for row in group))
    if not together:
        plan.single += group
        return
    for part in in_parts(group, group[0].channel):
        if len(part) > 1:
            plan.digests.append(part)
        else:
            plan.single += part


def _may_wait(row: Any) -> bool:
    """Tell whether a message may wait until more has come."""
    return not row.urgent and row.kind not in TAKING_BACK


def in_parts(rows: Sequence[Any], channel: str) -> list[list[Any]]:
    """Return what goes into one digest each by a channel of that kind."""
    most = MOST_BY_CHANNEL.get(channel, MOST_IN_DIGEST)
    return [list(rows[start : start + most]) for start in range(0, len(rows), most)]


def _hold_until(row: Any, over_at: datetime, now: datetime) -> datetime:
    """Return until when a message may be held; it is held once only."""
    if row.waits_for is not None:
        return now
    due = row.body.get("due_at")
    if due is None or row.kind not in TIMED:
        return over_at
    return min(over_at, now + max((datetime.fromisoformat(due) - now) * _HELD_SHARE, timedelta()))


def _local(at: datetime, rep: Rep) -> str:
    return f"{at.astimezone(rep.calendar.zone):%Y-%m-%d %H:%M %Z}"
