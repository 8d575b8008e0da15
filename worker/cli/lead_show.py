"""What `tasuki lead show` prints: a lead as cards and short tables, in words, on eighty columns."""

from typing import Any, Final

from routing_rules.explain import (
    buying_stage_name,
    field_name,
    named,
    persona_name,
    policy_name,
    pool_name,
    route_name,
    stage_name,
    track_name,
)
from routing_rules.waiting_words import waiting_words
from schemas.base import Lang
from worker.cli.common import print_card, print_table
from worker.explaining import rep_with_id
from worker.rulebooks import Loaded
from worker.web.words import end_words
from worker.zone import local_time

_Pair = tuple[str, str]
_Rows = list[tuple[str, Any]]

_SAID: Final[dict[str, _Pair]] = {
    "lead": ("リード", "lead"),
    "unnamed": ("（お名前未登録）", "(name not known)"),
    "company": ("会社", "company"),
    "email": ("メール", "mail"),
    "phone": ("電話", "phone"),
    "keys": ("識別キー", "keys"),
    "account": ("アカウント", "account"),
    "stage": ("状態", "stage"),
    "persona": ("ペルソナ", "persona"),
    "fit": ("適合度", "fit"),
    "engagement": ("関心度", "engagement"),
    "buying_stage": ("検討段階", "buying stage"),
    "track": ("トラック", "track"),
    "needs": ("引き渡しまで", "until it is ready"),
    "next": ("今後", "what comes next"),
    "handed_back": ("差し戻し回数", "times handed back"),
    "cool_down": ("冷却期間の終わり", "cools down until"),
    "review": ("次の再判定", "judged again by"),
    "rep": ("担当者", "rep"),
    "waits": ("待機中", "waits"),
    "look_again": ("次に担当者を探す時刻", "looked at again"),
    "pool": ("プール", "pool"),
    "rule": ("規則", "rule"),
    "promise": ("SLA", "SLA"),
    "rulebook": ("ルールブック", "rulebook"),
    "created": ("登録", "known since"),
    "updated": ("更新", "changed"),
    "assignment": ("割り当て", "assignment"),
    "offered": ("打診", "offered"),
    "accepted": ("引き受け", "accepted"),
    "contacted": ("初回連絡", "contacted"),
    "ended": ("終了", "ended"),
    "facts": ("判明していること", "what is known"),
    "opportunities": ("商談", "opportunities"),
    "events": ("最近の出来事", "newest events"),
}
_COLUMNS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "facts": (("項目", "値", "情報源", "日時"), ("field", "value", "source", "at")),
    "opportunities": (
        ("商談", "状況", "段階", "金額", "理由", "日時"),
        ("opportunity", "status", "stage", "amount", "reason", "at"),
    ),
    "events": (("日時", "出来事", "送信元", "イベントID"), ("at", "event", "source", "event id")),
}
_CLOCK: Final[dict[str, _Pair]] = {
    "accept": ("引き受けの期限", "accept by"),
    "contact": ("初回連絡の期限", "contact by"),
    "follow_up": ("再連絡の期限", "follow up by"),
}
_ENDED_CLOCK: Final[dict[str, _Pair]] = {
    "breached_at": ("{at} に超過", "missed at {at}"),
    "met_at": ("{at} に達成", "met at {at}"),
    "cancelled_at": ("{at} に取り消し", "cancelled at {at}"),
}
_EVENT: Final[dict[str, _Pair]] = {
    "lead.captured": ("情報の登録", "details"),
    "lead.activity": ("行動", "activity"),
    "lead.consent": ("連絡の許可", "permission"),
    "outcome.opened": ("商談化", "opportunity opened"),
    "outcome.won": ("受注", "won"),
    "outcome.lost": ("失注", "lost"),
    "outcome.activity": ("営業の活動", "act of sales"),
}
_STATUS: Final[dict[str, _Pair]] = {
    "opened": ("進行中", "open"),
    "won": ("受注", "won"),
    "lost": ("失注", "lost"),
}
_SOURCE: Final[dict[str, _Pair]] = {
    "declared": ("申告", "declared"),
    "title table": ("役職の表", "title table"),
    "industry table": ("業種の表", "industry table"),
    "domain": ("ドメイン", "domain"),
    "email": ("メールアドレス", "address"),
    "phone": ("電話番号", "phone number"),
    "region": ("地域", "region"),
    "country": ("国", "country"),
    "title": ("肩書", "title"),
    "company": ("会社名", "company name"),
}


def show_lead(lead: dict[str, Any], loaded: Loaded, lang: Lang) -> None:
    """Print a lead for people.

    Args:
        lead: what `tasuki lead show --json` prints.
        loaded: the rulebook in force, for names.
        lang: the reader's language.

    """
    name = lead["name"] or _say("unnamed", lang)
    title = f"{_say('lead', lang)} {lead['lead_id']}: {name}" + (
        f" / {lead['company']}" if lead["company"] else ""
    )
    print_card(title, _known(lead["facts"], lead, lang) + _judged(lead, loaded, lang) + _record(lead, lang))
    for one in lead["assignments"]:
        number = one["assignment_id"]
        clocks = [clock for clock in lead["clocks"] if clock["assignment_id"] == number]
        print_card(f"{_say('assignment', lang)} {number}", _assignment(one, clocks, loaded, lang))
    _table("opportunities", [
        (one["opportunity"], _of(_STATUS, one["status"], lang), one["stage"], _amount(one), one["reason"],
         one["at"]) for one in lead["opportunities"]
    ], lang)  # fmt: skip
    _table("facts", [
        (field_name(one["field"], loaded.book, lang), named(one["field"], one["value"], loaded.book, lang),
         _of(_SOURCE, one["source"], lang), one["at"]) for one in lead["facts"]
    ], lang)  # fmt: skip
    _table("events", [
        (one["occurred_at"], _of(_EVENT, one["type"], lang), one["source"], one["event_id"]) for one in lead["events"]
    ], lang)  # fmt: skip


def _say(word: str, lang: Lang) -> str:
    return _SAID[word][0 if lang == "ja" else 1]


def _of(pairs: dict[str, _Pair], code: str, lang: Lang) -> str:
    return pairs.get(code, (code, code))[0 if lang == "ja" else 1]


def _known(facts: list[dict[str, Any]], lead: dict[str, Any], lang: Lang) -> _Rows:
    phone = next((one["value"] for one in facts if one["field"] == "person.phone"), None)
    keys = ", ".join(f"{kind}={value}" for kind, value in lead["keys"])
    rows = [("email", lead["email"]), ("phone", phone), ("account", lead["account"]), ("keys", keys)]
    return [(_say(word, lang), value) for word, value in rows if value]


def _judged(lead: dict[str, Any], loaded: Loaded, lang: Lang) -> _Rows:
    """Return how the lead stands: what both teams would say of it, in their own names."""
    book, held, waits = loaded.book, lead["nurture"], lead["waiting"]
    rows: _Rows = [
        ("stage", stage_name(lead["lifecycle_stage"], lang)),
        ("persona", lead["persona"] and persona_name(lead["persona"], book, lang)),
        ("fit", lead["fit_grade"] and f"{lead['fit_grade']} ({lead['fit']})"),
        ("engagement", f"{lead['engagement']:g}"),
        ("buying_stage", lead["buying_stage"] and buying_stage_name(lead["buying_stage"], book, lang)),
    ]
    if held is not None:
        rows += [
            ("track", track_name(lead["track"], book, lang)),
            ("needs", held["needs"][lang]),
            ("next", "\n".join(one[lang] for one in held["next"])),
        ]
    if waits is not None:
        rows += [
            ("waits", f"{pool_name(waits['pool'], book, lang)}: {waiting_words(waits['reason'], lang)}"),
            ("look_again", waits["look_again_at"]),
            ("rule", route_name(waits["rule"], book, lang)),
            ("promise", policy_name(waits["sla"], book, lang)),
        ]
    rows += [
        ("rep", lead["owner"] and rep_with_id(lead["owner"], loaded, lang)),
        ("handed_back", lead["recycle_count"] or None),
        ("cool_down", lead["cool_down_until"]),
        ("review", lead["review_at"]),
    ]
    return [(_say(word, lang), value) for word, value in rows if value not in (None, "")]


def _record(lead: dict[str, Any], lang: Lang) -> _Rows:
    return [(_say(word, lang), lead[key]) for word, key in (
        ("created", "created_at"), ("updated", "updated_at"), ("rulebook", "rulebook_version"),
    )]  # fmt: skip


def _assignment(one: dict[str, Any], clocks: list[dict[str, Any]], loaded: Loaded, lang: Lang) -> _Rows:
    book = loaded.book
    ended = one["ended_at"] and f"{local_time(one['ended_at'])} ({end_words(one['end_reason'] or '', lang)})"
    rows: _Rows = [
        (_say("rep", lang), rep_with_id(one["rep"], loaded, lang)),
        (_say("pool", lang), pool_name(one["pool"], book, lang)),
        (_say("rule", lang), route_name(one["rule"], book, lang)),
        *((_say(word, lang), one[f"{word}_at"]) for word in ("offered", "accepted", "contacted")),
        (_say("ended", lang), ended),
    ]
    rows = [row for row in rows if row[1] is not None]
    policy = clocks and policy_name(clocks[-1]["policy"], book, lang)
    return [*rows, *((_of(_CLOCK, clock["kind"], lang), _clock(clock, lang)) for clock in clocks),
            *([(_say("promise", lang), policy)] if policy else [])]  # fmt: skip


def _clock(clock: dict[str, Any], lang: Lang) -> str:
    parts = [local_time(clock["due_at"])]
    for column, (ja, en) in _ENDED_CLOCK.items():
        if clock[column] is not None:
            parts.append((ja if lang == "ja" else en).format(at=local_time(clock[column])))
    return ("、" if lang == "ja" else ", ").join(parts)


def _amount(one: dict[str, Any]) -> str | None:
    return None if one["amount"] is None else f"{one['amount']:,.15g} {one['currency'] or ''}".rstrip()


def _table(name: str, rows: list[tuple[Any, ...]], lang: Lang) -> None:
    """Print a table, if it has rows."""
    if rows:
        print_table(f"\n{_say(name, lang)}", _COLUMNS[name][0 if lang == "ja" else 1], rows)
