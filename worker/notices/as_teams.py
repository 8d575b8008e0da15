"""A notice as an adaptive card for a Teams workflow. Source: Adaptive Cards 1.4; Teams, workflow webhooks."""

from typing import Any, Final

import msgspec

from worker.notices import words
from worker.notices.fitting import fitted
from worker.notices.sheet import Entry, Sheet

#: Teams refuses a message larger than 28 KB.
MAX_BYTES: Final = 26_000
_COLOURS: Final = {
    "offer": "Good", "warning": "Warning", "reminder": "Attention", "breach": "Attention", "moved": "Warning",
    "escalation": "Attention", "claim_open": "Good", "claimed": "Good", "rep_left": "Warning",
}  # fmt: skip


def as_teams(sheet: Sheet) -> dict[str, Any]:
    """Return the message that carries the card."""
    return _message(fitted(sheet, lambda one: len(msgspec.json.encode(_message(one))) <= MAX_BYTES))


def _message(sheet: Sheet) -> dict[str, Any]:
    body: list[dict[str, Any]] = [_text(sheet.greeting), *(_entry(entry, sheet) for entry in sheet.entries)]
    if sheet.rest:
        body.append(_text(sheet.rest))
    foot = " ".join(part for part in (sheet.note, sheet.footer) if part)
    body.append({**_text(foot), "size": "Small", "isSubtle": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "lang": sheet.lang, "fallbackText": _plain(sheet.subject), "msteams": {"width": "Full"}, "body": body,
    }  # fmt: skip
    return {
        "type": "message",
        "summary": sheet.subject,
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


def _plain(text: str) -> str:
    """Escape what a card's text block reads as Markdown: no lead's name can make a link or a picture."""
    return "".join(f"\\{ch}" if ch in "\\`*_[]<>#" else ch for ch in text)


def _text(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": _plain(text), "wrap": True, **look}


def _entry(entry: Entry, sheet: Sheet) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        _text(entry.mark, weight="Bolder", color=_COLOURS.get(entry.kind, "Default"), size="Small"),
        _text(entry.title, weight="Bolder", size="Large", spacing="None"),
    ]
    if entry.subtitle:
        items.append(_text(entry.subtitle, isSubtle=True, spacing="None"))
    facts = [
        {"title": _plain(row.label), "value": "\n\n".join(_plain(one) for one in row.lines)}
        for row in entry.rows
    ]
    if facts:
        items.append({"type": "FactSet", "facts": facts})
    if entry.actions:
        items.append({"type": "ActionSet", "actions": [
            {"type": "Action.OpenUrl", "title": action.label, "url": action.url,
             **({"style": "positive"} if action.style == "primary" else {})}
            for action in entry.actions
        ]})  # fmt: skip
    elif entry.command:
        items.append(_text(f"{words.say(words.COMMANDS, sheet.lang)}: {entry.command}"))
    return {"type": "Container", "separator": True, "spacing": "Medium", "items": items}
