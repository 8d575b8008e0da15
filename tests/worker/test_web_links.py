"""Links of mails: a page changes nothing, its button acts once, and every other link is told plainly."""

import html
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from schemas.rulebook.channels import PersonalData
from tests.fixtures.system import System, event
from tests.fixtures.web import PUBLIC, WHO, Web, form_of
from worker import links, now, rulebooks
from worker.acting import act
from worker.notices.rows import lead_rows
from worker.settings import settings
from worker.store import reading
from worker.store.db import engine, in_transaction, transaction
from worker.sweeping import sweep_clocks
from worker.web.guesses import PER_MINUTE
from worker.web.pages import plain


def title_of(page: str) -> str:
    """Return a page's heading."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let business time go on."""

    def go(**span: float) -> None:
        start, origin, rate = (settings().clock or "").split("|")
        at = datetime.fromisoformat(start) + timedelta(**span)
        monkeypatch.setenv("TASUKI_CLOCK", f"{at.isoformat()}|{origin}|{rate}")
        settings.cache_clear()
        now.forget_clock()

    return go


#: What a policy hides of the lead, beside the addresses.
HIDES: dict[PersonalData, list[str]] = {
    "full": [],
    "name_and_company": ["情報システム部長"],
    "none": ["佐藤", "花子", "株式会社さくら", "情報システム部長", "最近の行動"],
}


@pytest.mark.parametrize("shows", HIDES)
def test_a_page_shows_what_the_channel_of_its_link_may_show(web: Web, shows: PersonalData) -> None:
    """Before the act, refused, after it, and closed; the rep who may not see the address is told where it is."""
    number, rep = web.offer()
    paths = [web.link(number, rep, what, shows, "slack_sales") for what in ("accept", "decline", "contacted")]
    opened = [web.client.get(path).text for path in paths]
    refused = web.press(paths[1]).text
    done = web.press(paths[0]).text
    closed = web.client.get(paths[0]).text
    lead = f"リード #{web.system.one('SELECT lead_id FROM tasuki.lead')}"
    known = {"佐藤", "花子", "株式会社さくら", "情報システム部長", "最近の行動"}

    for page in (*opened, refused):
        assert [words for words in HIDES[shows] if words in page] == []
        assert [words for words in known - {*HIDES[shows]} if words not in page] == []
        assert (lead in page) is (shows == "none")
        assert "なぜ今" in page
    assert [value for value in (WHO["email"], WHO["phone"]) if value in done] == (
        [WHO["email"], WHO["phone"]] if shows == "full" else []
    )
    assert (f"CRMで{lead} をご確認" in done) is (shows != "full")
    for page in (done, closed):
        assert [words for words in HIDES[shows] if words in page] == []
    assert [
        one for one in (WHO["email"], WHO["phone"]) for page in (*opened, refused, closed) if one in page
    ] == []


def test_an_act_by_a_link_is_recorded_with_the_channel_it_went_by(web: Web) -> None:
    """A manager sees in which room it could be pressed; an act by command has no such channel."""
    number, rep = web.offer()
    web.press(web.link(number, rep, channel="slack_sales"))
    in_transaction(lambda c: act(c, number, "contacted", rulebooks.current(c), now.now()))
    web.press(web.link(number, rep, "decline", channel="chatwork_sales"), reason="no_response")
    with transaction() as connection:
        acts = reading.one_handoff(connection, number)["acts"]

    assert [(one["act"], one["link_channel"]) for one in acts] == [
        ("accept", "slack_sales"), ("contacted", None), ("recycle", "chatwork_sales"),
    ]  # fmt: skip


@pytest.mark.parametrize("purpose", links.PURPOSES)
def test_looking_changes_nothing(web: Web, purpose: str) -> None:
    """GET and HEAD, a hundred times, with whatever headers scanners send, leave every row as it is."""
    path = web.link(*web.offer(), purpose)
    before = web.rows()
    for number in range(50):
        headers = {"User-Agent": f"scanner/{number}", "Purpose": "prefetch", "Sec-Fetch-Site": "cross-site"}
        assert web.client.get(path, headers=headers).status_code == 200
        head = web.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
    for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
        assert web.client.request(method, path).status_code == 405

    assert web.rows() == before


def test_the_page_shows_the_lead_in_the_reps_language(web: Web) -> None:
    """Who, company, why this rep, why now, what they did, by when; no address before the lead is accepted."""
    page = web.client.get(web.link(*web.offer()), headers={"Accept-Language": "en"})

    assert page.headers["content-language"] == "ja"
    lines = dict(re.findall(r"<dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd>", page.text))
    said = {"お客様": "佐藤 花子", "会社": "株式会社さくら", "部署・役職": "情報システム部長", "なぜあなたに": "エンタープライズ東日本",
            "なぜ今": "理解が進み、ターゲットに合う", "最近の行動": "2026年11月24日(火) 10:00",
            "期限": "2026年11月24日(火)", "評価": "A / "}  # fmt: skip
    assert {label: words in lines[label] for label, words in said.items()} == dict.fromkeys(said, True)
    assert WHO["email"] not in page.text
    assert WHO["phone"] not in page.text
    assert "<script" not in page.text


def test_the_page_says_why_in_the_words_of_the_notice(web: Web) -> None:
    """Whoever comes from a mail to its page reads one reason, and not two."""
    system = web.system
    path = web.link(*web.offer())
    (body,) = system.sql("SELECT body FROM tasuki.outbox WHERE kind = 'offer' LIMIT 1")
    told = dict(lead_rows(body[0], body[0]["lead"], "ja", now.now(), brief=False))["why_you"]
    assert told == ("「エンタープライズ東日本」で順番が回ってきたためです（規則: 大企業・東日本）",)
    assert f"<bdi>{told[0]}</bdi>" in web.client.get(path).text


def test_what_we_sent_and_what_machines_did_is_not_what_the_lead_did(web: Web) -> None:
    """A mail of ours, its bounce, and the click of a scanner are newer than what the person did, and not shown."""
    number, rep = web.offer()
    newer = "2026-11-24T10:40:00+09:00"
    web.system.send([
        event(11, subject="lead-1", time=newer, activity="email_sent"),
        event(12, subject="lead-1", time=newer, activity="email_bounce"),
        event(13, subject="lead-1", time=newer, activity="email_click", machine=True),
        event(14, subject="lead-1", time="2026-11-24T10:20:00+09:00", activity="pricing_view"),
    ])  # fmt: skip
    web.system.drain_here()
    page = web.client.get(web.link(number, rep)).text
    did = dict(re.findall(r"<dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd>", page))["最近の行動"]

    assert re.findall(r" (\d\d:\d\d)", did) == ["10:20", "10:00"]
    assert [words for words in ("メール", "email") if words in did] == []


def test_the_button_accepts_and_says_what_comes_next(web: Web) -> None:
    """The person's POST acts; the answer names the contact clock and the permitted addresses."""
    number, rep = web.offer()
    done = web.press(web.link(number, rep))
    due = web.system.one("SELECT due_at FROM tasuki.clock WHERE kind = 'contact'")

    assert (done.status_code, title_of(done.text)) == (200, "引き受けました")
    assert f"{due.astimezone(datetime.fromisoformat('2026-11-24T00:00:00+09:00').tzinfo):%H:%M}" in done.text
    assert WHO["email"] in done.text
    assert web.system.sql("SELECT act, rep FROM tasuki.act") == [("accept", rep)]
    assert web.system.broken() == []


def test_after_acceptance_a_channel_that_the_gate_closes_is_told_with_its_reason(
    web: Web, later: Callable[..., None]
) -> None:
    """Without a ground for mail, and at a quiet hour of the person: neither address stands there, but why not."""
    texts = dict(web.system.sql("SELECT texts FROM tasuki.rulebook")[0][0])
    before = "needs: relationship, law: 特定電子メール法"
    assert before in texts["nurture.yaml"]
    texts["nurture.yaml"] = texts["nurture.yaml"].replace(before, "needs: opt_in, law: 特定電子メール法")
    rulebooks.publish(texts, by="test", note="opt in", now=now.now())
    by_day = web.press(web.link(*web.offer())).text
    number, rep = web.offer(2)
    later(hours=8)
    by_night = web.press(web.link(number, rep)).text

    assert [WHO["email"] in by_day, WHO["phone"] in by_day, "メール: 連絡の法的根拠" in by_day] == [
        False,
        True,
        True,
    ]
    assert "@" not in by_night
    assert WHO["phone"] not in by_night
    assert "電話: 2026-11-25 09:00 JST まで、相手の時間帯では連絡を控える時間です" in by_night


def test_after_acceptance_the_page_has_a_link_to_record_contact(web: Web) -> None:
    """A new one, of the same rep, channel and policy, made in the act; opening it changes nothing, and it works once."""
    number, rep = web.offer()
    path = web.link(number, rep, "accept", "name_and_company", "slack_sales")
    page = web.press(path).text
    found = re.search(r'class="button" href="([\w-]{43})">連絡済みにする<', page)
    assert found is not None
    after = f"/l/{found[1]}"
    made = "SELECT assignment_id, rep, purpose, personal_data, channel, used_at FROM tasuki.link_token"
    held = web.system.sql(f"{made} WHERE token_hash = :h", h=links.hash_of(found[1]))
    before = web.rows()
    asked = web.client.get(after).text
    again = web.client.get(path).text

    assert held == [(number, rep, "contacted", "name_and_company", "slack_sales", None)]
    assert web.rows() == before
    assert title_of(asked) == "初回連絡を記録しますか"
    assert "同時に引き受けます" not in asked
    assert "情報システム部長" not in asked
    assert 'class="button"' not in again
    done = web.press(after)
    assert (done.status_code, title_of(done.text)) == (200, "連絡済みとして記録しました")
    assert 'class="button"' not in done.text
    assert web.press(after).status_code == 410
    assert web.system.sql("SELECT act, link_channel FROM tasuki.act ORDER BY act_id") == [
        ("accept", "slack_sales"), ("contacted", "slack_sales"),
    ]  # fmt: skip


def test_contacted_accepts_as_well_where_nobody_did(web: Web) -> None:
    """The page says so beforehand."""
    path = web.link(*web.offer(), "contacted")
    assert "同時に引き受けます" in web.client.get(path).text
    assert title_of(web.press(path).text) == "連絡済みとして記録しました"
    assert web.system.one("SELECT accepted_at = contacted_at FROM tasuki.assignment") is True


def test_declining_asks_for_a_reason_and_keeps_the_note(web: Web) -> None:
    """Without a reason of the rulebook nothing happens and the page asks again; the note is kept."""
    number, rep = web.offer()
    path = web.link(number, rep, "decline")
    page = web.client.get(path).text
    for reason in rulebooks.load(1).book.reasons.values():
        assert f'value="{reason.id}"' in page
        assert reason.name.ja in page
    before = web.rows()
    for wrong in ("", "because", "not_now' OR 1=1"):
        again = web.press(path, reason=wrong)
        assert (again.status_code, "理由を選んでください" in again.text) == (422, True)
    too_long = web.press(path, reason="not_now", note="x" * 1001)
    assert (too_long.status_code, "1,000" in too_long.text) == (422, True)
    assert web.rows() == before
    done = web.press(path, reason="not_now", note="予算は四月から\x00")

    assert (done.status_code, "育成に戻りました" in done.text) == (200, True)
    assert web.system.one("SELECT end_note FROM tasuki.assignment") == "not_now: 予算は四月から"
    assert web.system.broken() == []


def test_a_decline_link_hands_back_what_was_accepted(web: Web) -> None:
    """The page says hand back instead of decline, and so does the record."""
    number, rep = web.offer()
    decline = web.link(number, rep, "decline")
    web.press(web.link(number, rep))
    page = web.client.get(decline).text
    assert title_of(page) == "このリードを差し戻しますか"
    assert re.findall(r"<button[^>]*>(.*?)</button>", page) == ["差し戻す"]
    assert "辞退では" in page
    assert "辞退する" not in page
    assert title_of(web.press(decline, reason="no_response").text) == "差し戻しました"
    assert web.system.one("SELECT end_reason FROM tasuki.assignment") == "recycled"


def test_a_link_works_once(web: Web) -> None:
    """Used again it says when it was used and what is due; another link of the same mail says it is done."""
    number, rep = web.offer()
    first, second = web.link(number, rep), web.link(number, rep)
    form = form_of(web.client.get(first).text)
    assert web.press(first, form).status_code == 200
    before = web.rows()
    for answer in (web.client.get(first), web.press(first, form)):
        assert (answer.status_code, title_of(answer.text)) == (410, "このリンクは使用済みです")
        assert "までに連絡してください" in answer.text
    other = web.client.get(second)

    assert (other.status_code, title_of(other.text)) == (410, "すでに済んでいます")
    assert web.rows() == before


def test_an_expired_link_is_told(web: Web, later: Callable[..., None]) -> None:
    """After its days it says since when, and that the lead is still the rep's."""
    number, rep = web.offer()
    path = web.link(number, rep)
    form = form_of(web.client.get(path).text)
    later(days=settings().link_days, seconds=1)
    for answer in (web.client.get(path), web.press(path, form)):
        assert (answer.status_code, title_of(answer.text)) == (410, "このリンクは期限切れです")
    assert web.system.one("SELECT count(*) FROM tasuki.act") == 0


def test_an_overtaken_link_says_how_and_who_has_the_lead_now(web: Web) -> None:
    """A lead that was passed on after a breach names its new rep, who is of the same pool."""
    number, rep = web.offer()
    path = web.link(number, rep)
    form = form_of(web.client.get(path).text)
    at = now.now() + timedelta(hours=1)
    in_transaction(lambda c: sweep_clocks(c, rulebooks.current(c), at))
    waits = web.client.get(path)
    web.place()
    web.system.do("UPDATE tasuki.waiting SET look_again_at = '2026-01-01'")
    web.place()
    before = web.rows()
    moved = web.press(path, form)
    new_rep = web.system.one("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL")

    assert (waits.status_code, "次の担当を待っています" in waits.text) == (410, True)
    assert (moved.status_code, title_of(moved.text)) == (410, "このリードはもうあなたの担当ではありません")
    assert "期限内に引き受けられなかった" in moved.text
    assert rulebooks.load(1).team.reps[new_rep].spec.name.ja in moved.text
    assert WHO["company"] not in moved.text
    assert web.rows() == before


def test_of_a_lead_in_nurture_nothing_is_told(web: Web) -> None:
    """A declined lead is no longer with sales, and that is all that its old link says."""
    number, rep = web.offer()
    path = web.link(number, rep)
    in_transaction(lambda c: act(c, number, "decline", rulebooks.current(c), now.now(), reason="not_now"))
    page = web.client.get(path).text

    assert "営業の担当から外れています" in page
    assert "辞退" in page
    assert WHO["company"] not in page


@pytest.mark.parametrize(
    "lang, words", [("ja,en;q=0.5", "存在しません"), ("en-GB", "no such link"), ("fr", "no such link")]
)
@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-1], lambda t: t.swapcase(), lambda t: t[::-1], lambda t: "A" * 43, lambda t: t + "A",
     lambda t: "%00" * 14, lambda t: "日" * 43, lambda t: "x" * 5000],
)  # fmt: skip
def test_a_forged_link_is_told_in_the_browsers_language(
    web: Web, lang: str, words: str, change: Callable[[str], str]
) -> None:
    """A damaged or made-up link is 404, whatever its form."""
    number, rep = web.offer()
    token = web.link(number, rep).removeprefix("/l/")
    answer = web.client.get(f"/l/{change(token)}", headers={"Accept-Language": lang})

    assert (answer.status_code, words in answer.text) == (404, True)


def test_guesses_are_not_listened_to_for_long(web: Web) -> None:
    """After so many wrong links in a minute the address is refused, its good links as well."""
    path = web.link(*web.offer())
    statuses = [web.client.get(f"/l/{'A' * 40}{number:03}").status_code for number in range(PER_MINUTE + 1)]
    refused = web.client.get(path)

    assert statuses == [404] * PER_MINUTE + [429]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize("form", ["", "x", "1.2", "9" * 30 + ".x", "日本.日本"])
def test_a_forged_form_changes_nothing(web: Web, form: str) -> None:
    """A program that knows the link and never read its page gets the page, not the act."""
    path = web.link(*web.offer())
    before = web.rows()
    answer = web.press(path, form or "")

    assert (answer.status_code, "もう一度押してください" in answer.text) == (403, True)
    assert web.rows() == before
    assert web.press(path, form_of(answer.text)).status_code == 200


def test_the_form_of_another_link_or_an_old_page_or_another_site_changes_nothing(
    web: Web, later: Callable[..., None]
) -> None:
    """The form's secret belongs to one link and to today; a browser tells where a form comes from."""
    number, rep = web.offer()
    path = web.link(number, rep)
    own = form_of(web.client.get(path).text)
    other = form_of(web.client.get(web.link(number, rep)).text)
    assert web.press(path, other).status_code == 403
    for site in ("cross-site", "same-site"):
        foreign = web.client.post(path, data={"form": own}, headers={"Sec-Fetch-Site": site})
        assert foreign.status_code == 403
    assert web.client.post(path, json={"form": own}).status_code == 415
    later(hours=12, seconds=5)
    assert web.press(path, own).status_code == 403
    assert web.system.one("SELECT count(*) FROM tasuki.act") == 0


def test_a_rep_who_left_cannot_use_a_link(web: Web, tmp_path: Any) -> None:
    """The rulebook no longer has the rep: the link is told so, in the browser's language."""
    number, rep = web.offer()
    path = web.link(number, rep)
    texts = dict(web.system.sql("SELECT texts FROM tasuki.rulebook")[0][0])
    at = texts["team.yaml"].index(f"id: {rep}")
    end = texts["team.yaml"].index("calendar:", at)
    texts["team.yaml"] = texts["team.yaml"][:end] + "active: false\n    " + texts["team.yaml"][end:]
    rulebooks.publish(texts, by="test", note="left", now=now.now())
    answer = web.client.get(path)

    assert (answer.status_code, title_of(answer.text)) == (403, "この担当者は現在登録されていません")


def test_the_quota_of_declines_is_told_with_its_end(web: Web) -> None:
    """With the quota used up the lead stays with the rep, and the page says until when."""
    texts = dict(web.system.sql("SELECT texts FROM tasuki.rulebook")[0][0])
    texts["team.yaml"] = texts["team.yaml"].replace(
        "manager: sato_kenji\n  - id: enterprise_west",
        "manager: sato_kenji\n    declines_per_day: 0\n  - id: enterprise_west",
    )
    rulebooks.publish(texts, by="test", note="quota", now=now.now())
    path = web.link(*web.offer(), "decline")
    never = web.press(path, reason="too_busy")
    texts["team.yaml"] = texts["team.yaml"].replace("declines_per_day: 0", "declines_per_day: 1")
    rulebooks.publish(texts, by="test", note="quota", now=now.now())
    assert web.press(path, reason="too_busy").status_code == 200
    rep = web.system.one("SELECT rep FROM tasuki.act")
    number, rep_then = web.offer(2)
    web.system.do(f"UPDATE tasuki.assignment SET rep = '{rep}' WHERE assignment_id = {number}")
    assert rep_then
    path = web.link(number, rep, "decline")
    used_up = web.press(path, reason="too_busy")

    assert (never.status_code, "辞退できません" in never.text) == (409, True)
    assert (used_up.status_code, "2026年11月25日(水) 00:00" in used_up.text) == (409, True)
    assert web.system.one("SELECT ended_at FROM tasuki.assignment WHERE assignment_id = :a", a=number) is None


def test_with_an_open_deal_the_page_says_that_it_is_ended_in_the_crm(web: Web) -> None:
    """Handed back here, the lead would be in sales again at its next event, with nobody."""
    path = web.link(*web.offer(), "decline")
    email = web.system.one("SELECT email FROM tasuki.lead")
    web.system.send([event("deal", "outcome.opened", subject=email, opportunity="006")])
    web.system.drain_here()
    assert web.system.one("SELECT lifecycle_stage FROM tasuki.lead") == "sql"
    answer = web.press(path, reason="too_busy")

    assert (answer.status_code, "商談が進行中" in answer.text) == (409, True)
    assert web.system.one("SELECT ended_at FROM tasuki.assignment") is None


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}",
        "'; --",
        "あ" * 500,
    ],
)
def test_a_hostile_name_is_only_text(web: Web, name: str) -> None:
    """What a lead calls itself is shown and does nothing: no element, no turned direction, no endless line."""
    number, rep = web.offer(name=name, company=name, department=name)
    page = web.client.get(web.link(number, rep)).text

    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert (
        page.count(html.escape(plain(name), quote=True).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"))
        == 3
    )
    assert "あ" * 161 not in page
    assert web.press(web.link(number, rep, "contacted")).status_code == 200


def test_what_the_door_would_have_refused_is_cut_and_cleared(web: Web) -> None:
    """Whatever way it came into the database: ten thousand characters, or some that turn the direction."""
    number, rep = web.offer()
    path = web.link(number, rep)
    web.system.do("UPDATE tasuki.lead SET state = replace(state, '株式会社さくら', 'a\u202egnp.exe')")
    assert "<bdi>agnp.exe</bdi>" in web.client.get(path).text
    web.system.do("UPDATE tasuki.lead SET state = replace(state, 'gnp.exe', repeat('長', 10000))")
    assert len(web.client.get(path).text) < 6_000


def test_every_page_is_sent_safely(web: Web) -> None:
    """No script, no referrer, no copy kept, no frame, no index; the public host alone is answered."""
    path = web.link(*web.offer())
    for answer in (
        web.client.get(path),
        web.client.get("/l/forged"),
        web.client.get("/"),
        web.client.get("/nothing"),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert "max-age" in answer.headers["strict-transport-security"]
        assert not re.findall(r"<script|style=|\son\w+=|https?://", answer.text)
    hosts = {"leads.example.com": 200, "LEADS.example.com:443": 200, "127.0.0.1:8321": 200, "[::1]:8321": 200,
             "evil.example": 421, "": 421, "leads.example.com.evil.example": 421}  # fmt: skip
    for host, status in hosts.items():
        assert web.client.get(path, headers={"Host": host}).status_code == status, host


def test_the_secret_is_nowhere_but_in_the_link(web: Web, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the database nor a log holds it, nor anything that it could be made of; the form's key is another."""
    number, rep = web.offer()
    paths = [web.link(number, rep, purpose) for purpose in links.PURPOSES]
    for path in paths:
        web.press(path, reason="not_now")
        web.client.get(path)
    dump = repr(web.rows())
    said = capfd.readouterr()
    for path in paths:
        secret = path.removeprefix("/l/")
        assert secret not in dump
        assert secret not in said.out + said.err
        known = "SELECT count(*) FROM tasuki.link_token WHERE token_hash = :h"
        assert web.system.one(known, h=links.hash_of(secret)) == 1


def test_links_are_minted_only_where_reps_can_open_them(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call makes all links of a batch in a fixed number of statements; without a public address none."""
    number, rep = web.offer()
    wanted = [(number, rep, purpose) for purpose in links.PURPOSES] * 2
    made = in_transaction(lambda connection: links.mint(connection, wanted, now.now()))
    monkeypatch.setenv("TASUKI_PUBLIC_URL", f"{PUBLIC}/tasuki/")
    settings.cache_clear()
    below = in_transaction(lambda connection: links.mint(connection, wanted[:1], now.now()))
    monkeypatch.delenv("TASUKI_PUBLIC_URL")
    settings.cache_clear()

    assert made.keys() == set(wanted)
    assert len(set(made.values())) == 3
    assert all(re.fullmatch(rf"{PUBLIC}/l/[\w-]{{43}}", url) for url in made.values())
    assert re.fullmatch(rf"{PUBLIC}/tasuki/l/[\w-]{{43}}", below[wanted[0]])
    assert in_transaction(lambda connection: links.mint(connection, wanted, now.now())) == {}


def test_old_links_are_forgotten_when_new_ones_are_made(web: Web, later: Callable[..., None]) -> None:
    """Expired links stay known for a while, and do not pile up for ever."""
    number, rep = web.offer()
    web.link(number, rep)
    later(days=settings().link_days + links.REMEMBERED.days - 1)
    web.link(number, rep)
    assert web.system.one("SELECT count(*) FROM tasuki.link_token") == 2
    later(days=2)
    web.link(number, rep)
    assert web.system.one("SELECT count(*) FROM tasuki.link_token") == 2


@pytest.mark.parametrize("purpose, fields", [("accept", {}), ("decline", {"reason": "not_now"})])
def test_two_who_press_at_once_act_once(web: Web, purpose: str, fields: dict[str, str]) -> None:
    """The second waits for the first, and then is told."""
    path = web.link(*web.offer(), purpose)
    form = form_of(web.client.get(path).text)

    assert sorted(at_once(lambda: web.press(path, form, **fields).status_code)) == [200, 410]
    assert web.system.sql("SELECT act FROM tasuki.act") == [(purpose,)]


def at_once(work: Callable[[], int]) -> list[int]:
    """Return what two threads get that work at the same time."""
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(work), pool.submit(work)]]


def test_a_database_that_is_away_is_told_and_nothing_is_lost(web: Web) -> None:
    """The page says so, with 503; when the database is back the link works."""
    path = web.link(*web.offer())
    form = form_of(web.client.get(path).text)
    web.system.servers.kill_postgres()
    engine().dispose()
    away = web.client.get(path, headers={"Accept-Language": "en"})
    web.system.servers.start_postgres()
    engine().dispose()

    assert (away.status_code, "try again" in away.text, away.headers["retry-after"]) == (503, True, "5")
    assert web.press(path, form).status_code == 200


def test_a_link_answers_while_valkey_is_away(web: Web) -> None:
    """The act is PostgreSQL's; the poke is lost, and the line is there for the sweep to find."""
    path = web.link(*web.offer(), "decline")
    form = form_of(web.client.get(path).text)
    web.system.servers.kill_valkey()
    try:
        answer = web.press(path, form, reason="too_busy")
    finally:
        web.system.servers.start_valkey()

    assert answer.status_code == 200
    assert web.system.one("SELECT count(*) FROM tasuki.waiting") == 1


def test_no_answer_waits_for_a_poke(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Valkey takes connections and says nothing: acts go on, and only so many pokes wait for it."""
    hangs, poked = threading.Event(), threading.Semaphore(0)

    def poke(_: object) -> None:
        poked.release()
        hangs.wait()

    monkeypatch.setattr("worker.web.pokes.poke_pools", poke)
    try:
        for number in range(1, 22):
            path = web.link(*web.offer(number), "decline")
            assert web.press(path, reason="not_now").status_code == 200
    finally:
        hangs.set()
    assert poked.acquire(timeout=30)


def test_the_migration_added_no_column_in_which_a_secret_could_be(system: System) -> None:
    """What the two tables hold of a secret is bytes of a hash."""
    with engine().connect() as connection:
        kinds = connection.execute(text(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'tasuki'"
            " AND table_name IN ('link_token', 'api_token') AND data_type = 'bytea'"
        )).scalars()  # fmt: skip
        assert set(kinds) == {"token_hash", "form_key"}


def test_a_form_that_is_too_large_is_not_read(web: Web) -> None:
    """Above the limit it is refused before anything is looked at."""
    path = web.link(*web.offer(), "decline")
    form = form_of(web.client.get(path).text)
    answer = web.press(path, form, reason="not_now", note="あ" * 30_000)

    assert answer.status_code == 413
    assert web.system.one("SELECT count(*) FROM tasuki.act") == 0
