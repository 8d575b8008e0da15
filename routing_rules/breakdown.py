"""A decision as a table: which points from what, which rule, what is missing, what would do, what comes next.

Rows are data, made from a judgement and the rulebook that it was made with; words are put to them at reading time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from routing_rules.coming import Next, next_words
from routing_rules.compiled import CompiledBook
from routing_rules.explain import (
    activity_name,
    buying_stage_name,
    decided_by,
    missing_words,
    persona_name,
    route_words,
    sharing_words,
    track_name,
)
from routing_rules.nearest_words import shown, way_words
from routing_rules.outlook_words import filtered_words, must_words
from schemas.base import Lang
from schemas.decision import Judgement, Way

Section = Literal["fit", "engagement", "stage", "rule", "missing", "way", "next"]
_SECTION: Final[dict[Section, tuple[str, str]]] = {
    "fit": ("適合", "fit"),
    "engagement": ("関心", "engagement"),
    "stage": ("検討段階", "stage"),
    "rule": ("規則", "rule"),
    "missing": ("不足", "missing"),
    "way": ("引き渡しの近道", "shortest way"),
    "next": ("今後", "next"),
}
#: Ways that a table shows; the others are bigger.
MOST_WAYS: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: points where they are points, else nothing."""

    section: Section
    what: str
    points: float | None = None


def breakdown(
    judged: Judgement,
    ways: Sequence[Way],
    coming: Sequence[Next],
    book: CompiledBook,
    lang: Lang,
    zone: ZoneInfo,
) -> list[Row]:
    """Return the whole table. The points of fit and of engagement each add up to the last row of their section."""
    return [
        *_fit(judged, book, lang),
        *_engagement(judged, book, lang),
        Row("stage", buying_stage_name(judged.buying_stage, book, lang)),
        *_rule(judged, book, lang),
        *(Row("missing", missing_words(one, book, lang)) for one in judged.reasons.missing),
        *(Row("way", way_words(way, book, lang)) for way in shown(ways, MOST_WAYS)),
        *(Row("next", next_words(one, book, lang, zone)) for one in coming),
    ]


def breakdown_of_record(made: Judgement, book: CompiledBook, lang: Lang) -> list[Row]:
    """Return what is on record of a decision that would come out otherwise today: points, rule, what was missing."""
    return [
        *_engagement(made, book, lang),
        *_rule(made, book, lang),
        *(Row("missing", missing_words(one, book, lang)) for one in made.reasons.missing),
    ]


def section_name(section: Section, lang: Lang) -> str:
    """Return a section's heading."""
    return _SECTION[section][0 if lang == "ja" else 1]


def _fit(judged: Judgement, book: CompiledBook, lang: Lang) -> Iterator[Row]:
    persona = next((one for one in book.source.persona.personas if one.id == judged.persona), None)
    if persona is None:
        return
    most = sum(rule.points for rule in persona.fit)
    shares = _shares([persona.fit[index].points for index in judged.reasons.fit_rules], judged.fit)
    for index, share in zip(judged.reasons.fit_rules, shares, strict=True):
        rule = persona.fit[index]
        what = rule.name.say(lang) if rule.name else str(rule.when)
        yield Row("fit", f"{what} ({rule.points}/{most})", share)
    for what, met in must_words(judged.persona, judged.reasons, book, lang):
        yield Row("fit", f"必須条件「{what}」: {met}" if lang == "ja" else f"must-have “{what}”: {met}")
    known = f"{judged.reasons.known:.0%}"
    named = persona_name(judged.persona, book, lang)
    told = (
        f"= {named}、{judged.fit_grade}（判明 {known}）"
        if lang == "ja"
        else f"= {named}, {judged.fit_grade} ({known} known)"
    )
    yield Row("fit", told, judged.fit)


def _shares(points: Sequence[int], fit: int) -> list[float]:
    """Part the fit among the rules that held, so that the parts shown add up to the fit shown."""
    total = sum(points)
    parts = [round(fit * one / total, 1) for one in points]
    if parts:
        parts[-1] = round(fit - sum(parts[:-1]), 1)
    return parts


def _engagement(judged: Judgement, book: CompiledBook, lang: Lang) -> Iterator[Row]:
    parts = judged.reasons.engagement
    for kind, points in sorted(parts.items(), key=lambda part: -part[1]):
        yield Row("engagement", activity_name(kind, book, lang), points)
    for activity, why, times in filtered_words(judged.reasons, book, lang):
        left_out = (
            f"除外: {activity} {times}回（{why}）"
            if lang == "ja"
            else f"left out: {activity}, {times}: {why}"
        )
        yield Row("engagement", left_out)
    rest = round(judged.engagement - sum(parts.values()), 2)
    if rest and parts:
        floor = "下限・上限による調整" if lang == "ja" else "held at its floor or ceiling"
        yield Row("engagement", floor, rest)
    yield Row("engagement", "= 関心度" if lang == "ja" else "= engagement", judged.engagement)


def _rule(judged: Judgement, book: CompiledBook, lang: Lang) -> Iterator[Row]:
    if judged.reasons.rule is not None:
        yield Row("rule", decided_by(judged.reasons.rule, book, lang))
    route = judged.reasons.route
    if route is not None:
        yield Row("rule", f"→ {route_words(route, book, lang)}")
        yield Row("rule", sharing_words(route, book, lang))
    if judged.track is not None:
        named = track_name(judged.track, book, lang)
        yield Row("rule", f"トラック「{named}」" if lang == "ja" else f"track “{named}”")
