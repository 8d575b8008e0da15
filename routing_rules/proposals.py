"""What past hand-overs say about one-step changes of the rules: what each would have avoided, and what it would cost.

Only changes that hand over fewer leads can be counted: of a lead that was never handed over nobody knows how
it would have come out. A change is proposed when the leads it holds back were won clearly more seldom than all,
in the older part, where it was found, and again in the newest, where it was not. Nothing is ever applied.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from routing_rules.changes import Change, changed, changes
from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.conditions import ConditionError
from routing_rules.facts import gather
from routing_rules.judge import judge
from routing_rules.wilson import ONE_SIDED_95, TWO_SIDED_95, wilson
from schemas.lead import LeadState, Standing

#: A change must hold back so many leads in the older part, and so many in the newest.
LEAST_FOUND: Final = 10
LEAST_AGAIN: Final = 5
#: A change that gives up more than this share of the won deals is not proposed, whatever it avoids.
MOST_WON: Final = 0.10
#: Words that so many past leads had may be put into a list; the most frequent of a field only.
LEAST_SEEN: Final = 10
MOST_SEEN: Final = 12
_LISTED: Final = (
    "person.function",
    "person.seniority",
    "company.country",
    "company.industry",
    "source",
    "campaign",
)


@dataclass(frozen=True, slots=True)
class Past:
    """One past hand-over: what was known, and what became of it."""

    state: LeadState
    standing: Standing
    at_ms: int
    account_owner: str | None
    #: won, lost, declined, recycled, silent.
    outcome: str


@dataclass(frozen=True, slots=True)
class Count:
    """How one part came out: of those handed over, how many a change would have held back."""

    #: outcome -> (held back, all).
    outcomes: dict[str, tuple[int, int]]
    held_back: int
    handed_over: int
    won_held_back: int
    won: int
    #: 95 % interval of the share won among those held back.
    low: float
    high: float

    @property
    def declines(self) -> tuple[int, int]:
        """Return the declines avoided, and all: leads that a rep ruled out or handed back."""
        pairs = [self.outcomes.get(name, (0, 0)) for name in ("declined", "recycled")]
        return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)

    @property
    def spared(self) -> float:
        """Return how many not won were held back beyond what holding back by lot would have, at equal cost."""
        lost = self.handed_over - self.won
        fair = self.won_held_back * lost / self.won if self.won else 0.0
        return self.held_back - self.won_held_back - fair


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that held in both parts."""

    change: Change
    found: Count
    again: Count


@dataclass(frozen=True, slots=True)
class Search:
    """All that was tried, and what is proposed, the most sparing first."""

    tried: int
    proposals: tuple[Proposal, ...]
    found_on: int
    held_out: int


def search(book: CompiledBook, older: Sequence[Past], newest: Sequence[Past]) -> Search:
    """Try every one-step change on past hand-overs.

    Args:
        book: the rulebook in force; hand-overs that it would not make any more are left out.
        older: where changes are found.
        newest: where they must hold again.

    """
    old, new = _handed_over(book, older), _handed_over(book, newest)
    tried = changes(book.source, _seen([*old, *new]))
    made: dict[tuple[frozenset[int], frozenset[int]], Proposal] = {}
    for change in tried:
        try:
            other = compile_book(changed(book.source, change), book.version)
        except (ConditionError, ValueError, KeyError):
            continue  # a step that leaves the vocabulary is no rulebook
        back = _held_back(other, old)
        if len(back) < LEAST_FOUND:
            continue
        found = count(old, back)
        if not _found(found):
            continue
        back_again = _held_back(other, new)
        again = count(new, back_again)
        if _again(again):
            # Of changes that come to the same, the first stands: thresholds come before rules dropped.
            made.setdefault((back, back_again), Proposal(change, found, again))
    best = sorted(made.values(), key=lambda one: (-one.found.spared, [str(part) for part in one.change.path]))
    return Search(len(tried), tuple(best), len(old), len(new))


def _handed_over(book: CompiledBook, pasts: Iterable[Past]) -> list[Past]:
    return [past for past in pasts if _ready(book, past)]


def _ready(book: CompiledBook, past: Past) -> bool:
    said = judge(past.state, past.standing, book, past.at_ms, past.account_owner)
    return said.verdict == "ready"


def _held_back(book: CompiledBook, pasts: Sequence[Past]) -> frozenset[int]:
    return frozenset(place for place, past in enumerate(pasts) if not _ready(book, past))


def count(pasts: Sequence[Past], back: frozenset[int]) -> Count:
    """Count what holding some of the hand-overs back would have come to."""
    every = Counter(past.outcome for past in pasts)
    held = Counter(pasts[place].outcome for place in back)
    low, high = wilson(held["won"], len(back), TWO_SIDED_95)
    return Count(
        {name: (held[name], total) for name, total in sorted(every.items())}, len(back), len(pasts), held["won"],
        every["won"], low, high,
    )  # fmt: skip


def _found(one: Count) -> bool:
    """Tell whether those held back were won clearly more seldom than all, at a bearable cost."""
    return bool(one.won) and one.won_held_back <= MOST_WON * one.won and one.high < one.won / one.handed_over


def _again(one: Count) -> bool:
    """Tell whether it holds where it was not looked for: one question only, so one side of the interval."""
    if one.held_back < LEAST_AGAIN or not one.won or one.won_held_back > MOST_WON * one.won:
        return False
    return wilson(one.won_held_back, one.held_back, ONE_SIDED_95)[1] < one.won / one.handed_over


def _seen(pasts: Iterable[Past]) -> dict[str, list[str]]:
    """Return the frequent words of past leads, field by field."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in _LISTED}
    for past in pasts:
        values = gather(past.state, past.standing, past.at_ms, past.account_owner).values
        for name in _LISTED:
            if isinstance(values.get(name), str):
                counts[name][values[name]] += 1
    return {
        name: sorted(word for word, seen in found.most_common(MOST_SEEN) if seen >= LEAST_SEEN)
        for name, found in counts.items()
    }
