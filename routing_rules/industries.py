"""Industries: the sector that a code (JSIC, NAICS) or the words of a form mean, from tables/industries.tsv."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from routing_rules import tables

_ROWS: Final = [[*row, *[""] * (5 - len(row))] for row in tables.rows("industries.tsv")]
#: The sectors, after the divisions of the Japan Standard Industrial Classification.
SECTORS: Final = tuple(row[0] for row in _ROWS)
_DIVISION: Final = {row[1].lower(): row[0] for row in _ROWS}
_CODE = re.compile(r"(?:(jsic|naics|日本標準産業分類)[\s:：-]*)?([a-t])?[\s-]*(\d{2,6})?(?:[\s:：].*)?")
_JSIC_DIGITS: Final = 4


def _groups(cell: str) -> Iterator[str]:
    for part in cell.split():
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


_JSIC: Final = {group: row[0] for row in _ROWS for group in _groups(row[2])}
_NAICS: Final = {group: row[0] for row in _ROWS for group in _groups(row[3])}
#: Longer words first, so that 情報サービス is not taken for サービス.
_WORDS: Final = sorted(
    ((word, row[0]) for row in _ROWS for word in row[4].split()), key=lambda pair: -len(pair[0])
)


@lru_cache(maxsize=8_192)
def sector_of(industry: str, country: str | None = None) -> str | None:
    """Return the sector of an industry as a form or a register says it, None where nobody can tell.

    A bare number of two to four digits is JSIC's where the company is in Japan or nobody said, else NAICS's.

    >>> sector_of("G39"), sector_of("NAICS 541511"), sector_of("製造業（食品）")
    ('information', 'professional', 'manufacturing')
    """
    text = unicodedata.normalize("NFKC", industry[:200]).strip().lower()
    code = _CODE.fullmatch(text)
    if code is not None and (code[2] or code[3]):
        scheme, division, digits = code.groups()
        if division and (digits is None or _JSIC.get(digits[:2]) == _DIVISION.get(division)):
            return _DIVISION.get(division)
        if digits and not division:
            naics = (
                scheme == "naics"
                or len(digits) > _JSIC_DIGITS
                or (scheme is None and country not in (None, "JP"))
            )
            return (_NAICS.get(digits[:3]) or _NAICS.get(digits[:2])) if naics else _JSIC.get(digits[:2])
    return next((sector for word, sector in _WORDS if _holds(text, word)), None)


def _holds(text: str, word: str) -> bool:
    """Tell whether a text holds a word; a Latin one stands alone, so that "edition" holds no "it"."""
    if not word.isascii():
        return word in text
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None
