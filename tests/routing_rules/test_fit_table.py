"""Fit in tables that a salesperson can read: weights, must-haves, what nobody knows, grades."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.compiled import CompiledBook
from routing_rules.facts import gather
from routing_rules.fit import best_fit, fit_grade
from routing_rules.judge import judge
from routing_rules.outlook_words import known_words, must_words
from tests.factories import NOW_MS, a_compiled_book, a_standing, a_state

_IT = {"ja": "情シス", "en": "IT"}
_HR = {"ja": "人事", "en": "HR"}
WHO: dict[str, dict[str, Any]] = {
    "情シス部長 国内 800人": {"title": "情報システム部長", "employees": 800, "country": "JP"},
    "情シス部長 国内 人数不明": {"title": "情報システム部長", "country": "JP"},
    "情シス部長 国不明 800人": {"title": "情報システム部長", "employees": 800, "email": "a@example.com"},
    "情シス部長 国も人数も不明": {"title": "情報システム部長", "email": "a@example.com"},
    "情シス課長 国内 30人": {"title": "情報システム課 課長", "employees": 30, "country": "JP"},
    "情シス担当 国内 800人": {"title": "情報システム担当", "employees": 800, "country": "JP"},
    "人事部長 国内 800人": {"title": "人事部長", "employees": 800, "country": "JP"},
    "人事課長 国内 30人": {"title": "人事課長", "employees": 30, "country": "JP"},
    "人事担当 国内 人数不明": {"title": "人事担当", "country": "JP"},
    "IT director US 800": {"title": "IT Director", "employees": 800, "country": "US"},
    "HR manager SG 200": {"title": "HR Manager", "employees": 200, "country": "SG"},
    "HR manager, country unknown": {"title": "HR Manager", "employees": 200, "email": "a@example.com"},
    "住所だけ (address only)": {"email": "a@example.com"},
    "800人 国内 肩書不明": {"employees": 800, "country": "JP"},
    "学生 国内": {"title": "学生", "country": "JP"},
}


def a_book(least_known: float = 1.0, unknown: str = "allow") -> CompiledBook:
    """Two personas: IT (weights 50/30/20, must be in Japan), HR (60/40, must be 50 people or more)."""
    senior = {"person.seniority": {"at_least": "manager"}}
    personas = [
        {"id": "it", "name": _IT, "must": [{"name": {"ja": "国内", "en": "In Japan"}, "when": {"company.country": {"eq": "JP"}}, "unknown": unknown}],
         "fit": [{"points": 50, "when": {"person.function": {"eq": "it"}}}, {"points": 30, "when": senior},
                 {"points": 20, "when": {"company.employees": {"gte": 300}}}]},
        {"id": "hr", "name": _HR, "must": [{"name": {"ja": "50人以上", "en": "50 people"}, "when": {"company.employees": {"gte": 50}}, "unknown": unknown}],
         "fit": [{"points": 60, "when": {"person.function": {"eq": "hr"}}}, {"points": 40, "when": senior}]},
    ]  # fmt: skip
    return a_compiled_book(persona={"personas": personas, "least_known": least_known})


# who | unknown facts let in: persona fit grade known lacks | kept out: persona fit | reckoned of what is known (60%): persona fit
TABLE = """
情シス部長 国内 800人         | it 100 A 100% -  | it 100 | it 100
情シス部長 国内 人数不明      | it 80 A 80% -    | it 80  | it 100
情シス部長 国不明 800人       | it 100 A 100% ?  | hr 40  | it 100
情シス部長 国も人数も不明     | it 80 A 80% ?    | it 0   | it 100
情シス課長 国内 30人          | it 80 A 100% -   | it 80  | it 80
情シス担当 国内 800人         | it 70 B 100% -   | it 70  | it 70
人事部長 国内 800人           | hr 100 A 100% -  | hr 100 | hr 100
人事課長 国内 30人            | it 30 C 100% -   | it 30  | it 30
人事担当 国内 人数不明        | hr 60 B 100% ?   | it 0   | hr 60
IT director US 800            | hr 40 C 100% -   | hr 40  | hr 40
HR manager SG 200             | hr 100 A 100% -  | hr 100 | hr 100
HR manager, country unknown   | hr 100 A 100% -  | hr 100 | hr 100
住所だけ (address only)       | it 0 D 0% ?      | it 0   | it 0
800人 国内 肩書不明           | it 20 D 20% -    | it 20  | it 33
学生 国内                     | it 0 D 0% -      | it 0   | it 0
"""
ROWS = [line for line in TABLE.splitlines() if line]


def _fit(who: str, book: CompiledBook) -> Any:
    return best_fit(gather(a_state(**WHO[who]), a_standing(), NOW_MS), book)


@pytest.mark.parametrize("row", ROWS)
def test_unknown_must_haves_let_in(row: str) -> None:
    """Persona, fit, grade and how much of it is known; `?` is a must-have of which nobody knows."""
    who, wanted, *_ = (cell.strip() for cell in row.split("|"))
    book = a_book()
    best = _fit(who, book)
    lacks = "?" if best.open else "x" if best.lacks else "-"
    assert f"{best.persona.id} {best.fit} {fit_grade(best.fit, book)} {best.known:.0%} {lacks}" == wanted


@pytest.mark.parametrize("row", ROWS)
def test_unknown_must_haves_kept_out(row: str) -> None:
    """While nobody knows, the lead is another persona, or cannot fit at all."""
    who, _, wanted, _ = (cell.strip() for cell in row.split("|"))
    best = _fit(who, a_book(unknown="refuse"))
    assert f"{best.persona.id} {best.fit}" == wanted


@pytest.mark.parametrize("row", ROWS)
def test_fit_of_what_is_known(row: str) -> None:
    """An unknown is not a zero: fit is of the known points, but of 60% of all at least."""
    who, _, _, wanted = (cell.strip() for cell in row.split("|"))
    best = _fit(who, a_book(least_known=0.6))
    assert f"{best.persona.id} {best.fit}" == wanted


@pytest.mark.parametrize(
    "fit, grade", [(100, "A"), (75, "A"), (74, "B"), (50, "B"), (49, "C"), (25, "C"), (24, "D"), (0, "D")]
)
def test_grades_by_threshold(fit: int, grade: str) -> None:
    """The least fit of each grade is still of that grade."""
    assert fit_grade(fit, a_book()) == grade


@pytest.mark.parametrize(
    "who, unknown, ja, en",
    [
        ("情シス部長 国内 800人", "allow", [("国内", "満たす")], [("In Japan", "met")]),
        ("情シス部長 国も人数も不明", "allow", [("国内", "不明（可とする）")], [("In Japan", "not known: let in")]),
        ("情シス部長 国も人数も不明", "refuse", [("国内", "不明（確認できるまで対象外）")], [("In Japan", "not known: cannot fit until it is")]),
    ],
)  # fmt: skip
def test_must_haves_are_told(who: str, unknown: str, ja: list[Any], en: list[Any]) -> None:
    """The page says of each must-have whether it is met, and what becomes of an open question."""
    book = a_book(unknown=unknown)
    came = judge(a_state(**WHO[who]), a_standing(), book, NOW_MS)
    assert must_words(came.persona, came.reasons, book, "ja") == ja
    assert must_words(came.persona, came.reasons, book, "en") == en


def test_who_lacks_every_must_have_is_told_so() -> None:
    """No persona is left: fit 0 with the one that comes nearest, and what it lacks."""
    book = a_book()
    lead = a_state(title="IT Director", employees=30, country="US")
    came = judge(lead, a_standing(), book, NOW_MS)
    assert (came.persona, came.fit, came.fit_grade, came.reasons.lacks) == ("it", 0, "D", [0])
    assert must_words(came.persona, came.reasons, book, "en") == [("In Japan", "lacking: cannot fit")]


def test_how_high_the_fit_could_be_is_told() -> None:
    """80% is known: with the head count it could be 100."""
    book = a_book()
    came = judge(a_state(**WHO["情シス部長 国内 人数不明"]), a_standing(), book, NOW_MS)
    assert known_words(came.persona, came.reasons, book, "en") == "80% known, up to 100"
    assert known_words(came.persona, came.reasons, book, "ja") == "判明 80%、最大 100"


_FACTS = st.fixed_dictionaries({}, optional={
    "title": st.sampled_from(["情報システム部長", "人事課長", "情報システム担当", "IT Director", "学生"]),
    "employees": st.sampled_from([10, 60, 800]), "country": st.sampled_from(["JP", "US"]),
})  # fmt: skip


@given(_FACTS, st.sampled_from([1.0, 0.6, 0.1]), st.sampled_from(["allow", "refuse"]))
def test_the_points_add_up_to_the_fit(said: dict[str, Any], least: float, unknown: str) -> None:
    """Points of the lines that held, over the known points (at least `least` of all), are the fit shown."""
    book = a_book(least, unknown)
    best = best_fit(gather(a_state(email="a@example.com", **said), a_standing(), NOW_MS), book)
    earned = sum(best.persona.fit[index][0] for index in best.rules)
    of = max(best.known, least) * best.persona.most
    assert best.fit == (0 if best.lacks else round(100 * earned / of))


@given(_FACTS, st.sampled_from([1.0, 0.6, 0.1]), st.sampled_from(["allow", "refuse"]))
def test_learning_what_a_line_asks_for_never_lowers_the_fit(
    said: dict[str, Any], least: float, unknown: str
) -> None:
    """One more fact that a line or a must-have asks for keeps or raises the best fit, however unknowns count."""
    book = a_book(least, unknown)
    before = best_fit(gather(a_state(email="a@example.com", **said), a_standing(), NOW_MS), book)
    more = {"employees": 800, "country": "JP", **said}
    assert (
        best_fit(gather(a_state(email="a@example.com", **more), a_standing(), NOW_MS), book).fit >= before.fit
    )
