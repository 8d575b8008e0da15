"""What lint doubts of rest and outreach: rules that never come, hours that leave none, grounds nobody needs."""

from typing import Any

import pytest

from routing_rules.lint import lint, warnings
from tests.factories import a_rulebook

NAME = {"ja": "名", "en": "Name"}


def a_loss(**more: Any) -> dict[str, Any]:
    return {"id": "one", "name": NAME, "track": "basics", "back_after_days": 9, **more}


@pytest.mark.parametrize(
    "changed, path, words",
    [
        ({"lost": [a_loss(), a_loss(id="two", reasons=["x"])]}, ("lost", 1), "is never reached: number 1 takes every reason"),
        ({"lost": [a_loss(reasons=["x"]), a_loss(id="two")]}, None, ""),
        ({"sunset": [{"id": "early", "name": NAME, "silent_days": 30}]}, ("sunset", 0, "silent_days"), "before leads are dormant (120 days)"),
        ({"sunset": [{"id": "early", "name": NAME, "silent_days": 30, "when": {"recycle_count": {"gte": 2}}}]}, None, ""),
        ({"sunset": [{"id": "one", "name": NAME, "when": {"any": []}}]}, ("sunset", 0, "when"), "no lead can ever match this"),
        ({"outreach": {"quiet": [{"hours": ["00:00-12:00", "12:00-00:00"]}]}}, ("outreach", "quiet", 0, "hours"), "leaves no half hour of the day"),
        ({"outreach": {"quiet": [{"hours": ["18:00-09:00"], "weekends": True}]}}, None, ""),
        ({"outreach": {"basis": [{"needs": "opt_in"}, {"needs": "opt_out", "countries": ["JP"]}]}}, ("outreach", "basis", 1), "is never reached"),
        ({"outreach": {"basis": [{"needs": "opt_in", "countries": ["EEA"]}, {"needs": "opt_out", "countries": ["DE"]}]}}, ("outreach", "basis", 1), "is never reached"),
        ({"outreach": {"basis": [{"needs": "opt_in", "countries": ["DE"]}, {"needs": "opt_out", "countries": ["EEA"]}]}}, None, ""),
    ],
)  # fmt: skip
def test_what_is_probably_not_meant_is_doubted(changed: Any, path: Any, words: str) -> None:
    """Each doubt names its place, and what is meant is not doubted."""
    book = a_rulebook(nurture={**changed, "examples": []})
    assert lint(book) == []
    found = [one for one in warnings(book) if one.file == "nurture.yaml"]
    assert [one.path for one in found] == ([] if path is None else [path])
    assert all(words in one.message for one in found)


def test_the_shipped_rulebook_raises_no_doubt() -> None:
    """What ops copy is clean."""
    assert (lint(a_rulebook()), list(warnings(a_rulebook()))) == ([], [])
