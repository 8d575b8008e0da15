"""Rest, steps and outreach in nurture.yaml: names and order (errors), and rules that say nothing (doubts)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from routing_rules.lint.references import unknown
from routing_rules.outreach import EEA
from routing_rules.quiet import quiet_until
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook
from schemas.rulebook.outreach import OutreachSpec

_FILE: Final = "nurture.yaml"
_MIDNIGHT: Final = datetime(2026, 11, 23, tzinfo=UTC)


def nurture_findings(book: Rulebook) -> list[Finding]:
    """Find names given twice, tracks that nobody made, and steps out of order."""
    file = book.nurture
    tracks = [track.id for track in file.tracks]
    findings: list[Finding] = []
    for section, ids in (
        ("lost", [one.id for one in file.lost]),
        ("sunset", [one.id for one in file.sunset]),
    ):
        findings += [
            Finding(_FILE, (section, index, "id"), f"{name} is given twice; every id stands once")
            for index, name in enumerate(ids)
            if name in ids[:index]
        ]
    for index, lost in enumerate(file.lost):
        findings += unknown(_FILE, ("lost", index, "track"), "track", lost.track, tracks)
    if file.dormant is not None:
        findings += unknown(_FILE, ("dormant", "track"), "track", file.dormant.track, tracks)
    for index, track in enumerate(file.tracks):
        if track.only_named and track.when:
            words = "says nothing: a track with `only_named` takes no lead by itself"
            findings.append(Finding(_FILE, ("tracks", index, "when"), words))
        findings += _steps(index, [(step.id, step.after_days) for step in track.steps])
    return findings


def _steps(track: int, steps: list[tuple[str, int]]) -> Iterator[Finding]:
    names = [name for name, _ in steps]
    for index, (name, after) in enumerate(steps):
        here = ("tracks", track, "steps", index)
        if name in names[:index]:
            yield Finding(_FILE, (*here, "id"), f"{name} is given twice; every step stands once")
        if index == 0 and after != 0:
            yield Finding(_FILE, (*here, "after_days"), "the first step begins with the track; write 0")
        elif index > 0 and after <= steps[index - 1][1]:
            words = f"comes no later than the step before it; write more than {steps[index - 1][1]}"
            yield Finding(_FILE, (*here, "after_days"), words)


def nurture_doubts(book: Rulebook) -> Iterator[Finding]:
    """Find rules of rest that never come, and grounds and quiet hours that say nothing."""
    file = book.nurture
    takes_all = next((index for index, one in enumerate(file.lost) if not one.reasons), None)
    for index in range(len(file.lost) if takes_all is not None else 0):
        if takes_all is not None and index > takes_all:
            words = f"is never reached: number {takes_all + 1} takes every reason"
            yield Finding(_FILE, ("lost", index), words)
    for index, sunset in enumerate(file.sunset):
        plain = not sunset.when and sunset.age_days is None and sunset.silent_days is not None
        if file.dormant is not None and plain and (sunset.silent_days or 0) <= file.dormant.silent_days:
            words = (
                f"ends writing before leads are dormant ({file.dormant.silent_days} days): those never are"
            )
            yield Finding(_FILE, ("sunset", index, "silent_days"), words)
    if file.outreach is not None:
        yield from _outreach(file.outreach)


def _outreach(spec: OutreachSpec) -> Iterator[Finding]:
    for index, quiet in enumerate(spec.quiet):
        hours = (_MIDNIGHT + timedelta(minutes=30 * half) for half in range(48))
        if all(quiet_until(quiet.hours, ZoneInfo("UTC"), at) is not None for at in hours):
            words = "leaves no half hour of the day: nobody could ever be contacted by " + ", ".join(
                quiet.channels
            )
            yield Finding(_FILE, ("outreach", "quiet", index, "hours"), words)
    everywhere: dict[str, int] = {}
    seen: dict[str, set[str]] = {}
    for index, rule in enumerate(spec.basis):
        places = {one for place in rule.countries for one in (EEA if place == "EEA" else (place,))}
        if all(
            channel in everywhere or (places and places <= seen.get(channel, set()))
            for channel in rule.channels
        ):
            yield Finding(
                _FILE, ("outreach", "basis", index), "is never reached: earlier ones take its countries"
            )
        for channel in rule.channels:
            seen.setdefault(channel, set()).update(places)
            if not places:
                everywhere.setdefault(channel, index)
