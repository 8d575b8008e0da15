"""Opens and clicks as platforms tell them: which mail, which link, when it was sent, and by what program."""

import json
from typing import Any

import pytest

from schemas.lead_event import LeadEvent
from schemas.machines import is_machine
from schemas.understanding import understand
from tests.factories import NOW
from worker.intake.adapters import activecampaign, marketo, mautic, segment

_LEAD = {"id": 7, "fields": {"core": {"email": {"value": "hanako@example.co.jp"}}}}
SCANNER = "Mozilla/5.0 (compatible; BarracudaSentinel/1.0)"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"


def _one(found: list[Any]) -> LeadEvent:
    [document] = found
    document.pop("read_back", None)
    return understand(json.loads(json.dumps(document)), NOW).flat()


def _marketo(number: int, **said: Any) -> LeadEvent:
    attributes = [{"name": name.replace("_", " "), "value": value} for name, value in said.items()]
    return _one(marketo.translate({"data": {
        "activityTypeId": number, "leadId": 7, "marketoGUID": "g1", "activityDate": "2026-11-23T09:00:02Z",
        "primaryAttributeValueId": 4011, "primaryAttributeValue": "autumn", "attributes": attributes,
    }}, "marketo"))  # fmt: skip


@pytest.mark.parametrize(
    "event, kind, says_sent, is_told",
    [
        (_marketo(10, Is_Bot_Activity=True, User_Agent=CHROME), "email_open", False, 1),
        (_marketo(10, Is_Bot_Activity=False, User_Agent=CHROME), "email_open", False, 0),
        (_marketo(11, Link="https://example.com/a", User_Agent=SCANNER), "email_click", False, 1),
        (_marketo(11, Link="https://example.com/" + "a" * 9_000, User_Agent={"odd": 1}), "email_click", False, 0),
        (_marketo(6), "email_sent", False, 0),
        (_one(mautic.translate({"mautic.email_on_open": [{"timestamp": "2026-11-23T09:00:03+00:00", "stat": {
            "lead": _LEAD, "email": {"id": 12}, "dateSent": "2026-11-23T09:00:00+00:00", "dateRead": "2026-11-23T09:00:02+00:00"}}]}, "mautic")),
         "email_open", True, 0),
        (_one(mautic.translate({"mautic.page_on_hit": [{"timestamp": "2026-11-23T09:00:03+00:00", "hit": {
            "lead": _LEAD, "email": {"id": 12}, "redirect": {"id": 1}, "url": "https://example.com/a", "userAgent": SCANNER,
            "dateHit": "2026-11-23T09:00:02+00:00"}}]}, "mautic")), "email_click", False, 1),
        (_one(segment.translate({"messageId": "m1", "type": "track", "userId": "u1", "event": "Email Link Clicked", "timestamp": "2026-11-23T09:00:00Z",
            "context": {"userAgent": CHROME}, "properties": {"campaign_id": "c1", "link_url": "https://example.com/a", "machine": True}}, "segment")),
         "email_click", False, 1),
        (_one(activecampaign.translate({"type": "click", "date_time": "2026-11-23T09:00:00+00:00", "contact": {"id": "7", "email": "h@example.co.jp"},
            "campaign": {"id": "5"}, "link": {"url": "https://example.com/a"}}, "activecampaign")), "email_click", False, 0),
    ],
)  # fmt: skip
def test_opens_and_clicks_keep_how_they_came_about(
    event: LeadEvent, kind: str, says_sent: bool, is_told: int
) -> None:
    """The mail is named, a click names its link; oddities are left out and nothing is refused for them."""
    assert event.touch is not None
    mail, link, sent_ms, told = event.touch
    assert (event.activity, bool(sent_ms), told) == (kind, says_sent, is_told)
    assert mail
    assert bool(link) == (kind == "email_click")
    assert not {"mail_id", "mail_link", "mail_sent_at", "user_agent", "machine"} & event.profile.keys()


@pytest.mark.parametrize(
    "agent, machine",
    [
        (CHROME, False), (SCANNER, True), ("python-requests/2.32.3", True), ("curl/8.5.0", True), ("Go-http-client/1.1", True),
        ("Mozilla/5.0", True), ("Mozilla/5.0 (compatible; Googlebot/2.1)", True), ("Slackbot-LinkExpanding 1.0", True),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", False),
        ("Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36", False),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36", True), ("Microsoft Outlook 16.0", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile", False), ("", False),
    ],
)  # fmt: skip
def test_which_programs_no_person_sits_behind(agent: str, machine: bool) -> None:
    """Scanners, link checkers and programs are; browsers, telephones and mail programs are not."""
    assert is_machine(agent) is machine
