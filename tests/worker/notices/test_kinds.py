"""The kinds beyond offer and deadline, drawn by every channel in both languages: what each says, and what it must not."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from schemas.rulebook.channels import PersonalData
from tests.worker.notices.bodies import a_body, a_sheet
from worker.notices import words
from worker.notices.as_html import as_html
from worker.notices.as_slack import as_slack
from worker.notices.as_teams import as_teams
from worker.notices.as_text import as_text
from worker.notices.sheet import Sheet

#: kind -> the clock that its body names.
KINDS: Final = {
    "moved": "accept", "escalation": "contact", "claim_open": "claim", "claimed": "contact", "claim_over": "claim",
    "rep_left": "contact",
}  # fmt: skip
DRAWN: Final[dict[str, Callable[[Sheet], str]]] = {
    "text": as_text, "html": as_html, "slack": lambda s: str(as_slack(s)), "teams": lambda s: str(as_teams(s)),
}  # fmt: skip
#: Acts that each kind offers, as the last part of a link's path.
ACTS: Final = {"moved": ("accept", "decline"), "claimed": ("contacted", "decline")}
OF_MANAGERS: Final = ("escalation", "rep_left")
PERSONAL: Final = ("花子", "さくら", "hanako", "03-1234", "部長", "東京都", "展示会", "料金", "Pricing")
DUE: Final = ("2026年11月24日（火）11:30", "Tue 24 Nov 2026, 11:30 (JST)")


def _body(kind: str, lang: str, **lead: Any) -> dict[str, Any]:
    """Return the body as its writer makes it."""
    if kind in OF_MANAGERS:
        lead["rep_name"] = {"ja": "高橋 蓮", "en": "Ren Takahashi"}
    number = None if kind in ("claim_open", "claim_over") else 17
    body = a_body(lang, kind, KINDS[kind], **lead) | {"assignment_id": number}
    if kind in ("claim_open", "claimed", "claim_over"):
        body["why"] |= {"strategy": "claim"}
    if kind == "rep_left":
        body["due_at"] = body["left_s"] = None
    return body


def _said(pair: words.Pair, lang: str) -> str:
    """Return the words up to the first gap."""
    return pair[lang == "en"].partition("{")[0]


@pytest.mark.parametrize("shows", ["full", "none"])
@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_it_is_for_and_no_more(
    kind: str, lang: str, draw: str, shows: PersonalData
) -> None:
    """Its words, its deadline where it has one, the acts that it offers; nothing personal where none may be shown."""
    en = lang == "en"
    drawn = DRAWN[draw](a_sheet(_body(kind, lang), policy=shows))

    assert words.INTRO[kind][en] in drawn
    assert words.MARK[kind][en] in drawn
    assert (DUE[en] in drawn) == (kind not in ("claim_over", "rep_left"))
    for act in ("accept", "decline", "contacted"):
        assert (f"https://tasuki.example.com/{act}/17-token" in drawn) == (act in ACTS.get(kind, ()))
    assert ("tasuki handoff claim 1001 --rep" in drawn) == (kind == "claim_open")
    assert "None" not in drawn.replace("'contentUrl': None", "").replace("'spacing': 'None'", "")
    if shows == "none":
        assert [word for word in PERSONAL if word in drawn] == []
        assert "1001" in drawn
    else:
        assert "花子" in drawn
        assert ("hanako" in drawn) == (kind != "claim_over")


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("kind", [*OF_MANAGERS, "breach"])
def test_a_manager_is_told_whose_lead_it_is_and_not_why_it_is_theirs(kind: str, lang: str, draw: str) -> None:
    """It is not: the reason and the opening words are those of the rep."""
    name = {"ja": "高橋 蓮", "en": "Ren Takahashi"}
    body = a_body(lang, kind, rep_name=name) if kind == "breach" else _body(kind, lang)
    drawn = DRAWN[draw](a_sheet(body))

    assert name[lang] in drawn
    for wrong in (words.WHY_YOU["round_robin"], words.LABEL["why_you"], words.LABEL["say"]):
        assert wrong[lang == "en"].format(pool=body["why"]["pool"][lang]) not in drawn
    assert _said(words.SAY_RAISED, "en") not in drawn
    assert "まずお礼を" not in drawn


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_who_may_claim_is_not_told_that_they_did(lang: str, draw: str) -> None:
    """They are told why it is open to them; who claimed it is told that."""
    en = lang == "en"
    opened, mine = (DRAWN[draw](a_sheet(_body(kind, lang))) for kind in ("claim_open", "claimed"))
    open_to_you = words.say(
        words.OPEN_TO_YOU, "en" if en else "ja", pool=("エンタープライズ東日本", "Enterprise East")[en]
    )

    assert open_to_you in opened
    assert words.WHY_YOU["claim"][en] not in opened
    assert words.WHY_YOU["claim"][en] in mine
    assert open_to_you not in mine


@pytest.mark.parametrize("shows", ["full", "none"])
@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_all_of_them_go_into_one_digest(lang: str, draw: str, shows: PersonalData) -> None:
    """Each under its mark, with its acts."""
    bodies = [_body(kind, lang) for kind in KINDS]
    sheet = a_sheet(*bodies, policy=shows)
    drawn = DRAWN[draw](sheet)

    assert all(f"{words.MARK[kind][lang == 'en']} 1" in sheet.subject for kind in KINDS)
    assert all(words.MARK[kind][lang == "en"] in drawn for kind in KINDS)
    assert drawn.count("/decline/17-token") == 2
    assert drawn.count("tasuki handoff claim 1001") == 1
    if shows == "none":
        assert [word for word in PERSONAL if word in drawn] == []
