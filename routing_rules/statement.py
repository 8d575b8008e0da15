"""A rep's statement: every turn of their pools in words, taken or not, and why ("why not me?")."""

from collections.abc import Mapping
from typing import Any, Final

from routing_rules.turns import TURN
from schemas.base import Lang

#: Why a rep was passed over -> words; {n} is the count against the limit.
_SKIPPED: Final = {
    "absent": ("不在でした", "you were absent"),
    "closed": ("勤務時間外でした", "you were off hours"),
    "full": ("持っているリードが上限でした（{n}）", "you held as many leads as you may ({n})"),
    "day_full": ("本日の上限に達していました（{n}）", "you had reached your limit for the day ({n})"),
    "cap_hour": ("1時間の上限に達していました（{n}）", "you had reached your cap per hour ({n})"),
    "cap_day": ("1日の上限に達していました（{n}）", "you had reached your cap per day ({n})"),
    "cap_week": ("1週間の上限に達していました（{n}）", "you had reached your cap per week ({n})"),
    "cap_month": ("1か月の上限に達していました（{n}）", "you had reached your cap per month ({n})"),
    "had_it": ("以前に担当または見送ったリードでした", "you had this lead before"),
    "inactive": ("配分の対象から外れています", "you are not active"),
    "no_weight": ("このプールでの重みが0です", "your weight in this pool is 0"),
    "claimed": ("{who}さんが先に名乗り出ました", "{who} claimed it first"),
}
_TAKEN: Final = {
    "round_robin": (
        "あなたの番でした（持ち分 {mine} 番、今回の割当 {share} 番）",
        "your turn: you were owed {mine} turns, {share} of them from this lead",
    ),
    "least_loaded": ("あなたが最も空いていました（{mine}）", "you had the least: {mine}"),
    "best_match": ("あなたが最も合っていました（{mine}）", "you matched best: {mine}"),
    "claim": ("あなたが最初に名乗り出ました", "you claimed it first"),
    "owner": ("あなたの担当先でした", "the account or the lead is yours"),
    "escalation": ("他に受けられる人がいませんでした", "nobody else could take it"),
}
_PASSED: Final = {
    "round_robin": (
        "{who}さんの番でした（持ち分 あなた {mine} 番、{who}さん {theirs} 番）",
        "{who}'s turn: you were owed {mine} turns, {who} {theirs}",
    ),
    "least_loaded": (
        "{who}さんの方が空いていました（あなた {mine}、{who}さん {theirs}）",
        "{who} had less: you {mine}, {who} {theirs}",
    ),
    "best_match": (
        "{who}さんが選ばれました（あなた {mine}、{who}さん {theirs}）",
        "{who} was chosen: you {mine}, {who} {theirs}",
    ),
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


def turns_of(units: float) -> float:
    """Return units as turns, to a hundredth."""
    return round(int(units) / TURN, 2) + 0.0  # never -0.0; sums come as decimals


def outcome_of(row: Mapping[str, Any], rep: str) -> str:
    """Return what a turn was to a rep in one word: taken, passed, a gate such as cap_day, or a ledger's kind."""
    if row["kind"] != "taken":
        return str(row["kind"])
    if row["rep"] == rep:
        return "taken"
    why = row["skipped"].get(rep)
    return "passed" if why is None else str(why).partition(" ")[0]


def say(row: Mapping[str, Any], rep: str, lang: Lang) -> str:
    """Return why a rep had, or had not, this turn.

    Args:
        row: kind, rep, strategy, considered, skipped, amount, makeup and why of a turn.
        rep: whose statement it is.
        lang: of the words.

    """
    column = 0 if lang == "ja" else 1
    outcome = outcome_of(row, rep)
    considered, strategy = row["considered"] or {}, row["strategy"]
    if row["kind"] != "taken":
        turns, makeup = f"{turns_of(row['amount']):+.2f}", f"{abs(turns_of(row['makeup'])):.2f}"
        return _BOOKED[outcome][column].format(turns=turns, makeup=makeup, why=row["why"])
    mine = considered.get(rep)
    if outcome == "taken":
        share = f"{turns_of((mine or {}).get('share', 0)):.2f}"
        return _TAKEN[strategy][column].format(mine=_figures(mine, lang), share=share)
    if outcome == "passed":
        theirs = _figures(considered.get(row["rep"]), lang)
        return _PASSED[strategy][column].format(who=row["rep"], mine=_figures(mine, lang), theirs=theirs)
    numbers = str(row["skipped"][rep]).partition(" ")[2]
    return _SKIPPED[outcome][column].format(n=numbers, who=row["rep"])


def _figures(figures: Mapping[str, Any] | None, lang: Lang) -> str:
    """Return what a strategy compared, in brief."""
    if not figures:
        return "-"
    if "owed" in figures:
        return f"{turns_of(figures['owed']):.2f}"
    ja = lang == "ja"
    parts = []
    if "score" in figures:
        names = ("スキル", "言語", "受注率") if ja else ("skills", "language", "win rate")
        values = (figures["skills"], figures["language"], figures["win_rate"])
        detail = ", ".join(f"{name} {value:g}" for name, value in zip(names, values, strict=True))
        parts.append(f"{figures['score']:g}{'点' if ja else ' points'} [{detail}]")
    if "value" in figures:
        parts.append(f"{figures['value']}{' ポイント' if ja else ' value points'}")
    if "open" in figures:
        parts.append(f"{figures['open']} 件" if ja else f"{figures['open']} open")
    if figures.get("weight", 1) != 1:
        parts.append(f"重み {figures['weight']}" if ja else f"weight {figures['weight']}")
    return " / ".join(parts)
