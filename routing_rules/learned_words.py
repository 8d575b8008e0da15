"""The learned model's reasons in words, Japanese and English."""

from typing import Final

from routing_rules import explain
from routing_rules import field_words as named
from routing_rules.compiled import CompiledBook
from routing_rules.learned import Contribution
from schemas.base import Lang

_FIELD: Final = {
    "days_since.hand_raise": ("面談希望からの日数", "days since asking to talk"),
    "days_since.activity": ("最後の行動からの日数", "days since the last activity"),
    "known.person.phone": ("電話番号の有無", "phone known"),
    "known.company.name": ("会社名の有無", "company known"),
    "known.company.corporate_number": ("法人番号の有無", "corporate number known"),
    "known.account.owner": ("既存担当の有無", "account has an owner"),
}
#: Answers to whether something is known, and to whether a rule of fit holds.
_KNOWN: Final = {"yes": ("あり", "yes"), "no": ("なし", "no")}
_HOLDS: Final = {"yes": ("該当", "yes"), "no": ("非該当", "no")}
#: A contribution that changes the odds by less than this factor is not worth a line.
LEAST_FACTOR: Final = 1.05


def field_words(field: str, book: CompiledBook | None, lang: Lang) -> str:
    """Return a feature in words."""
    pair = _FIELD.get(field)
    if pair is not None:
        return pair[0] if lang == "ja" else pair[1]
    if book is None:
        return named.field_words(field, lang)
    if field.startswith("fit_rule."):
        return _fit_rule(field, book, lang)
    return explain.field_name(field, book, lang)


def _fit_rule(field: str, book: CompiledBook, lang: Lang) -> str:
    _, persona, index = field.split(".")
    spec = next(one for one in book.source.persona.personas if one.id == persona)
    rule = spec.fit[int(index)]
    name = rule.name.say(lang) if rule.name else str(rule.when)
    return f"{spec.name.say(lang)}「{name}」" if lang == "ja" else f"{spec.name.say(lang)}: “{name}”"


def contribution_words(one: Contribution, book: CompiledBook | None, lang: Lang) -> str:
    """Say what one field does to the odds: `従業員数 300以上1000未満: 受注のオッズ1.8倍`."""
    what = f"{field_words(one.field, book, lang)} {value_words(one, book, lang)}".rstrip()
    return f"{what}: {odds_words(one.log_odds, lang)}"


def odds_words(log_odds: float, lang: Lang) -> str:
    """Say how log-odds change the odds of winning, against the average lead handed over."""
    # Beyond e to the 5th nobody can tell the difference, and the figure would only look precise.
    factor = 2.718281828459045 ** max(-5.0, min(5.0, log_odds))
    if lang == "ja":
        return f"受注のオッズ{factor:.2g}倍"
    return f"odds of winning x {factor:.2g}"


def value_words(one: Contribution, book: CompiledBook | None, lang: Lang) -> str:
    """Return the value, or the bin of a number, in words."""
    if one.value is None:
        return "不明" if lang == "ja" else "not known"
    if isinstance(one.value, str):
        word = _word(one.field, one.value, book, lang)
        if one.other:
            return f"{word}（該当の少ない値）" if lang == "ja" else f"{word} (a rare value)"
        return word
    return _bin_words(one.low, one.high, lang)


def _word(field: str, value: str, book: CompiledBook | None, lang: Lang) -> str:
    answers = _HOLDS if field.startswith("fit_rule.") else _KNOWN if field.startswith("known.") else {}
    if value in answers:
        return answers[value][0 if lang == "ja" else 1]
    return named.value_words(field, value, lang) if book is None else explain.named(field, value, book, lang)


def _bin_words(low: float | None, high: float | None, lang: Lang) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"{high:g}未満" if lang == "ja" else f"under {high:g}"
    if high is None:
        return f"{low:g}以上" if lang == "ja" else f"{low:g} or more"
    return f"{low:g}以上{high:g}未満" if lang == "ja" else f"{low:g} to under {high:g}"


def worth_telling(one: Contribution) -> bool:
    """Tell whether a contribution changes the odds enough to be read."""
    return not 1 / LEAST_FACTOR < 2.718281828459045**one.log_odds < LEAST_FACTOR
