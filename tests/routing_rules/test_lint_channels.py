"""Lint of channels: what cannot work, what gives a secret away, and what is probably not meant."""

from typing import Any

import pytest

from routing_rules.lint import lint, warnings
from schemas.rulebook.book import Rulebook
from tests.factories import a_rulebook
from worker import rulebook_yaml
from worker.rulebook_files import EXAMPLE, read_texts

SLACK = {"id": "slack_sales", "kind": "slack", "address": "${TASUKI_CHANNEL_SALES_SLACK}"}


def _book(channels: list[dict[str, Any]], notices: dict[str, Any] | None = None, **rep: Any) -> Rulebook:
    first, *others = rulebook_yaml.read("team.yaml", read_texts(EXAMPLE)["team.yaml"]).value["reps"]
    return a_rulebook(
        team={"channels": channels, "notices": notices or {}, "reps": [{**first, **rep}, *others]}
    )


ERRORS = [
    ([SLACK, SLACK], "channels.1.id", "given twice"),
    ([{**SLACK, "address": "https://hooks.slack.com/services/T/B/x"}], "channels.0.address", "lets anybody write there"),
    ([{**SLACK, "address": "${DATABASE_URL}"}], "channels.0.address", "is not a variable"),
    ([{**SLACK, "address": "${TASUKI_DATABASE_URL}"}], "channels.0.address", "is not a variable"),
    ([{"id": "slack_sales", "kind": "slack"}], "channels.0.id", "has no address"),
    ([{**SLACK, "secret": "${TASUKI_CHANNEL_X}"}], "channels.0.secret", "the address is the secret"),
    ([{"id": "slack_sales", "kind": "chatwork", "address": "123"}], "channels.0.id", "has no token"),
    ([{"id": "slack_sales", "kind": "chatwork", "address": "sales", "secret": "${TASUKI_CHANNEL_X}"}], "channels.0.address", "is not a room"),
    ([{"id": "slack_sales", "kind": "line", "address": "U1"}], "channels.0.id", "has no token"),
    ([{"id": "slack_sales", "kind": "webhook", "address": "http://example.com/"}], "channels.0.address", "https://"),
    ([{"id": "slack_sales", "kind": "email", "address": "nobody"}], "channels.0.address", "is not an e-mail address"),
    ([{"id": "slack_sales", "kind": "email", "secret": "${TASUKI_CHANNEL_X}"}], "channels.0.secret", "says nothing"),
    ([SLACK, {**SLACK, "id": "webhook"}], "channels.1.id", "TASUKI_WEBHOOK_URL"),
    ([SLACK, {**SLACK, "id": "email"}], "channels.1.id", "the rep's own address"),
]  # fmt: skip


@pytest.mark.parametrize("channels, path, words", ERRORS)
def test_a_channel_that_cannot_work_stops_a_publish(
    channels: list[dict[str, Any]], path: str, words: str
) -> None:
    """One finding, at its place, with the mend."""
    found = lint(_book(channels, notify=["slack_sales"]))

    assert [".".join(str(part) for part in one.path) for one in found] == [path]
    assert words in found[0].message
    assert found[0].file == "team.yaml"


@pytest.mark.parametrize(
    "rep, notices, path, words",
    [
        ({"notify": ["slack_sale"]}, {}, "reps.0.notify.0", "did you mean slack_sales?"),
        ({"notify": ["slack_sales", "email", "slack_sales"]}, {}, "reps.0.notify.2", "stands twice"),
        ({"notify": ["slack_sales"]}, {"urgent": {"policies": ["hott"]}}, "notices.urgent.policies.0", "did you mean hot?"),
    ],
)  # fmt: skip
def test_a_name_that_nobody_gave_stops_a_publish(
    rep: dict[str, Any], notices: dict[str, Any], path: str, words: str
) -> None:
    """With the nearest name."""
    found = lint(_book([SLACK], notices, **rep))

    assert [(".".join(str(part) for part in one.path), words in one.message) for one in found] == [
        (path, True)
    ]


@pytest.mark.parametrize(
    "rep, path, words",
    [
        ({}, "channels.0.id", "nobody is told by slack_sales"),
        (
            {"notify": ["slack_sales"], "quiet_hours": ["17:00-08:00"]},
            "reps.0.quiet_hours",
            "works at 17:00, in quiet hours",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_doubt(rep: dict[str, Any], path: str, words: str) -> None:
    """Said, and no error."""
    book = _book([SLACK], **rep)
    found = warnings(book)

    assert lint(book) == []
    assert [(".".join(str(part) for part in one.path), words in one.message) for one in found] == [
        (path, True)
    ]


def test_a_sound_set_of_channels_passes_without_a_word() -> None:
    """Slack first, then mail, and silence at night."""
    book = _book([SLACK], notify=["slack_sales", "email"], quiet_hours=["20:00-08:00"])

    assert lint(book) == []
    assert warnings(book) == []
