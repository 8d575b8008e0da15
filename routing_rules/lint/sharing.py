"""How pools share: what cannot be meant (errors) and what says nothing (doubts)."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from routing_rules.caps import ROLLING
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook
from schemas.rulebook.routing import Way
from schemas.rulebook.team import Cap, PoolSpec

Path = tuple[str | int, ...]
_ROUTING: Final = "routing.yaml"
_TEAM: Final = "team.yaml"


def sharing_findings(book: Rulebook) -> list[Finding]:
    """Find value classes that nobody gave points, and strategies that lack what they need."""
    return [*_values(book), *_needs(book)]


def _ways(book: Rulebook) -> Iterator[tuple[Path, Way, str | None]]:
    """Iterate over how each rule shares: path, way, pool."""
    for index, rule in enumerate(book.routing.rules):
        yield ("rules", index, "to"), rule.to, rule.to.pool
    yield ("otherwise",), book.routing.otherwise, book.routing.otherwise.pool


def _values(book: Rulebook) -> Iterator[Finding]:
    routing = book.routing
    asked: list[tuple[Path, str | None]] = [
        (("rules", index, "value"), rule.value) for index, rule in enumerate(routing.rules)
    ]
    asked.append((("otherwise", "value"), routing.otherwise.value))
    asked += [(("value_by_grade", grade), value) for grade, value in routing.value_by_grade.items()]
    for path, value in asked:
        if value is not None and value not in routing.values:
            known = ", ".join(routing.values) or "none yet"
            words = (
                f"`values` gives the class {value} no points; it knows {known}. Write values: {{{value}: 1}}"
            )
            yield Finding(_ROUTING, path, words)


def _needs(book: Rulebook) -> Iterator[Finding]:
    for path, way, pool in _ways(book):
        if way.former and pool is None:
            words = "`former` needs a pool for leads whose former owner is not there; name one under `pool`"
            yield Finding(_ROUTING, (*path, "former"), words)
        if way.strategy == "claim" and way.claim_for == 0:
            words = "nobody can claim a lead within no time; write such as claim_for: 15m, or take another strategy"
            yield Finding(_ROUTING, (*path, "claim_for"), words)


def sharing_doubts(book: Rulebook) -> list[Finding]:
    """Find what says nothing where it stands, skills that nobody has, and caps that are never reached."""
    return [*_idle(book), *_skills(book), *_caps(book), *_policies(book)]


def _idle(book: Rulebook) -> Iterator[Finding]:
    for path, way, _ in _ways(book):
        shares = {way.strategy, way.then} if way.strategy in ("owner", "claim") else {way.strategy}
        idle = {
            "wants": "best_match" not in shares,
            "claim_for": way.strategy != "claim",
            "owner_wait": way.strategy != "owner",
            "former": way.strategy != "owner",
            "then": way.strategy not in ("owner", "claim"),
            "by": not shares & {"least_loaded", "best_match"},
        }
        for key, says_nothing in idle.items():
            if says_nothing and key in way.model_fields_set:
                yield Finding(_ROUTING, (*path, key), f"`{key}` says nothing to the strategy {way.strategy}")
        if way.by == "value" and not book.routing.values:
            words = "every lead counts 1: give classes their points under `values`"
            yield Finding(_ROUTING, (*path, "by"), words)


def _skills(book: Rulebook) -> Iterator[Finding]:
    reps = {rep.id: rep for rep in book.team.reps}
    pools: dict[str | None, PoolSpec] = {pool.id: pool for pool in book.team.pools}
    for path, way, pool_id in _ways(book):
        pool = pools.get(pool_id)
        if pool is None:
            continue
        team = [reps[member.rep] for member in pool.members if member.rep in reps]
        known = sorted({skill for rep in team for skill in rep.skills})
        for at, skill in enumerate(way.wants.skills):
            if skill not in known:
                near = get_close_matches(skill, known, n=1)
                mend = f"did you mean {near[0]}?" if near else "give it to a rep under `skills` in team.yaml"
                words = f"nobody of {pool.id} has the skill {skill}; {mend}"
                yield Finding(_ROUTING, (*path, "wants", "skills", at), words)


def _caps(book: Rulebook) -> Iterator[Finding]:
    for index, rep in enumerate(book.team.reps):
        caps = list(rep.capacity.caps)
        for at, cap in enumerate(caps):
            here = ("reps", index, "capacity", "caps", at)
            if any((other.per, other.window) == (cap.per, cap.window) for other in caps[:at]):
                yield Finding(_TEAM, here, f"a second cap per {cap.per} ({cap.window}); the lower one counts")
            elif any(_covers(other, cap) for other in caps if other is not cap):
                yield Finding(
                    _TEAM, here, f"is never reached: a cap for a longer time allows at most {cap.at_most}"
                )


def _covers(longer: Cap, cap: Cap) -> bool:
    """Tell whether a cap for a longer time is reached first."""
    return (
        longer.window == cap.window
        and ROLLING[longer.per] > ROLLING[cap.per]
        and longer.at_most <= cap.at_most
    )


def _policies(book: Rulebook) -> Iterator[Finding]:
    for index, pool in enumerate(book.team.pools):
        here: Path = ("pools", index, "returning")
        policy = pool.returning
        for key in ("window", "expires"):
            if policy.policy != "credit" and key in policy.model_fields_set:
                yield Finding(_TEAM, (*here, key), f"`{key}` says nothing under the policy {policy.policy}")
            elif policy.policy == "credit" and getattr(policy, key) == 0:
                yield Finding(
                    _TEAM, (*here, key), f"with `{key}` 0 nothing can be made up; take the policy none"
                )
