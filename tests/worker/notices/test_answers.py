"""An error that is kept says what is wrong, and neither who the lead is nor where the secret door is."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from worker.notices.answers import ERROR_CHARS, retry_after, safe_error
from worker.now import wall_time


@pytest.mark.parametrize(
    "said, gone",
    [
        ("no https://hooks.slack.com/services/T01/B02/abcdefgh here", "abcdefgh"),
        ("no https://user:pw@hooks.example.com/x here", "user:pw"),
        ("550 <haruka.suzuki@example.co.jp>: unknown", "haruka"),
        ("bad token xoxb-123456789012-abcdefABCDEF0123", "abcdefABCDEF0123"),
        ("call 03-1234-5678 back", "1234-5678"),
        ("invalid: 佐藤 花子", "花子"),
        ("line\r\nbreak\x1b[31m", "\x1b"),
    ],
)
def test_what_must_not_be_kept_is_taken_out(said: str, gone: str) -> None:
    """URLs keep their host, everything that looks like a secret or a person goes."""
    kept = safe_error(said, ["佐藤 花子"])

    assert gone not in kept
    assert "\n" not in kept


def test_what_helps_stays() -> None:
    """The host, the code and our own variables can be read."""
    kept = safe_error(
        "receiver answered 404 no_service at https://hooks.slack.com/services/T/B/x; set TASUKI_WEBHOOK_SECRET"
    )

    assert "404 no_service" in kept
    assert "https://hooks.slack.com/…" in kept
    assert "TASUKI_WEBHOOK_SECRET" in kept


def test_a_long_error_is_cut() -> None:
    """However much a receiver says."""
    assert len(safe_error("ab " * 2_000_000)) == ERROR_CHARS


def test_a_wish_to_wait_is_a_number_or_a_date_and_bounded() -> None:
    """What is neither is no wish; nobody makes us wait for longer than a day."""
    assert (retry_after("30"), retry_after(" 0 "), retry_after("9" * 400)) == (30.0, 0.0, 86_400.0)
    assert [retry_after(no) for no in (None, "", "soon", "-5", "1.5", "Mon, 99 Foo 2024")] == [None] * 6
    in_a_minute = format_datetime(datetime.fromtimestamp(wall_time() + 60, UTC), usegmt=True)
    assert 50 < (retry_after(in_a_minute) or 0) <= 60
    assert retry_after("Fri, 01 Jan 2100 00:00:00 GMT") == 86_400.0
    assert retry_after("Mon, 01 Jan 2024 00:00:00 GMT") == 0.0
