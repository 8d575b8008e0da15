"""Wrong links and tokens are counted by address, so that nobody keeps the database busy with guessing.

In this process's memory: a link must work while Valkey is away, and a guess is hopeless anyhow (256 bits).
"""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from worker.web.problems import Told, problem

#: Wrong links and tokens of one address in a minute; then it is not listened to for the rest of it.
PER_MINUTE: Final = 20


class Guesses:
    """The count of wrong guesses."""

    def __init__(self) -> None:
        """Begin with none."""
        self._limit = RateLimitItemPerMinute(PER_MINUTE)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def are_too_many(self, request: Request) -> bool:
        """Tell whether this address guessed wrong too often in the last minute."""
        return not self._limiter.test(self._limit, _address(request))

    def note_wrong(self, request: Request) -> None:
        """Count a wrong guess."""
        self._limiter.hit(self._limit, _address(request))

    def check(self, request: Request) -> None:
        """Answer at once who guessed too often."""
        if self.are_too_many(request):
            detail = f"more than {PER_MINUTE} wrong in a minute"
            raise Told(problem(429, "too-many-guesses", detail, headers={"Retry-After": "60"}))


def _address(request: Request) -> str:
    """Return the caller's address; of IPv6 the network, of which one caller has all addresses."""
    host = request.client.host if request.client else "-"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address)


def guesses(request: Request) -> Guesses:
    """Return the app's count."""
    found: Guesses = request.app.state.guesses
    return found
