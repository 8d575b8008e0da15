"""Words and times as people see them on a screen; text from outside is shown and never interpreted."""

import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from worker.zone import local_time

#: Columns where there is no terminal to ask.
WIDTH: Final = 132


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; as wide as a report where there is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else WIDTH)


def safe(value: Any) -> str:
    """Return a cell's text without markup and control characters; blanks stay, U+3000 of Japanese among them."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return local_time(value)
    text = "".join(ch if _is_shown(ch) else "\N{REPLACEMENT CHARACTER}" for ch in str(value))
    return escape(text)


def _is_shown(char: str) -> bool:
    """Whether a character does no more than show; Python holds no blank but U+0020 to be printable."""
    return char.isprintable() or unicodedata.category(char) == "Zs"


def make_card(rows: Sequence[tuple[str, Any]]) -> Table:
    """Return names and values side by side; a value may have several lines."""
    card = Table.grid(padding=(0, 2))
    card.add_column(style="cyan", no_wrap=True)
    card.add_column(overflow="fold")
    for name, value in rows:
        lines = value.split("\n") if isinstance(value, str) else [value]
        card.add_row(f"  {safe(name)}", "\n".join(safe(line) for line in lines))
    return card


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return rows as a table for people."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        header_style="cyan",
        box=None,
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(safe(cell) for cell in row))
    return table
