"""Realistic canonical events, 500 to 700 bytes each, always the same for the same numbers."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

#: A Tuesday on which every rep in Japan is at work: 11:00 in Tokyo.
BUSINESS_NOW: Final = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

_FAMILY: Final = "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 松本 井上 木村".split()
_GIVEN: Final = "翔太 美咲 大輔 彩花 健一 陽子 直樹 由美 拓也 恵 誠 真由美 悠斗 結衣 隆 久美子".split()
_COMPANIES: Final = (
    "あおば製作所 みなと商事 さくら物流 北斗精機 青葉建設 東海食品 信州電子 瀬戸内化学".split()
)
_TITLES: Final = (
    ("情報システム部", "部長"), ("情報システム部", "課長"), ("情報システム部", "担当"), ("経理部", "部長"),
    ("経理部", "主任"), ("総務部", "課長"), ("人事部", "担当"), ("営業部", "課長"), ("営業部", "担当"),
    ("製造部", "工場長"), ("開発部", "エンジニア"), ("経営企画室", "室長"),
)  # fmt: skip
_REGIONS: Final = "東京都 神奈川県 大阪府 愛知県 福岡県 北海道 京都府 宮城県".split()
_EMPLOYEES: Final = (12, 45, 80, 120, 250, 320, 800, 1_200, 5_000)
_INDUSTRIES: Final = "製造業 卸売業 運輸業 建設業 情報通信業 小売業".split()
_CAMPAIGNS: Final = ("2026-autumn-expense-webinar", "search-brand", "expo-tokyo-2026", "partner-newsletter")
_DID: Final = {
    "page_view": 34, "whitepaper_download": 14, "email_open": 12, "email_click": 12, "case_study_view": 8,
    "webinar_registered": 6, "newsletter_signup": 4, "pricing_view": 4, "webinar_attended": 2,
    "form_submit": 2, "demo_request": 1, "contact_request": 1,
}  # fmt: skip
_KINDS: Final = tuple(_DID)
_WEIGHTS: Final = tuple(_DID.values())
_encode = msgspec.json.Encoder().encode


def event(lead: int, number: int, chance: random.Random, *, days: float, did: str | None = None) -> bytes:
    """Return one event of a lead as JSON.

    Args:
        lead: which lead; the profile follows from it.
        number: which event of the lead.
        chance: chooses what it did, and when.
        days: how far back it may lie.
        did: what it did, if that is not left to chance.

    """
    at = BUSINESS_NOW - timedelta(seconds=chance.uniform(1, days * 86_400))
    kind = did or chance.choices(_KINDS, _WEIGHTS)[0]
    return _encode(
        {
            "specversion": "1.0",
            "id": f"evt-{lead:08d}-{number:03d}",
            "source": "marketo",
            "type": "lead.captured" if number == 0 else "lead.activity",
            "time": at.isoformat(timespec="milliseconds"),
            "subject": f"mkto-{lead:08d}",
            "data": {**profile(lead), "activity": kind, "consent": {"email": True}},
        }
    )


def profile(lead: int) -> dict[str, Any]:
    """Return what a lead says of itself."""
    family, given = _FAMILY[lead % 16], _GIVEN[lead // 16 % 16]
    department, title = _TITLES[lead % 12]
    company = lead // 3
    return {
        "email": f"tanto.{lead:08d}@kaisha-{company:07d}.example.co.jp",
        "name": f"{family} {given}",
        "title": title,
        "department": department,
        "phone": f"+81-3-{lead % 9000 + 1000}-{lead // 7 % 9000 + 1000}",
        "company": f"株式会社{_COMPANIES[company % 8]}{company}",
        "employees": _EMPLOYEES[company % 9],
        "industry": _INDUSTRIES[company % 6],
        "country": "JP",
        "region": _REGIONS[company % 8],
        "campaign": _CAMPAIGNS[lead % 4],
        "page": f"https://www.kumiki.example/products/expense/{lead % 40}?utm_campaign={_CAMPAIGNS[lead % 4]}",
    }


def fresh(count: int, first_lead: int) -> Iterator[bytes]:
    """Yield one event of each of `count` leads."""
    chance = random.Random(first_lead)
    for lead in range(first_lead, first_lead + count):
        yield event(lead, 0, chance, days=0.1)


def many_a_lead(count: int, first_lead: int, a_lead: int) -> list[bytes]:
    """Return `count` events, `a_lead` of each lead and 5% of them twice, in random order."""
    chance = random.Random(first_lead)
    once = max(1, round(count / 1.05))
    found = [event(first_lead + at // a_lead, at % a_lead, chance, days=60) for at in range(once)]
    found += chance.choices(found, k=count - once)
    chance.shuffle(found)
    return found


def on_stored(stored: Sequence[int], first_lead: int) -> Iterator[bytes]:
    """Yield an event of each of the stored leads, and after each one of a new lead."""
    chance = random.Random(first_lead)
    for new, lead in enumerate(stored, start=first_lead):
        yield event(lead, new, chance, days=5)
        yield event(new, 0, chance, days=0.1)


def hand_raise(number: int, chance: random.Random) -> bytes:
    """Return an event that makes a new lead ready at once: a head of IT asks for a demo."""
    return event(PROBES + number * 12, 0, chance, days=0.01, did="demo_request")


#: Numbers of the leads that hand-raise events are of; those of others lie below.
PROBES: Final = 60_000_000
