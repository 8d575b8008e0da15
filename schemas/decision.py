"""What a judgement concludes, with its reasons as data; words are made at reading time."""

from typing import Any, Literal

import msgspec

from schemas.handover import Terms

VerdictKind = Literal["nurture", "ready", "recycle", "disqualify", "unchanged"]


class Missing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a readiness rule that does not hold yet."""

    field: str
    operator: str
    want: Any
    have: Any = None


StepKind = Literal["points", "activity", "fact", "permission"]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that would have to happen: more points, an activity so many times, a fact that becomes known."""

    kind: StepKind
    #: Activity kind or field; empty for points.
    name: str = ""
    #: Points, times, or the value of the fact: the least or the most that does, by `operator`.
    amount: Any = 1
    #: What stands between them for a fact: eq, at_least, gte, lte.
    operator: str = ""


class Way(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way to be sales-ready: all its steps together, and when they would do it."""

    steps: list[Step]
    #: The rule that then holds.
    rule: str
    #: Not before: when the cool-down ends. None: at once.
    from_ms: int | None = None


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a ready lead goes: the rule that said so, the pool, how it shares, and the promise."""

    rule: str
    pool: str
    strategy: str
    sla: str
    priority: int = 0
    owner: str | None = None
    #: Value class of routing.yaml and its points; and what the strategy asks, where it is not the usual.
    value: str | None = None
    points: int = 1
    terms: Terms | None = None


class Reasons(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a lead was judged as it was."""

    #: persona -> index of each fit rule that held; the points stand in the rulebook's version.
    fit_rules: list[int] = []
    #: Share of the persona's points of which the facts are known, 0-1.
    known: float = 1.0
    #: Index of each must-have of the persona that the lead lacks (then it cannot fit), or that nobody knows.
    lacks: list[int] = []
    unknown: list[int] = []
    #: kind, `signal.` or `group.` -> engagement points; what exceeds a group's ceiling is taken away there.
    engagement: dict[str, float] = {}
    #: kind -> why -> how many activities count nothing because a machine did them.
    filtered: dict[str, dict[str, int]] = {}
    #: When the buying stage falls back if nothing more happens; only of journeys that say where to.
    stage_until_ms: int | None = None
    #: Ready rule that held, disqualifier, CRM word or recycle reason.
    rule: str | None = None
    #: What the nearest ready rule still lacks.
    nearest: str | None = None
    missing: list[Missing] = []
    route: Route | None = None


class Judgement(msgspec.Struct, frozen=True):
    """The verdict on one lead at one time under one rulebook version."""

    verdict: VerdictKind
    lifecycle_stage: str
    persona: str | None
    fit: int
    fit_grade: str
    engagement: float
    buying_stage: str
    track: str | None
    review_at_ms: int | None
    reasons: Reasons
