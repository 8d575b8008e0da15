"""Turns of a round robin as credit: what each rep is owed, who is next, and how a turn is undone.

Credit counts turns and not weights, so that it is worth the same whoever else is there. At every turn all who
could take the lead are owed their share of it by weight; who takes it pays a whole turn. So credit is what a
rep should have had while present, less what they had: positive is owed, negative was had in advance.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from schemas.rulebook.team import Member

#: One turn in stored credit.
TURN: Final = 720_720
#: What whole units may add up to beside exact shares, far below what matters.
SLACK: Final = TURN // 100


def shares_of(members: Sequence[Member], weights: Mapping[str, int], draw: int) -> dict[str, int]:
    """Part one turn by weight into whole units that sum up to it exactly.

    Units that do not come out even go by systematic sampling, with `draw` for its random start: over many turns
    each rep gets their exact share, and never more than one unit off in one turn.
    """
    total = sum(weights[member.rep] for member in members)
    start = draw % total
    shares: dict[str, int] = {}
    so_far = 0
    for rep in sorted(member.rep for member in members):
        before = (TURN * so_far + start) // total
        so_far += weights[rep]
        shares[rep] = (TURN * so_far + start) // total - before
    return shares


def next_in_turn(credit: Mapping[str, int], shares: Mapping[str, int], lot: Callable[[str], int]) -> str:
    """Return whose turn it is among those with a share, whose credit holds this turn's share already.

    While all of them are level (within one turn), by deadline: of those who are owed enough the one who would
    be owed a whole turn first. This keeps everybody within 1 - 1/(2k - 2) of a turn among k who stay.
    Source: R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980) 323-330.

    Otherwise, and whenever the above would leave the bounds of `is_bounded`, the one who is owed most: this
    keeps everybody within (n - 1)/2 turns of n, whoever comes and goes (proof in docs/fairness.md).
    """
    most_owed = max(shares, key=lambda rep: (credit[rep], lot(rep)))
    by_deadline = _by_deadline(credit, shares, lot)
    if by_deadline is None or by_deadline == most_owed:
        return most_owed
    after = {**credit, by_deadline: credit[by_deadline] - TURN}
    return by_deadline if is_bounded(after) else most_owed


def _by_deadline(
    credit: Mapping[str, int], shares: Mapping[str, int], lot: Callable[[str], int]
) -> str | None:
    """Return Tijdeman's choice, or None where its bound does not hold to begin with.

    With m = 2k - 2: who is owed 1/m of a turn may take it, and nobody should come to be owed more than 1 - 1/m.
    """
    if len(shares) == 1:
        return None
    m = 2 * (len(shares) - 1)
    most = TURN * (m - 1)
    if any(abs(credit[rep] - share) * m > most + SLACK for rep, share in shares.items()):
        return None
    owed_enough = [rep for rep, share in shares.items() if share and credit[rep] * m >= TURN]
    if not owed_enough:
        return None

    def deadline(rep: str) -> tuple[int, int, int]:
        turns_left = -((credit[rep] * m - most) // (shares[rep] * m))
        return (turns_left, -credit[rep], -lot(rep))

    return min(owed_enough, key=deadline)


def is_bounded(credit: Mapping[str, int]) -> bool:
    """Tell whether for every k the k reps who are owed least are owed at least -k(n - k)/2 turns together."""
    n, total = len(credit), 0
    for k, one in enumerate(sorted(credit.values()), start=1):
        total += one
        if 2 * total < -k * (n - k) * TURN - SLACK:
            return False
    return True


def average(credit: Mapping[str, int], others: Sequence[str]) -> int:
    """Return the mean credit of others in whole units; 0 when there are none."""
    known = [credit.get(rep, 0) for rep in others]
    return sum(known) // len(known) if known else 0


def missed_share(weight: int, present: int) -> int:
    """Return the share of one turn that an absent rep would have had beside those present (their weights)."""
    return TURN * weight // (present + weight)
