"""The team: calendars that work, absences that end, pools in which somebody can take a lead."""

from typing import Final

from routing_rules.roster import build_calendar, can_take
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook
from schemas.rulebook.team import CalendarSpec, PoolSpec, RepSpec

_FILE: Final = "team.yaml"
#: A calendar that is closed for longer in one span has a typing error in a year.
_LONGEST_CLOSED_DAYS: Final = 366


def staff_findings(book: Rulebook) -> list[Finding]:
    """Find what keeps leads from ever being placed, and times that run backwards."""
    findings: list[Finding] = []
    for index, calendar in enumerate(book.team.calendars):
        findings += _calendar(index, calendar)
    for index, rep in enumerate(book.team.reps):
        for at, absence in enumerate(rep.absences):
            if absence.ends <= absence.starts:
                words = "the absence ends before it starts"
                findings.append(Finding(_FILE, ("reps", index, "absences", at, "ends"), words))
    reps = {rep.id: rep for rep in book.team.reps}
    for index, rep in enumerate(book.team.reps):
        findings += _reports(index, rep, reps)
    for index, pool in enumerate(book.team.pools):
        findings += _pool(index, pool, reps)
    return findings


def _calendar(index: int, calendar: CalendarSpec) -> list[Finding]:
    here = ("calendars", index)
    findings = []
    for at, span in enumerate(calendar.closed):
        days = (span.last - span.first).days + 1
        if days < 1:
            findings.append(Finding(_FILE, (*here, "closed", at, "last"), "the last day is before the first"))
        elif days > _LONGEST_CLOSED_DAYS:
            words = f"closed for {days} days in a row; at most {_LONGEST_CLOSED_DAYS} (is the year right?)"
            findings.append(Finding(_FILE, (*here, "closed", at, "last"), words))
    named = [("hours", str(day), hours) for day, hours in calendar.hours.items()]
    named += [("special", day.isoformat(), hours) for day, hours in calendar.special.items()]
    for section, day, hours in named:
        findings += [Finding(_FILE, (*here, section, day, at), words) for at, words in _hours(hours)]
    if not findings:
        try:
            build_calendar(calendar, {})
        except ValueError as error:
            findings.append(Finding(_FILE, (*here, "hours"), str(error)))
    return findings


def _hours(hours: list[str]) -> list[tuple[int, str]]:
    """Find spans that run backwards or overlap an earlier one, by their index."""
    problems = []
    seen: list[tuple[str, str]] = []
    for at, text in enumerate(hours):
        start, end = text[:5], text[6:]
        if end <= start:
            words = f"{text} ends before it starts; past midnight, write two: {start}-24:00 and 00:00-{end}"
            problems.append((at, words))
        elif any(start < until and since < end for since, until in seen):
            problems.append((at, f"{text} overlaps other hours of the day"))
        seen.append((start, end))
    return problems


def _pool(index: int, pool: PoolSpec, reps: dict[str, RepSpec]) -> list[Finding]:
    findings = []
    if not takers(pool, reps) and all(member.rep in reps for member in pool.members):
        words = "nobody in this pool can take a lead (no members, weight 0, inactive, or capacity 0)"
        findings.append(Finding(_FILE, ("pools", index, "members"), words))
    manager = reps.get(pool.manager)
    if manager is not None and not manager.active:
        words = f"{pool.manager} is not active; leads that nobody takes would wait for ever"
        findings.append(Finding(_FILE, ("pools", index, "manager"), words))
    return findings


def _reports(index: int, rep: RepSpec, reps: dict[str, RepSpec]) -> list[Finding]:
    """Find who reports to nobody who could act: somebody inactive, or in the end to themselves."""
    here = ("reps", index, "reports_to")
    above = reps.get(rep.reports_to or "")
    if above is not None and not above.active:
        return [Finding(_FILE, here, f"{above.id} is not active and can take over nothing")]
    seen: list[str] = []
    while above is not None and above.id not in seen:
        if above.id == rep.id:
            return [Finding(_FILE, here, f"{rep.id} would report to themselves")]
        seen.append(above.id)
        above = reps.get(above.reports_to or "")
    return []


def takers(pool: PoolSpec, reps: dict[str, RepSpec]) -> list[RepSpec]:
    """Return the members who can ever take a lead."""
    present = [(member, reps.get(member.rep)) for member in pool.members]
    return [rep for member, rep in present if rep is not None and member.weight > 0 and can_take(rep)]
