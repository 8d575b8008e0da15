"""Links that are used, over, forged or pressed at a bad moment are told plainly, and change nothing."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.web import WHO, Web, form_of, title_of
from worker import links, now, rulebooks
from worker.acting import act
from worker.settings import settings
from worker.store.db import engine, in_transaction
from worker.sweeping import sweep_clocks
from worker.web.guesses import PER_MINUTE


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
