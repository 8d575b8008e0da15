"""The HTML mail as a person sees it, in a real browser: nothing spills over, nothing is loaded, both modes can be read."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.worker.notices.bodies import a_body, a_sheet
from worker.notices.as_html import as_html
from worker.notices.kinds import OF_ANOTHER
from worker.notices.planning import MOST_BY_CHANNEL

LONG: Final = "東日本エンタープライズソリューションズホールディングス株式会社首都圏第一営業本部" * 3
UNBROKEN: Final = "a" * 200 + "@example.co.jp"
MOST: Final = MOST_BY_CHANNEL["email"]
KINDS: Final = (
    "offer.accept", "warning.contact", "reminder.follow_up", "breach.accept", "withdrawn.accept", "moved.contact",
    "escalation.contact", "claim_open.claim", "claimed.contact", "claim_over.claim", "rep_left.contact",
)  # fmt: skip


def _longest(lang: str) -> Any:
    """Return as many leads as go into one mail, of every kind, usual ones and long ones."""
    bodies = []
    for number in range(1, MOST + 1):
        kind, clock = KINDS[number % len(KINDS)].split(".")
        names: dict[str, Any] = {"company": LONG, "email": UNBROKEN} if number % 7 == 0 else {}
        rep: dict[str, Any] = (
            {"rep_name": {"ja": "高橋 蓮", "en": "Ren Takahashi"}} if kind in OF_ANOTHER else {}
        )
        bodies.append(a_body(lang, kind, clock, number=number, lead_id=1_000 + number, **names, **rep))
    return a_sheet(*bodies)


SHEETS: Final[dict[str, Any]] = {
    "offer-ja": a_sheet,
    "offer-en": lambda: a_sheet(a_body("en", name="Grace Tan", company="Merlion Logistics Pte Ltd")),
    "warning-ja": lambda: a_sheet(a_body(kind="warning", clock="contact"), links=False),
    "breach-en": lambda: a_sheet(a_body("en", kind="breach", rep_name={"ja": "高橋 蓮", "en": "Ren Takahashi"})),
    "withdrawn-ja": lambda: a_sheet(a_body(kind="withdrawn", because="accept_breached")),
    "none-ja": lambda: a_sheet(policy="none"),
    "long-ja": lambda: a_sheet(a_body(name=LONG, company=LONG, title=LONG, email=UNBROKEN, campaign=UNBROKEN)),
    "digest-ja": lambda: a_sheet(*(a_body(kind=kind, number=n, company=LONG) for n, kind in enumerate(
        ("offer", "warning", "breach", "reminder", "offer", "withdrawn"), 1))),
    "longest-ja": lambda: _longest("ja"),
    "longest-en": lambda: _longest("en"),
}  # fmt: skip
#: WCAG 2.2, 1.4.3: text against what is behind it.
LEAST_CONTRAST: Final = 4.5
_CONTRAST: Final = """
() => {
  const lum = c => { const f = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor;
      if (b !== 'rgba(0, 0, 0, 0)') return b; } return 'rgb(255, 255, 255)'; };
  return [...document.querySelectorAll('p, span, td, a, div')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && e.offsetParent && e.offsetHeight)
    .map(e => { const a = lum(getComputedStyle(e).color), b = lum(behind(e));
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 30)]; });
}
"""


def _open(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: Literal["light", "dark"]
) -> tuple[Page, list[str]]:
    file = tmp_path / f"{name}.html"
    file.write_text(as_html(SHEETS[name]()), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page: Page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    return page, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 800])
@pytest.mark.parametrize("name", SHEETS)
def test_a_mail_reads_well(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """On a telephone and on a desk, by day and by night: no side scroll, enough contrast, nothing asked from outside."""
    page, asked = _open(browser, tmp_path, name, width, scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith("file:")] == []
    assert [part for part in page.evaluate(_CONTRAST) if part[0] < LEAST_CONTRAST] == []
    page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
    page.context.close()


@pytest.mark.parametrize("name", ["offer-ja", "offer-en"])
def test_what_counts_is_on_the_first_screen_of_a_telephone(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    """Who, the buttons, until when and why now are seen without scrolling, and a thumb can press."""
    page, _ = _open(browser, tmp_path, name, 375, "light")
    page.set_viewport_size({"width": 375, "height": 667})
    links = page.get_by_role("link")

    assert links.count() == 3
    for index in range(3):
        box = links.nth(index).bounding_box()
        assert box is not None
        assert box["height"] >= 36
        assert box["y"] + box["height"] < 667
    for label in ("期限", "なぜ今か") if name == "offer-ja" else ("Due", "Why now"):
        box = page.get_by_text(label, exact=True).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 667
    page.context.close()


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_longest_digest_shows_every_lead(browser: Browser, tmp_path: Path, lang: str) -> None:
    """All of them stand in it, each with the buttons that it needs, as large as a thumb, and none over another."""
    page, _ = _open(browser, tmp_path, f"longest-{lang}", 375, "light")
    cards = page.locator("table.card")
    boxes = [cards.nth(index).bounding_box() for index in range(cards.count())]
    links = page.get_by_role("link")
    heights = [
        (links.nth(index).bounding_box() or {"height": 0.0})["height"] for index in range(links.count())
    ]

    assert len(boxes) == MOST
    for upper, lower in pairwise(boxes):
        assert upper is not None
        assert lower is not None
        assert upper["y"] + upper["height"] <= lower["y"]
    offers = sum(KINDS[number % len(KINDS)] == "offer.accept" for number in range(1, MOST + 1))
    assert links.get_by_text(("引き受ける", "Accept")[lang == "en"], exact=True).count() == offers
    assert min(heights) >= 36
    page.context.close()
