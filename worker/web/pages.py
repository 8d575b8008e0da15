"""Pages for people: templates with everything escaped, in Japanese or English."""

import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from schemas.base import Lang
from worker.web.words import WORDS

_FOLDER: Final = Path(__file__).parent / "templates"
#: Longest text from outside that a page shows, in characters.
_LONGEST: Final = 160
_WEEKDAYS: Final = "月火水木金土日"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["plain"] = plain
    made.filters["coded"] = coded
    return made


def plain(value: Any) -> str:
    """Return text from outside as one line: no control characters, none that turn the direction, not too long."""
    text = "".join(_character(ch) for ch in str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def coded(text: str) -> Markup:
    """Return our own words with what stands in backquotes as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _character(ch: str) -> str:
    kind = unicodedata.category(ch)
    if kind == "Cf":  # bidi overrides and other invisible ones
        return ""
    return " " if kind in ("Cc", "Cs", "Zl", "Zp") else ch


def page(request: Request, template: str, lang: Lang, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return a page; `t` gives its template the words of `lang`."""
    html = (
        _environment()
        .get_template(template)
        .render(t=WORDS[lang], lang=lang, root=request.scope.get("root_path", ""), **values)
    )
    headers = {"Content-Language": lang}
    return HTMLResponse(html, status, headers=headers)


def language(request: Request) -> Lang:
    """Return Japanese where the browser asks for it before English, else English."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(request.headers.get("accept-language", "")[:200].split(",")):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.partition("=")[2]) if parameter else 1.0
        except ValueError:
            continue
        wishes.append((-weight, place, tag.lower()[:2]))
    found = next((tag for weight, _, tag in sorted(wishes) if tag in ("ja", "en") and weight), "en")
    return "ja" if found == "ja" else "en"


def local(at: datetime, zone: ZoneInfo, lang: Lang) -> str:
    """Return an instant as a rep reads it, in their zone."""
    there = at.astimezone(zone)
    name = f"{there:%Z}"
    name = name if name.isalpha() else f"UTC{name}"  # many zones have no letters of their own
    if lang == "ja":
        day = f"{there.year}年{there.month}月{there.day}日({_WEEKDAYS[there.weekday()]})"
        return f"{day} {there:%H:%M} {name}"
    return f"{there:%a} {there.day} {there:%b %Y, %H:%M} {name}"
