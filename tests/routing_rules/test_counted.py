"""What is counted stands in the singular where there is one of it."""

import pytest

from routing_rules.counted import counted


@pytest.mark.parametrize(
    "number, words, said",
    [
        (0, ("lead",), "0 leads"), (1, ("lead",), "1 lead"), (2, ("lead",), "2 leads"), (1_200, ("lead",), "1,200 leads"),
        (1, ("entry", "entries"), "1 entry"), (2, ("entry", "entries"), "2 entries"),
        (1, ("lead waits", "leads wait"), "1 lead waits"), (21, ("lead waits", "leads wait"), "21 leads wait"),
        ("1", ("point",), "1 point"), ("0.5", ("point",), "0.5 points"), ("an unknown number of", ("call",), "an unknown number of calls"),
    ],
)  # fmt: skip
def test_one_is_told_apart_from_several(number: int | str, words: tuple[str, ...], said: str) -> None:
    """Nobody reads of 1 leads."""
    assert counted(number, *words) == said
