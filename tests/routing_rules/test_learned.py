"""A scorecard at work: the sum, its reasons, what is not known, and documents that are refused."""

import json
import math
from typing import Any

import pytest

from routing_rules.learned import Contribution, compile_card
from routing_rules.learned_features import features
from routing_rules.learned_words import contribution_words, worth_telling
from schemas.errors import Refused
from schemas.learned import FEATURES, Scorecard, digest_of, read_scorecard, sealed
from tests.factories import NOW_MS, a_compiled_book, a_standing, a_state

WINDOW = {"first": "2026-01-01", "last": "2026-06-30", "leads": 100, "won": 30}


def a_card(**overrides: Any) -> Scorecard:
    """Return a scorecard of two fields."""
    parts: dict[str, Any] = {
        "features": FEATURES, "rulebook_version": 1, "target": {"ja": "受注", "en": "won"}, "intercept": -1.0,
        "fields": [
            {"kind": "number", "name": "company.employees", "edges": [50, 300], "weights": [0.0, 0.5, 1.5],
             "unknown": 0.2, "mean": 0.6},
            {"kind": "word", "name": "source", "weights": {"web": 0.4, "fair": -0.4}, "other": -0.1, "unknown": 0.0,
             "mean": 0.1},
        ],
        "slope": 0.8, "offset": 0.1, "fitted": WINDOW, "calibrated": WINDOW, "held_out": WINDOW, "seed": 1,
    }  # fmt: skip
    return sealed(**parts | overrides)


@pytest.mark.parametrize(
    "employees, source, weight",
    [
        (49, "web", 0.0 + 0.4),
        (50, "web", 0.5 + 0.4),
        (299.9, "fair", 0.5 - 0.4),
        (300, "fair", 1.5 - 0.4),
        (10**9, "radio", 1.5 - 0.1),
        (None, None, 0.2 + 0.0),
        (math.nan, None, 0.2 + 0.0),
        (-5, 7.0, 0.0 + 0.0),
    ],
)
def test_chance_is_the_formula(employees: Any, source: Any, weight: float) -> None:
    """Every bin, the word that is rare, and what is not known."""
    expected = 1 / (1 + math.exp(-(0.1 + 0.8 * (-1.0 + weight))))
    learned = compile_card(a_card())
    values = {"company.employees": employees, "source": source}
    assert learned.chance(values) == pytest.approx(expected, abs=1e-12)
    log_odds = learned.base + sum(one.log_odds for one in learned.contributions(values))
    assert log_odds == pytest.approx(math.log(expected / (1 - expected)), abs=1e-9), "the reasons add up"


def test_a_field_that_is_not_there_is_not_known() -> None:
    """A lead of another time lacks a field: it counts as not known, without an error."""
    learned = compile_card(a_card())
    assert learned.chance({}) == learned.chance({"company.employees": None, "source": None})


def test_extreme_weights_stay_probabilities() -> None:
    """The ends of what a document may hold overflow nothing."""
    for offset in (-100.0, 100.0):
        assert 0 <= compile_card(a_card(offset=offset, slope=100.0)).chance({}) <= 1


def test_reasons_in_words() -> None:
    """The strongest first, with bin, factor and both languages."""
    book = a_compiled_book()
    told = compile_card(a_card()).contributions({"company.employees": 800, "source": "radio"})
    assert [one.field for one in told] == ["company.employees", "source"]
    assert contribution_words(told[0], book, "ja") == "従業員数 300以上: 受注のオッズ2.1倍"
    assert contribution_words(told[0], book, "en") == "employees 300 or more: odds of winning x 2.1"
    assert contribution_words(told[1], book, "en") == "source radio (a rare value): odds of winning x 0.85"
    middle = compile_card(a_card()).contributions({"company.employees": 60})
    assert contribution_words(middle[0], book, "ja").startswith(
        "従業員数 50以上300未満"
    ) or "不明" in contribution_words(middle[0], book, "ja")
    assert worth_telling(told[0])


@pytest.mark.parametrize(
    "field, value, ja, en",
    [
        ("person.seniority", "head", "役職 部長", "seniority head of a department"),
        ("person.function", "general_affairs", "職種 総務", "function general affairs"),
        ("known.person.phone", "yes", "電話番号の有無 あり", "phone known yes"),
        ("fit_rule.it_decision_maker.0", "no", "情報システムの決裁者「情報システム部門」 非該当", "IT decision maker: “Works in IT” no"),
        ("source", "yes", "流入元 yes", "source yes"),
        ("persona", "it_decision_maker", "ペルソナ 情報システムの決裁者", "persona IT decision maker"),
    ],
)  # fmt: skip
def test_values_are_said_in_words(field: str, value: str, ja: str, en: str) -> None:
    """Nobody reads `general_affairs`, and a phone is there or not: 「あり」, not 「はい」."""
    one, book = Contribution(field, value, 0.7), a_compiled_book()
    assert contribution_words(one, book, "ja").split(": ")[0] == ja
    assert contribution_words(one, book, "en").rsplit(": ", 1)[0] == en


def test_every_feature_has_words_in_both_languages() -> None:
    """Whatever the shipped rulebook makes a feature of is said without its bare name in Japanese."""
    book = a_compiled_book()
    found = features(a_state(), a_standing(), book, NOW_MS)
    card = a_card(fields=[
        {"kind": "word", "name": name, "weights": {"x": 1.0}, "other": 0.0, "unknown": 0.5, "mean": 0.0} for name in found
    ])  # fmt: skip
    for one in compile_card(card).contributions(dict.fromkeys(found, "x")):
        for lang in ("ja", "en"):
            words = contribution_words(one, book, lang)
            assert words
            assert one.field not in words or "." not in one.field


def test_features_read_only_what_was_known() -> None:
    """A lead's features at an instant: facts, judgement, counts, and never its deals."""
    book = a_compiled_book()
    state = a_state({"pricing_view": [1, 2], "demo_request": [3]}, title="情報システム部長", employees=800)
    found = features(state, a_standing(recycle_count=2), book, NOW_MS, "sato")
    assert found["company.employees"] == 800
    assert found["person.seniority"] == "head"
    assert found["activity.pricing_view"] == 2
    assert found["activity.webinar_attended"] == 0
    assert found["days_since.hand_raise"] == 3
    assert found["days_since.activity"] == 1
    assert found["recycle_count"] == 2
    assert found["known.account.owner"] == "yes"
    assert found["known.person.phone"] == "no"
    assert found["fit_rule.it_decision_maker.3"] == "yes"
    assert found["fit_rule.it_decision_maker.0"] == "yes"
    assert found["campaign"] is None
    assert not [name for name in found if "deal" in name or "amount" in name]
    assert not [value for value in found.values() if isinstance(value, str) and "@" in value], (
        "nobody is named"
    )


def a_document(**overrides: Any) -> dict[str, Any]:
    return a_card().model_dump(mode="json") | overrides


def test_a_document_survives_the_road() -> None:
    """JSON and back, in any order of keys, is the same scorecard."""
    document = a_document()
    again = json.loads(json.dumps(dict(reversed(document.items()))))
    assert read_scorecard(again) == a_card()


@pytest.mark.parametrize(
    "document, words",
    [
        ([], "no JSON object"),
        ({}, "of form"),
        (a_document(format="tasuki.scorecard/0"), "this program reads"),
        (a_document(features=FEATURES + 1), "fit it anew"),
        (a_document(slope=1.0), "digest differs"),
        (a_document(digest="f" * 64), "digest differs"),
        (a_document(slope=-1.0), "broken at slope"),
        (a_document(offset=float("nan")), "broken at offset"),
        (a_document(code="import os"), "broken at code"),
        (a_document(fields=[a_document()["fields"][0]] * 2), "stands twice"),
        (a_document(fields=[a_document()["fields"][0] | {"edges": [300, 50]}]), "edges must rise"),
        (a_document(fields=[a_document()["fields"][0] | {"weights": [1.0]}]), "one weight more"),
        (a_document(fields=[{"kind": "pickle", "name": "x"}]), "broken at fields.0"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_in_words(document: Any, words: str) -> None:
    """Another form, other features, altered, broken: refused, and the message says which."""
    with pytest.raises(Refused, match=words):
        read_scorecard(document)


def test_the_digest_covers_every_part() -> None:
    """Changing anything but the digest changes it."""
    document = a_document()
    for name in document.keys() - {"digest"}:
        assert digest_of(document | {name: "changed"}) != document["digest"]
