"""What sales has of two leads that a merge made one: each gets its own back when that is undone."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from schemas.lead import WITH_SALES
from worker import merging
from worker.store.db import run

#: The stage of a lead that was with sales and has no rep any more: it is judged anew.
_BACK: Final = "nurture"


def part_sales(connection: Connection, merge: Any, kept: int, gone: int) -> None:
    """Give back a rep's work where it came from; a lead that is with no rep any more is judged anew."""
    standing = merge.standing
    came = set(standing.get("assignments") or ())
    live = {
        row.assignment_id
        for row in run(
            connection,
            "SELECT assignment_id FROM tasuki.assignment WHERE lead_id = :k AND ended_at IS NULL",
            k=kept,
        )
    }
    waits = run(connection, "SELECT 1 FROM tasuki.waiting WHERE lead_id = :k", k=kept).scalar() is not None
    goes_back = standing.get("moved") and (live <= came) and (bool(live) or waits)
    if goes_back:
        merging.move_live(connection, kept, gone)
        run(
            connection,
            "UPDATE tasuki.lead g SET lifecycle_stage = k.lifecycle_stage, rule = k.rule, owner = k.owner"
            " FROM tasuki.lead k WHERE k.lead_id = :kept AND g.lead_id = :gone",
            kept=kept, gone=gone,
        )  # fmt: skip
    if standing.get("moved") and (goes_back or not (live or waits)):
        before = standing["kept"]
        stage = _BACK if before["lifecycle_stage"] in WITH_SALES else before["lifecycle_stage"]
        run(
            connection,
            "UPDATE tasuki.lead SET lifecycle_stage = :stage, rule = :rule, owner = NULL, track = :track"
            " WHERE lead_id = :k",
            stage=stage, rule=before["rule"], track=before["track"], k=kept,
        )  # fmt: skip
    run(
        connection,
        "UPDATE tasuki.lead k SET recycle_count = greatest(0, k.recycle_count - g.recycle_count),"
        " recycled_at = CASE WHEN k.recycled_at > g.recycled_at THEN k.recycled_at ELSE b.recycled_at END,"
        " cool_down_until = CASE WHEN k.cool_down_until > g.cool_down_until THEN k.cool_down_until"
        "  ELSE b.cool_down_until END FROM tasuki.lead g,"
        " jsonb_to_record(cast(:before AS jsonb)) AS b(recycled_at timestamptz, cool_down_until timestamptz)"
        " WHERE k.lead_id = :k AND g.lead_id = :g AND g.recycle_count > 0 AND cast(:before AS jsonb) ? 'recycled_at'",
        k=kept, g=gone, before=msgspec.json.encode(standing.get("kept") or {}).decode(),
    )  # fmt: skip
    run(
        connection,
        # only while the mark is the one that the merge made: a later one stays, and so does a release
        "UPDATE tasuki.lead k SET history_until = b.history_until FROM tasuki.lead g,"
        " jsonb_to_record(cast(:before AS jsonb)) AS b(history_until timestamptz)"
        " WHERE k.lead_id = :k AND g.lead_id = :g AND cast(:before AS jsonb) ? 'history_until'"
        " AND k.history_until = greatest(b.history_until, g.history_until)",
        k=kept, g=gone, before=msgspec.json.encode(standing.get("kept") or {}).decode(),
    )  # fmt: skip
    if not goes_back:
        run(
            connection,
            "UPDATE tasuki.lead SET lifecycle_stage = :back, owner = NULL WHERE lead_id = :g"
            " AND lifecycle_stage = ANY(:sales)",
            back=_BACK, g=gone, sales=sorted(WITH_SALES),
        )  # fmt: skip


def with_sales(connection: Connection, *lead_ids: int) -> set[int]:
    """Return which of the leads stand in a line or are with a rep."""
    return set(
        run(
            connection,
            "SELECT lead_id FROM tasuki.waiting WHERE lead_id = ANY(:ids) UNION"
            " SELECT lead_id FROM tasuki.assignment WHERE lead_id = ANY(:ids) AND ended_at IS NULL",
            ids=list(lead_ids),
        ).scalars()
    )


def part_who_had(connection: Connection, merge: Any, kept: int, gone: int, live: set[int]) -> None:
    """Take from each lead the reps who let only the other pass, and give who comes into a line anew its own.

    Who was offered the one lead that they were knows them both, and stays with both. Merges of before this was
    recorded leave all to both.
    """
    whose = merge.standing.get("had") or {}
    own = {kept: set(whose.get("kept", ())), gone: set(whose.get("merged", ()))}
    if not any(own.values()):
        return
    since = set(
        run(
            connection, "SELECT rep FROM tasuki.assignment WHERE lead_id = ANY(:ids) AND offered_at > :at",
            ids=[kept, gone], at=merge.at,
        ).scalars()
    )  # fmt: skip
    for lead_id, other in ((kept, gone), (gone, kept)):
        for table, where in (("waiting", ""), ("assignment", " AND ended_at IS NULL")):
            run(
                connection,
                f"UPDATE tasuki.{table} SET had = ARRAY(SELECT rep FROM unnest(had || cast(:own AS text[]))"  # noqa: S608 - constants
                " WITH ORDINALITY AS r(rep, n) WHERE rep <> ALL(:foreign) GROUP BY rep ORDER BY min(n))"
                f" WHERE lead_id = :lead{where}",
                own=[] if lead_id in live else sorted(own[lead_id]),
                foreign=sorted(own[other] - own[lead_id] - since), lead=lead_id,
            )  # fmt: skip
