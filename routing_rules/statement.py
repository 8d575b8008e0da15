"""A rep's statement: every turn of their pools in words, taken or not, and why ("why not me?")."""

from collections.abc import Mapping
from typing import Any, Final

from routing_rules.comparing import turns_of, why_picked
from schemas.base import Lang

#: Why a rep was passed over -> words; {n} is the count against the limit.
_SKIPPED: Final = {
    "absent": ("不在でした", "you were absent"),
    "closed": ("勤務時間外でした", "you were off hours"),
    "out_of_rotation": (
        "期限を過ぎたリードがあり、配分から一時的に外れていました",
        "a missed deadline had taken you out of rotation for a while",
    ),
    "full": ("持っているリードが上限でした（{n}）", "you held as many leads as you may ({n})"),
    "day_full": ("本日の上限に達していました（{n}）", "you had reached your limit for the day ({n})"),
    "cap_hour": ("1時間の上限に達していました（{n}）", "you had reached your cap per hour ({n})"),
    "cap_day": ("1日の上限に達していました（{n}）", "you had reached your cap per day ({n})"),
    "cap_week": ("1週間の上限に達していました（{n}）", "you had reached your cap per week ({n})"),
    "cap_month": ("1か月の上限に達していました（{n}）", "you had reached your cap per month ({n})"),
    "had_it": ("以前に担当または辞退したリードでした", "you had this lead before"),
    "inactive": ("配分の対象から外れています", "you are not active"),
    "no_weight": ("このプールでの重みが0です", "your weight in this pool is 0"),
    "claimed": ("{who}さんが先に引き受けました", "{who} claimed it first"),
}
_TAKEN: Final = {
    "claim": ("あなたが最初に引き受けました", "you claimed it first"),
    "owner": ("あなたの担当先でした", "the account or the lead is yours"),
    "escalation": ("他に受けられる人がいませんでした", "nobody else could take it"),
}
#: Rows of the ledger that no lead made -> words; {turns} may be negative.
_BOOKED: Final = {
    "returned": ("順番を戻しました（{turns} 番、理由: {why}）", "turn given back ({turns}, reason: {why})"),
    "joined": ("プールに加わりました（開始時の持ち分 {turns} 番）", "joined the pool (begins with {turns} turns)"),
    "average": ("復帰: 他の人の平均に揃えました（{turns} 番）", "back: set level with the others ({turns} turns)"),
    "credit": (
        "復帰: 不在中に逃した {makeup} 番を取り戻せます", "back: {makeup} turns missed may be made up",
    ),
    "expired": ("取り戻しの期限が切れました（{makeup} 番）", "turns to make up expired ({makeup})"),
    "carried": ("台帳ができる前からの持ち分です（{turns} 番）", "owed from before the ledger ({turns} turns)"),
}  # fmt: skip


def outcome_of(row: Mapping[str, Any], rep: str) -> str:
    """Return what a turn was to a rep in one word: taken, passed, a gate such as cap_day, or a ledger's kind."""
    if row["kind"] != "taken":
        return str(row["kind"])
    if row["rep"] == rep:
        return "taken"
    why = row["skipped"].get(rep)
    return "passed" if why is None else str(why).partition(" ")[0]


def say(row: Mapping[str, Any], rep: str, lang: Lang, names: Mapping[str, str] | None = None) -> str:
    """Return why a rep had, or had not, this turn.

    Args:
        row: kind, rep, strategy, considered, skipped, amount, makeup and why of a turn.
        rep: whose statement it is.
        lang: of the words.
        names: rep -> what they are called; who is not in it is told by their id.

    """
    who = (names or {}).get(row["rep"] or "", row["rep"])
    column = 0 if lang == "ja" else 1
    outcome = outcome_of(row, rep)
    considered, strategy = row["considered"] or {}, row["strategy"]
    if row["kind"] != "taken":
        turns, makeup = f"{turns_of(row['amount']):+.2f}", f"{abs(turns_of(row['makeup'])):.2f}"
        return _BOOKED[outcome][column].format(turns=turns, makeup=makeup, why=row["why"])
    if outcome == "taken" and strategy in _TAKEN:
        return _TAKEN[strategy][column]
    if outcome in ("taken", "passed"):
        return why_picked(considered, row["rep"], rep, strategy, lang, who)
    numbers = str(row["skipped"][rep]).partition(" ")[2]
    return _SKIPPED[outcome][column].format(n=numbers, who=who)
