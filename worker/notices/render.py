"""A notice in words: subject and text, in the receiver's language. Text is data: nothing in it acts."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

_SUBJECT: Final = {
    "offer": ("【襷】新しいリード: {who}", "[Tasuki] New lead: {who}"),
    "warning": ("【襷】まもなく期限です: {who}", "[Tasuki] Due soon: {who}"),
    "reminder": ("【襷】期限を過ぎました: {who}", "[Tasuki] Overdue: {who}"),
    "moved": ("【襷】期限が早まりました: {who}", "[Tasuki] Due sooner than said: {who}"),
    "escalation": ("【襷】未対応のエスカレーション: {who}", "[Tasuki] Escalation, nobody has acted: {who}"),
    "breach": ("【襷】SLA違反の報告: {who}", "[Tasuki] SLA breach: {who}"),
    "withdrawn": ("【襷】担当が変わりました: {who}", "[Tasuki] No longer yours: {who}"),
    "claim_open": ("【襷】早い者勝ちのリード: {who}", "[Tasuki] Open to claim: {who}"),
    "claimed": ("【襷】あなたが担当です: {who}", "[Tasuki] Yours now: {who}"),
    "claim_over": ("【襷】受付が終わりました: {who}", "[Tasuki] No longer open to claim: {who}"),
    "rep_left": ("【襷】退任者が持つリード: {who}", "[Tasuki] Held by a rep who left: {who}"),
}
_LABELS: Final = {
    "who": ("お客様", "Who"),
    "company": ("会社", "Company"),
    "title": ("役職", "Title"),
    "contact": ("連絡先", "Contact"),
    "why_now": ("なぜ今", "Why now"),
    "why_you": ("なぜあなたに", "Why you"),
    "score": ("適合度・関心・段階", "Fit, engagement, stage"),
    "did": ("最近の行動", "Last activities"),
    "due": ("期限", "Due"),
    "act": ("操作", "To answer"),
    "rep": ("担当", "Rep"),
}


def _line(value: Any) -> str:
    """Return a value as one line of text, without control characters: a name cannot add a mail header."""
    return "".join(ch if ch.isprintable() else " " for ch in str(value))[:300]


def render(body: dict[str, Any]) -> tuple[str, str]:
    """Return subject and plain text of a notice, in the language of its receiver."""
    column = 0 if body["to"]["language"] == "ja" else 1
    lead = body["lead"]
    who = " / ".join(_line(part) for part in (lead.get("name"), lead.get("company")) if part)
    subject = _SUBJECT[body["kind"]][column].format(who=who or f"#{lead['lead_id']}")
    rows = [
        ("who", lead.get("name")),
        ("company", lead.get("company")),
        ("title", " ".join(part for part in (lead.get("department"), lead.get("title")) if part)),
        ("contact", " ".join(part for part in (lead.get("email"), lead.get("phone")) if part)),
        ("why_now", lead.get("ready_because")),
        ("why_you", body.get("because")),
        ("score", _score(lead)),
        ("did", ", ".join(_activity(item, body["zone"]) for item in lead.get("activities", []))),
        ("due", _local(body.get("due_at"), body["zone"])),
        ("rep", lead.get("rep")),
    ]
    if body["kind"] in ("offer", "warning", "reminder", "moved"):
        number = body["assignment_id"]
        rows.append(
            ("act", f"tasuki handoff accept {number} | decline {number} --reason CODE | contacted {number}")
        )
    elif body["kind"] == "claim_open":
        rows.append(("act", f"tasuki handoff claim {lead['lead_id']} --rep {body['to']['rep']}"))
    lines = [f"{_LABELS[name][column]}: {_line(value)}" for name, value in rows if value]
    return _line(subject), "\n".join(lines) + "\n"


def _score(lead: dict[str, Any]) -> str | None:
    if lead.get("fit_grade") is None:
        return None
    return f"{lead['fit_grade']} / {lead.get('engagement')} / {lead.get('buying_stage')}"


def _activity(item: dict[str, Any], zone: str) -> str:
    at = datetime.fromtimestamp(item["at_ms"] / 1000, ZoneInfo(zone))
    return f"{item['kind']} ({at:%m-%d %H:%M})"


def _local(due_at: str | None, zone: str) -> str | None:
    return (
        None
        if due_at is None
        else f"{datetime.fromisoformat(due_at).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
    )
