"""`POST /v1/events` and `POST /v1/outcomes`: canonical events, answered once they are safe.

An ASGI app of its own below FastAPI's routes: it takes the road of the webhooks (one append shared by the requests
that come together, the spool while Valkey is away) and costs a request little besides.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schemas.errors import Away, NotUnderstood
from worker import tokens
from worker.intake import bodies, canonical
from worker.intake.accept import QUICK_BODY
from worker.intake.bodies import MAX_BODY
from worker.intake.canonical import Mode, Part
from worker.intake.keeping import Keeper
from worker.intake.room import NoRoomError, Room, Share
from worker.intake.tally import Rates
from worker.intake_http import BODY_S, GoneError, TooLargeError, read_body
from worker.now import now
from worker.queue import Fields
from worker.settings import settings
from worker.tokens import Bearer
from worker.web.auth import scope_missing
from worker.web.known_tokens import KnownTokens
from worker.web.problems import Told, problem
from worker.web.road import Road

_THREADS: Final = 2
#: Problems of a body that are told at most.
_TOLD: Final = 20
_MEDIA: Final = "application/json, application/cloudevents+json or application/cloudevents-batch+json"
#: Events of one stream entry at most: a worker judges up to `batch_size` entries in one transaction.
TOGETHER: Final = 10
_encode = msgspec.json.Encoder().encode


class EventsApp:
    """Takes canonical events of tokens with one scope."""

    def __init__(self, path: str, scope: tokens.Scope, road: Road, known: KnownTokens, room: Room) -> None:
        """Hold the road, the tokens, and the room of all whom they prove."""
        #: As the metrics name it.
        self.path = path
        self._scope = scope
        self._road = road
        self._known = known
        self._room = room
        self._rates = Rates()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="events")

    def close(self) -> None:
        """Let the requests in hand end."""
        self._threads.shutdown(wait=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route"] = self
        try:
            parts = await self._take(scope, receive)
        except GoneError:
            return  # nobody is there to be answered, and nothing was kept
        except Told as told:
            await told.answer(scope, receive, send)
            return
        await Response(report(parts), 202, media_type="application/json")(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> list[Part]:
        bearer = await self._known.bearer(scope, self._scope)
        rate = settings().token_per_second
        if not self._rates.take(str(bearer.token_id), rate, max(1, int(2 * rate)), time.monotonic()):
            raise Told(
                problem(429, "too-many", "too many requests; come again", headers={"Retry-After": "1"})
            )
        try:
            with self._room.hold() as share:
                body = await _bounded(receive, share)
                received_ms = int(now().timestamp() * 1000)
                parts = await self._read(_headers(scope), body, received_ms)
                _may(parts, bearer)
                if parts:
                    await _keep(self._road.open().keeper, parts, received_ms)
                return parts
        except NoRoomError:
            raise Told(_away("too many requests at a time")) from None

    async def _read(self, headers: dict[str, str], body: bytes, received_ms: int) -> list[Part]:
        mode = canonical.mode_of(headers.get("content-type"), headers)
        if mode is None:
            raise Told(problem(415, "unsupported", f"send {_MEDIA}"))
        if len(body) <= QUICK_BODY:
            return self._understood(mode, headers, body, received_ms)
        work: Callable[..., list[Part]] = self._understood
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, mode, headers, body, received_ms)

    def _understood(self, mode: Mode, headers: dict[str, str], body: bytes, received_ms: int) -> list[Part]:
        try:
            raw = bodies.unpack(headers.get("content-encoding"), body, bodies.Limits(MAX_BODY))
            parts = canonical.parts_of(mode, raw, headers, received_ms)
        except bodies.TooLargeError:
            raise Told(_too_large()) from None
        except bodies.UnsupportedError:
            raise Told(problem(415, "unsupported", "Content-Encoding may be gzip or deflate")) from None
        except NotUnderstood as error:
            raise Told(_invalid([(error.place, error.mend)])) from None
        if "handling=strict" in headers.get("prefer", "").replace(" ", "").lower():
            wrong = [(at, part.problem) for at, part in enumerate(parts) if part.problem is not None]
            if wrong:
                many = len(parts) > 1 or mode == "batch"
                raise Told(
                    _invalid([(f"[{at}].{no.place}" if many else no.place, no.mend) for at, no in wrong])
                )
        return parts


def _may(parts: list[Part], bearer: Bearer) -> None:
    """Refuse a body whole for what the token may not say: it could not be kept without being applied one day."""
    if any(part.is_ours for part in parts):
        words = "sources that begin with `enrich:` are Tasuki's own; send under a name of yours"
        raise Told(problem(403, "not-yours", words))
    if "events:write" not in bearer.scopes and any(part.is_no_outcome for part in parts):
        raise Told(scope_missing("events:write"))


def report(parts: list[Part]) -> bytes:
    """Return the answer: what became of each event, in the order in which they were sent."""
    events: list[dict[str, Any]] = []
    wrong = 0
    for part in parts:
        one = {"source": part.source, "id": part.event_id, "status": "accepted"}
        if part.problem is not None:
            wrong += 1
            one |= {"status": "quarantined", "field": part.problem.place, "mend": part.problem.mend}
        events.append(one)
    return _encode({"accepted": len(parts) - wrong, "quarantined": wrong, "events": events})


async def _keep(keeper: Keeper, parts: list[Part], received_ms: int) -> None:
    try:
        await keeper.keep_soon(*entries_of(parts, received_ms))
    except Away as away:
        raise Told(_away(str(away))) from None


def entries_of(parts: list[Part], received_ms: int) -> list[Fields]:
    """Return the entries that carry events, in their order; those that are understood share one, a few together.

    What is not understood goes alone, so that its quarantine holds its bytes and no others.
    """
    at = str(received_ms)
    entries: list[Fields] = []
    group: list[bytes] = []

    def close() -> None:
        if len(group) == 1:
            entries.append({"event": group[0], "received_ms": at})
        elif group:
            entries.append({"batch": b"[" + b",".join(group) + b"]", "received_ms": at})
        group.clear()

    for part in parts:
        if part.problem is not None:
            close()
            entries.append({"event": part.raw, "received_ms": at})
            continue
        group.append(part.raw)
        if len(group) == TOGETHER:
            close()
    close()
    return entries


async def _bounded(receive: Receive, share: Share) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await read_body(receive, MAX_BODY, share)
    except TooLargeError:
        raise Told(_too_large()) from None
    except TimeoutError:
        raise Told(_away("the body came too slowly")) from None


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _too_large() -> Any:
    return problem(413, "too-large", f"at most {MAX_BODY:,} bytes are taken")


def _away(detail: str) -> Any:
    return problem(503, "away", detail, headers={"Retry-After": "5"})


def _invalid(found: list[tuple[str, str]]) -> Any:
    errors = [{"field": place, "message": mend} for place, mend in found[:_TOLD]]
    return problem(422, "invalid-request", "nothing was kept; mend it and send it again", errors=errors)
