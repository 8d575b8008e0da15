"""Every platform's payload becomes canonical events, and one bad event leaves its neighbours alone."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import NotUnderstood
from schemas.strict_json import loads
from tests.fixtures.payloads import DOCUMENTS, HANAKO, PLATFORMS, RECEIVED, good, read, sample
from worker.intake.adapters import cloudevents, shape, wire
from worker.intake.adapters.registry import ADAPTERS, translate
from worker.intake.adapters.shape import OnlyATest


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


def test_joints_of_ids_are_escaped() -> None:
    """`a|b` with `c` is not `a` with `b|c`, and no id is too long."""
    assert shape.key("a|b", "c") != shape.key("a", "b|c")
    assert shape.key("a%7Cb") != shape.key("a|b")
    assert len(shape.key("長" * 999)) <= shape.MAX_KEY
    assert shape.key("長" * 999) != shape.key("長" * 998)


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
    st.sampled_from(DOCUMENTS),
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
