"""Tokens that were proven a moment ago: whoever sends many events is not looked up for each of them."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.types import Scope as AsgiScope

from schemas.errors import Away
from worker import tokens
from worker.links import hash_of
from worker.now import now
from worker.store.db import in_transaction
from worker.tokens import Bearer, Scope
from worker.web.auth import scope_missing, unknown
from worker.web.guesses import Guesses
from worker.web.problems import Told, of_error

#: Seconds for which a token that was looked up counts: a revoked one is taken for so long.
GOOD_FOR_S: Final = 5.0
#: The same while the database is away; events are safe without it, and it cannot say that a token was revoked.
GOOD_WHILE_AWAY_S: Final = 60.0
#: Seconds that the database may take: every sender is answered within 3 s.
LOOK_S: Final = 1.0
#: Seconds for which the database is not asked after it was away.
_REST_S: Final = 1.0
#: Tokens that are remembered.
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    bearer: Bearer
    looked_at: float


class KnownTokens:
    """The tokens of one app. Used by one event loop."""

    def __init__(self, guesses: Guesses) -> None:
        """Know none."""
        self._guesses = guesses
        self._known: dict[bytes, _Known] = {}
        self._one_looks = asyncio.Lock()
        self._rests_until = float("-inf")
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="tokens")

    def close(self) -> None:
        """End."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def bearer(self, scope: AsgiScope, needed: Scope) -> Bearer:
        """Return who calls.

        Raises:
            Told: no token, an unknown one, one without the scope `needed`, or the database is away.

        """
        said = _said(scope)
        if said is None:
            raise Told(unknown("send `Authorization: Bearer TOKEN`"))
        found = self._remembered(said, GOOD_FOR_S) or await self._looked_up(said, scope)
        if needed not in found.scopes:
            raise Told(scope_missing(needed))
        return found

    def _remembered(self, token: str, for_s: float) -> Bearer | None:
        known = self._known.get(hash_of(token))
        if known is None:
            return None
        is_good = time.monotonic() - known.looked_at < for_s and known.bearer.until > now()
        return known.bearer if is_good else None

    async def _looked_up(self, token: str, scope: AsgiScope) -> Bearer:
        request = Request(scope)
        self._guesses.check(request)
        async with self._one_looks:  # who comes with the same token meanwhile finds it remembered
            known = self._remembered(token, GOOD_FOR_S)
            if known is not None:
                return known
            self._guesses.check(
                request
            )  # many may have waited here, and been wrong, since it was asked first
            try:
                found = await self._ask(token)
            except Away as away:
                known = self._remembered(token, GOOD_WHILE_AWAY_S)
                if known is None:
                    raise Told(of_error(away)) from None
                return known
            self._remember(token, found)
        if found is None:
            self._guesses.note_wrong(request)
            raise Told(unknown("the token is unknown, expired or revoked"))
        return found

    async def _ask(self, token: str) -> Bearer | None:
        # Those who wait for their turn do not wait for the database one by one.
        if time.monotonic() < self._rests_until:
            raise Away("PostgreSQL is away")
        try:
            return await self._look(token)
        except Away:
            self._rests_until = time.monotonic() + _REST_S
            raise

    async def _look(self, token: str) -> Bearer | None:
        at = now()
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(
            self._threads, lambda: in_transaction(lambda connection: tokens.find(connection, token, at))
        )
        try:
            return await asyncio.wait_for(asked, LOOK_S)
        except TimeoutError:
            raise Away("PostgreSQL does not answer") from None

    def _remember(self, token: str, found: Bearer | None) -> None:
        digest = hash_of(token)
        self._known.pop(digest, None)
        if found is None:
            return
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[digest] = _Known(found, time.monotonic())


def _said(scope: AsgiScope) -> str | None:
    """Return the bearer token, if there is exactly one Authorization header and it holds one."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) != 1:
        return None
    scheme, _, token = found[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
