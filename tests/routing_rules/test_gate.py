"""The outreach gate: may sales contact this person now?"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.gate import gate, gate_words
from tests.factories import a_state

PHONE = {"phone": "+81 3-0000-1234"}
STAGES = ("inquiry", "nurture", "mql", "sal", "sql", "won", "lost", "disqualified")


@pytest.mark.parametrize(
    "said, channels",
    [
        ({}, ("email",)), (PHONE, ("email", "phone")), ({"email": None, **PHONE}, ("phone",)), ({"email": None}, ()),
        ({**PHONE, "consent": {"email": False}}, ("phone",)), ({**PHONE, "consent": {"phone": False}}, ("email",)),
        ({**PHONE, "consent": {"all": False}}, ()), ({**PHONE, "consent": {"email": True}}, ("email", "phone")),
        ({"consent": {"email": False}}, ()), ({**PHONE, "consent": {"email": False, "phone": False}}, ()),
    ],
)  # fmt: skip
def test_only_permitted_channels_are_left(said: dict[str, Any], channels: tuple[str, ...]) -> None:
    """A channel is left when it is known and permission was not withdrawn; with none left the answer is no."""
    answer = gate(a_state(**said), "sal", "ann", "ann")
    assert (answer.channels, answer.may_contact) == (channels, bool(channels))
    assert answer.reason == ("with_its_rep" if channels else "no_permitted_channel")


@pytest.mark.parametrize(
    "stage, holder, rep, may, reason",
    [
        ("inquiry", None, None, False, "held_in_nurture"), ("nurture", None, "ann", False, "held_in_nurture"),
        ("nurture", "ann", "ann", False, "held_in_nurture"), ("mql", None, "ann", False, "waiting_for_a_rep"),
        ("mql", "ann", "ann", True, "with_its_rep"), ("sal", "ann", None, True, "with_its_rep"),
        ("sal", "ann", "ben", False, "held_by_another_rep"), ("sql", "ann", "ann", True, "with_its_rep"),
        ("sql", None, "ann", False, "nobody_holds_it"), ("won", None, None, False, "nobody_holds_it"),
        ("lost", None, "ann", False, "nobody_holds_it"), ("disqualified", "ann", "ann", False, "disqualified"),
    ],
)  # fmt: skip
def test_the_answer_has_a_reason(
    stage: str, holder: str | None, rep: str | None, may: bool, reason: str
) -> None:
    """Only the rep who holds it may contact a lead, and everybody is told why not."""
    answer = gate(a_state(), stage, holder, rep)
    assert (answer.may_contact, answer.reason) == (may, reason)


@given(
    st.sampled_from(STAGES),
    st.sampled_from([None, "ann"]),
    st.sampled_from([None, "ann", "ben"]),
    st.booleans(),
)
def test_the_gate_says_no_to_whom_marketing_holds(
    stage: str, holder: str | None, rep: str | None, withdrawn: bool
) -> None:
    """In nurture, disqualified, without permission or without a holder: no, whoever asks, and no channel is told."""
    answer = gate(a_state(consent={"all": not withdrawn}), stage, holder, rep)
    if withdrawn or holder is None or stage in ("inquiry", "nurture", "disqualified"):
        assert not answer.may_contact
    assert answer.may_contact is bool(answer.channels)
    for lang in ("ja", "en"):
        word, why = gate_words(answer.may_contact, answer.reason, answer.channels, lang)
        assert word in (("可", "yes") if answer.may_contact else ("不可", "no"))
        assert why
        assert "_" not in why  # a code is no sentence
