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


ROOM = {**SLACK, "id": "room"}
ALIKE = [
    ROOM,
    {**ROOM, "kind": "teams"},
    {**ROOM, "kind": "lineworks"},
    {**ROOM, "kind": "apprise"},
    {**ROOM, "kind": "line", "address": "C1", "secret": "${TASUKI_CHANNEL_X}"},
    {**ROOM, "kind": "chatwork", "address": "123", "secret": "${TASUKI_CHANNEL_X}"},
    {"id": "room", "kind": "email", "address": "sales@example.com"},
]


def _told_in(channel: dict[str, Any], notify: list[str], reps: int) -> list[tuple[str, str]]:
    """Return what is doubted where the first so many reps are told by a channel."""
    team = rulebook_yaml.read("team.yaml", read_texts(EXAMPLE)["team.yaml"]).value["reps"]
    told = [
        {**rep, "notify": notify} if at < reps else {**rep, "notify": ["other"]}
        for at, rep in enumerate(team)
    ]
    found = warnings(
        a_rulebook(
            team={"channels": [channel, {**SLACK, "id": "other", "personal_data": "none"}], "reps": told}
        )
    )
    return [(".".join(str(part) for part in one.path), one.message) for one in found]


@pytest.mark.parametrize("channel", ALIKE, ids=lambda channel: channel["kind"])
def test_a_shared_place_that_shows_all_is_a_doubt(channel: dict[str, Any]) -> None:
    """Of two reps told in one place each could press the other's button; of one rep nothing is doubted."""
    ((path, words),) = _told_in(channel, ["other", "room"], 2)

    assert path == "channels.0.personal_data"
    assert "whoever reads it can act in the name of" in words
    assert _told_in(channel, ["room"], 1) == []
    for shows in ("none", "name_and_company"):
        assert _told_in({**channel, "personal_data": shows}, ["room"], 2) == []


@pytest.mark.parametrize(
    "channel", [{"id": "room", "kind": "email"}, {"id": "room", "kind": "webhook", "address": "https://example.com/"}]
)  # fmt: skip
def test_own_addresses_and_machines_are_no_shared_place(channel: dict[str, Any]) -> None:
    """Mail without an address goes to each rep's own; a webhook carries no links."""
    assert _told_in(channel, ["room"], 3) == []


def test_a_sound_set_of_channels_passes_without_a_word() -> None:
    """Slack first, then mail, and silence at night."""
    book = _book([SLACK], notify=["slack_sales", "email"], quiet_hours=["20:00-08:00"])

    assert lint(book) == []
    assert warnings(book) == []
