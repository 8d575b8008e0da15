"""What notices say, in Japanese and English: as a colleague writes in business, not as a machine reports."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.base import Lang

#: Japanese, English.
Pair = tuple[str, str]

#: Of any one value so many characters are shown.
LINE_CHARS: Final = 300

SUBJECT: Final[dict[str, Pair]] = {
    "offer": ("【襷】新しいリード: {who}", "[Tasuki] New lead: {who}"),
    "warning": ("【襷】まもなく期限です: {who}", "[Tasuki] Due soon: {who}"),
    "reminder": ("【襷】期限を過ぎています: {who}", "[Tasuki] Overdue: {who}"),
    "breach": ("【襷】期限までに対応がありませんでした: {who}", "[Tasuki] Missed deadline: {who}"),
    "withdrawn": ("【襷】担当から外れました: {who}", "[Tasuki] No longer yours: {who}"),
    "moved": ("【襷】期限が早まりました: {who}", "[Tasuki] Due sooner than said: {who}"),
    "escalation": ("【襷】未対応のリードがあります: {who}", "[Tasuki] Nobody has acted yet: {who}"),
    "claim_open": ("【襷】早い者勝ちのリード: {who}", "[Tasuki] Open to claim: {who}"),
    "claimed": ("【襷】ご担当が決まりました: {who}", "[Tasuki] Yours now: {who}"),
    "claim_over": ("【襷】受付が終わりました: {who}", "[Tasuki] No longer open to claim: {who}"),
    "rep_left": ("【襷】離任した担当者のリード: {who}", "[Tasuki] Held by a rep who left: {who}"),
    "digest": ("【襷】お知らせ {count}件: {what}", "[Tasuki] {count} notices: {what}"),
}
#: The kind as a mark beside the name.
MARK: Final[dict[str, Pair]] = {
    "offer": ("新しいリード", "New lead"),
    "warning": ("まもなく期限", "Due soon"),
    "reminder": ("期限超過", "Overdue"),
    "breach": ("期限までに対応なし", "Missed deadline"),
    "withdrawn": ("担当変更", "No longer yours"),
    "moved": ("期限の変更", "Due sooner"),
    "escalation": ("未対応", "Nobody has acted"),
    "claim_open": ("早い者勝ち", "Open to claim"),
    "claimed": ("ご担当", "Yours now"),
    "claim_over": ("受付終了", "No longer open"),
    "rep_left": ("担当者の離任", "Rep has left"),
    "digest": ("お知らせ", "Notices"),
}
INTRO: Final[dict[str, Pair]] = {
    "offer.accept": (
        "新しいリードのご担当をお願いいたします。期限までに、引き受けるか辞退するかをお知らせください。",
        "You have a new lead. Please accept or decline it before it is due.",
    ),
    "warning.accept": (
        "回答の期限が近づいています。引き受けるか辞退するかをお知らせください。",
        "Your answer is due soon. Please accept or decline this lead.",
    ),
    "warning.contact": (
        "初回のご連絡の期限が近づいています。ご連絡がお済みでしたら、「連絡済み」をお知らせください。",
        "Your first contact is due soon. If you have made it, please say so.",
    ),
    "reminder.accept": (
        "回答の期限を過ぎています。お手数ですが、至急ご対応をお願いいたします。",
        "Your answer is overdue. Please accept or decline this lead now.",
    ),
    "reminder.contact": (
        "初回のご連絡の期限を過ぎています。お手数ですが、至急ご対応をお願いいたします。",
        "Your first contact is overdue. Please make it now.",
    ),
    "breach.accept": (
        "次のリードについて、期限までに担当者の回答がありませんでした。ご確認をお願いいたします。",
        "Nobody answered this lead in time. Please have a look.",
    ),
    "breach.contact": (
        "次のリードについて、期限までに初回のご連絡が行われませんでした。ご確認をお願いいたします。",
        "This lead was not contacted in time. Please have a look.",
    ),
    "warning.follow_up": (
        "再度のご連絡の期限が近づいています。ご連絡の結果をお知らせください。",
        "Your next attempt is due soon. Please make it, and say how it went.",
    ),
    "reminder.follow_up": (
        "再度のご連絡の期限を過ぎています。お手数ですが、至急ご対応をお願いいたします。",
        "Your next attempt is overdue. Please make it now.",
    ),
    "breach.follow_up": (
        "次のリードについて、期限までに再度のご連絡が行われませんでした。ご確認をお願いいたします。",
        "The next attempt to reach this lead was not made in time. Please have a look.",
    ),
    "moved": (
        "予定の変更により、期限が早まりました。ご確認をお願いいたします。",
        "A change of calendar or promise makes this due sooner than you were told.",
    ),
    "escalation": (
        "次のリードは、まだ対応されていません。ご確認をお願いいたします。",
        "Nobody has acted on this lead yet. Please have a look.",
    ),
    "claim_open": (
        "最初にお引き受けくださった方のご担当になります。",
        "The first to claim this lead gets it.",
    ),
    "claimed": (
        "次のリードはご担当になりました。期限までに初回のご連絡をお願いいたします。",
        "This lead is yours. Please make first contact before it is due.",
    ),
    "claim_over": (
        "次のリードの受付は終わりました。ご対応の必要はございません。",
        "This lead can no longer be claimed. There is nothing for you to do.",
    ),
    "rep_left": (
        "離任した担当者が、次のリードを引き受けたままになっています。引き継ぎをお願いいたします。",
        "A rep who left had accepted this lead. Please decide who goes on with it.",
    ),
    "withdrawn": (
        "次のリードはご担当から外れました。ご対応の必要はございません。",
        "This lead is no longer yours. There is nothing for you to do.",
    ),
    "digest": (
        "お知らせが重なりましたので、{count}件をまとめてお送りします。",
        "Several things came at once, so here are {count} notices in one.",
    ),
}
LABEL: Final[dict[str, Pair]] = {
    "who": ("お客様", "Who"),
    "company": ("会社", "Company"),
    "contact": ("連絡先", "Contact"),
    "due": ("期限", "Due"),
    "why_now": ("なぜ今か", "Why now"),
    "why_you": ("ご担当の理由", "Why you"),
    "why_told": ("お知らせの理由", "Why you"),
    "say": ("最初のひとこと", "What to say first"),
    "did": ("最近の行動", "Last activities"),
    "stage": ("検討段階", "Buying stage"),
    "interests": ("関心", "Interests"),
    "rep": ("担当者", "Rep"),
    "reason": ("理由", "Reason"),
}
ACTION: Final[dict[str, Pair]] = {
    "accept": ("引き受ける", "Accept"),
    "decline": ("辞退する", "Decline"),
    "contacted": ("連絡済みにする", "I made contact"),
}
#: Of a lead that is open to a claim, which nobody has claimed yet.
OPEN_TO_YOU: Final[Pair] = (
    "「{pool}」のご担当で、ただいま勤務時間中のためです",
    "It is open to you: you are in {pool} and at work",
)
ENDED: Final[dict[str, Pair]] = {
    "declined": ("辞退されたため", "It was declined"),
    "accept_breached": ("期限までに引き受けられなかったため", "It was not accepted in time"),
    "contact_breached": ("期限までに初回のご連絡がなかったため", "It was not contacted in time"),
    "follow_up_breached": ("期限までに再度のご連絡がなかったため", "The next attempt was not made in time"),
    "rep_away": ("ご不在のため", "You are away"),
    "rep_left": ("担当を離れられたため", "You left the team"),
    "recycled": ("マーケティングの育成に戻ったため", "It went back to nurture"),
    "disqualified": ("対象外と判断されたため", "It was disqualified"),
    "merged": ("重複していたリードと統合されたため", "It was merged with a duplicate"),
    "erased": ("情報の削除を求められたため", "Its data were erased on request"),
}
SAY_RAISED: Final[Pair] = (
    "「{what}」をいただいています（{when}）。まずお礼をお伝えし、ご都合のよい日時をうかがってください。",
    "They sent a “{what}” ({when}): thank them, and agree on a time to talk.",
)
SAY_INTEREST: Final[Pair] = (
    "最近の「{what}」（{when}）を糸口に、ご検討の状況をうかがってください。",
    "Start from “{what}” ({when}), and ask where they stand.",
)
GREETING: Final[Pair] = ("{name} 様\n\nお疲れさまです。{intro}", "Hello {name},\n\n{intro}")
FOOTER: Final[Pair] = (
    "このメッセージは襷 (Tasuki) が自動でお送りしています。通知番号 {key}",
    "Sent by Tasuki. Notice {key}",
)
NUMBER: Final[Pair] = ("リード #{lead_id}", "Lead #{lead_id}")
REST: Final[Pair] = (
    "ほか{count}件は、ここには収まりませんでした。リード {numbers}",
    "and {count} more, for which there is no room here: lead {numbers}",
)
COMMANDS: Final[Pair] = ("ご回答はコマンドでお願いいたします", "To answer, run")
HIDDEN: Final[Pair] = (
    "個人情報はこのチャネルでは表示しません。",
    "This channel shows no personal data.",
)
_WEEKDAYS: Final = "月火水木金土日"
#: The zone that a Japanese reader takes for granted.
_HOME: Final = "Asia/Tokyo"
_MINUTE: Final = 60
_HOUR: Final = 3_600
#: Up to so many minutes are said in minutes.
_LONG_MINUTES: Final = 90


def say(pair: Pair, lang: Lang, **values: Any) -> str:
    """Return a text in the reader's language."""
    text = pair[0] if lang == "ja" else pair[1]
    return text.format(**values) if values else text


def line(value: Any) -> str:
    """Return a value as one line of text, without control characters: a name cannot add a mail header."""
    return "".join(ch if ch.isprintable() else " " for ch in str(value))[:LINE_CHARS]


def named(name: dict[str, str] | None, lang: Lang, fallback: Any = None) -> str | None:
    """Return a name that is kept in both languages."""
    if name is None:
        return None if fallback is None else str(fallback)
    return name[lang]


def day_time(at: datetime, zone: str, lang: Lang) -> str:
    """Return an instant with year and weekday as its reader says it: `2026年11月24日（火）11:15`."""
    local = at.astimezone(ZoneInfo(zone))
    if lang == "ja":
        text = f"{local.year}年{local.month}月{local.day}日（{_WEEKDAYS[local.weekday()]}）{local:%H:%M}"
        return text if zone == _HOME else f"{text}（{zone.rpartition('/')[2].replace('_', ' ')}時間）"
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} ({local:%Z})"


def short_time(at: datetime, zone: str, lang: Lang, now: datetime) -> str:
    """Return an instant of the past, to stay on one line: `11/23 16:20`, `23 Nov 16:20`; with another year than now's."""
    local = at.astimezone(ZoneInfo(zone))
    is_other = local.year != now.astimezone(local.tzinfo).year
    if lang == "ja":
        text = f"{f'{local.year}/' if is_other else ''}{local.month}/{local.day} {local:%H:%M}"
    else:
        text = f"{local.day} {local:%b}{f' {local.year},' if is_other else ''} {local:%H:%M}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def span(seconds: float, lang: Lang, *, business: bool) -> str:
    """Return a time that is left: `あと30分（営業時間）`, `in 30 business minutes`."""
    minutes = max(round(seconds / _MINUTE), 0)
    hours, rest = divmod(minutes, _MINUTE)
    if lang == "ja":
        long = f"{hours}時間{f'{rest}分' if rest else ''}" if hours else f"{minutes}分"
        return f"営業時間であと{long}" if business else f"あと{long}"
    kind = "business " if business else ""
    if minutes <= _LONG_MINUTES and minutes != _MINUTE:
        return f"in {minutes} {kind}minute{'' if minutes == 1 else 's'}"
    if not rest:
        return f"in {hours} {kind}hour{'' if hours == 1 else 's'}"
    return f"in {hours} h {rest} min" + (" of business time" if business else "")


def times(count: int, lang: Lang) -> str:
    """Return how often, when it was more than once."""
    if count < 2:  # noqa: PLR2004 - once goes without saying
        return ""
    return f" {count}回" if lang == "ja" else f" ×{count}"


def joined(parts: list[str], lang: Lang) -> str:
    """Return parts of one line."""
    return ("・" if lang == "ja" else ", ").join(parts)
