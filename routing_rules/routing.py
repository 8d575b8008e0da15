"""Routing: the first rule that matches says pool, strategy and promise."""

from routing_rules.compiled import CompiledBook
from routing_rules.facts import Facts
from schemas.decision import Route


def route(facts: Facts, book: CompiledBook) -> Route:
    """Return where a ready lead goes; every lead goes somewhere.

    A rule `to: {strategy: owner}` passes the lead on to the next rule when the account has no owner who is
    in a pool: an owner who left must not swallow leads.
    """
    owner = facts.values.get("account.owner")
    for rule, check in book.routes:
        if not check(facts):
            continue
        if rule.to.strategy == "owner":
            pool = rule.to.pool or (book.home_pool.get(owner) if owner else None)
            if pool is None or owner not in book.home_pool:
                continue
            return Route(
                rule.name, pool, "owner", _policy(facts, book, rule.name, rule.sla), rule.priority, owner
            )
        if rule.to.pool is None:
            continue  # lint refuses such a rule
        sla = _policy(facts, book, rule.name, rule.sla)
        return Route(rule.name, rule.to.pool, rule.to.strategy, sla, rule.priority)
    last = book.otherwise
    sla = _policy(facts, book, "otherwise", last.sla)
    return Route("otherwise", last.pool, last.strategy, sla, last.priority)


def _policy(facts: Facts, book: CompiledBook, rule: str, own: str) -> str:
    """Return the policy that sla.yaml selects for the lead; the routing rule's own when it selects none."""
    for check, rules, policy in book.choices:
        if (not rules or rule in rules) and check(facts):
            return policy
    return own
