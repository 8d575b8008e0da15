"""The outreach gate by channel: on what ground, at what hour, and how soon after the last try. Pure.

`gate` says whether the lead is anybody's to contact at all; here follows what `outreach` in nurture.yaml adds. A
rulebook without it adds nothing.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import phonenumbers

from routing_rules import tables
from routing_rules.facts import gather
from routing_rules.gate import gate
from routing_rules.quiet import quiet_until
from schemas.activity import HAND_RAISES
from schemas.lead import LeadState, Standing
from schemas.rulebook.outreach import Basis, BasisRule, OutreachSpec

CHANNELS: Final = ("email", "phone")
#: Countries of the European Economic Area.
EEA: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()
)
#: What somebody does who gives us their address by themselves.
_BY_THEMSELVES: Final = HAND_RAISES | {
    "form_submit", "newsletter_signup", "webinar_registered", "webinar_attended", "event_attended",
    "whitepaper_download", "trial_started",
}  # fmt: skip
_SATURDAY: Final = 5
#: The end of a silence in which no hour is open.
NEVER: Final = math.inf
#: Quiet hours come again every week; a day more, for clocks are changed.
_A_WEEK: Final = timedelta(days=8)
_ROUNDS: Final = 4
#: Of each rule that is for a channel: its hours, and whether weekends are silent.
_Rules = tuple[tuple[tuple[str, ...], bool], ...]


@dataclass(frozen=True, slots=True)
class ChannelAnswer:
    """Whether one channel may be used now, why (not), what the contact rests on, and from when it may be."""

    channel: str
    may: bool
    reason: str
    basis: Basis | None = None
    law: str = ""
    from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """The answer as a whole: the first reason decides, the others stand beside it."""

    may_contact: bool
    reason: str
    channels: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    by_channel: tuple[ChannelAnswer, ...] = ()
    #: From when the answer may be another one, where a time is all that stands in the way.
    from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What the gate needs to know of one lead."""

    state: LeadState
    standing: Standing
    holder: str | None = None
    #: When sales last tried to reach it, in ms.
    tried_ms: int | None = None
    account_owner: str | None = None


def ask(
    person: Person, spec: OutreachSpec | None, now_ms: int, *, rep: str | None = None, channel: str | None = None
) -> Outreach:  # fmt: skip
    """Answer whether sales (or one rep) may contact a lead now.

    Args:
        person: the lead.
        spec: what nurture.yaml says of outreach, or None.
        now_ms: the instant of the question.
        rep: who asks; None asks for sales as a whole.
        channel: the one channel that is asked about; None asks about all.

    """
    base = gate(person.state, person.standing.lifecycle_stage, person.holder, rep)
    others = _beside(person, now_ms, base.reason)
    if not base.may_contact:
        until = person.standing.cool_down_until_ms if "cooling_down" in others else None
        return Outreach(False, base.reason, (), (base.reason, *others), (), until)
    country = gather(person.state, person.standing, now_ms, person.account_owner).values.get(
        "company.country"
    )
    answers = tuple(
        _one(name, person, spec, country, now_ms) if name in base.channels else _closed(name, person.state)
        for name in CHANNELS
        if channel in (None, name)
    )
    may = tuple(one.channel for one in answers if one.may)
    if may:
        return Outreach(True, base.reason, may, (base.reason,), answers)
    worst = min(answers, key=lambda one: (one.from_ms is None, one.from_ms or 0))
    return Outreach(
        False,
        worst.reason,
        (),
        tuple(dict.fromkeys(one.reason for one in (worst, *answers))),
        answers,
        worst.from_ms,
    )


def _beside(person: Person, now_ms: int, reason: str) -> tuple[str, ...]:
    """Return what bars the lead besides: a cool-down, and rest."""
    found = []
    until = person.standing.cool_down_until_ms
    if reason == "held_in_nurture" and until is not None and until > now_ms:
        found.append("cooling_down")
    rule = person.standing.rule or ""
    if reason == "held_in_nurture" and (rule == "dormant" or rule.startswith("sunset.")):
        found.append("dormant" if rule == "dormant" else "sunset")
    return tuple(found)


def _closed(channel: str, state: LeadState) -> ChannelAnswer:
    known = state.fact(channel) is not None
    return ChannelAnswer(channel, False, "permission_withdrawn" if known else "no_address")


def _one(
    channel: str, person: Person, spec: OutreachSpec | None, country: str | None, now_ms: int
) -> ChannelAnswer:
    if spec is None:
        return ChannelAnswer(channel, True, "permitted")
    rule = basis_rule(spec.basis, channel, country)
    needs: Basis = "opt_out" if rule is None else rule.needs
    law = "" if rule is None else rule.law
    if not stands_on(needs, channel, person.state):
        return ChannelAnswer(channel, False, "no_basis", needs, law)
    if spec.pause and person.tried_ms is not None and now_ms < person.tried_ms + spec.pause * 1_000:
        return ChannelAnswer(channel, False, "tried_lately", needs, law, person.tried_ms + spec.pause * 1_000)
    until = silent_until(spec, channel, zones_of(person.state.fact("phone"), country, spec.zone), now_ms)
    if until is not None:
        return ChannelAnswer(
            channel, False, "quiet_hours", needs, law, None if until == NEVER else int(until)
        )
    return ChannelAnswer(channel, True, "permitted", needs, law)


def basis_rule(rules: Sequence[BasisRule], channel: str, country: str | None) -> BasisRule | None:
    """Return the first rule on the ground of a contact that is for this channel and country."""
    for rule in rules:
        here = not rule.countries or country in rule.countries or ("EEA" in rule.countries and country in EEA)
        if here and channel in rule.channels:
            return rule
    return None


def stands_on(needs: Basis, channel: str, state: LeadState) -> bool:
    """Tell whether a contact has the ground that it needs; a withdrawal was found before."""
    if needs == "opt_out":
        return True
    if any(name in state.consent for name in (channel, "all")) and not state.denied(channel):
        return True
    return needs == "relationship" and (bool(state.deals) or bool(_BY_THEMSELVES & state.last.keys()))


@lru_cache(maxsize=1)
def _zones() -> dict[str, tuple[str, ...]]:
    return {country: tuple(names.split()) for country, names in tables.rows("zones.tsv")}


@lru_cache(maxsize=65_536)
def zones_of(phone: str | None, country: str | None, otherwise: str) -> tuple[ZoneInfo, ...]:
    """Return the clocks that a person may live by: of their area code, else all of their country."""
    names = _zones_of_phone(phone, country) if phone else ()
    return tuple(ZoneInfo(name) for name in names or _zones().get(country or "", (otherwise,)))


def _zones_of_phone(phone: str, country: str | None) -> tuple[str, ...]:
    from phonenumbers import timezone  # noqa: PLC0415 - a large table, for those who ask of quiet hours only

    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", phone[:60]), country or "JP")
    except phonenumbers.NumberParseException:
        return ()
    found: tuple[str, ...] = timezone.time_zones_for_number(number)
    return () if found == (timezone.UNKNOWN_TIMEZONE,) else found


def silent_until(
    spec: OutreachSpec, channel: str, zones: Sequence[ZoneInfo], now_ms: int
) -> int | float | None:
    """Return when the silence ends in which a person is; None outside of it, NEVER where no hour is open.

    Where somebody may live by several clocks it is silent when one of them says so. If that leaves no minute of the
    week open, as for a country from Kaliningrad to Kamchatka, it is silent only when all of them say so.
    """
    rules = tuple((tuple(rule.hours), rule.weekends) for rule in spec.quiet if channel in rule.channels)
    return _silent_until(rules, tuple(zones), now_ms // 60_000) if rules else None


@lru_cache(maxsize=4_096)
def _silent_until(rules: _Rules, zones: tuple[ZoneInfo, ...], minute: int) -> int | float | None:
    """Look again at each end that is found: a clock change may have moved the silences of the week after it."""
    start = datetime.fromtimestamp(minute * 60, UTC)
    end = start
    for _ in range(_ROUNDS):
        later = _any_clock(rules, zones, end)
        if later is None:
            later = _all_clocks(rules, zones, end)
        if later is None:
            return NEVER
        if later == end:
            return None if end == start else int(end.timestamp() * 1_000)
        end = later
    return NEVER


def _any_clock(rules: _Rules, zones: tuple[ZoneInfo, ...], at: datetime) -> datetime | None:
    """Return the first instant from `at` on that no clock calls silent, or None where a week has none."""
    end = at
    while end <= at + _A_WEEK:
        later = max(_one_clock(rules, zone, end) or end for zone in zones)
        if later == end:
            return end
        end = later
    return None


def _all_clocks(rules: _Rules, zones: tuple[ZoneInfo, ...], at: datetime) -> datetime | None:
    """Return the first instant from `at` on that some clock does not call silent, or None where a week has none."""
    return min(filter(None, (_any_clock(rules, (zone,), at) for zone in zones)), default=None)


@lru_cache(maxsize=16_384)
def _one_clock(rules: _Rules, zone: ZoneInfo, at: datetime) -> datetime | None:
    """Return the latest end of the silences of one clock in which an instant lies, or None outside of them."""
    ends = []
    for hours, weekends in rules:
        later = _end_of_weekend(at, zone) if weekends else None
        ends.append(quiet_until(hours, zone, later or at) or later)
    return max(filter(None, ends), default=None)


def _end_of_weekend(at: datetime, zone: ZoneInfo) -> datetime | None:
    local = at.astimezone(zone)
    if local.weekday() < _SATURDAY:
        return None
    monday = local.date() + timedelta(days=7 - local.weekday())
    return datetime.combine(monday, time(), zone).astimezone(UTC)


def as_data(answer: Outreach) -> dict[str, Any]:
    """Return an answer as plain data, instants in ISO 8601."""
    return {
        "may_contact": answer.may_contact, "reason": answer.reason, "channels": list(answer.channels),
        "reasons": list(answer.reasons), "from": iso(answer.from_ms),
        "by_channel": [
            {"channel": one.channel, "may": one.may, "reason": one.reason, "basis": one.basis,
             "law": one.law or None, "from": iso(one.from_ms)}
            for one in answer.by_channel
        ],
    }  # fmt: skip


def iso(at_ms: int | None) -> str | None:
    """Return an instant in ISO 8601, UTC."""
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat()
