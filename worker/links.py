"""Links in notices by which a rep acts without logging in."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

#: assignment, rep, purpose (`accept`, `decline`, `contacted`).
Wanted = tuple[int, str, str]


def mint(connection: Connection, wanted: Iterable[Wanted], now: datetime) -> dict[Wanted, str]:
    """Return a URL for each link that is wanted; none while there is no page that it could lead to."""
    del connection, wanted, now
    return {}
