"""Flow E: messages of the outbox, each delivered at least once under one key, by whatever way is open.

Each receiver has a lane of its own: one worker at a time sends to it, in order. A slow or dead one holds up
nobody but itself.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection

from schemas.errors import Away, Refused
from worker import rulebooks
from worker.logs import get_logger
from worker.notices.answers import ThisOne, safe_error
from worker.notices.channels import Lane, Parcel, lane, send
from worker.notices.planning import digest_of, make_plan
from worker.notices.routes import way_to
from worker.now import now as business_now
from worker.parcels import Load, make_loads
from worker.rulebooks import Loaded
from worker.store import deliveries, outbox, receivers
from worker.store.db import in_transaction
from worker.store.rows import ms

log = get_logger()

#: Receivers that are sent to at the same time by one worker.
LANES: Final = 16
#: Messages that one lane takes at a time.
LANE_SIZE: Final = 20
#: Due messages of a receiver that are looked at, to see which belong together.
LOOK_AT: Final = 200
#: Wall seconds after which a lane takes no further message.
LANE_S: Final = 3.0
#: Wall seconds between two looks at what has become due while lanes are busy.
LOOK_EVERY_S: Final = 0.2
#: Seconds before each next try; the last one goes on for ever, so that nothing told is dropped silently.
BACKOFF_S: Final = (5, 15, 60, 300, 1_800, 3_600, 7_200, 18_000)
#: The longest wait that a receiver may ask for, in seconds.
LONGEST_WAIT_S: Final = 86_400
#: Tries after which a message is logged as stuck.
STUCK_AFTER: Final = 5
#: Messages that take another way in one transaction.
REROUTED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round came to."""

    sent: int = 0
    failed: int = 0
    refused: int = 0

    def __add__(self, other: "Delivered") -> "Delivered":
        """Add two rounds up."""
        return Delivered(self.sent + other.sent, self.failed + other.failed, self.refused + other.refused)


def deliver_due(now: datetime) -> Delivered:
    """Send what is due now, at most one lane's load of each receiver, and record how it went.

    The lease is committed before anything is sent: a worker that dies in between lets the message be sent
    again, under the same key, by another.
    """
    loads = in_transaction(lambda connection: _lease(connection, now, LANES))
    with ThreadPoolExecutor(max_workers=LANES) as pool:
        return sum(pool.map(lambda load: _carry(load, now), loads), Delivered())


def deliver_for(seconds: float, alive: Callable[[], object]) -> Delivered:
    """Go on sending for so many wall seconds, or until nothing is left; receivers do not wait for one another."""
    total = Delivered()
    until = time.monotonic() + seconds
    running: set[Future[Delivered]] = set()
    with ThreadPoolExecutor(max_workers=LANES) as pool:
        while time.monotonic() < until:
            alive()
            at = business_now()
            free = LANES - len(running)
            loads = in_transaction(lambda c, at=at, free=free: _lease(c, at, free)) if free else []  # type: ignore[misc]
            running |= {pool.submit(_carry, load, at) for load in loads}
            if not running:
                break
            done, running = wait(running, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            total = sum((one.result() for one in done), total)
        return sum((one.result() for one in running), total)


def _lease(connection: Connection, now: datetime, lanes: int) -> list[Load]:
    """Take what is due: move what has to go another way, hold what has to wait, bind what belongs together."""
    loaded = rulebooks.current(connection)
    notices = loaded.book.source.team.notices
    long_away = now - timedelta(seconds=notices.fallback.after)
    _reroute(connection, deliveries.to_reroute(connection, long_away, now, REROUTED_AT_ONCE), loaded, now)
    free = {row.receiver: row for row in deliveries.free_receivers(connection, now, lanes)}
    if not free:
        return []
    rows = deliveries.due(connection, sorted(free), now, LOOK_AT)
    pairs = {(row.rep, row.receiver) for row in rows if row.rep is not None}
    windows = [
        (rep, to, now - timedelta(seconds=digest_of(rep, loaded.team, notices).within))
        for rep, to in sorted(pairs)
    ]
    lately = deliveries.told_lately(connection, windows) if windows else {}
    plan = make_plan(rows, lately, loaded.team, notices, now)
    if plan.held:
        deliveries.hold(connection, plan.held)
    chosen: dict[str, list[Any]] = {}
    bound = [
        deliveries.make_digest(connection, f"digest:{part[0].rep}:{part[0].message_id}:{ms(now)}", part, now)
        for part in plan.digests
    ]
    for row in sorted([*bound, *plan.single], key=lambda row: (row.next_try_at, row.message_id)):
        taken = chosen.setdefault(row.receiver, [])
        most = (
            1 if free[row.receiver].open_since is not None else LANE_SIZE
        )  # an open breaker lets one through
        if len(taken) < most:
            taken.append(row)
    return make_loads(connection, chosen, loaded, now)


def _carry(load: Load, now: datetime) -> Delivered:
    """Send one lane's load in order; the first sign that its receiver is away ends it, and the rest goes back."""
    results: list[dict[str, Any]] = []
    health: Away | None = None
    until = time.monotonic() + LANE_S
    with lane() as on:
        for parcel in load.parcels:
            if health is not None or time.monotonic() >= until:
                results.append(_result(parcel, "pending", back=True, due=load.was_due[parcel.message_id]))
                continue
            try:
                results.append(_try_send(parcel, on, now))
            except Away as away:
                results.append(_failed(parcel, away, now))
                if isinstance(away, ThisOne):
                    continue
                health = away
    in_transaction(lambda connection: _record(connection, load, results, health, now))
    tried = [one for one in results if not one["back"]]
    count = {
        status: sum(one["status"] == status for one in tried) for status in ("sent", "pending", "refused")
    }
    return Delivered(count["sent"], count["pending"], count["refused"])


def _result(
    parcel: Parcel, status: str, error: str | None = None, due: datetime | None = None, *, back: bool = False
) -> dict[str, Any]:
    return {
        "id": parcel.message_id, "try": parcel.attempts, "status": status, "error": error,
        "next": None if due is None else due.isoformat(), "back": back, "told": [parcel.message_id, *parcel.carries],
    }  # fmt: skip


def _try_send(parcel: Parcel, on: Lane, now: datetime) -> dict[str, Any]:
    if not parcel.bodies:  # all that a digest carried was overtaken
        return _result(parcel, "superseded")
    try:
        send(parcel, on, now)
    except Away:
        on.close()
        raise
    except Refused as refusal:
        log.warning(
            "message.refused", message_id=parcel.message_id, lead_id=parcel.lead_id, channel=parcel.channel
        )
        return _result(parcel, "refused", safe_error(str(refusal), parcel.hidden()))
    except Exception as error:  # noqa: BLE001 - one message that cannot be drawn must not hold up all others
        log.warning("message.broken", message_id=parcel.message_id, reason=type(error).__name__)
        return _result(parcel, "refused", f"cannot be drawn: {type(error).__name__}; please report this")
    return _result(parcel, "sent")


def _failed(parcel: Parcel, away: Away, now: datetime) -> dict[str, Any]:
    if parcel.attempts >= STUCK_AFTER:
        log.warning(
            "message.stuck", message_id=parcel.message_id, channel=parcel.channel, attempts=parcel.attempts
        )
    wait_s = min(away.retry_after_s or _back_off_s(parcel.message_id, parcel.attempts), LONGEST_WAIT_S)
    error = safe_error(str(away), parcel.hidden())
    return _result(parcel, "pending", error, now + timedelta(seconds=wait_s))


def _back_off_s(message_id: int, attempts: int) -> float:
    """Return seconds to the next try, spread by up to a fifth so that a recovering receiver is not rushed."""
    base = BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1]
    return base * (0.9 + 0.2 * (crc32(f"{message_id}:{attempts}".encode()) % 1000) / 1000)


def _record(
    connection: Connection, load: Load, results: Sequence[dict[str, Any]], health: Away | None, now: datetime
) -> None:
    """Record the outcome of each message that is still this worker's, and how its receiver is."""
    mine = set(deliveries.record(connection, results, now))
    if health is not None:
        error = safe_error(str(health), load.parcels[0].hidden())
        if receivers.failed(connection, load.receiver, error, now, health.retry_after_s):
            log.warning("receiver.open", channel=load.parcels[0].channel, what=load.receiver)
    elif any(one["status"] in ("sent", "refused") for one in results) and receivers.worked(
        connection, load.receiver, now
    ):
        log.info("receiver.well", channel=load.parcels[0].channel, what=load.receiver)
    receivers.release(connection, load.receiver, load.until)
    loaded = rulebooks.current(connection)
    tries = loaded.book.source.team.notices.fallback.after_tries
    stranded = [
        one["id"] for one in results
        if one["id"] in mine and not one["back"]
        and (one["status"] == "refused" or (one["status"] == "pending" and one["try"] >= tries))
    ]  # fmt: skip
    if stranded:
        _reroute(connection, deliveries.with_another_way(connection, stranded), loaded, now)


def _reroute(connection: Connection, rows: Iterable[Any], loaded: Loaded, now: datetime) -> None:
    """Write each message anew for the next channel that its rep has. Each step takes one away, so it ends."""
    team = loaded.book.source.team
    new: list[dict[str, Any]] = []
    moved: dict[int, str] = {}
    for row in rows:
        rep = loaded.team.reps.get(row.rep or "")
        route = list(row.route)
        way = None
        while route and way is None and rep is not None:
            way = way_to(rep, route.pop(0), team)
        if way is None:
            continue
        key = f"{row.idempotency_key}:then:{way.channel_id}"
        moved[row.message_id] = key
        new.append(
            {"key": key, "kind": row.kind, "channel": way.kind, "channel_id": way.channel_id, "recipient": way.recipient, "receiver": way.receiver,
             "rep": row.rep, "urgent": row.urgent, "route": route, "lead": row.lead_id,
             "assignment": row.assignment_id, "body": row.body, "fallback_of": row.message_id}
        )  # fmt: skip
        log.warning("message.rerouted", message_id=row.message_id, channel=way.kind)
    if new:
        outbox.add(connection, new, now)
        deliveries.mark_rerouted(connection, moved)
