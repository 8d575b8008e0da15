"""Every platform's payload becomes canonical events, and one bad event leaves its neighbours alone."""

import json
import string
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import NotUnderstood
from schemas.event import Event, understand
from schemas.strict_json import loads
from worker.intake.adapters import cloudevents, shape, wire, words
from worker.intake.adapters.registry import ADAPTERS, translate
from worker.intake.adapters.shape import OnlyATest

SAMPLES = Path(__file__).parent.parent / "samples"
RECEIVED = datetime(2026, 11, 24, tzinfo=UTC)
PLATFORMS = {"meta-lead-ads": "meta", "celery": "cloudevents"}
HANAKO = "hanako.sato@example.co.jp"
SHOJI = "株式会社サンプル商事"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def read(platform: str, document: Any) -> list[dict[str, Any] | NotUnderstood]:
    return translate(platform, json.dumps(document).encode(), platform, RECEIVED)


def good(parts: list[dict[str, Any] | NotUnderstood]) -> list[Event]:
    return [understand(part, RECEIVED) for part in parts if not isinstance(part, NotUnderstood)]


def one(platform: str, document: Any) -> Event:
    (event,) = good(read(platform, document))
    return event


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


def test_binary_mode_is_put_together_from_headers() -> None:
    """A CloudEvent in binary mode reads like the structured one."""
    headers = json.loads(sample("cloudevents/binary.headers.json"))["headers"]
    document = cloudevents.from_headers(headers, loads(sample("cloudevents/binary.json")))
    assert document["subject"] == "リード/9001"
    (event,) = good(cloudevents.translate(document, "here"))
    assert (event.id, event.type, event.data.email) == ("/ma/acme|A234-1234-1238", "lead.captured", HANAKO)


def test_quotes_of_a_header_are_no_part_of_its_value() -> None:
    """HTTP binding 1.0, 3.1.3.2: quotes and their escapes go first, then percents; else a repeat bears another id."""
    headers = {
        "ce-id": '"a%20b"',
        "ce-source": '"/x \\"y\\""',
        "ce-type": "lead.captured",
        "ce-subject": '%22"',
    }
    assert cloudevents.from_headers(headers, {}) == {
        "id": "a b", "source": '/x "y"', "type": "lead.captured", "subject": '""', "data": {},
    }  # fmt: skip


BATCHES = {
    "hubspot/contact.propertyChange.batch-ja.json": ("objectId", None),
    "segment/track.batch.json": ("messageId", None),
    "marketo/datastream.activities.batch.json": (
        "data",
        {"leadId": "1", "activityDate": "2026-09-15T03:00:00Z"},
    ),
    "cloudevents/batch.json": ("type", "com.example.weather.changed"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_bad_event_leaves_its_neighbours(name: str) -> None:
    """One event of a batch is spoilt; the others come out as before, in their places."""
    platform = name.partition("/")[0]
    whole = translate(platform, sample(name), platform)
    document = json.loads(sample(name))
    field, value = BATCHES[name]
    document[1][field] = value
    parts = read(platform, document)
    assert isinstance(parts[1], NotUnderstood)
    assert parts[1].place.startswith("[1].")
    assert [part for index, part in enumerate(parts) if index != 1] == [
        part for index, part in enumerate(whole) if index != 1
    ]


def test_an_entry_of_meta_without_leads_leaves_its_neighbours() -> None:
    """A page's webhook tells of messages, too; and a broken entry stands for itself."""
    lead = {"field": "leadgen", "value": {"leadgen_id": "5", "created_time": 1789441200}}
    entries = [
        {"id": "1", "messaging": [{}]},
        {"id": "1", "changes": [lead]},
        {"id": "1", "changes": None},
        "x",
    ]
    first, second, third = read("meta", {"object": "page", "entry": entries})
    assert isinstance(first, dict)
    assert first["subject"] == "5"
    assert isinstance(second, NotUnderstood)
    assert isinstance(third, NotUnderstood)


@pytest.mark.parametrize("name", [
    "hubspot/contact.creation.json", "salesforce/lead.outbound-message.ja.txt", "activecampaign/subscribe.txt",
])  # fmt: skip
def test_a_mark_before_utf_8_changes_nothing(name: str) -> None:
    """Some programs write one (BOM), and leave a line empty before what they send."""
    platform = name.partition("/")[0]
    marked = b"\r\n\xef\xbb\xbf" + sample(name)
    assert translate(platform, marked, platform) == translate(platform, sample(name), platform)


def test_a_bad_mautic_event_leaves_its_neighbours() -> None:
    """The second contact has no time; the first is taken."""
    document = json.loads(sample("mautic/lead_post_save_update.batch-ja.json"))
    document["mautic.lead_post_save_update"][1]["timestamp"] = "yesterday"
    first, second = read("mautic", document)
    assert isinstance(first, dict)
    assert isinstance(second, NotUnderstood)
    assert second.place == "mautic.lead_post_save_update[1].time"


@pytest.mark.parametrize(
    "platform, raw",
    [
        ("mautic", b'{"mautic.form_on_submit": '),
        ("mautic", b'{"hello": 1}'),
        ("mautic", b'"hello"'),
        ("hubspot", b"[NaN"),
        ("segment", b"\xff\xfe"),
        ("salesforce", b"<!DOCTYPE x [<!ENTITY a 'b'>]><Envelope/>"),
        ("salesforce", b"<Envelope><Body/></Envelope>"),
        ("salesforce", b"<Envelope>"),
        ("salesforce", b"<a>" * 100),
        ("activecampaign", b"hello"),
        ("activecampaign", b"contact[id]=1&contact[id]=2"),
        ("activecampaign", b"contact=1&contact[id]=2"),
        ("activecampaign", b"type=%00"),
        ("activecampaign", b"type=%ff"),
        ("activecampaign", b"&".join(b"f%d=1" % number for number in range(1001))),
        ("marketo", b'{"requestId": "1", "success": false, "errors": []}'),
        ("pigeon", b"{}"),
    ],
)
def test_a_hopeless_payload_is_refused_whole(platform: str, raw: bytes) -> None:
    """What cannot be used at all says why, as one."""
    with pytest.raises(NotUnderstood):
        translate(platform, raw, platform, RECEIVED)


@pytest.mark.parametrize(
    "platform, document",
    [
        ("mautic", {"mautic.form_on_submit": {"mautic.form_on_submit": []}}),
        ("segment", {"type": "ping"}),
        ("meta", {"is_test": True, "lead_id": "1"}),
        ("meta", {"entry": [{"changes": [{"field": "leadgen", "value": {"leadgen_id": "444444444444"}}]}]}),
        (
            "meta",
            {
                "id": "1",
                "created_time": "2026-09-15T03:00:00+0000",
                "field_data": [{"name": "email", "values": ["<test lead: dummy data for email>"]}],
            },
        ),
    ],
)
def test_test_traffic_is_known_as_such(platform: str, document: Any) -> None:
    """A platform's test becomes no lead, and is kept as what it is."""
    (found,) = read(platform, document)
    assert isinstance(found, OnlyATest)
    assert found.mend.startswith("test delivery")


def test_an_empty_batch_is_nothing() -> None:
    """Nothing was sent, so there is nothing to say."""
    assert read("cloudevents", []) == []


@pytest.mark.parametrize("form, tree", [
    ("a[x]=1&a[y][z]=%E5%B1%B1", {"a": {"x": "1", "y": {"z": "山"}}}),
    ("topics[]=A&topics[]=B&email=", {"topics": ["A", "B"], "email": ""}),
    ("f[][key]=k&f[][value]=v&f[][key]=l&f[][value]=w", {"f": [{"key": "k", "value": "v"}, {"key": "l", "value": "w"}]}),
    ("f[][a][b]=1", {"f": [{"a": {"b": "1"}}]}),
    ("f[][]=1", {"f": [["1"]]}),
    ("a=1&a=2", "a: the key stands twice"), ("a=1&a[b]=2", "is both"), ("a[b]=2&a[]=1", "is both"),
    ("a[]=1&a[b]=2", "is both"), ("a[]=1&a=2", "twice"), ("a[b=1", "not a form key"),
])  # fmt: skip
def test_forms_are_read_as_they_are_written(form: str, tree: Any) -> None:
    """Groups and lists by their brackets; what is two things at once is refused."""
    if isinstance(tree, str):
        with pytest.raises(NotUnderstood, match=tree):
            wire.form(form.encode())
    else:
        assert wire.form(form.encode()) == tree


@pytest.mark.parametrize("number", ["0", ""])
def test_fields_of_a_deal_are_read_numbered_or_not(number: str) -> None:
    """Which of them ActiveCampaign sends is not documented."""
    form = (
        f"type=deal_update&date_time=2026-09-15T12:05:00%2B09:00&deal[id]=7&deal[status]=2&deal[contactid]=9"
        f"&deal[fields][{number}][key]=Lost+Reason&deal[fields][{number}][value]=%E4%BA%88%E7%AE%97"
    )
    (event,) = good(translate("activecampaign", form.encode(), "ac", RECEIVED))
    assert (event.type, event.data.reason) == ("outcome.lost", "予算")


MAUTIC_LEAD = {"id": 9, "fields": {"core": {"email": {"value": "a@example.com"}}, "social": []}}
AT = "2026-09-15T03:00:00+00:00"


@pytest.mark.parametrize(
    "platform, document, kind, data",
    [
        ("mautic", {"mautic.page_on_hit": [{"hit": {"lead": MAUTIC_LEAD, "url": "https://x.example.com/pricing?a=case", "dateHit": AT}, "timestamp": AT}]}, "lead.activity", {"activity": "pricing_view", "email": "a@example.com"}),
        ("mautic", {"mautic.page_on_hit": [{"hit": {"lead": MAUTIC_LEAD, "url": "https://x.example.com/", "redirect": {"id": 1}, "email": {"id": 2}}, "timestamp": AT}]}, "lead.activity", {"activity": "email_click"}),
        ("mautic", {"mautic.email_on_open": {"stat": {"lead": MAUTIC_LEAD, "dateRead": AT}, "timestamp": AT}}, "lead.activity", {"activity": "email_open"}),
        ("mautic", {"mautic.lead_channel_subscription_changed": [{"contact": MAUTIC_LEAD, "channel": "email", "old_status": "contactable", "new_status": "unsubscribed", "timestamp": AT}]}, "lead.consent", {"consent": {"email": False}}),
        ("mautic", {"mautic.lead_channel_subscription_changed": [{"contact": MAUTIC_LEAD, "channel": "email", "new_status": "bounced", "timestamp": AT}]}, "lead.activity", {"activity": "email_bounce", "consent": None}),
        ("mautic", {"mautic.lead_post_delete": [{"id": 9, "contact": {"id": None, "fields": []}, "timestamp": AT}]}, "lead.consent", {"consent": {"all": False}}),
        ("mautic", {"mautic.lead_post_save_update": [{"contact": {**MAUTIC_LEAD, "doNotContact": [{"channel": "email", "reason": 1}]}, "timestamp": AT}]}, "lead.captured", {"consent": {"email": False}}),
        ("hubspot", [{"subscriptionType": "contact.privacyDeletion", "objectId": 9, "occurredAt": 1789441200123}], "lead.consent", {"consent": {"all": False}}),
        ("hubspot", [{"subscriptionType": "contact.merge", "primaryObjectId": 1, "mergedObjectIds": [2], "newObjectId": 9, "occurredAt": 1789441200123}], "lead.captured", {}),
        ("hubspot", [{"subscriptionType": "contact.propertyChange", "objectId": 9, "propertyName": "hs_email_optout", "propertyValue": "true", "occurredAt": 1789441200123}], "lead.consent", {"consent": {"email": False}}),
        ("hubspot", [{"subscriptionType": "contact.propertyChange", "objectId": 9, "propertyName": "numemployees", "propertyValue": "101-500", "occurredAt": 1789441200123}], "lead.captured", {"employees": 101}),
        ("hubspot", [{"subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": 9, "propertyName": "email", "propertyValue": "a@example.com", "occurredAt": 1789441200123}], "lead.captured", {"email": "a@example.com"}),
        ("hubspot", [{"subscriptionType": "object.deletion", "objectTypeId": "0-1", "objectId": 9, "occurredAt": 1789441200123}, {"subscriptionType": "object.creation", "objectTypeId": "0-2", "objectId": 8, "occurredAt": 1789441200123}], "lead.consent", {"consent": {"all": False}}),
        ("hubspot", [{"subscriptionType": "contact.propertyChange", "objectId": 9, "propertyName": "company", "propertyValue": "", "occurredAt": 1789441200123}], "lead.captured", {"company": None}),
        ("segment", {"type": "track", "event": "Unsubscribed", "messageId": "m", "userId": 9, "timestamp": AT}, "lead.consent", {"consent": {"email": False}}),
        ("segment", {"type": "track", "event": "Demo Video Watched", "messageId": "m", "userId": 9, "timestamp": AT}, "lead.activity", {"activity": "demo_video_watched"}),
        ("segment", {"type": "track", "event": "資料を見た", "messageId": "m", "userId": 9, "timestamp": AT}, "lead.activity", {"activity": "other"}),
        ("segment", {"type": "page", "messageId": "m", "userId": 9, "timestamp": AT, "properties": {"path": "/customer-stories/1", "title": "CEO"}}, "lead.activity", {"activity": "case_study_view", "title": None}),
        ("segment", {"type": "identify", "messageId": "m", "userId": 9, "timestamp": AT, "traits": {"company": "X Ltd"}}, "lead.captured", {"company": "X Ltd"}),
        ("marketo", {"eventid": "e", "data": {"leadId": 9, "activityTypeId": 9, "activityDate": AT}}, "lead.consent", {"consent": {"email": False}, "activity": "unsubscribe"}),
        ("marketo", {"eventid": "e", "data": {"leadId": 9, "activityTypeId": 37, "activityDate": AT}}, "lead.consent", {"consent": {"all": False}}),
        ("marketo", {"eventid": "e", "data": {"leadId": 9, "activityTypeId": 13, "activityDate": AT, "primaryAttributeValue": "Title", "attributes": [{"name": "New Value", "value": "CIO"}]}}, "lead.captured", {"title": "CIO"}),
        ("marketo", {"eventid": "e", "data": {"leadId": 9, "activityTypeId": 22, "activityDate": AT, "attributes": [{"name": "New Value", "value": "85"}]}}, "lead.captured", {}),
        ("marketo", {"eventid": "e", "data": {"leadId": 9, "activityTypeId": 100_001, "activityType": "Webinar Attended", "activityDate": AT}}, "lead.activity", {"activity": "webinar_attended"}),
        ("marketo", {"leadId": "9", "email": "a@example.com", "unsubscribed": "1", "updatedAt": AT}, "lead.captured", {"consent": {"email": False}}),
        ("salesforce", {"ChangeEventHeader": {"entityName": "Lead", "changeType": "CREATE", "transactionKey": "t", "sequenceNumber": 1, "commitTimestamp": 1789866000000, "recordIds": ["9"]}, "Name": {"FirstName": "Ada", "LastName": "Example"}, "HasOptedOutOfEmail": True}, "lead.consent", {"given_name": "Ada", "consent": {"email": False}}),
    ],
)  # fmt: skip
def test_events_without_a_sample(platform: str, document: Any, kind: str, data: dict[str, Any]) -> None:
    """What the platforms' documents describe is read too; scores, owners and stages are not."""
    event = one(platform, document)
    assert (event.type, event.subject) == (kind, "9")
    assert {field: getattr(event.data, field) for field in data} == data


@pytest.mark.parametrize("change", ["GAP_UPDATE", "GAP_OVERFLOW"])
def test_a_gap_in_change_data_is_shown(change: str) -> None:
    """A change that is announced and not told goes to quarantine, not away."""
    header = {
        "entityName": "Lead",
        "changeType": change,
        "transactionKey": "t",
        "commitTimestamp": 1,
        "recordIds": ["00Q*"],
    }
    (part,) = read("salesforce", {"ChangeEventHeader": header})
    assert isinstance(part, NotUnderstood)


def test_an_open_opportunity_that_changes_is_no_news() -> None:
    """A new next step does not open a deal again that was won meanwhile."""
    header = {
        "entityName": "Opportunity",
        "changeType": "UPDATE",
        "transactionKey": "t",
        "commitTimestamp": 1789866000000,
        "recordIds": ["006000000000201"],
    }
    assert read("salesforce", {"ChangeEventHeader": header, "NextStep": "call"}) == []


_TASK = {
    "Status": "Completed",
    "TaskSubtype": "Call",
    "WhoId": "00Q000000000101AAA",
    "OwnerId": "005000000000301AAA",
}


@pytest.mark.parametrize("entity, values, what", [
    ("Task", _TASK, "call_made"),
    ("Task", {**_TASK, "CallDisposition": "留守番電話"}, "no_answer"),
    ("Task", {**_TASK, "CallDisposition": "Left Voicemail"}, "no_answer"),
    ("Task", {**_TASK, "TaskSubtype": "Email"}, "mail_sent"),
    ("Task", {**_TASK, "Status": "完了", "IsClosed": True}, "call_made"),
    ("Task", {**_TASK, "Status": "Not Started"}, None),
    ("Task", {**_TASK, "TaskSubtype": "Task"}, None),
    ("Task", {**_TASK, "WhoId": None}, None),
    ("Event", {"WhoId": "003000000000001AAA", "OwnerId": "005", "EndDateTime": "2026-09-20T00:30:00Z"}, "meeting_held"),
    ("Event", {"WhoId": "003000000000001AAA", "OwnerId": "005", "EndDateTime": "2026-09-20T02:00:00Z"}, None),
    ("Event", {"WhoId": "003000000000001AAA", "OwnerId": "005"}, None),
])  # fmt: skip
def test_what_reps_did_is_read_from_salesforce(entity: str, values: dict[str, Any], what: str | None) -> None:
    """Done calls, mails and meetings, each under one name however often its record is saved; plans are no news."""
    header = {"entityName": entity, "changeType": "CREATE", "transactionKey": "t", "sequenceNumber": 1,
              "commitTimestamp": 1789866000000, "recordIds": ["00T000000000001AAA"]}  # fmt: skip
    found = read("salesforce", {"ChangeEventHeader": header, "WhatId": "006000000000201AAA", **values})
    again = read(
        "salesforce",
        {"ChangeEventHeader": {**header, "transactionKey": "u"}, "WhatId": "006000000000201AAA", **values},
    )

    if what is None:
        assert found == []
        return
    (made,) = good(found)
    assert (made.type, made.data.sales_activity, made.data.by) == (
        "outcome.activity",
        what,
        values["OwnerId"],
    )
    assert made.subject == values["WhoId"][:15]
    assert made.data.opportunity == "006000000000201"
    assert [one.id for one in good(again)] == [made.id]


def test_short_and_long_salesforce_ids_are_one() -> None:
    """Whichever form a record is named in, it is one lead."""
    envelope = sample("salesforce/lead.outbound-message.ja.txt")
    short = envelope.replace(b"00Q000000000101AAA", b"00Q000000000101")
    assert translate("salesforce", short, "sf") == translate("salesforce", envelope, "sf")


def test_an_undated_payload_counts_when_it_arrives() -> None:
    """A template without a date is dated by its arrival; told of none, it is refused with the mend."""
    raw = sample("marketo/webhook.lead-template.json")
    (part,) = translate("marketo", raw, "marketo")
    assert isinstance(part, NotUnderstood)
    assert "system.dateTime" in part.mend
    later = datetime(2026, 11, 25, tzinfo=UTC)
    (first,), (second,) = (
        good(translate("marketo", raw, "m", RECEIVED)),
        good(translate("marketo", raw, "m", later)),
    )
    assert first.time == RECEIVED
    assert first.id != second.id


@pytest.mark.parametrize(
    "text, amount",
    [
        ("1,044,055.00", 1_044_055),
        ("¥1,200,000", 1_200_000),
        ("120万円", 1_200_000),
        ("１２０万", 1_200_000),
        ("1.5億", 150_000_000),
        (7, 7),
        ("", None),
        (None, None),
    ],
)
def test_money_is_read_knowingly(text: Any, amount: float | None) -> None:
    """Separators and units are understood."""
    assert shape.money(text) == amount


@pytest.mark.parametrize("text", ["12,00", "1.044.055,00", "about 5", "-5", "1e5", "NaN", True, [1]])
def test_money_is_never_guessed(text: Any) -> None:
    """What could mean two things is refused."""
    with pytest.raises(NotUnderstood):
        shape.money(text)


@pytest.mark.parametrize("value", ["", "x", "2026-13-01", 10**20, -(10**18), True, None, [], "9" * 18])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    """A bad time says so and breaks nothing."""
    with pytest.raises(NotUnderstood):
        shape.instant(value)


def test_joints_of_ids_are_escaped() -> None:
    """`a|b` with `c` is not `a` with `b|c`, and no id is too long."""
    assert shape.key("a|b", "c") != shape.key("a", "b|c")
    assert shape.key("a%7Cb") != shape.key("a|b")
    assert len(shape.key("長" * 999)) <= shape.MAX_KEY
    assert shape.key("長" * 999) != shape.key("長" * 998)


@pytest.mark.parametrize(
    "url, kind",
    [
        ("/showcase", "page_view"),
        ("/cases/12", "case_study_view"),
        ("https://x.example.com/%E4%BA%8B%E4%BE%8B/", "case_study_view"),
        ("/jobs/1", "careers_view"),
        ("/enterprise", "page_view"),
        ("http://[x", "page_view"),
        (None, "page_view"),
    ],
)
def test_pages_are_known_by_their_path(url: Any, kind: str) -> None:
    """Words inside other words do not count."""
    assert words.kind_of_page(url) == kind


@pytest.mark.parametrize(
    "form, kind",
    [
        ("お問い合わせ", "contact_request"),
        ("デモのお申し込み", "demo_request"),
        ("Industrial survey", "form_submit"),
        ("Democracy", "form_submit"),
        ("お見積もり依頼", "quote_request"),
        ("ウェビナー登録", "webinar_registered"),
        ("Ｎｅｗｓｌｅｔｔｅｒ", "newsletter_signup"),
    ],
)
def test_forms_are_known_by_their_name(form: str, kind: str) -> None:
    """A hand is raised only where the form says so."""
    assert words.kind_of_form(form) == kind


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_letters, max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def spoil(value: Any, places: list[int], junk: Any) -> Any:
    """Replace what is at a place, walking down as far as the places lead."""
    if not places or not isinstance(value, dict | list) or not value:
        return junk
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    here = keys[places[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[here] = spoil(copy[here], places[1:], junk)
    return copy


@given(
    st.sampled_from(sorted(name for name in SAID if name.endswith(".json"))),
    st.lists(st.integers(0, 99), max_size=7),
    JSON,
)
def test_nothing_but_not_understood_is_ever_raised(name: str, places: list[int], junk: Any) -> None:
    """Whatever stands anywhere in a payload, an adapter answers with events or with the reason."""
    platform = PLATFORMS.get(name.partition("/")[0], name.partition("/")[0])
    document = spoil(json.loads(sample(name)), places, junk)
    try:
        parts = ADAPTERS[platform](document, platform)
    except NotUnderstood:
        return
    for part in parts:
        if isinstance(part, dict):
            assert 0 < len(part["id"]) <= shape.MAX_KEY


@given(st.sampled_from(sorted(ADAPTERS)), JSON)
def test_any_document_is_answered(platform: str, document: Any) -> None:
    """Also for what is not like the platform's payload at all."""
    try:
        ADAPTERS[platform](document, platform)
    except NotUnderstood:
        return
