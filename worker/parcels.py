"""What one lane has to carry: messages under a lease, with what they hold, their links and where they go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from schemas.rulebook.team import TeamFile
from worker import links
from worker.notices.channels import Parcel
from worker.notices.planning import in_parts
from worker.notices.renewing import renew
from worker.notices.routes import WEBHOOK, channel_of
from worker.notices.sheet import purposes
from worker.now import wall_seconds
from worker.rulebooks import Loaded
from worker.settings import settings
from worker.store import deliveries

#: Wall seconds for which one worker has messages and their receiver to itself, beyond twice the time that one
#: delivery may take (connecting, and the last message). A dead worker's are taken up again after it, and until
#: then nobody is sent to at that receiver: long enough for a lane, and not a moment longer.
LEASE_S: Final = 10.0


@dataclass(slots=True)
class Load:
    """What one lane has to carry."""

    receiver: str
    until: datetime
    parcels: list[Parcel]
    #: message -> when it was due, for what is not tried after all.
    was_due: dict[int, datetime] = field(default_factory=dict)


def make_loads(
    connection: Connection, chosen: dict[str, list[Any]], loaded: Loaded, now: datetime
) -> list[Load]:
    """Lease messages with their receivers, and return what is to be sent to each: receiver -> rows of the outbox."""
    messages = [row for rows in chosen.values() for row in rows]
    if not messages:
        return []
    lease_s = LEASE_S + 2 * settings().delivery_timeout_s
    until = now + timedelta(seconds=lease_s / max(wall_seconds(1.0), 1e-9))
    deliveries.lease(connection, [row.message_id for row in messages], list(chosen), until)
    carried = _carried(connection, [row for row in messages if row.kind == "digest"], now)
    told = {row.message_id: carried[row.message_id] if row.kind == "digest" else [row] for row in messages}
    renewed = renew(connection, [one for several in told.values() for one in several], loaded, now)
    bodies = {
        message_id: [renewed.get(one.message_id, one.body) for one in several]
        for message_id, several in told.items()
    }
    team = loaded.book.source.team
    made = _links(connection, messages, bodies, team, now)
    parcels = {
        row.message_id: _parcel(row, bodies[row.message_id], made, carried.get(row.message_id, []), team)
        for row in messages
    }
    return [
        Load(
            receiver, until, [parcels[row.message_id] for row in rows],
            {row.message_id: row.next_try_at for row in rows},
        )
        for receiver, rows in chosen.items()
    ]  # fmt: skip


def _carried(connection: Connection, digests: Sequence[Any], now: datetime) -> dict[int, list[Any]]:
    """Return what each digest carries, as much as its channel's message holds; the others go into digests of their own.

    A digest may hold more than it can when it came by another way, or was bound by a version before this one.
    """
    carried: dict[int, list[Any]] = {row.message_id: [] for row in digests}
    for member in deliveries.members_of(connection, list(carried)) if carried else []:
        carried[member.digest_id].append(member)
    for row in digests:
        fits, *more = in_parts(carried[row.message_id], row.channel) or [[]]
        carried[row.message_id] = fits
        for part in more:
            key = f"{row.idempotency_key}:from:{part[0].message_id}"
            deliveries.make_digest(connection, key, part, now, like=row)
    return carried


def _by(row: Any) -> str:
    return str(row.channel_id or row.channel)


def _links(
    connection: Connection, messages: list[Any], bodies: dict[int, list[Any]], team: TeamFile, now: datetime
) -> dict[str, dict[links.Wanted, str]]:
    """Make each channel's links apart: each shows what its channel may, and its act is recorded with it.

    None for machines, which are told data and press nothing; and none for a channel that the rulebook has no more,
    by which nothing is sent.
    """
    wanted: dict[str, set[links.Wanted]] = {}
    for row in messages:
        if row.channel != WEBHOOK:
            wanted.setdefault(_by(row), set()).update(
                (body["assignment_id"], body["to"]["rep"], purpose)
                for body in bodies[row.message_id] for purpose in purposes(body)
            )  # fmt: skip
    made = {}
    for channel, ones in wanted.items():
        spec = channel_of(channel, team)
        if spec is not None:
            shows = dict.fromkeys(ones, spec.personal_data)
            made[channel] = links.mint(connection, sorted(ones), now, personal=shows, channel=channel)
    return made


def _parcel(
    row: Any, bodies: list[Any], made: dict[str, dict[links.Wanted, str]], carried: list[Any], team: TeamFile
) -> Parcel:
    return Parcel(
        row.message_id, row.attempts + 1, row.kind, row.idempotency_key, row.channel, row.recipient, row.receiver,
        row.channel_id, None if row.channel_id is None else channel_of(row.channel_id, team), bodies,
        made.get(_by(row), {}), row.lead_id, tuple(one.message_id for one in carried),
    )  # fmt: skip
