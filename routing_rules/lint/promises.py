"""sla.yaml: promises that cannot be kept, that have no end, or that speak of nobody."""

from collections.abc import Iterator

from routing_rules.lint.references import Path, unknown
from schemas.errors import Finding
from schemas.rulebook.book import Rulebook
from schemas.rulebook.sla import MOVES, FollowUp, Promise, SlaPolicy

_FILE = "sla.yaml"


def promise_findings(book: Rulebook) -> list[Finding]:
    """Find what must stop a publish."""
    reps = [rep.id for rep in book.team.reps]
    findings: list[Finding] = []
    for index, policy in enumerate(book.sla.policies):
        here: Path = ("policies", index)
        for kind, promise in _promises(policy):
            findings += _times((*here, kind), promise)
            findings += _actions((*here, kind), promise, policy)
        for at, step in enumerate(policy.escalation):
            findings += unknown(_FILE, (*here, "escalation", at, "tell"), "rep", step.tell, reps)
    return findings + _choices(book) + _marketing(book) + _standby(book)


def promise_doubts(book: Rulebook) -> Iterator[Finding]:
    """Find what may be meant but probably is not."""
    for index, policy in enumerate(book.sla.policies):
        here: Path = ("policies", index)
        asked = {action for _, promise in _promises(policy) for action in promise.actions}
        if policy.escalation and "escalate" not in asked:
            yield Finding(_FILE, (*here, "escalation"), "nobody is told: no `on_breach` says escalate")
        for kind, promise in _promises(policy):
            moves = bool(MOVES & set(promise.actions))
            if moves and promise.reminders is not None:
                words = "`reminders` says nothing where the lead does not stay"
                yield Finding(_FILE, (*here, kind, "reminders"), words)
            elif not moves and promise.reminders is None and "escalate" not in promise.actions:
                words = "has no end: the rep is reminded for ever; add `reminders: 3`, or escalate"
                yield Finding(_FILE, (*here, kind), words)
    for index, rep in enumerate(book.team.reps):
        spans = [(absence.starts, absence.ends) for absence in rep.absences]
        for at, (starts, ends) in enumerate(spans):
            if any(starts < other_ends and other_starts < ends for other_starts, other_ends in spans[:at]):
                words = "overlaps another absence of this rep; the time in both counts once"
                yield Finding("team.yaml", ("reps", index, "absences", at), words)


def _promises(policy: SlaPolicy) -> list[tuple[str, Promise]]:
    found: list[tuple[str, Promise]] = [("accept", policy.accept), ("contact", policy.contact)]
    return found if policy.follow_up is None else [*found, ("follow_up", policy.follow_up)]


def _times(here: Path, promise: Promise) -> list[Finding]:
    findings = []
    if promise.within == 0:
        words = "0 is over before anybody can act; promise some time"
        findings.append(Finding(_FILE, (*here, "within"), words))
    listed = isinstance(promise.warn_after, list)
    given = promise.warn_after if isinstance(promise.warn_after, list) else promise.warnings
    limit = promise.within
    if isinstance(promise, FollowUp) and promise.every is not None:
        limit = promise.every
        if not 0 < promise.every <= promise.within:
            words = "the next attempt must be due after some time, and before all of them (`within`)"
            findings.append(Finding(_FILE, (*here, "every"), words))
    for at, seconds in enumerate(given):
        path: Path = (*here, "warn_after", at) if listed else (*here, "warn_after")
        if promise.within and seconds >= limit:
            words = "the warning comes at or after the breach; warn sooner than `within`"
            findings.append(Finding(_FILE, path, words))
        elif seconds in given[:at]:
            findings.append(Finding(_FILE, path, "the same warning is given twice"))
    return findings


def _actions(here: Path, promise: Promise, policy: SlaPolicy) -> list[Finding]:
    path = (*here, "on_breach")
    actions = promise.actions
    if not actions:
        return [Finding(_FILE, path, "a breach must do something; write remind or next_rep")]
    findings = []
    for at, action in enumerate(actions):
        if action in actions[:at]:
            findings.append(Finding(_FILE, (*path, at), f"{action} stands here twice"))
        elif action in MOVES and at < len(actions) - 1:
            words = f"{action} takes the lead away and comes last; of {', '.join(sorted(MOVES))} there is one"
            findings.append(Finding(_FILE, (*path, at), words))
    if "remind" in actions and MOVES & set(actions):
        words = "a lead that moves on needs no reminder; leave out remind"
        findings.append(Finding(_FILE, path, words))
    if "escalate" in actions and not policy.escalation:
        words = "escalate tells nobody: write `escalation: [{tell: REP}]` into the policy"
        findings.append(Finding(_FILE, path, words))
    if "out_of_rotation" in actions and promise.out_for == 0:
        findings.append(Finding(_FILE, (*here, "out_for"), "0 takes the rep out for no time"))
    return findings


def _choices(book: Rulebook) -> list[Finding]:
    policies = [policy.id for policy in book.sla.policies]
    rules = [*(rule.name for rule in book.routing.rules), "otherwise"]
    findings = []
    for index, choice in enumerate(book.sla.select):
        findings += unknown(_FILE, ("select", index, "policy"), "policy", choice.policy, policies)
        for at, rule in enumerate(choice.rules):
            findings += unknown(_FILE, ("select", index, "rules", at), "routing rule", rule, rules)
    pauses = [pause.id for pause in book.sla.pauses]
    return findings + [
        Finding(_FILE, ("pauses", index, "id"), f"{pause} is given twice; every id stands once")
        for index, pause in enumerate(pauses)
        if pause in pauses[:index]
    ]


def _marketing(book: Rulebook) -> list[Finding]:
    share = book.sla.marketing.persona
    personas = [persona.id for persona in book.persona.personas]
    findings = []
    for at, name in enumerate(share.personas if share else []):
        path: Path = ("marketing", "persona", "personas", at)
        findings += unknown(_FILE, path, "persona", name, personas)
    nurture = book.sla.marketing.nurture
    if nurture is not None and nurture.within == 0:
        path = ("marketing", "nurture", "within")
        findings.append(Finding(_FILE, path, "no lead is handed over in no time; promise some"))
    return findings


def _standby(book: Rulebook) -> list[Finding]:
    pools = [pool.id for pool in book.team.pools]
    findings = []
    for index, pool in enumerate(book.team.pools):
        if pool.standby is None:
            continue
        path = ("pools", index, "standby")
        if pool.standby == pool.id:
            findings.append(Finding("team.yaml", path, "a pool cannot stand by for itself; name another"))
        findings += unknown("team.yaml", path, "pool", pool.standby, pools)
    return findings
