"""What a person reads of a notice by each channel: the text as their program shows it, and where its buttons lead."""

from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
import pytest

from worker.notices import chats
from worker.notices.as_html import as_html
from worker.notices.as_text import as_text
from worker.notices.guard import Answer
from worker.notices.sheet import Sheet

#: What each chat says when it took a message.
_TAKEN: Final = {
    "slack": "ok", "teams": "1", "chatwork": '{"message_id": "1"}', "line": '{"sentMessages": []}', "lineworks": "{}",
}  # fmt: skip
CHATS: Final = tuple(_TAKEN)


def posted(channel: str, sheet: Sheet) -> Any:
    """Return the document that a chat's sender posts, without posting it."""
    bodies: list[bytes] = []

    def post(_url: str, body: bytes, _headers: dict[str, str]) -> Answer:
        bodies.append(body)
        return Answer(200, _TAKEN[channel], {})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chats, "post", post)
        chats.send_chat(channel, "1234", "token", "k", sheet)
    assert len(bodies) == 1
    return parse_qs(bodies[0].decode()) if channel == "chatwork" else msgspec.json.decode(bodies[0])


class _Mail(HTMLParser):
    """Text of the body that is seen, and links."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag in ("br", "meta"):
            self.said.append("\n")
        elif self._unseen or tag in ("style", "title") or "display:none" in str(said.get("style")):
            self._unseen.append(tag)
        elif tag == "a":
            self.said.append(f"{said['href']} ")
        else:
            self.said.append("\n")

    def handle_endtag(self, _tag: str) -> None:
        if self._unseen:
            self._unseen.pop()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.said.append(data)


def _html(sheet: Sheet) -> str:
    mail = _Mail()
    mail.feed(as_html(sheet))
    return "".join(mail.said)


def _parts(document: Any, *names: str) -> Iterator[str]:
    """Return the strings under these names, in the order in which they stand."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in names and isinstance(value, str):
                yield value
            else:
                yield from _parts(value, *names)
    elif isinstance(document, list):
        for one in document:
            yield from _parts(one, *names)


def _slack(sheet: Sheet) -> str:
    return unescape("\n".join(_parts(posted("slack", sheet)["blocks"], "text", "url")))


def _teams(sheet: Sheet) -> str:
    cards = [one["content"]["body"] for one in posted("teams", sheet)["attachments"]]
    drawn = "\n".join(_parts(cards, "text", "title", "value", "url"))
    for ch in "\\`*_[]<>#":
        drawn = drawn.replace(f"\\{ch}", ch)
    return drawn


def _lineworks(sheet: Sheet) -> str:
    return "\n".join(_parts(posted("lineworks", sheet), "title", "text", "label", "url"))


#: channel -> what its reader sees; `text` is the other half of a mail, and what Apprise is given.
READ: Final[dict[str, Callable[[Sheet], str]]] = {
    "text": as_text,
    "html": _html,
    "slack": _slack,
    "teams": _teams,
    "chatwork": lambda sheet: str(posted("chatwork", sheet)["body"][0]),
    "line": lambda sheet: str(posted("line", sheet)["messages"][0]["text"]),
    "lineworks": _lineworks,
}
