"""Who is there: the rulebook's team."""

from datetime import datetime

from sqlalchemy import Connection

from routing_rules.roster import Team
from worker.rulebooks import Loaded


def team_now(connection: Connection, loaded: Loaded, now: datetime) -> Team:
    """Return the team as it is at `now`."""
    del connection, now
    return loaded.team
