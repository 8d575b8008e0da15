"""What the commands of `tasuki learn` share: their options, and how a report is shown."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.base import Lang
from schemas.errors import Refused
from schemas.learned import Report, Scorecard
from worker.cli.common import console, print_table
from worker.now import now
from worker.screen import safe

LangOption = Annotated[str, typer.Option(help="ja or en.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Nothing after this day (UTC) is looked at.")
]
Horizon = Annotated[
    int,
    typer.Option(min=1, max=1_000, help="Days by which most outcomes are known; younger ones are left out."),
]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML page.")]


def lang_of(said: str) -> Lang:
    """Return the language of an option."""
    return "ja" if said == "ja" else "en"


def need_scikit_learn() -> None:
    """Refuse in words where the extra is missing: scoring works without it, fitting does not."""
    if any(find_spec(name) is None for name in ("sklearn", "numpy")):
        raise Refused(
            "fitting needs scikit-learn, which is not installed: .venv/bin/python -m pip install --require-hashes"
            " --requirement requirements/learn.lock (the extra `learn`; run it in the folder of the code). Scoring and reports need nothing"
        )


def until_of(said: datetime | None) -> datetime:
    """Return the end of a day, or now."""
    return now() if said is None else min(now(), said.replace(tzinfo=UTC) + timedelta(days=1))


def write_page(path: Path, report: Report, card: Scorecard | None, book: Any, lang: Lang) -> None:
    """Write a report as one HTML page."""
    from worker.learn.page import page

    try:
        path.write_text(page(report, card, book, lang), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def show(report: Report, lang: Lang) -> None:
    """Print a report for people."""
    from worker.learn import words

    console.print(f"[bold]{safe(words.verdict_words(report, lang))}[/bold]", soft_wrap=True)
    windows = [(name, one.first, one.last, one.leads, one.won) for name, one in words.windows(report, lang)]
    print_table(
        report.data, [words.label(name, lang) for name in ("part", "first", "last", "leads", "won")], windows
    )
    rows = [words.measure_cells(one, lang) for one in (report.model, *report.others)]
    print_table(words.label("comparison", lang), words.measure_columns(lang), rows)
    bins = [
        (f"{one.promised:.1%}", f"{one.came:.1%}", f"{one.low:.1%} … {one.high:.1%}", one.leads)
        for one in report.bins
    ]
    head = (words.label("promised", lang), words.label("came", lang), "95 %", words.label("leads", lang))
    print_table(words.label("calibration", lang), head, bins)
    for note in report.notes:
        console.print(safe(note.say(lang)), soft_wrap=True)
