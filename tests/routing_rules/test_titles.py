"""Titles: a table as HR departments print them, and what a salesperson reads in each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.fields import FUNCTIONS, SENIORITIES
from routing_rules.titles import read

# title | seniority | function ("-": nobody can tell from the title)
TABLE = """
代表取締役社長 | executive | management
取締役 営業本部長 | executive | sales
取締役CFO | executive | finance
常務執行役員 経理部長 | executive | finance
専務 | executive | -
常務 | executive | -
監査役 | executive | -
副社長 | executive | management
会長 | executive | -
CEO | executive | management
ＣＩＯ | executive | it
CTO | executive | it
CFO | executive | finance
CMO | executive | marketing
COO | executive | operations
Chief Information Officer (CIO) | executive | it
President & CEO | executive | management
Co-Founder | executive | management
Owner | executive | -
社長秘書 | - | -
役員秘書 | - | -
社長室長 | head | -
経営企画室長 | head | management
Assistant to the CEO | staff | -
Product Owner | - | -
Section Chief | manager | -
Chief Engineer | - | engineering
営業本部長 | director | sales
事業部長 | director | -
工場長 | director | operations
支店長 | director | -
統括部長 | director | -
Vice President of Sales | director | sales
VP Marketing | director | marketing
SVP, Engineering | director | engineering
Director | director | -
Director of IT | director | it
Marketing Director | director | marketing
Sales Director | director | sales
Finance Director | director | finance
情報システム部 部長 | head | it
情報システム部長 | head | it
IT部長 | head | it
HR部長 | head | hr
経理部長 | head | finance
人事総務部長 | head | hr
法務部長 | head | legal
開発部長 | head | engineering
品質保証部 部長 | head | operations
DX推進室長 | head | it
研究所 所長 | head | engineering
情報システム部門 部門長 | head | it
センター長 | head | -
Head of People | head | hr
Head of Growth | head | marketing
部長代理 | manager | -
部長補佐 | manager | -
財務部 次長 | manager | finance
営業副部長 | manager | sales
情報システム課長 | manager | it
IT推進部 課長 | manager | it
デジタルマーケティング部 課長 | manager | marketing
システム営業部 課長 | manager | sales
広報課 課長代理 | manager | marketing
購買課 係長 | manager | purchasing
総務グループ長 | manager | general_affairs
プロジェクトリーダー | manager | -
営業チームリーダー | manager | sales
生産技術部 マネージャー | manager | engineering
物流マネジャー | manager | operations
IT Manager | manager | it
Operations Manager | manager | operations
Factory Manager | manager | operations
HR Manager | manager | hr
Procurement Manager | manager | purchasing
Team Lead, Accounting | manager | finance
法人営業部 主任 | senior | sales
主任研究員 | senior | engineering
主席研究員 | senior | engineering
Senior Analyst | senior | -
Marketing Specialist | senior | marketing
情シス担当 | staff | it
経理・総務担当 | staff | finance
人事部 採用担当 | staff | hr
営業担当 | staff | sales
一般社員 | staff | -
Sales Coordinator | staff | sales
Logistics Coordinator | staff | operations
Software Engineer | staff | engineering
Legal Counsel | - | legal
Executive Assistant | staff | -
Contractor | - | -
Doctor | - | -
Inspector | - | -
学生 | - | -
無職 | - | -
法人事業部 部長 | head | -
個人事業主 | executive | -
自営業 | executive | -
経営者 | executive | management
経理事務担当 | staff | finance
管理事業部 課長 | manager | -
物流管理事務所 主任 | senior | operations
常務理事 | executive | -
理事長 | executive | -
監事 | executive | -
支社長 | director | -
関西支社長代理 | manager | -
支店長代理 | manager | -
本部長代理 | director | -
事業部長補佐 | director | -
副本部長 | director | -
執行役員補佐 | - | -
代表補佐 | - | -
監査役室 課長 | manager | -
取締役室 | - | -
CEO室 | - | -
CIO室 主任 | senior | -
課長付 | - | -
業務執行社員 | executive | -
業務執行取締役 | executive | management
執行役 | executive | -
最高経営責任者 | executive | management
最高執行責任者 | executive | -
最高情報責任者 | executive | it
チーフ・マーケティング・オフィサー | executive | marketing
チーフ | senior | -
チーフエンジニア | senior | engineering
サブチーフ | senior | -
プロダクトオーナー | - | -
オーナー | executive | -
営業統括部 主任 | senior | sales
営業統括本部 担当 | staff | sales
営業統括 | director | sales
統括本部長 | director | -
統括課長 | manager | -
スーパーマーケット事業部長 | director | -
マーケット開発部 課長 | manager | marketing
事業開発部 部長 | head | sales
テックリード | manager | -
リードエンジニア | manager | engineering
リードジェネレーション担当 | staff | -
アシスタントマネージャー | senior | -
マネージングディレクター | executive | -
アソシエイトディレクター | manager | -
バイスプレジデント | director | -
シニアバイスプレジデント | director | -
プレジデント | executive | management
ファウンダー | executive | management
ジェネラルマネージャー | head | -
ゼネラルマネジャー | head | -
技師長 | head | -
リーダ | manager | -
副支配人 | manager | -
薬局長 | manager | -
課員 | staff | -
アルバイト | staff | -
パートナー | - | -
顧問 | - | -
相談役 | - | -
フェロー | - | -
代表社員 | executive | management
参事 | manager | -
主幹 | senior | -
店長 | manager | -
EA to the CEO | staff | -
PA to the Managing Director | staff | -
Chief of Staff | head | -
Chief of Staff to the CEO | head | -
Office of the CEO, Manager | manager | -
President's Office Manager | manager | -
Founder's Associate | staff | -
Former CEO | - | -
Chief Executive | executive | management
Group Chief Executive | executive | management
Chief Technology Officer | executive | it
Chief Operating Officer | executive | operations
Chief Revenue Officer | executive | sales
Chief Executive Officer | executive | management
Managing Director | executive | -
Independent Director | executive | -
Board Director | executive | -
Assistant Vice President | manager | -
AVP, Operations | manager | operations
Assistant General Manager | manager | -
Vice Director | manager | -
Managing Partner | executive | -
Partner, Tax | executive | -
HR Business Partner | - | hr
Channel Partner Manager | manager | -
Partner Account Manager | manager | sales
Business Process Owner | - | -
Business Owner | executive | -
Lead Generation Specialist | senior | -
Lead Engineer | manager | engineering
Staff Software Engineer | senior | engineering
Distinguished Engineer | senior | engineering
Account Executive | staff | sales
Senior Account Executive | senior | sales
Marketing Executive | staff | marketing
Executive Director | executive | -
Telecommunications Engineer | staff | engineering
Communications Manager | manager | marketing
Career Counselor | - | -
General Counsel | executive | legal
Salesforce Administrator | staff | it
Sysadmin | staff | it
Network Administrator | staff | it
DevOps Engineer | staff | engineering
Brand Manager | manager | marketing
Market Research Manager | manager | marketing
Outsourcing Manager | manager | -
Trainee | staff | -
VP, Eng | director | engineering
"""


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_titles_are_read_as_people_read_them(row: str) -> None:
    """Seniority and function of a title; what nobody can tell stays unknown."""
    title, *wanted = (cell.strip() for cell in row.split("|"))
    assert [word or "-" for word in read(title)] == wanted


@pytest.mark.parametrize(
    "title, department, wanted",
    [
        ("課長", "情報システム部", ("manager", "it")), ("部長", "ＩＴ戦略部", ("head", "it")), ("Manager", "Finance", ("manager", "finance")),
        ("", "営業部", (None, "sales")), ("主任", "", ("senior", None)), ("Director", "Human Resources", ("director", "hr")),
        ("", "", (None, None)),
    ],
)  # fmt: skip
def test_the_department_tells_the_function(
    title: str, department: str, wanted: tuple[str | None, str | None]
) -> None:
    """Seniority is read in the title alone, function in both."""
    assert read(title, department) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "情報システム部　部長",
        " 情報システム部 部長 ",
        "情報システム部/部長",
        "【情報システム部】部長",
        "情報システム部 部長（兼務）",
    ],
)
def test_spacing_and_brackets_are_of_no_account(written: str) -> None:
    """Full-width spaces, slashes and brackets hide no title."""
    assert read(written) == ("head", "it")


@pytest.mark.parametrize(
    "one, other", [("ＣＩＯ", "cio"), ("マネージャー", "ﾏﾈｰｼﾞｬｰ"), ("VP SALES", "vp sales")]
)
def test_width_and_case_are_of_no_account(one: str, other: str) -> None:
    """The same title in other letters is the same title."""
    assert read(one) == read(other)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_read(title: str, department: str) -> None:
    """Whatever stands in a form's field gives known words or none, at once."""
    seniority, function = read(title, department)
    assert seniority is None or seniority in SENIORITIES
    assert function is None or function in FUNCTIONS
