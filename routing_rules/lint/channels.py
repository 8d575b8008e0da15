"""Channels and who is told by them: names, addresses, secrets that stand where they must not, quiet hours."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.quiet import quiet_until
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook
from schemas.rulebook.channels import EMAIL, VARIABLE, ChannelSpec
from schemas.rulebook.team import CalendarSpec, RepSpec

_FILE: Final = "team.yaml"
#: Names that have a meaning of their own.
_WEBHOOK: Final = "webhook"
#: Kinds whose address lets anybody who knows it write there.
_SECRET_ADDRESS: Final = frozenset({"slack", "teams", "lineworks", "apprise"})
#: Kinds that carry no links: machines are told data.
_NO_LINKS: Final = frozenset({"webhook"})
#: Kinds that need a token beside the address.
_NEEDS_SECRET: Final = frozenset({"chatwork", "line"})
_MAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
#: A Monday; quiet hours are the same on every day.
_MONDAY: Final = datetime(2026, 11, 23, tzinfo=UTC)


def channel_findings(book: Rulebook) -> list[Finding]:
    """Find channels that cannot work, and references to channels and policies that do not exist."""
    team = book.team
    ids = [channel.id for channel in team.channels]
    findings: list[Finding] = []
    for index, channel in enumerate(team.channels):
        here = ("channels", index)
        if channel.id in ids[:index]:
            findings.append(
                Finding(_FILE, (*here, "id"), f"{channel.id} is given twice; every id stands once")
            )
        findings += [
            Finding(_FILE, (*here, key), words) for key, words in (*_channel(channel), *_secret(channel))
        ]
    known = [*ids, *([] if EMAIL in ids else [EMAIL])]
    for index, rep in enumerate(team.reps):
        for at, name in enumerate(rep.notify):
            here_too = ("reps", index, "notify", at)
            if name not in known:
                near = get_close_matches(name, known, n=1)
                mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(known[:12])}"
                findings.append(Finding(_FILE, here_too, f"no channel is called {name}; {mend}"))
            elif name in rep.notify[:at]:
                findings.append(
                    Finding(_FILE, here_too, f"{name} stands twice; a channel takes over only once")
                )
    policies = [policy.id for policy in book.sla.policies]
    for at, name in enumerate(team.notices.urgent.policies):
        if name not in policies:
            near = get_close_matches(name, policies, n=1)
            mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(policies[:12])}"
            path = ("notices", "urgent", "policies", at)
            findings.append(Finding(_FILE, path, f"no policy is called {name}; {mend}"))
    return findings


def _channel(channel: ChannelSpec) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one channel: at which key, and how to mend it."""
    kind, address = channel.kind, channel.address
    is_variable = address is not None and VARIABLE.fullmatch(address) is not None
    if channel.id == _WEBHOOK:
        yield "id", "webhook is the receiver of TASUKI_WEBHOOK_URL; take another name"
    if channel.id == EMAIL and kind != "email":
        yield "id", "email is the rep's own address; take another name"
    if address is not None and "${" in address and not is_variable:
        yield "address", "is not a variable; write one such as ${TASUKI_CHANNEL_SALES_SLACK}"
        return
    if kind == "email":
        if address is not None and (is_variable or not _MAIL.fullmatch(address)):
            yield "address", "is not an e-mail address; leave it out for the rep's own"
        return
    if address is None:
        yield "id", f"{channel.id} has no address; add one"
    elif kind in _SECRET_ADDRESS and not is_variable:
        yield (
            "address",
            f"lets anybody write there; put it into a variable: ${{TASUKI_CHANNEL_{channel.id.upper()}}}",
        )
    elif kind == "webhook" and not is_variable and not address.startswith("https://"):
        yield "address", "must begin with https://, or be a variable"
    elif kind == "chatwork" and not is_variable and not address.isdigit():
        yield "address", "is not a room; write its number, as at the end of its URL after rid"


def _secret(channel: ChannelSpec) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a channel's token."""
    kind = channel.kind
    if kind == "email" and channel.secret is not None:
        yield "secret", "says nothing for mail; the server is TASUKI_SMTP_URL"
    if kind in _NEEDS_SECRET and channel.secret is None:
        yield "id", f"{channel.id} has no token; add secret: ${{TASUKI_CHANNEL_{channel.id.upper()}_TOKEN}}"
    if kind in _SECRET_ADDRESS and channel.secret is not None:
        yield "secret", f"says nothing for {kind}: the address is the secret"


def channel_doubts(book: Rulebook) -> Iterator[Finding]:
    """Find channels that tell nobody, rooms in which others can act, and quiet hours in which people work."""
    used = {name for rep in book.team.reps for name in rep.notify}
    for index, channel in enumerate(book.team.channels):
        if channel.id not in used and not (
            channel.id == EMAIL and any(not rep.notify for rep in book.team.reps)
        ):
            yield Finding(_FILE, ("channels", index, "id"), f"nobody is told by {channel.id}")
        yield from _shared(channel, index, book)
    calendars = {calendar.id: calendar for calendar in book.team.calendars}
    for index, rep in enumerate(book.team.reps):
        if rep.quiet_hours and (worked := _worked_in_quiet(rep, calendars[rep.calendar])):
            words = f"{rep.id} works at {worked}, in quiet hours: leads of that time are told late"
            yield Finding(_FILE, ("reps", index, "quiet_hours"), words)


def _shared(channel: ChannelSpec, index: int, book: Rulebook) -> Iterator[Finding]:
    """Find one place that several reps are told in, with links, as if each were alone there."""
    if channel.personal_data != "full" or channel.address is None or channel.kind in _NO_LINKS:
        return
    told = [rep.id for rep in book.team.reps if rep.active and channel.id in (rep.notify or [EMAIL])]
    if len(told) > 1:
        words = (
            f"{channel.id} tells {len(told)} reps in one place and shows all: whoever reads it can act in the name of"
            f" {told[0]} and {told[1]}{', and others' if len(told) > 2 else ''}; give each rep a channel of their own,"  # noqa: PLR2004
            " or say personal_data: none"
        )
        yield Finding(_FILE, ("channels", index, "personal_data"), words)


def _worked_in_quiet(rep: RepSpec, calendar: CalendarSpec) -> str | None:
    """Return the first half hour of work in quiet hours, or None."""
    spans = {span for hours in calendar.hours.values() for span in hours}
    for span in sorted(spans):
        start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (span[:5], span[6:]))
        for minute in range(start, end, 30):
            if quiet_until(rep.quiet_hours, ZoneInfo("UTC"), _MONDAY + timedelta(minutes=minute)) is not None:
                return f"{minute // 60:02}:{minute % 60:02}"
    return None
