"""Words: every verdict and everything missing, in Japanese and English."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.explain import activity_name, field_name, missing_words, sentence, stage_name, track_name
from routing_rules.facts import DAY_MS
from routing_rules.field_words import field_words, value_words
from routing_rules.fields import FIELDS, OPERATORS
from routing_rules.judge import judge
from schemas.base import Lang
from schemas.decision import Missing
from schemas.lead import Standing
from tests.factories import NOW_MS, a_compiled_book, a_state

BOOK = a_compiled_book()
LANGS: tuple[Lang, Lang] = ("ja", "en")
HEAD: dict[str, Any] = {"title": "情報システム部長", "employees": 800}
READY: dict[str, list[float]] = {
    "pricing_view": [1, 2, 2],
    "webinar_attended": [5],
    "whitepaper_download": [6],
}


def one(field: str, operator: str, want: Any, have: Any = None) -> Missing:
    return Missing(field, operator, want, have)


@pytest.mark.parametrize(
    "missing, ja, en",
    [
        (one("engagement", "gte", 60, 48), "関心度: 60以上が必要 (現在 48、あと 12)", "engagement: needs at least 60 (now 48, 12 short)"),
        (one("engagement", "gte", 60, 48.2), "関心度: 60以上が必要 (現在 48.2、あと 11.8)", "engagement: needs at least 60 (now 48.2, 11.8 short)"),
        (one("engagement", "gte", 50, 0.1), "関心度: 50以上が必要 (現在 0.1、あと 49.9)", "engagement: needs at least 50 (now 0.1, 49.9 short)"),
        (one("company.employees", "gte", 300), "従業員数: 300以上が必要", "employees: needs at least 300"),
        (one("company.employees", "gte", 1_000_000, 5), "従業員数: 1000000以上が必要 (現在 5、あと 999995)", "employees: needs at least 1000000 (now 5, 999995 short)"),
        (one("company.employees", "gte", 2_000_000, 5), "従業員数: 2000000以上が必要 (現在 5、あと 1999995)", "employees: needs at least 2000000 (now 5, 1999995 short)"),
        (one("company.employees", "lt", 300, 400), "従業員数: 300未満が必要 (現在 400)", "employees: needs less than 300 (now 400)"),
        (one("fit", "gt", 50, 40), "適合度: 50超が必要 (現在 40)", "fit: needs more than 50 (now 40)"),
        (one("fit_grade", "in", ["A", "B"], "C"), "適合ランク: A、Bのいずれかが必要 (現在 C)", "fit grade: needs to be one of A, B (now C)"),
        (one("fit_grade", "at_least", "B", "C"), "適合ランク: B以上が必要 (現在 C)", "fit grade: needs to be B or better (now C)"),
        (one("buying_stage", "at_least", "evaluation", "interest"), "検討段階: 比較・検討以降が必要 (現在 興味・関心)", "buying stage: needs to be Evaluation or further (now Interest)"),
        (one("hand_raise", "within_days", 7), "面談の希望: 7日以内にあること", "hand raise: needed within 7 days"),
        (one("hand_raise", "within_days", 1), "面談の希望: 1日以内にあること", "hand raise: needed within 1 day"),
        (one("contact_channel", "exists", want=True), "連絡手段: 必要", "permitted contact channel: needed"),
        (one("cool_down", "until", NOW_MS + 6 * DAY_MS), "冷却期間: 2026-11-30 まで", "cool-down until 2026-11-30"),
        (one("activity.product_login", "activity", {"at_least": 3, "within_days": 14}, 1), "製品へのログイン: 14日以内に3回以上 (現在 1回)", "Log-in: at least 3 within 14 days (now 1)"),
        (one("activity.pricing_view", "activity", {"within_days": 1.0}, 0), "料金ページの閲覧: 1日以内に1回以上 (現在 0回)", "Pricing page: at least 1 within 1 day (now 0)"),
        (one("activity.pricing_view", "activity", {"at_least": 2}, 0), "料金ページの閲覧: 2回以上 (現在 0回)", "Pricing page: at least 2 (now 0)"),
        (one("activity.careers_view", "activity", {"at_most": 0, "within_days": 30}, 2), "採用ページの閲覧: 30日以内に0回以下 (現在 2回)", "Careers page: at most 0 within 30 days (now 2)"),
        (one("activity.own_kind", "activity", {"within_days": 7}, 0), "own_kind: 7日以内に1回以上 (現在 0回)", "own_kind: at least 1 within 7 days (now 0)"),
        (one("any", "of", ["engagement", "activity.trial_started"]), "次のいずれかを満たすこと: 関心度、トライアル開始", "any of engagement, Trial started"),
        (one("any", "of", ["hand_raise", "all"]), "次のいずれかを満たすこと: 面談の希望、複数条件の組み合わせ", "any of hand raise, several conditions together"),
        (one("person.seniority", "at_least", "head", "manager"), "役職: 部長以上が必要 (現在 課長)", "seniority: needs to be head of a department or better (now manager)"),
        (one("person.function", "in", ["it", "general_affairs"], "sales"), "職種: 情報システム、総務のいずれかが必要 (現在 営業)", "function: needs to be one of IT, general affairs (now sales)"),
        (one("company.sector", "eq", "manufacturing"), "業種区分: 製造業であることが必要", "sector: needs to be manufacturing"),
        (one("consent.email", "eq", want=True), "メールの同意: 「あり」であることが必要", "consent to mail: needs to be given"),
        (one("recycle_count", "lte", 1, 2), "差し戻し回数: 1以下が必要 (現在 2)", "times handed back: needs at most 1 (now 2)"),
        (one("persona", "ne", "back_office_head", "back_office_head"), "ペルソナ: 経理・総務の部門長でないことが必要 (現在 経理・総務の部門長)", "persona: must not be Head of finance or general affairs (now Head of finance or general affairs)"),
        (one("buying_stage", "in", ["interest", "evaluation"], "awareness"), "検討段階: 興味・関心、比較・検討のいずれかが必要 (現在 認知)", "buying stage: needs to be one of Interest, Evaluation (now Awareness)"),
        (one("none", "of", ["company.country"]), "次のいずれにも該当しないこと: 国", "none of country"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(missing: Missing, ja: str, en: str) -> None:
    """A marketer reads what is wanted, what there is and how much is left."""
    assert missing_words(missing, BOOK, "ja") == ja
    assert missing_words(missing, BOOK, "en") == en


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize("lang", LANGS)
def test_every_operator_has_words(field: str, lang: Lang) -> None:
    """No field and no operator is told by a bare value or an open brace."""
    for operator in sorted(OPERATORS[FIELDS[field].kind]):
        words = missing_words(one(field, operator, [3] if operator in ("in", "not_in") else 3, 2), BOOK, lang)
        assert words.startswith(field_name(field, BOOK, lang) + ": ")
        assert not re.search(r"[{}]|: 3( \(|$)", words)


def test_every_field_and_every_value_has_words_of_its_own() -> None:
    """Nobody reads `consent.email` or `general_affairs`: what the vocabulary closes has words in both languages."""
    for field, spec in FIELDS.items():
        ja, en = (field_words(field, lang) for lang in LANGS)
        assert not ja.isascii()
        assert not set("._") & set(en)
        if field == "fit_grade":
            continue
        for value in (True, False) if spec.kind == "flag" else spec.values:
            assert not value_words(field, value, "ja").isascii(), value
            assert value_words(field, value, "en") not in ("True", "False")
            assert "_" not in value_words(field, value, "en")


@pytest.mark.parametrize(
    "did, said, standing, ja, en",
    [
        (READY, HEAD, {}, ["規則「", "により営業へ引き渡します", "インサイドセールス（規則: そのほかのリード）", "情報システムの決裁者への適合 100 (A)"],
         ["Ready for sales by rule", "Inside Sales (rule: All other leads)", "Fit 100 (A) for IT decision maker"]),
        ({"page_view": [0]}, HEAD, {}, ["トラック「基礎講座」で育成します。不足: ", "あと "], ["Held on track “Basics”. Missing: ", " short"]),
        ({"demo_request": [0]}, {"email": "a@rival.example", **HEAD}, {}, ["対象外: "], ["Disqualified: "]),
        ({}, HEAD, {"lifecycle_stage": "sal"}, ["現在: 担当者が引き受け済み (SAL)。"], ["Now: accepted by a rep (SAL)."]),
        ({}, HEAD, {"lifecycle_stage": "won"}, ["現在: 受注。"], ["Now: won."]),
        ({}, {**HEAD, "consent": {"all": False}}, {"lifecycle_stage": "sal"}, ["配信を終了し、育成を休止します", "連絡手段"], ["Marketing has stopped writing to it", "permitted contact channel"]),
    ],
)  # fmt: skip
def test_every_verdict_has_words(did: Any, said: Any, standing: Any, ja: list[str], en: list[str]) -> None:
    """Ready, held, disqualified, unchanged and recycled are each one sentence in both languages."""
    judged = judge(a_state(did, **said), Standing(**standing), BOOK, NOW_MS)
    for lang, wanted in zip(LANGS, (ja, en), strict=True):
        words = sentence(judged, BOOK, lang)
        assert all(part in words for part in wanted), words
        assert "None" not in words


@pytest.mark.parametrize(
    "lang, disqualifier, rule, stage",
    [
        ("ja", "競合企業", "理解が進み、ターゲットに合う", "比較・検討"),
        ("en", "Competitor", "Understands and fits", "Evaluation"),
    ],
)
def test_names_are_said_as_ops_wrote_them(lang: Lang, disqualifier: str, rule: str, stage: str) -> None:
    """Disqualifiers, rules and stages have names in the rulebook, and people read those, not the ids."""
    out = judge(a_state({}, email="a@rival.example", **HEAD), Standing(), BOOK, NOW_MS)
    ready = judge(a_state(READY, **HEAD), Standing(), BOOK, NOW_MS)
    assert disqualifier in sentence(out, BOOK, lang)
    assert rule in sentence(ready, BOOK, lang)
    assert stage in sentence(ready, BOOK, lang)


@pytest.mark.parametrize(
    "stage, ja, en",
    [
        ("inquiry", "問い合わせ", "inquiry"),
        ("mql", "営業引き渡し可能 (MQL)", "sales-ready (MQL)"),
        ("lost", "失注", "lost"),
        ("new_one", "new_one", "new_one"),
    ],
)
def test_stages_have_names(stage: str, ja: str, en: str) -> None:
    """A stage is told by its name; one that has none by itself."""
    assert (stage_name(stage, "ja"), stage_name(stage, "en")) == (ja, en)


@pytest.mark.parametrize(
    "lang, activity, track", [("ja", "デモ依頼", "基礎講座"), ("en", "Demo request", "Basics")]
)
def test_activities_and_tracks_have_names(lang: Lang, activity: str, track: str) -> None:
    """As ops named them; what has no name is told by its id, and no track as a dash."""
    assert (activity_name("demo_request", BOOK, lang), activity_name("own_kind", BOOK, lang)) == (
        activity,
        "own_kind",
    )
    assert [track_name(one_, BOOK, lang) for one_ in ("basics", "gone", None)] == [track, "gone", "-"]


def test_of_a_span_the_side_that_lacks_is_told() -> None:
    """Too many people is not told as too few: of two bounds the broken one is named."""
    ready = [{"name": "mid", "when": {"company.employees": {"gte": 100, "lte": 500}}}]
    book = a_compiled_book(readiness={"ready": ready, "examples": []})
    judged = judge(a_state(employees=900), Standing(), book, NOW_MS)
    assert [(lack.operator, lack.want, lack.have) for lack in judged.reasons.missing] == [("lte", 500, 900)]


@given(
    st.dictionaries(st.sampled_from([*BOOK.source.scoring.activities, "own_kind"]), st.lists(st.integers(0, 90).map(float), max_size=3), max_size=4),
    st.sampled_from([HEAD, {}, {"email": None}, {"title": "学生"}, {"country": "SG"}, {**HEAD, "consent": {"all": False}}]),
    st.sampled_from(["inquiry", "mql", "sal", "lost", "disqualified"]), st.sampled_from(LANGS),
)  # fmt: skip
def test_any_judgement_can_be_said(did: Any, said: Any, stage: Any, lang: Lang) -> None:
    """Whatever is concluded is said in a sentence that ends, with nothing left open."""
    words = sentence(judge(a_state(did, **said), Standing(lifecycle_stage=stage), BOOK, NOW_MS), BOOK, lang)
    assert words.endswith("。" if lang == "ja" else ".")
    assert not re.search(r"[{}]|None|不足: 。|Missing: \.", words)
