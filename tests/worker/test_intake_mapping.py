"""Mappings: what payloads that no adapter knows become, value by value; repeats count once; preview without effect."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.errors import NotUnderstood
from schemas.event import Event
from schemas.understanding import understand
from tests.fixtures.sources import SAMPLES, SECRETS, SOURCES
from worker import rulebook_yaml
from worker.cli.main import app
from worker.intake import configured
from worker.intake.mapped import content_key
from worker.intake.mapping import Mapping
from worker.intake.paths import compile_path
from worker.intake.sources import SHIPPED, read_mapping
from worker.intake.times import read_time
from worker.intake.translating import by_mapping
from worker.settings import settings

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
#: Text that strict JSON takes; what it refuses is tested with it.
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=5)


def mapping(text: str) -> Mapping:
    document = rulebook_yaml.read("m.yaml", text)
    assert document.findings == []
    return Mapping.model_validate_json(json.dumps(document.value), strict=True)


def made(using: Mapping, payload: Any, at: datetime = NOW) -> list[Any]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    return by_mapping(using, raw, "here", at)


def events(using: Mapping, payload: Any, at: datetime = NOW) -> list[Event]:
    found = made(using, payload, at)
    assert not [one for one in found if isinstance(one, NotUnderstood)], found
    return [understand(one, at) for one in found]


TYPEFORM = {
    "event_id": "01H", "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j", "token": "a3a12ec67a1365927098a606107fac15", "submitted_at": "2026-11-24T02:17:55Z",
        "hidden": {"lead_id": "L-9", "utm_campaign": "autumn"},
        "definition": {"title": "デモのお申し込み", "fields": []},
        "answers": [
            {"type": "text", "text": "佐藤", "field": {"id": "1", "type": "short_text", "ref": "family_name"}},
            {"type": "email", "email": "hanako@example.co.jp", "field": {"id": "2", "type": "email", "ref": "mail"}},
            {"type": "choice", "choice": {"label": "東京都"}, "field": {"id": "3", "type": "dropdown", "ref": "prefecture"}},
            {"type": "number", "number": 300, "field": {"id": "4", "type": "number", "ref": "employees"}},
        ],
    },
}  # fmt: skip
SATORI = {
    "フォーム名": "資料請求フォーム", "登録日時": "2026/11/24 9:05", "顧客ID": 101, "メールアドレス": "hanako@example.co.jp",
    "姓": "佐藤", "名": "花子", "会社名": "株式会社サンプル商事", "役職": "部長", "従業員数": "301～500名", "都道府県": "東京都",
    "メール配信": "停止",
}  # fmt: skip
GOOGLE = {
    "lead_id": "TeSter-123", "is_test": False, "google_key": "[secret]", "form_id": 40000000000, "campaign_id": 123456789012345678,
    "user_column_data": [
        {"column_id": "FULL_NAME", "string_value": "佐藤 花子"}, {"column_id": "WORK_EMAIL", "string_value": "hanako@example.co.jp"},
        {"column_name": "Email", "column_id": "EMAIL", "string_value": "private@example.com"},
    ],
}  # fmt: skip
BREVO = {
    "event": "click", "email": "hanako@example.co.jp", "id": 7, "date_event": "2026-11-24 04:00:00", "ts": 1795488000,
    "ts_event": 1795485600, "campaign name": "秋の案内", "URL": "https://example.com",
}  # fmt: skip
MAILCHIMP = (
    b"type=unsubscribe&fired_at=2026-11-24+02%3A00%3A00&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054"
    b"&data%5Bemail%5D=hanako%40example.co.jp&data%5Bmerges%5D%5BFNAME%5D=%E8%8A%B1%E5%AD%90&data%5Bmerges%5D%5BLNAME%5D="
)
SHANON = {
    "seminar": {"title": "製造業DXセミナー"}, "status": "参加", "applied_at": "令和8年11月24日 10時30分", "visitor_id": "V1",
    "visitor": {"email": "hanako@example.co.jp", "last_name": "佐藤", "company": "サンプル商事"},
}  # fmt: skip
BOWNOW = {
    "lead": {"id": 5, "email": "hanako@example.co.jp", "company": "サンプル商事"},
    "actions": [
        {"id": "a1", "type": "page", "at": "2026-11-24T10:00:00"}, {"id": "a2", "type": "download", "at": "2026-11-24T10:01:00"},
        {"id": "a3", "type": "unknown"},
    ],
}  # fmt: skip
ZAP = {
    "id": "z-1",
    "time": "2026-11-24T11:00:00+09:00",
    "email": "hanako@example.co.jp",
    "activity": "Demo Requested",
}
#: Shipped mapping, payload -> events: type, time in UTC, subject, some of the data.
SHIPPED_SAYS: list[tuple[str, Any, list[tuple[str, str, str | None, dict[str, Any]]]]] = [
    ("typeform", TYPEFORM, [("lead.activity", "2026-11-24T02:17:55", "L-9", {
        "activity": "demo_request", "email": "hanako@example.co.jp", "family_name": "佐藤", "region": "東京都",
        "employees": 300, "campaign": "autumn", "title": None})]),
    ("satori", SATORI, [
        ("lead.activity", "2026-11-24T00:05:00", "101", {
            "activity": "whitepaper_download", "email": "hanako@example.co.jp", "company": "株式会社サンプル商事",
            "employees": 301, "country": "JP", "title": "部長"}),
        ("lead.consent", "2026-11-24T00:05:00", "101", {"consent": {"email": False}})]),
    ("google_ads", GOOGLE, [("lead.activity", "2026-11-24T03:00:00", None, {
        "email": "hanako@example.co.jp", "name": "佐藤 花子", "activity": "form_submit"})]),
    ("brevo", BREVO, [("lead.activity", "2026-11-24T02:00:00", None, {
        "email": "hanako@example.co.jp", "activity": "email_click", "campaign": "秋の案内"})]),
    ("mailchimp", MAILCHIMP, [("lead.consent", "2026-11-24T02:00:00", "8a25ff1d98", {
        "email": "hanako@example.co.jp", "consent": {"email": False}})]),
    ("shanon", SHANON, [("lead.activity", "2026-11-24T01:30:00", "V1", {
        "activity": "webinar_attended", "campaign": "製造業DXセミナー", "family_name": "佐藤"})]),
    ("bownow", BOWNOW, [
        ("lead.activity", "2026-11-24T01:00:00", "5", {"activity": "page_view", "company": "サンプル商事"}),
        ("lead.activity", "2026-11-24T01:01:00", "5", {"activity": "whitepaper_download"})]),
    ("zapier", ZAP, [("lead.captured", "2026-11-24T02:00:00", None, {
        "email": "hanako@example.co.jp", "activity": "demo_requested"})]),
]  # fmt: skip


@pytest.mark.parametrize("name, payload, said", SHIPPED_SAYS, ids=[row[0] for row in SHIPPED_SAYS])
def test_shipped_mapping_says(name: str, payload: Any, said: Any) -> None:
    """Type, time, subject and data of every event."""
    found = events(read_mapping(SHIPPED / f"{name}.yaml"), payload)
    assert len(found) == len(said)
    for event, (kind, at, subject, data) in zip(found, said, strict=True):
        assert (event.type, event.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), event.subject) == (
            kind,
            at,
            subject,
        )
        assert {field: getattr(event.data, field) for field in data} == data


def test_every_shipped_mapping_is_said() -> None:
    """None is shipped that nobody looked at."""
    assert {row[0] for row in SHIPPED_SAYS} == {path.stem for path in SHIPPED.glob("*.yaml")}


@pytest.mark.parametrize("name, payload, said", SHIPPED_SAYS, ids=[row[0] for row in SHIPPED_SAYS])
def test_repeat_is_the_same_event(name: str, payload: Any, said: Any) -> None:
    """The same payload an hour later has the same ids, and says the same but for the time of its arrival."""
    using = read_mapping(SHIPPED / f"{name}.yaml")
    first, again = made(using, payload), made(using, payload, NOW + timedelta(hours=1))
    for pair in zip(first, again, strict=True):
        is_dated_by_arrival = pair[0].get("dated_by") == "arrival"
        one, other = (
            {key: word for key, word in event.items() if key != "time" or not is_dated_by_arrival}
            for event in pair
        )
        assert one == other


PAYLOAD = {
    "a": {"b": [{"key": "email", "value": "x"}, {"key": "名前", "value": "花子", "deep": {"k": 1}}], "c d": 5, "e": True},
    "n": None,
}  # fmt: skip
FOUND: dict[str, list[Any]] = {
    "$": [PAYLOAD], "$.a.e": [True], "$.a['c d']": [5], '$.a["c d"]': [5], "$.a.b[0].value": ["x"],
    "$.a.b[-1].value": ["花子"], "$.a.b[7].value": [], "$.a.b[*].key": ["email", "名前"], "$.a.b[?key=email].value": ["x"],
    "$.a.b[?key='名前'].value": ["花子"], "$.a.b[?deep.k=1].value": ["花子"], "$.a.b[?key=nobody].value": [],
    "$.a.b.value": [], "$.x.y.z": [], "$.n": [None], "$.n.x": [], "$.a[*][0].key": ["email"], "$.a[?e=true].e": [True],
}  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_path_finds(text: str) -> None:
    """Names, indexes, wildcards and filters; what is not there is not found, and nothing is raised."""
    assert compile_path(text).find(PAYLOAD) == FOUND[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$.",
        "$..a",
        "$.a[",
        "$.a[x]",
        "$[?a]",
        "$[?=1]",
        "$.a b",
        "$[1:2]",
        "$" + ".a" * 200,
    ],
)
def test_path_that_is_none_is_refused(text: str) -> None:
    """There is no more to the language than is said."""
    with pytest.raises(ValueError, match=r"path"):
        compile_path(text)


def test_path_finds_a_bounded_number() -> None:
    """Wildcards over wildcards end."""
    with pytest.raises(ValueError, match="more than"):
        compile_path("$[*][*][*]").find([[[0] * 30] * 30] * 30)


TIMES: dict[str, str | None] = {
    "2026-11-24T09:00:00+09:00": "2026-11-24T00:00:00.000+00:00", "2026-11-24T09:00:00": "2026-11-24T00:00:00.000+00:00",
    "2026/11/24 9:05": "2026-11-24T00:05:00.000+00:00", "2026/11/24": "2026-11-23T15:00:00.000+00:00",
    "2026年11月24日": "2026-11-23T15:00:00.000+00:00", "2026年11月24日(火) 午後3時5分": "2026-11-24T06:05:00.000+00:00",
    "２０２６年１１月２４日　９時５分３０秒": "2026-11-24T00:05:30.000+00:00", "令和8年11月24日 9:05": "2026-11-24T00:05:00.000+00:00",
    "R8.11.24 9:05": "2026-11-24T00:05:00.000+00:00", "令和元年5月1日": "2019-04-30T15:00:00.000+00:00",
    "2026/11/24 24:00": "2026-11-24T15:00:00.000+00:00", "午前": None, "2026/13/01": None, "2026/2/30": None,
    "11/24/2026": None, "昨日": None, "1795485600": "2026-11-24T02:00:00.000+00:00",
    "1795485600000": "2026-11-24T02:00:00.000+00:00", "2026-11-24 09:00:00Z": "2026-11-24T09:00:00.000+00:00",
    "2026/11/24 午前12時0分": "2026-11-23T15:00:00.000+00:00", "9999-99-99": None, "0000/1/1": None,
    "20261124": "2026-11-23T15:00:00.000+00:00", "20261124090530": "2026-11-24T00:05:30.000+00:00",
    "２０２６１１２４０９０５": "2026-11-24T00:05:00.000+00:00", "20261399": None, "令8.11.24": "2026-11-23T15:00:00.000+00:00",
    "9999-12-31 24:00": None,
}  # fmt: skip


@pytest.mark.parametrize("text", TIMES)
def test_time_is_read(text: str) -> None:
    """ISO, epochs and Japanese dates in the stated zone; anything else is refused, never guessed."""
    wanted = TIMES[text]
    if wanted is None:
        with pytest.raises(NotUnderstood):
            read_time(text, "Asia/Tokyo", None, "$.t")
    else:
        assert read_time(text, "Asia/Tokyo", None, "$.t") == wanted


def test_time_has_its_zone_and_form() -> None:
    """Zones of summer time, stated patterns, nothing said."""
    assert read_time("2026-07-01T12:00:00", "America/New_York", None, "$") == "2026-07-01T16:00:00.000+00:00"
    assert read_time("11/24/2026 9:00 PM", "UTC", "%m/%d/%Y %I:%M %p", "$") == "2026-11-24T21:00:00.000+00:00"
    assert read_time("  ", "UTC", None, "$") is None
    assert read_time(None, "UTC", None, "$") is None
    with pytest.raises(NotUnderstood, match="%d"):
        read_time("24 Nov", "UTC", "%d", "$.t")


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Nothing else is raised."""
    try:
        found = read_time(text, "Asia/Tokyo", None, "$.t")
    except NotUnderstood:
        return
    assert found is None or datetime.fromisoformat(found).tzinfo is not None


FULL = """
zone: Asia/Tokyo
each: $.events[*]
ignore:
  - {path: $.test, in: [true]}
rules:
  - name: form
    when: [{path: $.kind, in: [form, 1]}]
    type: lead.activity
    without: [$.delivery]
    data:
      activity: {path: $.form, values: {資料請求: whitepaper_download}, otherwise: form_submit}
      email: {paths: [$.mail, '$.answers[?key=email].value'], default: unknown@example.com}
      name: {path: "$.names[*]", join: " "}
      company: $$.account.name
      country: {value: JP}
    consent:
      email: {path: $.optin, as: yes_no}
  - name: deal
    when: [{path: $.kind, in: [deal]}, {path: $.amount, exists: true}]
    type: outcome.won
    id: [$.deal, $.at]
    time: $.at
    data: {opportunity: $.deal, amount: {path: $.amount, as: money}, email: $.mail}
"""


def test_whole_language() -> None:
    """Routing, several events a payload, fallbacks, constants, value maps, joins, the root, money, consent."""
    payload = {
        "account": {"name": "サンプル商事"},
        "events": [
            {"kind": "form", "form": "資料請求", "answers": [{"key": "email", "value": "a@example.com"}], "names": ["佐藤", "花子"], "optin": "1"},
            {"kind": 1, "form": "その他", "optin": "0"},
            {"kind": "deal", "deal": "D1", "amount": "120万円", "at": "2026/11/20", "mail": "b@example.com"},
            {"kind": "form", "form": "x", "test": True},
        ],
    }  # fmt: skip
    first, second, third = events(mapping(FULL), payload)
    assert first.data.model_dump(exclude_none=True) == {
        "activity": "whitepaper_download", "email": "a@example.com", "name": "佐藤 花子", "company": "サンプル商事",
        "country": "JP", "consent": {"email": True},
    }  # fmt: skip
    assert (second.data.activity, second.data.email, second.data.consent) == (
        "form_submit",
        "unknown@example.com",
        {"email": False},
    )
    assert (third.type, third.data.amount, third.id) == ("outcome.won", 1_200_000, "deal|D1|2026/11/20")


def test_bad_item_leaves_its_neighbours_alone() -> None:
    """The good ones are events, the bad ones say their place."""
    payload = {"events": [
        {"kind": "deal", "deal": "D1", "amount": "たくさん", "at": "2026/11/20"}, {"kind": "nobody knows"},
        {"kind": "deal", "deal": "D2", "amount": 5, "at": "2026/11/20", "mail": "b@example.com"},
        {"kind": "deal", "amount": 5, "at": "2026/11/20"},
    ]}  # fmt: skip
    first, second, third, fourth = made(mapping(FULL), payload)
    assert [type(one) for one in (first, second, third, fourth)] == [
        NotUnderstood,
        NotUnderstood,
        dict,
        NotUnderstood,
    ]
    assert first.place == "[0] deal: $.amount"
    assert "no rule of the mapping takes this" in second.mend
    assert fourth.place.endswith("$.deal")


def test_content_names_an_event_that_its_platform_does_not() -> None:
    """Volatile places, order, empty values and widths make no difference; any word does."""
    base = {"kind": "form", "form": "資料請求", "mail": "a@example.com", "delivery": 1}
    same = [
        {**base, "delivery": 2}, dict(reversed(base.items())), {**base, "empty": "", "none": None, "list": []},
        {**base, "form": "資料請求 "}, {key: word for key, word in base.items() if key != "delivery"},
    ]  # fmt: skip
    names = {events(mapping(FULL), {"events": [one]})[0].id for one in [base, *same]}
    assert len(names) == 1
    other = [{**base, "form": "その他"}, {**base, "more": 1}, {**base, "mail": "b@example.com"}]
    assert len(names | {events(mapping(FULL), {"events": [one]})[0].id for one in other}) == 4


def test_undated_content_is_news_on_another_day_only() -> None:
    """A repeat within the day counts once; the same form next week is another one, unless the mapping says never."""
    one = {"events": [{"kind": "form", "form": "資料請求", "mail": "a@example.com"}]}
    ids = [events(mapping(FULL), one, NOW + timedelta(hours=hours))[0].id for hours in (0, 2, 13, 24 * 7)]
    assert ids[0] == ids[1]
    assert ids[1] != ids[2]  # 2026-11-25 01:00 in Tokyo
    assert ids[3] not in ids[:3]
    never = mapping(FULL.replace("    without:", "    again: never\n    without:"))
    assert len({events(never, one, NOW + timedelta(days=days))[0].id for days in (0, 1, 400)}) == 1


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3), max_leaves=15))  # fmt: skip
def test_content_key_is_stable(value: Any) -> None:
    """It depends on what is said only: reading the same JSON again gives the same key."""
    assert content_key(value, []) == content_key(json.loads(json.dumps(value)), [])
    made(mapping(FULL), {"events": [value]})  # and no payload raises anything but NotUnderstood


@pytest.fixture
def sources_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TASUKI_SOURCES for commands of this process."""
    path = tmp_path / "sources.yaml"
    path.write_text(SOURCES, encoding="utf-8")
    for name, word in SECRETS.items():
        monkeypatch.setenv(name, word)
    monkeypatch.setenv("TASUKI_SOURCES", str(path))
    settings.cache_clear()
    monkeypatch.setattr(configured, "registry", configured.registry)
    configured.registry.cache_clear()
    return path


def run(*words: str) -> tuple[int, Any]:
    found = CliRunner().invoke(app, ["intake", "try", *words, "--json"])
    return found.exit_code, json.loads(found.output)


def test_preview_shows_what_a_payload_would_become(sources_file: Path, tmp_path: Path) -> None:
    """For a source, a platform and a shipped mapping; a part that is not understood makes it exit with 1."""
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(TYPEFORM), encoding="utf-8")
    code, said = run("typeform", str(file))
    assert (code, said["proof"]) == (0, None)
    assert said["events"][0]["event"]["data"]["email"] == "hanako@example.co.jp"
    mautic = SAMPLES / "mautic/form_on_submit.ja"
    code, said = run("mautic", f"{mautic}.json", "--headers", f"{mautic}.headers.json")
    assert (code, said["proof"]) == (0, "proven")
    file.write_text(json.dumps({"events": []}), encoding="utf-8")
    code, said = run("typeform", str(file))
    assert code == 1
    assert said["events"][0]["place"] == "rules"


def test_preview_reads_what_the_door_would(sources_file: Path, tmp_path: Path) -> None:
    """Attributes that stand in headers (CloudEvents' binary mode), and a packed body."""
    binary = SAMPLES / "cloudevents/binary"
    _, said = run("cloudevents", f"{binary}.json", "--headers", f"{binary}.headers.json")
    assert said["events"][0]["event"]["id"] == "/ma/acme|A234-1234-1238"
    mautic = SAMPLES / "mautic/form_on_submit.ja"
    headers = json.loads(Path(f"{mautic}.headers.json").read_bytes())
    headers["headers"]["Content-Encoding"] = "gzip"
    packed, file = tmp_path / "body.gz", tmp_path / "headers.json"
    packed.write_bytes(gzip.compress(Path(f"{mautic}.json").read_bytes()))
    file.write_text(json.dumps(headers), encoding="utf-8")
    _, said = run("mautic", str(packed), "--headers", str(file))
    assert said["events"][0]["event"]["type"] == "lead.activity"
    headers["headers"]["Content-Encoding"] = "br"
    file.write_text(json.dumps(headers), encoding="utf-8")
    refused = CliRunner().invoke(app, ["intake", "try", "mautic", str(packed), "--headers", str(file)])
    assert (refused.exit_code, "is not taken" in refused.output) == (1, True)


def test_preview_shows_a_sender_who_does_not_prove_himself(sources_file: Path, tmp_path: Path) -> None:
    """A changed body is shown, and that nobody would take it."""
    mautic = SAMPLES / "mautic/form_on_submit.ja"
    file = tmp_path / "changed.json"
    file.write_bytes(Path(f"{mautic}.json").read_bytes() + b" ")
    code, said = run("mautic", str(file), "--headers", f"{mautic}.headers.json")
    assert code == 1
    assert said["proof"] == "not proven: signature does not match"


def test_preview_of_nobody_is_refused(sources_file: Path, tmp_path: Path) -> None:
    """With the names that there are."""
    found = CliRunner().invoke(app, ["intake", "try", "nobody", str(sources_file)])
    assert found.exit_code == 1
    assert "there is no source nobody" in found.output
    found = CliRunner().invoke(app, ["intake", "try", "zapier", str(tmp_path / "none.json")])
    assert found.exit_code == 1
