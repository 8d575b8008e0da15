"""`tasuki drain`: wait until all is done, and say what waits all the same, and why."""

import time
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer
from sqlalchemy import Connection

from routing_rules.counted import counted
from routing_rules.waiting_words import waiting_words
from worker import queue
from worker.cli.common import REFUSED, JsonFlag, command, console, errors, print_json
from worker.now import now
from worker.screen import safe
from worker.store.db import run, transaction
from worker.zone import local_day_time

#: Messages sent in this time are counted as told.
_LATELY: Final = timedelta(hours=1)
#: What is left to do, of one and of several.
_LEFT: Final = {
    "events": ("event to judge", "events to judge"),
    "to_place": ("lead to place", "leads to place"),
    "due_clocks": ("clock that is due", "clocks that are due"),
    "to_tell": ("message to tell", "messages to tell"),
}


def left_to_do() -> dict[str, int]:
    """Return what is not done yet: events to judge, leads to place now, messages to tell now."""
    with transaction() as connection:
        at = now()
        waiting = run(
            connection, "SELECT count(*) FROM tasuki.waiting WHERE look_again_at <= :now", now=at
        ).scalar()
        clocks = run(connection, "SELECT count(*) FROM tasuki.clock WHERE next_at <= :now", now=at).scalar()
        telling = run(
            connection,
            "SELECT count(*) FROM tasuki.outbox o JOIN tasuki.receiver r USING (receiver)"
            " WHERE o.status = 'pending' AND o.attempts < 2 AND o.waits_for IS NULL AND r.open_since IS NULL",
        ).scalar()
    return {
        "events": queue.backlog(),
        "to_place": int(waiting),
        "due_clocks": int(clocks),
        "to_tell": int(telling),
    }


def _waits_all_the_same(connection: Connection, at: datetime) -> dict[str, Any]:
    """Return what is done as far as it can be, and waits for somebody: a rep, a receiver, a mend."""
    told = run(
        connection, "SELECT count(*) FROM tasuki.outbox WHERE sent_at > :since", since=at - _LATELY
    ).scalar()
    untold = run(
        connection,
        "SELECT o.receiver, coalesce(o.last_error, o.waits_for, r.last_error) AS why, count(*) AS messages"
        " FROM tasuki.outbox o LEFT JOIN tasuki.receiver r USING (receiver)"
        " WHERE o.status IN ('pending', 'in_digest', 'refused') GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
    ).mappings()
    in_line = run(
        connection,
        "SELECT pool, CASE WHEN claim_until > :now THEN 'claim' ELSE reason END AS reason, count(*) AS leads, min(look_again_at) AS look_again_at FROM tasuki.waiting"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        now=at,
    ).mappings()
    quarantined = run(
        connection,
        "SELECT source, place, count(*) AS events FROM tasuki.quarantine WHERE resolved_at IS NULL"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
    ).mappings()
    return {
        "told_in_the_last_hour": int(told), "untold": [dict(row) for row in untold],
        "in_line": [dict(row) for row in in_line], "quarantined": [dict(row) for row in quarantined],
    }  # fmt: skip


@command
def drain(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Wait until all that was accepted is judged, handed over and told. Exit 1 when time runs out.

    What cannot be done now is not waited for but named: leads for whom nobody is at work, messages whose
    receiver is away or not set up (they are retried), events that went to quarantine.

    Example: tasuki drain --timeout 120
    """
    until = time.monotonic() + timeout
    left = left_to_do()
    while any(left.values()) and time.monotonic() < until:
        time.sleep(0.1)
        left = left_to_do()
    done = not any(left.values())
    with transaction() as connection:
        waits = _waits_all_the_same(connection, now())
    if as_json:
        print_json({"done": done, **left, **waits})
    elif done:
        _say(waits)
    else:
        errors.print(
            "not done: " + ", ".join(counted(count, *_LEFT[what]) for what, count in left.items() if count)
        )
        errors.print("is a worker running? see `tasuki doctor`")
    if not done:
        raise typer.Exit(REFUSED)


def _say(waits: dict[str, Any]) -> None:
    """Say that all is done; where something waits, what of it is not, and where to look."""
    lines = [
        *(_quarantined_line(row) for row in waits["quarantined"]),
        *(_in_line_line(row) for row in waits["in_line"]),
        *(_untold_line(row) for row in waits["untold"]),
    ]
    told = counted(waits["told_in_the_last_hour"], "message") + " told in the last hour"
    if not lines:
        console.print(f"all is judged, handed over and told; {told}")
        return
    console.print(f"all that can be done now is done; {told}. What waits:")
    for line in lines:
        console.print(safe(f"  {line}"), soft_wrap=True)


def _quarantined_line(row: dict[str, Any]) -> str:
    return (
        f"quarantine: {row['events']} of {row['source']} not understood, at {row['place']};"
        " see `tasuki quarantine list`"
    )


#: Why a lead waits, where somebody has to mend it.
_TO_BE_MENDED: Final = ("nobody_left", "broken_rule")


def _in_line_line(row: dict[str, Any]) -> str:
    words = waiting_words("claimable" if row["reason"] == "claim" else row["reason"], "en")
    words += "; see `tasuki doctor`" if row["reason"] in _TO_BE_MENDED else ""
    return (
        f"line of {row['pool']}: {row['leads']} ready, {words};"
        f" looked at again by {local_day_time(row['look_again_at'])}"
    )


def _untold_line(row: dict[str, Any]) -> str:
    why = row["why"] or "its turn"
    return f"outbox: {row['messages']} for {row['receiver']} not told: {why}; see `tasuki outbox list`"
