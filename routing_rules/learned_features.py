"""What the learned model looks at: a lead at one instant, through one rulebook, as plain numbers and words.

Only what was known at that instant is read: the state and standing that a decision keeps, and its `now`.
Deals are not read at all: the CRM's word is what is to be foretold.
"""

from collections.abc import Iterable
from typing import Final

from routing_rules.closures import Answer
from routing_rules.compiled import CompiledBook
from routing_rules.facts import DAY_MS, Facts, gather
from routing_rules.fit import best_fit, fit_grade
from routing_rules.judge import buying_stage, engaged, without_machines
from schemas.activity import HAND_RAISES
from schemas.lead import LeadState, Standing
from schemas.learned import Value

#: Facts that are words with few values; names, addresses and titles would name single people.
WORDS: Final = (
    "person.seniority", "person.function", "person.language", "company.country", "company.region",
    "company.industry", "source", "campaign",
)  # fmt: skip
#: Facts of which only counts whether they are known.
KNOWN: Final = ("person.phone", "company.name", "company.corporate_number", "account.owner")
NUMBERS: Final = ("company.employees", "recycle_count")


def features(
    state: LeadState, standing: Standing, book: CompiledBook, now_ms: int, account_owner: str | None = None
) -> dict[str, Value]:
    """Return the features of a lead: field -> number, word, or None for "not known".

    Args:
        state: the fold of its events up to `now_ms`.
        standing: where it was in our process.
        book: the rulebook that the model belongs to.
        now_ms: the instant.
        account_owner: the rep who owned its account.

    """
    facts = gather(state, standing, now_ms, account_owner)
    without_machines(facts, state, book)
    known = facts.values
    found: dict[str, Value] = {name: known.get(name) for name in (*WORDS, *NUMBERS)}
    for name in KNOWN:
        found[f"known.{name}"] = "yes" if known.get(name) is not None else "no"
    best = best_fit(facts, book)
    persona, fit = best.persona, best.fit
    points, _ = engaged(facts, book)
    known["persona"], known["fit"], known["fit_grade"] = persona.id, fit, fit_grade(fit, book)
    known["engagement"] = points
    found |= {"persona": persona.id, "fit": fit, "engagement": points}
    found["buying_stage"], _ = buying_stage(facts, book)
    for kind in book.scoring.kinds:
        found[f"activity.{kind}"] = facts.count(kind, None)
    for one in book.personas:
        for index, (_, check) in enumerate(one.fit):
            found[f"fit_rule.{one.id}.{index}"] = _answer(check(facts))
    found["days_since.hand_raise"] = _days_since(facts, HAND_RAISES & facts.last.keys())
    found["days_since.activity"] = _days_since(facts, facts.last.keys())
    return found


def _answer(said: Answer) -> str | None:
    return None if said is None else "yes" if said else "no"


def _days_since(facts: Facts, kinds: Iterable[str]) -> float | None:
    """Return the days since the newest of some kinds of activity, to a tenth."""
    times = [facts.last[kind] for kind in kinds]
    return round(max(0, facts.now_ms - max(times)) / DAY_MS, 1) if times else None
