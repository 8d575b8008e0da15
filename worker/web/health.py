"""`/healthz`: this process is up. `/readyz`: it can serve. For whoever starts, stops and watches it."""

import time
from threading import Lock
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from worker import health

router = APIRouter(tags=["health"])

#: Seconds for which an answer is good: many probes at a time ask the stores once.
_GOOD_FOR_S: Final = 1.0


class Readiness:
    """The newest look at the stores, shared by all who ask."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = Lock()
        self._looked_at = float("-inf")
        self._found: dict[str, str | None] = {}

    def look(self) -> dict[str, str | None]:
        """Return what is wrong with what; one look at a time."""
        with self._lock:
            if time.monotonic() - self._looked_at > _GOOD_FOR_S:
                self._found = health.ready()
                self._looked_at = time.monotonic()
            return self._found


def readiness(request: Request) -> Readiness:
    """Return the app's."""
    found: Readiness = request.app.state.readiness
    return found


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether it can serve."""

    ready: bool
    wrong: dict[str, str] = Field(description="database, schema, rulebook, queue: what is wrong with it.")


@router.get("/healthz")
async def healthz() -> Alive:
    """Tell that the process is up. Asks nobody else."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready}})
def readyz(response: Response, look: Annotated[Readiness, Depends(readiness)]) -> Ready:
    """Tell whether database, schema, rulebook and queue are as they should be; 503 and what is wrong if not."""
    wrong = {name: words for name, words in look.look().items() if words is not None}
    response.status_code = 503 if wrong else 200
    return Ready(ready=not wrong, wrong=wrong)
