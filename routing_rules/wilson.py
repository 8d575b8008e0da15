"""How sure a share is: the interval of Wilson (1927), which holds for few cases and for shares near 0 and 1."""

import math
from typing import Final

#: Standard normal quantiles.
TWO_SIDED_95: Final = 1.959964
ONE_SIDED_95: Final = 1.644854


def wilson(hits: int, cases: int, z: float = TWO_SIDED_95) -> tuple[float, float]:
    """Return the lower and upper bound of the share `hits / cases`; 0 and 1 where there is no case."""
    if cases <= 0:
        return 0.0, 1.0
    share = hits / cases
    spread = z * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    centre = share + z * z / (2 * cases)
    under = 1 + z * z / cases
    return max(0.0, (centre - spread) / under), min(1.0, (centre + spread) / under)
