"""The activity that a person names for a whole list: one that the rulebook knows, or the closest one is told."""

import re
import unicodedata
from difflib import get_close_matches
from typing import Final

from pydantic import TypeAdapter, ValidationError

from schemas.activity import KNOWN_KINDS, ActivityKind
from schemas.errors import Refused
from schemas.rulebook.book import Rulebook

#: How alike a name must be to be offered.
_ALIKE: Final = 0.5
_BETWEEN: Final = re.compile(r"[\s\-・/]+")
_form = TypeAdapter(ActivityKind)


def require_activity(kind: str, book: Rulebook | None) -> str:
    """Return an activity that somebody named, or refuse it before any line is read.

    Args:
        kind: as it was typed.
        book: the rulebook in force; without one every well-formed kind is taken.

    Raises:
        Refused: nobody knows it; with the closest one and all that there are.

    """
    scored = {} if book is None else book.scoring.activities
    known = sorted(KNOWN_KINDS | scored.keys())
    if kind in known or (book is None and _is_well_formed(kind)):
        return kind
    names = {_plain(one): one for one in known}
    for one, points in scored.items():
        if points.name is not None:
            names |= {_plain(points.name.ja): one, _plain(points.name.en): one}
    near = get_close_matches(_plain(kind), list(names), n=1, cutoff=_ALIKE)
    meant = f"; did you mean {names[near[0]]}?" if near else "."
    raise Refused(
        f"--activity {kind[:60]}: no activity is called that{meant} Known are {', '.join(known)}. One of your own is"
        " written into scoring.yaml first (0 points will do), and published"
    )


def _is_well_formed(kind: str) -> bool:
    try:
        _form.validate_python(kind)
    except ValidationError:
        return False
    return True


def _plain(text: str) -> str:
    return _BETWEEN.sub("_", unicodedata.normalize("NFKC", text).strip().lower())
