"""The fold: an event onto a lead. Order-free and, behind deduplication, exact.

Registers keep the newest word (equal times: the greater value, by its JSON text), counts add up, newest
times take the maximum. Each of these gives the same result in any order.
"""

import json
from typing import Any, Final

import msgspec

from routing_rules.facts import DAY_MS
from routing_rules.traces import TRACED, leave, merge_traces
from schemas.identity import GUESS_SOURCE
from schemas.lead import Deal, LeadState
from schemas.lead_event import LeadEvent


def fold(state: LeadState, event: LeadEvent, received_ms: int) -> int:
    """Apply one event to `state`, in place, and return the time (ms) under which it counts.

    Args:
        state: the lead so far; it is changed.
        event: one that was not applied before.
        received_ms: when it was accepted; a time later than that is capped to it.

    """
    at_ms = min(event.at_ms, received_ms)
    if event.source.startswith(GUESS_SOURCE):
        return _fold_guess(state, event, at_ms)
    facts = state.facts
    for name, value in event.profile.items():
        word = facts.get(name)
        if word is None or at_ms > word[0] or _newer(word, at_ms, value):
            facts[name] = (at_ms, value)
    if event.activity is not None:
        _count(state, event.activity, at_ms, event.touch)
    for channel, allowed in event.consent.items():
        if _newer_consent(state.consent.get(channel), at_ms, allowed=allowed):
            state.consent[channel] = (at_ms, allowed)
    if event.deal is not None and event.opportunity is not None:
        deal = event.deal if event.deal.at_ms == at_ms else msgspec.structs.replace(event.deal, at_ms=at_ms)
        known = state.deals.get(event.opportunity)
        state.deals[event.opportunity] = deal if known is None else _both(known, deal)
    if state.first is None or (at_ms, event.source) < state.first:
        state.first = (at_ms, event.source)
    state.newest_ms = max(state.newest_ms, at_ms)
    return at_ms


def _fold_guess(state: LeadState, event: LeadEvent, at_ms: int) -> int:
    """Apply a provider's answer: it describes the lead in a register of its own, and says nothing else of it."""
    provider = event.source.removeprefix(GUESS_SOURCE)
    for name, value in event.profile.items():
        if name != "email" and _newer_guess(state.guessed.get(name), (at_ms, provider, value)):
            state.guessed[name] = (at_ms, provider, value)
    if event.activity is not None:
        _count(
            state, event.activity, at_ms, event.touch
        )  # no provider sends one; what an event counts is counted
    state.newest_ms = max(state.newest_ms, at_ms)
    return at_ms


def _newer_guess(word: tuple[int, str, Any] | None, other: tuple[int, str, Any]) -> bool:
    return word is None or (other[0], other[1], _rank(other[2])) > (word[0], word[1], _rank(word[2]))


def _newer(word: tuple[int, Any] | None, at_ms: int, value: Any) -> bool:
    if word is None or at_ms > word[0]:
        return True
    return at_ms == word[0] and value != word[1] and _rank(value) > _rank(word[1])


def _rank(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _newer_consent(word: tuple[int, bool] | None, at_ms: int, *, allowed: bool) -> bool:
    """Tell which word counts; at the same instant a withdrawal does."""
    return word is None or at_ms > word[0] or (at_ms == word[0] and not allowed)


#: At the same instant the later step of a deal counts.
_STEP: Final = {"opened": 0, "lost": 1, "won": 2}


def _both(one: Deal, other: Deal) -> Deal:
    """Return what two words on a deal say together: the newest status, and the newest of each that was said."""
    newest = max(one, other, key=lambda deal: (deal.at_ms, _STEP[deal.status]))
    at_ms = newest.at_ms
    said: dict[str, Any] = {}
    for name in ("amount", "currency", "reason", "stage"):
        words = [
            (getattr(deal, f"{name}_ms") or deal.at_ms, value)
            for deal in (one, other)
            if (value := getattr(deal, name)) is not None
        ]
        since, said[name] = max(words, default=(at_ms, None))
        said[f"{name}_ms"] = None if since == at_ms else since
    return Deal(at_ms, newest.status, **said)


def _count(state: LeadState, kind: str, at_ms: int, touch: tuple[int, int, int, int] | None) -> None:
    days = state.ledger.get(kind)
    day = at_ms // DAY_MS
    if days is None:
        state.ledger[kind] = {day: 1}
    else:
        days[day] = days.get(day, 0) + 1
    if at_ms > state.last.get(kind, -1):
        state.last[kind] = at_ms
    if kind in TRACED or touch is not None:
        leave(state.traces, kind, at_ms, touch)


def merge(one: LeadState, other: LeadState) -> LeadState:
    """Return what both states say together; equal to folding all their events into one lead."""
    result = LeadState(
        facts=dict(one.facts), ledger={k: dict(v) for k, v in one.ledger.items()}, last=dict(one.last),
        consent=dict(one.consent), deals=dict(one.deals), first=one.first, guessed=dict(one.guessed), newest_ms=one.newest_ms,
        traces={kind: {day: list(kept) for day, kept in days.items()} for kind, days in one.traces.items()},
    )  # fmt: skip
    for name, word in other.facts.items():
        if _newer(result.facts.get(name), word[0], word[1]):
            result.facts[name] = word
    for kind, days in other.ledger.items():
        mine = result.ledger.setdefault(kind, {})
        for day, count in days.items():
            mine[day] = mine.get(day, 0) + count
    for kind, at_ms in other.last.items():
        result.last[kind] = max(at_ms, result.last.get(kind, -1))
    for channel, (at_ms, allowed) in other.consent.items():
        if _newer_consent(result.consent.get(channel), at_ms, allowed=allowed):
            result.consent[channel] = (at_ms, allowed)
    for key, deal in other.deals.items():
        mine_too = result.deals.get(key)
        result.deals[key] = deal if mine_too is None else _both(mine_too, deal)
    _merge_guesses(result.guessed, other.guessed)
    merge_traces(result.traces, other.traces)
    if other.first is not None and (result.first is None or other.first < result.first):
        result.first = other.first
    result.newest_ms = max(result.newest_ms, other.newest_ms)
    return result


def _merge_guesses(mine: dict[str, tuple[int, str, Any]], theirs: dict[str, tuple[int, str, Any]]) -> None:
    for name, guess in theirs.items():
        if _newer_guess(mine.get(name), guess):
            mine[name] = guess
