"""The door: who is it, is it within limits, keep it, answer. A few lines of any web framework call `accept`."""

import asyncio
import base64
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from schemas.errors import Away, NotUnderstood
from worker.intake import answers, bodies
from worker.intake.adapters import cloudevents, wire
from worker.intake.adapters import registry as adapters
from worker.intake.handshakes import handshake
from worker.intake.keeping import Keeper
from worker.intake.platforms import PLATFORMS
from worker.intake.proof import prove
from worker.intake.proofs.adobe import Keys
from worker.intake.proofs.tokens import without_secrets
from worker.intake.proofs.verdict import Unproven, Unsure
from worker.intake.request import Answer, Request
from worker.intake.room import Room
from worker.intake.sources import Registry, Source
from worker.intake.tally import Rates, Tally
from worker.intake.translating import document_of
from worker.queue import Fields

#: Bytes of a body that is looked at where it arrives; a larger one gets a thread, so that others go on.
QUICK_BODY: Final = 16 * 1024
#: The largest body of any source: what a web framework may read before it asks.
MAX_BODY: Final = 8 * 1024 * 1024
#: Under which unknown sources are counted: their names are a stranger's words.
_NOBODY: Final = "unknown"
#: Said instead of a refusal while no source is known; what is wrong is told to whoever runs it, not to strangers.
_UNREAD: Final = "the file of TASUKI_SOURCES cannot be read; `tasuki intake lint` says where and why"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a proven sender sent, as it is to be kept, and what is answered once it is."""

    platform: str
    entry: Fields
    answer: Answer


class Desk:
    """Everything that accepting needs, once a process."""

    def __init__(
        self, registry: Registry, keeper: Keeper, *, keys: Keys | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Hold the sources, where accepted entries are kept, and Adobe's keys."""
        self.registry = registry
        self.keeper = keeper
        self.tally = Tally()
        self._keys = keys
        self._clock = clock
        self._rates = Rates()
        self.room = Room()

    def refuse(self, name: str, situation: answers.Situation, detail: str) -> Answer:
        """Answer, as the source's platform takes it, a request whose body was not read to its end."""
        source = self.registry.source(name)
        platform = source.platform if source is not None else "generic"
        return self._told(name, answers.refused(platform, situation, detail))

    def max_body(self, name: str) -> int:
        """Return how many bytes of a body are read for a source."""
        source = self.registry.source(name)
        return source.max_body if source is not None else bodies.MAX_BODY

    def accept(self, name: str, request: Request, now: datetime) -> Answer:
        """Return what to answer a request to /intake/NAME, within 3 s; 2xx only when the events are safe.

        Args:
            name: the source's id, from the path.
            request: as it was sent.
            now: the time, for signatures and as the time of receipt.

        """
        found = self._look_at(name, request, now)
        if isinstance(found, Kept):
            try:
                self.keeper.keep(found.entry)
            except Away as away:
                return self._told(name, answers.refused(found.platform, "away", str(away)))
            found = found.answer
        return self._told(name, found)

    async def accept_soon(self, name: str, request: Request, now: datetime, threads: Executor) -> Answer:
        """Do as `accept` does, without holding up the event loop.

        Args:
            name: the source's id, from the path.
            request: as it was sent.
            now: the time, for signatures and as the time of receipt.
            threads: for what takes longer than a change of threads.

        """
        if self._is_quick(name, request):
            found = self._look_at(name, request, now)
        else:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(threads, self._look_at, name, request, now)
        if isinstance(found, Kept):
            try:
                await self.keeper.keep_soon(found.entry)
            except Away as away:
                return self._told(name, answers.refused(found.platform, "away", str(away)))
            found = found.answer
        return self._told(name, found)

    def _is_quick(self, name: str, request: Request) -> bool:
        """Tell whether a request is looked at within a millisecond or so, and without asking anybody."""
        source = self.registry.source(name)
        return len(request.body) <= QUICK_BODY and (source is None or source.proof.scheme != "adobe")

    def _look_at(self, name: str, request: Request, now: datetime) -> Answer | Kept:
        source = self.registry.source(name)
        if source is None and self.registry.is_unread():
            return answers.without_sources(name, _UNREAD)
        if source is None:  # answered as whoever does not prove himself is: nothing tells which names exist
            return answers.refused("generic", "unproven", "there is no such source")
        return handshake(source, request) or self._events(source, request, now)

    def _events(self, source: Source, request: Request, now: datetime) -> Answer | Kept:
        platform = source.platform
        if len(request.body) > source.max_body:
            return answers.refused(platform, "too_large", f"at most {source.max_body} bytes are taken")
        verdict = prove(source, request, now, self._keys)
        if isinstance(verdict, Unproven):
            return answers.refused(platform, "unproven", verdict.reason)
        if isinstance(verdict, Unsure):
            return answers.refused(platform, "away", verdict.reason)
        if answers.row(platform, "too_many").status is not None and not self._rates.take(
            source.id, source.per_second, source.burst, self._clock()
        ):
            return answers.refused(platform, "too_many", "too many requests; come again", retry_after_s=1)
        return self._proven(source, request, now)

    def _proven(self, source: Source, request: Request, now: datetime) -> Answer | Kept:
        """Unpack and look at what a proven sender sent."""
        platform, raw, problem = source.platform, request.body, None
        try:
            raw = payload_of(source, request)
            _look(source, raw)
        except bodies.TooLargeError:
            return answers.refused(platform, "too_large", f"at most {source.max_body} bytes are taken")
        except bodies.UnsupportedError:
            return answers.refused(platform, "unsupported", "Content-Encoding may be gzip or deflate")
        except NotUnderstood as error:
            problem = error
            if answers.row(platform, "unfit").status == answers.TELL:
                return answers.refused(platform, "unfit", str(error))
        entry: Fields = {
            "payload": without_secrets(raw, source.all_secrets()),
            "platform": source.marked,
            "source": source.named,
            "received_ms": str(int(now.timestamp() * 1000)),
        }
        soap = platform == "salesforce" and wire.without_mark(raw).startswith(b"<")
        if problem is not None:
            reason = "the payload cannot be read"
            return Kept(platform, entry, answers.taken(platform, soap=soap, situation="unfit", reason=reason))
        return Kept(platform, entry, answers.taken(platform, soap=soap))

    def _told(self, name: str, answer: Answer) -> Answer:
        known = name if name in self.registry.current().sources else _NOBODY
        self.tally.note(known, answer.outcome, answer.reason)
        return answer


def payload_of(source: Source, request: Request) -> bytes:
    """Return what a request carries, as it is kept: unpacked and in one piece.

    Raises:
        TooLargeError: unpacked it is larger than the source's are taken.
        UnsupportedError: its Content-Encoding is none that is taken.
        NotUnderstood: that is broken.

    """
    coding = request.header("content-encoding")
    return _whole(source, request, bodies.unpack(coding, request.body, bodies.Limits(source.max_body)))


def _whole(source: Source, request: Request, raw: bytes) -> bytes:
    """Return the payload in one piece: in CloudEvents' binary mode the attributes are headers."""
    if source.platform != "cloudevents" or request.header("ce-id") is None:
        return raw
    event: dict[str, Any] = cloudevents.from_headers(dict(request.headers), None)
    del event["data"]
    document: Any = None
    with suppress(NotUnderstood):
        document = bodies.decode(raw, "json", bodies.Limits(source.max_body))
    if document is None:
        return msgspec.json.encode({**event, "data_base64": base64.b64encode(raw).decode()})
    return msgspec.json.encode({**event, "data": document})


def _look(source: Source, raw: bytes) -> None:
    """Read the payload once, so that the sender of nonsense can be told, or it is known to be unfit."""
    if source.mapping is not None:
        document_of(source.mapping, raw)
        return
    adapter = PLATFORMS[source.platform].adapter
    assert adapter is not None  # noqa: S101 - the file is refused where neither is there
    bodies.check(adapters.parse(adapter, raw), bodies.Limits(source.max_body))
