"""A notice as plain text: for mail beside the HTML, and for chats without markup."""

from typing import Final

from worker.notices import words
from worker.notices.sheet import Entry, Sheet

_RULE: Final = "-" * 40


def as_text(sheet: Sheet) -> str:
    """Return the whole notice."""
    parts = [sheet.greeting, ""]
    for entry in sheet.entries:
        parts += [*_entry(entry, sheet), ""]
    if sheet.rest:
        parts += [_RULE, sheet.rest, ""]
    if sheet.note:
        parts += [sheet.note, ""]
    return "\n".join([*parts, "-- ", sheet.footer]) + "\n"


def entry_lines(entry: Entry) -> list[str]:
    """Return the rows of one lead, `label: text`, further lines indented."""
    lines = []
    for row in entry.rows:
        if len(row.lines) == 1:
            lines.append(f"{row.label}: {row.lines[0]}")
        else:
            lines += [f"{row.label}:", *(f"  {text}" for text in row.lines)]
    return lines


def _entry(entry: Entry, sheet: Sheet) -> list[str]:
    title = (
        f"{entry.title}（{entry.subtitle}）" if sheet.lang == "ja" else f"{entry.title} ({entry.subtitle})"
    )
    head = title if entry.subtitle else entry.title
    lines = [_RULE, f"{entry.mark}: {head}", _RULE, *entry_lines(entry)]
    if entry.actions:
        lines += ["", *(f"{action.label}: {action.url}" for action in entry.actions)]
    if entry.command:
        lines += ["", f"{words.say(words.COMMANDS, sheet.lang)}: {entry.command}"]
    return lines
