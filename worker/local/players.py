"""The demo's reps, played: they accept, decline, call, or let a lead pass, as people do. Seeded, not scripted."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError

from schemas.errors import Away, Overtaken, Refused
from schemas.handover import Act
from worker import rulebooks, tasks
from worker.acting import act
from worker.store.db import in_transaction, run, transaction

#: Out of 100 offers, so many are let pass, and so many declined.
LET_PASS: Final = 9
DECLINED: Final = 12
_REASONS: Final = ("not_now", "no_budget", "wrong_person", "too_busy", "out_of_territory", "duplicate")


@dataclass(slots=True)
class Players:
    """Plans an act for each new offer, and carries out those whose time has come."""

    rng: random.Random = field(default_factory=lambda: random.Random(7))
    plans: list[tuple[datetime, int, Act, str | None]] = field(default_factory=list)
    seen: int = 0
    acts: dict[str, int] = field(default_factory=dict)

    def play(self, now: datetime) -> None:
        """Plan for new offers and act on what is due."""
        try:
            self._plan()
            due = [plan for plan in self.plans if plan[0] <= now]
            self.plans = [plan for plan in self.plans if plan[0] > now]
            for _, assignment_id, what, reason in due:
                self._act(assignment_id, what, reason, now)
        except (Away, DBAPIError):
            return  # they try again at the next look

    def _plan(self) -> None:
        with transaction() as connection:
            rows = run(
                connection,
                "SELECT assignment_id, offered_at FROM tasuki.assignment WHERE assignment_id > :seen ORDER BY 1",
                seen=self.seen,
            ).all()
        for row in rows:
            self.seen = row.assignment_id
            lot = self.rng.randrange(100)
            if lot < LET_PASS:
                continue
            at = row.offered_at + timedelta(minutes=self.rng.expovariate(1 / 5))
            if lot < LET_PASS + DECLINED:
                self.plans.append((at, row.assignment_id, "decline", self.rng.choice(_REASONS)))
                continue
            self.plans.append((at, row.assignment_id, "accept", None))
            call_at = at + timedelta(minutes=self.rng.expovariate(1 / 25))
            self.plans.append((call_at, row.assignment_id, "contacted", None))

    def _act(self, assignment_id: int, what: Act, reason: str | None, now: datetime) -> None:
        try:
            answer = in_transaction(
                lambda c: act(c, assignment_id, what, rulebooks.current(c), now, reason=reason)
            )
        except Overtaken:
            self.acts["too late"] = self.acts.get("too late", 0) + 1
            return
        except Refused:
            return
        self.acts[what] = self.acts.get(what, 0) + 1
        tasks.poke_pools(answer.pools)
