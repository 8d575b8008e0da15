"""A pool lived through at random: people come, go, join, leave, claim, decline; the promises hold at every step.

The model beside it keeps its own books from scratch (exact fractions, plain lists) and believes nothing.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routing_rules.calendars import is_open
from routing_rules.place import gates, place, take
from routing_rules.returns import Account, settle
from routing_rules.roster import Load, PoolState, Team
from routing_rules.turns import TURN
from schemas.handover import ClaimOpen, Offer, Terms, Waiting
from tests.factories import NOW, a_policy, a_team, a_waiting

REPS = ("ann", "ben", "cho", "dan", "eve")
CAPACITY = {"open": 4, "per_day": 12, "caps": [{"at_most": 3, "per": "hour", "window": "rolling"}]}
_REP = st.sampled_from(REPS)
_STRATEGY = st.sampled_from(["round_robin", "round_robin", "least_loaded", "best_match", "claim", "owner"])


class Pool(RuleBasedStateMachine):
    """One pool under all that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.weights: dict[str, int] = {"ann": 1, "ben": 2, "cho": 1}
        self.away: dict[str, datetime] = {}
        self.accounts: dict[str, Account] = {}
        self.live: dict[int, tuple[str, Offer]] = {}
        self.line: dict[int, Waiting] = {}
        self.given: list[tuple[str, datetime]] = []
        self.held: dict[int, list[str]] = {}
        self.owed: dict[str, Fraction] = {}
        self.put_right = Fraction(0)
        self.leads = 0

    # --- what the real flow reads and saves ------------------------------------------------------------------

    def team(self) -> Team:
        """Return the team of now."""
        reps: dict[str, dict[str, Any]] = {
            rep: {"capacity": CAPACITY, "absences": [{"starts": since, "ends": NOW + timedelta(days=365)}]
                  if (since := self.away.get(rep)) else []}
            for rep in REPS
        }  # fmt: skip
        return a_team(self.weights, (), **reps)

    def state(self, team: Team) -> PoolState:
        """Read loads anew, as the hand-over does under its locks; carry out the pool's policies first."""
        settle(team.pools["desk"], team, self.accounts, {}, self.now)
        for rep in self.accounts:
            self.owed.setdefault(rep, Fraction(0))
        midnight = self.now.replace(hour=15, minute=0) - timedelta(days=self.now.hour < 15)  # 00:00 in Tokyo
        return PoolState(
            loads={
                rep: Load(
                    sum(rep == held for held, _ in self.live.values()),
                    sum(rep == one and at >= midnight for one, at in self.given),
                    given=[at for one, at in self.given if one == rep],
                )
                for rep in (*REPS, "boss")
            },
            credit={rep: account.credit for rep, account in self.accounts.items()},
        )

    def hand_over(self, lead: int) -> None:
        """Place one waiting lead and keep what came of it."""
        team, waiting = self.team(), self.line[lead]
        state = self.state(team)
        placed = place(waiting, team, a_policy(hops=9), state, self.now)
        if isinstance(placed, Offer):
            self._must_be_fit(placed.rep, waiting, team)
            self._keep(waiting, placed)
        elif isinstance(placed, ClaimOpen):
            for rep in placed.reps:
                self._must_be_fit(rep, waiting, team)
            self.line[lead] = _with(waiting, claim_until=placed.until)
        else:
            assert placed.look_again_at > self.now  # promise 5: never left without a time
            able, _ = gates(waiting, team.pools["desk"].members, team, self.state(team), self.now)
            assert able == [] or waiting.strategy == "owner"
        for rep, units in state.credit.items():
            self.accounts.setdefault(rep, Account()).credit = units

    def _keep(self, waiting: Waiting, offer: Offer) -> None:
        lead = waiting.lead_id
        assert lead not in self.live  # promise 3
        del self.line[lead]
        self.live[lead] = (offer.rep, offer)
        self.held.setdefault(lead, []).append(offer.rep)
        self.given.append((offer.rep, self.now))
        if offer.strategy == "round_robin":
            total = sum(self.weights[rep] for rep in offer.shares)
            for rep in offer.shares:
                self.owed[rep] += Fraction(self.weights[rep], total)
            self.owed[offer.rep] -= 1
            assert sum(offer.shares.values()) == TURN

    def _must_be_fit(self, rep: str, waiting: Waiting, team: Team) -> None:
        """Promise 6 by hand: at work, not away, with room under every cap, and never twice."""
        if rep == "boss":
            return
        assert rep not in self.away
        assert is_open(team.reps[rep].calendar, self.now, team.reps[rep].absences)
        assert rep not in waiting.had
        assert sum(rep == held for held, _ in self.live.values()) < 4
        assert sum(one == rep and self.now - at < timedelta(hours=1) for one, at in self.given) < 3
        assert rep == waiting.owner or self.weights.get(rep, 0) > 0

    # --- what can happen -------------------------------------------------------------------------------------

    @rule(strategy=_STRATEGY, owner=_REP, points=st.integers(1, 5))
    def one_lead(self, strategy: str, owner: str, points: int) -> None:
        """A lead becomes ready."""
        self.ready(strategy, owner, points)

    def ready(self, strategy: str, owner: str, points: int) -> None:
        """Put a new lead into the line and hand it over."""
        self.leads += 1
        self.line[self.leads] = a_waiting(
            lead_id=self.leads, strategy=strategy, owner=owner if strategy == "owner" else None, points=points,
            terms=Terms(then="round_robin", claim_for_s=600),
        )  # fmt: skip
        self.hand_over(self.leads)

    @rule(count=st.integers(2, 5))
    def a_burst(self, count: int) -> None:
        """Several leads become ready at once, shared in turns."""
        for _ in range(count):
            self.ready("round_robin", "ann", 1)

    @rule(minutes=st.sampled_from([1, 7, 30, 61, 61, 24 * 60]))
    def later(self, minutes: int) -> None:
        """Time passes, and the lines are looked at again."""
        self.now += timedelta(minutes=minutes)
        for lead in list(self.line):
            self.hand_over(lead)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), is_bad=st.booleans())
    def decline(self, data: st.DataObject, is_bad: bool) -> None:
        """A rep declines; for a bad lead the turn is undone, once."""
        lead = data.draw(st.sampled_from(sorted(self.live)))
        rep, offer = self.live.pop(lead)
        if is_bad and offer.shares:
            for one, share in offer.shares.items():
                self.accounts[one].credit -= share
                self.owed[one] -= Fraction(share, TURN)
            self.accounts[rep].credit += sum(offer.shares.values())
            self.owed[rep] += 1
            self.put_right += 1
        if not is_bad:
            had = frozenset(self.held[lead])
            self.line[lead] = a_waiting(lead_id=lead, strategy="round_robin", had=had)
            self.hand_over(lead)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A lead is won or lost: room appears."""
        del self.live[data.draw(st.sampled_from(sorted(self.live)))]

    @rule(rep=_REP, data=st.data())
    def claim(self, rep: str, data: st.DataObject) -> None:
        """A rep claims a lead that is open; the gates count at that moment."""
        open_ = [lead for lead, one in self.line.items() if one.claim_until and self.now < one.claim_until]
        if not open_ or rep not in self.weights:
            return
        waiting = self.line[data.draw(st.sampled_from(open_))]
        team = self.team()
        state = self.state(team)
        members = [member for member in team.pools["desk"].members if member.rep == rep]
        able, _ = gates(waiting, members, team, state, self.now)
        if able:
            self._must_be_fit(rep, waiting, team)
            take(state, rep, waiting.points, self.now)
            self._keep(waiting, Offer(rep, "claim", {}))

    @rule(rep=_REP)
    def leave_for_a_while(self, rep: str) -> None:
        """An absence begins."""
        self.away.setdefault(rep, self.now)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        """An absence ends."""
        del self.away[data.draw(st.sampled_from(sorted(self.away)))]

    @rule(rep=_REP, weight=st.integers(0, 4))
    def join(self, rep: str, weight: int) -> None:
        """A member joins, or has another weight from now on."""
        self.weights[rep] = weight

    @rule(rep=_REP)
    def leave_the_pool(self, rep: str) -> None:
        """A member leaves the pool for good, or until they join again."""
        self.weights.pop(rep, None)

    # --- what must hold --------------------------------------------------------------------------------------

    @invariant()
    def one_place_each(self) -> None:
        """Promise 3 and 5: every lead is live with one rep, in the line, or ended; never two of them."""
        assert not set(self.live) & set(self.line)

    @invariant()
    def the_ledger_adds_up(self) -> None:
        """No turn is lost or made: what some are owed, others had in advance."""
        assert sum(account.credit for account in self.accounts.values()) == 0

    @invariant()
    def credit_is_what_is_owed(self) -> None:
        """Stored credit is exact shares less turns had, and within the bound: promise 7."""
        n = len(self.accounts)
        for rep, account in self.accounts.items():
            assert abs(Fraction(account.credit, TURN) - self.owed[rep]) < Fraction(1, 1000)
            assert abs(self.owed[rep]) <= Fraction(n - 1, 2) + 2 * self.put_right + Fraction(1, 1000)


def _with(waiting: Waiting, **over: Any) -> Waiting:
    return Waiting(**{name: getattr(waiting, name) for name in Waiting.__slots__} | over)


Pool.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestPool = Pool.TestCase
