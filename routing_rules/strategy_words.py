"""Strategies in words, Japanese and English: how a pool shares by one, and why it chose its rep."""

from dataclasses import dataclass
from typing import Final

from schemas.base import Lang

_Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Said:
    #: Who will get a lead.
    sharing: _Pair | None
    #: Told to who got one; {pool} is the pool's name.
    why_you: _Pair


_STRATEGIES: Final = {
    "owner": _Said(
        ("アカウントの担当者", "the owner of the account"),
        (
            "このお客様のアカウントのご担当、または以前のご担当でいらっしゃるためです",
            "You own the account, or had this person before",
        ),
    ),
    "round_robin": _Said(
        ("順番", "in turn"),
        ("「{pool}」で順番が回ってきたためです", "It is your turn in {pool}"),
    ),
    "least_loaded": _Said(
        ("手持ちが最も少ない担当者", "whoever has the most room"),
        ("「{pool}」の中で、今お持ちのリードが最も少ないためです", "You have the most room in {pool} right now"),
    ),
    "best_match": _Said(
        ("最も合う担当者", "whoever matches best"),
        ("「{pool}」の中で、このお客様に最も合うためです", "You are the best match in {pool}"),
    ),
    "claim": _Said(
        ("先に引き受けた担当者", "whoever claims it first"),
        ("ご自身で引き受けられたためです", "You claimed it"),
    ),
    # No strategy of a rule: what a hand-over does when nobody of the pool is left.
    "escalation": _Said(
        None,
        (
            "「{pool}」で対応できる担当者がいなかったため、責任者にお願いしています",
            "Nobody in {pool} could take it, and you manage the pool",
        ),
    ),
}  # fmt: skip


def sharing_by(strategy: str, lang: Lang) -> str:
    """Say who of a pool gets a lead by a strategy: `手持ちが最も少ない担当者`."""
    said = _STRATEGIES.get(strategy)
    return strategy if said is None or said.sharing is None else said.sharing[0 if lang == "ja" else 1]


def why_you_words(strategy: str, pool: str, rule: str, lang: Lang) -> str:
    """Tell a rep why a lead is theirs: `「インサイドセールス」で順番が回ってきたためです（規則: 商談のご希望）`.

    Args:
        strategy: of the assignment; of one that has no words only the rule is told.
        pool: the pool's name.
        rule: the routing rule's name.
        lang: the rep's language.

    """
    said = _STRATEGIES.get(strategy)
    if said is None:
        return rule
    why = said.why_you[0 if lang == "ja" else 1].format(pool=pool)
    return with_rule(why, rule, lang)


def with_rule(why: str, rule: str, lang: Lang) -> str:
    """Return why somebody is told, with the rule that led to them."""
    return f"{why}（規則: {rule}）" if lang == "ja" else f"{why} (rule: {rule})"
