"""Reasons into words, Japanese and English, at reading time: nothing worded is ever stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from routing_rules.compiled import CompiledBook
from routing_rules.counted import counted
from routing_rules.engagement import GROUP_PREFIX, SIGNAL_PREFIX
from routing_rules.field_words import field_words, value_words
from routing_rules.rest import rest_name
from routing_rules.routing import OTHERWISE
from routing_rules.strategy_words import sharing_by
from schemas.base import HOME_ZONE, Lang, Wording
from schemas.decision import Judgement, Missing, Route

_STAGE: Final = {
    "inquiry": ("問い合わせ", "inquiry"),
    "nurture": ("マーケティングで育成中", "held in nurture"),
    "mql": ("営業引き渡し可能 (MQL)", "sales-ready (MQL)"),
    "sal": ("担当者が引き受け済み (SAL)", "accepted by a rep (SAL)"),
    "sql": ("商談化 (SQL)", "opportunity opened (SQL)"),
    "won": ("受注", "won"),
    "lost": ("失注", "lost"),
    "disqualified": ("対象外", "disqualified"),
}
_OPERATOR: Final = {
    "gte": ("{want}以上が必要", "needs at least {want}"),
    "gt": ("{want}超が必要", "needs more than {want}"),
    "lte": ("{want}以下が必要", "needs at most {want}"),
    "lt": ("{want}未満が必要", "needs less than {want}"),
    "eq": ("{want}であることが必要", "needs to be {want}"),
    "ne": ("{want}でないことが必要", "must not be {want}"),
    "in": ("{want}のいずれかが必要", "needs to be one of {want}"),
    "not_in": ("{want}以外が必要", "must not be one of {want}"),
    "at_least": ("{want}以降が必要", "needs to be {want} or further"),
    "within_days": ("{want}日以内にあること", "needed within {days}"),
    "exists": ("必要", "needed"),
    "contains": ("「{want}」を含むことが必要", "needs to contain {want}"),
    "matches": ("{want}に一致することが必要", "needs to match {want}"),
}

_OF: Final = {
    "all": ("次のすべてを満たすこと: {fields}", "all of {fields}"),
    "any": ("次のいずれかを満たすこと: {fields}", "any of {fields}"),
    "none": ("次のいずれにも該当しないこと: {fields}", "none of {fields}"),
}


def _pick(pair: tuple[str, str], lang: Lang) -> str:
    return pair[0] if lang == "ja" else pair[1]


def stage_name(stage: str, lang: Lang) -> str:
    """Return a lifecycle stage in words."""
    return _pick(_STAGE.get(stage, (stage, stage)), lang)


def missing_words(missing: Missing, book: CompiledBook, lang: Lang) -> str:
    """Say one thing that is missing: `関心度: 60以上が必要 (現在 48.2、あと 11.8)`."""
    if missing.operator == "until":
        day = datetime.fromtimestamp(missing.want / 1000, HOME_ZONE)
        return f"冷却期間: {day:%Y-%m-%d} まで" if lang == "ja" else f"cool-down until {day:%Y-%m-%d}"
    if missing.operator == "until_it_acts":
        day = datetime.fromtimestamp(missing.want / 1000, HOME_ZONE)
        ja = f"{day:%Y-%m-%d} に取り込んだ過去の記録のみ: その後の本人の行動を待つ"
        return (
            ja
            if lang == "ja"
            else f"known from history imported on {day:%Y-%m-%d} only: waits for an act since"
        )
    if missing.operator == "of":
        comma = "、" if lang == "ja" else ", "
        fields = comma.join(field_name(name, book, lang) for name in missing.want)
        return _pick(_OF[missing.field], lang).format(fields=fields)
    name = field_name(missing.field, book, lang)
    if missing.operator == "activity":
        most = missing.want.get("at_most")
        is_over = most is not None and missing.have > most
        times = most if is_over else missing.want.get("at_least", 1)
        days = missing.want.get("within_days")
        within = (
            ""
            if days is None
            else (f"{days:g}日以内に" if lang == "ja" else " within " + counted(f"{days:g}", "day"))
        )
        if lang == "ja":
            return f"{name}: {within}{times:g}回{'以下' if is_over else '以上'} (現在 {missing.have}回)"
        return f"{name}: at {'most' if is_over else 'least'} {times:g}{within} (now {missing.have})"
    want, now = (named(missing.field, value, book, lang) for value in (missing.want, missing.have))
    words = _pick(_words(missing), lang).format(want=want, days=counted(str(want), "day"))
    have = "" if missing.have is None else f"現在 {now}" if lang == "ja" else f"now {now}"
    gap = _gap(missing, lang)
    detail = (
        "、".join(p for p in (have, gap) if p) if lang == "ja" else ", ".join(p for p in (have, gap) if p)
    )
    return f"{name}: {words}" + (f" ({detail})" if detail else "")


def all_missing(missing: Sequence[Missing], book: CompiledBook, lang: Lang) -> str:
    """Say all that is missing in one line."""
    return ("／" if lang == "ja" else "; ").join(missing_words(item, book, lang) for item in missing)


def _words(missing: Missing) -> tuple[str, str]:
    """Return the words of an operator; a grade is better, only a stage is further."""
    if missing.operator == "at_least" and missing.field != "buying_stage":
        return ("{want}以上が必要", "needs to be {want} or better")
    if missing.operator == "exists" and missing.want is False:
        return ("ないことが必要", "must not be known")
    return _OPERATOR.get(missing.operator, ("{want}", "{want}"))


def named(field: str, value: Any, book: CompiledBook, lang: Lang) -> str:
    """Return a value in words: a buying stage and a persona by the names that both teams wrote."""
    if isinstance(value, str):
        if field == "buying_stage":
            return buying_stage_name(value, book, lang)
        if field == "persona":
            return persona_name(value, book, lang)
    elif isinstance(value, list | tuple) and field in ("buying_stage", "persona"):
        return ("、" if lang == "ja" else ", ").join(named(field, one, book, lang) for one in value)
    return value_words(field, value, lang)


def buying_stage_name(stage: str, book: CompiledBook, lang: Lang) -> str:
    """Return a buying stage's name as both teams wrote it."""
    return _said(book.source.journey.names.get(stage), stage, lang)


def rule_name(rule: str | None, book: CompiledBook, lang: Lang) -> str:
    """Return the name of a ready rule or disqualifier as both teams wrote it."""
    names = {one.name: one.title for one in book.source.readiness.ready}
    names |= {out.reason: out.name for persona in book.source.persona.personas for out in persona.disqualify}
    return _said(names.get(rule or ""), rule or "-", lang)


def route_name(rule: str, book: CompiledBook, lang: Lang) -> str:
    """Return the name of a routing rule as ops wrote it."""
    routing = book.source.routing
    titles = {one.name: one.title for one in routing.rules} | {OTHERWISE: routing.otherwise.title}
    untitled = "該当する規則なし" if rule == OTHERWISE and lang == "ja" else rule
    return _said(titles.get(rule), untitled, lang)


def pool_name(pool: str, book: CompiledBook, lang: Lang) -> str:
    """Return a pool's name as ops wrote it."""
    spec = next((item for item in book.source.team.pools if item.id == pool), None)
    return _said(spec.name if spec else None, pool, lang)


def policy_name(policy: str, book: CompiledBook, lang: Lang) -> str:
    """Return the name of a policy of sla.yaml as both sides wrote it."""
    spec = book.policies.get(policy)
    return _said(spec.name if spec else None, policy, lang)


def route_words(route: Route, book: CompiledBook, lang: Lang) -> str:
    """Say where a lead goes: `インサイドセールス（規則: 商談のご希望）`."""
    pool, rule = pool_name(route.pool, book, lang), route_name(route.rule, book, lang)
    return f"{pool}（規則: {rule}）" if lang == "ja" else f"{pool} (rule: {rule})"


def sharing_words(route: Route, book: CompiledBook, lang: Lang) -> str:
    """Say how a pool shares a lead and what it is promised: `手持ちが最も少ない担当者、SLA「最優先」`."""
    sla = policy_name(route.sla, book, lang)
    how = sharing_by(route.strategy, lang)
    return f"{how}、SLA「{sla}」" if lang == "ja" else f"{how}, SLA “{sla}”"


def _gap(missing: Missing, lang: Lang) -> str:
    if missing.operator != "gte" or not isinstance(missing.have, int | float):
        return ""
    short = value_words(missing.field, float(round(missing.want - missing.have, 2)), lang)
    return f"あと {short}" if lang == "ja" else f"{short} short"


def field_name(field: str, book: CompiledBook, lang: Lang) -> str:
    """Return a field in words; an activity by its name in scoring.yaml."""
    if field.startswith("activity."):
        return activity_name(field.removeprefix("activity."), book, lang)
    return field_words(field, lang)


def activity_name(kind: str, book: CompiledBook, lang: Lang) -> str:
    """Return the name of an activity, a signal or a group's ceiling as ops wrote it."""
    scoring = book.source.scoring
    if kind.startswith(GROUP_PREFIX):
        name = kind.removeprefix(GROUP_PREFIX)
        group = scoring.groups.get(name)
        said = _said(group.name if group else None, name, lang)
        return f"上限超過分: {said}" if lang == "ja" else f"beyond the ceiling of: {said}"
    if kind.startswith(SIGNAL_PREFIX):
        name = kind.removeprefix(SIGNAL_PREFIX)
        signal = scoring.signals.get(name)
        return _said(signal.name if signal else None, name, lang)
    rule = scoring.activities.get(kind)
    return _said(rule.name if rule else None, kind, lang)


def track_name(track: str | None, book: CompiledBook, lang: Lang) -> str:
    """Return a nurture track's name as ops wrote it."""
    spec = next((item for item in book.source.nurture.tracks if item.id == track), None)
    return _said(spec.name if spec else None, track or "-", lang)


def persona_name(persona: str | None, book: CompiledBook, lang: Lang) -> str:
    """Return a persona's name as both teams wrote it."""
    spec = next((item for item in book.source.persona.personas if item.id == persona), None)
    return _said(spec.name if spec else None, persona or "-", lang)


def _said(name: Wording | None, fallback: str, lang: Lang) -> str:
    return fallback if name is None else name.say(lang)


def decided_by(rule: str, book: CompiledBook, lang: Lang) -> str:
    """Say the rule of a decision as ops named it: a ready rule, a rule of rest, a rep's reason, a CRM's word."""
    named = rest_name(rule, book.source.nurture)
    if named is not None:
        return str(named.say(lang))
    kind, _, name = rule.partition(".")
    if kind in ("declined", "recycled") and name in book.reasons:
        told = book.reasons[name].name.say(lang)
        verb = {"declined": ("辞退", "declined"), "recycled": ("差し戻し", "handed back")}[kind]
        return f"{verb[0]}: {told}" if lang == "ja" else f"{verb[1]}: {told}"
    if rule in _RULES:
        return _RULES[rule][0 if lang == "ja" else 1]
    return rule_name(rule, book, lang)


_RULES: Final = {
    "dormant": ("長期間動きなし（休眠）", "no activity for long (dormant)"),
    "consent_withdrawn": ("連絡の許可を取り消し", "permission to be contacted withdrawn"),
    "outcome.sql": ("CRM: 商談化", "CRM: opportunity opened"),
    "outcome.won": ("CRM: 受注", "CRM: won"),
    "outcome.lost": ("CRM: 失注", "CRM: lost"),
    "accepted": ("担当者が引き受け", "accepted by its rep"),
}


def sentence(judged: Judgement, book: CompiledBook, lang: Lang) -> str:
    """Say a judgement in one sentence."""
    reasons = judged.reasons
    persona = persona_name(judged.persona, book, lang)
    stage = buying_stage_name(judged.buying_stage, book, lang)
    if lang == "ja":
        head = f"{persona}への適合 {judged.fit} ({judged.fit_grade})、関心度 {judged.engagement:g}、検討段階 {stage}。"
    else:
        head = f"Fit {judged.fit} ({judged.fit_grade}) for {persona}, engagement {judged.engagement:g}, stage {stage}. "
    return head + _verdict_words(judged, reasons.missing, book, lang)


def sentence_of_record(made: Judgement, book: CompiledBook, lang: Lang) -> str:
    """Say what is on record of a decision that would come out otherwise today: its verdict, and what was missing.

    Args:
        made: verdict, stage, points and reasons of the record; the rest of it is not asked.
        book: the rulebook of the decision.
        lang: the reader's language.

    """
    if made.verdict not in ("nurture", "recycle"):
        return _verdict_words(made, made.reasons.missing, book, lang) + _OTHERWISE[lang]
    lacking = all_missing(made.reasons.missing, book, lang) or "-"
    held = f"育成します。不足: {lacking}。" if lang == "ja" else f"Held in nurture. Missing: {lacking}."
    return held + _OTHERWISE[lang]


_OTHERWISE: Final = {
    "ja": "以前のバージョンの Tasuki による判定です（当時の適合度と検討段階は記録されていません）。",
    "en": " Decided by an earlier version of Tasuki: fit and buying stage of that day are not on record.",
}


def _verdict_words(judged: Judgement, missing: Sequence[Missing], book: CompiledBook, lang: Lang) -> str:
    rule = rule_name(judged.reasons.rule, book, lang)
    route = judged.reasons.route
    if judged.verdict == "ready":
        to = "" if route is None else f" → {route_words(route, book, lang)}"
        return (
            f"規則「{rule}」により営業へ引き渡します{to}。"
            if lang == "ja"
            else f"Ready for sales by rule “{rule}”{to}."
        )
    if judged.verdict == "disqualify":
        return f"対象外: {rule}。" if lang == "ja" else f"Disqualified: {rule}."
    if judged.verdict == "unchanged":
        stage = stage_name(judged.lifecycle_stage, lang)
        return f"現在: {stage}。" if lang == "ja" else f"Now: {stage}."
    lacking = all_missing(missing, book, lang)
    if judged.track is None:
        because = decided_by(judged.reasons.rule or "", book, lang)
        return (
            f"配信を終了し、育成を休止します（{because}）。不足: {lacking}。"
            if lang == "ja"
            else f"Marketing has stopped writing to it ({because}). Missing: {lacking}."
        )
    track = track_name(judged.track, book, lang)
    if lang == "ja":
        return f"トラック「{track}」で育成します。不足: {lacking}。"
    return f"Held on track “{track}”. Missing: {lacking}."
