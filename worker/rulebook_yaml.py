"""YAML text to plain values, with the line and column of every key and item. YAML 1.2, without its traps.

Only the node tree is taken from ruamel.yaml; values are made here. So no tag can run anything, no key can be
lost to its double, and an alias can be looked at before it multiplies.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.errors import Finding

#: The largest rule file taken, in bytes of UTF-8.
MAX_BYTES: Final = 1_000_000
#: Values in one file, aliases written out; 500 reps with everything take about 15,000.
MAX_VALUES: Final = 100_000
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
#: path -> line and column from 1: of the key in a mapping, of the item in a list.
Positions = dict[Path, tuple[int, int]]

_CORE: Final = "tag:yaml.org,2002:"
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_TAB: Final = re.compile(r"^ *(?:- +)*\t", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)


@dataclass(slots=True)
class Document:
    """What one rule file says, where it says it, and what is wrong with its YAML."""

    value: Any = None
    positions: Positions = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class _TooMuchError(Exception):
    """The file holds more than anybody writes by hand."""


def read(file: str, text: str) -> Document:
    """Read one rule file; whatever is wrong is in the document's findings."""
    document = Document()
    text = canonical(text)
    problem = _unfit(file, text)
    if problem is not None:
        document.findings.append(problem)
        return document
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    try:
        root = yaml.compose(text)
        if root is None:
            document.findings.append(Finding(file, (), "is empty", 1, 1))
        else:
            document.positions[()] = _place(root)
            document.value = _Maker(file, document).make(root, ())
    except (YAMLError, _TooMuchError, RecursionError, ValueError) as error:
        document.findings.append(_yaml_finding(file, error))
    return document


def canonical(text: str) -> str:
    """Return a text without the marks that editors of different systems leave: byte order mark, CRLF."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _unfit(file: str, text: str) -> Finding | None:
    """Find what must be refused before any parser sees it."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Finding(file, (), f"is larger than {MAX_BYTES} bytes; a rule file is written by hand")
    for pattern, mend in (
        (_UNFIT, "holds a character that text cannot have ({0!a}); take it out"),
        (_TAB, "is indented with a tab; use spaces"),
        (_DIRECTIVE, "% directives are not taken; rule files are YAML 1.2 (put the text in quotes)"),
    ):
        match = pattern.search(text)
        if match is not None:
            at = match.end() - 1
            line_start = text.rfind("\n", 0, at) + 1
            return Finding(file, (), mend.format(text[at]), text.count("\n", 0, at) + 1, at - line_start + 1)
    return None


def _yaml_finding(file: str, error: Exception) -> Finding:
    if isinstance(error, _TooMuchError | RecursionError):
        too_deep = f"is nested deeper than {MAX_DEPTH} levels"
        return Finding(file, (), str(error) if isinstance(error, _TooMuchError) else too_deep)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = "cannot be read as YAML"
    if isinstance(error, MarkedYAMLError) and error.problem:
        words = f"{words}: {error.problem}" + (f" ({error.context})" if error.context else "")
    if mark is None:
        return Finding(file, (), words)
    return Finding(file, (), words, mark.line + 1, mark.column + 1)


class _Maker:
    """Makes plain values of one file's nodes and notes where they stand."""

    def __init__(self, file: str, document: Document) -> None:
        self.file = file
        self.positions = document.positions
        self.findings = document.findings
        self.made = 0

    def make(self, node: Node, path: Path) -> Any:
        """Return the node as dict, list, text, number, true, false or None."""
        self.made += 1
        if self.made > MAX_VALUES:
            raise _TooMuchError(f"holds more than {MAX_VALUES} values once its aliases are written out")
        if len(path) > MAX_DEPTH:
            raise _TooMuchError(f"is nested deeper than {MAX_DEPTH} levels (an alias within its own anchor?)")
        tag = str(node.tag or "")
        if not tag.startswith(_CORE) or tag.removeprefix(_CORE) not in _TAGS[type(node)]:
            self._find(
                path, f"the tag {tag.replace(_CORE, '!!')[:60]} is not taken; write the plain value", node
            )
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - the third and last kind of node
        return self._scalar(node, path, tag.removeprefix(_CORE))

    def _item(self, node: Node, path: Path) -> Any:
        self.positions[path] = _place(node)
        return self.make(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._find(path, "a key must be plain text", key_node)
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in made:
                first = self.positions[here][0]
                self._find(path, f"`{key}` stands here twice (first in line {first}); keep one", key_node)
                continue
            self.positions[here] = _place(key_node)
            made[key] = self.make(value_node, here)
        return made

    def _scalar(self, node: ScalarNode, path: Path, kind: str) -> Any:
        text = str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, path, text.replace("_", "").lower(), kind)
        return text

    def _number(self, node: ScalarNode, path: Path, text: str, kind: str) -> int | float | None:
        try:
            if kind == "int" and len(text) <= 40:  # noqa: PLR2004 - far beyond any number that means something
                return int(text, 0) if text.lstrip("+-")[:2] in ("0x", "0o") else int(text)
            number = float(text)
            if abs(number) < 1e300:  # noqa: PLR2004 - infinity and what becomes it; NaN is never smaller
                return number
        except ValueError:  # .nan, .inf
            pass
        self._find(path, f"{text[:40]} is not a number that can be reckoned with", node)
        return None

    def _find(self, path: Path, message: str, node: Node) -> None:
        self.findings.append(Finding(self.file, path, message, *_place(node)))


_TAGS: Final[dict[type[Node], frozenset[str]]] = {
    MappingNode: frozenset({"map"}),
    SequenceNode: frozenset({"seq"}),
    ScalarNode: frozenset({"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}),
}


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def where(positions: Positions, path: Path) -> tuple[int, int] | tuple[None, None]:
    """Return line and column of a path, or of the nearest thing around it that is written."""
    for length in range(len(path), -1, -1):
        place = positions.get(path[:length])
        if place is not None:
            return place
    return None, None
