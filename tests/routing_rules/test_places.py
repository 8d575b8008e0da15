"""Places: what forms, phones and domains say of where a lead is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.places import PREFECTURES, country_of, country_of_region, region_code

KANJI = [name for name in PREFECTURES if not name.isascii()]
ROMAJI = [name for name in PREFECTURES if name.isascii()]


def test_there_are_47_prefectures() -> None:
    """Each has one kanji and one romaji name and a code of its own, from 北海道 to 沖縄."""
    assert (len(KANJI), len(ROMAJI), len(set(PREFECTURES.values()))) == (47, 47, 47)
    assert (PREFECTURES["北海道"], PREFECTURES["東京"], PREFECTURES["okinawa"]) == ("JP-01", "JP-13", "JP-47")


@pytest.mark.parametrize("name", KANJI)
def test_prefectures_in_japanese(name: str) -> None:
    """With or without 都道府県, with a city behind, in a column of its own or not."""
    suffix = {"東京": "都", "京都": "府", "大阪": "府", "北海道": ""}.get(name, "県")
    code = PREFECTURES[name]
    assert {
        region_code(text) for text in (name, name + suffix, f"{name}{suffix}港区1-2-3", f" {name}{suffix}　")
    } == {code}


@pytest.mark.parametrize("name", ROMAJI)
def test_prefectures_in_english(name: str) -> None:
    """In any case, with prefecture, -ken or the country behind."""
    code = PREFECTURES[name]
    assert {
        region_code(text)
        for text in (name, name.upper(), f"{name.title()} Prefecture", f"{name.title()}-ken", code.lower())
    } == {code}


@pytest.mark.parametrize(
    "said, country, region",
    [
        ("Tokyo-to", None, "JP-13"), ("ＴＯＫＹＯ", "JP", "JP-13"), ("ＪＰ－１３", None, "JP-13"), ("Tokyo, Japan", None, "JP-13"),
        ("California", "US", "California"), ("Bavaria", None, "Bavaria"), ("Mie", "US", "Mie"), ("Miercurea Ciuc", None, "Miercurea Ciuc"),
        ("", None, ""), ("関東", "JP", "関東"), ("Nara", None, "JP-29"), ("京都", "CN", "京都"), ("東京都", "JP", "JP-13"),
    ],
)  # fmt: skip
def test_other_regions_stay_as_they_were_said(said: str, country: str | None, region: str) -> None:
    """Only Japanese prefectures are made codes, and nothing is made Japanese that only begins like it."""
    assert region_code(said, country) == region


@pytest.mark.parametrize(
    "domain, phone, country",
    [
        ("aoba.co.jp", None, "JP"), ("example.com", None, None), (None, None, None), ("example.com", "+81 3-0000-1234", "JP"),
        ("acme.co.uk", None, "GB"), ("acme.de", None, "DE"), ("acme.sg", None, "SG"), ("acme.com.au", None, "AU"),
        ("acme.com", "+1 212 000 0000", "US"), ("acme.com", "+44 20 0000 0000", "GB"), ("aoba.co.jp", "03-0000-1234", "JP"),
        ("aoba.co.jp", "+65 0000 0000", "SG"), ("acme.ca", "+1 416 000 0000", "CA"), ("acme.example", "+7 000", None),
        ("acme.com", "＋81 3-0000-1234", "JP"), ("acme.nz", None, "NZ"), ("acme.com.hk", None, "HK"), ("acme.com.ph", None, "PH"),
        ("acme.com", "+61 2 0000 0000", "AU"), ("acme.com", "+91 00", "IN"), ("jp", None, "JP"), ("", "", None),
    ],
)  # fmt: skip
def test_the_dialled_prefix_then_the_ending_tell_the_country(
    domain: str | None, phone: str | None, country: str | None
) -> None:
    """A number with a country says more than a domain; +1 is shared, so there the domain says more."""
    assert country_of(domain, phone) == country


@pytest.mark.parametrize(
    "region, country", [("JP-13", "JP"), ("California", None), ("", None), ("US-CA", None)]
)
def test_a_prefecture_is_in_japan(region: str, country: str | None) -> None:
    """Who names a prefecture is in Japan; other regions do not tell."""
    assert country_of_region(region) == country


@given(st.text(max_size=60), st.sampled_from([None, "JP", "US"]))
def test_reading_a_region_twice_changes_nothing(said: str, country: str | None) -> None:
    """A code stays a code, and no text is too odd to be read."""
    once = region_code(said, country)
    assert region_code(once, country) == once
