"""Companies: whose domain it is, and which names are one company."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.companies import normal_name, read_company
from routing_rules.domains import SHARED, domain_of, registrable


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


@pytest.mark.parametrize(
    "domain",
    "gmail.com yahoo.co.jp docomo.ne.jp ezweb.ne.jp i.softbank.jp ocn.ne.jp nifty.com plala.or.jp mailinator.com"
    " guerrillamail.com naver.com 163.com freemail.example.com".split(),
)
def test_free_mail_makes_no_company(domain: str) -> None:
    """Two people with free mail, a carrier's, a provider's or a throw-away address are not colleagues."""
    assert domain in SHARED
    assert domain_of(None, f"hanako@{domain}") is None
    assert domain_of(f"www.{domain}", "hanako@aoba.co.jp") is None


@pytest.mark.parametrize(
    "host, domain",
    [
        ("mail.tokyo.aoba.co.jp", "aoba.co.jp"), ("aoba.tokyo.jp", "aoba.tokyo.jp"), ("sales.aoba.com", "aoba.com"),
        ("a.b.aoba.co.uk", "aoba.co.uk"), ("co.jp", None), ("jp", None), ("localhost", None), ("192.168.0.1", None),
        ("aoba.example.co.jp", "aoba.example.co.jp"), ("mail.aoba.example.co.jp", "aoba.example.co.jp"),
        ("aoba.jimdo.com", "aoba.jimdo.com"), ("jimdo.com", None), ("aoba.github.io", "aoba.github.io"),
        ("city.osaka.lg.jp", "city.osaka.lg.jp"), ("pref.osaka.lg.jp", "pref.osaka.lg.jp"),
        ("ka.city.osaka.lg.jp", "city.osaka.lg.jp"), ("www.city.chiyoda.tokyo.jp", "city.chiyoda.tokyo.jp"),
        ("dept.aoba-u.ac.jp", "aoba-u.ac.jp"), ("kumiki.example", "kumiki.example"), ("", None), (".", None),
        ("x" * 300 + ".com", None), ("aoba..jp", None), ("<b>.jp", None), ("青葉.jp", "青葉.jp"),
    ],
)  # fmt: skip
def test_the_domain_is_what_its_owner_registered(host: str, domain: str | None) -> None:
    """Public suffixes, hosts of many companies and government names are known; nothing is looked up outside."""
    assert registrable(host) == domain


@pytest.mark.parametrize(
    "names",
    [
        ("株式会社青葉製作所", "青葉製作所株式会社", "㈱青葉製作所", "（株）青葉製作所", "青葉製作所（株）", "青葉 製作所", "株式会社　青葉製作所"),
        ("株式会社ＡＢＣ", "ABC株式会社", "Abc Co., Ltd.", "ABC Inc.", "abc, inc", "ABC K.K.", "A.B.C. LLC", "ABC Company Limited"),
        ("Müller GmbH", "MÜLLER gmbh", "Müller  GmbH."), ("㈲みなと", "有限会社みなと", "みなと（有）"),
        ("合同会社さくら", "さくら合同会社", "さくら G.K."), ("Acme Pte Ltd", "ACME PTE. LTD.", "Acme"), ("ﾐﾅﾄ商事", "ミナト商事"),
        ("國澤鐵工所", "国沢鉄工所", "國沢鐵工所"), ("渡邊工業", "渡邉工業", "渡辺工業"), ("齋藤商店", "齊藤商店", "斉藤商店", "斎藤商店"),
        ("髙﨑電機", "高崎電機"), ("德廣眞株式會社", "徳広真株式会社"), ("キャノピー商会", "キヤノピー商会"), ("あおばコンピュータ", "あおばコンピューター"),
        ("ミナト・デ-タ", "ミナトデータ", "ﾐﾅﾄ ﾃﾞｰﾀ"), ("Aoba & Wakaba Ltd", "Aoba and Wakaba, Limited"), ("The Kumiki Company", "Kumiki Co."),
        ("青葉ホールディングス", "青葉HD", "青葉ホールディング株式会社"), ("Aoba Holdings, Inc.", "AOBA HD"), ("Société Aoba SA", "Societe Aoba"),
        ("青葉商事株式会社 御中", "青葉商事 様", "青葉商事"), ("青葉商事（旧：若葉商事）", "青葉商事（アオバショウジ）", "青葉商事"),
        ("<b>青葉</b>商事", "青\u200b葉商事", "青葉商事🎉", "\ufeff青葉商事"),
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
        ("青葉商事", "青葉ホールディングス"),
        ("青葉商事", "青葉商会"),
        ("Acme K.K.", "Acme (Japan) K.K."),
        ("青葉", "青葉グループ"),
        ("日立支店印刷", "日立印刷"),
        ("さくら", "サクラ"),
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
    "written, name, unit",
    [
        ("青葉商事株式会社 東京支店", "青葉商事", "東京支店"), ("青葉商事株式会社東京支店", "青葉商事", "東京支店"),
        ("株式会社青葉商事　情報システム部", "青葉商事", "情報システム部"), ("㈱青葉商事名古屋支店", "青葉商事", "名古屋支店"),
        ("青葉商事 営業部 第一課", "青葉商事", "営業部 第一課"), ("青葉商事(東京支店)", "青葉商事", "東京支店"),
        ("青葉商事情報システム部", "青葉商事", "情報システム部"), ("青葉製作所株式会社 川崎工場", "青葉製作所", "川崎工場"),
        ("青葉商事大阪本社", "青葉商事", "大阪本社"), ("青葉商事/総務部", "青葉商事", "総務部"),
        ("Aoba Trading Co., Ltd. Tokyo Branch", "aobatrading", "tokyo branch"),
        ("Aoba Trading, Inc., Sales Department", "aobatrading", "sales department"),
        ("Aoba Trading Osaka Office", "aobatrading", "osaka office"),
        ("磯部", "磯部", None), ("株式会社磯部", "磯部", None), ("服部 商店", "服部商店", None), ("日本支店印刷", "日本支店印刷", None),
        ("株式会社日本支店印刷", "日本支店印刷", None), ("本社製麺", "本社製麺", None), ("綾部工業", "綾部工業", None),
        ("青葉データセンター", "青葉データセンタ", None), ("園部", "園部", None), ("株式会社渡部", "渡部", None),
        ("青葉研究所", "青葉研究所", None), ("青葉不動産販売", "青葉不動産販売", None), ("八百屋本店", "八百屋本店", None),
    ],
)  # fmt: skip
def test_branch_and_department_are_kept_apart(written: str, name: str, unit: str | None) -> None:
    """What says where somebody works inside a company is cut off; what only looks like it stays a name."""
    found = read_company(written)
    assert (found.name, found.unit) == (name, unit)


@pytest.mark.parametrize(
    "written",
    [
        "なし",
        "個人",
        "個人事業主",
        "フリーランス",
        "学生",
        "-",
        "N/A",
        "none",
        "同上",
        "テスト",
        "株式会社",
        "。。。",
        "🎉",
        "",
    ],
)
def test_who_names_no_company_has_none(written: str) -> None:
    """Two freelancers are not colleagues."""
    assert normal_name(written) == ""


@pytest.mark.parametrize(
    "written", ["あ" * 10_000, "<" * 10_000, "(" * 10_000, "株式会社" * 2_000, "a " * 5_000, "支店" * 5_000, "\u200b" * 10_000, "'; DROP TABLE lead; --", "ー" * 10_000]
)  # fmt: skip
def test_long_and_odd_names_are_read_at_once(written: str) -> None:
    """Nothing that somebody pastes into a form takes time, or is executed."""
    assert len(normal_name(written)) <= 200


@given(st.text(max_size=80))
def test_any_name_is_read(name: str) -> None:
    """No name is too odd to be read, and a name that was read is read the same again."""
    normal = normal_name(name)
    assert normal == "".join(normal.split())


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_domain_is_read(declared: str, email: str) -> None:
    """No site and no address is too odd."""
    domain = domain_of(declared, f"a@{email}")
    assert domain is None or registrable(domain) == domain


@given(
    st.sampled_from(["株式会社{}", "{}有限会社", "合同会社{}", "{}株式会社"]),
    st.text(st.sampled_from("青葉商事湊運送日本東京支店部課室係会社法人医療合同株式有限個学生ミナトホデング国國斉斎やゃアァー様殿御中0１１９a"), max_size=8),
)  # fmt: skip
def test_the_quick_way_says_what_the_slow_way_says(form: str, name: str) -> None:
    """A blank sends a name the slow way; it is read the same without one."""
    written = form.format(name)
    assert read_company(written) == read_company(f"\u200b{written}")
