"""The demo's closing summary is read by people: no code of ours stands in it."""

from io import StringIO
from typing import get_args

import pytest
from rich.console import Console

from routing_rules.waiting_words import waiting_words
from schemas.handover import Park
from tests.fixtures.system import READY, System, event
from worker import rulebooks
from worker.local.picture import summary
from worker.store.db import run, transaction

REASONS = (*get_args(Park.__annotations__["reason"]), "full", "claimable")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_each_reason_to_wait_has_words(lang: str) -> None:
    """None is told by its code, nor as another."""
    assert len(REASONS) == 5
    said = {waiting_words(one, lang) for one in (*REASONS, None)}  # type: ignore[arg-type]
    assert len(said - set(REASONS)) == 6


def test_the_summary_says_why_leads_wait_and_why_one_is_on_no_track(system: System) -> None:
    """Instead of nobody_left, full and a dash."""
    system.send([event(1, email="a@a.example.co.jp", **READY), event(2, email="b@b.example.co.jp", **READY),
                 event(3, email="c@c.example.com")])  # fmt: skip
    system.drain_here()
    with transaction() as connection:
        first, second = system.sql("SELECT lead_id FROM tasuki.waiting ORDER BY 1")
        set_ = "UPDATE tasuki.waiting SET reason = :why WHERE lead_id = :i"
        run(connection, set_, why="nobody_left", i=first[0])
        run(connection, set_, why="full", i=second[0])
        run(connection, "UPDATE tasuki.lead SET track = NULL")
    console = Console(width=132, file=StringIO())
    with transaction() as connection:
        for table in summary(connection, rulebooks.current(connection), 3):
            console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "none: marketing has stopped writing" in text
    assert "nobody of the pool may take it" in text
    assert "everybody at work is full" in text
    assert "nobody_left" not in text
