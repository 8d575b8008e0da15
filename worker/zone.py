"""The one zone of what people read on a screen or in an answer; JSON fields and views give UTC."""

from datetime import datetime
from typing import Final

from schemas.base import HOME_ZONE
from worker.now import now

_NAME: Final = "JST"


def local_time(at: datetime) -> str:
    """Return an instant for a column: `11-24 19:21 JST`, and `2025-11-24 19:21 JST` of another year than this."""
    local = at.astimezone(HOME_ZONE)
    if local.year != now().astimezone(HOME_ZONE).year:
        return local_day_time(at)
    return f"{local:%m-%d %H:%M} {_NAME}"


def local_day_time(at: datetime, *, seconds: bool = False) -> str:
    """Return an instant for a sentence: `2026-11-24 19:21 JST`."""
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return f"{at.astimezone(HOME_ZONE).strftime(form)} {_NAME}"
