"""What the fold keeps of single opens and clicks, so that any rulebook can tell machines from people later.

A ledger of daily counts cannot say that five clicks fell within one second. So of mails sent, opened and clicked,
and of whatever an event itself says a machine did, the instants are kept: for each kind the newest days, of each
day the earliest activities. Both are the ends of an order, so that any order of events keeps the same.
"""

from bisect import insort
from typing import Final

from routing_rules.facts import DAY_MS

#: One activity: ms of its day, hash of the mail's name, hash of the link, when the mail was sent (ms), 1 for a
#: machine by its own words. Zeros at the end are left out.
Trace = tuple[int, ...]
Traces = dict[str, dict[int, list[Trace]]]

SENT: Final = "email_sent"
#: Kinds of which every activity leaves a trace; of others only those that a machine did by its own words.
TRACED: Final = frozenset({SENT, "email_open", "email_click"})
#: No person opens or clicks more mails in a day.
TRACES_A_DAY: Final = 32
#: The newest days on which a kind was done.
TRACED_DAYS: Final = 90


def leave(traces: Traces, kind: str, at_ms: int, touch: tuple[int, int, int, int] | None) -> None:
    """Keep the trace of one activity, if its kind leaves one.

    Args:
        traces: of the lead; changed in place.
        kind: what it did.
        at_ms: when.
        touch: how it came about, where the event says.

    """
    if kind not in TRACED and (touch is None or not touch[3]):
        return
    day, ms = divmod(at_ms, DAY_MS)
    days = traces.setdefault(kind, {})
    if touch is None:
        trace: Trace = (ms,)
    else:
        trace = (ms, *touch)
        while not trace[-1] and len(trace) > 1:
            trace = trace[:-1]
    kept = days.get(day)
    if kept is None:
        days[day] = [trace]
        _newest_days(days)
    else:
        insort(kept, trace)
        del kept[TRACES_A_DAY:]


def merge_traces(mine: Traces, theirs: Traces) -> None:
    """Add the traces of another lead that turns out to be this one, and leave that one's as they are."""
    for kind, days in theirs.items():
        known = mine.setdefault(kind, {})
        for day, traces in days.items():
            known[day] = sorted([*known.get(day, ()), *traces])[:TRACES_A_DAY]
        _newest_days(known)


def _newest_days(days: dict[int, list[Trace]]) -> None:
    while len(days) > TRACED_DAYS:
        del days[min(days)]
