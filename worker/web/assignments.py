"""`POST /v1/assignments/{id}/...`: what a rep does with a lead, by program."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from schemas.base import Contract
from schemas.errors import Overtaken, ReasonNeeded
from schemas.handover import Act
from worker import rulebooks
from worker.acting import Answer, act
from worker.now import now
from worker.store import reading
from worker.store.db import in_transaction
from worker.tokens import Bearer
from worker.web.auth import needs
from worker.web.problems import Problem, Told, as_text, problem

MAY_FAIL: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem} for code in (401, 403, 404, 409, 413, 421, 422, 429, 500, 503)
}
router = APIRouter(prefix="/v1/assignments", tags=["assignments"], responses=MAY_FAIL)

#: PostgreSQL's bigint.
MOST = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=MOST, description="Number of the assignment, as in the notice.")]
Caller = Annotated[Bearer, Depends(needs("assignments:write"))]


class Why(Contract):
    """Why a lead is given back."""

    reason: str = Field(
        min_length=1, max_length=64, description="A reason code of nurture.yaml, such as `not_now`."
    )
    note: str | None = Field(default=None, max_length=1_000, description="In the rep's own words.")


class Acted(BaseModel):
    """What an act came to."""

    assignment_id: int
    lead_id: int
    rep: str
    act: Act = Field(description="What was carried out: `recycle` where an accepted lead was declined.")
    done: str = Field(description="In words.")
    repeated: bool = Field(description="It was done before; nothing changed.")
    clock: str | None = Field(description="The clock that runs now: `accept` or `contact`.")
    due_at: datetime | None = Field(description="When that clock runs out.")


@router.post("/{assignment_id}/accept")
def accept(request: Request, assignment_id: Number, caller: Caller) -> Acted:
    """Accept a lead: ends the accept clock, starts the contact clock."""
    return _act(request, assignment_id, "accept", caller)


@router.post("/{assignment_id}/decline")
def decline(request: Request, assignment_id: Number, why: Why, caller: Caller) -> Acted:
    """Decline an offer: by its reason the lead goes to the next rep, back to nurture, or out.

    What was accepted already is handed back, as by `recycle`. Counts towards the pool's `declines_per_day`.
    """
    return _act(request, assignment_id, "decline", caller, why)


@router.post("/{assignment_id}/contacted")
def contacted(request: Request, assignment_id: Number, caller: Caller) -> Acted:
    """Record first contact: ends the contact clock. Accepts as well where nobody did."""
    return _act(request, assignment_id, "contacted", caller)


@router.post("/{assignment_id}/recycle")
def recycle(request: Request, assignment_id: Number, why: Why, caller: Caller) -> Acted:
    """Hand back a lead that was accepted: by its reason to nurture, to the next rep, or out."""
    return _act(request, assignment_id, "recycle", caller, why)


def _act(request: Request, assignment_id: int, what: Act, caller: Bearer, why: Why | None = None) -> Acted:
    at = now()

    def work(connection: Connection) -> tuple[Answer, dict[str, Any]]:
        reason, note = (why.reason, why.note) if why else (None, None)
        loaded = rulebooks.current(connection)
        try:
            answer = act(
                connection, assignment_id, what, loaded, at, rep=caller.rep, reason=reason, note=note
            )
        except ReasonNeeded as error:
            raise Told(problem(422, "reason-needed", str(error), reasons=list(loaded.book.reasons))) from None
        return answer, reading.standing(connection, assignment_id)

    try:
        answer, stands = in_transaction(work)
    except Overtaken as overtaken:
        raise Told(_overtaken(assignment_id, str(overtaken))) from None
    request.app.state.poker.poke(answer.pools)
    return Acted(
        assignment_id=answer.assignment_id, lead_id=answer.lead_id, rep=answer.rep, act=answer.act,
        done=answer.done, repeated=answer.repeated, clock=stands["clock"], due_at=stands["due_at"],
    )  # fmt: skip


def _overtaken(assignment_id: int, detail: str) -> Any:
    stands = in_transaction(lambda connection: reading.standing(connection, assignment_id))
    return problem(
        409, "overtaken", detail, end_reason=stands["end_reason"], ended_at=as_text(stands["ended_at"]),
        now_with=stands["now_with"],
    )  # fmt: skip
