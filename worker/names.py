"""What people are called: family and given name, and in which order they are said."""

import unicodedata

from schemas.lead import LeadState


def name_of(state: LeadState) -> str | None:
    """Return what a person is called: as they said it, else by their two names."""
    said = state.fact("name")
    return str(said) if said else full_name(state.fact("family_name"), state.fact("given_name"))


def full_name(family: str | None, given: str | None) -> str | None:
    """Return a name in the order in which it is said: 佐藤 花子, Hanako Sato."""
    parts = (family, given) if is_east_asian(f"{family or ''}{given or ''}") else (given, family)
    return " ".join(part for part in parts if part) or None


def is_east_asian(text: str) -> bool:
    """Tell whether a name is written in Han, kana or hangul, in which the family name stands first."""
    return any(
        unicodedata.name(char, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "HALFWIDTH KATAKANA"))
        or char in "々〆ヶ"
        for char in text
    )


def split_name(state: LeadState) -> tuple[str | None, str | None]:
    """Return family and given name; one name field is taken apart only where its order is certain.

    佐藤 花子 is family first; Hanako Sato is given first; SATO Hanako says by its capitals that it is not.
    A name of one word, or of three and more, of which nobody can say which is what, is a family name as a whole.
    """
    family, given = state.fact("family_name"), state.fact("given_name")
    name = state.fact("name")
    if family or given or not name:
        return family, given
    words = name.split()
    if len(words) != 2:  # noqa: PLR2004 - a family name and a given name
        return name, None
    first, second = words
    if is_east_asian(name) or (first.isupper() and not second.isupper() and len(first) > 1):
        return first, second
    return second, first
