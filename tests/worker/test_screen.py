"""Times and counts as people read them on a screen."""

from datetime import datetime

import pytest

from worker import now
from worker.screen import safe
from worker.settings import settings


@pytest.mark.parametrize(
    "at, shown",
    [
        ("2027-01-05T09:00:00+09:00", "01-05 09:00 JST"),
        ("2026-12-31T15:30:00+00:00", "01-01 00:30 JST"),
        ("2026-12-31T23:59:00+09:00", "2026-12-31 23:59 JST"),
        ("2028-01-05T09:00:00+09:00", "2028-01-05 09:00 JST"),
    ],
)
def test_a_time_of_another_year_says_the_year(monkeypatch: pytest.MonkeyPatch, at: str, shown: str) -> None:
    """In January nobody takes last November's deadline for the next one; the year is Tokyo's, where it begins first."""
    monkeypatch.setenv("TASUKI_CLOCK", "2026-12-31T16:00:00+00:00|0|0")
    settings.cache_clear()
    now.forget_clock()
    try:
        assert safe(datetime.fromisoformat(at)) == shown
    finally:
        monkeypatch.undo()
        settings.cache_clear()
        now.forget_clock()
