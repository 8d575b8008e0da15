"""Names that are given twice, and names that nobody gave."""

from collections.abc import Iterable
from difflib import get_close_matches

from schemas.errors import Finding
from schemas.rulebook.book import Rulebook

Path = tuple[str | int, ...]


def reference_findings(book: Rulebook) -> list[Finding]:
    """Find duplicate names and references to what does not exist."""
    return [*_twice(book), *_journey(book), *_nurture(book), *_routing(book), *_team(book), *_examples(book)]


def unknown(file: str, path: Path, what: str, name: str, known: Iterable[str]) -> list[Finding]:
    """Find a name that nobody gave, with the nearest that somebody did."""
    names = list(known)
    if name in names:
        return []
    near = get_close_matches(name, names, n=1)
    mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:12])}"
    return [Finding(file, path, f"no {what} is called {name}; {mend}")]


def _twice(book: Rulebook) -> list[Finding]:
    """Find names given twice: rules by `name`, everything else by `id`."""
    team = book.team
    lists: list[tuple[str, str, str, list[str]]] = [
        ("persona.yaml", "personas", "id", [one.id for one in book.persona.personas]),
        ("readiness.yaml", "ready", "name", [one.name for one in book.readiness.ready]),
        ("nurture.yaml", "tracks", "id", [one.id for one in book.nurture.tracks]),
        ("nurture.yaml", "reasons", "id", [one.id for one in book.nurture.reasons]),
        ("routing.yaml", "rules", "name", [one.name for one in book.routing.rules]),
        ("team.yaml", "calendars", "id", [one.id for one in team.calendars]),
        ("team.yaml", "reps", "id", [one.id for one in team.reps]),
        ("team.yaml", "pools", "id", [one.id for one in team.pools]),
        ("sla.yaml", "policies", "id", [one.id for one in book.sla.policies]),
    ]
    findings = [
        Finding(file, (section, index, key), f"{name} is given twice; every {key} stands once")
        for file, section, key, names in lists
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    stages = book.journey.stages
    findings += [
        Finding("journey.yaml", ("stages", index), f"{stage} is given twice; every stage stands once")
        for index, stage in enumerate(stages)
        if stage in stages[:index]
    ]
    findings += [
        Finding("routing.yaml", ("rules", index, "name"), "`otherwise` names the last rule; take another")
        for index, rule in enumerate(book.routing.rules)
        if rule.name == "otherwise"
    ]
    return findings


def _journey(book: Rulebook) -> list[Finding]:
    journey = book.journey
    file = "journey.yaml"
    start = journey.sales_may_start_at
    findings = unknown(file, ("sales_may_start_at",), "stage", start, journey.stages)
    for stage in journey.evidence:
        findings += unknown(file, ("evidence", stage), "stage", stage, journey.stages)
    for stage in journey.names:
        findings += unknown(file, ("names", stage), "stage", stage, journey.stages)
    return findings


def _nurture(book: Rulebook) -> list[Finding]:
    tracks = [track.id for track in book.nurture.tracks]
    findings = []
    for index, reason in enumerate(book.nurture.reasons):
        if reason.track is not None:
            findings += unknown("nurture.yaml", ("reasons", index, "track"), "track", reason.track, tracks)
    return findings


def _routing(book: Rulebook) -> list[Finding]:
    file = "routing.yaml"
    pools = [pool.id for pool in book.team.pools]
    policies = [policy.id for policy in book.sla.policies]
    findings = []
    for index, rule in enumerate(book.routing.rules):
        here: Path = ("rules", index)
        if rule.to.pool is not None:
            findings += unknown(file, (*here, "to", "pool"), "pool", rule.to.pool, pools)
        elif rule.to.strategy != "owner":
            words = f"{rule.to.strategy} needs a pool to share in; name one, or take the strategy owner"
            findings.append(Finding(file, (*here, "to", "strategy"), words))
        findings += unknown(file, (*here, "sla"), "policy", rule.sla, policies)
    last = book.routing.otherwise
    findings += unknown(file, ("otherwise", "pool"), "pool", last.pool, pools)
    return findings + unknown(file, ("otherwise", "sla"), "policy", last.sla, policies)


def _team(book: Rulebook) -> list[Finding]:
    file = "team.yaml"
    calendars = [calendar.id for calendar in book.team.calendars]
    reps = [rep.id for rep in book.team.reps]
    findings = []
    for index, rep in enumerate(book.team.reps):
        findings += unknown(file, ("reps", index, "calendar"), "calendar", rep.calendar, calendars)
        if rep.reports_to is not None:
            findings += unknown(file, ("reps", index, "reports_to"), "rep", rep.reports_to, reps)
    for index, pool in enumerate(book.team.pools):
        here: Path = ("pools", index)
        findings += unknown(file, (*here, "manager"), "rep", pool.manager, reps)
        members = [member.rep for member in pool.members]
        for at, member in enumerate(members):
            path = (*here, "members", at, "rep")
            findings += unknown(file, path, "rep", member, reps)
            if member in members[:at]:
                findings.append(Finding(file, path, f"{member} stands twice in this pool; give one weight"))
    return findings


def _examples(book: Rulebook) -> list[Finding]:
    calendars = [calendar.id for calendar in book.team.calendars]
    reps = [rep.id for rep in book.team.reps]
    policies = [policy.id for policy in book.sla.policies]
    findings = []
    for index, day in enumerate(book.team.examples):
        path = ("examples", index, "calendar")
        findings += unknown("team.yaml", path, "calendar", day.calendar, calendars)
    for index, clock in enumerate(book.sla.examples):
        findings += unknown("sla.yaml", ("examples", index, "policy"), "policy", clock.policy, policies)
        findings += unknown("sla.yaml", ("examples", index, "rep"), "rep", clock.rep, reps)
    return findings
