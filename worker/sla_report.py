"""Both sides' promises of one month: what was promised, what came, and whether it was kept. In SQL, as sets."""

import math
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from schemas.rulebook.sla import MarketingPromises
from worker.rulebooks import Loaded
from worker.store.db import run

#: Clocks that ended in the month, kept or broken: done by the deadline, or not. Of accept and contact the time
#: counts from the first clock on: one that began anew after a reminder is the same wait.
_SALES: Final = """
WITH ended AS (
    SELECT c.policy, a.rep, a.pool, c.kind, c.met_at IS NOT NULL AND c.met_at <= c.due_at AS kept,
           c.met_at IS NOT NULL AS done, t.raw, t.business
    FROM tasuki.clock c JOIN tasuki.assignment a USING (assignment_id)
    CROSS JOIN LATERAL (
        SELECT sum(p.raw_s) AS raw, sum(p.business_s) AS business FROM tasuki.clock p
        WHERE p.assignment_id = c.assignment_id AND p.kind = c.kind
          AND (p.clock_id = c.clock_id OR (p.clock_id < c.clock_id AND c.kind <> 'follow_up'))) t
    WHERE coalesce(c.met_at, c.breached_at) >= :since AND coalesce(c.met_at, c.breached_at) < :until
)
SELECT CASE WHEN grouping(policy) = 0 THEN 'policy' WHEN grouping(rep) = 0 THEN 'rep' ELSE 'pool' END AS by,
       coalesce(policy, rep, pool) AS name, kind, count(*) AS ended, count(*) FILTER (WHERE kept) AS kept,
       count(*) FILTER (WHERE NOT kept) AS breached,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY raw) FILTER (WHERE done) AS raw_median_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY raw) FILTER (WHERE done) AS raw_p90_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY business) FILTER (WHERE done) AS business_median_s,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY business) FILTER (WHERE done) AS business_p90_s
FROM ended GROUP BY GROUPING SETS ((policy, kind), (rep, kind), (pool, kind)) ORDER BY 1, 2, 3
"""

#: Leads that became sales-ready in the month, each once. Facts are those of that moment, from the decision's
#: inputs; persona and grade stand in the next decision as the standing before it, or in the lead's row if there
#: is no later one.
_MARKETING: Final = """
WITH ready AS (
    SELECT DISTINCT ON (d.lead_id) d.lead_id, d.decision_id, d.at, cast(d.inputs AS jsonb) -> 'state' AS state
    FROM tasuki.decision d WHERE d.verdict = 'ready' AND d.at >= :since AND d.at < :until
    ORDER BY d.lead_id, d.decision_id
), judged AS (
    SELECT r.*, coalesce(n.standing ->> 'persona', l.persona) AS persona,
           coalesce(n.standing ->> 'fit_grade', l.fit_grade) AS grade,
           extract(epoch FROM r.at) - cast(r.state -> 'first' ->> 0 AS double precision) / 1000 AS age_s
    FROM ready r JOIN tasuki.lead l USING (lead_id)
    LEFT JOIN LATERAL (
        SELECT cast(n.inputs AS jsonb) -> 'standing' AS standing FROM tasuki.decision n
        WHERE n.lead_id = r.lead_id AND n.decision_id > r.decision_id AND n.verdict <> 'act'
        ORDER BY n.decision_id LIMIT 1) n ON true
)
SELECT count(*) AS leads,
       count(*) FILTER (WHERE jsonb_exists_all(coalesce(state -> 'facts', '{}'), cast(:fields AS text[]))) AS complete,
       count(*) FILTER (WHERE (cardinality(cast(:grades AS text[])) = 0 OR grade = ANY(cast(:grades AS text[])))
           AND (cardinality(cast(:personas AS text[])) = 0 OR persona = ANY(cast(:personas AS text[])))) AS of_persona,
       count(*) FILTER (WHERE age_s <= :within) AS in_time,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY age_s) AS age_median_s
FROM judged
"""


def report(
    connection: Connection, loaded: Loaded, since: datetime, until: datetime, now: datetime
) -> dict[str, Any]:
    """Return the month from `since` to `until` as a document."""
    sales = [dict(row) for row in run(connection, _SALES, since=since, until=until).mappings()]
    for row in sales:
        row["kept_percent"] = _percent(row["kept"], row["ended"])
    unmeasured = run(
        connection, "SELECT count(*) FROM tasuki.clock WHERE next_at IS NULL AND raw_s IS NULL"
    ).scalar()
    return {
        "since": since, "until": until, "over": until <= now, "rulebook_version": loaded.version,
        "sales": sales, "marketing": _marketing(connection, loaded.book.source.sla.marketing, since, until, now),
        "not_measured_yet": unmeasured,
    }  # fmt: skip


def month(text: str | None, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and end of `2026-11` in a zone; the present month when none is named.

    Raises:
        ValueError: the text names no month.

    """
    first = datetime.strptime(text, "%Y-%m") if text else now.astimezone(zone)  # noqa: DTZ007 - gets the zone below
    first = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=zone)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first, following


def _marketing(
    connection: Connection, promised: MarketingPromises, since: datetime, until: datetime, now: datetime
) -> list[dict[str, Any]]:
    share, known, soon = promised.persona, promised.completeness, promised.nurture
    came = run(
        connection, _MARKETING, since=since, until=until, fields=known.fields if known else [],
        grades=share.grades if share else [], personas=share.personas if share else [],
        within=soon.within if soon else 0,
    ).one()  # fmt: skip
    found: list[dict[str, Any]] = []
    if promised.volume is not None:
        wanted = promised.volume.leads
        if promised.volume.per == "week":
            wanted = math.ceil(wanted * round((until - since).total_seconds() / 86_400) / 7)
        # While the month runs a number that is not reached yet is open, not broken.
        kept = True if came.leads >= wanted else (False if until <= now else None)
        found.append(
            {"promise": "volume", "promised": wanted, "came": came.leads, "unit": "leads", "kept": kept}
        )
    for name, at_least, count in (
        ("completeness", known and known.at_least, came.complete),
        ("persona", share and share.at_least, came.of_persona),
        ("nurture", soon and soon.at_least, came.in_time),
    ):
        if at_least is not None:
            percent = _percent(count, came.leads)
            found.append(
                {"promise": name, "promised": at_least, "came": percent, "unit": "%",
                 "kept": None if percent is None else count * 100 >= at_least * came.leads}
            )  # fmt: skip
    if soon is not None:
        found[-1]["median_s"] = came.age_median_s
    return found


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
