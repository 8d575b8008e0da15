"""The demo's business day, read from its files: what arrives when, from which platform, byte for byte."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from worker.queue import Fields

DAY: Final = Path(__file__).parent / "day"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload as its sender delivers it."""

    at: datetime
    platform: str
    source: str
    raw: bytes

    def entry(self) -> Fields:
        """Return the stream entry."""
        if self.platform == "canonical":
            return {"event": self.raw}
        return {"payload": self.raw, "platform": self.platform, "source": self.source}


@lru_cache(maxsize=16)
def _lines(file: str) -> list[bytes]:
    return (DAY / file).read_bytes().split(b"\n")


def read_day() -> list[Delivery]:
    """Return all deliveries of the day in order of arrival."""
    day = []
    for line in (DAY / "arrivals.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        raw = _lines(row["file"])[row["line"] - 1]
        day.append(Delivery(datetime.fromisoformat(row["at"]), row["platform"], row["source"], raw))
    return day
