"""What is wiped when its time is over: the raw bytes of the quarantine, which hold personal data."""

import time
from datetime import datetime, timedelta
from typing import Final

from worker.logs import get_logger
from worker.settings import settings
from worker.store import quarantine
from worker.store.db import in_transaction

log = get_logger()

#: Seconds between two looks of one process.
_EVERY_S: Final = 600.0


class _Next:
    at_s = float("-inf")


def wipe_expired(now: datetime) -> int:
    """Wipe what is older than TASUKI_QUARANTINE_DAYS, at most every ten minutes; return how much it was."""
    if time.monotonic() < _Next.at_s:
        return 0
    _Next.at_s = time.monotonic() + _EVERY_S
    before = now - timedelta(days=settings().quarantine_days)
    wiped = in_transaction(lambda connection: quarantine.expire(connection, before, now))
    if wiped:
        log.info("quarantine.expired", count=wiped)
    return wiped
