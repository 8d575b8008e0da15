"""How a pool shares leads among the reps who could take one now. Fair, and never by seniority."""

from collections.abc import Sequence
from zlib import crc32

from routing_rules.roster import PoolState
from schemas.rulebook.team import Member


def round_robin(candidates: Sequence[Member], state: PoolState, lead_id: int) -> str:
    """Pick by smooth weighted round robin and settle the credit.

    Every candidate's credit grows by its weight; the greatest credit takes the turn and pays the sum of the
    weights. Since the credit is stored, shares follow the weights to within one turn, and a newcomer, who
    starts at 0, gets neither a flood nor a drought. Source: the smooth weighted balancing of nginx 1.3.1.
    """
    total = sum(member.weight for member in candidates)
    for member in candidates:
        state.credit[member.rep] = state.credit.get(member.rep, 0) + member.weight
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
    return crc32(f"{lead_id}:{rep}".encode())
