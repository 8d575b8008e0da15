"""What the button of a link does, once, and what its page says then."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.fixtures.system import event
from tests.fixtures.web import WHO, Web, form_of, title_of
from worker import links, now, rulebooks


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
