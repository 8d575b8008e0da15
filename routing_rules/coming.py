"""What happens next with a lead, and when: data from a judgement, in words at reading time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.compiled import CompiledBook
from routing_rules.explain import pool_name
from routing_rules.facts import Facts
from routing_rules.judge import facts_as_judged
from routing_rules.outcome import loss_of
from routing_rules.rest import Rest, stirred_at, sunsets
from routing_rules.waiting_words import waiting_words
from schemas.base import Lang
from schemas.decision import Judgement
from schemas.lead import LeadState, Standing


@dataclass(frozen=True, slots=True)
class Next:
    """One thing that comes: what, at which instant where one is known, and with what."""

    what: str
    at_ms: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class InLine:
    """Why a sales-ready lead waits in the line of its pool, and when it is looked at again."""

    reason: str | None
    look_again_ms: int


_WORDS: Final = {
    "any_event": ("新しい行動があればすぐに再判定", "judged again at once when it does anything"),
    "review": ("動きがなくても再判定", "judged again even if nothing happens"),
    "cool_down_ends": ("冷却期間が終わり、営業へ引き渡せるようになる", "the cool-down ends, and sales may have it again"),
    "falls_asleep": ("動きがなければ休眠トラックへ", "asleep, unless it does something"),
    "sunset": ("動きがなければ配信終了", "marketing stops writing, unless it does something"),
    "sunset_by_age": ("登録から長く経つため配信終了", "marketing stops writing: it has been known for so long"),
    "offered": ("プールの担当者へ打診", "offered to a rep of the pool"),
    "comes_back": ("育成に戻る", "back to nurture"),
    "stays_out": ("判明している情報が変わるまで対象外のまま", "stays out until what is known of it changes"),
    "stays_out_by_rep": ("担当者の判断のため、規則では戻らない", "stays out: a rep said so, and no rule undoes it"),
    "waits_for_rep": ("担当者が引き受けるのを待つ", "waits until a rep takes it"),
    "in_line": ("担当者を再度探す", "looked at again for a rep"),
    "with_sales": ("営業が対応を続ける", "sales goes on with it"),
    "won": ("CRM の商談結果が変わるまで何もしない", "nothing, until the CRM says otherwise"),
    "lost": ("CRM の商談結果が変わるか、本人が面談を希望するまで何もしない", "nothing, until the CRM says otherwise or it asks to talk"),
}  # fmt: skip


def what_comes(
    judged: Judgement,
    state: LeadState,
    standing: Standing,
    book: CompiledBook,
    now_ms: int,
    account_owner: str | None = None,
    in_line: InLine | None = None,
) -> list[Next]:
    """Return what comes next, the soonest first; what has no instant of its own comes last.

    Args:
        judged: the judgement of that instant.
        state: the fold of the lead's events.
        standing: where it is in our process.
        book: the compiled rulebook.
        now_ms: the instant.
        account_owner: the rep who owns its account, if one does.
        in_line: where it waits, if it is in a line and no rep was asked yet.

    """
    stage = judged.lifecycle_stage
    if judged.verdict == "ready":
        route = judged.reasons.route
        return [Next("offered", now_ms, "" if route is None else route.pool)]
    if stage == "mql" and in_line is not None:
        return [Next("in_line", in_line.look_again_ms, in_line.reason or "")]
    if stage in ("mql", "sal", "sql"):
        return [Next("waits_for_rep" if stage == "mql" else "with_sales")]
    if stage == "disqualified":
        by_rep = (judged.reasons.rule or "").startswith(("declined.", "recycled."))
        return [Next("stays_out_by_rep" if by_rep else "stays_out")]
    if stage in ("won", "lost"):
        back = loss_of(state, book) if stage == "lost" else None
        return [Next(stage)] if back is None else [Next("comes_back", back.at_ms, back.track)]
    found = [Next("review", judged.review_at_ms)]
    until = next((one.want for one in judged.reasons.missing if one.field == "cool_down"), None)
    if until is not None:
        found.append(Next("cool_down_ends", until))
    if book.rest is not None and judged.track is not None:
        facts = facts_as_judged(judged, state, standing, book, now_ms, account_owner)
        since = stirred_at(state, facts.last, standing, loss_of(state, book))
        found += _rests(state, facts, book.rest, since)
    dated = sorted(found, key=lambda one: one.at_ms or 0)
    return [*dated, Next("any_event")]


def _rests(state: LeadState, facts: Facts, rest: Rest, since: int) -> list[Next]:
    """Return when it falls asleep, and the sunset that comes first: after it nothing else is planned."""
    found = []
    first = min(sunsets(state, facts, rest, since), key=lambda one: one[1], default=None)
    if first is not None:
        rule, at_ms = first
        found.append(Next("sunset" if rule.silent_ms else "sunset_by_age", at_ms, rule.id))
    asleep_ms = None if rest.dormant_ms is None else since + rest.dormant_ms
    if asleep_ms is not None and asleep_ms > facts.now_ms and (first is None or asleep_ms < first[1]):
        found.append(Next("falls_asleep", asleep_ms, rest.dormant_track))
    return found


def next_words(one: Next, book: CompiledBook, lang: Lang, zone: ZoneInfo) -> str:
    """Say what comes: 「2026-12-24 09:00 動きがなければ休眠トラックへ」."""
    words = _WORDS[one.what][0 if lang == "ja" else 1]
    if one.what == "offered" and one.name:
        words += f": {pool_name(one.name, book, lang)}"
    if one.what == "in_line":
        why = waiting_words(one.name, lang)
        words += f"（{why}）" if lang == "ja" else f": {why}"
    if one.at_ms is None or one.what == "offered":
        return words
    at = f"{datetime.fromtimestamp(one.at_ms / 1_000, zone):%Y-%m-%d %H:%M}"
    return f"{at} {words}" if lang == "ja" else f"{at}: {words}"
