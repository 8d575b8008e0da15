"""Past hand-overs and what became of them: one case for each lead, as it was known when it was decided.

The features come from the decision's own stored inputs, so nothing that happened later can leak into them.
The outcome is read from what happened later:

- won: an opportunity was won after the hand-over;
- lost: opportunities were lost, and none is open or won;
- declined: a rep ruled the lead out (a reason of nurture.yaml with `then: disqualify`);
- recycled: a rep handed it back to marketing, and no opportunity came of it;
- silent: nothing of all this within the horizon;
- open: an opportunity is open, so nobody knows: left out.

Only hand-overs older than the horizon count, so that quick and slow outcomes have the same chance to be seen.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection

from routing_rules.compiled import CompiledBook
from routing_rules.counted import counted
from routing_rules.learned_features import features
from schemas.lead import LeadState, Standing
from schemas.learned import Told
from worker import rulebooks
from worker.learn.table import Table
from worker.store import leads
from worker.store.db import run
from worker.store.rows import ms

Outcome = Literal["won", "lost", "declined", "recycled", "silent", "open"]

#: Days after a hand-over by which most outcomes are known, unless told otherwise.
HORIZON_DAYS: Final = 90
#: The newest hand-overs that are looked at.
MOST_LEADS: Final = 100_000
TARGET: Final = Told(
    ja="受注: 最初の引き渡しの後に商談を受注。非受注: 失注、営業による対象外・差し戻し、または期間内に音沙汰なし。進行中は除外。",
    en="won: an opportunity won after the lead's first hand-over; not won: lost, ruled out or handed back by a rep,"
    " or silent for the horizon; still open: left out.",
)


@dataclass(frozen=True, slots=True)
class HandOver:
    """A lead at its first hand-over, and what became of it."""

    lead_id: int
    at_ms: int
    state: LeadState
    standing: Standing
    account_owner: str | None
    outcome: Outcome
    #: The reason of nurture.yaml with which a rep declined it, if one did.
    reason: str | None = None


#: Leads that were handed over, each with the lead that it was merged into in the end (itself, mostly).
_KEPT: Final = """
WITH RECURSIVE up AS (
    SELECT DISTINCT lead_id, lead_id AS kept FROM tasuki.decision WHERE verdict = 'ready' AND at <= :newest
    UNION
    SELECT up.lead_id, l.merged_into FROM up JOIN tasuki.lead l ON l.lead_id = up.kept
    WHERE l.merged_into IS NOT NULL
), root AS (
    SELECT up.lead_id, up.kept FROM up JOIN tasuki.lead l ON l.lead_id = up.kept AND l.merged_into IS NULL
), first AS (
    SELECT DISTINCT ON (root.kept) root.kept, d.decision_id, d.at FROM root JOIN tasuki.decision d USING (lead_id)
    WHERE d.verdict = 'ready' AND d.at <= :newest ORDER BY root.kept, d.at, d.decision_id
), chosen AS (
    SELECT kept, decision_id FROM first ORDER BY at DESC, decision_id DESC LIMIT :most
)
"""


def hand_overs(connection: Connection, until: datetime, horizon: timedelta) -> list[HandOver]:
    """Return the first hand-over of each lead that is older than the horizon, the oldest first.

    A lead that was merged into another counts with that one's outcome; of two, the earlier hand-over stands.
    """
    newest = until - horizon
    rows = run(
        connection,
        f"{_KEPT} SELECT l.lead_id, d.inputs, l.state FROM chosen c"  # noqa: S608 - constants
        " JOIN tasuki.decision d USING (decision_id)"
        " JOIN tasuki.lead l ON l.lead_id = c.kept ORDER BY d.at, d.decision_id",
        newest=newest, most=MOST_LEADS,
    ).all()  # fmt: skip
    declines = _declines(connection, newest, until)
    return [_hand_over(row, declines.get(row.lead_id, ()), ms(until)) for row in rows]


def _declines(
    connection: Connection, newest: datetime, until: datetime
) -> dict[int, list[tuple[int, str, str]]]:
    """Return each lead's declines, the oldest first: when, the reason, and what follows by its rulebook."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    for row in run(
        connection,
        f"{_KEPT} SELECT c.kept, a.at, a.reason, s.rulebook_version FROM chosen c"  # noqa: S608 - constants
        " JOIN (SELECT lead_id, kept FROM root UNION SELECT kept, kept FROM root) m USING (kept)"
        " JOIN tasuki.act a ON a.lead_id = m.lead_id AND a.act = 'decline' AND a.at <= :until"
        " JOIN tasuki.assignment s USING (assignment_id) ORDER BY a.act_id",
        newest=newest, most=MOST_LEADS, until=until,
    ):  # fmt: skip
        spec = rulebooks.load(row.rulebook_version).book.reasons.get(row.reason)
        if spec is not None:
            found.setdefault(row.kept, []).append((ms(row.at), row.reason, spec.then))
    return found


def _hand_over(row: Any, declines: Iterable[tuple[int, str, str]], until_ms: int) -> HandOver:
    stored = msgspec.json.decode(row.inputs)
    state = msgspec.convert(stored["state"], LeadState, strict=False)
    standing = msgspec.convert(stored["standing"], Standing)
    at_ms: int = stored["now_ms"]
    after = [one for one in declines if one[0] >= at_ms]
    outcome, reason = outcome_of(leads.decode_state(row.state), at_ms, until_ms, after)
    return HandOver(row.lead_id, at_ms, state, standing, stored["account_owner"], outcome, reason)


def outcome_of(
    state: LeadState, at_ms: int, until_ms: int, declines: Iterable[tuple[int, str, str]]
) -> tuple[Outcome, str | None]:
    """Say what became of a hand-over.

    Args:
        state: the lead as it is now, for its deals.
        at_ms: when it was handed over.
        until_ms: nothing later is looked at; a deal whose newest word is later counts as open.
        declines: when, reason, and what follows (`nurture`, `next_rep`, `disqualify`), the oldest first.

    """
    telling = [(reason, then) for _, reason, then in declines if then != "next_rep"]
    reason = telling[-1][0] if telling else None
    deals = [deal for deal in state.deals.values() if deal.at_ms > at_ms]
    if any(deal.status == "won" and deal.at_ms <= until_ms for deal in deals):
        return "won", reason
    if any(deal.status == "opened" or deal.at_ms > until_ms for deal in deals):
        return "open", reason
    if telling and telling[-1][1] == "disqualify":
        return "declined", reason
    if deals:
        return "lost", reason
    return ("recycled", reason) if telling else ("silent", None)


def cases(found: Iterable[HandOver], book: CompiledBook, rulebook_digest: str, horizon: timedelta) -> Table:
    """Return the hand-overs whose outcome is known as cases, looked at through one rulebook."""
    known = list(found)
    settled = [one for one in known if one.outcome != "open"]
    counts = Counter(one.outcome for one in known)
    rows = [features(one.state, one.standing, book, one.at_ms, one.account_owner) for one in settled]
    told = ", ".join(
        f"{name} {counts[name]}" for name in ("won", "lost", "declined", "recycled", "silent", "open")
    )
    return Table(
        name="own hand-overs", target=TARGET, rows=rows, won=[one.outcome == "won" for one in settled],
        when=[_day(one.at_ms) for one in settled],
        rule=[(_number(row["fit"]), _number(row["engagement"])) for row in rows],
        rulebook_version=book.version, rulebook_digest=rulebook_digest,
        notes=[
            Told(ja=f"結果の内訳: {told}（open は除外）", en=f"Outcomes: {told} (open is left out)."),
            Told(
                ja=f"判定期間: {horizon.days}日。それより新しい引き渡しは除外。",
                en=f"Horizon: {counted(horizon.days, 'day')}; younger hand-overs are left out.",
            ),
            Told(
                ja="結果があるのは引き渡したリードだけなので、確率は「引き渡した場合」のものです。",
                en="Only leads that the rules handed over have an outcome: the chance is that of a lead handed over.",
            ),
        ],
    )  # fmt: skip


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
