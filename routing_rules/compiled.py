"""A rulebook made ready to judge with: conditions as closures, tables worked out, names resolved."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from routing_rules.conditions import Check, Node, Test, compile_node, parse, tests_of
from routing_rules.engagement import Scoring, compile_scoring
from routing_rules.parts import Part, compile_part
from routing_rules.rest import Rest, compile_rest
from schemas.rulebook.book import Rulebook
from schemas.rulebook.nurture import RecycleReason
from schemas.rulebook.persona import Grades
from schemas.rulebook.routing import Otherwise, RoutingRule
from schemas.rulebook.sla import PauseReason, SlaPolicy


@dataclass(frozen=True, slots=True)
class CompiledPersona:
    """A persona's fit rules and disqualifiers."""

    id: str
    fit: tuple[tuple[int, Check], ...]
    most: int
    disqualify: tuple[tuple[str, Check], ...]


@dataclass(frozen=True, slots=True)
class CompiledReady:
    """A readiness rule: its check, and its parts one by one, to say which are missing."""

    name: str
    check: Check
    parts: tuple[Part, ...]
    #: Asks for an explicit wish to talk, and so may hold before the stage at which sales may start.
    is_hand_raise: bool


@dataclass(frozen=True, slots=True)
class CompiledTrack:
    """A nurture track."""

    id: str
    check: Check
    review_after_ms: int


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
    sales_may_start_rank: int
    ready: tuple[CompiledReady, ...]
    #: The rules towards which nurture leads. "Ask for a demo" is always one step away and helps nobody who
    #: nurtures: such rules are among them only for want of others.
    guiding: tuple[CompiledReady, ...]
    tracks: tuple[CompiledTrack, ...]
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


#: Fields whose values hardly any two leads share.
_OWN: Final = frozenset(
    {"person.email", "person.phone", "company.name", "company.domain", "company.corporate_number"}
)


def compile_book(book: Rulebook, version: int) -> CompiledBook:
    """Compile a checked rulebook.

    Raises:
        ConditionError: when a condition means nothing; lint finds it with its place beforehand.

    """
    stages = tuple(book.journey.stages)
    ranks = {stage: rank for rank, stage in enumerate(stages)}

    def check(condition: dict[str, object], *, judged: bool = True) -> Check:
        return compile_node(parse(condition, stages=stages, judged=judged))

    personas = tuple(
        CompiledPersona(
            id=persona.id,
            fit=tuple((rule.points, check(rule.when, judged=False)) for rule in persona.fit),
            most=sum(rule.points for rule in persona.fit),
            disqualify=tuple((one.reason, check(one.when, judged=False)) for one in persona.disqualify),
        )
        for persona in book.persona.personas
    )
    evidence = tuple(
        (stage, check(book.journey.evidence[stage], judged=False))
        for stage in reversed(stages)
        if stage in book.journey.evidence
    )
    ready = tuple(_ready(rule.name, parse(rule.when, stages=stages)) for rule in book.readiness.ready)
    home_pool: dict[str, str] = {}
    for pool in book.team.pools:
        for member in pool.members:
            home_pool.setdefault(member.rep, pool.id)
    return CompiledBook(
        version=version,
        personas=personas,
        grades=book.persona.grades,
        scoring=compile_scoring(book.scoring),
        stage_rank=ranks,
        stages=stages,
        evidence=evidence,
        sales_may_start_rank=ranks[book.journey.sales_may_start_at],
        ready=ready,
        guiding=tuple(rule for rule in ready if not rule.is_hand_raise) or ready,
        tracks=tuple(
            CompiledTrack(track.id, check(track.when), track.review_after * 1000)
            for track in book.nurture.tracks
            if not track.only_named
        ),
        routes=tuple((rule, check(rule.when)) for rule in book.routing.rules),
        otherwise=book.routing.otherwise,
        policies={policy.id: policy for policy in book.sla.policies},
        choices=tuple((check(one.when), frozenset(one.rules), one.policy) for one in book.sla.select),
        pauses={pause.id: pause for pause in book.sla.pauses},
        reasons={reason.id: reason for reason in book.nurture.reasons},
        home_pool=home_pool,
        source=book,
        rest=compile_rest(book.nurture, check),
        fit_fields=_shared_fields(
            parse(rule.when, stages=stages, judged=False)
            for persona in book.persona.personas
            for rule in persona.fit
        ),
    )


def _shared_fields(nodes: Iterable[Node]) -> tuple[str, ...] | None:
    """Return the fields that conditions ask, or None where what they ask is a lead's own or moves with time."""
    tests = [test for node in nodes for test in tests_of(node)]
    if any(test.field in _OWN or test.spec.kind in ("activity", "hand_raise") for test in tests):
        return None
    return tuple(sorted({test.field for test in tests}))


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
