"""Strategies are told in words, and in the same ones wherever somebody reads why a lead is theirs."""

from typing import get_args

import pytest

from routing_rules.strategy_words import sharing_by, why_you_words
from schemas.base import Lang
from schemas.rulebook.routing import Strategy

STRATEGIES = get_args(Strategy)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_strategy_is_told_by_its_code(lang: Lang) -> None:
    """Each has words of its own for how a pool shares by it, and for why it chose a rep; so has an escalation."""
    assert STRATEGIES
    assert len({sharing_by(code, lang) for code in STRATEGIES} - set(STRATEGIES)) == len(STRATEGIES)
    codes = (*STRATEGIES, "escalation")
    assert len({why_you_words(code, "P", "R", lang) for code in codes} - {"R"}) == len(codes)


@pytest.mark.parametrize(
    "strategy, ja, en",
    [
        ("round_robin", "「東」で順番が回ってきたためです（規則: 大企業）", "It is your turn in 東 (rule: 大企業)"),
        ("owner", "以前のご担当でいらっしゃるためです（規則: 大企業）", "You own the account, or had this person before (rule: 大企業)"),
        ("one_of_an_older_version", "大企業", "大企業"),
    ],
)  # fmt: skip
def test_a_rep_reads_why_a_lead_is_theirs(strategy: str, ja: str, en: str) -> None:
    """A former owner is not told that the account is theirs; what has no words leaves the rule."""
    assert why_you_words(strategy, "東", "大企業", "ja").endswith(ja)
    assert why_you_words(strategy, "東", "大企業", "en") == en
