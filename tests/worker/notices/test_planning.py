"""What is due becomes single messages, digests, or waits: for the morning, or for the others of a flood."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routing_rules.roster import Team
from schemas.rulebook.channels import NoticesSpec
from tests.factories import the_team
from worker.notices.planning import make_plan

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
REP = "suzuki_haruka"
NOTICES = NoticesSpec.model_validate({"digest": {"when_more_than": 3, "within": "10m"}})


@dataclass
class Row:
    """A message as the store gives it."""

    message_id: int
    kind: str = "offer"
    rep: str | None = REP
    channel: str = "email"
    receiver: str = "email"
    recipient: str = "haruka@example.co.jp"
    urgent: bool = False
    waits_for: str | None = None
    next_try_at: datetime = NOW
    body: dict[str, Any] = field(default_factory=dict)


def _plan(
    rows: list[Row], told: int = 0, first: datetime = NOW
) -> tuple[list[int], list[int], dict[int, datetime]]:
    """Return the single messages, the sizes of digests, and what is held until when."""
    plan = make_plan(rows, {(REP, "email"): (told, first)} if told else {}, the_team(), NOTICES, NOW)
    return (
        [row.message_id for row in plan.single],
        [len(part) for part in plan.digests],
        {one: until for one, until, _ in plan.held},
    )


def _quiet_team() -> Team:
    """Return the team with a rep who wants quiet from 10:30 to 13:00 in Tokyo; it is 11:00 there."""
    team = the_team()
    rep = team.reps[REP]
    spec = rep.spec.model_copy(update={"quiet_hours": ["10:30-13:00"]})
    return replace(team, reps={**team.reps, REP: replace(rep, spec=spec)})


@pytest.mark.parametrize(
    "count, single, digests",
    [
        (1, 1, []),
        (3, 3, []),
        (4, 0, [4]),
        (25, 0, [25]),
        (26, 1, [25]),
        (60, 0, [25, 25, 10]),
    ],
)
def test_more_than_the_number_are_told_together(count: int, single: int, digests: list[int]) -> None:
    """And nobody gets a digest of one."""
    alone, together, held = _plan([Row(n) for n in range(count)])

    assert (len(alone), together, held) == (single, digests, {})


@pytest.mark.parametrize(
    "channel, most",
    [
        ("lineworks", 3),
        ("apprise", 3),
        ("line", 8),
        ("slack", 12),
        ("teams", 18),
        ("email", 25),
        ("chatwork", 50),
        ("webhook", 50),
    ],
)
def test_a_digest_holds_no_more_than_its_channel_can_carry(channel: str, most: int) -> None:
    """The others go in the next one."""
    alone, together, held = _plan([Row(n, channel=channel, receiver="short") for n in range(2 * most + 2)])

    assert (alone, together, held) == ([], [most, most, 2], {})


def test_people_and_channels_are_counted_apart() -> None:
    """Three of each are no flood."""
    rows = [Row(n, rep=rep, receiver=to) for n, (rep, to) in enumerate(
        [(REP, "email"), (REP, "slack_sales"), ("takahashi_ren", "email")] * 3)]  # fmt: skip

    assert len(_plan(rows)[0]) == 9


def test_after_a_flood_the_next_ones_wait_until_its_time_is_over() -> None:
    """Until ten minutes after the first of it."""
    first = NOW - timedelta(minutes=4)

    assert _plan([Row(1, "breach"), Row(2, "rep_left")], told=4, first=first) == (
        [], [], dict.fromkeys((1, 2), first + timedelta(minutes=10)),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["withdrawn", "claim_over"])
def test_what_takes_back_does_not_wait_for_a_flood_to_be_over(kind: str) -> None:
    """The reader may call the lead meanwhile; but what is due at once is told at once, as one."""
    first = NOW - timedelta(minutes=4)

    assert _plan([Row(1, "breach"), Row(2, kind)], told=4, first=first) == (
        [2], [], {1: first + timedelta(minutes=10)},
    )  # fmt: skip
    assert _plan([Row(n, kind) for n in range(4)], told=4, first=first) == ([], [4], {})


def test_an_offer_is_held_for_a_quarter_of_its_time_at_most() -> None:
    """The clock runs meanwhile."""
    offer = Row(1, body={"due_at": (NOW + timedelta(minutes=8)).isoformat()})

    assert _plan([offer], told=9)[2] == {1: NOW + timedelta(minutes=2)}


def test_what_is_urgent_or_was_held_once_is_not_held() -> None:
    """Each waits once; then it goes out, together with the others that waited."""
    urgent, waited = Row(1, urgent=True), [Row(n, "breach", waits_for="digest at 11:10") for n in (2, 3)]

    assert _plan([urgent], told=9) == ([1], [], {})
    assert _plan([*waited], told=9) == ([], [2], {})


@pytest.mark.parametrize(
    "kind", ["offer", "digest", "moved", "escalation", "claim_open", "claimed", "claim_over", "rep_left"]
)
@pytest.mark.parametrize("receiver", ["email", "slack_sales"])
def test_quiet_hours_hold_whatever_is_not_urgent(kind: str, receiver: str) -> None:
    """A digest too, whose first try failed before they began, or that came by another way since."""
    calm, urgent = Row(1, kind, receiver=receiver), Row(2, kind, receiver=receiver, urgent=True)
    plan = make_plan([calm, urgent], {}, _quiet_team(), NOTICES, NOW)

    assert [row.message_id for row in plan.single] == [2]
    assert [(one, until, why) for one, until, why in plan.held] == [
        (1, NOW + timedelta(hours=2), "quiet hours until 2026-11-24 13:00 JST")
    ]


def test_machines_are_told_each_thing_by_itself() -> None:
    """The webhook of TASUKI_WEBHOOK_URL has no rep, no night and no digest."""
    rows = [Row(n, rep=None, receiver="webhook") for n in range(30)]

    assert len(_plan(rows)[0]) == 30
