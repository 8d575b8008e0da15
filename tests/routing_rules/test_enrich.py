"""Local enrichment: what is concluded from what was said, in which order of trust, and who is named as the source."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.facts import gather
from routing_rules.fold import fold
from routing_rules.industries import SECTORS, sector_of
from routing_rules.origins import origins
from routing_rules.places import place_of, region_of_phone, region_of_postal_code
from routing_rules.titles import language_of
from schemas.lead import LeadState, Standing
from tests.factories import NOW_MS, an_event


def a_lead(*answers: dict[str, Any], **said: Any) -> LeadState:
    """Return a lead who said this, and of whom sources answered that."""
    state = LeadState()
    fold(state, an_event(**said), NOW_MS)
    for answer in answers:
        fold(state, an_event(source="enrich:register", **answer), NOW_MS)
    return state


def told(state: LeadState) -> dict[str, tuple[Any, str]]:
    """Return value and source of each fact."""
    return {one.field: (one.value, one.source) for one in origins(state, Standing(), NOW_MS)}


@pytest.mark.parametrize(
    "said, answer, field, value, source",
    [
        ({"region": "東京都", "postal_code": "530-0001"}, {"region": "愛知県"}, "company.region", "JP-13", "declared"),
        ({"postal_code": "530-0001", "phone": "03-5555-0101"}, {"region": "愛知県"}, "company.region", "JP-27", "postal code"),
        ({"phone": "03-5555-0101"}, {"region": "愛知県"}, "company.region", "JP-23", "register"),
        ({"phone": "03-5555-0101"}, {}, "company.region", "JP-13", "phone"),
        ({"phone": "03-5555-0101"}, {}, "company.country", "JP", "phone"),
        ({"email": "a@aoba.de", "phone": "+81 90 0000 0000"}, {}, "company.country", "JP", "phone"),
        ({"email": "a@aoba.de"}, {}, "company.country", "DE", "domain"),
        ({"email": "a@aoba.de"}, {"country": "AT"}, "company.country", "AT", "register"),
        ({"email": "a@aoba.de", "country": "CH"}, {"country": "AT"}, "company.country", "CH", "declared"),
        ({"email": "a@docomo.ne.jp"}, {}, "company.country", "JP", "domain"),
        ({"employees": 30}, {"employees": 500}, "company.employees", 30, "declared"),
        ({}, {"employees": 500}, "company.employees", 500, "register"),
        ({"industry": "G39"}, {"industry": "E09"}, "company.sector", "information", "industry table"),
        ({}, {"industry": "E09"}, "company.sector", "manufacturing", "industry table"),
        ({"title": "部長"}, {"title": "課長"}, "person.seniority", "head", "title table"),
        ({"language": "en-US", "country": "JP"}, {}, "person.language", "en", "declared"),
        ({"country": "DE"}, {}, "person.language", "de", "country"),
        ({"title": "マネージャー"}, {}, "person.language", "ja", "letters"),
        ({"company_domain": "https://www.aoba.co.jp/"}, {}, "company.domain", "aoba.co.jp", "declared"),
        ({"email": "a@mail.aoba.co.jp"}, {}, "company.domain", "aoba.co.jp", "email"),
    ],
)  # fmt: skip
def test_the_surer_word_counts_and_is_named(
    said: dict[str, Any], answer: dict[str, Any], field: str, value: Any, source: str
) -> None:
    """Declared, then a source's answer, then a table: value and source are those of the surest."""
    state = a_lead(answer, **said) if answer else a_lead(**said)
    assert told(state)[field] == (value, source)


@pytest.mark.parametrize(
    "answer", [{"email": "x@evil.example"}, {"phone": "+1 212 555 0100"}, {"account_owner": "kato_daichi"}]
)
def test_a_source_does_not_speak_for_the_lead(answer: dict[str, Any]) -> None:
    """No address, phone or owner comes from a source."""
    assert (
        gather(a_lead(answer, title="部長"), Standing(), NOW_MS).values
        == gather(a_lead(title="部長"), Standing(), NOW_MS).values
    )


_WORD = st.sampled_from(
    ["部長", "Manager", "東京都", "JP", "G39", "aoba.co.jp", "100-0001", "03-5555-0101", "x", "🎉", "<b>"]
)
_SAID = st.dictionaries(
    st.sampled_from(["title", "department", "company", "industry", "region", "postal_code", "phone", "company_domain"]), _WORD
)  # fmt: skip


@given(_SAID, _SAID)
def test_every_concluded_value_has_a_source(said: dict[str, Any], answer: dict[str, Any]) -> None:
    """What is shown is what is judged by: noting changes no value, and leaves none out."""
    state = a_lead(answer, **said)
    values = gather(state, Standing(), NOW_MS).values
    shown = {one.field: one.value for one in origins(state, Standing(), NOW_MS)}
    assert shown == {
        field: value
        for field, value in values.items()
        if field.startswith(("person.", "company.", "campaign"))
    }


@pytest.mark.parametrize(
    "industry, country, sector",
    [
        ("G39", None, "information"), ("39", None, "information"), ("391", "JP", "information"), ("51", "JP", "trade"),
        ("51", "US", "information"), ("541511", None, "professional"), ("NAICS 31", None, "manufacturing"), ("JSIC 31", "US", "manufacturing"),
        ("E", None, "manufacturing"), ("Ｅ０９", None, "manufacturing"), ("G09", None, None), ("製造業", None, "manufacturing"), ("情報通信業", None, "information"),
        ("情報サービス業", None, "information"), ("卸売業、小売業", None, "trade"), ("医療・福祉", None, "health"), ("Software", None, "information"),
        ("Real Estate", None, "real_estate"), ("edition", None, None), ("", None, None), ("99", None, None), ("不明", None, None),
    ],
)  # fmt: skip
def test_industries_are_read_by_code_and_by_word(
    industry: str, country: str | None, sector: str | None
) -> None:
    """JSIC, NAICS, Japanese and English; what nobody can tell stays unknown."""
    assert sector_of(industry, country) == sector


@given(st.text(max_size=60), st.sampled_from([None, "JP", "US"]))
def test_any_industry_is_read(industry: str, country: str | None) -> None:
    """No text is too odd."""
    assert sector_of(industry, country) in (None, *SECTORS)


@pytest.mark.parametrize(
    "phone, region",
    [
        ("03-5555-0101", "JP-13"), ("+81 3 5555 0101", "JP-13"), ("+81(0)3-5555-0101", "JP-13"), ("０６（６５５５）０１０２", "JP-27"),
        ("045-555-0105", "JP-14"), ("011-555-0106", "JP-01"), ("092-555-0104", "JP-40"), ("090-5555-0101", None), ("0120-555-010", None),
        ("050-5555-0101", None), ("+1 212 555 0100", None), ("03-5555", None), ("ask me", None), ("", None), ("0" * 40, None),
    ],
)  # fmt: skip
def test_an_area_code_tells_the_prefecture(phone: str, region: str | None) -> None:
    """Land lines of Japan do; mobiles, toll-free numbers and numbers abroad do not."""
    assert region_of_phone(phone) == region


@pytest.mark.parametrize(
    "code, region",
    [("100-0001", "JP-13"), ("〒530-0001", "JP-27"), ("９８０−００１１", "JP-04"), ("9000001", "JP-47"), ("94105", None), ("100-00", None), ("", None), ("x", None)],
)  # fmt: skip
def test_a_postal_code_tells_the_prefecture(code: str, region: str | None) -> None:
    """Japanese ones do."""
    assert region_of_postal_code(code) == region


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50), st.sampled_from([None, "JP", "US"]))
def test_any_place_is_read(region: str, postal_code: str, phone: str, country: str | None) -> None:
    """Nothing that stands in a form's field raises."""
    place_of(region or None, country, postal_code, phone)
    language_of(region)
