"""A proposed change in words, Japanese and English: what to change, what it would have avoided, what it would cost."""

from typing import Any, Final

from routing_rules import explain
from routing_rules.changes import Change
from routing_rules.compiled import CompiledBook
from routing_rules.counted import counted
from routing_rules.fields import FIELDS
from routing_rules.learned_words import field_words
from routing_rules.proposals import Count, Proposal
from schemas.base import Lang

_OPERATOR: Final = {
    "at_least": ("", ""), "gte": ("", ""), "gt": ("", ""), "eq": ("", ""),
    "lte": ("の上限", " (at most)"), "lt": ("の上限", " (under)"), "at_most": ("の上限", " (at most)"),
    "within_days": ("の期間（日）", ", within days,"),
}  # fmt: skip


def change_words(change: Change, book: CompiledBook, lang: Lang) -> str:
    """Say a change: `persona.yaml: “IT decision maker”: raise employees from 50 to 100`."""
    head = f"{change.path[0]}.yaml: "
    place = _place(change, book, lang)
    if place:
        head += f"「{place}」: " if lang == "ja" else f"“{place}”: "
    if change.kind == "drop":
        return head + ("この行を削除する" if lang == "ja" else "drop this line")
    what = _what(change, book, lang)
    if change.kind == "take_out":
        gone = next(one for one in change.before if one not in change.after)
        word = explain.named(change.field, gone, book, lang)
        return head + (f"{what}から{word}を外す" if lang == "ja" else f"take {word} out of {what}")
    if change.kind == "put_in":
        word = explain.named(change.field, change.after[-1], book, lang)
        return head + (f"{what}に{word}を加える" if lang == "ja" else f"add {word} to {what}")
    before, after = (_value(change, value, book, lang) for value in (change.before, change.after))
    up = _is_up(change, book)
    if lang == "ja":
        return f"{head}{what}を{before}から{after}に{'上げる' if up else '下げる'}"
    return f"{head}{'raise' if up else 'lower'} {what} from {before} to {after}"


def _place(change: Change, book: CompiledBook, lang: Lang) -> str:
    """Name the entry that the change is in, by what its owners called it."""
    path, source = change.path, book.source
    if path[:2] == ("persona", "personas"):
        persona = source.persona.personas[int(path[2])]
        if path[3] == "fit":
            rule = persona.fit[int(path[4])]
            name = rule.name.say(lang) if rule.name else ""
        else:
            out = persona.disqualify[int(path[4])]
            name = out.name.say(lang) if out.name else out.reason
        return f"{persona.name.say(lang)} / {name}" if name else persona.name.say(lang)
    if path[0] == "readiness":
        return explain.rule_name(source.readiness.ready[int(path[2])].name, book, lang)
    if path[:2] == ("journey", "evidence"):
        return explain.buying_stage_name(str(path[2]), book, lang)
    return ""


def _what(change: Change, book: CompiledBook, lang: Lang) -> str:
    if change.path[:2] == ("persona", "grades"):
        return f"ランク{change.field}の下限" if lang == "ja" else f"the least fit for grade {change.field}"
    if change.path[-1] == "points":
        return "配点" if lang == "ja" else "its points"
    if change.path[-1] == "sales_may_start_at":
        return "営業を始めてよい段階" if lang == "ja" else "the stage at which sales may start"
    suffix = _OPERATOR.get(str(change.path[-1]), ("", ""))
    return field_words(change.field, book, lang) + (suffix[0] if lang == "ja" else suffix[1])


def _value(change: Change, value: Any, book: CompiledBook, lang: Lang) -> str:
    return f"{value:g}" if isinstance(value, int | float) else explain.named(change.field, value, book, lang)


def _is_up(change: Change, book: CompiledBook) -> bool:
    if isinstance(change.before, int | float):
        return bool(change.after > change.before)
    if change.field == "buying_stage":
        return book.stage_rank[change.after] > book.stage_rank[change.before]
    values = FIELDS[change.field].values
    return values.index(change.after) > values.index(change.before)


def proposal_words(one: Proposal, book: CompiledBook, lang: Lang) -> str:
    """Say a proposal with its counts, those of the newest part apart."""
    change = change_words(one.change, book, lang)
    if lang == "ja":
        return (
            f"{change}: {_counted(one.found, lang)}。見送ったはずのリードの受注率は{_share(one.found)}、"
            f"引き渡し全体では{_base(one.found)}。最新の期間でも同様: {_counted(one.again, lang)}。"
        )
    return (
        f"{change}: {_counted(one.found, lang)}. Of those held back {_share(one.found)} were won, of all handed"
        f" over {_base(one.found)}. It held again in the newest part: {_counted(one.again, lang)}."
    )


def _counted(one: Count, lang: Lang) -> str:
    avoided, declines = one.declines
    lost, all_lost = one.outcomes.get("lost", (0, 0))
    silent, all_silent = one.outcomes.get("silent", (0, 0))
    if lang == "ja":
        parts = [f"{what}{total}件中{some}件" for what, some, total in (
            ("辞退・差し戻し", avoided, declines), ("失注", lost, all_lost), ("音沙汰なし", silent, all_silent),
        ) if total]  # fmt: skip
        return f"{'、'.join(parts)}を避けられ、受注{one.won}件中{one.won_held_back}件を失っていた"
    parts = [f"{some} of {total} {what}" for what, some, total in (
        ("declines", avoided, declines), ("lost deals", lost, all_lost), ("that fell silent", silent, all_silent),
    ) if total]  # fmt: skip
    told = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else "nothing"
    return f"would have avoided {told}, and cost {one.won_held_back} of {counted(one.won, 'won deal')}"


def _share(one: Count) -> str:
    share = one.won_held_back / one.held_back
    return f"{share:.0%} (95 %: {one.low:.0%}-{one.high:.0%})"


def _base(one: Count) -> str:
    return f"{one.won / one.handed_over:.0%}"
