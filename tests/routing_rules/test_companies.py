"""Companies: whose domain it is, and which names are one company."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.companies import FREE_MAIL, account_key, domain_of, normal_name


@pytest.mark.parametrize(
    "declared, email, domain",
    [
        (None, "a@aoba.co.jp", "aoba.co.jp"), (None, "a@gmail.com", None), (None, "a@docomo.ne.jp", None), (None, None, None),
        ("aoba.co.jp", "a@gmail.com", "aoba.co.jp"), ("https://www.Aoba.co.jp/company?x=1", None, "aoba.co.jp"),
        ("WWW.AOBA.CO.JP", None, "aoba.co.jp"), (" http://aoba.co.jp ", None, "aoba.co.jp"), ("", "a@aoba.co.jp", "aoba.co.jp"),
        ("https://", "a@aoba.co.jp", "aoba.co.jp"), ("aoba.co.jp:8080", None, "aoba.co.jp"), ("ａｏｂａ．ｃｏ．ｊｐ", None, "aoba.co.jp"),
        ("aoba.co.jp.", None, "aoba.co.jp"), ("gmail.com", "a@gmail.com", None), ("https://www.yahoo.co.jp/", None, None),
        ("aoba.co.jp?utm=1", None, "aoba.co.jp"), ("javascript:alert(1)", None, None), ("未定", "a@aoba.co.jp", "aoba.co.jp"),
        ("n/a", None, None),
    ],
)  # fmt: skip
def test_a_domain_is_the_companys_own(declared: str | None, email: str | None, domain: str | None) -> None:
    """The declared site, else the address; free mail, and what is no domain, is nobody's company."""
    assert domain_of(declared, email) == domain


@pytest.mark.parametrize("domain", sorted(FREE_MAIL))
def test_free_mail_makes_no_company(domain: str) -> None:
    """Two people with free mail are not colleagues."""
    assert domain_of(None, f"hanako@{domain}") is None


@pytest.mark.parametrize(
    "names",
    [
        ("株式会社青葉製作所", "青葉製作所株式会社", "㈱青葉製作所", "（株）青葉製作所", "青葉製作所（株）", "青葉 製作所", "株式会社　青葉製作所"),
        ("株式会社ＡＢＣ", "ABC株式会社", "Abc Co., Ltd.", "ABC Inc.", "abc, inc", "ABC K.K.", "A.B.C. LLC", "ABC Company Limited"),
        ("Müller GmbH", "MÜLLER gmbh", "Müller  GmbH."), ("㈲みなと", "有限会社みなと", "みなと（有）"),
        ("合同会社さくら", "さくら合同会社", "さくら G.K."), ("Acme Pte Ltd", "ACME PTE. LTD.", "Acme"), ("ﾐﾅﾄ商事", "ミナト商事"),
    ],
)  # fmt: skip
def test_one_company_has_one_name(names: tuple[str, ...]) -> None:
    """Legal form, its place, width, case and spacing make no second company."""
    assert len({normal_name(name) for name in names}) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        ("青葉製作所", "若葉製作所"),
        ("ABC", "ABCD"),
        ("Cobalt Inc", "Balt Inc"),
        ("日本AG研究所", "日本研究所"),
        ("AB株式会社", "AG株式会社"),
    ],
)
def test_two_companies_have_two_names(one: str, other: str) -> None:
    """What only contains a legal form's letters keeps them."""
    assert normal_name(one) != normal_name(other)


@pytest.mark.parametrize("name", ["AB 株式会社", "Company Inc.", "AG"])
def test_a_name_is_never_nothing(name: str) -> None:
    """A company that is called like a legal form still has a name."""
    assert normal_name(name)


@pytest.mark.parametrize(
    "number, domain, name, key",
    [
        ("1234567890123", "aoba.co.jp", "青葉", "corp:1234567890123"), (None, "aoba.co.jp", "青葉", "domain:aoba.co.jp"),
        (None, None, "株式会社 青葉", "name:青葉"), (None, None, None, None), ("", "", "", None), (None, None, "株式会社", None),
        (None, None, "あ" * 500, "name:" + "あ" * 200),
    ],
)  # fmt: skip
def test_the_surest_key_counts(
    number: str | None, domain: str | None, name: str | None, key: str | None
) -> None:
    """法人番号 first, then the domain, then the name; nothing when there is nothing."""
    assert account_key(number, domain, name) == key


@given(st.text(max_size=80))
def test_any_name_is_read(name: str) -> None:
    """No name is too odd to be a key, or none."""
    normal = normal_name(name)
    assert normal == "".join(normal.split())
    assert account_key(None, None, name) == (f"name:{normal}" if normal else None)
