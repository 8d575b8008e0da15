"""What each sample of a platform says, event by event, and the ids that its events get."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.event import Event
from tests.fixtures.payloads import HANAKO, PLATFORMS, RECEIVED, SAMPLES, SHOJI, good, sample
from worker.intake.adapters.registry import translate

# What each sample says: type, subject, time (UTC) and the rest of the data, event by event.
# A value of None means that the field is not said.
SAID: dict[str, list[tuple[str, str | None, str, dict[str, Any]]]] = {
    "activecampaign/contact_tag_added.ja.txt": [
        (
            "lead.captured",
            "102",
            "2026-09-15T03:05:00",
            {"email": HANAKO, "company": SHOJI, "given_name": "花子", "activity": None},
        ),
    ],
    "activecampaign/deal_update.won-ja.txt": [
        (
            "outcome.won",
            "102",
            "2026-10-30T08:00:00",
            {"email": HANAKO, "opportunity": "1", "amount": 1_200_000, "currency": "JPY"},
        ),
    ],
    "activecampaign/subscribe.txt": [
        (
            "lead.consent",
            "101",
            "2026-09-15T03:00:00",
            {
                "email": "alice@example.com",
                "phone": "+44 20 7946 0000",
                "title": "Head of Procurement",
                "activity": "newsletter_signup",
                "consent": {"email": True},
            },
        ),
    ],
    "celery/redis-list-plain-json.json": [
        (
            "lead.activity",
            HANAKO,
            "2026-09-15T03:00:34",
            {"email": HANAKO, "company": SHOJI, "activity": "form_submit"},
        ),
    ],
    "cloudevents/batch.json": [
        (
            "lead.captured",
            "acme-ma:9001",
            "2026-09-15T03:00:00.123",
            {"email": HANAKO, "family_name": "佐藤", "campaign": "2026秋 展示会"},
        ),
        ("lead.captured", "acme-ma:9001", "2026-09-15T03:00:00.123", {"email": None}),
        ("outcome.won", "acme-ma:9001", "2026-10-30T08:00:00", {"amount": 1_200_000, "currency": "JPY"}),
    ],
    "cloudevents/structured.ja.json": [
        (
            "lead.captured",
            "acme-ma:9001",
            "2026-09-15T03:00:00.123",
            {"email": HANAKO, "company": SHOJI, "title": "部長"},
        ),
    ],
    "hubspot/contact.creation.json": [
        ("lead.captured", "70100000101", "2026-09-15T03:00:00.123", {"email": None})
    ],
    "hubspot/contact.propertyChange.batch-ja.json": [
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.900", {"company": None}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.100", {"company": SHOJI}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.100", {"title": "情報システム部 部長"}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.100", {"phone": "03-0000-1234"}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.050", {"family_name": "佐藤"}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.050", {"given_name": "花子"}),
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.050", {"email": HANAKO}),
    ],
    "hubspot/contact.propertyChange.docs-eventType.json": [
        ("lead.captured", "1246965", "2016-05-02T19:11:47.945", {}),
        ("lead.captured", "1246978", "2016-05-02T19:11:47.945", {}),
    ],
    "hubspot/contact.propertyChange.retry.json": [
        ("lead.captured", "70100000101", "2026-09-15T03:05:10.900", {})
    ],
    "hubspot/deal.propertyChange.outcome-ja.json": [
        (
            "outcome.won",
            "deal:18800000777",
            "2026-10-30T08:00:00",
            {"opportunity": "18800000777", "amount": 1_200_000, "opportunity_stage": "closedwon"},
        ),
        (
            "outcome.lost",
            "deal:18800000778",
            "2026-10-30T08:10:00",
            {"opportunity": "18800000778", "reason": "予算凍結のため見送り"},
        ),
    ],
    "hubspot/forms.submissions-ja.json": [
        (
            "lead.activity",
            None,
            "2026-09-15T03:00:00",
            {
                "email": "ichiro.tanaka@example.co.jp",
                "company": "サンプル電機株式会社",
                "activity": "contact_request",
            },
        ),
    ],
    "hubspot/workflow.contact-ja.json": [
        (
            "lead.captured",
            "70100000102",
            "2026-09-15T03:00:05",
            {"email": "taro.suzuki@example.co.jp", "company": "有限会社テスト工業", "title": "代表取締役"},
        ),
    ],
    "marketo/datastream.activities.batch.json": [
        ("lead.activity", "318581", "2026-09-15T03:02:00", {"activity": "email_open"}),
        ("lead.activity", "318582", "2026-09-15T03:01:00", {"activity": "pricing_view"}),
    ],
    "marketo/datastream.fill-out-form-ja.json": [
        (
            "lead.activity",
            "318581",
            "2026-09-15T03:00:00",
            {
                "email": HANAKO,
                "given_name": "花子",
                "activity": "whitepaper_download",
                "campaign": "2026秋 展示会",
            },
        ),
    ],
    "marketo/rest.leads-ja.json": [
        (
            "lead.captured",
            "318581",
            "2026-09-15T03:00:05",
            {"email": HANAKO, "company": SHOJI, "consent": None},
        )
    ],
    "marketo/webhook.lead-template-ja.json": [
        (
            "lead.captured",
            "318581",
            "2026-09-15T03:00:00",
            {"email": HANAKO, "company": SHOJI, "campaign": "2026秋 展示会"},
        )
    ],
    "marketo/webhook.lead-template.json": [
        ("lead.captured", None, "2026-11-24T00:00:00", {"email": "alice@example.com", "account_owner": None})
    ],
    "mautic/form_on_submit.ja.json": [
        (
            "lead.activity",
            "53",
            "2026-09-15T03:00:34",
            {
                "email": HANAKO,
                "company": SHOJI,
                "title": "部長",
                "activity": "contact_request",
                "country": "JP",
                "language": "ja",
                "region": "Tokyo",
            },
        ),
    ],
    "mautic/lead_points_change.ja.json": [
        ("lead.captured", "53", "2026-09-15T03:20:00", {"email": HANAKO, "title": "部長"})
    ],
    "mautic/lead_post_save_new.json": [
        (
            "lead.captured",
            "52",
            "2026-09-15T03:00:00",
            {
                "email": "alice@example.com",
                "title": "Head of Procurement",
                "country": "GB",
                "company_domain": "example.com",
            },
        ),
    ],
    "mautic/lead_post_save_update.batch-ja.json": [
        ("lead.captured", "53", "2026-09-15T03:10:00", {"email": HANAKO, "family_name": "佐藤"}),
        (
            "lead.captured",
            "54",
            "2026-09-15T03:11:00",
            {"email": "taro.suzuki@example.co.jp", "company": "有限会社テスト工業"},
        ),
    ],
    "meta-lead-ads/leadgen.graph-lead-ja.json": [
        (
            "lead.activity",
            "1459076748710713",
            "2026-09-15T03:00:00",
            {
                "email": HANAKO,
                "name": "佐藤 花子",
                "phone": "+81300001234",
                "company": SHOJI,
                "activity": "form_submit",
            },
        ),
    ],
    "meta-lead-ads/leadgen.webhook.json": [
        ("lead.captured", "1459076748710713", "2026-09-15T03:00:00", {"email": None}),
        ("lead.captured", "1459076748710714", "2026-09-15T03:00:01", {"email": None}),
        ("lead.captured", "1459076748710715", "2026-09-15T03:00:02", {"email": None}),
    ],
    "salesforce/lead-outcome.platform-event.json": [
        ("lead.captured", "00Q000000000101", "2026-09-16T01:00:00.517", {})
    ],
    "salesforce/lead.cdc.converted.json": [
        ("outcome.opened", "00Q000000000101", "2026-09-20T01:00:00", {"opportunity": "006000000000201"})
    ],
    "salesforce/lead.outbound-message.ja.txt": [
        (
            "lead.captured",
            "00Q000000000101",
            "2026-09-16T01:00:00",
            {"email": HANAKO, "company": SHOJI, "title": "部長", "account_owner": None},
        )
    ],
    "salesforce/opportunity.cdc.create-pubsub.json": [
        ("outcome.opened", "006000000000201", "2026-09-20T01:00:00", {"amount": 1_200_000, "reason": None})
    ],
    "salesforce/opportunity.cdc.lost-two-records-ja.json": [
        (
            "outcome.lost",
            "006000000000202",
            "2026-10-30T08:10:00",
            {"opportunity": "006000000000202", "reason": "予算凍結"},
        ),
        (
            "outcome.lost",
            "006000000000203",
            "2026-10-30T08:10:00",
            {"opportunity": "006000000000203", "reason": "予算凍結"},
        ),
    ],
    "salesforce/opportunity.cdc.won-ja.json": [
        (
            "outcome.won",
            "006000000000201",
            "2026-10-30T08:00:00",
            {"amount": 1_200_000, "opportunity_stage": "Closed Won"},
        )
    ],
    "salesforce/opportunity.outbound-message.ja.txt": [
        (
            "outcome.won",
            "006000000000201",
            "2026-10-30T08:00:00",
            {"amount": 1_200_000, "reason": None, "opportunity_stage": "Closed Won"},
        ),
        (
            "outcome.lost",
            "006000000000202",
            "2026-10-30T08:10:00",
            {"amount": None, "reason": "予算凍結 & 競合 <A社>"},
        ),
    ],
    "segment/group.json": [
        (
            "lead.captured",
            "usr_97980cfea0068",
            "2026-09-15T03:02:00",
            {"company": SHOJI, "employees": 329, "industry": "卸売", "name": None},
        )
    ],
    "segment/identify.json": [
        (
            "lead.captured",
            "usr_97980cfea0067",
            "2026-09-15T03:00:00.720",
            {
                "email": "alice@example.com",
                "company": "Example Widgets Ltd",
                "employees": 120,
                "language": "en",
                "campaign": "Autumn",
            },
        ),
    ],
    "segment/track.batch.json": [
        ("lead.captured", "usr_97980cfea0067", "2026-09-15T03:00:00.720", {"email": "alice@example.com"}),
        (
            "lead.activity",
            "507f191e810c19729de860eb",
            "2026-09-15T03:01:00.720",
            {"email": HANAKO, "activity": "demo_request", "employees": 101},
        ),
    ],
    "segment/track.ja.json": [
        (
            "lead.activity",
            "507f191e810c19729de860eb",
            "2026-09-15T03:01:00.720",
            {"email": HANAKO, "activity": "demo_request", "title": "部長", "company": SHOJI},
        ),
    ],
}
#: The ids of some, by the table of ma-platforms.md: what tells a repeat.
IDS = {
    "activecampaign/contact_tag_added.ja.txt": "contact_tag_added|102|2026-09-15T12:05:00+09:00|展示会2026",
    "activecampaign/deal_update.won-ja.txt": "deal_update|1|2026-10-30T17:00:00+09:00",
    "cloudevents/structured.ja.json": "/ma/acme|A234-1234-1234",
    "hubspot/contact.creation.json": "7100001|2500001|70100000101|contact.creation|||1789441200123",
    "hubspot/forms.submissions-ja.json": "11111111-2222-4333-8444-555555555556",
    "hubspot/workflow.contact-ja.json": "70100000102|1789441205000",
    "marketo/datastream.fill-out-form-ja.json": "ec2c6092-1e94-45e9-b2dd-0b6bad0baa60",
    "meta-lead-ads/leadgen.graph-lead-ja.json": "1459076748710713",
    "salesforce/lead.outbound-message.ja.txt": "04l000000000001AAA|2026-09-16T01:00:00.000+00:00",
    "salesforce/lead.cdc.converted.json": "00006948-0ac9-7da3-edb3-ea0e31b2334a|4|00Q000000000101",
    "salesforce/lead-outcome.platform-event.json": "/event/Lead_Outcome__e|2112",
    "segment/identify.json": "ajs-022bb90cbbac11e48dfcaa07a5b093db",
}


def events_of(name: str) -> list[Event]:
    platform = name.partition("/")[0]
    return good(translate(PLATFORMS.get(platform, platform), sample(name), "here", RECEIVED))


def test_every_sample_is_in_the_table() -> None:
    """No payload that we know is left out."""
    bodies = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.*") if "headers" not in path.name}
    assert bodies == SAID.keys() | {"cloudevents/binary.json"}


@pytest.mark.parametrize("name", SAID)
def test_samples_say_what_they_mean(name: str) -> None:
    """Types, subjects, times and data of every sample are as the platform meant them."""
    found = [
        (event.type, event.subject, event.time, {field: getattr(event.data, field) for field in said})
        for event, (*_, said) in zip(events_of(name), SAID[name], strict=True)
    ]
    expected = [
        (kind, subject, datetime.fromisoformat(at).replace(tzinfo=UTC), said)
        for kind, subject, at, said in SAID[name]
    ]
    assert found == expected
    assert {event.source for event in events_of(name)} == {"here"}


@pytest.mark.parametrize("name", IDS)
def test_ids_are_the_platforms_own_keys(name: str) -> None:
    """An event is named by what tells a repeat on its platform."""
    assert events_of(name)[0].id == IDS[name]


@pytest.mark.parametrize("name", SAID)
def test_the_same_bytes_give_the_same_ids(name: str) -> None:
    """A payload sent again names the same events, and within it no two share a name."""
    first = [event.id for event in events_of(name)]
    assert first == [event.id for event in events_of(name)]
    assert len(set(first)) == len(first)


def test_a_hubspot_retry_is_a_repeat() -> None:
    """The next attempt differs in attemptNumber and is the same event."""
    first = translate("hubspot", sample("hubspot/contact.propertyChange.batch-ja.json"), "hubspot")
    again = translate("hubspot", sample("hubspot/contact.propertyChange.retry.json"), "hubspot")
    assert again[0] == first[0]


def test_ids_hold_no_addresses() -> None:
    """Ids are logged, so what a person said of themselves is not in them."""
    assert not [
        event.id
        for name in SAID
        for event in events_of(name)
        if "sato" in event.id or "0000-1234" in event.id
    ]
