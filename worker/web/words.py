"""What pages say, in Japanese and English."""

from collections.abc import Mapping
from typing import Final

from schemas.base import Lang

_BOTH: Final[dict[str, tuple[str, str]]] = {
    "brand": ("襷 Tasuki", "Tasuki 襷"),
    # the lead
    "who": ("お客様", "Who"),
    "unnamed": ("（お名前未登録）", "(name not known)"),
    "company": ("会社", "Company"),
    "title": ("部署・役職", "Department, title"),
    "why_you": ("なぜあなたに", "Why you"),
    "why_now": ("なぜ今", "Why now"),
    "judged": ("評価", "Judged"),
    "did": ("最近の行動", "Lately"),
    "due": ("期限", "Due"),
    "overdue": ("期限を過ぎています", "overdue"),
    "contact": ("連絡先", "Contact"),
    "contact.closed": ("今は使えない連絡手段", "Not to be used now"),
    "number": ("割り当て番号", "Assignment"),
    "hidden.who": ("リード #{lead}（このリンクが届いたチャネルでは個人情報を表示しません）", "Lead #{lead} (the channel of this link shows no personal data)"),
    "hidden.contact": ("このリンクが届いたチャネルでは表示しません。CRMでリード #{lead} をご確認ください。", "Not shown by the channel of this link: look up lead #{lead} in the CRM."),
    # what a link asks
    "accept.title": ("このリードを引き受けますか", "Accept this lead?"),
    "accept.button": ("引き受ける", "Accept"),
    "accept.hint": ("引き受けると、初回連絡の期限が始まります。", "Accepting starts the clock for first contact."),
    "contacted.title": ("初回連絡を記録しますか", "Record first contact?"),
    "contacted.button": ("連絡済みにする", "I made contact"),
    "contacted.hint": ("初回連絡の期限はここで終わります。", "This ends the clock for first contact."),
    "contacted.also": ("まだ引き受けていないため、同時に引き受けます。", "The lead is not accepted yet: this accepts it as well."),
    "contacted.later": ("連絡が済んだら、ここから記録してください。リンクはこのページにだけあります。", "Once you have made contact, record it here. This page alone has the link."),
    "decline.title": ("このリードを辞退しますか", "Decline this lead?"),
    "decline.button": ("辞退する", "Decline"),
    "decline.hint": ("選んだ理由により、次の担当・育成・対象外のいずれかへ進みます。", "By its reason the lead goes to the next rep, back to nurture, or out."),
    "recycle.title": ("このリードを差し戻しますか", "Hand this lead back?"),
    "recycle.button": ("差し戻す", "Hand back"),
    "recycle.hint": ("すでに引き受けているため、辞退ではなく差し戻しになります。", "You accepted it before, so this hands it back."),
    "reason": ("理由", "Reason"),
    "choose": ("選んでください", "Choose one"),
    "note": ("補足（任意）", "In your own words (optional)"),
    "then.next_rep": ("次の担当へ", "to the next rep"),
    "then.nurture": ("育成に戻す", "back to nurture"),
    "then.disqualify": ("対象外にする", "out"),
    "nothing_yet": ("このページを開いただけでは何も起こりません。", "Opening this page has changed nothing."),
    # what was done
    "accept.done": ("引き受けました", "Accepted"),
    "contacted.done": ("連絡済みとして記録しました", "Contact recorded"),
    "decline.done": ("辞退しました", "Declined"),
    "recycle.done": ("差し戻しました", "Handed back"),
    "next": ("次にすること", "What comes next"),
    "next.contact_by": ("{at} までに連絡してください。", "Make contact by {at}."),
    "next.contact": ("お客様に連絡してください。", "Make contact."),
    "next.contacted": ("このリードに動いている期限はありません。商談になったらCRMに記録してください。", "No clock runs for this lead any more. Record the opportunity in the CRM when there is one."),
    "next.next_rep": ("次の担当に渡ります。", "The lead goes to the next rep."),
    "next.nurture": ("育成に戻りました。", "The lead is back in nurture."),
    "next.disqualify": ("対象外になりました。", "The lead is out."),
    "next.nothing": ("このリードについてすることはもうありません。", "There is nothing left for you to do."),
    # why a link cannot act
    "used": ("このリンクは使用済みです", "This link was used"),
    "used.words": ("{at} に使われました。リンクは一度だけ使えます。", "It was used at {at}. A link works once."),
    "done": ("すでに済んでいます", "This is done already"),
    "done.words": ("別の方法で {at} に記録されました。", "It was recorded another way, at {at}."),
    "expired": ("このリンクは期限切れです", "This link has expired"),
    "expired.words": ("{at} に期限が切れました。リードはまだあなたの担当です。コマンドまたはAPIで回答してください。", "It expired at {at}. The lead is still yours: answer by command or by the API."),
    "overtaken": ("このリードはもうあなたの担当ではありません", "This lead is no longer yours"),
    "overtaken.words": ("{at} に終わりました（{how}）。", "It ended at {at}: {how}."),
    "no_rep": ("この担当者は現在登録されていません", "This rep is not active"),
    "no_rep.words": ("ルールブックで有効な担当者ではないため、リンクは使えません。", "The rulebook has no active rep of that name, so the link cannot be used."),
    "forged": ("このリンクは存在しません", "There is no such link"),
    "forged.words": ("途中で切れているか、古すぎるか、間違っています。お知らせのリンク全体を開いてください。", "It is cut off, too old, or wrong. Open the whole link as it stands in the notice."),
    "nothing_changed": ("何も変更されていません。", "Nothing was changed."),
    "now.with": ("現在の担当: {rep}", "It is now with {rep}."),
    "now.elsewhere": ("現在は別のプールの担当者が持っています。", "It is now with a rep of another pool."),
    "now.waits": ("次の担当を待っています。", "It waits for the next rep."),
    "now.away": ("現在は営業の担当から外れています。", "It is no longer with sales."),
    # how an assignment ended
    "end.declined": ("辞退", "declined"),
    "end.recycled": ("差し戻し", "handed back"),
    "end.accept_breached": ("期限内に引き受けられなかった", "not accepted in time"),
    "end.contact_breached": ("期限内に連絡されなかった", "not contacted in time"),
    "end.disqualified": ("対象外", "disqualified"),
    "end.won": ("受注", "won"),
    "end.lost": ("失注", "lost"),
    "end.merged": ("別のリードと統合", "merged into another lead"),
    "end.erased": ("消去", "erased"),
    "end.other": ("担当替え", "passed on"),
    # what went wrong with a form
    "stale": ("ページが古いか、別のページから送られました。内容を確かめて、もう一度押してください。", "The page was too old, or the form came from elsewhere. Look again, and press once more."),
    "reason_needed": ("理由を選んでください。", "Choose a reason."),
    "note_long": ("補足は1,000文字までです。", "At most 1,000 characters, please."),
    "quota": ("本日辞退できる件数（{quota}件）に達しました。{at} に再び辞退できます。リードはあなたの担当のままです。", "You have declined {quota} today, and no more can be. You can again from {at}. The lead stays with you."),
    "deal_open": ("CRMで商談が進行中のため、リードを戻せません。CRMで商談を失注にするか、担当者を変更してください。", "The CRM has an opportunity of this lead open, so it cannot be handed back. Set it to lost in the CRM, or give it to a colleague there."),
    "quota.never": ("このプールのリードは辞退できません。リードはあなたの担当のままです。", "Leads of this pool cannot be declined. The lead stays with you."),
    "refused": ("実行できませんでした。", "It could not be done."),
    # other pages
    "error": ("うまくいきませんでした", "That did not work"),
    "away": ("ただいま利用できません。少し待ってからもう一度お試しください。何も変更されていません。", "Not available just now. Wait a moment and try again. Nothing was changed."),
    "too_many": ("間違ったリンクが続いたため、このアドレスからは1分ほど受け付けません。", "Too many wrong links came from this address; wait a minute."),
    "not_found": ("そのページはありません。", "There is no such page."),
    "other_error": ("その操作はできません。", "That cannot be done here."),
    # the front page
    "home.lead": ("見込み客を、マーケティングから営業へ、落とさずに渡します。", "Carries a lead from marketing to sales without dropping it."),
    "home.runs": ("動作状況", "What runs"),
    "home.ok": ("正常", "works"),
    "home.bad": ("要確認", "look at this"),
    "home.more": ("その他", "More"),
    "home.docs": ("HTTP API の説明", "The HTTP API"),
    "home.metrics": ("メトリクス (Prometheus)", "Metrics (Prometheus)"),
    "home.database": ("データベース", "Database"),
    "home.queue": ("キュー", "Queue"),
    "home.schema": ("スキーマ", "Schema"),
    "home.rulebook": ("ルールブック", "Rulebook"),
}  # fmt: skip

#: Language -> name -> words.
WORDS: Final[Mapping[Lang, Mapping[str, str]]] = {
    "ja": {name: pair[0] for name, pair in _BOTH.items()},
    "en": {name: pair[1] for name, pair in _BOTH.items()},
}


def end_words(reason: str, lang: Lang) -> str:
    """Return how an assignment ended."""
    return WORDS[lang].get(f"end.{reason}", WORDS[lang]["end.other"])
