"""Pages behind the links of mails: what they show to whom, how they are sent, and that looking changes nothing."""

import html
import re

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
from worker.web.pages import plain

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
