"""How leads are scored: groups and signals, must-haves, stages to fall back to, thresholds by persona."""

from collections.abc import Iterator

from routing_rules.conditions import ConditionError, parse, tests_of
from routing_rules.lint.asked import always_holds
from routing_rules.lint.references import unknown
from routing_rules.stages import grows_old
from routing_rules.thresholds import asked, floors
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook

Path = tuple[str | int, ...]


def score_findings(book: Rulebook) -> list[Finding]:
    """Find groups, stages and personas that nobody named, and what contradicts itself."""
    return [*_groups(book), *_signals(book), *_falls_back(book), *_thresholds(book)]


def score_doubts(book: Rulebook) -> list[Finding]:
    """Find what is allowed and does nothing."""
    return [*_ceilings(book), *_musts(book), *_never_falls(book), *_same_thresholds(book)]


def _groups(book: Rulebook) -> Iterator[Finding]:
    scoring = book.scoring
    members: dict[str, list[Path]] = {group: [] for group in scoring.groups}
    named = [(("activities", kind, "group"), one.group) for kind, one in scoring.activities.items()]
    named += [(("signals", name, "group"), one.group) for name, one in scoring.signals.items()]
    strays = False
    for path, group in named:
        if group is None:
            continue
        strays = strays or group not in members
        if group in members:
            members[group].append(path)
        elif members:
            yield from unknown("scoring.yaml", path, "group", group, members)
        else:
            words = f"no group is called {group}; write groups: {{{group}: {{max_points: 20}}}}"
            yield Finding("scoring.yaml", path, words)
    for group, places in members.items():
        if not places and not strays:  # else it is told there, with the name that was meant
            words = f"nothing is in the group {group}; write `group: {group}` at each kind that shares its ceiling"
            yield Finding("scoring.yaml", ("groups", group), words)


def _signals(book: Rulebook) -> Iterator[Finding]:
    for name, signal in book.scoring.signals.items():
        here: Path = ("signals", name, "when")
        try:
            tests = tests_of(parse(signal.when, judged=False))
        except ConditionError:
            continue  # told as such
        for test in tests:
            if test.spec.kind in ("activity", "hand_raise"):
                words = f"points of a signal do not fade, but {test.field} does; give its kind points under `activities`"
                yield Finding("scoring.yaml", (*here, *test.path), words)


def _falls_back(book: Rulebook) -> Iterator[Finding]:
    stages = book.journey.stages
    for stage, back in book.journey.falls_back.items():
        here: Path = ("falls_back", stage)
        bad = unknown("journey.yaml", here, "stage", stage, stages)
        bad += unknown("journey.yaml", (*here, "to"), "stage", back.to, stages)
        yield from bad
        if bad:
            continue
        at = stages.index(stage)
        if at == 0:
            yield Finding("journey.yaml", here, f"{stage} is the first stage: nothing lies before it")
        elif stages.index(back.to) >= at:
            what = "itself" if back.to == stage else f"{back.to}, which comes later"
            words = f"{stage} falls back to {what}; name an earlier stage, such as {stages[at - 1]}"
            yield Finding("journey.yaml", (*here, "to"), words)


def _thresholds(book: Rulebook) -> Iterator[Finding]:
    personas = [persona.id for persona in book.persona.personas]
    for index, rule in enumerate(book.readiness.ready):
        for persona, thresholds in rule.personas.items():
            here: Path = ("ready", index, "personas", persona)
            yield from unknown("readiness.yaml", here, "persona", persona, personas)
            wanted = asked(thresholds)
            if not wanted:
                words = "asks nothing of its own; name engagement, fit, fit_grade or buying_stage"
                yield Finding("readiness.yaml", here, words)
            for field, want in wanted.items():
                places = len(list(floors(rule.when, field)))
                if places != 1:
                    how = "nowhere" if places == 0 else f"in {places} places"
                    words = f"the rule asks for at least some {field} {how}; a threshold of its own takes the place of one"
                    yield Finding("readiness.yaml", (*here, field), words)
                if field == "buying_stage":
                    yield from unknown("readiness.yaml", (*here, field), "stage", want, book.journey.stages)


def _ceilings(book: Rulebook) -> Iterator[Finding]:
    """Find ceilings that all their kinds together never reach."""
    for group, spec in book.scoring.groups.items():
        kinds = [kind for kind in book.scoring.activities.values() if kind.group == group]
        signals = [signal for signal in book.scoring.signals.values() if signal.group == group]
        if any(kind.max_points is None for kind in kinds):
            continue
        up = sum(kind.max_points or 0 for kind in kinds if kind.points > 0)
        up += sum(signal.points for signal in signals if signal.points > 0)
        down = sum(kind.max_points or 0 for kind in kinds if kind.points < 0)
        down -= sum(signal.points for signal in signals if signal.points < 0)
        if max(up, down) <= spec.max_points and (kinds or signals):
            words = f"is never reached: all of {group} come to {max(up, down):g} at most"
            yield Finding("scoring.yaml", ("groups", group, "max_points"), words)


def _musts(book: Rulebook) -> Iterator[Finding]:
    for index, persona in enumerate(book.persona.personas):
        for at, must in enumerate(persona.must):
            if always_holds(parse(must.when, judged=False)):
                path = ("personas", index, "must", at, "when")
                yield Finding("persona.yaml", path, "every lead has this; ask for something or leave it out")


def _never_falls(book: Rulebook) -> Iterator[Finding]:
    journey = book.journey
    fallen_to = {back.to for back in journey.falls_back.values()}
    for stage, back in journey.falls_back.items():
        evidence = journey.evidence.get(stage)
        if evidence is None and stage not in fallen_to:
            words = f"says nothing: no lead is ever at {stage}, which has no evidence"
            yield Finding("journey.yaml", ("falls_back", stage), words)
        elif evidence is not None and not grows_old(parse(evidence, judged=False)):
            words = f"says nothing: the evidence of {stage} never grows old; give it within_days"
            yield Finding("journey.yaml", ("falls_back", stage), words)
        elif back.to == journey.stages[0]:
            words = f"says nothing: {back.to} needs no evidence, so a lead is there anyway"
            yield Finding("journey.yaml", ("falls_back", stage, "to"), words)


def _same_thresholds(book: Rulebook) -> Iterator[Finding]:
    start = book.journey.stages.index(book.journey.sales_may_start_at)
    for index, rule in enumerate(book.readiness.ready):
        for persona, thresholds in rule.personas.items():
            for field, want in asked(thresholds).items():
                path = ("ready", index, "personas", persona, field)
                if want == _at(rule.when, next(floors(rule.when, field))):
                    yield Finding("readiness.yaml", path, f"asks the same of {persona} as of everybody")
                elif field == "buying_stage" and book.journey.stages.index(want) < start:
                    words = (
                        f"before {book.journey.sales_may_start_at} only rules that ask for hand_raise count"
                    )
                    yield Finding("readiness.yaml", path, words)


def _at(node: object, path: Path) -> object:
    for key in path:
        node = node[key]  # type: ignore[index]
    return node
