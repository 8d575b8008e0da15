"""Links of mails in a real browser: a person presses the button; a scanner, with all its scripts, changes nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.web import WHO, Web
from worker import links
from worker.now import now
from worker.rulebook_files import EXAMPLE, read_texts
from worker.rulebooks import publish

OVERSEAS = {
    "email": "ops@merlion.example.com", "family_name": "Tan", "given_name": "Alex", "company": "Merlion Logistics",
    "title": "IT Manager", "country": "SG", "region": None, "employees": 250,
}  # fmt: skip


def test_a_japanese_rep_accepts(site: Web, person: Page, look: Path) -> None:
    """The lead in one screen, one button, and then by when to call."""
    person.goto(site.link(*site.offer()))
    expect(person.get_by_role("heading", name="このリードを引き受けますか")).to_be_visible()
    for words in ("佐藤 花子", "株式会社さくら", "理解が進み、ターゲットに合う"):
        expect(person.get_by_text(words)).to_be_visible()
    button = person.get_by_role("button", name="引き受ける")
    expect(button).to_be_in_viewport(ratio=1)
    person.screenshot(path=look / "accept.ja.png", full_page=True)
    button.click()
    expect(person.get_by_role("heading", name="引き受けました")).to_be_visible()
    expect(person.get_by_text("までに連絡してください")).to_be_visible()
    expect(person.get_by_text(WHO["email"])).to_be_visible()
    person.screenshot(path=look / "accepted.ja.png", full_page=True)
    person.go_back()
    person.reload()
    expect(person.get_by_role("heading", name="このリンクは使用済みです")).to_be_visible()
    person.screenshot(path=look / "used.ja.png", full_page=True)

    assert site.system.sql("SELECT act FROM tasuki.act") == [("accept",)]


@pytest.mark.parametrize("person", ["ja"], indirect=True)
def test_an_english_rep_declines_with_a_reason(site: Web, person: Page, look: Path) -> None:
    """The page is in the rep's language, not the browser's; without a reason the browser itself holds back."""
    person.goto(site.link(*site.offer(2, **OVERSEAS), "decline"))
    expect(person.get_by_role("heading", name="Decline this lead?")).to_be_visible()
    person.screenshot(path=look / "decline.en.png", full_page=True)
    person.get_by_role("button", name="Decline").click()
    expect(person.get_by_role("heading", name="Decline this lead?")).to_be_visible()
    assert site.system.one("SELECT count(*) FROM tasuki.act") == 0
    person.get_by_label("Reason").select_option("too_busy")
    person.get_by_label("In your own words").fill("Back in January")
    person.get_by_role("button", name="Decline").click()
    expect(person.get_by_role("heading", name="Declined")).to_be_visible()
    expect(person.get_by_text("The lead goes to the next rep.")).to_be_visible()
    person.screenshot(path=look / "declined.en.png", full_page=True)

    assert site.system.sql("SELECT act, reason, note FROM tasuki.act") == [
        ("decline", "too_busy", "Back in January")
    ]


def test_contact_is_recorded_by_keyboard_alone(site: Web, person: Page, look: Path) -> None:
    """Tab reaches the button, Enter presses it."""
    person.goto(site.link(*site.offer(), "contacted"))
    person.screenshot(path=look / "contacted.ja.png", full_page=True)
    person.keyboard.press("Tab")
    expect(person.get_by_role("button", name="連絡済みにする")).to_be_focused()
    person.keyboard.press("Enter")
    expect(person.get_by_role("heading", name="連絡済みとして記録しました")).to_be_visible()


def test_who_accepted_records_contact_from_that_page(site: Web, person: Page, look: Path) -> None:
    """The page after acceptance leads to the next one, and that one has its own button."""
    person.goto(site.link(*site.offer()))
    person.get_by_role("button", name="引き受ける").click()
    person.get_by_role("link", name="連絡済みにする").click()
    expect(person.get_by_role("heading", name="初回連絡を記録しますか")).to_be_visible()
    assert site.system.sql("SELECT act FROM tasuki.act") == [("accept",)]
    person.get_by_role("button", name="連絡済みにする").click()
    expect(person.get_by_role("heading", name="連絡済みとして記録しました")).to_be_visible()


def test_two_quick_presses_act_once(site: Web, person: Page) -> None:
    """A double click is one act."""
    person.goto(site.link(*site.offer()))
    person.get_by_role("button", name="引き受ける").dblclick()
    expect(person.get_by_role("heading")).to_be_visible()

    assert site.system.sql("SELECT act FROM tasuki.act") == [("accept",)]


def test_a_scanner_with_scripts_changes_nothing(site: Web, browser: Browser) -> None:
    """It opens each link twice, runs what the page runs, follows every link in it, waits: no row differs."""
    number, rep = site.offer()
    urls = [site.link(number, rep, purpose) for purpose in links.PURPOSES]
    before = site.rows()
    context = browser.new_context(java_script_enabled=True, user_agent="MailScanner/1.0")
    page = context.new_page()
    todo, seen = [*urls, *urls], set()
    while todo:
        url = todo.pop()
        answer = page.goto(url, wait_until="networkidle")
        assert answer is not None
        if "text/html" not in answer.headers["content-type"]:
            continue
        page.evaluate(
            "() => { window.dispatchEvent(new Event('focus')); document.body.dispatchEvent(new Event('mousemove')); }"
        )
        page.wait_for_timeout(300)
        found = page.eval_on_selector_all("[href]", "all => all.map(one => one.href)")
        todo += [one for one in found if one not in seen and one not in urls]
        seen.update(found)
    assert page.goto(urls[0]) is not None
    assert page.locator("script").count() == 0
    context.close()

    assert site.rows() == before


def test_a_foreign_page_cannot_press_the_button(site: Web, browser: Browser) -> None:
    """A page elsewhere that knows link and form sends them by script: the browser says where it comes from."""
    url = site.link(*site.offer())
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    form = page.locator("input[name=form]").get_attribute("value")
    before = site.rows()
    page.goto("about:blank")
    page.set_content(f'<form method="post" action="{url}"><input name="form" value="{form}"></form>')
    with page.expect_navigation(url=url) as told:
        page.evaluate("() => document.forms[0].submit()")
    context.close()

    assert told.value is not None
    assert told.value.status == 403
    assert site.rows() == before


@pytest.mark.parametrize("person", ["ja", "en-GB"], indirect=True)
def test_forged_and_overtaken_links_are_told(site: Web, person: Page, look: Path, served: str) -> None:
    """In words, in the reader's language."""
    lang = str(person.evaluate("() => navigator.language"))
    path = site.link(*site.offer())
    answer = person.goto(f"{served}/l/{'A' * 43}")
    assert answer is not None
    assert answer.status == 404
    expect(person.get_by_text("no such link" if lang == "en-GB" else "存在しません")).to_be_visible()
    person.screenshot(path=look / f"forged.{lang}.png", full_page=True)
    site.system.do("UPDATE tasuki.assignment SET ended_at = offered_at, end_reason = 'accept_breached'")
    person.goto(path)
    expect(person.get_by_role("heading", name="このリードはもうあなたの担当ではありません")).to_be_visible()
    person.screenshot(path=look / f"overtaken.{lang}.png", full_page=True)


def test_the_quota_is_told_on_the_page(site: Web, person: Page, look: Path) -> None:
    """The choice is kept from nobody: the page says why not, and until when."""
    texts = read_texts(EXAMPLE)
    end = "manager: sato_kenji\n  - id: enterprise_west"
    texts["team.yaml"] = texts["team.yaml"].replace(end, f"declines_per_day: 1\n    {end}")
    publish(texts, by="test", note="quota", now=now())
    first, second = site.offer(1), site.offer(2)
    site.system.do("UPDATE tasuki.assignment SET rep = 'suzuki_haruka'")
    for number, _ in (first, second):
        person.goto(site.link(number, "suzuki_haruka", "decline"))
        person.get_by_label("理由").select_option("too_busy")
        person.get_by_role("button", name="辞退する").click()
    expect(person.get_by_role("alert")).to_contain_text("2026年11月25日(水) 00:00")
    expect(person.get_by_label("理由")).to_have_value("too_busy")
    person.screenshot(path=look / "quota.ja.png", full_page=True)


@pytest.mark.parametrize("person", ["ja", "en-GB"], indirect=True)
def test_front_page_and_docs(site: Web, person: Page, look: Path, served: str) -> None:
    """What runs, and the API in words, without a request to anywhere else."""
    person.goto(served)
    lang = str(person.evaluate("() => navigator.language"))
    person.screenshot(path=look / f"home.{lang}.png", full_page=True)
    person.set_viewport_size({"width": 1100, "height": 900})
    person.get_by_role("link", name="HTTP API").click()
    expect(person.get_by_text("/v1/assignments/{assignment_id}/accept")).to_be_visible()
    person.screenshot(path=look / f"docs.{lang}.png", full_page=True)


def test_a_dark_screen(site: Web, browser: Browser, look: Path) -> None:
    """The same page at night, on a telephone, with a long name: nothing is wider than the screen."""
    context = browser.new_context(color_scheme="dark", viewport={"width": 360, "height": 740}, locale="ja")
    page = context.new_page()
    page.goto(
        site.link(*site.offer(1, company="株式会社" + "とても長い名前" * 20, name="A" * 200), "decline")
    )
    page.screenshot(path=look / "dark.ja.png", full_page=True)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
