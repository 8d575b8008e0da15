"""Import: the leads of a list go the road of all events, after the whole list was looked at.

May run twice, and may be killed at any line: events are named by their content, so what went before is a repeat.
"""

import time
from collections.abc import Callable
from typing import Final

from worker import queue
from worker.bulk.comparing import CHUNK, Seen, batched, compare
from worker.bulk.opening import Opened
from worker.bulk.report import Report

#: Entries that may wait in the queue before an import waits: others' events are not to stand behind it for long.
ROOM: Final = 5_000
#: Seconds between two looks at the queue while it is full.
_LOOK_EVERY_S: Final = 0.2

Progress = Callable[[int], None]


def look(opened: Opened, report: Report, progress: Progress, *, stored: bool = True) -> None:
    """Look at every line, without any effect, and say what it would become."""
    seen = Seen()
    for chunk in batched(opened.rows(), CHUNK):
        for one in compare([opened.make(row) for row in chunk], seen, stored=stored):
            report.say(one.made, one.verdict, one.lead_id, same_person=one.same_person)
        progress(len(chunk))


def send(opened: Opened, progress: Progress) -> int:
    """Put the fit lines on the queue, waiting while it is fuller than `ROOM`; return how many events went.

    Raises:
        Refused: the file changed since it was looked at.
        Away: the queue is; importing the same file again goes on without a second effect.

    """
    sent = 0
    for chunk in batched(opened.rows(), CHUNK):
        made = [one for one in map(opened.make, chunk) if not one.problems]
        opened.must_be_unchanged()
        bodies = [body for one in made for body in one.bodies]
        if bodies:
            _wait_for_room()
            queue.append({"event": body} for body in bodies)
            sent += len(bodies)
        progress(len(chunk))
    return sent


def _wait_for_room() -> None:
    while queue.backlog() > ROOM:
        time.sleep(_LOOK_EVERY_S)
