"""The canonical event: the bad-input catalogue. What is wrong is refused with its field; nothing crashes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import NotUnderstood
from schemas.event import EVENT_TYPES, Event, EventData
from schemas.event_fields import normal_email
from schemas.strict_json import loads
from schemas.understanding import understand
from tests.factories import NOW, a_document

LONG = "あ" * 501


def refusal_of(document: Any) -> NotUnderstood:
    with pytest.raises(NotUnderstood) as refusal:
        understand(document, NOW)
    return refusal.value


def read(**said: Any) -> dict[str, Any]:
    """Return what is understood of the data, without what was not said."""
    return EventData.model_validate(said).model_dump(exclude_none=True)


@pytest.mark.parametrize(
    "written, key",
    [
        ("hanako@example.co.jp", "hanako@example.co.jp"),
        ("  Hanako@EXAMPLE.co.jp ", "hanako@example.co.jp"),
        ("Ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ", "hanako@example.co.jp"),
        ("hanako@example.co.jp.", "hanako@example.co.jp"),
        ("hanako+news@example.co.jp", "hanako+news@example.co.jp"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("太郎@例え.jp", "太郎@例え.jp"),
        ("hanako@example.co.jp\n", "hanako@example.co.jp"),
        ("\u3000hanako@example.co.jp\u3000", "hanako@example.co.jp"),
    ],
)  # fmt: skip
def test_one_address_has_one_key(written: str, key: str) -> None:
    """Width, case, spaces around and a full stop at the end make no second lead."""
    assert understand(a_document(email=written, subject="x"), NOW).identity_keys == [
        ("ma:ma", "x"),
        ("email", key),
    ]
    assert normal_email(key) == key


@pytest.mark.parametrize(
    "address",
    [
        "hanako", "hanako@", "@example.com", "a@b@example.com", "hanako@localhost", '"a b"@example.com',
        "a b@example.com", "a@example..com", "hanako@example.com\r\nBcc: all@example.com", "Hanako <h@example.com>",
        "a@example.com, b@example.com", "x" * 65 + "@example.com", "a@" + "b" * 250 + ".com", "a" * 400,
        "mailto:a@example.com;b", "a@exam\tple.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    """What cannot be written to is told as `data.email`, and never folded."""
    assert refusal_of(a_document(email=address)).place == "data.email"


@pytest.mark.parametrize(
    "hidden", ["\x00", "\x01", "\x1b", "\x7f", "\u200b", "\u200d", "\u2060", "\u202e", "\ufeff", "\u00ad"]
)
def test_no_address_holds_what_nobody_sees(hidden: str) -> None:
    """Control and zero-width characters would make a second lead that reads like the first."""
    assert refusal_of(a_document(email=f"han{hidden}ako@example.com")).place == "data.email"


@pytest.mark.parametrize("field", sorted(EventData.model_fields))
def test_null_says_nothing(field: str) -> None:
    """A field that is null is a field that was not sent."""
    assert read(**{field: None}) == {}


@pytest.mark.parametrize("empty", ["", "  ", "\u3000"])
@pytest.mark.parametrize(
    "field",
    [
        "email", "name", "title", "department", "phone", "language", "company", "company_domain", "corporate_number",
        "employees", "industry", "country", "region", "campaign", "account_owner", "reason", "opportunity",
    ],
)  # fmt: skip
def test_an_empty_form_field_says_nothing(field: str, empty: str) -> None:
    """Forms send "" for what nobody filled in."""
    assert read(**{field: empty}) == {}


@pytest.mark.parametrize("subject", [None, "", "  "])
def test_an_event_needs_no_subject_when_it_has_an_address(subject: str | None) -> None:
    """A producer without keys of its own sends the address alone."""
    event = understand(a_document(subject=subject, email="a@example.com"), NOW)
    assert event.identity_keys == [("email", "a@example.com")]


@pytest.mark.parametrize(
    "said, count",
    [
        (0, 0), (500, 500), (500.0, 500), ("500", 500), ("1,000", 1000), ("１０", 10), ("１，０００人", 1000),
        ("101-500", 101), ("101–500", 101), ("1,001～5,000名", 1001), ("300〜999人", 300), ("101 to 500", 101),
        ("1000+", 1000), ("5,000人以上", 5000), (" 42 名 ", 42), ("10,000,000", 10_000_000),
    ],
)  # fmt: skip
def test_head_counts_are_read_as_forms_write_them(said: Any, count: int) -> None:
    """Numbers, Japanese units, full-width digits and ranges (the lower bound) are head counts."""
    assert read(employees=said) == {"employees": count}


@pytest.mark.parametrize(
    "said", [-1, "-1", 0.5, "many", "1e3", 10_000_001, 2**63, "9" * 30, [500], {"n": 5}, True, "1.5", "五百"]
)
def test_what_is_no_head_count_is_refused(said: Any) -> None:
    """Negative, broken, endless and wordy counts are told as `data.employees`."""
    assert refusal_of(a_document(employees=said)).place.startswith("data.employees")


@pytest.mark.parametrize(
    "said, instant",
    [
        ("2026-11-24T10:00:00+09:00", "2026-11-24T01:00:00+00:00"),
        ("2026-11-24T01:00:00Z", "2026-11-24T01:00:00+00:00"),
        ("2026-11-23T20:00:00-05:00", "2026-11-24T01:00:00+00:00"),
        ("2026-11-24T10:00+0900", "2026-11-24T01:00:00+00:00"),
        (1_795_482_000, "2026-11-24T01:00:00+00:00"),
        (1_795_482_000_000, "2026-11-24T01:00:00+00:00"),
        ("1795482000", "2026-11-24T01:00:00+00:00"),
        ("2026-11-24T01:00:00.123456789Z", "2026-11-24T01:00:00.123456+00:00"),
    ],
)  # fmt: skip
def test_an_instant_is_an_instant_however_it_is_written(said: Any, instant: str) -> None:
    """Any zone, and seconds or milliseconds since 1970, give the same instant."""
    assert understand(a_document(time=said), NOW).time.astimezone(UTC).isoformat() == instant


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-24T10:00:00", "2026-11-24", "", "now", None, True, [], "2026-11-24T24:00:00Z", "2026-06-30T23:59:60Z",
        "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "294277-01-01T00:00:00Z", 0, -1, 1.5,
        10**20, "1999-12-31T23:59:59Z", "2026-11-23T00:00:00+99:00", "24/11/2026 10:00",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused(said: Any) -> None:
    """A time without zone, a day that is none, an empty date and far years are told as `time`."""
    assert refusal_of(a_document(time=said)).place == "time"


@pytest.mark.parametrize(
    "ahead_h, is_fine", [(0, True), (23.9, True), (24, True), (24.1, False), (9000, False)]
)
def test_a_clock_may_run_a_day_ahead(ahead_h: float, is_fine: bool) -> None:
    """A little ahead is a wrong clock and is capped later; more than a day ahead is refused."""
    document = a_document(time=(NOW + timedelta(hours=ahead_h)).isoformat())
    if is_fine:
        assert understand(document, NOW).time > NOW - timedelta(seconds=1)
    else:
        assert "sender's clock" in refusal_of(document).mend


@pytest.mark.parametrize(
    "change, place",
    [
        ({"id": ""}, "id"), ({"id": 5}, "id"), ({"id": "a\nb"}, "id"), ({"id": "x" * 256}, "id"), ({"id": None}, "id"),
        ({"id": " "}, "id"), ({"source": " "}, "source"), ({"source": ""}, "source"), ({"source": "x" * 256}, "source"), ({"subject": "a\rb"}, "subject"),
        ({"subject": "x" * 256}, "subject"), ({"subject": 7}, "subject"), ({"subject": "a@b"}, "subject"),
        ({"type": "lead.deleted"}, "type"), ({"type": "LEAD.CAPTURED"}, "type"), ({"type": None}, "type"),
        ({"name": LONG}, "data.name"), ({"name": {"first": "A"}}, "data.name"), ({"title": "a\x00b"}, "data.title"),
        ({"title": "a\u2028b"}, "data.title"), ({"company": "株式会社\r\nX"}, "data.company"),
        ({"email": ["a@b.jp"]}, "data.email"), ({"country": "日本"}, "data.country"), ({"country": "JPN"}, "data.country"),
        ({"language": "x" * 36}, "data.language"), ({"language": "ja\r\nX: y"}, "data.language"),
        ({"corporate_number": "123"}, "data.corporate_number"), ({"activity": "Pricing View"}, "data.activity"),
        ({"activity": "x" * 65}, "data.activity"), ({"amount": -1}, "data.amount"), ({"amount": float("nan")}, "data.amount"),
        ({"amount": float("inf")}, "data.amount"), ({"amount": 10**16}, "data.amount"), ({"currency": "yen"}, "data.currency"),
        ({"consent": True}, "data.consent"), ({"consent": {"email": "maybe"}}, "data.consent.email"),
        ({"type": "lead.activity"}, "data.activity"), ({"type": "lead.consent"}, "data.consent"),
        ({"type": "outcome.won"}, "data.opportunity"), ({"type": "outcome.opened"}, "data.opportunity"),
        ({"subject": None}, "subject"), ({"subject": None, "name": "花子"}, "subject"),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(change: dict[str, Any], place: str) -> None:
    """Whoever sent it reads which field to mend."""
    assert refusal_of(a_document(**change)).place == place


@pytest.mark.parametrize("document", [None, [], "x", 5, True, {}, {"id": "1"}, [{"id": "1"}]])
def test_what_is_no_event_at_all_is_refused(document: Any) -> None:
    """Lists, words, numbers and empty objects are refused with a place."""
    assert refusal_of(document).place


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_data_is_an_object(data: Any) -> None:
    """Whatever else stands in `data` is told as `data`."""
    assert refusal_of({**a_document(), "data": data}).place == "data"


@pytest.mark.parametrize(
    "word, allowed",
    [(True, True), (False, False), ("false", False), ("0", False), ("no", False), (0, False), ("true", True)],
)
def test_no_is_no(word: Any, allowed: bool) -> None:
    """A withdrawal written as text is a withdrawal, never "a text that is not empty"."""
    assert read(consent={"email": word}) == {"consent": {"email": allowed}}


@pytest.mark.parametrize(
    "name",
    [
        "score",
        "fit",
        "engagement",
        "lifecycle_stage",
        "owner",
        "role",
        "state",
        "tenant_id",
        "lead_id",
        "__class__",
    ],
)
def test_a_payload_sets_nothing_that_is_ours(name: str) -> None:
    """Mass assignment is ignored: unknown words change nothing, in the data and beside it."""
    document = {**a_document(email="a@example.com", **{name: "100"}), name: "won"}
    assert understand(document, NOW) == understand(a_document(email="a@example.com"), NOW)


@pytest.mark.parametrize(
    "name",
    [
        "O'Brien",
        "Null",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "%s%n",
        "İstanbul",
        "ß",
        "👩‍👩‍👧",
        "髙橋",
        "a",
        "あ" * 500,
    ],
)
def test_names_are_kept_as_they_are(name: str) -> None:
    """A name is data: nothing in it is read, cut or mended."""
    assert read(name=name) == {"name": name}


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_events_survive_the_wire(type_: str) -> None:
    """What Tasuki writes it reads again as the same event, through strict JSON."""
    did = (
        {"sales_activity": "call_made", "by": "005"}
        if type_ == "outcome.activity"
        else {"activity": "demo_request"}
    )
    event = understand(
        a_document(type=type_, **did, consent={"email": False}, opportunity="006-1", amount=1e6,
                   currency="JPY", title="部長", employees="101-500", country="jp"), NOW,
    )  # fmt: skip
    again = understand(loads(event.model_dump_json(exclude_none=True).encode()), NOW)
    assert again == event
    assert understand(loads(event.model_dump_json().encode()), NOW) == event


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=5,
)  # fmt: skip


@given(st.sampled_from([*Event.model_fields, *EventData.model_fields]), _JSON)
def test_any_value_in_any_field_is_understood_or_refused(field: str, value: Any) -> None:
    """No value of any JSON type, in any field, raises anything but a refusal."""
    said = ("understood", "")
    try:
        understand(a_document(**{field: value}), NOW)
    except NotUnderstood as refusal:
        said = (refusal.place, refusal.mend)
    assert json.dumps(said)


def test_events_do_not_change() -> None:
    """An event is a fact: nobody edits it."""
    event = understand(a_document(), datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(ValidationError):
        event.id = "other"  # type: ignore[misc]
