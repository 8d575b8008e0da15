"""Whatever leads are called, each of a digest is told with its deadline and its acts, within its channel's limits."""

from typing import Any, Final

import msgspec
import pytest

from tests.worker.notices.bodies import NOW, a_body
from tests.worker.notices.reading import CHATS, posted
from worker.links import Wanted
from worker.notices.as_html import as_html
from worker.notices.as_slack import MAX_BLOCKS
from worker.notices.as_text import as_text
from worker.notices.planning import MOST_BY_CHANNEL, MOST_IN_DIGEST
from worker.notices.sheet import Sheet, make_sheet

ACTS: Final = ("accept", "decline", "contacted")
LONG: Final = {
    "usual": "さくら商事株式会社", "long": "長い名前の会社" * 20, "tags": "<!channel> [info] *b* `_`" * 15,
    "entities": "&" * 400, "markdown": "*" * 400, "astral": "\N{CJK UNIFIED IDEOGRAPH-20000}" * 400,
}  # fmt: skip
CHANNELS: Final = {
    channel: MOST_BY_CHANNEL.get(channel, MOST_IN_DIGEST) for channel in CHATS
}  # fmt: skip


def _url(act: str, number: int) -> str:
    """Return a link as long as real ones are."""
    return f"https://tasuki.example.com/l/{act}-{number:03}-".ljust(72, "x")


def _sheet(count: int, value: str) -> Sheet:
    """Return a notice of so many leads of whom everything is as long as may be, with every act."""
    named = {"ja": value, "en": value}
    said: dict[str, Any] = dict.fromkeys(
        ("name", "email", "phone", "company", "title", "department", "industry", "region", "campaign"), value
    ) | {"ready_name": named, "stage_name": named, "persona_name": named}  # fmt: skip
    bodies = [a_body(number=n, lead_id=1000 + n, **said) for n in range(1, count + 1)]
    links: dict[Wanted, str] = {
        (body["assignment_id"], "suzuki_haruka", act): _url(act, body["assignment_id"])
        for body in bodies for act in ACTS
    }  # fmt: skip
    return make_sheet(bodies, "digest:suzuki_haruka:17:1795485600000", "full", links, NOW)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _is_within(channel: str, document: Any) -> bool:
    """Tell whether a message is one that its maker takes."""
    if channel == "slack":
        sections = [
            block["text"]["text"]
            for block in document["blocks"]
            if block["type"] == "section" and "text" in block
        ]
        fields = [field["text"] for block in document["blocks"] for field in block.get("fields", [])]
        return (
            len(document["blocks"]) <= MAX_BLOCKS
            and all(len(text) <= 3_000 for text in sections)
            and all(len(text) <= 2_000 for text in fields)
        )
    if channel == "teams":
        return len(msgspec.json.encode(document)) <= 28_000
    if channel == "chatwork":
        return _units(document["body"][0]) <= 65_535
    text = document["messages"][0]["text"] if channel == "line" else document["body"]["text"]
    return _units(text) <= {"line": 5_000, "lineworks": 2_000}[channel]


@pytest.mark.parametrize("value", LONG)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_full_digest_holds_every_lead_with_its_deadline_and_acts(channel: str, value: str) -> None:
    """None is counted as told that was not: what is too long loses rows, and never a lead."""
    count = CHANNELS[channel]
    document = posted(channel, _sheet(count, LONG[value]))
    text = str(document)

    assert _is_within(channel, document)
    assert [n for n in range(1, count + 1) for act in ACTS if _url(act, n) not in text] == []
    assert text.count("2026年11月24日（火）11:30") == count
    assert "ほか" not in text
    if value == "usual":
        assert text.count("連絡先") == count


@pytest.mark.parametrize("value", LONG)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_single_lead_loses_rows_and_never_what_it_asks(channel: str, value: str) -> None:
    """However long its values are."""
    document = posted(channel, _sheet(1, LONG[value]))

    assert _is_within(channel, document)
    assert all(_url(act, 1) in str(document) for act in ACTS)
    assert "2026年11月24日（火）11:30" in str(document)


@pytest.mark.parametrize("value", LONG)
def test_a_full_digest_by_mail_is_shown_to_its_end(value: str) -> None:
    """Gmail hides what is behind 102 KB of HTML; the text beside it says all."""
    count = MOST_BY_CHANNEL["email"]
    sheet = _sheet(count, LONG[value])
    html, text = as_html(sheet), as_text(sheet)

    assert len(html.encode()) <= 102_000
    for drawn in (html, text):
        assert [n for n in range(1, count + 1) for act in ACTS if _url(act, n) not in drawn] == []
        assert "ほか" not in drawn
    assert html.count('class="card"') == count
    assert html.count("2026年11月24日（火）11:30") == count + 1  # and the line beside the subject
    assert text.count("連絡先:") == count


@pytest.mark.parametrize("channel", ["slack", "teams", "line", "lineworks"])
def test_what_has_no_room_even_so_is_named(channel: str) -> None:
    """A digest bound before this version may hold 50: the leads at its end are told by their numbers."""
    document = posted(channel, _sheet(50, LONG["long"]))
    text = str(document)
    whole = [n for n in range(1, 51) if all(_url(act, n) in text for act in ACTS)]
    named = [n for n in range(1, 51) if f"#{1000 + n}" in text]

    assert _is_within(channel, document)
    assert whole + named == list(range(1, 51))
    assert len(whole) >= CHANNELS[channel]
    assert f"ほか{len(named)}件" in text


def test_what_has_no_room_in_a_mail_is_named_there() -> None:
    """The text beside it has room for all."""
    sheet = _sheet(50, LONG["long"])
    html = as_html(sheet)
    whole = [n for n in range(1, 51) if all(_url(act, n) in html for act in ACTS)]
    named = [n for n in range(1, 51) if f"#{1000 + n}" in html]

    assert len(html.encode()) <= 102_000
    assert whole + named == list(range(1, 51))
    assert len(whole) >= MOST_BY_CHANNEL["email"]
    assert f"ほか{len(named)}件" in html
    assert [n for n in range(1, 51) for act in ACTS if _url(act, n) not in as_text(sheet)] == []


def test_who_is_short_keeps_what_is_said_of_them_beside_one_who_is_long() -> None:
    """The longest entry gives first."""
    mixed = make_sheet([a_body(number=1), a_body(number=2), a_body(number=3, name=LONG["long"] * 3, company=LONG["long"] * 3)],
                       "k", "full", {}, NOW)  # fmt: skip
    text = posted("lineworks", mixed)["body"]["text"]

    assert text.count("佐藤 花子 様（さくら商事株式会社）") == 2
    assert text.count("hanako.sato@sakura.example.co.jp") >= 2
