"""Countries and regions: ISO 3166 codes from what forms, phones and domains say."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from routing_rules import tables

_PREFECTURES: Final = (
    "北海道:hokkaido 青森:aomori 岩手:iwate 宮城:miyagi 秋田:akita 山形:yamagata 福島:fukushima 茨城:ibaraki "
    "栃木:tochigi 群馬:gunma 埼玉:saitama 千葉:chiba 東京:tokyo 神奈川:kanagawa 新潟:niigata 富山:toyama "
    "石川:ishikawa 福井:fukui 山梨:yamanashi 長野:nagano 岐阜:gifu 静岡:shizuoka 愛知:aichi 三重:mie 滋賀:shiga "
    "京都:kyoto 大阪:osaka 兵庫:hyogo 奈良:nara 和歌山:wakayama 鳥取:tottori 島根:shimane 岡山:okayama "
    "広島:hiroshima 山口:yamaguchi 徳島:tokushima 香川:kagawa 愛媛:ehime 高知:kochi 福岡:fukuoka 佐賀:saga "
    "長崎:nagasaki 熊本:kumamoto 大分:oita 宮崎:miyazaki 鹿児島:kagoshima 沖縄:okinawa"
).split()
#: Kanji and romaji names of the prefectures -> ISO 3166-2 code.
PREFECTURES: Final = {
    name: f"JP-{number:02d}" for number, pair in enumerate(_PREFECTURES, start=1) for name in pair.split(":")
}
_TLD_COUNTRY: Final = {
    "jp": "JP", "us": "US", "uk": "GB", "de": "DE", "fr": "FR", "sg": "SG", "au": "AU", "ca": "CA", "in": "IN",
    "kr": "KR", "cn": "CN", "tw": "TW", "th": "TH", "vn": "VN", "id": "ID", "my": "MY", "nl": "NL", "it": "IT",
    "es": "ES", "ch": "CH", "se": "SE", "nz": "NZ", "hk": "HK", "ph": "PH",
}  # fmt: skip
_DIAL_COUNTRY: Final = (
    ("+81", "JP"),
    ("+1", "US"),
    ("+44", "GB"),
    ("+49", "DE"),
    ("+33", "FR"),
    ("+65", "SG"),
    ("+61", "AU"),
    ("+91", "IN"),
    ("+82", "KR"),
    ("+86", "CN"),
    ("+886", "TW"),
    ("+852", "HK"),
    ("+64", "NZ"),
    ("+66", "TH"),
    ("+84", "VN"),
    ("+62", "ID"),
    ("+60", "MY"),
    ("+63", "PH"),
)

#: What is spoken where, as a first guess.
_LANGUAGE: Final = {
    "JP": "ja", "US": "en", "GB": "en", "AU": "en", "NZ": "en", "CA": "en", "SG": "en", "IN": "en", "PH": "en",
    "DE": "de", "FR": "fr", "IT": "it", "ES": "es", "KR": "ko", "CN": "zh", "TW": "zh", "TH": "th", "VN": "vi",
    "ID": "id",
}  # fmt: skip


def _postal_regions() -> dict[str, str]:
    found = {}
    for span, region in tables.rows("postal_codes.tsv"):
        first, _, last = span.partition("-")
        found.update({f"{two:02d}": region for two in range(int(first), int(last or first) + 1)})
    return found


_POSTAL: Final = _postal_regions()
_AREA: Final[dict[str, str]] = {code: region for code, region in tables.rows("area_codes.tsv")}  # noqa: C416
_LONGEST_AREA: Final = max(map(len, _AREA))
_POSTAL_CODE = re.compile(r"(?:〒|jp-?|t)?\s*(\d{3})[-‐‑‒–—―−ー]?\s?(\d{4})")
#: Mobile, IP, toll-free and the like: they say no place.
_NO_PLACE: Final = ("0120", "0570", "0800", "0990", "0180", "020", "050", "060", "070", "080", "090")
_LAND_LINE_DIGITS: Final = 10


@lru_cache(maxsize=8_192)
def region_code(region: str, country: str | None = None) -> str:
    """Return a prefecture's ISO code (東京都, Tokyo, JP-13 -> JP-13); another region as it was said."""
    text = unicodedata.normalize("NFKC", region).strip()
    if text.upper().startswith("JP-"):
        return text.upper()
    if country in (None, "JP"):
        name = text.lower().removesuffix(" prefecture")
        # A city may stand behind: kanji run on, romaji are parted by a hyphen or a comma.
        keys = (re.split(r"[-,]", name)[0].strip(),) if name.isascii() else (name[:2], name[:3])
        for key in (name, *keys):
            if key in PREFECTURES:
                return PREFECTURES[key]
    return text


def country_of(domain: str | None, phone: str | None) -> str | None:
    """Guess the country from a dialled prefix, then from the domain's ending; None when neither says."""
    ending = _TLD_COUNTRY.get(domain.rpartition(".")[2]) if domain else None
    number = unicodedata.normalize("NFKC", phone).strip() if phone else ""
    for prefix, country in _DIAL_COUNTRY:
        if number.startswith(prefix):
            return "CA" if prefix == "+1" and ending == "CA" else country
    return ending


def country_of_region(region: str) -> str | None:
    """Return JP for a prefecture's code."""
    return "JP" if region.startswith("JP-") else None


@lru_cache(maxsize=16_384)
def region_of_postal_code(code: str) -> str | None:
    """Return the prefecture of a Japanese postal code (100-0001, 〒1000001), None where it is none."""
    found = _POSTAL_CODE.fullmatch(unicodedata.normalize("NFKC", code[:30]).strip().lower())
    return None if found is None else _POSTAL.get(found[1][:2])


@lru_cache(maxsize=16_384)
def region_of_phone(phone: str) -> str | None:
    """Return the prefecture of a Japanese land line by its area code; None for all other numbers."""
    text = unicodedata.normalize("NFKC", phone[:40])
    digits = re.sub(r"\D", "", text)
    if text.lstrip(" (").startswith("+"):
        if not digits.startswith("81"):
            return None
        digits = "0" + digits[2:].removeprefix("0")
    if len(digits) != _LAND_LINE_DIGITS or not digits.startswith("0") or digits.startswith(_NO_PLACE):
        return None
    return next((_AREA[digits[:n]] for n in range(_LONGEST_AREA, 1, -1) if digits[:n] in _AREA), None)


def language_of_country(country: str) -> str | None:
    """Guess the language of who works in a country."""
    return _LANGUAGE.get(country)


def place_of(region: str | None, country: str | None, postal_code: str | None, phone: str | None) -> str:
    """Return where a company's people sit, as one word to compare: JP-13, DE-Bavaria, else a country, else empty."""
    if region is None and country in (None, "JP"):
        found = (postal_code and region_of_postal_code(postal_code)) or (phone and region_of_phone(phone))
        return found or country or ""
    if region is None:
        return country or ""
    code = region_code(region, country)
    return code if code.startswith("JP-") else f"{country or '?'}-{code.casefold()[:60]}"
