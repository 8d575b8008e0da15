"""What happens next with a lead, and when: data from a judgement, in words at reading time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.compiled import CompiledBook
from routing_rules.facts import gather
from routing_rules.judge import loss_of, without_machines
from routing_rules.rest import Rest, stirred_at
from schemas.base import Lang
from schemas.decision import Judgement
from schemas.lead import LeadState, Standing


@dataclass(frozen=True, slots=True)
class Next:
    """One thing that comes: what, at which instant where one is known, and with what."""

    what: str
    at_ms: int | None = None
    name: str = ""


_WORDS: Final = {
    "any_event": ("新しい行動があればすぐに再判定", "judged again at once when it does anything"),
    "review": ("動きがなくても再判定", "judged again even if nothing happens"),
    "cool_down_ends": ("冷却期間が終わり、営業へ引き渡せるようになる", "the cool-down ends, and sales may have it again"),
    "falls_asleep": ("動きがなければ休眠トラックへ", "asleep, unless it does something"),
    "sunset": ("動きがなければ配信終了", "marketing stops writing, unless it does something"),
    "offered": ("プールの担当者へ打診", "offered to a rep of the pool"),
    "comes_back": ("育成に戻る", "back to nurture"),
    "stays_out": ("事実が変わるまで対象外のまま", "stays out until what is known of it changes"),
    "stays_out_by_rep": ("担当者の判断のため、規則では戻らない", "stays out: a rep said so, and no rule undoes it"),
    "with_sales": ("営業が対応を続ける", "sales goes on with it"),
    "closed": ("取引の結果が変わるまで何もしない", "nothing, until the CRM says otherwise or it asks to talk"),
}  # fmt: skip


def what_comes(
    judged: Judgement, state: LeadState, standing: Standing, book: CompiledBook, now_ms: int
) -> list[Next]:
    """Return what comes next, the soonest first; what has no instant of its own comes last."""
    stage = judged.lifecycle_stage
    if judged.verdict == "ready":
        route = judged.reasons.route
        return [Next("offered", now_ms, "" if route is None else route.pool)]
    if stage in ("mql", "sal", "sql"):
        return [Next("with_sales")]
    if stage == "disqualified":
        by_rep = (judged.reasons.rule or "").startswith(("declined.", "recycled."))
        return [Next("stays_out_by_rep" if by_rep else "stays_out")]
    if stage in ("won", "lost"):
        back = loss_of(state, book) if stage == "lost" else None
        return [Next("closed")] if back is None else [Next("comes_back", back.at_ms, back.track)]
    found = [Next("review", judged.review_at_ms)]
    until = next((one.want for one in judged.reasons.missing if one.field == "cool_down"), None)
    if until is not None:
        found.append(Next("cool_down_ends", until))
    if book.rest is not None and judged.track is not None:
        facts = gather(state, standing, now_ms)
        without_machines(facts, state, book)
        found += _rests(book.rest, stirred_at(state, facts.last, standing, loss_of(state, book)), now_ms)
    dated = sorted(found, key=lambda one: one.at_ms or 0)
    return [*dated, Next("any_event")]


def _rests(rest: Rest, since: int, now_ms: int) -> list[Next]:
    found = []
    if rest.dormant_ms is not None and since + rest.dormant_ms > now_ms:
        found.append(Next("falls_asleep", since + rest.dormant_ms, rest.dormant_track))
    found += [
        Next("sunset", since + rule.silent_ms, rule.id)
        for rule in rest.sunset
        if rule.silent_ms and not rule.age_ms and since + rule.silent_ms > now_ms
    ]
    return found


def next_words(one: Next, book: CompiledBook, lang: Lang, zone: ZoneInfo) -> str:
    """Say what comes: 「2026-12-24 09:00 動きがなければ休眠トラックへ」."""
    words = _WORDS[one.what][0 if lang == "ja" else 1]
    if one.what == "offered" and one.name:
        pool = next((pool for pool in book.source.team.pools if pool.id == one.name), None)
        words += f": {one.name if pool is None else pool.name.say(lang)}"
    if one.at_ms is None or one.what == "offered":
        return words
    at = f"{datetime.fromtimestamp(one.at_ms / 1_000, zone):%Y-%m-%d %H:%M}"
    return f"{at} {words}" if lang == "ja" else f"{at}: {words}"
