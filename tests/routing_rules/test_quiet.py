"""Quiet hours: when they end, over midnight, in a row, and on the day that the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.quiet import quiet_until

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "hours, at, until",
    [
        (["20:00-08:00"], "2026-11-24T19:59+09:00", None),
        (["20:00-08:00"], "2026-11-24T20:00+09:00", "2026-11-25T08:00+09:00"),
        (["20:00-08:00"], "2026-11-25T03:00+09:00", "2026-11-25T08:00+09:00"),
        (["20:00-08:00"], "2026-11-25T08:00+09:00", None),
        (["12:00-13:00"], "2026-11-24T12:30+09:00", "2026-11-24T13:00+09:00"),
        (["20:00-24:00", "00:00-07:00"], "2026-11-24T23:00+09:00", "2026-11-25T07:00+09:00"),
        (["12:00-13:00", "12:30-14:00"], "2026-11-24T12:10+09:00", "2026-11-24T14:00+09:00"),
        ([], "2026-11-24T12:10+09:00", None),
    ],
)
def test_when_they_end(hours: list[str], at: str, until: str | None) -> None:
    """The end is the local one, spans that touch are one silence, and the very end is not quiet."""
    found = quiet_until(hours, TOKYO, datetime.fromisoformat(at))

    assert found == (None if until is None else datetime.fromisoformat(until))


def test_the_night_on_which_clocks_go_back_is_an_hour_longer() -> None:
    """Quiet hours end at eight by the clock on the wall."""
    at = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)  # 20:30 on 31 October in New York

    found = quiet_until(["20:00-08:00"], NEW_YORK, at)

    assert found == datetime(2026, 11, 1, 13, tzinfo=UTC)


SPAN = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 23), st.integers(0, 59)).filter(
    lambda t: t[:2] != t[2:]
)


@given(st.lists(SPAN, max_size=4), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
def test_nothing_waits_longer_than_a_day_and_the_end_lies_ahead(
    spans: list[tuple[int, int, int, int]], naive: datetime
) -> None:
    """Whatever somebody writes, a message goes out within a day."""
    hours = [f"{a:02}:{b:02}-{c:02}:{d:02}" for a, b, c, d in spans]
    at = naive.replace(tzinfo=UTC)

    until = quiet_until(hours, NEW_YORK, at)

    assert until is None or at < until <= at + timedelta(days=1, hours=1)
