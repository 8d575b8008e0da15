"""Opens and clicks that no person made: found by when they came, kept on record, and worth nothing.

A pure function of the ledger, the traces and the rulebook: nothing is struck from the lead, so a rulebook that
looks for other marks, or for none, counts anew from the same record.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from routing_rules.facts import DAY_MS
from routing_rules.traces import SENT, TRACED, TRACED_DAYS, TRACES_A_DAY, Trace
from schemas.activity import HAND_RAISES
from schemas.lead import LeadState
from schemas.rulebook.scoring import AtOnce, Machines

_Days = Mapping[int, Sequence[Trace]]
Ledger = dict[str, dict[int, int]]
#: kind -> why it is a machine's -> how many, over all days.
Filtered = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Marks:
    """What gives a machine away, in ms, with the least that is worth a closer look."""

    soon_ms: int | None
    burst: AtOnce | None
    links: AtOnce | None
    told: bool
    #: So many in a day may be a burst; the longest span in which one is looked for.
    least: int
    span_ms: int


def compile_machines(spec: Machines | None) -> Marks | None:
    """Make a rulebook's marks ready to look for; None where it looks for none."""
    if spec is None:
        return None
    at_once = [rule for rule in (spec.burst, spec.links) if rule is not None]
    return Marks(
        None if spec.soon is None else spec.soon * 1000, spec.burst, spec.links, spec.told,
        min((rule.at_least for rule in at_once), default=TRACES_A_DAY),
        max((rule.within * 1000 for rule in at_once), default=0),
    )  # fmt: skip


class _Touch(NamedTuple):
    """A trace with its fields by name; 0 where nothing was said."""

    at_ms: int
    message: int = 0
    link: int = 0
    sent_ms: int = 0
    told: int = 0


class People(NamedTuple):
    """What people did of a lead's activities, and what machines did of them."""

    ledger: Ledger
    #: Kind -> when a person last did it; where that left no trace, the day on which it was.
    last: dict[str, int]
    filtered: Filtered


def people_only(state: LeadState, marks: Marks) -> People:
    """Return the ledger and the newest of each kind without what machines did, and how much that is.

    An explicit wish to talk always counts: better one call too many than a buyer who is not heard.

    Args:
        state: the fold of the lead's events.
        marks: what gives a machine away.

    """
    found: Filtered = {}
    ledger, last, traces = state.ledger, state.last, state.traces
    sends = traces.get(SENT, {}) if marks.soon_ms is not None else {}
    sent: list[_Touch] | None = None
    for kind, days in traces.items():
        if kind == SENT or kind in HAND_RAISES or not _may_be(kind, days, ledger[kind], sends, marks):
            continue
        if sent is None:
            sent = _touches(sends)
        touches = _touches(days)
        reasons = _reasons(kind, touches, sent, marks)
        beyond = list(_beyond(days, ledger[kind])) if kind in TRACED else []
        struck = [
            (touch.at_ms // DAY_MS, reason, 1)
            for touch, reason in zip(touches, reasons, strict=True)
            if reason is not None
        ] + beyond
        if not struck:
            continue
        if not found:
            ledger, last = dict(ledger), dict(last)
        counts = dict(ledger[kind])
        why: dict[str, int] = defaultdict(int)
        for day, reason, number in struck:
            why[reason] += number
            counts[day] -= number
        ledger[kind] = {day: count for day, count in counts.items() if count > 0}
        newest = _newest(touches, reasons, ledger[kind], last.pop(kind))
        if newest is not None:
            last[kind] = newest
        found[kind] = {reason: why[reason] for reason in sorted(why)}
    return People(ledger, last, found)


def _newest(
    touches: Sequence[_Touch], reasons: Sequence[str | None], left: Mapping[int, int], last_ms: int
) -> int | None:
    """Return when a person last did a kind of which something was struck; None where no person ever did.

    Args:
        touches: its traces.
        reasons: why each of them was struck, or None.
        left: day -> how many acts were not struck.
        last_ms: the newest of all.

    """
    own: dict[int, int] = defaultdict(int)
    newest = None
    for touch, reason in zip(touches, reasons, strict=True):
        if reason is None:
            own[touch.at_ms // DAY_MS] += 1
            newest = touch.at_ms
    day = max((day for day, count in left.items() if count > own[day]), default=None)
    if day is None:  # all that is left has its trace
        return newest
    is_last = day == last_ms // DAY_MS and all(touch.at_ms != last_ms for touch in touches)
    return max(newest or 0, last_ms if is_last else day * DAY_MS)


def _may_be(kind: str, days: _Days, counts: Mapping[int, int], sends: _Days, marks: Marks) -> bool:
    """Tell whether a closer look is worth it. It is asked for every event, and mostly the answer is no."""
    if len(days) >= TRACED_DAYS and len(counts) > len(days) and kind in TRACED:
        return True  # some are older than all traces
    least, span_ms = marks.least, marks.span_ms
    for day, kept in days.items():
        if len(kept) >= least and _close_together(day, kept, counts, marks):
            return True
        if day + 1 in days and DAY_MS - kept[-1][0] + days[day + 1][0][0] <= span_ms:
            return True
        if _told_or_soon(day, kept, sends, marks):
            return True
    return False


def _told_or_soon(day: int, kept: Sequence[Trace], sends: _Days, marks: Marks) -> bool:
    """Tell whether a trace of a day says that it was a machine, or lies soon after a mail by its word or by record."""
    soon_ms = marks.soon_ms
    same_day = sends.get(day)
    for trace in kept:
        at_ms = trace[0]
        if len(trace) > 3:  # noqa: PLR2004 - it says when the mail was sent, or that it was a machine
            if marks.told and len(trace) > 4:  # noqa: PLR2004
                return True
            if trace[3]:  # its own word outranks the mails on record
                if soon_ms is not None and 0 <= day * DAY_MS + at_ms - trace[3] <= soon_ms:
                    return True
                continue
        if soon_ms is None or not sends:
            continue
        if at_ms <= soon_ms and day - 1 in sends:
            return True
        if same_day is not None:
            before = bisect_right(same_day, (at_ms, math.inf))
            if before and at_ms - same_day[before - 1][0] <= soon_ms:
                return True
    return False


def _close_together(day: int, kept: Sequence[Trace], counts: Mapping[int, int], marks: Marks) -> bool:
    """Tell whether so many of a day lie in one span as may be a burst, or whether the day has more than traces."""
    if len(kept) >= TRACES_A_DAY and counts[day] > len(kept):
        return True
    last = marks.least - 1
    return any(late[0] - early[0] <= marks.span_ms for early, late in zip(kept, kept[last:], strict=False))


def _touches(days: _Days) -> list[_Touch]:
    """Return traces in the order of their instants; a moment may lie across midnight (UTC: nine in Tokyo)."""
    return [_Touch(day * DAY_MS + trace[0], *trace[1:]) for day in sorted(days) for trace in days[day]]


def _reasons(kind: str, touches: Sequence[_Touch], sent: Sequence[_Touch], marks: Marks) -> list[str | None]:
    """Return why each touch is a machine's; None where it is a person's."""
    reasons: list[str | None] = [None] * len(touches)
    if kind in TRACED:
        if marks.burst is not None:
            _mark(reasons, _at_once(touches, marks.burst), "burst")
        if marks.links is not None:
            _mark(reasons, _many_links(touches, marks.links), "links")
        if marks.soon_ms is not None:
            _mark(reasons, _soon_after(touches, sent, marks.soon_ms), "soon")
    if marks.told:
        _mark(reasons, (place for place, touch in enumerate(touches) if touch.told), "told")
    return reasons


def _mark(reasons: list[str | None], places: Iterator[int], reason: str) -> None:
    """Note a reason; the last one noted is the one that is told, so the surest mark comes last."""
    for place in places:
        reasons[place] = reason


def _at_once(touches: Sequence[_Touch], rule: AtOnce) -> Iterator[int]:
    """Find those that lie with enough others in one span."""
    span = rule.within * 1000
    end = 0  # those before it are marked
    for first in range(len(touches) - rule.at_least + 1):
        last = first + rule.at_least - 1
        if touches[last].at_ms - touches[first].at_ms <= span:
            yield from range(max(first, end), last + 1)
            end = last + 1


def _many_links(touches: Sequence[_Touch], rule: AtOnce) -> Iterator[int]:
    """Find clicks on one mail that, with others in one span, went to enough different links."""
    span = rule.within * 1000
    mails: dict[int, list[int]] = defaultdict(list)
    for place, touch in enumerate(touches):
        if touch.link:
            mails[touch.message].append(place)
    for places in mails.values():
        first = end = 0  # the span's first click; those before `end` are marked
        inside: dict[int, int] = defaultdict(int)
        for last, place in enumerate(places):
            inside[touches[place].link] += 1
            while touches[place].at_ms - touches[places[first]].at_ms > span:
                link = touches[places[first]].link
                inside[link] -= 1
                if not inside[link]:
                    del inside[link]
                first += 1
            if len(inside) >= rule.at_least:
                yield from places[max(first, end) : last + 1]
                end = last + 1


def _soon_after(touches: Sequence[_Touch], sent: Sequence[_Touch], soon_ms: int) -> Iterator[int]:
    """Find those that came so soon after the mail was sent: by their own word, or by a mail on record."""
    times = [one.at_ms for one in sent]
    for place, touch in enumerate(touches):
        if touch.sent_ms:
            if 0 <= touch.at_ms - touch.sent_ms <= soon_ms:
                yield place
            continue
        since, until = bisect_left(times, touch.at_ms - soon_ms), bisect_right(times, touch.at_ms)
        if any(_same_mail(touch, sent[one]) for one in range(since, until)):
            yield place


def _same_mail(touch: _Touch, sent: _Touch) -> bool:
    return not touch.message or not sent.message or touch.message == sent.message


def _beyond(days: _Days, counts: Mapping[int, int]) -> Iterator[tuple[int, str, int]]:
    """Find what has no trace because there was too much of it: that cannot be told apart, and counts nothing.

    Only of kinds of which every activity leaves a trace: of others, what has none is a person's.
    """
    for day, traces in days.items():
        if len(traces) >= TRACES_A_DAY and counts[day] > len(traces):
            yield day, "too_many", counts[day] - len(traces)
    if len(days) >= TRACED_DAYS:
        oldest = min(days)
        yield from ((day, "too_old", count) for day, count in counts.items() if day < oldest)
