"""The lead in one screen: who, why you, why now, what to say first, due when; in the reader's language."""

from datetime import timedelta
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from schemas.rulebook.channels import PersonalData
from tests.worker.notices.bodies import NOW, a_body, a_sheet
from worker.notices.as_html import as_html
from worker.notices.as_slack import MAX_BLOCKS, as_slack
from worker.notices.as_teams import as_teams
from worker.notices.as_text import as_text
from worker.notices.mail import make_mail
from worker.notices.sheet import make_sheet
from worker.notices.words import ENDED

HOSTILE = "<img src=x onerror=alert(1)>\"&' <!channel> [info] *b* <https://evil.example|here> [x](https://evil.example)"


def test_an_offer_in_japanese_says_all_that_a_call_needs() -> None:
    """Who, why now, why you, what to say first, until when, and how to answer."""
    text = as_text(a_sheet())

    for said in (
        "鈴木 遥 様", "佐藤 花子 様（さくら商事株式会社）", "情報システム部 部長", "従業員 3,000名・卸売・東京都",
        "2026年11月24日（火）11:30", "営業時間であと30分", "商談を希望している（デモ依頼、11/24\N{NO-BREAK SPACE}10:00）",
        "料金ページの閲覧 4回", "まずお礼をお伝えし", "決定（適合 A、関心度 88）", "「エンタープライズ東日本」で順番が回ってきたためです",
        "引き受ける: https://tasuki.example.com/accept/17-token", "連絡済みにする: https://tasuki.example.com/contacted/17-token",
    ):  # fmt: skip
        assert said in text


def test_an_offer_in_english_says_the_same() -> None:
    """An English reader gets English throughout, but for what the lead wrote."""
    text = as_text(a_sheet(a_body("en", name="Grace Tan", company="Merlion Pte Ltd", department=None, title="CIO",
                                  industry="Logistics", region=None, country="SG", campaign=None)))  # fmt: skip

    for said in (
        "Hello Haruka Suzuki,", "Grace Tan (Merlion Pte Ltd)", "3,000 employees, Logistics, SG",
        "Tue 24 Nov 2026, 11:30 (JST)", "in 30 business minutes", "Asked to talk (Demo request, 24 Nov 10:00)",
        "Pricing page ×4", "It is your turn in Enterprise East", "Accept: https://tasuki.example.com/accept/17-token",
    ):  # fmt: skip
        assert said.replace("24 Nov 10:00", "24\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}10:00") in text
    assert all(ord(ch) < 0x3000 for ch in text)


@pytest.mark.parametrize(
    "lang, same, last",
    [
        ("ja", ("デモ依頼、11/24 10:00）", "（11/24 10:00）", "11/23 16:00　料金"), ("デモ依頼、2026/11/24 10:00）", "（2026/11/24 10:00）", "2026/11/23 16:00　料金")),
        ("en", ("request, 24 Nov 10:00)", "(24 Nov 10:00)", "23 Nov 16:00  Pricing"), ("request, 24 Nov 2026, 10:00)", "(24 Nov 2026, 10:00)", "23 Nov 2026, 16:00  Pricing")),
    ],
)  # fmt: skip
def test_what_was_done_in_another_year_is_told_with_the_year(
    lang: str, same: tuple[str, ...], last: tuple[str, ...]
) -> None:
    """A notice of January does not make last year's visit one that is still to come."""
    for days, told in ((0, same), (38, last)):
        now = NOW + timedelta(days=days)
        text = as_text(make_sheet([a_body(lang)], "k", "full", {}, now)).replace("\N{NO-BREAK SPACE}", " ")
        for said in told:
            assert said in text


@pytest.mark.parametrize("lang, true", [("ja", "以前のご担当"), ("en", "had this person before")])
def test_a_former_owner_is_not_told_that_the_account_is_theirs(lang: Any, true: str) -> None:
    """`owner` gives a lead to the account's owner, and to who had the person before."""
    body = a_body(lang)
    body["why"] = {**body["why"], "strategy": "owner"}
    assert true in as_text(make_sheet([body], "k", "full", {}, NOW))


def test_what_is_left_is_told_only_while_it_is_true() -> None:
    """A notice that was held up names the instant alone."""
    late = make_sheet([a_body()], "k", "full", {}, NOW + timedelta(minutes=10))

    assert "あと30分" not in as_text(late)
    assert "2026年11月24日（火）11:30" in as_text(late)


def test_without_links_the_command_is_told() -> None:
    """Somebody without a page to press on still knows how to answer."""
    text = as_text(a_sheet(links=False))

    assert "tasuki handoff accept 17 | decline 17 --reason CODE | contacted 17" in text


@pytest.mark.parametrize("kind", ["warning", "reminder"])
@pytest.mark.parametrize("clock, first", [("accept", "accept"), ("contact", "contacted")])
def test_a_running_clock_offers_what_ends_it(kind: str, clock: str, first: str) -> None:
    """The first button is the one that meets the clock."""
    sheet = a_sheet(a_body(kind=kind, clock=clock))

    assert sheet.entries[0].actions[0].url.split("/")[-2] == first
    assert sheet.entries[0].actions[0].style == "primary"


@pytest.mark.parametrize(
    "because", ["declined", "accept_breached", "contact_breached", "merged", "disqualified"]
)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_who_lost_a_lead_is_told_why_and_nothing_else(because: str, lang: str) -> None:
    """Their address and number go no further than they must."""
    text = as_text(a_sheet(a_body(lang, "withdrawn", because=because)))

    assert ENDED[because][lang == "en"] in text
    assert "hanako" not in text
    assert "03-1234" not in text
    assert "https://" not in text


@pytest.mark.parametrize("draw", [as_text, as_html, lambda s: str(as_slack(s)), lambda s: str(as_teams(s))])
@pytest.mark.parametrize(
    "shows, hidden",
    [
        ("none", ["花子", "さくら", "hanako", "03-1234", "部長", "東京都", "展示会", "料金"]),
        ("name_and_company", ["hanako", "03-1234", "部長"]),
    ],
)  # fmt: skip
def test_a_channel_shows_what_its_policy_allows(draw: Any, shows: PersonalData, hidden: list[str]) -> None:
    """Whatever draws it, from the subject to the footer."""
    sheet = a_sheet(policy=shows)
    drawn = sheet.subject + draw(sheet)

    assert [word for word in hidden if word in drawn] == []
    assert ("1001" if shows == "none" else "花子") in drawn


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [
            str(value)
            for name, value in attrs
            if name in ("src", "href", "background") or name.startswith("on")
        ]


def test_nothing_that_a_lead_said_acts_in_a_mail() -> None:
    """A name stays text: no tag, no handler, no address from outside, and nothing is loaded on opening."""
    sheet = a_sheet(a_body(name=HOSTILE, company=HOSTILE, title=HOSTILE, campaign=HOSTILE))
    html = as_html(sheet)
    seen = _Elements()
    seen.feed(html)

    assert seen.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "table",
        "tr",
        "td",
        "p",
        "span",
        "a",
        "br",
    }
    assert all(source.startswith("https://tasuki.example.com/") for source in seen.sources)
    assert "url(" not in html
    assert "&lt;img src=x" in html


def test_nothing_that_a_lead_said_acts_in_slack() -> None:
    """Nobody pings a channel or makes a link by their name."""
    payload = as_slack(a_sheet(a_body(name=HOSTILE, company=HOSTILE, campaign=HOSTILE)))
    marked = [
        part["text"] for block in payload["blocks"]
        for part in [block.get("text"), *block.get("fields", [])] if part and part["type"] == "mrkdwn"
    ]  # fmt: skip

    assert not any("<" in text or ">" in text for text in [payload["text"], *marked])
    assert any("&lt;!channel&gt;" in text for text in [payload["text"], *marked])


def test_nothing_that_a_lead_said_acts_in_teams() -> None:
    """Markdown of a name is escaped."""
    card = msgspec.json.encode(as_teams(a_sheet(a_body(name=HOSTILE)))["attachments"]).decode()

    assert "[x](https" not in card


@pytest.mark.parametrize("count", [2, 12, 50])
def test_a_digest_fits_the_limits_of_each_channel(count: int) -> None:
    """Slack takes 50 blocks and Teams 28 KB; what does not fit is counted, not forgotten."""
    sheet = a_sheet(*(a_body(number=n, company="長い名前の会社" * 20) for n in range(1, count + 1)))
    slack = as_slack(sheet)

    assert f"{count}件" in sheet.subject
    assert len(slack["blocks"]) <= MAX_BLOCKS
    assert len(msgspec.json.encode(as_teams(sheet))) <= 28_000
    shown = sum("新しいリード: " in str(block) for block in slack["blocks"])
    assert shown == count or f"ほか{count - shown}件" in str(slack["blocks"])
    assert as_text(sheet).count("期限:") == count


@pytest.mark.parametrize("length", [100, 200])
def test_a_name_is_told_to_its_end_in_slack(length: int) -> None:
    """Slack's header takes 150 characters; a longer one stands in a section."""
    name = "名" * (length - 1) + "末"
    payload = as_slack(a_sheet(a_body(name=name)))

    assert f"新しいリード: {name} 様 / さくら商事株式会社" in str(payload["blocks"])
    assert all(len(block["text"]["text"]) <= 150 for block in payload["blocks"] if block["type"] == "header")


def test_a_mail_has_both_forms_and_a_clean_subject() -> None:
    """Programs choose; a line break in a name makes no header; out-of-office answers stay away."""
    mail = make_mail("haruka@example.co.jp", "k", a_sheet(a_body(name="A\r\nBcc: all@example.com")), NOW)

    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "A  Bcc: all@example.com" in str(mail["Subject"]).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("length", range(1, 60))
def test_a_long_subject_keeps_its_spaces(length: int) -> None:
    """Wherever the header is folded."""
    sheet = a_sheet(a_body(name="大塚 優子", company="初" * length + " 百貨店"))
    sent = make_mail("haruka@example.co.jp", "k", sheet, NOW).as_bytes(policy=policy.SMTP)
    read = str(message_from_bytes(sent, policy=policy.default)["Subject"])

    assert read.replace("\N{NO-BREAK SPACE}", " ") == sheet.subject


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("kind", ["offer", "warning", "reminder", "breach", "withdrawn"])
def test_a_lead_of_whom_little_is_known_is_told_by_what_there_is(lang: str, kind: str) -> None:
    """No empty label, no None, no placeholder."""
    nothing: dict[str, Any] = dict.fromkeys((
        "name", "email", "phone", "company", "title", "department", "employees", "industry", "country", "region",
        "campaign", "fit_grade", "engagement", "buying_stage", "stage_name", "persona_name", "ready_because",
        "ready_name", "activities", "interests", "hand_raise",
    ))  # fmt: skip
    sheet = a_sheet(a_body(lang, kind, **nothing))

    assert "1001" in sheet.subject
    assert all(row.lines for entry in sheet.entries for row in entry.rows)
    assert "None" not in as_text(sheet) + as_html(sheet) + str(as_slack(sheet))


def test_a_notice_of_an_older_version_can_still_be_drawn() -> None:
    """What waits in the outbox over an upgrade is told in the new form."""
    old = {
        "kind": "offer", "to": {"rep": "a", "name": {"ja": "名", "en": "name"}, "language": "ja"}, "assignment_id": 3,
        "lead": {"lead_id": 5, "name": "山田", "email": "y@example.com", "phone": None, "company": None, "title": None,
                 "department": None, "activities": [{"kind": "page_view", "at_ms": 1_795_485_600_000}],
                 "persona": "it", "fit_grade": "B", "engagement": 10.0, "buying_stage": "interest",
                 "ready_because": "hand raise"},
        "because": "rule / owner", "policy": "hot", "due_at": None, "zone": "Asia/Tokyo",
    }  # fmt: skip
    text = as_text(make_sheet([old], "k", "full", {}, NOW))

    assert "山田 様" in text
    assert "rule / owner" in text
