"""What the demo shows: the live picture while the day runs, and the closing summary."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from sqlalchemy import Connection

from routing_rules.explain import missing_words, track_name
from routing_rules.waiting_words import waiting_words
from schemas.decision import Reasons
from worker.rulebooks import Loaded
from worker.screen import make_table, safe
from worker.store.db import run
from worker.zone import local_time

#: Why a held lead is on no track.
_NO_TRACK = "none: marketing has stopped writing"
_COUNTS = """
SELECT
  (SELECT count(*) FROM tasuki.event) AS applied,
  (SELECT coalesce(sum(repeats), 0) FROM tasuki.batch) AS repeats,
  (SELECT count(*) FROM tasuki.quarantine WHERE resolution IS DISTINCT FROM 'test') AS quarantined,
  (SELECT count(*) FROM tasuki.lead WHERE merged_into IS NULL) AS leads,
  (SELECT count(*) FROM tasuki.lead WHERE lifecycle_stage = 'nurture' AND merged_into IS NULL) AS held,
  (SELECT count(*) FROM tasuki.lead WHERE lifecycle_stage = 'disqualified') AS disqualified,
  (SELECT count(*) FROM tasuki.lead WHERE lifecycle_stage IN ('mql', 'sal', 'sql')) AS with_sales,
  (SELECT count(*) FROM tasuki.waiting WHERE NOT parked) AS in_line,
  (SELECT count(*) FROM tasuki.waiting WHERE parked) AS parked,
  (SELECT count(*) FROM tasuki.assignment) AS offers,
  (SELECT count(*) FROM tasuki.assignment WHERE accepted_at IS NOT NULL) AS accepted,
  (SELECT count(*) FROM tasuki.assignment WHERE contacted_at IS NOT NULL) AS contacted,
  (SELECT count(*) FROM tasuki.clock WHERE next_at IS NOT NULL) AS running,
  (SELECT count(*) FROM tasuki.clock WHERE warned_at IS NOT NULL) AS warned,
  (SELECT count(*) FROM tasuki.clock WHERE breached_at IS NOT NULL) AS breached,
  (SELECT count(*) FROM tasuki.outbox WHERE status = 'sent') AS told
"""


@dataclass(slots=True)
class Picture:
    """The live view."""

    total: int
    sent: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def look(self, connection: Connection) -> None:
        """Read the counters."""
        self.counts = dict(run(connection, _COUNTS).mappings().one())
        rows = run(
            connection,
            "SELECT a.offered_at, l.email, l.company, a.rep, a.rule FROM tasuki.assignment a"
            " JOIN tasuki.lead l USING (lead_id) ORDER BY a.assignment_id DESC LIMIT 6",
        )
        self.lines = [
            f"{local_time(row.offered_at)}  {safe(row.company or row.email)} → [bold]{safe(row.rep)}[/bold]  ({safe(row.rule)})"
            for row in rows
        ]

    def line(self, now: datetime) -> str:
        """Return the picture in one line."""
        told = ", ".join(
            f"{name.replace('_', ' ')} {self.counts.get(name, 0):,}"
            for name in (
                "applied",
                "quarantined",
                "held",
                "with_sales",
                "offers",
                "accepted",
                "warned",
                "breached",
            )
        )
        return f"{local_time(now)}  sent {self.sent:,}/{self.total:,}  {told}"

    def draw(self, now: datetime, rate: float) -> RenderableType:
        """Return the picture."""
        progress = Progress(TextColumn("{task.description}"), BarColumn(bar_width=40), MofNCompleteColumn())
        progress.add_task("sent by MA platforms and CRM", total=self.total, completed=self.sent)
        grid = Table.grid(padding=(0, 3))
        for row in (
            ("judged", "applied", "repeats", "quarantined"),
            ("leads", "leads", "held", "disqualified"),
            ("hand-over", "with_sales", "in_line", "parked"),
            ("reps", "offers", "accepted", "contacted"),
            ("SLA clocks", "running", "warned", "breached"),
        ):
            cells = [
                f"{name.replace('_', ' ')} [bold]{self.counts.get(name, 0):,}[/bold]" for name in row[1:]
            ]
            grid.add_row(f"[cyan]{row[0]}[/cyan]", *cells)
        title = f"襷 Tasuki demo   business time {local_time(now)}   ({rate:.0f} times faster than the wall clock)"
        return Panel(Group(progress, grid, *self.lines), title=title, title_align="left")


def summary(connection: Connection, loaded: Loaded, sent: int) -> list[RenderableType]:
    """Return the closing summary as tables."""
    return [
        _intake(connection, sent), _held(connection, loaded), _handed(connection), _line(connection),
        _clocks(connection), _quarantined(connection),
    ]  # fmt: skip


def _table(title: str, *columns: str) -> Table:
    return make_table(title, columns, [])


def _intake(connection: Connection, sent: int) -> Table:
    counts = run(connection, _COUNTS).mappings().one()
    table = _table(
        "1. What came in",
        "deliveries sent",
        "events applied",
        "repeats without effect",
        "quarantined",
        "leads",
    )
    table.add_row(
        str(sent), *(f"{counts[name]:,}" for name in ("applied", "repeats", "quarantined", "leads"))
    )
    return table


def _held(connection: Connection, loaded: Loaded) -> Table:
    """Show held leads by track, and what they lack most often."""
    table = _table(
        "2. Held by marketing, away from sales calls", "track", "leads", "what they lack most often"
    )
    rows = run(
        connection,
        "SELECT l.track, count(*) AS n, array_agg(d.reasons) AS reasons FROM tasuki.lead l"
        " JOIN LATERAL (SELECT reasons FROM tasuki.decision d WHERE d.lead_id = l.lead_id AND d.verdict <> 'act'"
        " ORDER BY decision_id DESC LIMIT 1) d ON true"
        " WHERE l.lifecycle_stage = 'nurture' AND l.merged_into IS NULL GROUP BY 1 ORDER BY 2 DESC",
    )
    for row in rows:
        lacking: dict[str, int] = {}
        for text in row.reasons:
            for item in _reasons(text).missing:
                words = missing_words(_without_have(item), loaded.book, "en")
                lacking[words] = lacking.get(words, 0) + 1
        most = sorted(lacking.items(), key=lambda pair: -pair[1])[:3]
        table.add_row(
            safe(_NO_TRACK if row.track is None else track_name(row.track, loaded.book, "en")), str(row.n),
            "\n".join(f"{safe(words)} ({count})" for words, count in most),
        )  # fmt: skip
    return table


def _reasons(text: str) -> Reasons:
    return msgspec.json.decode(text, type=Reasons)


def _without_have(item: Any) -> Any:
    """Return what is missing without what one lead has, so that leads can be counted together."""
    have = 0 if item.operator == "activity" else None
    return msgspec.structs.replace(item, have=have)


def _handed(connection: Connection) -> Table:
    table = _table(
        "3. Handed over", "rep", "pool", "rule", "offered", "accepted", "declined", "let pass", "open now"
    )
    for row in run(
        connection,
        "SELECT rep, pool, rule, count(*), count(accepted_at), count(*) FILTER (WHERE end_reason = 'declined'),"
        " count(*) FILTER (WHERE end_reason LIKE '%breached'), count(*) FILTER (WHERE ended_at IS NULL)"
        " FROM tasuki.assignment GROUP BY 1, 2, 3 ORDER BY 2, 4 DESC, 1",
    ):
        table.add_row(*(safe(cell) for cell in row))
    return table


def _line(connection: Connection) -> Table:
    table = _table(
        "4. Sales-ready and not with a rep yet",
        "pool",
        "why",
        "leads",
        "looked at again",
    )
    for row in run(
        connection,
        "SELECT pool, reason, count(*) AS n, min(look_again_at) AS look_again_at FROM tasuki.waiting GROUP BY 1, 2"
        " ORDER BY 1, 2",
    ):
        why = waiting_words(row.reason, "en")
        table.add_row(*(safe(cell) for cell in (row.pool, why, row.n, row.look_again_at)))
    return table


def _clocks(connection: Connection) -> Table:
    table = _table(
        "5. SLA clocks", "policy", "clock", "started", "met", "warned", "breached", "cancelled", "running"
    )
    for row in run(
        connection,
        "SELECT policy, kind, count(*), count(met_at), count(warned_at), count(breached_at), count(cancelled_at),"
        " count(next_at) FROM tasuki.clock GROUP BY 1, 2 ORDER BY 1, 2",
    ):
        table.add_row(*(safe(cell) for cell in row))
    return table


def _quarantined(connection: Connection) -> Table:
    table = _table(
        "6. Quarantined, to be mended and sent again", "#", "source", "where", "what and how to mend it"
    )
    for row in run(
        connection,
        "SELECT quarantine_id, source, place, reason FROM tasuki.quarantine WHERE resolution IS DISTINCT FROM 'test' ORDER BY 1 LIMIT 30",
    ):
        table.add_row(*(safe(cell) for cell in row))
    return table
