"""Made-up cases whose truth is known, for the tests of learning."""

import math
import random
from typing import Final

from schemas.learned import Told, Value
from worker.learn.table import Table

SIZES: Final = (5.0, 20.0, 60.0, 100.0, 300.0, 1_000.0, 3_000.0)
SOURCES: Final = {"web": 0.9, "fair": 0.0, "ad": -0.9}


def true_chance(row: dict[str, Value]) -> float:
    """Return the chance with which a made-up case was won."""
    size, source = row["employees"], row["source"]
    log_odds = -1.0 + SOURCES[str(source)] + (0.35 * math.log(size / 60) if isinstance(size, float) else 0.0)
    return 1 / (1 + math.exp(-log_odds))


def a_table(count: int, seed: int = 1, *, truth: bool = True) -> Table:
    """Return cases of three fields: size (at times not known), source, and noise.

    Args:
        count: how many.
        seed: of the lots that are drawn.
        truth: without it the outcome has nothing to do with the fields.

    """
    lots = random.Random(seed)
    rows: list[dict[str, Value]] = []
    won = []
    for _ in range(count):
        row: dict[str, Value] = {
            "employees": None if lots.random() < 0.2 else lots.choice(SIZES),
            "source": lots.choice(sorted(SOURCES)),
            "noise": round(lots.gauss(0, 1), 3),
        }
        rows.append(row)
        won.append(lots.random() < (true_chance(row) if truth else 0.3))
    size = [row["employees"] if isinstance(row["employees"], float) else 0.0 for row in rows]
    return Table(
        "made up", Told(ja="受注", en="won"), rows, won, [f"{place:06d}" for place in range(count)],
        [(one,) for one in size], "bigger first",
    )  # fmt: skip
