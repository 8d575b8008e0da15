"""Numbers and orders that contradict each other: grades, tracks."""

from routing_rules.conditions import ConditionError, parse
from routing_rules.lint.asked import always_holds
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook


def measure_findings(book: Rulebook) -> list[Finding]:
    """Find grades out of order, and a last track that leaves leads out."""
    return [*_grades(book), *_last_track(book)]


def _grades(book: Rulebook) -> list[Finding]:
    grades = book.persona.grades
    return [
        Finding("persona.yaml", ("grades", upper), f"{upper} ({high}) must ask for more than {lower} ({low})")
        for upper, high, lower, low in (("A", grades.A, "B", grades.B), ("B", grades.B, "C", grades.C))
        if high <= low
    ]


def _last_track(book: Rulebook) -> list[Finding]:
    last = len(book.nurture.tracks) - 1
    try:
        node = parse(book.nurture.tracks[last].when, stages=tuple(book.journey.stages))
    except ConditionError:
        return []  # told as such
    if book.nurture.tracks[last].only_named:
        words = "the last track must take every lead that no other takes; move one with `only_named` up"
        return [Finding("nurture.yaml", ("tracks", last, "only_named"), words)]
    if always_holds(node):
        return []
    words = "the last track must take every lead that no other takes; leave out its `when`"
    return [Finding("nurture.yaml", ("tracks", last, "when"), words)]
