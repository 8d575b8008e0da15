"""The intake of one process, put together: sources, stream, spool, keys; and its counts, written now and then."""

import threading
import time
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import DBAPIError

from schemas.errors import TasukiError
from worker import queue
from worker.intake.accept import Desk
from worker.intake.configured import registry
from worker.intake.keeping import Keeper
from worker.intake.proofs.adobe import FetchedKeys
from worker.intake.spool import Spool
from worker.local.servers import default_state_dir
from worker.now import now
from worker.settings import settings
from worker.store import intake
from worker.store.db import in_transaction

#: Seconds between two writes of the counts.
COUNT_EVERY_S: Final = 5.0
#: Seconds after which a changed sources file is seen.
LOOK_EVERY_S: Final = 0.25


def spool() -> Spool:
    """Return this machine's spool."""
    folder = settings().spool_dir or (settings().state_dir or default_state_dir()) / "spool"
    return Spool(folder, settings().spool_mb * 1024 * 1024)


class OpenDesk:
    """A desk from its opening to its closing; a web app holds one."""

    def __init__(self) -> None:
        """Open: what an earlier run left in the spool is drained from now on."""
        self.keeper = Keeper(queue.append_at_once, spool())
        known = registry()
        known.look_every_s = LOOK_EVERY_S
        self.desk = Desk(known, self.keeper, keys=FetchedKeys(clock=time.monotonic))
        self._closing = threading.Event()
        self._counting = threading.Thread(target=self._count, name="intake-counts", daemon=True)
        self.keeper.start()
        self._counting.start()

    def close(self) -> None:
        """Commit what is in hand, write the counts, end."""
        self._closing.set()
        self.keeper.close()
        self._counting.join(timeout=5)

    def _count(self) -> None:
        while not self._closing.wait(COUNT_EVERY_S):
            self.write_counts()
        self.write_counts()

    def write_counts(self) -> None:
        """Write what was counted; while the database is away it is kept here, and lost with this process."""
        counts = self.desk.tally.take()
        if not counts:
            return
        written = False
        with suppress(TasukiError, DBAPIError):
            in_transaction(lambda connection: intake.add_counts(connection, counts, now()))
            written = True
        if not written:
            self.desk.tally.give_back(counts)
