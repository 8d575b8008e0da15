"""In words: what falls when, must-haves, and what machines did. Japanese and English, at reading time."""

from datetime import UTC, datetime, tzinfo

from routing_rules.compiled import CompiledBook
from routing_rules.explain import activity_name, buying_stage_name, rule_name
from routing_rules.outlook import Fall
from schemas.base import Lang
from schemas.decision import Reasons

#: Why an open or a click counts nothing.
_WHY = {
    "soon": ("送信直後（自動アクセス）", "seconds after the mail was sent"),
    "burst": ("一斉のアクセス（自動）", "many at once"),
    "links": ("メール内のリンクを一斉にクリック（自動）", "many links of one mail at once"),
    "told": ("送信元が自動アクセスと判定", "said to be a machine"),
    "too_many": ("1日あたりの件数が多すぎる", "too many in a day to tell apart"),
    "too_old": ("古いため判別不可", "too old to tell apart"),
}


def fall_words(fall: Fall, book: CompiledBook, lang: Lang, zone: tzinfo = UTC) -> str:
    """Say one thing that ends: `engagement falls below 60 on 2026-10-12 00:00 UTC (to 59.2)`.

    Args:
        fall: what `outlook` found.
        book: the rulebook, for the names.
        lang: of the words.
        zone: in which the instant is said.

    """
    local = datetime.fromtimestamp(fall.at_ms / 1000, UTC).astimezone(zone)
    at = f"{local:%Y-%m-%d %H:%M} {local.tzname()}"
    if fall.field == "engagement":
        if lang == "ja":
            return f"関心度は {at} に {fall.line:g} を下回ります（{fall.then:g} になります）"
        return f"engagement falls below {fall.line:g} on {at} (to {fall.then:g})"
    if fall.field == "buying_stage":
        stage, then = (buying_stage_name(one, book, lang) for one in (fall.line, fall.then))
        if lang == "ja":
            return f"検討段階は {at} に「{stage}」から「{then}」へ戻ります"
        return f"buying stage falls from {stage} to {then} on {at}"
    rule = rule_name(fall.line, book, lang)
    return f"引き渡し条件（いま「{rule}」）は {at} に満たされなくなります" if lang == "ja" else (
        f"meets no readiness rule from {at} on (now “{rule}”)"
    )  # fmt: skip


def filtered_words(reasons: Reasons, book: CompiledBook, lang: Lang) -> list[tuple[str, str, int]]:
    """Return what machines did: activity, why it counts nothing, how often."""
    column = 0 if lang == "ja" else 1
    return [
        (activity_name(kind, book, lang), _WHY.get(why, (why, why))[column], count)
        for kind, whys in reasons.filtered.items()
        for why, count in whys.items()
    ]


def must_words(
    persona_id: str | None, reasons: Reasons, book: CompiledBook, lang: Lang
) -> list[tuple[str, str]]:
    """Return the must-haves of a lead's persona, and whether it has each."""
    persona = next((one for one in book.source.persona.personas if one.id == persona_id), None)
    said = []
    for index, must in enumerate(persona.must if persona else ()):
        name = must.name.say(lang) if must.name else str(must.when)
        said.append((name, _met(index, reasons, lang)))
    return said


def _met(index: int, reasons: Reasons, lang: Lang) -> str:
    ja = lang == "ja"
    if index in reasons.unknown:
        if index in reasons.lacks:
            return "不明（確認できるまで対象外）" if ja else "not known: cannot fit until it is"
        return "不明（可とする）" if ja else "not known: let in"
    if index in reasons.lacks:
        return "満たさない（適合しない）" if ja else "lacking: cannot fit"
    return "満たす" if ja else "met"


def known_words(persona_id: str | None, reasons: Reasons, book: CompiledBook, lang: Lang) -> str:
    """Say how much of the fit is known, and how high it could be if all that is not known held."""
    persona = next((one for one in book.source.persona.personas if one.id == persona_id), None)
    share = f"{reasons.known:.0%}"
    if persona is None or reasons.known >= 1 or reasons.lacks:
        return f"判明 {share}" if lang == "ja" else f"{share} known"
    most = sum(rule.points for rule in persona.fit)
    earned = sum(rule.points for index, rule in enumerate(persona.fit) if index in reasons.fit_rules)
    top = round(100 * min(1.0, earned / most + 1 - reasons.known))
    return f"判明 {share}、最大 {top}" if lang == "ja" else f"{share} known, up to {top}"
