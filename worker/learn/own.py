"""Own outcomes: what `tasuki learn fit` and `propose` read, and what they make of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook
from routing_rules.proposals import Past, Search, search
from worker import rulebook_yaml, rulebooks
from worker.learn.outcomes import HandOver, cases, hand_overs
from worker.learn.table import CALIBRATED, FITTED, Table
from worker.store.db import run


@dataclass(frozen=True, slots=True)
class Own:
    """Past hand-overs, and the rulebook in force through which they are looked at."""

    found: list[HandOver]
    book: CompiledBook
    digest: str
    texts: dict[str, str]
    horizon: timedelta

    def table(self) -> Table:
        """Return them as cases to fit on."""
        return cases(self.found, self.book, self.digest, self.horizon)

    def proposals(self) -> Search:
        """Search for changes of the rules: found in the older hand-overs, held to the newest quarter."""
        pasts = [
            Past(one.state, one.standing, one.at_ms, one.account_owner, one.outcome)
            for one in self.found
            if one.outcome != "open"
        ]
        cut = round(len(pasts) * (FITTED + CALIBRATED))
        return search(self.book, pasts[:cut], pasts[cut:])

    def line_of(self, path: tuple[Any, ...]) -> int | None:
        """Return the line of a rule file that a change is about."""
        name = f"{path[0]}.yaml"
        document = rulebook_yaml.read(name, self.texts.get(name, ""))
        return rulebook_yaml.where(document.positions, path[1:])[0]


def read(connection: Connection, until: datetime, horizon: timedelta) -> Own:
    """Read past hand-overs as they were known at their decision, with what became of them."""
    loaded = rulebooks.current(connection)
    row = run(
        connection, "SELECT digest, texts FROM tasuki.rulebook WHERE version = :v", v=loaded.version
    ).one()
    return Own(hand_overs(connection, until, horizon), loaded.book, row.digest, row.texts, horizon)
