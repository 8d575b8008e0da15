"""Held leads whom marketing lets rest: asleep, no longer written to, lost for a while. Pure, and exact to the ms."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routing_rules.closures import Check
from routing_rules.facts import DAY_MS, Facts
from schemas.activity import NOT_THE_LEADS_DOING
from schemas.base import Condition
from schemas.lead import LeadState, Standing
from schemas.rulebook.nurture import NurtureFile


@dataclass(frozen=True, slots=True)
class LostRule:
    """Where a lost lead goes, and when."""

    id: str
    words: tuple[str, ...]
    track: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class SunsetRule:
    """Whom marketing stops writing to."""

    id: str
    check: Check
    silent_ms: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class Rest:
    """What nurture.yaml says of rest; a rulebook that says nothing has none."""

    lost: tuple[LostRule, ...]
    dormant_ms: int | None
    dormant_track: str
    sunset: tuple[SunsetRule, ...]


@dataclass(frozen=True, slots=True)
class Back:
    """When a lost lead comes back to nurture, and to which track."""

    rule: str
    track: str
    at_ms: int


def compile_rest(file: NurtureFile, check: Callable[[Condition], Check]) -> Rest | None:
    """Compile what a rulebook says of rest, or return None where it says nothing."""
    if not file.lost and file.dormant is None and not file.sunset:
        return None
    lost = tuple(
        LostRule(one.id, tuple(map(plain, one.reasons)), one.track, one.back_after_days * DAY_MS)
        for one in file.lost
    )
    sunset = tuple(
        SunsetRule(one.id, check(one.when), (one.silent_days or 0) * DAY_MS, (one.age_days or 0) * DAY_MS)
        for one in file.sunset
    )
    dormant = file.dormant
    return Rest(
        lost,
        None if dormant is None else dormant.silent_days * DAY_MS,
        "" if dormant is None else dormant.track,
        sunset,
    )


def plain(text: str) -> str:
    """Return a reason as it is compared: width, case and blanks do not count."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def back_from_lost(state: LeadState, rest: Rest) -> Back | None:
    """Return when a lead whose newest deal was lost comes back, or None where no rule says so."""
    lost = [deal for deal in state.deals.values() if deal.status == "lost"]
    if not lost:
        return None
    newest = max(lost, key=lambda deal: (deal.at_ms, deal.reason or ""))
    said = plain(newest.reason or "")
    for rule in rest.lost:
        if not rule.words or any(word in said for word in rule.words):
            return Back(f"lost.{rule.id}", rule.track, newest.at_ms + rule.after_ms)
    return None


def silent_since(state: LeadState, last: Mapping[str, int]) -> int:
    """Return when the lead last did something of its own; when it did nothing, when it was first known.

    Args:
        state: the fold of its events.
        last: kind -> its newest, without what machines did.

    """
    first = 0 if state.first is None else state.first[0]
    return max((at for kind, at in last.items() if kind not in NOT_THE_LEADS_DOING), default=first)


def stirred_at(state: LeadState, last: Mapping[str, int], standing: Standing, back: Back | None) -> int:
    """Return when something last happened with a lead: its own act, or it came back from sales or from a loss."""
    happened = [silent_since(state, last), standing.recycled_at_ms or 0, 0 if back is None else back.at_ms]
    return max(*happened, *(deal.at_ms for deal in state.deals.values()))


def sunsets(state: LeadState, facts: Facts, rest: Rest, since: int) -> Iterator[tuple[SunsetRule, int]]:
    """Yield the rules whose condition the lead meets, and when each stops writing to it, if nothing happens."""
    first = facts.now_ms if state.first is None else state.first[0]
    for rule in rest.sunset:
        if rule.check(facts):
            silent_ms = since + rule.silent_ms if rule.silent_ms else 0
            yield rule, max(silent_ms, first + rule.age_ms if rule.age_ms else 0)


def resting(
    state: LeadState, facts: Facts, rest: Rest, track: str, since: int
) -> tuple[str | None, str | None, int | None]:
    """Return rule and track of a held lead: asleep, no longer written to, or as it was chosen; and when that ends.

    `since` is when something last happened. It ends, if nothing more happens, when a sunset or a sleep begins.
    """
    now_ms = facts.now_ms
    ends: list[int] = []
    for rule, at_ms in sunsets(state, facts, rest, since):
        if at_ms <= now_ms:
            return f"sunset.{rule.id}", None, None
        ends.append(at_ms)
    asleep_ms = None if rest.dormant_ms is None else since + rest.dormant_ms
    if asleep_ms is not None and asleep_ms <= now_ms:
        return "dormant", rest.dormant_track, min(ends, default=None)
    return None, track, min(ends if asleep_ms is None else [*ends, asleep_ms], default=None)


def rest_name(rule: str, file: NurtureFile) -> Any:
    """Return the wording of a rule of rest, or None where it is none, or has no name of its own."""
    kind, _, name = rule.partition(".")
    rules: Any = {"lost": file.lost, "sunset": file.sunset}.get(kind, ())
    return next((one.name for one in rules if one.id == name), None)
