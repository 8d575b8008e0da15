"""Notices as `worker.notices.compose` writes them, to be drawn by tests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from schemas.rulebook.channels import PersonalData
from worker.links import Wanted
from worker.notices.sheet import Sheet, make_sheet

NOW: Final = datetime.fromisoformat("2026-11-24T11:00:00+09:00")


def _ms(hours_ago: float) -> int:
    return int((NOW - timedelta(hours=hours_ago)).timestamp() * 1000)


def _named(ja: str, en: str) -> dict[str, str]:
    return {"ja": ja, "en": en}


def a_body(
    lang: str = "ja", kind: str = "offer", clock: str = "accept", *, number: int = 17, because: str = "enterprise east / round_robin",
    **lead: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the body of a notice; what is said of the lead replaces the usual."""
    demo = {"kind": "demo_request", "at_ms": _ms(1), "name": _named("デモ依頼", "Demo request")}
    pricing = {"kind": "pricing_view", "at_ms": _ms(19), "name": _named("料金ページの閲覧", "Pricing page")}
    about = {
        "lead_id": 1001, "name": "佐藤 花子", "email": "hanako.sato@sakura.example.co.jp", "phone": "03-1234-5678",
        "company": "さくら商事株式会社", "title": "部長", "department": "情報システム部", "employees": 3000,
        "industry": "卸売", "country": "JP", "region": "東京都", "campaign": "秋の展示会", "fit_grade": "A",
        "engagement": 88.2, "buying_stage": "decision", "stage_name": _named("決定", "Decision"),
        "persona_name": _named("情報システムの決裁者", "IT decision maker"),
        "ready_because": "hand raise", "ready_name": _named("商談を希望している", "Asked to talk"),
        "activities": [{**demo, "count": 1}, {**pricing, "count": 4}],
        "interests": [{**demo, "points": 50}, {**pricing, "points": 38}],
        "hand_raise": demo, **lead,
    }  # fmt: skip
    return {
        "kind": kind, "to": {"rep": "suzuki_haruka", "name": _named("鈴木 遥", "Haruka Suzuki"), "language": lang},
        "assignment_id": number, "lead": about, "because": because,
        "why": {"rule": "enterprise east", "strategy": "round_robin",
                "pool": _named("エンタープライズ東日本", "Enterprise East")},
        "clock": clock, "policy": "hot", "policy_name": _named("最優先", "Hot"),
        "due_at": "2026-11-24T02:30:00+00:00", "time": "business", "left_s": 1800, "zone": "Asia/Tokyo",
        "at": NOW.isoformat(),
    }  # fmt: skip


def links_for(bodies: Sequence[dict[str, Any]]) -> dict[Wanted, str]:
    """Return a URL for every act."""
    return {
        (body["assignment_id"], body["to"]["rep"], what): f"https://tasuki.example.com/{what}/{body['assignment_id']}-token"
        for body in bodies for what in ("accept", "decline", "contacted")
    }  # fmt: skip


def a_sheet(*bodies: dict[str, Any], policy: PersonalData = "full", links: bool = True) -> Sheet:
    """Return the screen of a notice or of a digest."""
    told = list(bodies) or [a_body()]
    return make_sheet(told, "offer:17:suzuki_haruka:0:email", policy, links_for(told) if links else {}, NOW)
