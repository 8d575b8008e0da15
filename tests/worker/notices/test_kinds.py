"""Every kind of notice as a person reads it, by every channel, in both languages: what each says, and what it must not."""

from typing import Any, Final, get_args

import pytest

from schemas.rulebook.channels import NoticeKind, PersonalData
from tests.worker.notices.bodies import a_body, a_sheet
from tests.worker.notices.reading import READ
from worker.notices import words

#: kind.clock -> its mark and a part of what it says at first, in Japanese and in English.
SAID: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "offer.accept": (("新しいリード", "ご担当をお願いいたします"), ("New lead", "You have a new lead")),
    "warning.accept": (("まもなく期限", "回答の期限が近づいています"), ("Due soon", "Your answer is due soon")),
    "warning.contact": (("まもなく期限", "初回のご連絡の期限が近づいて"), ("Due soon", "Your first contact is due soon")),
    "warning.follow_up": (("まもなく期限", "再度のご連絡の期限が近づいて"), ("Due soon", "Your next attempt is due soon")),
    "reminder.accept": (("期限超過", "回答の期限を過ぎています"), ("Overdue", "Your answer is overdue")),
    "reminder.contact": (("期限超過", "初回のご連絡の期限を過ぎて"), ("Overdue", "Your first contact is overdue")),
    "reminder.follow_up": (("期限超過", "再度のご連絡の期限を過ぎて"), ("Overdue", "Your next attempt is overdue")),
    "breach.accept": (("期限までに対応なし", "担当者の回答がありませんでした"), ("Missed deadline", "Nobody answered this lead in time")),
    "breach.contact": (("期限までに対応なし", "初回のご連絡が行われませんでした"), ("Missed deadline", "was not contacted in time")),
    "breach.follow_up": (("期限までに対応なし", "再度のご連絡が行われませんでした"), ("Missed deadline", "was not made in time")),
    "moved.accept": (("期限の変更", "期限が早まりました"), ("Due sooner", "due sooner than you were told")),
    "moved.contact": (("期限の変更", "期限が早まりました"), ("Due sooner", "due sooner than you were told")),
    "moved.follow_up": (("期限の変更", "期限が早まりました"), ("Due sooner", "due sooner than you were told")),
    "escalation.accept": (("未対応", "まだ対応されていません"), ("Nobody has acted", "Nobody has acted on this lead yet")),
    "escalation.contact": (("未対応", "まだ対応されていません"), ("Nobody has acted", "Nobody has acted on this lead yet")),
    "claim_open.claim": (("早い者勝ち", "最初にお引き受けくださった方"), ("Open to claim", "The first to claim this lead gets it")),
    "claimed.contact": (("ご担当", "ご担当になりました"), ("Yours now", "This lead is yours")),
    "claim_over.claim": (("受付終了", "受付は終わりました"), ("No longer open", "can no longer be claimed")),
    "withdrawn.accept": (("担当変更", "ご担当から外れました"), ("No longer yours", "This lead is no longer yours")),
    "rep_left.contact": (("担当者の離任", "引き継ぎをお願いいたします"), ("Rep has left", "A rep who left had accepted this lead")),
}  # fmt: skip
#: Acts whose links each offers, in their order.
ACTS: Final = {
    "offer.accept": ("accept", "decline", "contacted"), "warning.accept": ("accept", "decline"),
    "reminder.accept": ("accept", "decline"), "moved.accept": ("accept", "decline"),
    "warning.contact": ("contacted", "decline"), "reminder.contact": ("contacted", "decline"),
    "moved.contact": ("contacted", "decline"), "claimed.contact": ("contacted", "decline"),
}  # fmt: skip
BUTTON: Final = {
    "accept": ("引き受ける", "Accept"), "decline": ("辞退する", "Decline"), "contacted": ("連絡済みにする", "I made contact"),
}  # fmt: skip
#: What to run where no link does it.
COMMAND: Final = {
    "claim_open.claim": "tasuki handoff claim 1001 --rep suzuki_haruka",
    **dict.fromkeys(
        ("warning.follow_up", "reminder.follow_up", "moved.follow_up"),
        "tasuki handoff attempted 17 | reached 17",
    ),
}
OF_MANAGERS: Final = ("breach", "escalation", "rep_left")
OVER: Final = ("withdrawn", "claim_over")
PERSONAL: Final = ("花子", "さくら", "hanako", "03-1234", "部長", "東京都", "展示会", "料金", "Pricing")
DUE: Final = ("2026年11月24日（火）11:30", "Tue 24 Nov 2026, 11:30 (JST)")
#: Why it is the rep, and how they may begin the talk.
OF_THE_REP: Final = (
    ("ご担当の理由", "Why you"), ("順番が回ってきた", "It is your turn"), ("最初のひとこと", "What to say first"),
    ("まずお礼を", "thank them"),
)  # fmt: skip
OPEN_TO_YOU: Final = ("ただいま勤務時間中のためです", "It is open to you")
YOU_CLAIMED: Final = ("ご自身で引き受けられたためです", "You claimed it")


def _body(what: str, lang: str, **lead: Any) -> dict[str, Any]:
    """Return the body as its writer makes it."""
    kind, _, clock = what.partition(".")
    if kind in OF_MANAGERS:
        lead["rep_name"] = {"ja": "高橋 蓮", "en": "Ren Takahashi"}
    number = None if kind in ("claim_open", "claim_over") else 17
    body = a_body(lang, kind, clock, **lead) | {"assignment_id": number}
    if kind in ("claim_open", "claimed", "claim_over"):
        body["why"] |= {"strategy": "claim"}
    if kind == "rep_left":
        body["due_at"] = body["left_s"] = None
    if kind == "withdrawn":
        body["because"] = "accept_breached"
    return body


def test_every_kind_is_here() -> None:
    """A new one has words, and is drawn below."""
    kinds = set(get_args(NoticeKind))

    assert {what.partition(".")[0] for what in SAID} == kinds
    assert words.SUBJECT.keys() == words.MARK.keys() == kinds | {"digest"}


@pytest.mark.parametrize("shows", ["full", "none"])
@pytest.mark.parametrize("channel", READ)
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("what", SAID)
def test_each_kind_says_what_it_is_for_and_no_more(
    what: str, lang: str, channel: str, shows: PersonalData
) -> None:
    """Its words, its deadline where it has one, the acts that it offers; nothing personal where none may be shown."""
    en = lang == "en"
    kind = what.partition(".")[0]
    read = READ[channel](a_sheet(_body(what, lang), policy=shows))

    assert [said for said in SAID[what][en] if said not in read] == []
    assert (DUE[en] in read) == (kind not in (*OVER, "rep_left"))
    assert (("営業時間であと30分", "in 30 business minutes")[en] in read) == (
        kind in ("offer", "warning", "moved", "claim_open", "claimed")
    )
    for act, label in BUTTON.items():
        assert (f"https://tasuki.example.com/{act}/17-token" in read) == (act in ACTS.get(what, ()))
        assert (label[en] in read) == (act in ACTS.get(what, ()))
    assert (COMMAND.get(what, "tasuki handoff") in read) == (what in COMMAND)
    assert "None" not in read
    if lang == "en" and shows == "none":
        assert [ch for ch in read if 0x3040 <= ord(ch) <= 0x30FF or 0x4E00 <= ord(ch) <= 0x9FFF] == []
    if shows == "none":
        assert [word for word in PERSONAL if word in read] == []
        assert "1001" in read
    else:
        assert "佐藤 花子" in read
        assert ("hanako.sato@sakura.example.co.jp" in read) == (kind not in OVER)
        assert ("03-1234-5678" in read) == (kind not in OVER)


@pytest.mark.parametrize("channel", READ)
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("what", SAID)
def test_a_manager_is_told_whose_lead_it_is_and_not_why_it_is_theirs(
    what: str, lang: str, channel: str
) -> None:
    """It is not theirs: the reason and the opening words are those of the rep, who is told them."""
    en = lang == "en"
    kind = what.partition(".")[0]
    read = READ[channel](a_sheet(_body(what, lang)))

    assert (("高橋 蓮", "Ren Takahashi")[en] in read) == (kind in OF_MANAGERS)
    told = [pair for pair in OF_THE_REP if pair[en] in read]
    if kind in (*OF_MANAGERS, *OVER):
        assert told == []
    elif kind not in ("claim_open", "claimed"):
        assert told == list(OF_THE_REP)
    assert (OPEN_TO_YOU[en] in read) == (kind == "claim_open")
    assert (YOU_CLAIMED[en] in read) == (kind == "claimed")


@pytest.mark.parametrize("channel", READ)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_who_lost_a_lead_reads_why(lang: str, channel: str) -> None:
    """The reason, and nothing of the lead but its name."""
    read = READ[channel](a_sheet(_body("withdrawn.accept", lang)))

    assert ("期限までに引き受けられなかったため", "It was not accepted in time")[lang == "en"] in read
    assert [word for word in PERSONAL if word in read and word not in ("花子", "さくら")] == []


@pytest.mark.parametrize("shows", ["full", "none"])
@pytest.mark.parametrize("channel", [one for one in READ if one != "lineworks"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_all_of_them_go_into_one_digest(lang: str, channel: str, shows: PersonalData) -> None:
    """Each under its mark, with its acts."""
    en = lang == "en"
    kinds = list({what.partition(".")[0]: what for what in SAID}.values())
    bodies = [_body(what, lang, lead_id=2_000 + n) for n, what in enumerate(kinds)]
    sheet = a_sheet(*bodies, policy=shows)
    read = READ[channel](sheet)

    assert all(f"{SAID[what][en][0]} 1" in sheet.subject for what in kinds)
    assert [what for what in kinds if SAID[what][en][0] not in read] == []
    assert (f"{len(kinds)}件をまとめて", f"here are {len(kinds)} notices")[en] in read
    assert read.count("/decline/17-token") == sum("decline" in ACTS.get(what, ()) for what in kinds)
    assert "tasuki handoff claim" in read
    if shows == "none":
        assert [word for word in PERSONAL if word in read] == []
        assert [n for n in range(len(kinds)) if f"{2_000 + n}" not in read] == []
