"""Every condition of a rulebook with its place; and whether each means something."""

from collections.abc import Iterator
from dataclasses import dataclass

from routing_rules.conditions import ConditionError, Node, Test, parse, tests_of
from schemas.base import Condition
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition and where it stands."""

    file: str
    path: Path
    condition: Condition
    #: Whether fields that the judgement makes may be asked here; as in `compiled.compile_book`.
    judged: bool = True

    def node(self, book: Rulebook) -> Node:
        """Return the parsed tree.

        Raises:
            ConditionError: when it means nothing.

        """
        return parse(self.condition, stages=tuple(book.journey.stages), judged=self.judged)


def conditions(book: Rulebook) -> Iterator[Asked]:
    """Iterate over all conditions, file by file."""
    yield from _of_personas(book)
    for stage, evidence in book.journey.evidence.items():
        yield Asked("journey.yaml", ("evidence", stage), evidence, judged=False)
    for name, signal in book.scoring.signals.items():
        yield Asked("scoring.yaml", ("signals", name, "when"), signal.when, judged=False)
    for index, ready in enumerate(book.readiness.ready):
        yield Asked("readiness.yaml", ("ready", index, "when"), ready.when)
    for index, track in enumerate(book.nurture.tracks):
        if track.only_named:
            continue
        yield Asked("nurture.yaml", ("tracks", index, "when"), track.when)
    for index, out_of in enumerate(book.nurture.sunset):
        yield Asked("nurture.yaml", ("sunset", index, "when"), out_of.when)
    for index, rule in enumerate(book.routing.rules):
        yield Asked("routing.yaml", ("rules", index, "when"), rule.when)
    for index, choice in enumerate(book.sla.select):
        yield Asked("sla.yaml", ("select", index, "when"), choice.when)


def _of_personas(book: Rulebook) -> Iterator[Asked]:
    for index, persona in enumerate(book.persona.personas):
        for at, fit in enumerate(persona.fit):
            yield Asked("persona.yaml", ("personas", index, "fit", at, "when"), fit.when, judged=False)
        for at, must in enumerate(persona.must):
            yield Asked("persona.yaml", ("personas", index, "must", at, "when"), must.when, judged=False)
        for at, out in enumerate(persona.disqualify):
            yield Asked("persona.yaml", ("personas", index, "disqualify", at, "when"), out.when, judged=False)


def condition_findings(book: Rulebook) -> list[Finding]:
    """Find conditions that mean nothing, and personas asked for that do not exist."""
    findings = []
    personas = [persona.id for persona in book.persona.personas]
    for asked in conditions(book):
        try:
            node = asked.node(book)
        except ConditionError as error:
            findings.append(Finding(asked.file, (*asked.path, *error.path), str(error)))
            continue
        for test in tests_of(node):
            if test.field == "persona":
                findings += _unknown_personas(asked, test, personas)
    return findings


def _unknown_personas(asked: Asked, test: Test, personas: list[str]) -> list[Finding]:
    findings = []
    for operator, value in test.operators:
        if operator not in ("eq", "ne", "in", "not_in"):
            continue
        for name in value if isinstance(value, list) else [value]:
            if name not in personas:
                words = f"no persona is called {name}; there are {', '.join(personas)}"
                findings.append(Finding(asked.file, (*asked.path, *test.path, operator), words))
    return findings


def always_holds(node: Node) -> bool:
    """Tell whether a condition holds for every lead, as `{}` does."""
    if isinstance(node, Test):
        return False
    held = [always_holds(part) for part in node.parts]
    if node.combiner == "any":
        return any(held)
    return all(held) if node.combiner == "all" else not node.parts


def never_holds(node: Node) -> bool:
    """Tell whether a condition holds for no lead, as `any: []` does."""
    if isinstance(node, Test):
        return _is_impossible(node)
    if node.combiner == "all":
        return any(never_holds(part) for part in node.parts)
    if node.combiner == "any":
        return all(never_holds(part) for part in node.parts)
    return any(always_holds(part) for part in node.parts)


def _is_impossible(test: Test) -> bool:
    """Tell whether the operators of one test exclude each other, as `gte: 300, lt: 100` do."""
    asked = dict(test.operators)
    if test.spec.kind == "number":
        floors = [asked[name] for name in ("gt", "gte") if name in asked]
        roofs = [asked[name] for name in ("lt", "lte") if name in asked]
        return bool(floors and roofs) and max(floors) > min(roofs)
    if test.spec.kind == "activity":
        most = asked.get("at_most")
        return asked.get("within_days", 1) <= 0 or (most is not None and asked.get("at_least", 0) > most)
    return False


def activities_of(node: Node) -> list[Test]:
    """Return the tests on activities."""
    return [test for test in tests_of(node) if test.spec.kind == "activity"]
