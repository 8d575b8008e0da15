"""What a strategy compared, into words: who got the lead, by which figure, and when only the lot could decide."""

from collections.abc import Mapping
from typing import Any, Final

from routing_rules.strategies import CLOSE
from routing_rules.turns import TURN
from schemas.base import Lang

Figures = Mapping[str, Any]

#: By what it was decided -> words for who got the lead, and for who did not; {mine} and {theirs} are figures.
_ROUND_ROBIN: Final = {
    "alone": (
        ("あなたの番でした（持ち分 {mine} 番、今回の割当 {share} 番）",
         "your turn: you were owed {mine} turns, {share} of them from this lead"),
    ),
    "owed": (
        ("あなたの番でした（持ち分 {mine} 番、今回の割当 {share} 番）",
         "your turn: you were owed {mine} turns, {share} of them from this lead"),
        ("{who}さんの番でした（持ち分 あなた {mine} 番、{who}さん {theirs} 番）",
         "{who}'s turn: you were owed {mine} turns, {who} {theirs}"),
    ),
    "deadline": (
        ("あなたの番でした（持ち分 {mine} 番。先に1番分に達するため）",
         "your turn: you were owed {mine} turns, and would have been owed a whole one first"),
        ("{who}さんの番でした（持ち分 あなた {mine} 番、{who}さん {theirs} 番。先に1番分に達するため）",
         "{who}'s turn: you were owed {mine} turns, {who} {theirs}, who would have been owed a whole one first"),
    ),
    "even": (
        ("持ち分が同じで、重みまたはくじであなたに決まりました（持ち分 {mine} 番、今回の割当 {share} 番）",
         "a tie, and the weight or the lot decided for you: you were owed {mine} turns, {share} of them from this lead"),
        ("持ち分が同じで、重みまたはくじで{who}さんに決まりました（持ち分 どちらも {mine} 番）",
         "a tie, and the weight or the lot decided for {who}: both of you were owed {mine} turns"),
    ),
    "lot": (
        ("持ち分が同じだったため、くじであなたに決まりました（持ち分 {mine} 番、今回の割当 {share} 番）",
         "a tie, and the lot fell to you: you were owed {mine} turns, {share} of them from this lead"),
        ("持ち分が同じだったため、くじで{who}さんに決まりました（持ち分 どちらも {mine} 番）",
         "a tie, and the lot fell to {who}: both of you were owed {mine} turns"),
    ),
}  # fmt: skip
_LOADS: Final = {
    "alone": (("受けられるのはあなただけでした（{mine}）", "only you could take it: {mine}"),),
    "value": (
        ("あなたの{per}手持ちポイントが最も少ない状態でした（{mine}）", "you had the fewest value points{per}: {mine}"),
        ("{who}さんの方が{per}手持ちポイントが少ない状態でした（あなた {mine}、{who}さん {theirs}）",
         "{who} had fewer value points{per}: you {mine}, {who} {theirs}"),
    ),
    "open": (
        ("あなたの{per}手持ち件数が最も少ない状態でした（{mine}）", "you had the fewest open leads{per}: {mine}"),
        ("{who}さんの方が{per}手持ち件数が少ない状態でした（あなた {mine}、{who}さん {theirs}）",
         "{who} had fewer open leads{per}: you {mine}, {who} {theirs}"),
    ),
    "today": (
        ("手持ちは並び、あなたの{per}本日の件数が最も少ない状態でした（{mine}）",
         "a tie in what is open, and you had the fewest leads today{per}: {mine}"),
        ("手持ちは並び、{who}さんの方が{per}本日の件数が少ない状態でした（あなた {mine}、{who}さん {theirs}）",
         "a tie in what is open, and {who} had fewer leads today{per}: you {mine}, {who} {theirs}"),
    ),
    "lot": (
        ("手持ちも本日の件数も並び、くじであなたに決まりました（{mine}）", "a tie, and the lot fell to you: {mine}"),
        ("手持ちも本日の件数も並び、くじで{who}さんに決まりました（あなた {mine}、{who}さん {theirs}）",
         "a tie, and the lot fell to {who}: you {mine}, {who} {theirs}"),
    ),
    # Of a turn from before all that decides was kept.
    "unknown": (
        ("あなたに決まりました（{mine}）", "you were chosen: {mine}"),
        ("{who}さんに決まりました（あなた {mine}、{who}さん {theirs}）", "{who} was chosen: you {mine}, {who} {theirs}"),
    ),
}  # fmt: skip
_MATCH: Final = {
    "alone": _LOADS["alone"],
    "score": (
        ("あなたが最も合っていました（{mine}）", "you matched best: {mine}"),
        ("{who}さんの方が合っていました（あなた {mine}、{who}さん {theirs}）",
         "{who} matched better: you {mine}, {who} {theirs}"),
    ),
}  # fmt: skip
#: Put before the words of a load where matches are within `CLOSE` of the best and so count as equal.
_ALIKE: Final = (
    f"合い方は同等（{CLOSE}点以内）で、",
    f"matches within {CLOSE} points count as equal; ",
)
#: Where weights are not all 1, loads are compared for the weight.
_PER: Final = ("重みあたりの", " for the weight")


def turns_of(units: float) -> float:
    """Return units as turns, to a hundredth."""
    return round(int(units) / TURN, 2) + 0.0  # never -0.0; sums come as decimals


def why_picked(
    considered: Mapping[str, Figures], picked: str, rep: str, strategy: str, lang: Lang, who: str | None = None
) -> str:  # fmt: skip
    """Return why a lead went to `picked`, as `rep` reads it: the figure that decided, or the lot.

    Args:
        considered: rep -> what the strategy compared.
        picked: who got the lead.
        rep: who reads it; was compared as well.
        strategy: round_robin, least_loaded or best_match.
        lang: of the words.
        who: what `picked` is called; their id otherwise.

    """
    mine, theirs = considered.get(rep, {}), considered.get(picked, {})
    column = 0 if lang == "ja" else 1
    if rep != picked:
        by, alike = _decided_by(considered, picked, rep, strategy)
    else:  # what told the closest of the others apart
        others = [_decided_by(considered, picked, one, strategy) for one in considered if one != picked]
        by, alike = min(others, key=lambda one: _CLOSEST_FIRST.index(one[0]), default=("alone", False))
    table = {"round_robin": _ROUND_ROBIN, "best_match": _LOADS if alike else _MATCH}.get(strategy, _LOADS)
    is_close = by in ("owed", "deadline") and _look_alike(mine, theirs)
    said = table[by][rep != picked][column].format(
        who=who or picked, mine=_figures(mine, lang, is_close), theirs=_figures(theirs, lang, is_close),
        share=f"{turns_of(mine.get('share', 0)):.2f}",
        per=_PER[column] if any(_weight(one) != 1 for one in considered.values()) else "",
    )  # fmt: skip
    return (_ALIKE[column] if alike else "") + said


#: By what it was decided, the narrowest first.
_CLOSEST_FIRST: Final = ("lot", "even", "unknown", "today", "deadline", "open", "value", "score", "owed")


def _decided_by(
    considered: Mapping[str, Figures], picked: str, other: str, strategy: str
) -> tuple[str, bool]:
    """Return by which figure one was picked before another, and whether both matched the lead alike."""
    winner, loser = considered.get(picked, {}), considered.get(other, {})
    if strategy == "round_robin":
        return _turn_decided_by(winner, loser), False
    if strategy != "best_match":
        return _load_decided_by(winner, loser), False
    best = max(one.get("score", 0) for one in considered.values())
    if loser.get("score", 0) < best - CLOSE:
        return "score", False
    return _load_decided_by(winner, loser), True


def _turn_decided_by(winner: Figures, loser: Figures) -> str:
    owed, share = (winner.get(one, 0) - loser.get(one, 0) for one in ("owed", "share"))
    if abs(owed) > 1:  # a unit is what shares that do not come out even are rounded by, at random
        return "owed" if owed > 0 else "deadline"
    return "even" if share > 1 else "lot"


def _look_alike(mine: Figures, theirs: Figures) -> bool:
    """Tell whether two who were owed differently read the same to a hundredth."""
    return mine is not theirs and turns_of(mine.get("owed", 0)) == turns_of(theirs.get("owed", 0))


def _load_decided_by(winner: Figures, loser: Figures) -> str:
    if "weight" not in winner or "weight" not in loser:
        return "unknown"
    for figure in ("value", "open", "today"):
        if figure not in winner or figure not in loser:
            continue
        # Crosswise, as fractions of weights are not exact.
        if winner[figure] * _weight(loser) != loser[figure] * _weight(winner):
            return figure
    return "lot" if "today" in winner and "today" in loser else "unknown"


def _weight(figures: Figures) -> int:
    return max(int(figures.get("weight", 1)), 1)


def _figures(figures: Figures, lang: Lang, is_close: bool) -> str:
    """Return what a strategy compared, in brief."""
    if not figures:
        return "-"
    if "owed" in figures:
        return f"{figures['owed'] / TURN:.6f}" if is_close else f"{turns_of(figures['owed']):.2f}"
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
        parts.append(f"手持ち {figures['open']} 件" if ja else f"{figures['open']} open")
    if "today" in figures:
        parts.append(f"本日 {figures['today']} 件" if ja else f"{figures['today']} today")
    if figures.get("weight", 1) != 1:
        parts.append(f"重み {figures['weight']}" if ja else f"weight {figures['weight']}")
    return " / ".join(parts)
