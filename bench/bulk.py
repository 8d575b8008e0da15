"""Many stored leads at once, in SQL, from a few that were really folded and judged."""

import random
from typing import Any, Final

from bench.events import BUSINESS_NOW, event, profile
from bench.rig import Rig
from routing_rules.fold import fold
from routing_rules.judge import judge
from schemas.decision import Judgement
from schemas.lead import LeadState, Standing
from worker import rulebooks
from worker.entry import Entry
from worker.incoming import read_entry
from worker.store.db import transaction
from worker.store.leads import encode_state
from worker.store.rows import as_json

#: Ids of leads that are made here lie above all that workers hand out.
FIRST_ID: Final = 1_000_000_000
_TEMPLATES: Final = 60
_NOW: Final = f"timestamptz '{BUSINESS_NOW.isoformat()}'"
_EMAIL: Final = (
    "'tanto.' || lpad(n::text, 8, '0') || '@kaisha-' || lpad((n / 3)::text, 7, '0') || '.example.co.jp'"
)
#: The last look was on any of the last thirty days, in no order; the next one is never later than needed.
_REVIEW: Final = f"least({_NOW} + interval '1 hour' + n * 7919::bigint %% 2592000 * interval '1 second', to_timestamp(t.review))"

_LEADS: Final = f"""
INSERT INTO tasuki.lead (lead_id, email, company, account_key, lifecycle_stage, persona, fit, fit_grade,
    engagement, buying_stage, track, rule, review_at, rulebook_version, state, created_at, updated_at)
SELECT {FIRST_ID} + n, {_EMAIL}, t.company, 'domain:kaisha-' || lpad((n / 3)::text, 7, '0') || '.example.co.jp',
    'nurture', t.persona, t.fit, t.grade, t.engagement, t.buying, t.track, NULL,
    {_REVIEW}, t.version, replace(t.state, t.email, {_EMAIL}), {_NOW}, {_NOW}
FROM generate_series(%(first)s::integer, %(last)s) AS n
JOIN json_to_recordset(%(templates)s::json) AS t(number integer, email text, company text, persona text,
    fit smallint, grade text, engagement double precision, buying text, track text, version integer, state text,
    review double precision)
    ON t.number = n %% %(count)s
"""
_KEYS: Final = f"""
INSERT INTO tasuki.lead_key (kind, value, lead_id)
SELECT 'ma:marketo', 'mkto-' || lpad(n::text, 8, '0'), {FIRST_ID} + n FROM generate_series(%(first)s::integer, %(last)s) AS n
UNION ALL SELECT 'email', {_EMAIL}, {FIRST_ID} + n FROM generate_series(%(first)s::integer, %(last)s) AS n
"""
_EVENTS: Final = f"""
INSERT INTO tasuki.event (source, event_id, type, lead_id, occurred_at, received_at, applied_at, body)
SELECT 'marketo', 'old-' || lpad(n::text, 8, '0'), 'lead.captured', {FIRST_ID} + n, {_NOW}, {_NOW}, {_NOW},
    replace(%(body)s, %(email)s, {_EMAIL}) FROM generate_series(%(first)s::integer, %(last)s) AS n
"""
_IDENTITIES: Final = f"""
INSERT INTO tasuki.account_identity (kind, value, account_key, seen_at)
SELECT DISTINCT 'domain', domain, 'domain:' || domain, {_NOW} FROM (
    SELECT 'kaisha-' || lpad((n / 3)::text, 7, '0') || '.example.co.jp' AS domain
    FROM generate_series(%(first)s::integer, %(last)s) AS n) AS known
ON CONFLICT DO NOTHING
"""
_ASSIGNMENTS: Final = f"""
INSERT INTO tasuki.assignment (lead_id, rep, pool, rule, strategy, sla, ready_at, offered_at, rulebook_version)
SELECT {FIRST_ID} + n,
    CASE WHEN n <= %(known)s THEN (%(reps)s::text[])[1 + n %% %(reps_count)s] ELSE (%(others)s::text[])[1 + n %% %(others_count)s] END,
    'inside_sales', 'otherwise', 'least_loaded', 'standard', {_NOW} - interval '3 days', {_NOW} - interval '3 days', 1
FROM generate_series(%(first)s::integer, %(last)s) AS n
"""
_CLOCKS: Final = f"""
INSERT INTO tasuki.clock (assignment_id, lead_id, policy, kind, started_at, warn_at, due_at, next_at)
SELECT assignment_id, lead_id, 'standard', 'accept', {_NOW}, {_NOW} + interval '40 days', {_NOW} + interval '60 days',
    {_NOW} + interval '40 days' + lead_id % 86400 * interval '1 second' FROM tasuki.assignment
"""


def stored_leads(rig: Rig, first: int, last: int) -> None:
    """Make held leads `first` to `last` with their keys, one event each, and their accounts."""
    body = event(0, 0, random.Random(1), days=30).decode()
    values = _values(first, last) | {"body": body, "email": str(profile(0)["email"])}
    _run(rig, values, _LEADS, _KEYS, _EVENTS, _IDENTITIES)


def held_leads(rig: Rig, count: int, *, keys: bool = False) -> None:
    """Make held leads alone, or with their keys."""
    _run(rig, _values(1, count), _LEADS, *([_KEYS] if keys else []))


def open_clocks(rig: Rig, count: int, with_members: int, reps: list[str], others: list[str]) -> None:
    """Make leads that are offered to somebody, each with a clock that runs for weeks.

    Args:
        rig: where.
        count: how many.
        with_members: the first so many are with members of the pool, the rest with other reps of the rulebook: of a
            rep whom it does not have, all would go back into the line.
        reps: the members.
        others: reps of other pools.

    """
    values = _values(1, count) | {
        "known": with_members, "reps": reps, "reps_count": len(reps), "others": others, "others_count": len(others),
    }  # fmt: skip
    leads = _LEADS.replace("'nurture'", "'mql'").replace(f"{_REVIEW}, t.version", "NULL, t.version")
    _run(rig, values, leads, _ASSIGNMENTS, _CLOCKS)


def _run(rig: Rig, values: dict[str, Any], *statements: str) -> None:
    for statement in statements:
        with rig.sql() as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            wanted = {name: value for name, value in values.items() if f"%({name})s" in statement}
            connection.execute(statement.encode(), wanted or None)
    rig.analyze()


def _values(first: int, last: int) -> dict[str, Any]:
    return {"first": first, "last": last, "templates": as_json(_templates()), "count": _TEMPLATES}


def _templates() -> list[dict[str, Any]]:
    """Fold and judge a few leads of different profiles and histories, none of them ready."""
    with transaction() as connection:
        loaded = rulebooks.current(connection)
    now_ms = int(BUSINESS_NOW.timestamp() * 1000)
    found: list[dict[str, Any]] = []
    lead = 0
    while len(found) < _TEMPLATES:
        lead += 1
        state = _folded(lead, 1 + lead % 5, now_ms)
        judged = judge(state, Standing(), loaded.book, now_ms)
        if judged.lifecycle_stage == "nurture":
            found.append(_template(len(found), lead, state, judged, loaded.version))
    return found


def _folded(lead: int, events: int, now_ms: int) -> LeadState:
    chance = random.Random(lead)
    state = LeadState()
    for number in range(events):
        raw = event(lead, number, chance, days=60)
        for item in read_entry(Entry(f"{now_ms}-{number}", now_ms, {b"event": raw})):
            assert item.event is not None
            fold(state, item.event, now_ms)
    return state


def _template(number: int, lead: int, state: LeadState, judged: Judgement, version: int) -> dict[str, Any]:
    return {
        "number": number, "email": profile(lead)["email"], "company": profile(lead)["company"],
        "persona": judged.persona, "fit": judged.fit, "grade": judged.fit_grade,
        "engagement": judged.engagement, "buying": judged.buying_stage, "track": judged.track,
        "version": version, "state": encode_state(state).decode(), "review": (judged.review_at_ms or 0) / 1_000,
    }  # fmt: skip
