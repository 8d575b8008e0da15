"""A notice as one screen, in its reader's language and by what its channel may show; every channel draws it.

Text from outside stays data: it is cut to one line here, and each channel escapes it for its own markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from schemas.base import Lang
from schemas.rulebook.channels import PersonalData
from worker.links import Wanted
from worker.notices import words
from worker.notices.rows import lead_rows, over_rows
from worker.notices.words import line, named, say

#: Acts that a notice offers, by kind and by the clock that runs; the first is the one that is hoped for.
PURPOSES: Final[dict[str, tuple[str, ...]]] = {
    "offer.accept": ("accept", "decline", "contacted"),
    "warning.accept": ("accept", "decline"),
    "reminder.accept": ("accept", "decline"),
    "warning.contact": ("contacted", "decline"),
    "reminder.contact": ("contacted", "decline"),
    "moved.accept": ("accept", "decline"),
    "moved.contact": ("contacted", "decline"),
    "claimed.contact": ("contacted", "decline"),
}
#: What each policy shows of a lead.
_NAMES: Final = ("name", "company")
_PERSONAL: Final = (*_NAMES, "email", "phone", "title", "department")
#: What says little of a person but much with other knowledge.
_TELLING: Final = (
    "employees",
    "industry",
    "country",
    "region",
    "campaign",
    "activities",
    "interests",
    "hand_raise",
)

Style = Literal["primary", "plain"]


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what it says, line by line."""

    #: which row it is, in any language
    name: str
    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """A link by which the reader acts."""

    label: str
    url: str
    style: Style


@dataclass(frozen=True, slots=True)
class Entry:
    """One lead of a notice; a digest has several."""

    lead_id: int
    kind: str
    mark: str
    title: str
    subtitle: str
    rows: tuple[Row, ...]
    actions: tuple[Action, ...]
    #: What to run where there are no links.
    command: str | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole notice."""

    lang: Lang
    kind: str
    subject: str
    greeting: str
    entries: tuple[Entry, ...]
    footer: str
    note: str | None = field(default=None)
    #: Says which leads did not fit.
    rest: str | None = field(default=None)


def purposes(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the acts that a notice offers."""
    return PURPOSES.get(f"{body['kind']}.{body.get('clock') or 'accept'}", ())


def shown(lead: Mapping[str, Any], policy: PersonalData) -> dict[str, Any]:
    """Return of a lead what a channel may show: without a person's data by `none`, names alone by the middle way."""
    if policy == "full":
        return dict(lead)
    hidden = set(_PERSONAL) - set(_NAMES) if policy == "name_and_company" else {*_PERSONAL, *_TELLING}
    return {key: value for key, value in lead.items() if key not in hidden}


def make_sheet(
    bodies: Sequence[Mapping[str, Any]],
    key: str,
    policy: PersonalData,
    links: Mapping[Wanted, str],
    now: datetime,
) -> Sheet:
    """Return the screen of a notice, or of a digest of several.

    Args:
        bodies: as `compose.notice` made them, all to the same person.
        key: the message's idempotency key, told in the footer so that a repeat can be known by its reader.
        policy: what the channel may show.
        links: what the reader may press, if there is a page for it.
        now: business time, for what is left.

    """
    to = bodies[0]["to"]
    lang: Lang = to["language"]
    entries = tuple(_entry(body, policy, links, now, lang, brief=len(bodies) > 1) for body in bodies)
    if len(bodies) == 1:
        kind = bodies[0]["kind"]
        subject = say(words.SUBJECT[kind], lang, who=_who(entries[0]))
        intro = words.INTRO.get(f"{kind}.{bodies[0].get('clock') or 'accept'}") or words.INTRO[kind]
        told = say(intro, lang)
    else:
        kind = "digest"
        subject = say(words.SUBJECT[kind], lang, count=len(bodies), what=_counted(entries, lang))
        told = say(words.INTRO[kind], lang, count=len(bodies))
    greeting = say(words.GREETING, lang, name=line(named(to["name"], lang)), intro=told)
    note = None if policy != "none" else say(words.HIDDEN, lang)
    return Sheet(lang, kind, line(subject), greeting, entries, say(words.FOOTER, lang, key=key), note)


def _who(entry: Entry) -> str:
    return f"{entry.title} / {entry.subtitle}" if entry.subtitle else entry.title


def _counted(entries: Sequence[Entry], lang: Lang) -> str:
    """Return how many of each kind, in the order of their first."""
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.mark] = counts.get(entry.mark, 0) + 1
    return ("、" if lang == "ja" else ", ").join(f"{mark} {count}" for mark, count in counts.items())


def _entry(
    body: Mapping[str, Any], policy: PersonalData, links: Mapping[Wanted, str], now: datetime, lang: Lang, *, brief: bool
) -> Entry:  # fmt: skip
    lead = shown(body["lead"], policy)
    kind = body["kind"]
    name = lead.get("name")
    title = (f"{line(name)} 様" if lang == "ja" else line(name)) if name else None
    company = line(lead["company"]) if lead.get("company") else ""
    number = say(words.NUMBER, lang, lead_id=body["lead"]["lead_id"])
    over = kind in ("withdrawn", "claim_over")
    rows = over_rows(body, lang) if over else lead_rows(body, lead, lang, now, brief=brief)
    wanted = purposes(body)
    rep, assignment = body["to"]["rep"], body.get("assignment_id")
    actions = tuple(
        Action(say(words.ACTION[what], lang), url, "primary" if what == wanted[0] else "plain")
        for what in wanted
        if (url := links.get((assignment or 0, rep, what))) is not None
    )
    command = None
    if wanted and not actions:
        asked = {"accept": "accept {n}", "decline": "decline {n} --reason CODE", "contacted": "contacted {n}"}
        command = "tasuki handoff " + " | ".join(asked[what].format(n=assignment) for what in wanted)
    elif kind == "claim_open":
        command = f"tasuki handoff claim {body['lead']['lead_id']} --rep {rep}"
    elif body.get("clock") == "follow_up" and kind in ("warning", "reminder", "moved"):
        command = f"tasuki handoff attempted {assignment} | reached {assignment}"
    return Entry(
        body["lead"]["lead_id"], kind, say(words.MARK[kind], lang), title or company or number, company if title else "",
        tuple(Row(name, say(words.LABEL[name], lang), lines) for name, lines in rows if lines), actions, command,
    )  # fmt: skip
