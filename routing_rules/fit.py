"""Fit: how well a lead matches the persona that fits it best, and the grade of that."""

from typing import Final

from routing_rules.compiled import CompiledBook, CompiledPersona, Fit
from routing_rules.facts import Facts

#: Combinations of facts whose fit is kept, in a few MB a rulebook version.
FITS_KEPT: Final = 20_000


def best_fit(facts: Facts, book: CompiledBook) -> Fit:
    """Return how well the lead matches the persona that fits best.

    fit = 100 * points of the rules that hold / points of all rules. An unknown fact earns nothing and is
    told by the known share; with `least_known` below 1, fit is reckoned of what is known. Who lacks a must-have
    of a persona has fit 0 with it, and that persona only if none is left.
    """
    if book.fit_fields is None:
        return _best_fit(facts, book)
    asked = tuple(map(facts.values.get, book.fit_fields))
    best = book.fit_known.get(asked)
    if best is None:
        if len(book.fit_known) >= FITS_KEPT:
            book.fit_known.clear()
        best = book.fit_known[asked] = _best_fit(facts, book)
    return best


def _best_fit(facts: Facts, book: CompiledBook) -> Fit:
    best: Fit | None = None
    best_rank = (-1, -1)
    for persona in book.personas:
        earned = 0
        unknown = 0
        held: list[int] = []
        for index, (points, check) in enumerate(persona.fit):
            said = check(facts)
            if said:
                earned += points
                held.append(index)
            elif said is None:
                unknown += points
        most: float = persona.most
        if unknown and book.least_known < 1:
            most = max(most - unknown, most * book.least_known)
        fit = round(100 * earned / most)
        lacks, unsure = _must_haves(facts, persona) if persona.must else ((), ())
        rank = (0 if lacks else 1, fit)
        if rank > best_rank:
            known = round(1 - unknown / persona.most, 2)
            best, best_rank = Fit(persona, 0 if lacks else fit, held, known, lacks, unsure), rank
    assert best is not None  # noqa: S101 - the contract asks for at least one persona
    return best


def _must_haves(facts: Facts, persona: CompiledPersona) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the must-haves that the lead lacks, and those of which nobody knows."""
    lacks, unsure = [], []
    for index, (check, refuses_unknown) in enumerate(persona.must):
        said = check(facts)
        if said is None:
            unsure.append(index)
        if said is False or (said is None and refuses_unknown):
            lacks.append(index)
    return tuple(lacks), tuple(unsure)


def fit_grade(fit: int, book: CompiledBook) -> str:
    """Return A, B, C or D by the rulebook's thresholds."""
    grades = book.grades
    if fit >= grades.A:
        return "A"
    if fit >= grades.B:
        return "B"
    return "C" if fit >= grades.C else "D"
