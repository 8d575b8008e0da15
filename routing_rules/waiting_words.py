"""Why a sales-ready lead waits in the line of its pool, in words."""

from typing import Final

from schemas.base import Lang

_WHY: Final = {
    "closed": ("勤務中の担当者がいない", "nobody is at work"),
    "full": ("勤務中の担当者の手持ちが上限", "everybody at work is full"),
    "nobody_left": ("受けられる担当者がいない", "nobody of the pool may take it"),
    "broken_rule": ("規則を評価できない", "its rule cannot be evaluated"),
    "claimable": ("先に引き受ける担当者を待っている", "open to a claim"),
}
_NOT_YET: Final = ("割り当て中", "to be placed")


def waiting_words(reason: str | None, lang: Lang) -> str:
    """Say why a lead waits; a lead that was not looked at yet has no reason."""
    return _WHY.get(reason or "", _NOT_YET)[0 if lang == "ja" else 1]
