"""The name under which one company is known.

A name is read for matching only; what people wrote is what people are shown.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from routing_rules import tables

#: What is read of a text that people wrote: more is no company's name.
MAX_READ: Final = 500
#: What is kept of a name as a key.
MAX_KEY: Final = 200


class Company(NamedTuple):
    """A company's name as it is read for matching."""

    #: Without legal form, unit, width, case and spacing; empty where no company was named.
    name: str
    #: The legal form where one was said: `kk`, `yk`, `gk`, ... (tables/legal_forms.tsv).
    form: str | None = None
    #: Branch or department that stood in the company's field.
    unit: str | None = None


def _table(name: str, kind: str) -> list[str]:
    return [word for row in tables.rows(name) if row[0] == kind for word in row[1].split()]


def _longest_first(words: list[str]) -> str:
    return "|".join(sorted((re.escape(word) for word in set(words)), key=len, reverse=True))


_OLD: Final = {ord(old): new for old, new in tables.rows("old_kanji.tsv")}
_SMALL_KANA: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
#: Invisible characters of `Cf` and the like that are pasted along with a name.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                        "\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]")  # fmt: skip
_TAG = re.compile(r"<[^<>]{0,200}>")
#: Dashes that stand for a long vowel: between kana, or behind one.
_DASH = re.compile(r"(?<=[ァ-ヺー])[-‐‑‒–—―−─━ｰ~〜]")
_LAST_LONG = re.compile(r"(?<=[ァ-ヺー][ァ-ヺ])ー+(?![ァ-ヺー])")
_HONORIFIC = re.compile(r"\s*(?:御中|様|さま|殿)\s*$")
_JA: Final = {row[1].lower(): row[2] for row in tables.rows("legal_forms.tsv") if row[0] == "ja"}
_JA_FORM = re.compile(_longest_first(list(_JA)))
_LATIN_RULES: Final = [(row[1], row[2]) for row in tables.rows("legal_forms.tsv") if row[0] == "latin"]
_LATIN_WORDS: Final = "|".join(
    f"(?:{pattern})" for pattern, _ in sorted(_LATIN_RULES, key=lambda r: -len(r[0]))
)
_LATIN_FORM = re.compile(rf"(?<![\w&])(?:{_LATIN_WORDS})(?![\w&])\.?")
_LATIN_FORMS: Final = [(re.compile(pattern), form) for pattern, form in _LATIN_RULES]
_HOLDING = re.compile(
    r"ホールディングス?|ホルディングス?|(?<![a-z])(?:holdings?|hldgs|hd)\b\.?|(?<=[^\W\da-z_])hd$"
)
_ABROAD: Final = (
    "japan|ジャパン|日本|asia|アジア|usa|us|uk|europe|china|singapore|korea|taiwan|deutschland|france"
)
_BRACKETS = re.compile(r"[(\[【「『〔<《]([^()\[\]【】「」『』〔〕<>《》]{0,100})[)\]】」』〕>》]")
_NO_COMPANY: Final = frozenset(re.sub(r"[\W_]+", "", word) for word in tables.words("no_companies.txt"))

_PLACES: Final = _longest_first(_table("units.tsv", "place"))
_SUFFIX: Final = _longest_first(_table("units.tsv", "suffix"))
_STRICT: Final = _longest_first(_table("units.tsv", "strict"))
_DEPARTMENT: Final = _longest_first(_table("units.tsv", "department"))
_WORK: Final = _longest_first([word.lower() for word in _table("units.tsv", "work")])
_LATIN_PLACE: Final = "|".join(_table("units.tsv", "latin_place"))
_LATIN_UNIT: Final = "|".join(_table("units.tsv", "latin_unit"))
_JA_UNIT: Final = rf"[^\s]{{0,20}}(?:{_SUFFIX}|{_DEPARTMENT})(?:付|内)?"
_EN_UNIT: Final = rf"(?:[a-z&]+\s+){{0,3}}(?:{_LATIN_UNIT})\.?|(?:department|dept\.?|division|office|branch) of [a-z& ]{{1,40}}"
#: A whole word, or what stands behind a legal form, that is a unit and nothing but one.
_IS_UNIT = re.compile(rf"(?:{_JA_UNIT}|{_EN_UNIT})(?:\s+(?:{_JA_UNIT}|{_EN_UNIT}))*")
#: A unit written on to the name without a blank: behind a place, or a word of what its people do.
_GLUED = re.compile(rf"(?<=.{{2}})(?:(?:{_PLACES})(?:第[一二三四五\d])?(?:{_STRICT}|工場|事業所|センター)|本社|(?:{_WORK})(?:部門?|課|室|本部|統括部))$")  # fmt: skip
_EN_GLUED = re.compile(rf"(?<=\w)[\s,/|-]+(?:(?:{_LATIN_PLACE})\s+(?:{_LATIN_UNIT})|[a-z&]+\s+(?:department|dept|division)\.?|(?:head|regional)\s+office|headquarters)$")  # fmt: skip
#: A department and nothing else: 営業部.
_ONLY_UNIT = re.compile(rf"(?:{_WORK})(?:部門?|課|室|本部|統括部)(?:\s+{_JA_UNIT})*")
_BLANKS = re.compile(r"[\s/|,、，:：]+")
_NOT_WORD = re.compile(r"[\W_]+")
_MARKS = re.compile(r"([a-z])[\u0300-\u036f]+")


def _letters() -> str:
    """Return the letters that stay what they are when a name is read, as ranges of a regular expression."""
    spans = [(0x4E00, 0x9FFF), (0x3042, 0x3093), (0x30A2, 0x30F3), (0x30, 0x39)]
    kept = [
        at
        for first, last in spans
        for at in range(first, last + 1)
        if at not in _OLD and at not in _SMALL_KANA
    ]
    found, start = [], kept[0]
    for at, following in zip(kept, [*kept[1:], 0], strict=True):
        if following != at + 1:
            found.append(f"{chr(start)}-{chr(at)}")
            start = following
    return "".join(found)


#: A plain Japanese name with its legal form, as most are: it costs a tenth to read.
_QUICK = re.compile(
    "(株式会社|有限会社|合同会社)(X{2,60})|(X{2,60})(株式会社|有限会社|合同会社)".replace(
        "X", f"[{_letters()}]"
    )
)
_UNIT_ENDS: Final = frozenset(
    word[-1] for kind in ("suffix", "strict", "department") for word in _table("units.tsv", kind)
) | set("部課室係社様殿中法人会合")


@lru_cache(maxsize=65_536)
def read_company(text: str) -> Company:
    """Return a company's name as it is matched: ㈱ＡＢＣ, ABC株式会社 東京支店 and (株)abc are one.

    Any text is read, and none raises; a text that names no company has an empty name.
    """
    quick = _QUICK.fullmatch(text)
    if quick is not None:
        name = quick[2] or quick[3]
        if name[-1] not in _UNIT_ENDS and name not in _NO_COMPANY:
            return Company(name, _JA[quick[1] or quick[4]])
    plain = _plain(text)
    unit: str | None = None
    plain, form, behind = _without_form(plain)
    if behind and _IS_UNIT.fullmatch(behind):
        unit, behind = behind, ""
    name = f"{plain} {behind}".strip() if behind else plain
    if unit is None:
        name, unit = _without_unit(name, said_form=form is not None)
    if _ONLY_UNIT.fullmatch(name):
        return Company("", form, name)
    key = _key(name) or _key(plain) or _key(_JA_FORM.sub(" ", _plain(text)))
    return Company("" if key in _NO_COMPANY else key[:MAX_KEY], form, unit)


def normal_name(name: str) -> str:
    """Return a company's name without legal form, unit, width and spacing: ㈱ＡＢＣ and ABC株式会社 are one."""
    return read_company(name).name


def _plain(text: str) -> str:
    """Return a name in the characters that it is compared in."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _TAG.sub(" ", text[:MAX_READ]))).casefold()
    if not text.isascii():
        text = _MARKS.sub(r"\1", unicodedata.normalize("NFD", text))
        text = unicodedata.normalize("NFC", text).translate(_OLD)
        text = _DASH.sub("ー", text)
    return _HONORIFIC.sub("", text).strip()


def _without_form(text: str) -> tuple[str, str | None, str]:
    """Return a name without its legal form, the form, and what stands behind the form."""
    found = _JA_FORM.search(text)
    if found is not None:
        before, behind = text[: found.start()].strip(), text[found.end() :].strip()
        form = _JA[found[0]]
        behind = _JA_FORM.sub(" ", behind).strip()
        if not before:
            return behind, form, ""
        return before, form, behind
    forms = list(_LATIN_FORM.finditer(text))
    if not forms:
        return text, None, ""
    # The run of forms that stands last: "Aoba Trading Co., Ltd. Tokyo Branch".
    start, end = forms[-1].span()
    for one in reversed(forms[:-1]):
        if _NOT_WORD.fullmatch(text[one.end() : start] or " "):
            start = one.start()
    before, behind = text[:start].strip(" ,.;-/"), text[end:].strip(" ,.;-/()")
    if not _key(before):
        return text, None, ""
    return before, _latin_form(text[start:end]), behind


def _latin_form(words: str) -> str | None:
    words = words.strip(" .,")
    for part in (words, *reversed(re.split(r"[\s,]+", words))):
        for pattern, form in _LATIN_FORMS:
            if pattern.fullmatch(part.strip(" .,")):
                return form
    return None


def _without_unit(name: str, *, said_form: bool) -> tuple[str, str | None]:
    """Cut off the branch or department that somebody wrote behind their company's name."""
    name, unit = _out_of_brackets(name)
    parts = [part for part in _BLANKS.split(name) if part]
    cut = len(parts)
    while cut > 1 and re.fullmatch(_JA_UNIT, parts[cut - 1]) and (said_form or _sure(parts[cut - 1])):
        cut -= 1
    if cut < len(parts):
        unit = " ".join(parts[cut:])
        name = " ".join(parts[:cut])
    for rule in (_GLUED, _EN_GLUED):
        found = rule.search(name)
        if found is not None:
            unit = found[0].strip(" ,/|-")
            name = name[: found.start()]
    return name, unit


def _sure(part: str) -> bool:
    """Tell whether a word is a unit even where no legal form says that the name ended before it."""
    return re.fullmatch(
        rf"(?:{_PLACES})?.{{0,6}}(?:{_STRICT})|.{{0,16}}(?:部|課|室|事業本部)", part
    ) is not None and (
        len(part) > 2  # noqa: PLR2004 - 磯部, 服部: a family's name
    )


def _out_of_brackets(name: str) -> tuple[str, str | None]:
    """Take brackets out of a name: a unit is kept beside it, a reading or a former name is dropped."""
    unit: str | None = None
    for found in list(_BRACKETS.finditer(name)):
        inside = found[1].strip()
        rest = name.replace(found[0], " ").strip()
        if not _key(rest):
            continue
        if _IS_UNIT.fullmatch(inside):
            unit, name = inside, rest
        elif inside.startswith(("旧", "formerly", "前")) or _is_reading(inside, rest):
            name = rest
    return name, unit


def _is_reading(inside: str, rest: str) -> bool:
    """Tell whether brackets hold the name in other letters, and not what makes it another company."""
    if re.search(_ABROAD, inside) or _HOLDING.search(inside):
        return False
    return script_of(inside) != script_of(rest)


def script_of(name: str) -> str:
    """Return the letters that a name is in: `kanji` (with whatever else), `kana` or `latin`."""
    if re.search("[\u3400-\u9fff\U00020000-\U0003ffff]", name):
        return "kanji"
    return "kana" if re.search("[\u3041-\u30fa]", name) else "latin"


def _key(name: str) -> str:
    """Return what of a name is compared: letters and digits, and a mark for a holding company."""
    name = _HOLDING.sub("hd", name.replace("&", "アンド" if script_of(name) == "kana" else " and "))
    name = re.sub(r"^the\s+", "", name)
    name = _LAST_LONG.sub("", name).translate(_SMALL_KANA)
    return _NOT_WORD.sub("", name)
