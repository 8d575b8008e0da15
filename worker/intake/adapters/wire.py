"""From bytes to a tree for what is not JSON: bracketed forms, SOAP envelopes, PHP's texts."""

import codecs
import json
import re
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.parsers import expat

from schemas.errors import NotUnderstood
from schemas.strict_json import MAX_DEPTH, loads

#: Most fields of a form; ActiveCampaign sends some 50.
MAX_FIELDS: Final = 1_000
_PHP_TEXT = re.compile(rb's:(\d{1,6}):"')
_KEY = re.compile(r"([^\[\]]{1,200})((?:\[[^\[\]]{0,200}\]){0,8})")


def without_mark(raw: bytes) -> bytes:
    """Return a body without the mark (BOM) that some programs set before UTF-8, and the white space there."""
    return raw.lstrip().removeprefix(codecs.BOM_UTF8).lstrip()


def form(raw: bytes) -> Any:
    """Read `contact[fields][job_title]=...` into nested objects, `topics[]=...` into lists; every value is text.

    Raises:
        NotUnderstood: when it is not a form, or a key stands twice.

    """
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=MAX_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise NotUnderstood(
            "payload", "not a form; send application/x-www-form-urlencoded in UTF-8"
        ) from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, name, value)
    return loads(json.dumps(tree, ensure_ascii=False).encode())


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    found = _KEY.fullmatch(name)
    if found is None:
        raise NotUnderstood(name[:80], "not a form key; send such as contact[email]")
    steps = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
    here: Any = tree
    for step, following in pairwise(steps):
        new: Any = {} if following else []
        here = _within(here, step, following, new)
        if type(here) is not type(new):
            raise NotUnderstood(name[:80], "is both a value and a group; send it once")
    if isinstance(here, list):
        here.append(value)
    elif steps[-1] in here:
        raise NotUnderstood(name[:80], "the key stands twice; send it once, or as a list: name[]")
    else:
        here[steps[-1]] = value


def _within(here: Any, step: str, following: str, new: Any) -> Any:
    """Return the group at a step. In a list, a key that the last item has begins the next one."""
    if isinstance(here, dict):
        return here.setdefault(step, new)
    if not here or not isinstance(here[-1], dict) or following in here[-1]:
        here.append(new)
    return here[-1]


class _Reader:
    """Builds objects of an envelope's elements; `Notification` may stand often, nil fields say nothing.

    A DTD is refused, so that there are no entities to expand or fetch.
    """

    def __init__(self) -> None:
        self.stack: list[tuple[str, dict[str, Any], list[str]]] = [("", {}, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise NotUnderstood("payload", f"nested deeper than {MAX_DEPTH} levels")
        kinds = [value.rpartition(":")[2] for key, value in attributes.items() if key.endswith(" type")]
        children: dict[str, Any] = {"@type": kinds[0]} if kinds else {}
        self.stack.append((name.rpartition(" ")[2], children, []))

    def end(self, _name: str) -> None:
        name, children, text = self.stack.pop()
        parent = self.stack[-1][1]
        value: Any = children or "".join(text).strip() or None
        if name == "Notification":
            parent.setdefault(name, []).append(value)
        elif name in parent:
            raise NotUnderstood(name[:80], "the element stands twice; send it once")
        else:
            parent[name] = value

    def text(self, text: str) -> None:
        self.stack[-1][2].append(text)

    def refuse(self, *_: Any) -> None:
        raise NotUnderstood("payload", "XML with a DTD; send the plain SOAP envelope")


def soap(raw: bytes) -> Any:
    """Read the `notifications` of a Salesforce outbound message; the session id is left behind.

    Raises:
        NotUnderstood: when it is not such an envelope, or holds a DTD.

    """
    reader = _Reader()
    parser = expat.ParserCreate(encoding="UTF-8", namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise NotUnderstood(
            f"line {error.lineno} column {error.offset}", "not XML; send a SOAP envelope"
        ) from None
    try:
        found = reader.stack[0][1]["Envelope"]["Body"]["notifications"]
        notifications = found["Notification"]
    except (KeyError, TypeError):
        raise NotUnderstood("notifications", "missing; send an outbound message") from None
    return loads(json.dumps({"Notification": notifications}, ensure_ascii=False).encode())


def php_pairs(value: Any) -> dict[str, str]:
    """Read PHP's `a:1:{s:5:"Email";s:3:"a@b";}` by its byte counts; nothing in it is evaluated."""
    raw = value.encode() if isinstance(value, str) else b""
    words, place = [], 0
    while found := _PHP_TEXT.search(raw, place):
        end = found.end() + int(found[1])
        words.append(raw[found.end() : end].decode(errors="replace"))
        place = end
    return dict(zip(words[::2], words[1::2], strict=False))
