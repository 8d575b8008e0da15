"""Run the examples of the rule files: each is judged as a live lead would be, and compared."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from routing_rules.calendars import NeverOpens, is_open, next_open
from routing_rules.compiled import CompiledBook, compile_book
from routing_rules.facts import DAY_MS
from routing_rules.fold import fold
from routing_rules.judge import judge
from routing_rules.roster import Holidays, Team, build_calendar, compile_team
from routing_rules.sla import start_clock
from schemas.decision import Judgement
from schemas.errors import Finding
from schemas.event import Event
from schemas.lead import LeadState, Standing
from schemas.rulebook.book import Rulebook
from schemas.rulebook.example import CalendarExample, ClockExample, Example

#: Files whose examples are leads; those of team.yaml and sla.yaml are instants.
_LEAD_FILES: Final = ("persona", "journey", "scoring", "readiness", "nurture", "routing")


def run_examples(book: Rulebook, now_ms: int, holidays: Holidays | None = None) -> list[Finding]:
    """Run every example; each that comes out otherwise is a finding with what was expected and what came.

    Args:
        book: one that lint found without errors.
        now_ms: the instant of the judgement; `days_ago` counts back from it.
        holidays: for each code that a calendar names, the public holidays.

    """
    compiled = compile_book(book, version=0)
    team = compile_team(book.team, holidays or {})
    findings: list[Finding] = []
    for stem in _LEAD_FILES:
        examples: list[Example] = getattr(book, stem).examples
        for index, example in enumerate(examples):
            came = _judged(example, compiled, now_ms)
            findings += _compared(f"{stem}.yaml", index, example, _results(came, stem), _why(came))
    calendars = {spec.id: build_calendar(spec, holidays or {}) for spec in book.team.calendars}
    for index, day in enumerate(book.team.examples):
        calendar = calendars[day.calendar]
        came_out = {"open": is_open(calendar, day.at), "opens": next_open(calendar, day.at)}
        findings += _compared("team.yaml", index, day, came_out, "")
    for index, clock in enumerate(book.sla.examples):
        findings += _compared("sla.yaml", index, clock, _clock_results(clock, team, compiled), "")
    return findings


def _judged(example: Example, book: CompiledBook, now_ms: int) -> Judgement:
    state = LeadState()
    asked_at = datetime.fromtimestamp(now_ms / 1000, UTC)
    document: list[tuple[float, dict[str, Any]]] = [
        (days, {"activity": kind}) for kind, did in example.did.items() for days in did.days_ago
    ]
    document.append((0.0, example.lead.model_dump(exclude_unset=True)))
    for days, data in document:
        at = asked_at - timedelta(milliseconds=round(days * DAY_MS))
        event = Event.model_validate(
            {"id": "example", "source": "example", "type": "lead.captured", "time": at, "data": data}
        )
        fold(state, event.flat(), now_ms)
    standing = Standing(recycle_count=example.recycle_count)
    return judge(state, standing, book, now_ms, example.account_owner)


def _results(came: Judgement, stem: str) -> dict[str, Any]:
    route = came.reasons.route
    return {
        "persona": came.persona,
        "fit": came.fit,
        "grade": came.fit_grade,
        "engagement": round(came.engagement),
        "buying_stage": came.buying_stage,
        "verdict": came.verdict,
        "rule": (route.rule if route else None) if stem == "routing" else came.reasons.rule,
        "track": came.track,
        "pool": route.pool if route else None,
        "strategy": route.strategy if route else None,
        "sla": route.sla if route else None,
    }


def _why(came: Judgement) -> str:
    """Tell the whole verdict in brief, so that ops see why an example came out otherwise."""
    parts = [f"persona {came.persona}", f"fit {came.fit} ({came.fit_grade})"]
    parts += [f"engagement {came.engagement:g}", f"stage {came.buying_stage}", f"verdict {came.verdict}"]
    if came.reasons.missing:
        lacking = ", ".join(missing.field for missing in came.reasons.missing)
        parts.append(f"lacking {lacking} for {came.reasons.nearest!r}")
    return f" ({'; '.join(parts)})"


def _clock_results(example: ClockExample, team: Team, book: CompiledBook) -> dict[str, Any]:
    policy, rep = book.policies[example.policy], team.reps[example.rep]
    try:
        return {
            "accept_by": start_clock(policy, "accept", rep, example.at).due_at,
            "contact_by": start_clock(policy, "contact", rep, example.at).due_at,
        }
    except NeverOpens as error:
        return {"accept_by": str(error), "contact_by": str(error)}


def _compared(
    file: str, index: int, example: Example | CalendarExample | ClockExample, came: dict[str, Any], why: str
) -> Iterator[Finding]:
    expect = example.expect
    for name in type(expect).model_fields:
        if name not in expect.model_fields_set:
            continue
        wanted = getattr(expect, name)
        if name == "engagement" and wanted is not None:
            wanted = round(wanted)
        result = came[name]
        if wanted != result:
            if isinstance(wanted, datetime) and isinstance(result, datetime):
                result = result.astimezone(wanted.tzinfo)
            title = f"example {example.name!r}" if example.name else f"example {index + 1}"
            words = f"{title} expects {name} {_say(wanted)}, but it is {_say(result)}{why}"
            yield Finding(file, ("examples", index, "expect", name), words)


def _say(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    return "none" if value is None else str(value)
