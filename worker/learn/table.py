"""What is fitted and judged: cases in the order of time, whatever they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.errors import Refused
from schemas.learned import Told, Value, Window

#: Shares of the cases, the oldest first: fitted, calibrated, held out.
FITTED: Final = 0.60
CALIBRATED: Final = 0.15

#: The fewest cases of each outcome before the hold-out. Ten per weight (Peduzzi et al. 1996) leaves five
#: weights; fewer than that cannot tell a lead from another. With the penalty, which van Smeden et al. (2019)
#: find to matter more than any rule of ten, this is the floor and no comfort.
LEAST_EACH: Final = 50
#: The fewest of each outcome in the hold-out: at 20 and 20 an AUC of 0.7 has a standard error of 0.08
#: (Hanley and McNeil 1982), and with fewer the comparison says nothing.
LEAST_HELD_OUT: Final = 20
#: Cases of the rarer outcome for each weight (Peduzzi et al. 1996).
EVENTS_PER_WEIGHT: Final = 10


class TooLittle(Refused):
    """Not enough data to fit; the numbers are told."""

    def __init__(self, message: str, counts: dict[str, int]) -> None:
        """Keep the counts apart for machines."""
        super().__init__(message)
        self.counts = counts


@dataclass(slots=True)
class Table:
    """Cases, the oldest first."""

    name: str
    #: What won and not won means.
    target: Told
    rows: list[dict[str, Value]]
    won: list[bool]
    #: When each case was decided, in words: a day, or whatever orders an outside table.
    when: list[str]
    #: Parts of the score to compare with, more is better; empty when there is none.
    rule: list[tuple[float, ...]] = field(default_factory=list)
    rule_name: str = "rule score"
    rulebook_version: int = 0
    rulebook_digest: str = ""
    notes: list[Told] = field(default_factory=list)

    def part(self, chosen: range) -> "Table":
        """Return some of the cases."""
        return Table(
            self.name, self.target, [self.rows[i] for i in chosen], [self.won[i] for i in chosen],
            [self.when[i] for i in chosen], [self.rule[i] for i in chosen] if self.rule else [],
            self.rule_name, self.rulebook_version, self.rulebook_digest, self.notes,
        )  # fmt: skip

    def window(self) -> Window:
        """Return when it begins and ends, and how it came out."""
        first, last = (self.when[0], self.when[-1]) if self.when else ("-", "-")
        return Window(first=first, last=last, leads=len(self.rows), won=sum(self.won))


def split(table: Table) -> tuple[Table, Table, Table]:
    """Split by time: the oldest to fit on, the next to calibrate on, the newest held out."""
    count = len(table.rows)
    one, two = round(count * FITTED), round(count * (FITTED + CALIBRATED))
    return table.part(range(one)), table.part(range(one, two)), table.part(range(two, count))


def require_enough(before: Sequence[Table], held_out: Table, least_won: int) -> None:
    """Refuse to fit on too little.

    Raises:
        TooLittle: with what there is and what it takes.

    """
    won = sum(sum(part.won) for part in before)
    lost = sum(len(part.won) for part in before) - won
    out_won = sum(held_out.won)
    out_lost = len(held_out.won) - out_won
    counts = {
        "won": won, "not_won": lost, "held_out_won": out_won, "held_out_not_won": out_lost,
        "least_won": least_won, "least_not_won": LEAST_EACH, "least_held_out": LEAST_HELD_OUT,
    }  # fmt: skip
    if won >= least_won and lost >= LEAST_EACH and min(out_won, out_lost) >= LEAST_HELD_OUT:
        return
    raise TooLittle(
        f"too little to learn from: to fit and calibrate on there are {won} won and {lost} not won"
        f" (it takes {least_won} and {LEAST_EACH}), and the newest part, held out to judge by, has {out_won} and"
        f" {out_lost} (it takes {LEAST_HELD_OUT} of each). Nothing was fitted; the rule score goes on alone",
        counts,
    )
