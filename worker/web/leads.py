"""`GET /v1/leads/{lead}`: one lead, and whether sales may contact it now."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from schemas.base import Lang
from schemas.rulebook.outreach import OutreachChannel
from worker.explaining import explain_lead
from worker.looking import ask_gate, look_at_held, look_at_lead
from worker.store.db import in_transaction
from worker.store.reading import unknown_lead
from worker.tokens import Bearer
from worker.web.assignments import MAY_FAIL
from worker.web.auth import needs
from worker.web.problems import Told, problem

router = APIRouter(prefix="/v1/leads", tags=["leads"], responses=MAY_FAIL)

Who = Annotated[
    str, Path(max_length=320, description="Lead number; an e-mail address or a producer's own key work too.")
]
Caller = Annotated[Bearer, Depends(needs("leads:read"))]


class _Row(BaseModel):
    """A row as the view of that name has it; columns that are added later are passed on."""

    model_config = ConfigDict(extra="allow")


class Assignment(_Row):
    """One row of `v_assignment`."""

    assignment_id: int
    rep: str
    pool: str
    rule: str
    strategy: str
    offered_at: datetime
    accepted_at: datetime | None
    contacted_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None


class Lead(_Row):
    """One row of `v_lead`, and what stands beside it."""

    lead_id: int
    email: str | None
    company: str | None
    lifecycle_stage: str
    persona: str | None
    fit: int
    fit_grade: str | None
    engagement: float
    buying_stage: str | None
    track: str | None
    owner: str | None = Field(description="The rep who holds the lead.")
    rulebook_version: int
    updated_at: datetime
    keys: list[list[str]] = Field(description="Identity keys: kind and value.")
    waiting: dict[str, Any] | None = Field(description="Its place in a pool's line.")
    assignments: list[Assignment]
    clocks: list[dict[str, Any]]
    events: list[dict[str, Any]] = Field(description="The newest twenty.")
    opportunities: list[dict[str, Any]] = Field(
        description="What the CRM said of each: status, stage, amount, currency, reason; the newest first."
    )
    nurture: dict[str, Any] | None = Field(
        description="Of a held lead: its track, what is missing in words, the smallest changes, what comes next."
    )


class TableRow(BaseModel):
    """One line of an explanation."""

    section: str = Field(description="`fit`, `engagement`, `stage`, `rule`, `missing`, `way` or `next`.")
    heading: str
    what: str
    points: float | None


class Explanation(_Row):
    """One judgement or decision in a sentence and a table."""

    sentence: str
    table: list[TableRow]
    ways: list[dict[str, Any]] = Field(description="The smallest changes that would have made it ready.")


class Explained(BaseModel):
    """A lead explained."""

    lead_id: int
    lifecycle_stage: str
    rulebook_version: int
    now: Explanation
    held: dict[str, Any] | None = Field(description="As `nurture` of the lead.")
    decisions: list[Explanation] = Field(description="The oldest first.")


class ChannelAnswer(BaseModel):
    """The gate's answer for one channel."""

    channel: str
    may: bool
    reason: str = Field(
        description="`permitted`, `permission_withdrawn`, `no_address`, `no_basis`, `tried_lately` or `quiet_hours`."
    )
    basis: str | None = Field(
        description="What the contact must rest on: `opt_in`, `relationship`, `opt_out`."
    )
    law: str | None
    from_: datetime | None = Field(alias="from", description="From when it may be yes.")


class Gate(BaseModel):
    """The answer of the outreach gate."""

    lead_id: int
    may_contact: bool
    reason: str = Field(
        description="`with_its_rep`, `disqualified`, `no_permitted_channel`, `held_in_nurture`,"
        " `waiting_for_a_rep`, `nobody_holds_it` or `held_by_another_rep`; where sales has the lead and no channel"
        " may be used now, the reason of the channel that opens first."
    )
    channels: list[str] = Field(description="Channels that may be used now: `email`, `phone`.")
    track: str | None
    reasons: list[str] = Field(description="All that was found, the first of which is `reason`.")
    from_: datetime | None = Field(
        alias="from", description="From when the answer may be yes, where only time is in the way."
    )
    by_channel: list[ChannelAnswer] = Field(description="Each channel by itself, where sales has the lead.")
    words: str = Field(description="The answer in one line, in the language of `lang`.")


@router.get("/{lead}")
def lead(lead: Who, caller: Caller) -> Lead:
    """Return a lead with its assignments, clocks and newest events.

    A token that is bound to a rep sees the leads that this rep holds now, and no other.
    """
    found = in_transaction(lambda connection: look_at_held(connection, lead))
    if caller.rep is not None and found["owner"] != caller.rep:
        raise unknown_lead(lead)
    return Lead.model_validate(found)


@router.get("/{lead}/explain")
def explain(
    lead: Who, caller: Caller, lang: Annotated[Lang, Query(description="The language of all words.")] = "en"
) -> Explained:
    """Explain a lead: the judgement of this moment and every decision, each in a sentence and a table.

    A token that is bound to a rep is told of the leads that this rep holds now, and of no other.
    """

    def look(connection: Connection) -> dict[str, Any]:
        if caller.rep is not None and look_at_lead(connection, lead)["owner"] != caller.rep:
            raise unknown_lead(lead)
        return explain_lead(connection, lead, lang)

    return Explained.model_validate(in_transaction(look))


@router.get("/{lead}/gate")
def gate(
    lead: Who, caller: Caller,
    rep: Annotated[str | None, Query(max_length=64, description="The rep who asks; else sales as a whole.")] = None,
    channel: Annotated[OutreachChannel | None, Query(description="Only this channel; else all.")] = None,
    lang: Annotated[Lang, Query(description="The language of `words`.")] = "en",
) -> Gate:  # fmt: skip
    """Tell whether sales may contact this person now, and why (not). Ask before every call or mail."""
    if caller.rep is not None and rep not in (None, caller.rep):
        raise Told(problem(403, "not-yours", "the token is bound to another rep"))
    asks = caller.rep or rep
    return Gate.model_validate(
        in_transaction(lambda connection: ask_gate(connection, lead, asks, channel, lang))
    )
