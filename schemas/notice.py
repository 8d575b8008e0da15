"""What Tasuki tells machines: the signed webhooks (Standard Webhooks 1.0) of notices, of the CRM and of tracks.

`worker.notices.compose`, `worker.crm` and `worker.nurturing` make what is sent; tests/schemas/test_asyncapi.py holds
them to this.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import Lang
from schemas.rulebook.channels import NoticeKind

_KINDS: Final = ", ".join(f"`{kind}`" for kind in get_args(NoticeKind))


class _Told(BaseModel):
    """Something that is told; fields that are added later are to be passed over."""

    model_config = ConfigDict(extra="allow")


class Named(_Told):
    """A name in both languages."""

    ja: str
    en: str


class Receiver(_Told):
    """The rep who is told."""

    rep: str = Field(description="Id in team.yaml.")
    name: Named
    language: Lang


class ToldActivity(_Told):
    """What a lead did."""

    kind: str
    name: Named | None
    at_ms: int | None = Field(default=None, description="When it did so last, in ms since 1970.")
    count: int | None = Field(default=None, description="How often within 30 days.")
    points: float | None = Field(default=None, description="What it counts now.")


class ToldLead(_Told):
    """A lead, as far as the channel may show it: what it may not show is left out."""

    lead_id: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    title: str | None = None
    department: str | None = None
    employees: int | None = None
    industry: str | None = None
    country: str | None = None
    region: str | None = None
    campaign: str | None = None
    persona: str | None = None
    persona_name: Named | None = None
    fit_grade: str | None = None
    engagement: float | None = None
    buying_stage: str | None = None
    stage_name: Named | None = None
    ready_because: str | None = Field(default=None, description="The rule of readiness.yaml.")
    ready_name: Named | None = None
    activities: list[ToldActivity] = Field(default=[], description="The newest first.")
    interests: list[ToldActivity] = Field(default=[], description="Those that count most first.")
    hand_raise: ToldActivity | None = Field(default=None, description="The newest wish to talk.")
    rep: str | None = Field(default=None, description="Whose lead it is, where a manager is told.")
    rep_name: Named | None = None


class Why(_Told):
    """Why this rep."""

    rule: str | None = Field(default=None, description="Of routing.yaml.")
    rule_name: Named | None = None
    strategy: str | None = None
    pool: Named | None = None


class Notice(_Told):
    """One occasion, told to one rep."""

    kind: str = Field(description=f"One of {_KINDS}; later versions may add others.")
    to: Receiver
    assignment_id: int | None = Field(
        description="Null where nobody holds the lead: `claim_open`, `claim_over`."
    )
    lead: ToldLead
    because: str
    why: Why
    clock: str
    policy: str = Field(description="Of sla.yaml.")
    policy_name: Named | None
    at: datetime
    due_at: datetime | None = Field(description="When the clock runs out.")
    time: Literal["business", "wall"] = Field(description="In which time `left_s` counts.")
    left_s: float | None
    zone: str = Field(description="The rep's time zone.")


class Digest(_Told):
    """Several notices at once."""

    kind: Literal["digest"]
    notices: list[Notice]


class NoticeMessage(_Told):
    """The body of a notice's webhook."""

    type: Annotated[str, Field(pattern=r"^lead\.[a-z_]+$", description="`lead.` and the kind of the notice.")]
    timestamp: datetime
    data: Notice | Digest


class CrmMessage(_Told):
    """The body of the CRM's webhook."""

    type: Literal["crm.lead", "crm.lead_erased", "crm.ping"]
    timestamp: datetime
    data: dict[str, Any] = Field(
        description="Every fact that is known of the lead, with `tasuki_id`, `crm_id` and `version`."
    )


class TrackedKey(_Told):
    """How a producer of events names the lead."""

    source: str
    id: str


class TrackedLead(_Told):
    """The lead that is put on a track, or taken off one."""

    id: int
    email: str | None
    keys: list[TrackedKey]


class TrackPlace(_Told):
    """A track or a step of nurture.yaml."""

    id: str
    name: Named


class Because(Named):
    """Why, as code and in words."""

    code: str


class Resume(_Told):
    """Where on its track a lead goes on."""

    days: float = Field(description="Spent on this track before; days with sales do not count.")
    step: TrackPlace | None


class Instruction(_Told):
    """What the MA platform should do."""

    kind: Literal["track_enrol", "track_move", "track_stop"]
    lead: TrackedLead
    track: TrackPlace | None = Field(description="Where to; null for `track.stop`.")
    left: str | None = Field(alias="from", description="The track that it leaves; null for `track.enrol`.")
    because: Because
    resume: Resume | None
    sequence: int = Field(
        description="Grows with every change of one lead: ignore a smaller one than was seen."
    )
    at: datetime


class TrackMessage(_Told):
    """The body of the MA platform's webhook."""

    type: Literal["track.enrol", "track.move", "track.stop"]
    timestamp: datetime
    data: Instruction
