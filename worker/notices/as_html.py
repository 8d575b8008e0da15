"""A notice as HTML mail: tables and inline styles, since mail programs know little else. Every value is escaped.

No outside image, script or font: nothing is loaded when the mail is opened, and nobody learns that it was.
Colours hold in light and in dark mode; programs that turn colours round themselves find enough contrast.
"""

from html import escape
from typing import Final
from urllib.parse import urlsplit

from worker.notices import words
from worker.notices.fitting import fitted
from worker.notices.sheet import Action, Entry, Row, Sheet

#: Gmail shows the first 102 KB of a mail's HTML, and the rest on demand.
MAX_BYTES: Final = 100_000
_FONT: Final = (
    "font-family:-apple-system,'Segoe UI','Hiragino Sans','Noto Sans CJK JP','Noto Sans JP','Yu Gothic UI',Meiryo,"
    "Arial,sans-serif"
)
#: kind -> colour of its mark: background, text.
_MARKS: Final = {
    "offer": ("#e3f1ea", "#0b5d3b"),
    "warning": ("#fdf0d3", "#7a4d00"),
    "reminder": ("#fbe3df", "#9b1c0f"),
    "breach": ("#fbe3df", "#9b1c0f"),
    "withdrawn": ("#e9ebee", "#444b55"),
    "moved": ("#fdf0d3", "#7a4d00"),
    "escalation": ("#fbe3df", "#9b1c0f"),
    "claim_open": ("#e3f1ea", "#0b5d3b"),
    "claimed": ("#e3f1ea", "#0b5d3b"),
    "rep_left": ("#fdf0d3", "#7a4d00"),
}
#: What programs with a dark mode take instead.
_DARK: Final = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.page{background:#15181c!important}.card{background:#1f242a!important;border-color:#39414b!important}
.text{color:#eceff3!important}.soft{color:#aab3be!important}.line{border-color:#39414b!important}
.plain{color:#eceff3!important;border-color:#6b7683!important;background:#1f242a!important}
}
@media (max-width:480px){.pad{padding-left:16px!important;padding-right:16px!important}
.label,.value{display:block!important;width:auto!important}.label{padding-bottom:0!important;border-bottom:0!important}
.value{padding-top:2px!important}
.button{padding:10px 12px!important;font-size:13px!important;margin-right:6px!important}}
"""


def as_html(sheet: Sheet) -> str:
    """Return the whole document."""
    return _drawn(fitted(sheet, lambda one: len(_drawn(one).encode()) <= MAX_BYTES))


def _drawn(sheet: Sheet) -> str:
    entries = "".join(_entry(entry, sheet) for entry in sheet.entries)
    rest, note = (
        f'<p class="soft" style="margin:0 0 12px;font-size:13px;color:#5b6570">{escape(text)}</p>'
        if text
        else ""
        for text in (sheet.rest, sheet.note)
    )
    greeting = "".join(
        f'<p class="text" style="margin:0 0 12px;font-size:15px;line-height:1.7;color:#1c2127">{escape(part)}</p>'
        for part in sheet.greeting.split("\n\n")
    )
    return (
        f'<!doctype html><html lang="{sheet.lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(sheet.subject)}</title><style>{_DARK}</style></head>"
        f'<body class="page" style="margin:0;padding:0;background:#f2f4f6;{_FONT}">'
        f'<div style="display:none;max-height:0;overflow:hidden">{escape(_preview(sheet))}</div>'
        '<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0"'
        ' style="background:#f2f4f6"><tr><td align="center" class="pad" style="padding:24px 24px">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"'
        ' style="max-width:620px;text-align:left"><tr><td>'
        f"{greeting}</td></tr>{entries}<tr><td>{rest}{note}"
        f'<p class="soft" style="margin:8px 0 0;font-size:12px;line-height:1.6;color:#5b6570;word-break:break-all">'
        f"{escape(sheet.footer)}</p></td></tr></table></td></tr></table></body></html>"
    )


def _preview(sheet: Sheet) -> str:
    """Return the line that mail programs show beside the subject: when it is due, or the first thing said."""
    rows = [row for entry in sheet.entries for row in entry.rows]
    return f"{rows[0].label}: {rows[0].lines[0]}" if rows else sheet.subject


def _entry(entry: Entry, sheet: Sheet) -> str:
    background, colour = _MARKS.get(entry.kind, _MARKS["withdrawn"])
    subtitle = (
        f'<div class="soft" style="margin-top:2px;font-size:14px;color:#5b6570">{escape(entry.subtitle)}</div>'
        if entry.subtitle
        else ""
    )
    rows = "".join(_row(row, is_last=row is entry.rows[-1]) for row in entry.rows)
    return (
        '<tr><td style="padding:4px 0 12px"><table role="presentation" class="card" width="100%" cellpadding="0"'
        ' cellspacing="0" border="0" style="background:#ffffff;border:1px solid #dde1e6;border-radius:8px">'
        '<tr><td class="pad" style="padding:18px 22px 6px">'
        f'<span style="display:inline-block;padding:2px 10px;border-radius:10px;font-size:12px;font-weight:bold;'
        f'background:{background};color:{colour}">{escape(entry.mark)}</span>'
        '<div class="text" style="margin-top:8px;font-size:20px;line-height:1.4;font-weight:bold;color:#1c2127;'
        f'overflow-wrap:anywhere">{escape(entry.title)}</div>{subtitle}</td></tr>'
        f"{_buttons(entry, sheet)}"
        '<tr><td class="pad" style="padding:4px 22px 14px"><table role="presentation" width="100%" cellpadding="0"'
        f' cellspacing="0" border="0">{rows}</table></td></tr></table></td></tr>'
    )


def _row(row: Row, *, is_last: bool) -> str:
    border = "0" if is_last else "1px solid #e8ebee"
    value = "<br>".join(escape(text) for text in row.lines)
    return (
        '<tr><td class="label soft line" valign="top" width="104" style="width:104px;padding:9px 12px 9px 0;'
        f'font-size:13px;line-height:1.6;color:#5b6570;border-bottom:{border}">{escape(row.label)}</td>'
        f'<td class="value text line" valign="top" style="padding:9px 0;font-size:14px;line-height:1.6;color:#1c2127;'
        f'border-bottom:{border};overflow-wrap:anywhere">{value}</td></tr>'
    )


def _buttons(entry: Entry, sheet: Sheet) -> str:
    if entry.actions:
        inner = "".join(_button(action) for action in entry.actions)
    elif entry.command:
        inner = (
            f'<div class="soft" style="font-size:13px;color:#5b6570">{escape(words.say(words.COMMANDS, sheet.lang))}</div>'
            '<div class="text" style="margin-top:2px;font-family:Menlo,Consolas,monospace;font-size:13px;'
            f'line-height:1.5;color:#1c2127;overflow-wrap:anywhere">{escape(entry.command)}</div>'
        )
    else:
        return ""
    return f'<tr><td class="pad" style="padding:8px 22px 8px">{inner}</td></tr>'


def _button(action: Action) -> str:
    if urlsplit(action.url).scheme not in ("https", "http"):
        return ""
    base = (
        "display:inline-block;margin:0 8px 8px 0;padding:10px 18px;border-radius:6px;font-size:14px;"
        "font-weight:bold;text-decoration:none;"
    )
    if action.style == "primary":
        look, name = "background:#0b6b44;color:#ffffff;border:1px solid #0b6b44", "button"
    else:
        look, name = "background:#ffffff;color:#1c2127;border:1px solid #9aa3ad", "button plain"
    return f'<a class="{name}" href="{escape(action.url)}" style="{base}{look}">{escape(action.label)}</a>'
