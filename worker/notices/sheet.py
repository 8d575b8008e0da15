"""A notice as one screen, in its reader's language and by what its channel may show; every channel draws it.

Text from outside stays data: it is cut to one line here, and each channel escapes it for its own markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from schemas.base import Lang
from schemas.rulebook.channels import PersonalData
from worker.links import Wanted
from worker.notices import words
from worker.notices.words import line, named, say

#: What is left until the deadline is told while the notice is so fresh; later it would be wrong.
FRESH_S: Final = 120.0
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
#: Kinds that say how much time is left.
_TIMED: Final = ("offer", "warning", "claim_open", "claimed", "moved")
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
    rows = _withdrawn(body, lang) if over else _rows(body, lead, lang, now, brief=brief)
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
        kind, say(words.MARK[kind], lang), title or company or number, company if title else "",
        tuple(Row(say(words.LABEL[label], lang), lines) for label, lines in rows if lines), actions, command,
    )  # fmt: skip


_Rows = list[tuple[str, tuple[str, ...]]]


def _withdrawn(body: Mapping[str, Any], lang: Lang) -> _Rows:
    """Return what there is to say to somebody who has nothing more to do with the lead: no data of it."""
    reason = words.ENDED.get(body.get("because") or "")
    return [("reason", (say(reason, lang),) if reason else ())]


def _rows(
    body: Mapping[str, Any], lead: Mapping[str, Any], lang: Lang, now: datetime, *, brief: bool
) -> _Rows:
    zone = body["zone"]
    rows: _Rows = [
        ("due", _due(body, lang, now)),
        ("rep", (line(holder),) if (holder := named(lead.get("rep_name"), lang, lead.get("rep"))) else ()),
        ("why_now", _why_now(lead, zone, lang)),
    ]
    if brief:
        return [*rows, ("contact", _present(lead, "phone", "email"))]
    return [
        *rows,
        ("who", _person(lead, lang)),
        ("contact", _present(lead, "phone", "email")),
        ("company", _company(lead, lang)),
        ("say", _say_first(lead, zone, lang)),
        ("did", tuple(_activity(item, zone, lang) for item in lead.get("activities") or ())),
        ("stage", _stage(lead, lang)),
        ("interests", _interests(lead, lang)),
        ("why_you", _why_you(body, lang)),
    ]


def _present(lead: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(line(lead[name]) for name in names if lead.get(name))


def _due(body: Mapping[str, Any], lang: Lang, now: datetime) -> tuple[str, ...]:
    if not body.get("due_at"):
        return ()
    due_at = datetime.fromisoformat(body["due_at"])
    text = words.day_time(due_at, body["zone"], lang)
    told_at, left_s = body.get("at"), body.get("left_s")
    is_fresh = told_at is not None and (now - datetime.fromisoformat(told_at)).total_seconds() <= FRESH_S
    if body["kind"] not in _TIMED or not is_fresh or not left_s or left_s < 0:
        return (text,)
    left = words.span(left_s, lang, business=body.get("time") != "wall")
    return (text, left)


def _person(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    """Return what there is to say of the person beside the name, which is the title."""
    place = " ".join(_present(lead, "department", "title"))
    persona = named(lead.get("persona_name"), lang)
    words_of = f"ペルソナ: {persona}" if lang == "ja" else f"Persona: {persona}"
    return tuple(part for part in (place, words_of if persona else "") if part)


def _company(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    """Return what there is to say of the company beside its name, which is the title's second line."""
    parts = []
    if employees := lead.get("employees"):
        parts.append(f"従業員 {employees:,}名" if lang == "ja" else f"{employees:,} employees")
    parts += _present(lead, "industry", "region")
    if not lead.get("region"):
        parts += _present(lead, "country")
    return (words.joined(parts, lang),) if parts else ()


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _why_now(lead: Mapping[str, Any], zone: str, lang: Lang) -> tuple[str, ...]:
    title = named(lead.get("ready_name"), lang, lead.get("ready_because"))
    raised = lead.get("hand_raise")
    if title is None:
        return ()
    if raised is None:
        return (line(title),)
    when = words.short_time(_at(raised["at_ms"]), zone, lang)
    what = line(named(raised["name"], lang, raised["kind"]))
    return (f"{line(title)}（{what}、{when}）" if lang == "ja" else f"{line(title)} ({what}, {when})",)


def _say_first(lead: Mapping[str, Any], zone: str, lang: Lang) -> tuple[str, ...]:
    """Return how the talk may begin: from their own wish, else from what interests them most of what they did last."""
    raised = lead.get("hand_raise")
    did = lead.get("activities") or ()
    liked = {item["kind"] for item in lead.get("interests") or ()}
    hook = raised or next((item for item in did if item["kind"] in liked), None)
    if hook is None:
        return ()
    pair = words.SAY_RAISED if raised else words.SAY_INTEREST
    what = line(named(hook["name"], lang, hook["kind"]))
    return (say(pair, lang, what=what, when=words.short_time(_at(hook["at_ms"]), zone, lang)),)


def _activity(item: Mapping[str, Any], zone: str, lang: Lang) -> str:
    name = line(named(item.get("name"), lang, item["kind"]))
    when = words.short_time(_at(item["at_ms"]), zone, lang)
    return (
        f"{when}　{name}{words.times(item.get('count', 1), lang)}"
        if lang == "ja"
        else (f"{when}  {name}{words.times(item.get('count', 1), lang)}")
    )


def _stage(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    stage = named(lead.get("stage_name"), lang, lead.get("buying_stage"))
    if stage is None:
        return ()
    detail = (
        [f"適合 {lead['fit_grade']}" if lang == "ja" else f"fit {lead['fit_grade']}"]
        if lead.get("fit_grade")
        else []
    )
    if lead.get("engagement") is not None:
        points = f"{lead['engagement']:.0f}"
        detail.append(f"関心度 {points}" if lang == "ja" else f"engagement {points}")
    if not detail:
        return (line(stage),)
    return (
        f"{line(stage)}（{'、'.join(detail)}）" if lang == "ja" else f"{line(stage)} ({', '.join(detail)})",
    )


def _interests(lead: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    most = [line(named(item.get("name"), lang, item["kind"])) for item in lead.get("interests") or ()]
    lines = [("、" if lang == "ja" else ", ").join(most)] if most else []
    if campaign := lead.get("campaign"):
        lines.append(f"キャンペーン: {line(campaign)}" if lang == "ja" else f"Campaign: {line(campaign)}")
    return tuple(lines)


def _why_you(body: Mapping[str, Any], lang: Lang) -> tuple[str, ...]:
    why = body.get("why")
    if body["kind"] == "breach":  # tells a manager of somebody else's lead
        return ()
    if why is None:  # written by a version before this one
        return (line(body["because"]),) if body.get("because") else ()
    pair = words.WHY_YOU.get(why["strategy"])
    if pair is None:
        return (line(why["rule"]),)
    text = say(pair, lang, pool=named(why.get("pool"), lang, "-"))
    return (
        f"{line(text)}（規則: {line(why['rule'])}）"
        if lang == "ja"
        else f"{line(text)} (rule: {line(why['rule'])})",
    )
