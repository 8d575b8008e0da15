"""What is written when it is decided: what breaks through the night, and which numbers a notice carries."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import NOW, a_compiled_book, a_state, the_team
from worker.names import name_of
from worker.notices.compose import Occasion, notice
from worker.rulebooks import Loaded

ASKING = ("offer", "warning", "reminder", "moved", "claim_open", "claimed")
REP = "suzuki_haruka"


def _told(
    kind: str, time: str = "business", assignment_id: int | None = 17, lead_id: int = 1001
) -> dict[str, Any]:
    """Return the message that tells a rep of a lead under a policy that no file calls urgent."""
    book = a_compiled_book()
    policy = book.policies["standard"].model_copy(update={"time": time})
    loaded = Loaded(1, replace(book, policies={**book.policies, "standard": policy}), the_team())
    what = Occasion(kind, "standard", "accept", "rule / round_robin", NOW)
    return notice(what, the_team().reps[REP], assignment_id, {"lead_id": lead_id}, loaded, NOW)[0]


@pytest.mark.parametrize("kind", [*ASKING, "escalation"])
def test_what_asks_under_a_clock_of_the_wall_breaks_through(kind: str) -> None:
    """A clock that runs at night is told of at night; an escalation as well, for the lead's time is over."""
    assert _told(kind, "wall")["urgent"]
    assert not _told(kind)["urgent"]


@pytest.mark.parametrize("kind", ["breach", "withdrawn", "claim_over", "rep_left"])
def test_what_asks_for_nothing_before_a_deadline_waits_for_the_morning(kind: str) -> None:
    """Whatever the clock counts."""
    assert not _told(kind, "wall")["urgent"]


def test_a_lead_that_nobody_holds_is_told_of_without_an_assignment() -> None:
    """Machines that read the data look nothing up under a lead's number; the key is made of the lead, and stays."""
    message = _told("claim_open", assignment_id=None)

    assert message["assignment"] is None
    assert message["body"]["assignment_id"] is None
    assert message["key"] == f"claim_open:1001:{REP}:0:email"
    assert _told("claim_open", assignment_id=None, lead_id=1002)["key"] != message["key"]


@pytest.mark.parametrize(
    "said, name", [
        ({"family_name": "佐藤", "given_name": "花子"}, "佐藤 花子"), ({"family_name": "Brown", "given_name": "Bob"}, "Bob Brown"),
        ({"family_name": "Müller", "given_name": "Jörg"}, "Jörg Müller"), ({"family_name": "サトウ"}, "サトウ"),
        ({"name": "SATO Hanako", "family_name": "Sato", "given_name": "Hanako"}, "SATO Hanako"), ({}, None),
    ],
)  # fmt: skip
def test_a_person_is_called_in_the_order_of_their_names(said: dict[str, Any], name: str | None) -> None:
    """As they said it; else by the script."""
    assert name_of(a_state({}, **said)) == name
