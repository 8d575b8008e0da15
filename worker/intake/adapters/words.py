"""What forms, pages and free text mean in the words of the canonical event."""

import re
import unicodedata
from typing import Any, Final
from urllib.parse import unquote, urlsplit

# The first that is found decides. A word stands alone: "industrial" holds no trial, "showcase" no case.
_FORMS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("demo_request", r"(?<![a-z])demo(?![a-z])|デモ"),
        ("quote_request", r"(?<![a-z])quot(?:e|ation)|見積"),
        ("trial_request", r"(?<![a-z])trial|トライアル|体験|お試し"),
        ("contact_request", r"(?<![a-z])contact|(?<![a-z])[ei]nquiry|問い?合わ?せ|相談|kontakt"),
        ("webinar_registered", r"webinar|seminar|ウェビナー|セミナー"),
        ("whitepaper_download", r"white[ _-]?paper|e-?book|download|brochure|資料|ダウンロード|白書"),
        ("newsletter_signup", r"newsletter|メルマガ|メールマガジン"),
    )
)
_PAGES: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("pricing_view", r"(?<![a-z])(?:pricing|prices?|plans)(?![a-z])|料金|価格|(?<![a-z])tarif"),
        ("case_study_view", r"(?<![a-z])case(?:s|-?stud)|customer-stor|事例|(?<![a-z])jirei"),
        ("careers_view", r"(?<![a-z])(?:careers?|recruit|jobs|saiyo)|採用|karriere"),
    )
)
_COUNTRIES: Final = {
    name: code
    for code, names in {
        "JP": "japan 日本 日本国", "US": "united_states united_states_of_america usa アメリカ 米国",
        "GB": "united_kingdom uk great_britain england イギリス 英国", "DE": "germany deutschland ドイツ",
        "FR": "france フランス", "SG": "singapore シンガポール", "AU": "australia", "CA": "canada",
        "IN": "india", "KR": "south_korea korea 韓国", "CN": "china 中国", "TW": "taiwan 台湾",
        "TH": "thailand",
        "VN": "vietnam viet_nam", "ID": "indonesia", "MY": "malaysia", "NL": "netherlands", "IT": "italy",
        "ES": "spain", "CH": "switzerland schweiz", "SE": "sweden", "HK": "hong_kong 香港",
    }.items()
    for name in names.split()
}  # fmt: skip


def _plain(value: Any) -> str:
    return unicodedata.normalize("NFKC", value).strip().lower() if isinstance(value, str) else ""


def kind_of_form(*names: Any) -> str:
    """Return what submitting a form means, from its name, alias or page.

    >>> kind_of_form("お問い合わせ")
    'contact_request'
    """
    text = " ".join(_plain(name) for name in names)
    return next((kind for kind, rule in _FORMS if rule.search(text)), "form_submit")


def kind_of_page(url: Any) -> str:
    """Return what looking at a page means, from its path (never from its query).

    >>> kind_of_page("https://www.example.com/lp/123/pricing.html?utm=x")
    'pricing_view'
    """
    try:
        path = _plain(unquote(urlsplit(url if isinstance(url, str) else "").path))
    except ValueError:
        path = ""
    return next((kind for kind, rule in _PAGES if rule.search(path)), "page_view")


def slug(name: Any) -> str | None:
    """Return a name as an activity kind (Demo Video Watched -> demo_video_watched), else None."""
    text = re.sub(r"[^a-z0-9]+", "_", _plain(name)).strip("_")[:64].rstrip("_")
    return text if re.fullmatch(r"[a-z][a-z0-9_]{1,63}", text) else None


def country_code(name: Any) -> str | None:
    """Return an ISO 3166 code from a code or a name that is known, else None: a guess would route wrongly."""
    text = _plain(name)
    if re.fullmatch(r"[a-z]{2}", text) and text != "uk":
        return text.upper()
    return _COUNTRIES.get(text.replace(" ", "_"))


def language_code(locale: Any) -> str | None:
    """Return the language of a locale: ja_JP -> ja."""
    found = re.match(r"([a-z]{2,3})(?:[-_]|$)", _plain(locale))
    return found[1] if found else None


def host(url: Any) -> str | None:
    """Return the web domain of an address as people type it."""
    text = _plain(url)
    try:
        name = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    return name.removeprefix("www.") if "." in name else None
