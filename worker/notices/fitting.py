"""What is too long for a channel is made shorter by whole rows, and never cut in the middle of a lead.

The longest entry gives first: its least important rows, then long values, then the rest. Its acts and its
deadline always stay. If even so not all entries fit, the last ones are named by their leads' numbers.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from worker.notices import words
from worker.notices.as_text import as_text
from worker.notices.sheet import Entry, Row, Sheet

#: Rows in the order in which they are left out; all go before long values are shortened, but for those of _LAST.
_FIRST: Final = ("interests", "stage", "company", "did", "who", "why_you", "why_told", "say")
_LAST: Final = ("why_now", "rep", "contact")
#: Characters that are left of a long title, of a subtitle, and of a line of a row.
_TITLE_CHARS: Final = 60
_SUBTITLE_CHARS: Final = 30
_LINE_CHARS: Final = 80
#: What follows a name in Japanese, and is not cut off with its end.
_HONORIFIC: Final = " 様"


def fitted(sheet: Sheet, fits: Callable[[Sheet], bool]) -> Sheet:
    """Return the sheet as it fits; a single entry that never does comes back at its shortest.

    Args:
        sheet: the whole notice.
        fits: tells whether a sheet, once drawn, is within the limits of its channel.

    """
    if fits(sheet):
        return sheet
    entries = list(sheet.entries)
    while True:
        made = {at: short for at, one in enumerate(entries) if (short := _shorter(one)) is not None}
        if not made:
            break
        longest = max(made, key=lambda at: _size(entries[at]))
        entries[longest] = made[longest]
        if fits(shorter := replace(sheet, entries=tuple(entries))):
            return shorter
    for kept in range(len(entries) - 1, 0, -1):
        numbers = ", ".join(f"#{one.lead_id}" for one in entries[kept:])
        rest = words.say(words.REST, sheet.lang, count=len(entries) - kept, numbers=numbers)
        if fits(counted := replace(sheet, entries=tuple(entries[:kept]), rest=rest)):
            return counted
    return replace(sheet, entries=tuple(entries))


def text_within(sheet: Sheet, limit: int) -> str:
    """Return the notice as text of at most so many UTF-16 units, as chats count."""
    return as_text(fitted(sheet, lambda one: _units(as_text(one)) <= limit))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _size(entry: Entry) -> int:
    return len(entry.title) + len(entry.subtitle) + sum(len(text) for row in entry.rows for text in row.lines)


def _shorter(entry: Entry) -> Entry | None:
    """Return an entry with the next thing left out, or None when only what must stay is left."""
    names = {row.name for row in entry.rows}
    for name in _FIRST:
        if name in names:
            return _without(entry, name)
    clipped = replace(
        entry, title=_clip(entry.title, _TITLE_CHARS), subtitle=_clip(entry.subtitle, _SUBTITLE_CHARS),
        rows=tuple(row if row.name == "due" else _clip_row(row) for row in entry.rows),
    )  # fmt: skip
    if clipped != entry:
        return clipped
    return next((_without(entry, name) for name in _LAST if name in names), None)


def _without(entry: Entry, name: str) -> Entry:
    return replace(entry, rows=tuple(row for row in entry.rows if row.name != name))


def _clip_row(row: Row) -> Row:
    return replace(row, lines=tuple(_clip(text, _LINE_CHARS) for text in row.lines))


def _clip(text: str, chars: int) -> str:
    if len(text) <= chars:
        return text
    end = "…" + (_HONORIFIC if text.endswith(_HONORIFIC) else "")
    return text[: chars - len(end)] + end
