"""A notice as Slack's blocks, with a text for where blocks are not drawn. Source: Slack, Block Kit reference."""

from typing import Any, Final

from worker.notices import words
from worker.notices.fitting import fitted
from worker.notices.sheet import Entry, Sheet

#: Slack's own limits.
MAX_BLOCKS: Final = 50
_HEADER_CHARS: Final = 150
_SECTION_CHARS: Final = 3_000
_BUTTON_CHARS: Final = 75
_FIELDS: Final = 10
#: Rows that read well side by side.
_SHORT: Final = 60


def slack_escape(text: str) -> str:
    """Escape what Slack reads as markup: no lead's name can ping a channel or make a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_slack(sheet: Sheet) -> dict[str, Any]:
    """Return the payload of an incoming webhook."""
    sheet = fitted(sheet, lambda one: _fits(_blocks(one)))
    return {
        "text": slack_escape(sheet.subject),
        "blocks": _blocks(sheet),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _fits(blocks: list[dict[str, Any]]) -> bool:
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
    return len(blocks) <= MAX_BLOCKS and all(len(text) <= _SECTION_CHARS for text in sections)


def _blocks(sheet: Sheet) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [_section(slack_escape(sheet.greeting.replace("\n\n", "\n")))]
    for entry in sheet.entries:
        blocks += _entry(entry, sheet)
    if sheet.rest:
        blocks.append(_section(sheet.rest))
    foot = " ".join(part for part in (sheet.note, sheet.footer) if part)
    blocks.append(
        {
            "type": "context",
            "elements": [{"type": "plain_text", "text": foot[:_SECTION_CHARS], "emoji": False}],
        }
    )
    return blocks


def _section(text: str) -> dict[str, Any]:
    # verbatim: nothing in it becomes a link or a mention by itself
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _entry(entry: Entry, sheet: Sheet) -> list[dict[str, Any]]:
    head = f"{entry.mark}: {entry.title}" + (f" / {entry.subtitle}" if entry.subtitle else "")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": head, "emoji": False}}
        if len(head) <= _HEADER_CHARS
        else _section(
            f"*{slack_escape(head)}*"
        )  # names that are too long for a header are not cut for its looks
    ]
    short: list[str] = []
    long: list[str] = []
    for row in entry.rows:
        # the label stands on a line of its own: beside Japanese letters Slack draws no bold
        text = f"*{slack_escape(row.label)}*\n" + "\n".join(slack_escape(one) for one in row.lines)
        (short if len(row.lines) <= 2 and all(len(one) <= _SHORT for one in row.lines) else long).append(text)  # noqa: PLR2004
    for start in range(0, len(short), _FIELDS):
        fields = [
            {"type": "mrkdwn", "text": text, "verbatim": True} for text in short[start : start + _FIELDS]
        ]
        blocks.append({"type": "section", "fields": fields})
    if long and len(sheet.entries) > 1:  # in a digest blocks are scarce
        long = ["\n".join(long)]
    blocks += [_section(text) for text in long]
    if entry.actions:
        blocks.append({"type": "actions", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": action.label[:_BUTTON_CHARS], "emoji": False},
             "url": action.url, "action_id": f"{number}",
             **({"style": "primary"} if action.style == "primary" else {})}
            for number, action in enumerate(entry.actions)
        ]})  # fmt: skip
    elif entry.command:
        blocks.append(_section(f"{words.say(words.COMMANDS, sheet.lang)}\n`{slack_escape(entry.command)}`"))
    return blocks
