"""How a pool shares leads among the reps who could take one now. Fair, and never by seniority."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from routing_rules.roster import PoolState
from schemas.rulebook.team import Member

#: One turn in stored credit: every sum of weights up to 16 divides it, and none is far from dividing it.
TURN: Final = 720_720


def round_robin(candidates: Sequence[Member], state: PoolState, lead_id: int) -> str:
    """Pick by smooth weighted round robin and settle the credit.

    Every candidate's credit grows by its share of one turn; the greatest credit takes the turn and pays it.
    Credit counts turns and not weights, so that it is worth the same whoever else is there. A newcomer
    starts at 0 and gets neither a flood nor a drought. Source: smooth weighted balancing, nginx 1.3.1.
    """
    weights = sum(member.weight for member in candidates)
    total = 0
    for member in candidates:
        share = TURN * member.weight // weights
        state.credit[member.rep] = state.credit.get(member.rep, 0) + share
        total += share
    pick = max(candidates, key=lambda member: (state.credit[member.rep], _lot(lead_id, member.rep))).rep
    state.credit[pick] -= total
    return pick


def least_loaded(candidates: Sequence[Member], state: PoolState, lead_id: int) -> str:
    """Pick the rep with the fewest open leads for their weight; then the fewest today; then by lot."""

    def rank(member: Member) -> tuple[float, float, int]:
        load = state.load(member.rep)
        weight = max(member.weight, 1)
        return (load.open / weight, load.today / weight, _lot(lead_id, member.rep))

    return min(candidates, key=rank).rep


def _lot(lead_id: int, rep: str) -> int:
    """Return a number that is the same for the same lead and rep and favours nobody over many leads."""
    return int.from_bytes(blake2b(f"{lead_id}:{rep}".encode(), digest_size=8).digest())
