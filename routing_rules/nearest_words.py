"""What would make a lead ready, in words: "12 points, or “Webinar attended” once"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from routing_rules.compiled import CompiledBook
from routing_rules.counted import counted
from routing_rules.explain import activity_name, field_name
from routing_rules.field_words import value_words
from schemas.activity import HAND_RAISES
from schemas.base import HOME_ZONE, Lang
from schemas.decision import Step, Way

#: Alternatives that are said in one breath.
SAID_AT_ONCE: Final = 2
_BOUND: Final = {"eq": ("", ""), "lte": ("以下", " or fewer"), "gte": ("以上", " or more")}
_TIMES: Final = {1: "once", 2: "twice"}


def short_words(ways: Sequence[Way], book: CompiledBook, lang: Lang) -> str:
    """Say what a held lead lacks in one breath: 「あと12点、またはウェビナー参加1回」; empty for no way."""
    chosen = brief(ways)
    if not chosen:
        return ""
    first = chosen[0].steps[:1]
    shared = first if all(way.steps[:1] == first and len(way.steps) > 1 for way in chosen) else []
    own = [_steps(way.steps[len(shared) :], book, lang) for way in chosen]
    words = ("、または" if lang == "ja" else ", or ").join(own)
    if shared and (len(chosen) > 1 or len(chosen[0].steps) > 1):
        before = _steps(shared, book, lang)
        words = f"{before}に加えて、{words}" if lang == "ja" else f"{before}, and {words}"
    return _from(chosen[0].from_ms, words, lang)


def brief(ways: Sequence[Way]) -> list[Way]:
    """Return the smallest way of each kind, at most `SAID_AT_ONCE`; a wish to talk only for want of others."""
    own = [way for way in ways if way.steps and way.steps[-1].name not in HAND_RAISES] or list(ways)
    kinds: dict[str, Way] = {}
    for way in own:
        if way.from_ms == own[0].from_ms:
            kinds.setdefault(way.steps[-1].kind if way.steps else "", way)
    return list(kinds.values())[:SAID_AT_ONCE]


def shown(ways: Sequence[Way], most: int) -> list[Way]:
    """Return the smallest ways, and of the wishes to talk, which always do, only one."""
    raised = [way for way in ways if way.steps and way.steps[-1].name in HAND_RAISES]
    own = [way for way in ways if way not in raised]
    return [*own[: most - len(raised[:1])], *raised[:1]]


def way_words(way: Way, book: CompiledBook, lang: Lang) -> str:
    """Say one way, with all its steps."""
    return _from(way.from_ms, _steps(way.steps, book, lang), lang)


def _steps(steps: Sequence[Step], book: CompiledBook, lang: Lang) -> str:
    return (" ＋ " if lang == "ja" else " and ").join(_step(step, book, lang) for step in steps)


def _from(from_ms: int | None, words: str, lang: Lang) -> str:
    if from_ms is None:
        return words
    day = f"{datetime.fromtimestamp(from_ms / 1000, HOME_ZONE):%Y-%m-%d}"
    if not words:
        return f"{day} まで待つだけ" if lang == "ja" else f"only to wait until {day}"
    return f"{day} 以降に、{words}" if lang == "ja" else f"from {day} on, {words}"


def _step(step: Step, book: CompiledBook, lang: Lang) -> str:
    if step.kind == "points":
        points = f"{step.amount:.2f}".rstrip("0").rstrip(".")
        return f"あと{points}点" if lang == "ja" else counted(points, "point")
    if step.kind == "activity":
        name = activity_name(step.name, book, lang)
        if lang == "ja":
            return f"{name}{step.amount}回"
        return f"“{name}” {_TIMES.get(step.amount, counted(step.amount, 'time'))}"
    if step.kind == "permission":
        return "連絡の許可" if lang == "ja" else "permission to be contacted"
    if step.name == "contact_channel":
        return "連絡先の把握" if lang == "ja" else "an address or number"
    name, value = field_name(step.name, book, lang), _value(step, lang)
    ja, en = _BOUND.get(step.operator, _BOUND["gte"])
    return f"{name}が{value}{ja}と分かること" if lang == "ja" else f"{name} known to be {value}{en}"


def _value(step: Step, lang: Lang) -> str:
    unit = "人" if step.name == "company.employees" and lang == "ja" else ""
    return value_words(step.name, step.amount, lang) + unit
