"""What waited names the deadline as it is when it is sent, and not as it was when it was decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from worker.notices.compose import left_s
from worker.notices.kinds import DATED
from worker.presence import team_now
from worker.rulebooks import Loaded
from worker.store import clocks, deliveries
from worker.store.rows import ms


def renew(
    connection: Connection, rows: Sequence[Any], loaded: Loaded, now: datetime
) -> dict[int, dict[str, Any]]:
    """Lay the deadlines that moved over messages that are about to be sent; return message -> its whole body.

    A message waits through quiet hours, in a digest or for a receiver that is away, and the clock follows what
    changes meanwhile. Only a clock that still runs has another deadline: of one that has ended nothing is asked.

    Args:
        connection: holds the messages.
        rows: with message_id and body.
        loaded: the rulebook in force.
        now: business time.

    """
    dated = [
        row for row in rows
        if row.body["kind"] in DATED and row.body.get("due_at") and row.body.get("assignment_id") is not None
    ]  # fmt: skip
    if not dated:
        return {}
    due_of = clocks.due_of(connection, sorted({row.body["assignment_id"] for row in dated}))
    moved = {}
    for row in dated:
        due_at = due_of.get((row.body["assignment_id"], row.body.get("clock")))
        if due_at is not None and ms(due_at) != ms(datetime.fromisoformat(row.body["due_at"])):
            moved[row.message_id] = (row.body, due_at)
    if not moved:
        return {}
    team = team_now(connection, loaded, now)
    changes = {}
    for message_id, (body, due_at) in moved.items():
        rep = team.reps.get(body["to"]["rep"])
        left = None
        if rep is not None:
            left = left_s(rep, due_at, datetime.fromisoformat(body["at"]), body.get("time") or "business")
        changes[message_id] = {"due_at": due_at.isoformat(), "left_s": left}
    deliveries.renew(connection, changes)
    return {message_id: {**body, **changes[message_id]} for message_id, (body, _) in moved.items()}
