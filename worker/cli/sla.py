"""`tasuki sla`: what both sides promised, and what came."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from routing_rules.counted import counted
from schemas.errors import Refused
from worker import rulebooks, sla_report
from worker.cli.common import JsonFlag, command, console, print_json, print_table
from worker.now import now
from worker.store.db import transaction

app = typer.Typer(
    help="The promises of sales and marketing, and whether they are kept.", no_args_is_help=True
)

_KEPT = {True: "kept", False: "broken", None: "open"}


@app.command("report")
@command
def report(
    month: Annotated[str | None, typer.Option(help="Such as 2026-11; the present month otherwise.")] = None,
    zone: Annotated[
        str | None, typer.Option(help="Where the month begins; the first calendar's otherwise.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a month: sales' clocks by policy, rep and pool, with both durations; and marketing's promises.

    Example: tasuki sla report --month 2026-11
    """
    with transaction() as connection:
        loaded = rulebooks.current(connection)
        try:
            place = ZoneInfo(zone or loaded.book.source.team.calendars[0].zone)
        except (ValueError, OSError, KeyError) as error:
            raise Refused(f"{zone!r} is not a time zone; write one such as Asia/Tokyo") from error
        try:
            since, until = sla_report.month(month, place, now())
        except ValueError as error:
            raise Refused(f"{month!r} is no month; write one such as 2026-11") from error
        found = sla_report.report(connection, loaded, since, until, now())
    if as_json:
        print_json(found)
        return
    console.print(f"[bold]{since:%Y-%m}[/bold] ({place.key}), rulebook {loaded.version}")
    rows = [_sales_line(row) for row in found["sales"]]
    columns = (
        "by",
        "who",
        "clock",
        "ended",
        "kept",
        "breached",
        "business p50",
        "p90",
        "by the wall p50",
        "p90",
    )
    print_table("sales", columns, rows)
    print_table("\nmarketing", ("promise", "promised", "came", ""), [
        (one["promise"], _with_unit(f"{one['promised']}", one), _came(one), _KEPT[one["kept"]]) for one in found["marketing"]
    ])  # fmt: skip
    if found["not_measured_yet"]:
        console.print(
            counted(found["not_measured_yet"], "clock that ended is", "clocks that ended are")
            + " still to be measured"
        )


def _sales_line(row: dict[str, Any]) -> tuple[Any, ...]:
    kept = "-" if row["kept_percent"] is None else f"{row['kept_percent']:g} %"
    times = [
        _span(row[name]) for name in ("business_median_s", "business_p90_s", "raw_median_s", "raw_p90_s")
    ]
    return (row["by"], row["name"], row["kind"], row["ended"], kept, row["breached"], *times)


def _came(one: dict[str, Any]) -> str:
    came = "-" if one["came"] is None else _with_unit(f"{one['came']:g}", one)
    return f"{came} (median {_span(one['median_s'])})" if one.get("median_s") is not None else came


def _with_unit(number: str, one: dict[str, Any]) -> str:
    return counted(number, "lead") if one["unit"] == "leads" else f"{number} {one['unit']}"


def _span(seconds: float | None) -> str:
    """Return a time in days, hours and minutes."""
    if seconds is None:
        return "-"
    minutes = round(seconds / 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 48 else f"{hours // 24}d{hours % 24:02}h"  # noqa: PLR2004 - two days
