"""Job titles in Japanese and English: seniority and function, from a table read in order (tables/titles.tsv)."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from routing_rules import tables
from routing_rules.fields import FUNCTIONS, SENIORITIES

#: A title longer than this is not one; the rest is not read.
MAX_TITLE: Final = 200


def _rules(kind: str, values: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the lines of one kind, compiled.

    ASCII: a word boundary parts IT from 部長 in IT部長, since only ASCII letters then make a word.

    Raises:
        ValueError: a line names a value that conditions do not know.

    """
    found = [(value, pattern) for what, value, pattern in tables.rows("titles.tsv") if what == kind]
    for value, _ in found:
        if value not in values:
            msg = f"titles.tsv: {value!r} is no {kind}; known are {', '.join(values)}"
            raise ValueError(msg)
    return tuple((value, re.compile(pattern, re.ASCII)) for value, pattern in found)


_SENIORITY: Final = _rules("seniority", SENIORITIES)
_FUNCTION: Final = _rules("function", FUNCTIONS)
_NOT_HOLDER: Final = [rule.pattern for _, rule in _rules("not_holder", ("-",))]
#: Those in letters of a-z, and the others: a title is seldom in both, and each costs.
_NOT_HOLDER_LATIN: Final = re.compile("|".join(one for one in _NOT_HOLDER if one.isascii()), re.ASCII)
_NOT_HOLDER_JA: Final = re.compile("|".join(one for one in _NOT_HOLDER if not one.isascii()), re.ASCII)
_LATIN: Final = re.compile("[a-z]")
_INVISIBLE: Final = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]|<[^<>]{0,200}>"
)


@lru_cache(maxsize=65_536)
def read(title: str, department: str = "") -> tuple[str | None, str | None]:
    """Return seniority and function of a title, each None when it is not known.

    >>> read("情報システム部 部長")
    ('head', 'it')
    """
    held = _plain(title)
    if not held.isascii():
        held = _NOT_HOLDER_JA.sub(" ", held)
    if _LATIN.search(held):
        held = _NOT_HOLDER_LATIN.sub(_rest, held)
    seniority = next((value for value, rule in _SENIORITY if rule.search(held)), None)
    where = f"{_plain(department)} {held}"
    function = next((value for value, rule in _FUNCTION if rule.search(where)), None)
    return seniority, function


def _plain(text: str) -> str:
    text = _INVISIBLE.sub("", text[: MAX_TITLE * 2])
    return unicodedata.normalize("NFKC", text[:MAX_TITLE]).lower()


def _rest(found: re.Match[str]) -> str:
    """Return what such a title says of its holder's own rank."""
    return "assistant" if found[0].startswith(("assistant", "secretary", "ea ", "pa ")) else " "


@lru_cache(maxsize=16_384)
def language_of(text: str) -> str | None:
    """Return the language that a title or name is surely in, by its letters: kana are Japanese, Hangul Korean."""
    for letter in text[:MAX_TITLE]:
        if "\u3041" <= letter <= "\u30fe" or "\uff66" <= letter <= "\uff9f":
            return "ja"
        if "\uac00" <= letter <= "\ud7a3":
            return "ko"
    return None
