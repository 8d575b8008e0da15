"""The rows of a notice, in its reader's language: what is said of one lead."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from routing_rules.counted import counted
from routing_rules.strategy_words import why_you_words, with_rule
from schemas.base import Lang
from worker.notices import words
from worker.notices.kinds import OF_ANOTHER, TIMED
from worker.notices.words import line, named, say

#: What is left until the deadline is told while the notice is so fresh; later it would be wrong.
FRESH_S: Final = 120.0

#: Name of each row, and its lines; a row without lines is not shown.
Rows = list[tuple[str, tuple[str, ...]]]


def over_rows(body: Mapping[str, Any], lang: Lang) -> Rows:
    """Return what there is to say to somebody who has nothing more to do with the lead: no data of it."""
    reason = words.ENDED.get(body.get("because") or "")
    return [("reason", (say(reason, lang),) if reason else ())]


def lead_rows(
    body: Mapping[str, Any], lead: Mapping[str, Any], lang: Lang, now: datetime, *, brief: bool
) -> Rows:
    """Return what there is to say of a lead: all, or of one among several what a call cannot do without."""
    zone = body["zone"]
    rows: Rows = [
        ("due", _due(body, lang, now)),
        ("rep", (line(holder),) if (holder := named(lead.get("rep_name"), lang, lead.get("rep"))) else ()),
        ("why_now", _why_now(lead, zone, lang, now)),
    ]
    if brief:
        return [*rows, ("contact", _present(lead, "phone", "email"))]
    return [
        *rows,
        ("who", _person(lead, lang)),
        ("contact", _present(lead, "phone", "email")),
        ("company", _company(lead, lang)),
        ("say", () if body["kind"] in OF_ANOTHER else _say_first(lead, zone, lang, now)),
        ("did", tuple(_activity(item, zone, lang, now) for item in lead.get("activities") or ())),
        ("stage", _stage(lead, lang)),
        ("interests", _interests(lead, lang)),
        ("why_told" if body["kind"] == "claim_open" else "why_you", _why_you(body, lang)),
    ]


def _present(lead: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(line(lead[name]) for name in names if lead.get(name))


def _due(body: Mapping[str, Any], lang: Lang, now: datetime) -> tuple[str, ...]:
    if not body.get("due_at"):
        return ()
    due_at = datetime.fromisoformat(body["due_at"])
    text = words.day_time(due_at, body["zone"], lang)
    told_at, left_s = body.get("at"), body.get("left_s")
    is_fresh = told_at is not None and (now - datetime.fromisoformat(told_at)).total_seconds() <= FRESH_S
    if body["kind"] not in TIMED or not is_fresh or not left_s or left_s < 0:
        return (text,)
    left = words.span(left_s, lang, business=body.get("time") != "wall")
    return (text, left)


def _person(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    """Return what there is to say of the person beside the name, which is the title."""
    place = " ".join(_present(lead, "department", "title"))
    persona = named(lead.get("persona_name"), lang)
    words_of = f"ペルソナ: {persona}" if lang == "ja" else f"Persona: {persona}"
    return tuple(part for part in (place, words_of if persona else "") if part)


def _company(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    """Return what there is to say of the company beside its name, which is the title's second line."""
    parts = []
    if employees := lead.get("employees"):
        parts.append(f"従業員 {employees:,}名" if lang == "ja" else counted(employees, "employee"))
    parts += _present(lead, "industry", "region")
    if not lead.get("region"):
        parts += _present(lead, "country")
    return (words.joined(parts, lang),) if parts else ()


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _why_now(lead: Mapping[str, Any], zone: str, lang: Lang, now: datetime) -> tuple[str, ...]:
    title = named(lead.get("ready_name"), lang, lead.get("ready_because"))
    raised = lead.get("hand_raise")
    if title is None:
        return ()
    if raised is None:
        return (line(title),)
    when = words.short_time(_at(raised["at_ms"]), zone, lang, now)
    what = line(named(raised["name"], lang, raised["kind"]))
    return (f"{line(title)}（{what}、{when}）" if lang == "ja" else f"{line(title)} ({what}, {when})",)


def _say_first(lead: Mapping[str, Any], zone: str, lang: Lang, now: datetime) -> tuple[str, ...]:
    """Return how the talk may begin: from their own wish, else from what interests them most of what they did last."""
    raised = lead.get("hand_raise")
    did = lead.get("activities") or ()
    liked = {item["kind"] for item in lead.get("interests") or ()}
    hook = raised or next((item for item in did if item["kind"] in liked), None)
    if hook is None:
        return ()
    pair = words.SAY_RAISED if raised else words.SAY_INTEREST
    what = line(named(hook["name"], lang, hook["kind"]))
    return (say(pair, lang, what=what, when=words.short_time(_at(hook["at_ms"]), zone, lang, now)),)


def _activity(item: Mapping[str, Any], zone: str, lang: Lang, now: datetime) -> str:
    name = line(named(item.get("name"), lang, item["kind"]))
    when = words.short_time(_at(item["at_ms"]), zone, lang, now)
    return (
        f"{when}　{name}{words.times(item.get('count', 1), lang)}"
        if lang == "ja"
        else (f"{when}  {name}{words.times(item.get('count', 1), lang)}")
    )


def _stage(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    stage = named(lead.get("stage_name"), lang, lead.get("buying_stage"))
    if stage is None:
        return ()
    detail = (
        [f"適合 {lead['fit_grade']}" if lang == "ja" else f"fit {lead['fit_grade']}"]
        if lead.get("fit_grade")
        else []
    )
    if lead.get("engagement") is not None:
        points = f"{lead['engagement']:.0f}"
        detail.append(f"関心度 {points}" if lang == "ja" else f"engagement {points}")
    if not detail:
        return (line(stage),)
    return (
        f"{line(stage)}（{'、'.join(detail)}）" if lang == "ja" else f"{line(stage)} ({', '.join(detail)})",
    )


def _interests(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    most = [line(named(item.get("name"), lang, item["kind"])) for item in lead.get("interests") or ()]
    lines = [("、" if lang == "ja" else ", ").join(most)] if most else []
    if campaign := lead.get("campaign"):
        lines.append(f"キャンペーン: {line(campaign)}" if lang == "ja" else f"Campaign: {line(campaign)}")
    return tuple(lines)


def _why_you(body: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    why = body.get("why")
    if body["kind"] in OF_ANOTHER:
        return ()
    if why is None:  # written by a version before this one
        return (line(body["because"]),) if body.get("because") else ()
    rule = line(named(why.get("rule_name"), lang, why["rule"]))
    pool = line(named(why.get("pool"), lang, "-"))
    if body["kind"] == "claim_open":
        return (with_rule(say(words.OPEN_TO_YOU, lang, pool=pool), rule, lang),)
    return (why_you_words(why["strategy"], pool, rule, lang),)
