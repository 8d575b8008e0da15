"""The quick way agrees with the slow one wherever it dares to answer, and dares wherever an event is plain."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import quick
from schemas.errors import NotUnderstood
from schemas.event import EVENT_TYPES, EventData
from schemas.lead_event import LeadEvent
from schemas.strict_json import loads
from schemas.understanding import understand
from tests.factories import NOW, NOW_MS, a_document

DAY = Path(__file__).parents[2] / "worker" / "local" / "day"


def slowly(raw: bytes) -> LeadEvent | None:
    try:
        return understand(loads(raw), datetime.fromtimestamp(NOW_MS / 1000, UTC)).flat()
    except NotUnderstood:
        return None


def agree(raw: bytes) -> LeadEvent | None:
    found = quick.read(raw, NOW_MS)
    if found is not None:
        assert found == slowly(raw), raw
    return found


_TEXTS = st.sampled_from([
    "", " ", "青葉", " 佐藤　花子 ", "　", "a\u2028b", "a\u200bb", "a\x7fb", "\x1c", "a\tb", "\u202eabc", "x" * 500, "x" * 501,
    "x" * 256, "A@Example.com", "a@example.com", "a@example.com.", ".a@example.com", "a..b@example.com", "ａ@example.com",
    "a@b", "a@b.c", "a@-.c", "a b@c.de", "JP", "jp", "J1", "JPY", "ja-JP", "ja_jp_a_b_c", "1234567890123", "demo_request",
    "Demo", "500", "101-500", "true", "null", "lead-1", "006-1", 'he said "a": b', "\\u0000", "é", "😀", "\ud7ff", "sato",
])  # fmt: skip
_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10), st.sampled_from([10**17, 10**18, 10**18 - 1, 10**30, -(10**18), 0.0, -0.0, 1e300]),
    st.floats(allow_nan=True), _TEXTS, st.lists(st.integers(0, 1), max_size=2),
    st.dictionaries(st.sampled_from(["email", "phone", "all", "x"]), st.sampled_from([True, False, None, 1]), max_size=2),
)  # fmt: skip
_TIMES = st.one_of(
    st.datetimes(datetime(1999, 12, 30), datetime(2027, 1, 3), timezones=st.just(UTC)).map(datetime.isoformat),
    st.sampled_from([
        "2026-11-24T09:00:00+09:00", "2026-11-24T09:00:00Z", "2026-11-24T09:00:00.1234567Z", "2026-11-24T09:00:00.999999+00:00",
        "2026-11-24 09:00:00+09:00", "2026-11-24T09:00:00", "20261124T090000Z", "2026-11-24T24:00:00Z", "2026-11-24T09:00:60Z",
        "2026-11-24T09:00:00+23:59", "2026-11-24T09:00:00+24:00", "2026-11-24T09:00:00-00:00", "2026-11-25T01:00:00Z",
        "2026-11-25T00:59:59.999999Z", "2026-11-25T01:00:00.000001Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00Z",
        "２０２６-11-24T09:00:00Z", "2026-11-24T09:00:00z", "2026-11-24T09:00+09:00", "2026-02-29T09:00:00Z",
    ]),
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    data = draw(
        st.dictionaries(
            st.sampled_from([*EventData.model_fields, "page", "nested"]), st.one_of(_TEXTS, _ANY), max_size=6
        )
    )
    document: dict[str, Any] = {
        "id": draw(st.one_of(st.just("e1"), _TEXTS)), "source": draw(st.one_of(st.just("ma"), _TEXTS)),
        "type": draw(st.sampled_from([*EVENT_TYPES, "lead.unknown"])), "time": draw(_TIMES), "data": data,
    }  # fmt: skip
    if draw(st.booleans()):
        document["subject"] = draw(st.one_of(st.just("lead-1"), _TEXTS, st.none()))
    if draw(st.integers(0, 9)) == 0:
        document[draw(st.sampled_from(["id", "type", "time", "data", "subject", "specversion"]))] = draw(_ANY)
    return document


@given(documents(), st.booleans(), st.sampled_from([None, (",", ":"), (" , ", " : ")]))
def test_what_it_understands_is_what_the_slow_way_understands(
    document: dict[str, Any], ascii_only: bool, separators: tuple[str, str] | None
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, separators=separators)
    agree(text.encode("utf-8", "surrogatepass"))


@given(st.data())
def test_damaged_bytes(data: st.DataObject) -> None:
    """Any byte may be changed, cut out or doubled."""
    raw = bytearray(
        json.dumps(
            a_document(email="a@example.com", title="部長", employees=500), ensure_ascii=False
        ).encode()
    )
    at = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(["change", "cut", "double"]))
    if how == "change":
        raw[at] = data.draw(st.integers(0, 255))
    elif how == "cut":
        del raw[at : at + data.draw(st.integers(1, 20))]
    else:
        raw[at:at] = raw[at : at + data.draw(st.integers(1, 40))]
    agree(bytes(raw))


@pytest.mark.parametrize("raw", [
    b'{"id":"e1","id":"e2"%s}', b'{"id" :"e1","id":"e2"%s}', b'{"id":"e1","\\u0069d":"e2"%s}', b'{"id":"e1","x":1e999%s}',
    b'{"id":"e1","x":1234567890123456789%s}', b'{"id":"e1","x":-123456789012345678%s}', b'{"id":"e1","x":%s}' % (b"9" * 5000 + b"%s"),
    b'{"id":"e1","x":NaN%s}', b'{"id":"e1","x":"\\ud800"%s}', b'{"id":"e1","x":"\\u202e"%s}', b'{"id":"e1","x":"\xe2\x80\xae"%s}',
    b'{"id":"e1","x":"\xed\xa0\x80"%s}', b'{"id":"e1","x":"\x00"%s}', b'{"id":"e1","x":{"a":1,"a":2}%s}',
    b'{"id":"e1","x":%s}' % (b"[" * 40 + b"]" * 40 + b"%s"), b'{"id":"e1","x":%s}' % (b'{"a":' * 33 + b"1" + b"}" * 33 + b"%s"),
    b'{"id":"e1","x":[{"a":1,"a":2}]%s}', b'\xef\xbb\xbf{"id":"e1"%s}',
])  # fmt: skip
def test_it_leaves_alone_what_is_refused(raw: bytes) -> None:
    """Each of these is refused by the slow way, with its place: the quick way must not let it in."""
    rest = b',"source":"ma","type":"lead.captured","time":"2026-11-24T10:00:00+09:00","subject":"a","data":{}'
    assert slowly(raw % rest) is None
    assert quick.read(raw % rest, NOW_MS) is None


def test_plain_events_go_the_quick_way() -> None:
    """The demo's canonical events that can be understood at all are understood quickly."""
    quickly = slow = 0
    for name in ("canonical-web.jsonl", "canonical-history.jsonl"):
        for line in (DAY / name).read_bytes().splitlines():
            quickly += agree(line) is not None
            slow += slowly(line) is not None
    assert quickly >= 0.95 * slow > 0


def test_it_takes_japanese_in_either_writing() -> None:
    """Escaped and plain text are one, and both are common."""
    document = a_document(email="hanako@aoba.example.co.jp", company="株式会社青葉　東京", title="部長")
    for ascii_only in (True, False):
        found = agree(json.dumps(document, ensure_ascii=ascii_only).encode())
        assert found is not None
        assert found.profile["company"] == "株式会社青葉　東京"
        assert found.at_ms == int(NOW.timestamp() * 1000)
