"""What a mapping file says: how a payload that no adapter knows becomes canonical events. Data, no code."""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.base import Contract
from schemas.event import EventData, EventType
from schemas.identity import DEAL_STATUS
from worker.intake.paths import compile_path

Plain = str | int | float | bool
#: What may be set of an event's data; the others are the rulebook's or the store's to say.
DATA_FIELDS = tuple(name for name in EventData.model_fields if name != "account_owner")
_CHANNELS = ("email", "phone", "all")


def _path(text: str) -> str:
    compile_path(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name[:60]}; write one such as Asia/Tokyo") from None
    return name


PathText = Annotated[str, AfterValidator(_path)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]


def _long_form(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Pick(Contract):
    """One value: from a path (or the first of several that says something), or a constant.

    `$.email` alone is short for `{path: $.email}`.
    """

    path: PathText | None = None
    paths: Annotated[list[PathText], Field(min_length=1, max_length=20)] | None = None
    #: A constant, whatever the payload says.
    value: Plain | None = None
    #: What counts where nothing is said.
    default: Plain | None = None
    #: Foreign word -> our word. Compared as text, without outer spaces; NFKC, so that ＡＢＣ is ABC.
    values: Annotated[dict[str, Plain], Field(max_length=500)] | None = None
    #: What counts where `values` knows the word not; without it such an event goes to quarantine.
    otherwise: Plain | None = None
    #: `text` (default), `money` (1,200,000 / ¥1,200,000 / 120万円), `yes_no`, `activity` (a slug of the words),
    #: `form` (what submitting a form of that name means), `page` (what looking at that URL means).
    read_as: Annotated[Literal["text", "money", "yes_no", "activity", "form", "page"], Field(alias="as")] = (
        "text"
    )
    #: Joins all values at the path; otherwise the first that says something counts.
    join: Annotated[str, Field(max_length=10)] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(one is not None for one in (self.path, self.paths, self.value)) != 1:
            raise ValueError("takes one of `path`, `paths` and `value`")
        return self


Picked = Annotated[Pick, BeforeValidator(_long_form)]


class TimePick(Contract):
    """When it happened. `$.created_at` alone is short for `{path: $.created_at}`."""

    path: PathText
    #: As Python's strptime; without it ISO 8601, epochs and the usual Japanese forms are understood.
    format: Annotated[str, Field(min_length=2, max_length=60)] | None = None
    #: The zone of a time that states none; the mapping's otherwise.
    zone: Zone | None = None


class Test(Contract):
    """A question to the payload: is one of these words there?"""

    path: PathText
    #: One of these words stands at the path (compared as text).
    one_of: Annotated[
        Annotated[list[Plain], Field(min_length=1, max_length=200)] | None, Field(alias="in")
    ] = None
    #: Whether anything is said there at all.
    exists: bool | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.one_of is None) == (self.exists is None):
            raise ValueError("takes one of `in` and `exists`")
        return self


class Rule(Contract):
    """One kind of event that a payload may hold. Every rule whose tests all hold makes an event of its own."""

    #: Stands in the ids of its events: renaming it makes new events of old ones.
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    when: Annotated[list[Test], Field(max_length=20)] = []
    type: EventType
    #: Paths that name the event for ever, such as the platform's event id. Without them: the content.
    id: Annotated[list[PathText], Field(min_length=1, max_length=10)] | None = None
    #: Plain paths that differ between a delivery and its repeat; they are left out of the content.
    without: Annotated[list[PathText], Field(max_length=50)] = []
    #: For events that are named by their content and have no time: the same content on another day is news.
    again: Literal["daily", "never"] = "daily"
    time: Annotated[TimePick, BeforeValidator(_long_form)] | None = None
    #: The platform's own key of the person.
    subject: Picked | None = None
    data: Annotated[dict[str, Picked], Field(max_length=40)] = {}
    consent: Annotated[dict[str, Picked], Field(max_length=3)] = {}

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        for name in self.data:
            if name not in DATA_FIELDS or name == "consent":
                raise ValueError(f"`{name[:60]}` is no field of an event's data; see docs/events.md")
        for name in self.consent:
            if name not in _CHANNELS:
                raise ValueError(f"`{name[:60]}` is no channel; known are email, phone, all")
        for text in self.without:
            if compile_path(text).plain is None:
                raise ValueError(f"{text} in `without` must be plain names, without [*] and [?...]")
        if self.type == "lead.activity" and "activity" not in self.data:
            raise ValueError("a lead.activity needs `activity` in its data")
        if self.type == "lead.consent" and not self.consent:
            raise ValueError("a lead.consent needs `consent`")
        if self.type == "outcome.activity" and "sales_activity" not in self.data:
            raise ValueError("an outcome.activity needs `sales_activity` in its data")
        if self.type in DEAL_STATUS and "opportunity" not in self.data:
            raise ValueError("an outcome needs `opportunity` in its data")
        if self.subject is None and "email" not in self.data and "opportunity" not in self.data:
            raise ValueError("nobody is named: write `subject`, or `email` in data")
        return self


class Mapping(Contract):
    """A whole mapping file."""

    #: How the bytes are read; `auto` looks at the first one: { or [ JSON, < XML, otherwise a form.
    format: Literal["auto", "json", "form", "xml"] = "auto"
    #: The zone of times that state none.
    zone: Zone = "Asia/Tokyo"
    #: Where the items stand when a payload holds several; without it the payload is the item.
    each: PathText | None = None
    #: Test traffic and events that nobody wants: answered, and without effect.
    ignore: Annotated[list[Test], Field(max_length=50)] = []
    rules: Annotated[list[Rule], Field(min_length=1, max_length=50)]
    #: What becomes of an item that no rule takes.
    otherwise: Literal["quarantine", "ignore"] = "quarantine"

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name}; their events could not be told apart")
        return self
