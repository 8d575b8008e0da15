"""Claim and owner: who is asked, until when, and who shares what they leave; value points; routes that say so."""

from datetime import timedelta
from typing import Any

import pytest

from routing_rules.judge import judge
from routing_rules.place import place
from routing_rules.roster import Load, PoolState
from schemas.handover import ClaimOpen, Offer, Park, Placement, Terms, Wait
from tests.factories import (
    NOW,
    NOW_MS,
    WHO,
    a_compiled_book,
    a_policy,
    a_standing,
    a_state,
    a_team,
    a_waiting,
)

AWAY = {"absences": [{"starts": "2026-11-24T00:00:00+09:00", "ends": "2026-11-26T00:00:00+09:00"}]}


def put(team: dict[str, Any] | None = None, state: PoolState | None = None, **waiting: Any) -> Placement:
    return place(a_waiting(**waiting), a_team(**team or {}), a_policy(), state or PoolState(), NOW)


def test_a_claim_is_open_to_all_who_could_take_it() -> None:
    """Everybody present with room is asked, for the time that the rule says; the others are named with why."""
    state = PoolState(loads={"ben": Load(open=5)})
    placed = put({"cho": AWAY, "weights": {"ann": 1, "ben": 1, "cho": 1, "dan": 2}}, state, strategy="claim",
                 terms=Terms(claim_for_s=600))  # fmt: skip
    assert placed == ClaimOpen(
        ("ann", "dan"), NOW + timedelta(minutes=10), {"ben": "full 5/5", "cho": "absent"}
    )
    assert state.load("ann").open == 0  # nobody holds it yet


def test_an_open_claim_keeps_its_end() -> None:
    """Looked at again while it is open, for instance after a publish: the same end."""
    until = NOW + timedelta(minutes=3)
    placed = put(strategy="claim", claim_until=until)
    assert isinstance(placed, ClaimOpen)
    assert placed.until == until


@pytest.mark.parametrize("then", ["round_robin", "least_loaded", "best_match"])
def test_what_nobody_claimed_is_shared(then: str) -> None:
    """At the end of the time the rule's other strategy decides."""
    placed = put(strategy="claim", claim_until=NOW, terms=Terms(then=then))
    assert isinstance(placed, Offer)
    assert placed.strategy == then


@pytest.mark.parametrize("team, kind", [({"ann": AWAY, "ben": AWAY, "cho": AWAY}, Park), ({}, Wait)])
def test_a_claim_waits_for_somebody_to_ask(team: dict[str, Any], kind: type) -> None:
    """Nobody there, or nobody with room: no claim is opened to no one."""
    state = PoolState(loads={rep: Load(open=5) for rep in ("ann", "ben", "cho")})
    assert isinstance(put(team, state, strategy="claim"), kind)


@pytest.mark.parametrize("limit, got", [(3_600, "pool"), (3 * 86_400, "waits")])
def test_how_long_an_owner_is_waited_for_is_policy(limit: int, got: str) -> None:
    """Absent beyond the rule's limit: the pool shares it by `then`."""
    placed = put(
        {"ann": AWAY}, strategy="owner", owner="ann", terms=Terms(owner_wait_s=limit, then="round_robin")
    )
    if got == "waits":
        assert isinstance(placed, Park)
    else:
        assert isinstance(placed, Offer)
        assert (placed.strategy, placed.rep in ("ben", "cho")) == ("round_robin", True)


def test_least_loaded_by_value_counts_points() -> None:
    """One S lead weighs more than three B leads; a lead's own points count once it is given."""
    state = PoolState(
        loads={"ann": Load(open=1, value=5), "ben": Load(open=3, value=3), "cho": Load(open=9, value=9)}
    )
    team = {"weights": {"ann": 1, "ben": 1}}
    placed = put(team, state, terms=Terms(by="value"), points=5)
    assert isinstance(placed, Offer)
    assert (placed.rep, placed.considered["ann"]["value"], state.load("ben").value) == ("ben", 5, 8)
    again = put(team, state, terms=Terms(by="value"), lead_id=2)
    assert isinstance(again, Offer)
    assert again.rep == "ann"


def routed(**routing: Any) -> Any:
    """Return the route of a sales-ready lead with grade A under one rule."""
    rule = {"name": "all", "when": {}, "sla": "hot", **routing.pop("rule", {})}
    book = a_compiled_book(routing={"examples": [], "rules": [rule], **routing})
    state = a_state({"demo_request": [0]}, **WHO["CIO in Tokyo"], language="en-US")
    route = judge(state, a_standing(), book, NOW_MS, routing.get("owner")).reasons.route
    assert route is not None
    return route


@pytest.mark.parametrize(
    "rule, value, points",
    [({}, "S", 5), ({"value": "B"}, "B", 1), ({"value": "A"}, "A", 3)],
)
def test_a_leads_value_comes_by_rule_or_by_grade(rule: dict[str, Any], value: str, points: int) -> None:
    """The rule's class outranks that of the fit grade; its points go with the lead."""
    route = routed(rule={"to": {"pool": "inside_sales", "strategy": "least_loaded"}, **rule})
    assert (route.value, route.points) == (value, points)


def test_without_values_every_lead_counts_one() -> None:
    """A rulebook from before values: one point, no class, and no terms that say nothing."""
    route = routed(
        rule={"to": {"pool": "inside_sales", "strategy": "round_robin"}}, values={}, value_by_grade={}
    )
    assert (route.value, route.points, route.terms) == (None, 1, None)


def test_what_the_rule_asks_goes_with_the_lead() -> None:
    """Skills, the lead's own language, and how long it can be claimed."""
    to = {"pool": "inside_sales", "strategy": "claim", "claim_for": "5m", "then": "best_match",
          "wants": {"skills": ["cloud"], "language": "from_lead"}}  # fmt: skip
    terms = routed(rule={"to": to}).terms
    assert terms == Terms(skills=("cloud",), language="en", claim_for_s=300, then="best_match")


@pytest.mark.parametrize("former, rule", [(True, "all"), (False, "otherwise")])
def test_without_an_account_owner_the_former_owner_may_be_asked(former: bool, rule: str) -> None:
    """With `former` the rule keeps the lead for its pool; without it the next rule decides."""
    to = {"pool": "inside_sales", "strategy": "owner", "former": former}
    route = routed(rule={"to": to})
    assert (route.rule, route.owner) == (rule, None)
