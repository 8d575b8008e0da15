"""What adapters read of single fields: events without a sample, money, times, pages and forms by their names."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import NotUnderstood
from tests.fixtures.payloads import RECEIVED, good, one, read, sample
from worker.intake.adapters import shape, words
from worker.intake.adapters.registry import translate

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
