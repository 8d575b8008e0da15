"""What may be meant but probably is not: rules nobody reaches, words nobody knows, people nobody asks."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from routing_rules.fields import ACTIVITY_PREFIX
from routing_rules.lint.asked import activities_of, always_holds, conditions, never_holds
from routing_rules.lint.staff import takers
from routing_rules.roster import can_take
from schemas.activity import KNOWN_KINDS
from schemas.base import Condition
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook

#: Files in which the first rule that holds decides.
_ORDERED: Final = ("readiness.yaml", "nurture.yaml", "routing.yaml", "sla.yaml")
_WORKDAYS: Final = ("mon", "tue", "wed", "thu", "fri")
#: How like a known kind an unknown one is, when it is probably a typing error (0-1).
_TYPING_ERROR: Final = 0.8


def doubts(book: Rulebook) -> list[Finding]:
    """Return every doubt, file by file."""
    return [
        *_out_of_reach(book),
        *_unknown_kinds(book),
        *_stages(book),
        *_reasons(book),
        *_routing(book),
        *_reps(book),
        *_pools(book),
        *_unused(book),
    ]


def _out_of_reach(book: Rulebook) -> Iterator[Finding]:
    """Find conditions that never hold, and rules after one that takes all their leads."""
    stopped: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], list[Condition]] = {}
    for asked in conditions(book):
        node = asked.node(book)
        if never_holds(node):
            yield Finding(asked.file, asked.path, "no lead can ever match this")
        section, index = str(asked.path[0]), asked.path[1]
        if asked.file not in _ORDERED or not isinstance(index, int) or section == "sunset":
            continue
        group = (asked.file, section)
        if group in stopped:
            words = f"is never reached: number {stopped[group] + 1} takes every lead"
            yield Finding(asked.file, asked.path[:2], words)
            continue
        earlier = seen.setdefault(group, [])
        passes_on = section == "rules" and book.routing.rules[index].to.strategy == "owner"
        passes_on = passes_on or (section == "select" and bool(book.sla.select[index].rules))
        if asked.condition in earlier:
            yield Finding(asked.file, asked.path[:2], "is never reached: an earlier one asks the same")
        elif not passes_on:
            earlier.append(asked.condition)
            if always_holds(node):
                stopped[group] = index


def _unknown_kinds(book: Rulebook) -> Iterator[Finding]:
    scored = set(book.scoring.activities)
    for asked in conditions(book):
        for test in activities_of(asked.node(book)):
            kind = test.field.removeprefix(ACTIVITY_PREFIX)
            if kind not in scored and kind not in KNOWN_KINDS:
                words = f"nothing else knows the activity {kind}{_near(kind, KNOWN_KINDS | scored)}"
                yield Finding(asked.file, (*asked.path, *test.path), words)
    for kind in book.scoring.activities:
        if kind not in KNOWN_KINDS and _near(kind, KNOWN_KINDS - scored):
            words = f"{kind} is a kind of your own{_near(kind, KNOWN_KINDS - scored)}"
            yield Finding("scoring.yaml", ("activities", kind), words)


def _near(word: str, known: set[str] | frozenset[str]) -> str:
    near = get_close_matches(word, sorted(known), n=1, cutoff=_TYPING_ERROR)
    return f"; did you mean {near[0]}?" if near else ""


def _stages(book: Rulebook) -> Iterator[Finding]:
    journey = book.journey
    fallen_to = {back.to for back in journey.falls_back.values()}
    for index, stage in enumerate(journey.stages):
        if index > 0 and stage not in journey.evidence and stage not in fallen_to:
            words = f"no lead can be seen at {stage}: it has no evidence"
            yield Finding("journey.yaml", ("stages", index), words)


def _reasons(book: Rulebook) -> Iterator[Finding]:
    for index, reason in enumerate(book.nurture.reasons):
        if reason.then == "nurture":
            continue
        for key, given in (
            ("track", reason.track is not None),
            ("cool_down", "cool_down" in reason.model_fields_set),
        ):
            if given:
                words = f"`{key}` says nothing when the lead does not go back to nurture"
                yield Finding("nurture.yaml", ("reasons", index, key), words)


def _routing(book: Rulebook) -> Iterator[Finding]:
    if book.routing.otherwise.strategy == "owner":
        then = book.routing.otherwise.then
        words = f"the last rule shares as {then}: it asks for no owner; write {then}"
        yield Finding("routing.yaml", ("otherwise", "strategy"), words)
    for index, policy in enumerate(book.sla.policies):
        if policy.hops == 0:
            words = "0 hops send every lead straight to the manager"
            yield Finding("sla.yaml", ("policies", index, "hops"), words)


def _reps(book: Rulebook) -> Iterator[Finding]:
    members = {member.rep for pool in book.team.pools for member in pool.members}
    managers = {pool.manager for pool in book.team.pools}
    addresses: dict[str, str] = {}
    for index, rep in enumerate(book.team.reps):
        here = ("reps", index)
        if rep.id not in members | managers:
            words = f"{rep.id} is in no pool and manages none: gets no lead"
            yield Finding("team.yaml", (*here, "id"), words)
        elif rep.active and not can_take(rep):
            yield Finding("team.yaml", (*here, "capacity"), f"{rep.id} has capacity 0: gets no lead")
        if rep.id in managers and rep.role != "manager":
            words = f"{rep.id} manages a pool but is not a manager by role"
            yield Finding("team.yaml", (*here, "role"), words)
        if rep.email in addresses:
            words = f"{rep.id} and {addresses[rep.email]} have the same address"
            yield Finding("team.yaml", (*here, "email"), words)
        addresses.setdefault(rep.email, rep.id)


def _pools(book: Rulebook) -> Iterator[Finding]:
    reps = {rep.id: rep for rep in book.team.reps}
    hours = {calendar.id: calendar.hours for calendar in book.team.calendars}
    for index, pool in enumerate(book.team.pools):
        worked = {day for rep in takers(pool, reps) for day, spans in hours[rep.calendar].items() if spans}
        empty = [day for day in _WORKDAYS if day not in worked]
        if empty:
            words = f"nobody of {pool.id} works on {', '.join(empty)}: its leads wait"
            yield Finding("team.yaml", ("pools", index, "members"), words)
        if pool.declines_per_day == 0:
            words = f"nobody of {pool.id} can decline a lead; leave it out for no quota"
            yield Finding("team.yaml", ("pools", index, "declines_per_day"), words)


def _unused(book: Rulebook) -> Iterator[Finding]:
    rules = book.routing.rules
    otherwise = book.routing.otherwise
    pools = {rule.to.pool for rule in rules} | {otherwise.pool} | {pool.standby for pool in book.team.pools}
    pools_of_owners = any(rule.to.strategy == "owner" for rule in rules)
    if not pools_of_owners:
        known = [pool.id for pool in book.team.pools]
        yield from _without_use("team.yaml", "pools", known, pools, "no routing rule names the pool")
    policies = [policy.id for policy in book.sla.policies]
    asked = {rule.sla for rule in rules} | {otherwise.sla} | {one.policy for one in book.sla.select}
    yield from _without_use("sla.yaml", "policies", policies, asked, "no routing rule promises")
    calendars = [calendar.id for calendar in book.team.calendars]
    kept = {rep.calendar for rep in book.team.reps}
    yield from _without_use("team.yaml", "calendars", calendars, kept, "no rep works by the calendar")


def _without_use(
    file: str, section: str, names: Sequence[str], used: set[str | None] | set[str], words: str
) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name not in used:
            yield Finding(file, (section, index, "id"), f"{words} {name}")
