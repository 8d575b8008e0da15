"""From bytes to a tree within limits: unpacked size, nesting, fields. JSON, forms, XML without a DTD."""

import json
import zlib
from dataclasses import dataclass
from typing import Any, Final, Literal
from xml.parsers import expat

from schemas.errors import NotUnderstood
from schemas.strict_json import MAX_DEPTH, loads
from worker.intake.adapters import wire

Format = Literal["json", "form", "xml"]
#: Bytes of a body, as sent and unpacked, unless the source says otherwise. The stream keeps at most 16 MiB.
MAX_BODY: Final = 1024 * 1024
#: Most names and values of one body: what a batch of Segment (4,000 events) needs at most.
MAX_FIELDS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body may be."""

    size: int = MAX_BODY
    fields: int = MAX_FIELDS


class TooLargeError(Exception):
    """The body, as sent or unpacked, is larger than is taken."""


class UnsupportedError(Exception):
    """A coding that nobody announced."""


def unpack(coding: str | None, raw: bytes, limits: Limits) -> bytes:
    """Return the body without its Content-Encoding; a bomb is given up at the limit.

    Raises:
        TooLargeError: more than `limits.size` bytes.
        UnsupportedError: a coding other than gzip, deflate and identity, or several.
        NotUnderstood: the coding is broken.

    """
    if len(raw) > limits.size:
        raise TooLargeError
    name = (coding or "identity").strip().lower()
    if name in ("identity", ""):
        return raw
    if name not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedError
    unpacker = zlib.decompressobj(wbits=31 if name.endswith("gzip") else 15)
    try:
        body = unpacker.decompress(raw, limits.size + 1)
    except zlib.error:
        raise NotUnderstood("body", f"not {name}") from None
    if len(body) > limits.size:
        raise TooLargeError
    if not unpacker.eof or unpacker.unused_data:
        raise NotUnderstood("body", f"{name} is cut off, or something follows it")
    return body


def sniff(raw: bytes) -> Format:
    """Tell the format by the first byte that says something."""
    first = wire.without_mark(raw)[:1]
    if first in (b"{", b"["):
        return "json"
    return "xml" if first == b"<" else "form"


def decode(raw: bytes, kind: Format, limits: Limits) -> Any:
    """Return the tree of a body.

    Raises:
        NotUnderstood: with the place and the mend; never anything else, whatever the bytes.

    """
    body = wire.without_mark(raw)
    if not body:
        raise NotUnderstood("body", "empty")
    if kind == "json":
        found = loads(body)
    elif kind == "xml":
        found = xml(body)
    else:
        found = wire.form(body)
    check(found, limits)
    return found


def check(tree: Any, limits: Limits) -> None:
    """Refuse a tree of too many values.

    Raises:
        NotUnderstood: with the limit.

    """
    if _count(tree, limits.fields) > limits.fields:
        raise NotUnderstood("body", f"more than {limits.fields} names and values")


def _count(value: Any, enough: int) -> int:
    """Count names and values, until it is enough to refuse; loops, since depth is bounded already."""
    count, rest = 0, [value]
    while rest and count <= enough:
        one = rest.pop()
        count += 1
        if isinstance(one, dict):
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return count + len(rest)


class _Tree:
    """Builds objects of elements: attributes as `@name`, text as the value, an element that repeats as a list."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, dict[str, Any], list[str]]] = [("", {}, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise NotUnderstood("body", f"nested deeper than {MAX_DEPTH} levels; send it flatter")
        named = {f"@{key.rpartition(' ')[2]}": value for key, value in attributes.items()}
        self.stack.append((name.rpartition(" ")[2], dict(named), []))

    def end(self, _name: str) -> None:
        name, children, text = self.stack.pop()
        said = "".join(text).strip()
        value: Any = {**children, **({"#text": said} if said else {})} if children else said or None
        parent = self.stack[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def text(self, text: str) -> None:
        self.stack[-1][2].append(text)

    def refuse(self, *_: Any) -> None:
        raise NotUnderstood("body", "XML with a DTD; send it without, so that there are no entities")


def xml(raw: bytes) -> Any:
    """Read XML in UTF-8; a DTD is refused, so that there is no entity to expand and none to fetch.

    Raises:
        NotUnderstood: when it is not XML, or holds a DTD.

    """
    tree = _Tree()
    parser = expat.ParserCreate(encoding="UTF-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = tree.refuse
    parser.EntityDeclHandler = tree.refuse
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise NotUnderstood(f"line {error.lineno} column {error.offset}", "not XML") from None
    # Through strict JSON once more, for the characters that PostgreSQL refuses.
    return loads(json.dumps(tree.stack[0][1], ensure_ascii=False).encode())
