"""Fields and their values in words, Japanese and English: 職種 and 情報システム, not `person.function` and `it`."""

from typing import Any, Final

from schemas.base import Lang

_FIELD: Final = {
    "person.email": ("メールアドレス", "address"),
    "person.phone": ("電話番号", "phone number"),
    "person.title": ("肩書", "title"),
    "person.department": ("部署", "department"),
    "person.seniority": ("役職", "seniority"),
    "person.function": ("職種", "function"),
    "person.language": ("言語", "language"),
    "company.name": ("会社名", "company"),
    "company.domain": ("ドメイン", "domain"),
    "company.corporate_number": ("法人番号", "corporate number"),
    "company.employees": ("従業員数", "employees"),
    "company.industry": ("業種", "industry"),
    "company.sector": ("業種区分", "sector"),
    "company.country": ("国", "country"),
    "company.region": ("地域", "region"),
    "account.owner": ("アカウント担当者", "account owner"),
    "source": ("流入元", "source"),
    "campaign": ("キャンペーン", "campaign"),
    "consent.email": ("メールの同意", "consent to mail"),
    "consent.phone": ("電話の同意", "consent to calls"),
    "hand_raise": ("面談の希望", "hand raise"),
    "recycle_count": ("差し戻し回数", "times handed back"),
    "persona": ("ペルソナ", "persona"),
    "fit": ("適合度", "fit"),
    "fit_grade": ("適合ランク", "fit grade"),
    "engagement": ("関心度", "engagement"),
    "buying_stage": ("検討段階", "buying stage"),
    "contact_channel": ("連絡手段", "permitted contact channel"),
}
#: Groups of conditions within another.
_COMBINER: Final = {
    "all": ("複数条件の組み合わせ", "several conditions together"),
    "any": ("複数条件のいずれか", "one of several conditions"),
    "none": ("除外条件", "an exclusion"),
}
_VALUE: Final[dict[str, dict[Any, tuple[str, str]]]] = {
    "person.seniority": {
        "staff": ("担当者", "staff"), "senior": ("主任", "senior"), "manager": ("課長", "manager"),
        "head": ("部長", "head of a department"), "director": ("本部長", "director"),
        "executive": ("役員", "executive"),
    },
    "person.function": {
        "it": ("情報システム", "IT"), "marketing": ("マーケティング", "marketing"), "sales": ("営業", "sales"),
        "finance": ("経理・財務", "finance"), "hr": ("人事", "HR"), "operations": ("業務", "operations"),
        "engineering": ("開発", "engineering"), "purchasing": ("購買", "purchasing"), "legal": ("法務", "legal"),
        "general_affairs": ("総務", "general affairs"), "management": ("経営企画", "management"),
    },
    "company.sector": {
        "agriculture": ("農林業", "agriculture"), "fisheries": ("漁業", "fisheries"), "mining": ("鉱業", "mining"),
        "construction": ("建設業", "construction"), "manufacturing": ("製造業", "manufacturing"),
        "utilities": ("電気・ガス・水道業", "utilities"), "information": ("情報通信業", "information"),
        "transport": ("運輸業", "transport"), "trade": ("卸売・小売業", "trade"), "finance": ("金融・保険業", "finance"),
        "real_estate": ("不動産業", "real estate"), "professional": ("専門・技術サービス業", "professional services"),
        "hospitality": ("宿泊・飲食業", "hospitality"), "personal_services": ("生活関連サービス業", "personal services"),
        "education": ("教育", "education"), "health": ("医療・福祉", "health"),
        "cooperatives": ("複合サービス業", "cooperatives"), "services": ("その他サービス業", "services"),
        "public": ("公務", "public"),
    },
    "consent.email": {True: ("「あり」", "given"), False: ("「なし」", "withdrawn")},
    "consent.phone": {True: ("「あり」", "given"), False: ("「なし」", "withdrawn")},
}  # fmt: skip


def field_words(field: str, lang: Lang) -> str:
    """Return a field's name, or a group's of conditions; what has none is told by itself."""
    return _pick(_FIELD.get(field) or _COMBINER.get(field) or (field, field), lang)


def value_words(field: str, value: Any, lang: Lang) -> str:
    """Return a field's value in words; what has none, as a number or a name, is told by itself."""
    if isinstance(value, list | tuple):
        return ("、" if lang == "ja" else ", ").join(value_words(field, item, lang) for item in value)
    # Only texts and flags are looked up: True is 1, and no number has words.
    named = _VALUE.get(field, {}).get(value) if isinstance(value, str | bool) else None
    if named is not None:
        return _pick(named, lang)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _pick(pair: tuple[str, str], lang: Lang) -> str:
    return pair[0] if lang == "ja" else pair[1]
