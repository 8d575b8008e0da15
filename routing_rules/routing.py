"""Routing: the first rule that matches says pool, strategy and promise."""

from typing import Final

from routing_rules.compiled import CompiledBook
from routing_rules.facts import Facts
from schemas.decision import Route
from schemas.handover import USUAL, Terms
from schemas.rulebook.routing import Otherwise, RoutingRule, Way

#: The name under which decisions cite the rule that takes all the rest.
OTHERWISE: Final = "otherwise"


def route(facts: Facts, book: CompiledBook) -> Route:
    """Return where a ready lead goes; every lead goes somewhere.

    A rule `to: {strategy: owner}` passes the lead on to the next rule when the account has no owner who is
    in a pool: an owner who left must not swallow leads. With `former` it keeps the lead for its pool: the
    hand-over knows who had the lead before.
    """
    owner = facts.values.get("account.owner")
    for rule, check in book.routes:
        if not check(facts):
            continue
        if rule.to.strategy == "owner":
            pool = rule.to.pool or (book.home_pool.get(owner) if owner else None)
            is_known = owner in book.home_pool
            if pool is None or not (is_known or rule.to.former):
                continue
            return _route(facts, book, rule, rule.to, pool, owner if is_known else None)
        if rule.to.pool is None:
            continue  # lint refuses such a rule
        return _route(facts, book, rule, rule.to, rule.to.pool)
    last = book.otherwise
    return _route(facts, book, last, last, last.pool)


def _route(
    facts: Facts,
    book: CompiledBook,
    rule: RoutingRule | Otherwise,
    way: Way,
    pool: str,
    owner: str | None = None,
) -> Route:
    routing = book.source.routing
    value = rule.value or routing.value_by_grade.get(facts.values.get("fit_grade", "D"))
    points = 1 if value is None else routing.values.get(value, 1)
    name = OTHERWISE if isinstance(rule, Otherwise) else rule.name
    terms = terms_of(way, facts.values.get("person.language"))
    return Route(
        name,
        pool,
        way.strategy,
        _policy(facts, book, name, rule.sla),
        rule.priority,
        owner,
        value,
        points,
        None if terms == USUAL else terms,
    )


def terms_of(way: Way, language: str | None) -> Terms:
    """Return what a rule asks of its strategy, for a lead who speaks `language`."""
    wants = way.wants
    return Terms(
        by=way.by,
        skills=tuple(wants.skills),
        language=language if wants.language == "from_lead" else wants.language,
        claim_for_s=way.claim_for,
        then=way.then,
        owner_wait_s=way.owner_wait,
        former=way.former,
    )


def _policy(facts: Facts, book: CompiledBook, rule: str, own: str) -> str:
    """Return the policy that sla.yaml selects for the lead; the routing rule's own when it selects none."""
    for check, rules, policy in book.choices:
        if (not rules or rule in rules) and check(facts):
            return policy
    return own
