"""A rulebook made ready to judge with: conditions as closures, tables worked out, names resolved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from routing_rules.closures import Check, compile_node
from routing_rules.conditions import Node, Test, parse, tests_of
from routing_rules.engagement import SIGNAL_PREFIX, Scoring, compile_scoring
from routing_rules.machines import Marks, compile_machines
from routing_rules.parts import Part, compile_part
from routing_rules.rest import Rest, compile_rest
from routing_rules.stages import NEVER, StageRule, compile_until
from routing_rules.thresholds import for_persona
from schemas.rulebook.book import Rulebook
from schemas.rulebook.journey import FallBack, JourneyFile
from schemas.rulebook.nurture import NurtureFile, RecycleReason
from schemas.rulebook.persona import Grades, Persona, PersonaFile
from schemas.rulebook.routing import Otherwise, RoutingRule
from schemas.rulebook.scoring import ScoringFile
from schemas.rulebook.sla import PauseReason, SlaPolicy
from schemas.rulebook.team import TeamFile


@dataclass(frozen=True, slots=True)
class CompiledPersona:
    """A persona's fit rules and disqualifiers."""

    id: str
    fit: tuple[tuple[int, Check], ...]
    most: int
    disqualify: tuple[tuple[str, Check], ...]
    #: What it must have, and whether a lead is kept out while nobody knows.
    must: tuple[tuple[Check, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledReady:
    """A readiness rule: its check, and its parts one by one, to say which are missing."""

    name: str
    check: Check
    parts: tuple[Part, ...]
    #: Asks for an explicit wish to talk, and so may hold before the stage at which sales may start.
    is_hand_raise: bool


#: The readiness rules of somebody, in order.
Ready = tuple[CompiledReady, ...]


@dataclass(frozen=True, slots=True)
class CompiledTrack:
    """A nurture track that takes leads by its condition."""

    id: str
    check: Check


@dataclass(frozen=True, slots=True)
class CompiledBook:
    """Everything that a judgement rests on, at one version."""

    version: int
    personas: tuple[CompiledPersona, ...]
    grades: Grades
    scoring: Scoring
    #: stage -> its place on the journey, from 0.
    stage_rank: dict[str, int]
    stages: tuple[str, ...]
    #: from the last stage to the first: stage and its evidence.
    evidence: tuple[tuple[str, Check], ...]
    #: from the last stage to the second, with until when each holds.
    stage_rules: tuple[StageRule, ...]
    #: Whether a lead whose evidence grew too old goes where the journey says.
    falls_back: bool
    sales_may_start_rank: int
    ready: Ready
    #: The rules towards which nurture leads. "Ask for a demo" is always one step away and helps nobody who
    #: nurtures: such rules are among them only for want of others.
    guiding: Ready
    #: persona with thresholds of its own -> its rules, and those towards which nurture leads it.
    ready_of: dict[str, tuple[Ready, Ready]]
    #: Those that take leads by their condition.
    tracks: tuple[CompiledTrack, ...]
    #: Every track, those too that take only who is named -> how long a silent lead waits for the next look.
    review_after_ms: dict[str, int]
    routes: tuple[tuple[RoutingRule, Check], ...]
    otherwise: Otherwise
    policies: dict[str, SlaPolicy]
    #: check, routing rules it is for (none: all), policy; the first that holds outranks the rule's own.
    choices: tuple[tuple[Check, frozenset[str], str], ...]
    pauses: dict[str, PauseReason]
    reasons: dict[str, RecycleReason]
    #: rep -> the first pool they are a member of.
    home_pool: dict[str, str]
    source: Rulebook
    #: What nurture.yaml says of leads that are let rest; None where it says nothing.
    rest: Rest | None
    #: The fields that fit asks, where many leads share their values; then it is worked out once for each.
    fit_fields: tuple[str, ...] | None
    #: Share of a persona's points of which fit is reckoned at least.
    least_known: float
    #: Name among the parts of engagement, points, condition.
    signals: tuple[tuple[str, float, Check], ...]
    #: None: every open and click counts.
    machines: Marks | None
    fit_known: "dict[tuple[object, ...], Fit]" = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a lead matches its best persona."""

    persona: CompiledPersona
    #: 0-100.
    fit: int
    #: Index of each fit rule that held.
    rules: list[int]
    #: Share of the persona's points of which the facts are known, 0-1.
    known: float
    #: Index of each must-have that it lacks: it cannot fit, and `fit` is 0.
    lacks: tuple[int, ...] = ()
    #: Index of each must-have of which nobody knows.
    open: tuple[int, ...] = ()


#: Fields whose values hardly any two leads share.
_OWN: Final = frozenset(
    {"person.email", "person.phone", "company.name", "company.domain", "company.corporate_number"}
)


class Compile(Protocol):
    """Compiles a condition of this rulebook."""

    def __call__(self, condition: dict[str, object], *, judged: bool = True) -> Check:
        """Return the check; `judged` tells whether it may ask what the judgement makes."""


def compile_book(book: Rulebook, version: int) -> CompiledBook:
    """Compile a checked rulebook.

    Raises:
        ConditionError: when a condition means nothing; lint finds it with its place beforehand.

    """
    stages = tuple(book.journey.stages)
    ranks = {stage: rank for rank, stage in enumerate(stages)}

    def check(condition: dict[str, object], *, judged: bool = True) -> Check:
        return compile_node(parse(condition, stages=stages, judged=judged))

    ready, guiding, ready_of = _readiness(book, stages)
    return CompiledBook(
        version=version,
        personas=tuple(_persona(persona, check) for persona in book.persona.personas),
        grades=book.persona.grades,
        scoring=compile_scoring(book.scoring),
        stage_rank=ranks,
        stages=stages,
        evidence=_evidence(book.journey, check),
        stage_rules=tuple(_stage_rule(stage, book.journey) for stage in reversed(stages[1:])),
        falls_back=bool(book.journey.falls_back),
        sales_may_start_rank=ranks[book.journey.sales_may_start_at],
        ready=ready,
        guiding=guiding,
        ready_of=ready_of,
        tracks=_tracks(book.nurture, check),
        review_after_ms={track.id: track.review_after * 1000 for track in book.nurture.tracks},
        routes=tuple((rule, check(rule.when)) for rule in book.routing.rules),
        otherwise=book.routing.otherwise,
        policies={policy.id: policy for policy in book.sla.policies},
        choices=tuple((check(one.when), frozenset(one.rules), one.policy) for one in book.sla.select),
        pauses={pause.id: pause for pause in book.sla.pauses},
        reasons={reason.id: reason for reason in book.nurture.reasons},
        home_pool=_home_pools(book.team),
        source=book,
        rest=compile_rest(book.nurture, check),
        fit_fields=_shared_fields(_asked_by_fit(book.persona, stages)),
        least_known=book.persona.least_known,
        signals=_signals(book.scoring, check),
        machines=compile_machines(book.scoring.machines),
    )


def _persona(persona: Persona, check: Compile) -> CompiledPersona:
    return CompiledPersona(
        id=persona.id,
        fit=tuple((rule.points, check(rule.when, judged=False)) for rule in persona.fit),
        most=sum(rule.points for rule in persona.fit),
        disqualify=tuple((one.reason, check(one.when, judged=False)) for one in persona.disqualify),
        must=tuple((check(one.when, judged=False), one.unknown == "refuse") for one in persona.must),
    )


def _asked_by_fit(file: PersonaFile, stages: tuple[str, ...]) -> Iterator[Node]:
    """Yield the conditions that fit rests on."""
    for persona in file.personas:
        for when in [*(rule.when for rule in persona.fit), *(one.when for one in persona.must)]:
            yield parse(when, stages=stages, judged=False)


def _evidence(journey: JourneyFile, check: Compile) -> tuple[tuple[str, Check], ...]:
    """Return each stage with its evidence, the last first."""
    return tuple(
        (stage, check(journey.evidence[stage], judged=False))
        for stage in reversed(journey.stages)
        if stage in journey.evidence
    )


def _tracks(nurture: NurtureFile, check: Compile) -> tuple[CompiledTrack, ...]:
    """Return the tracks that take leads by their condition."""
    return tuple(
        CompiledTrack(track.id, check(track.when)) for track in nurture.tracks if not track.only_named
    )


def _signals(scoring: ScoringFile, check: Compile) -> tuple[tuple[str, float, Check], ...]:
    return tuple(
        (SIGNAL_PREFIX + name, signal.points, check(signal.when, judged=False))
        for name, signal in scoring.signals.items()
    )


def _home_pools(team: TeamFile) -> dict[str, str]:
    """Return for each rep the first pool that they are a member of."""
    home: dict[str, str] = {}
    for pool in team.pools:
        for member in pool.members:
            home.setdefault(member.rep, pool.id)
    return home


def _shared_fields(nodes: Iterable[Node]) -> tuple[str, ...] | None:
    """Return the fields that conditions ask, or None where what they ask is a lead's own or moves with time."""
    tests = [test for node in nodes for test in tests_of(node)]
    if any(test.field in _OWN or test.spec.kind in ("activity", "hand_raise") for test in tests):
        return None
    return tuple(sorted({test.field for test in tests}))


def _stage_rule(stage: str, journey: JourneyFile) -> StageRule:
    back = journey.falls_back.get(stage)
    if stage not in journey.evidence:
        return StageRule(stage, lambda _facts: NEVER, *_back(back))
    node = parse(journey.evidence[stage], judged=False)
    return StageRule(stage, compile_until(node), *_back(back))


def _back(back: FallBack | None) -> tuple[str | None, int]:
    return (None, 0) if back is None else (back.to, back.lasts * 1000)


def _readiness(
    book: Rulebook, stages: tuple[str, ...]
) -> tuple[Ready, Ready, dict[str, tuple[Ready, Ready]]]:
    """Return the rules for everybody, those that guide, and both for each persona with thresholds of its own."""
    rules = book.readiness.ready
    ready = tuple(_ready(rule.name, parse(rule.when, stages=stages)) for rule in rules)
    own: dict[str, tuple[Ready, Ready]] = {}
    for persona in {persona: None for rule in rules for persona in rule.personas}:
        theirs = tuple(_ready(rule.name, parse(for_persona(rule, persona), stages=stages)) for rule in rules)
        own[persona] = theirs, _guiding(theirs)
    return ready, _guiding(ready), own


def _guiding(rules: Ready) -> Ready:
    return tuple(rule for rule in rules if not rule.is_hand_raise) or rules


def _asks_to_talk(node: Node) -> bool:
    """Tell whether a rule asks for a hand raise, and does not merely exclude one."""
    if isinstance(node, Test):
        return node.spec.kind == "hand_raise"
    return node.combiner != "none" and any(_asks_to_talk(part) for part in node.parts)


def _ready(name: str, node: Node) -> CompiledReady:
    parts = (node,) if isinstance(node, Test) or node.combiner != "all" else node.parts
    return CompiledReady(
        name=name,
        check=compile_node(node),
        parts=tuple(compile_part(part) for part in parts),
        is_hand_raise=_asks_to_talk(node),
    )
