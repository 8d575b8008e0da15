"""How a pool shares leads among the reps who could take one now. Fair, and never by seniority.

Every strategy breaks ties by lot: the same for the same lead, and in nobody's favour over many leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from routing_rules.roster import Load, PoolState, Rep, Team
from routing_rules.turns import missed_share, next_in_turn, shares_of
from schemas.handover import Terms, Waiting
from schemas.rulebook.team import Member, PoolSpec

#: How many outcomes the pool's own rate counts for beside those of one rep.
PRIOR_OUTCOMES: Final = 10
#: Points of 300 within which two matches count as the same; then the load decides.
CLOSE: Final = 15


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets the lead, and what was compared: rep -> figures."""

    rep: str
    considered: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: In a round robin: rep -> units of this turn; and those of reps who are absent.
    shares: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)


def round_robin(
    candidates: Sequence[Member], state: PoolState, lead_id: int, absent: Sequence[Member] = ()
) -> Choice:
    """Pick whose turn it is and settle the credit; `routing_rules.turns` says how.

    A rep who makes up for turns missed counts double until that is done.
    """
    plain = {member.rep: member.weight for member in candidates}
    doubled = {rep: weight * (2 if state.makeup.get(rep, 0) > 0 else 1) for rep, weight in plain.items()}
    draw = _lot(lead_id, "")
    shares = shares_of(candidates, doubled, draw)
    if doubled != plain:
        usual = shares_of(candidates, plain, draw)
        for rep in (rep for rep in plain if doubled[rep] > plain[rep]):
            state.makeup[rep] = max(0, state.makeup[rep] - max(0, shares[rep] - usual[rep]))
    for rep, share in shares.items():
        state.credit[rep] = state.credit.get(rep, 0) + share
    pick = next_in_turn(state.credit, shares, lambda rep: _lot(lead_id, rep))
    considered = {rep: {"owed": state.credit[rep], "share": share} for rep, share in shares.items()}
    state.credit[pick] -= sum(shares.values())
    present = sum(plain.values())
    return Choice(pick, considered, shares, {m.rep: missed_share(m.weight, present) for m in absent})


def least_loaded(candidates: Sequence[Member], state: PoolState, lead_id: int, by: str = "open") -> Choice:
    """Pick the rep with the fewest open leads (or value points) for their weight; then the fewest today."""
    considered = {
        member.rep: {**_load_of(state.load(member.rep), by), "weight": member.weight} for member in candidates
    }
    pick = min(candidates, key=lambda member: _rank(member, state, lead_id, by)).rep
    return Choice(pick, considered)


def _load_of(load: Load, by: str) -> dict[str, int]:
    """Return what `_rank` compares, in its order: a statement says by which of them it was decided."""
    counted = {"open": load.open, "today": load.today}
    return {"value": load.value, **counted} if by == "value" else counted


def _rank(member: Member, state: PoolState, lead_id: int, by: str) -> tuple[float, ...]:
    load = state.load(member.rep)
    weight = max(member.weight, 1)
    counted = (load.value, load.open, load.today) if by == "value" else (load.open, load.today)
    return (*(one / weight for one in counted), _lot(lead_id, member.rep))


def best_match(candidates: Sequence[Member], state: PoolState, waiting: Waiting, team: Team) -> Choice:
    """Pick the rep who matches the lead best; of those within `CLOSE` points the least loaded.

    score = 100 x share of the wanted skills + 100 if the language is spoken + 100 x win rate with the persona
    """
    rate = _pool_rate(team.pools[waiting.pool], state, waiting.persona)
    considered = {
        member.rep: match_of(
            team.reps[member.rep],
            waiting.terms,
            state.records.get((member.rep, waiting.persona), (0, 0)),
            rate,
        )
        for member in candidates
    }
    best = max(one["score"] for one in considered.values())
    close = [member for member in candidates if considered[member.rep]["score"] >= best - CLOSE]
    pick = min(close, key=lambda member: _rank(member, state, waiting.lead_id, waiting.terms.by)).rep
    for member in candidates:
        considered[member.rep] |= {
            **_load_of(state.load(member.rep), waiting.terms.by),
            "weight": member.weight,
        }
    return Choice(pick, considered)


def _pool_rate(pool: PoolSpec, state: PoolState, persona: str | None) -> float:
    """Return the win rate of all members with a persona, by the rule of succession: never 0 and never 1."""
    records = [state.records.get((member.rep, persona), (0, 0)) for member in pool.members]
    won, lost = sum(one[0] for one in records), sum(one[1] for one in records)
    return (won + 1) / (won + lost + 2)


def match_of(rep: Rep, terms: Terms, record: tuple[int, int], pool_rate: float) -> dict[str, Any]:
    """Return how well a rep matches, part by part.

    The win rate is shrunk towards the pool's: (won + 10 x pool's rate) / (won + lost + 10). A newcomer has the
    pool's rate, and one lucky or unlucky deal moves nobody far.
    Source: the mean of a beta-binomial posterior, as in Efron and Morris, Data analysis using Stein's estimator,
    Journal of the American Statistical Association 70 (1975) 311-319.
    """
    wanted = set(terms.skills)
    spoken = {rep.spec.language, *rep.spec.languages}
    won, lost = record
    skills = 100 * len(wanted & set(rep.spec.skills)) / len(wanted) if wanted else 100.0
    language = 100 if terms.language is None or terms.language in spoken else 0
    win_rate = 100 * (won + PRIOR_OUTCOMES * pool_rate) / (won + lost + PRIOR_OUTCOMES)
    return {
        "score": round(skills + language + win_rate, 1), "skills": round(skills, 1), "language": language,
        "win_rate": round(win_rate, 1), "won": won, "lost": lost,
    }  # fmt: skip


def _lot(lead_id: int, rep: str) -> int:
    """Return a number that is the same for the same lead and rep and favours nobody over many leads."""
    return int.from_bytes(blake2b(f"{lead_id}:{rep}".encode(), digest_size=8).digest())
