"""Promise 2 as it is checked: a stored lead against the fold of its events, traces included."""

import copy
from datetime import timedelta

from routing_rules.fold import fold
from schemas.lead import LeadState
from tests.factories import NOW, NOW_MS, an_event
from worker.recompute import _same


def _lead() -> LeadState:
    state = LeadState()
    for seconds in (1, 2, 90_000):
        event = an_event(type="lead.activity", activity="email_click", time=NOW - timedelta(seconds=seconds))
        fold(state, event, NOW_MS)
    return state


def test_a_lead_is_the_fold_of_its_events() -> None:
    """All the same, traces too."""
    assert _same(_lead(), _lead())


def test_a_lead_from_before_there_were_traces_is_no_offender() -> None:
    """It has none, or those of its newer events only; all else must be the same."""
    old = _lead()
    old.traces = {"email_click": {day: kept[1:] for day, kept in old.traces["email_click"].items()}}
    assert _same(old, _lead())
    old.traces = {}
    assert _same(old, _lead())
    old.ledger = {}
    assert not _same(old, _lead())


def test_a_trace_that_no_event_left_is_an_offence() -> None:
    """Too many, or another instant."""
    for trace in ((1,), (NOW_MS % 86_400_000 - 1_000, 7)):
        wrong = copy.deepcopy(_lead())
        wrong.traces["email_click"][NOW_MS // 86_400_000].append(trace)
        assert not _same(wrong, _lead())
