"""May sales contact this person now, by which channel, and why (not): the table that both teams read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_rules import tables
from routing_rules.outreach import (
    CHANNELS,
    EEA,
    NEVER,
    Outreach,
    Person,
    ask,
    basis_rule,
    silent_until,
    zones_of,
)
from routing_rules.outreach_words import CODES, answer_words, channel_words, reason_words
from schemas.base import Lang
from schemas.lead import Standing
from schemas.rulebook.outreach import OutreachSpec
from tests.factories import NOW_MS, WHO, a_rulebook, a_state, ms

_SHIPPED = a_rulebook().nurture.outreach
assert _SHIPPED is not None
SPEC = _SHIPPED.model_copy(update={"pause": 4 * 3600})
TOKYO = ZoneInfo("Asia/Tokyo")
TEL = {"phone": "+81 3-0000-1234"}
MAIL = {"email": "hanako@aoba.example.co.jp"}
#: People of the table: what each said of themselves, and what they did (days ago).
PEOPLE: dict[str, tuple[dict[str, Any], dict[str, list[float]]]] = {
    "東京の部長": ({**WHO["情シス部長800人"], **TEL}, {"form_submit": [3]}),
    "名刺だけの部長": ({**WHO["情シス部長800人"], **TEL}, {"event_attended": [20]}),
    "買ったリストの部長": ({**WHO["情シス部長800人"], **TEL}, {"email_click": [3], "page_view": [3]}),
    "同意ずみの部長": ({**WHO["情シス部長800人"], **TEL, "consent": {"email": True}}, {}),
    "配信停止の部長": ({**WHO["情シス部長800人"], **TEL, "consent": {"email": False}}, {"form_submit": [3]}),
    "電話お断りの部長": ({**WHO["情シス部長800人"], **TEL, "consent": {"phone": False}}, {"form_submit": [3]}),
    "すべてお断りの部長": ({**WHO["情シス部長800人"], **TEL, "consent": {"all": False}}, {"form_submit": [3]}),
    "電話のない課長": ({**WHO["経理課長80人"]}, {"form_submit": [3]}),
    "Berlin, form": ({"email": "leser@spree.example.com", "phone": "+49 30 1234567", "country": "DE"}, {"form_submit": [3]}),
    "Berlin, opted in": ({"email": "leser@spree.example.com", "phone": "+49 30 1234567", "country": "DE", "consent": {"all": True}}, {}),
    "Paris, form": ({"email": "lecteur@seine.example.com", "phone": "+33 1 23 45 67 89", "country": "FR"}, {"form_submit": [3]}),
    "Paris, bought list": ({"email": "lecteur@seine.example.com", "phone": "+33 1 23 45 67 89", "country": "FR"}, {"page_view": [1]}),
    "New York": ({"email": "fin@hudson.example.com", "phone": "+1 212 555 0100", "country": "US"}, {"page_view": [1]}),
    "Singapore": ({"email": "it@merlion.example.com", "phone": "+65 6123 4567", "country": "SG"}, {"page_view": [1]}),
    "somewhere": ({"email": "someone@example.com", "phone": "+0"}, {"form_submit": [1]}),
}  # fmt: skip

#: who | stage | holder asks | when (Tokyo) | channel | verdict | reason | channels | from (Tokyo)
TABLE = """
東京の部長 | sal | sato | 火 10:00 | - | yes | with_its_rep | email phone | -
東京の部長 | sal | sato | 火 10:00 | phone | yes | with_its_rep | phone | -
東京の部長 | sal | sato | 火 12:30 | phone | no | quiet_hours | - | 火 13:00
東京の部長 | sal | sato | 火 12:30 | - | yes | with_its_rep | email | -
東京の部長 | sal | sato | 火 18:00 | phone | no | quiet_hours | - | 水 09:00
東京の部長 | sal | sato | 火 17:59 | phone | yes | with_its_rep | phone | -
東京の部長 | sal | sato | 水 09:00 | phone | yes | with_its_rep | phone | -
東京の部長 | sal | sato | 金 19:00 | phone | no | quiet_hours | - | 月 09:00
東京の部長 | sal | sato | 土 10:00 | phone | no | quiet_hours | - | 月 09:00
東京の部長 | sal | sato | 土 10:00 | email | yes | with_its_rep | email | -
東京の部長 | sal | sato | 火 23:00 | - | no | quiet_hours | - | 水 06:00
東京の部長 | sal | sato | 火 23:00 | email | no | quiet_hours | - | 水 06:00
東京の部長 | sal | ito | 火 10:00 | - | no | held_by_another_rep | - | -
東京の部長 | mql | - | 火 10:00 | - | no | waiting_for_a_rep | - | -
東京の部長 | nurture | - | 火 10:00 | - | no | held_in_nurture | - | -
東京の部長 | won | - | 火 10:00 | - | no | nobody_holds_it | - | -
東京の部長 | disqualified | - | 火 10:00 | - | no | disqualified | - | -
名刺だけの部長 | sal | sato | 火 10:00 | email | yes | with_its_rep | email | -
買ったリストの部長 | sal | sato | 火 10:00 | email | no | no_basis | - | -
買ったリストの部長 | sal | sato | 火 10:00 | phone | yes | with_its_rep | phone | -
買ったリストの部長 | sal | sato | 火 10:00 | - | yes | with_its_rep | phone | -
買ったリストの部長 | sal | sato | 火 20:00 | - | no | quiet_hours | - | 水 09:00
同意ずみの部長 | sal | sato | 火 10:00 | email | yes | with_its_rep | email | -
配信停止の部長 | sal | sato | 火 10:00 | email | no | permission_withdrawn | - | -
配信停止の部長 | sal | sato | 火 10:00 | - | yes | with_its_rep | phone | -
電話お断りの部長 | sal | sato | 火 10:00 | phone | no | permission_withdrawn | - | -
すべてお断りの部長 | sal | sato | 火 10:00 | - | no | no_permitted_channel | - | -
電話のない課長 | sal | sato | 火 10:00 | phone | no | no_address | - | -
電話のない課長 | sal | sato | 火 10:00 | - | yes | with_its_rep | email | -
Berlin, form | sal | sato | 火 17:30 | - | no | no_basis | - | -
Berlin, opted in | sal | sato | 火 10:00 | phone | no | quiet_hours | - | 火 17:00
Berlin, opted in | sal | sato | 火 17:30 | - | yes | with_its_rep | email phone | -
Paris, form | sal | sato | 火 17:30 | - | yes | with_its_rep | email phone | -
Paris, form | sal | sato | 火 17:30 | phone | yes | with_its_rep | phone | -
Paris, bought list | sal | sato | 火 17:30 | - | no | no_basis | - | -
New York | sal | sato | 火 10:00 | phone | no | quiet_hours | - | 火 23:00
New York | sal | sato | 水 00:30 | phone | yes | with_its_rep | phone | -
New York | sal | sato | 水 02:30 | phone | no | quiet_hours | - | 水 03:00
Singapore | sal | sato | 火 10:00 | phone | yes | with_its_rep | phone | -
Singapore | sal | sato | 火 09:30 | phone | no | quiet_hours | - | 火 10:00
somewhere | sal | sato | 火 10:00 | phone | yes | with_its_rep | phone | -
"""
_DAYS = "月火水木金土日"
#: The Monday of the table.
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)


def at(text: str) -> datetime:
    """Return an instant of the table's week; a day before Tuesday is of the next week."""
    days = _DAYS.index(text[0])
    return MONDAY + timedelta(
        days=days + (7 if days == 0 else 0), hours=int(text[2:4]), minutes=int(text[5:7])
    )


def told(at_ms: int | None) -> str:
    if at_ms is None:
        return "-"
    local = datetime.fromtimestamp(at_ms / 1000, TOKYO)
    return f"{_DAYS[local.weekday()]} {local:%H:%M}"


def asked(who: str, stage: str, rep: str | None, now: datetime, channel: str | None, **more: Any) -> Outreach:
    said, did = PEOPLE[who]
    standing = Standing(lifecycle_stage=stage, **more.pop("standing", {}))  # type: ignore[arg-type]
    holder = "sato" if stage in ("sal", "sql") else None
    person = Person(a_state(did, now, **said), standing, holder, **more)
    return ask(person, SPEC, ms(now), rep=rep, channel=channel)


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_the_table_of_outreach(row: str) -> None:
    """Each line is a question that a rep asks before a call, and the answer that both teams agreed on."""
    who, stage, rep, when, channel, *wanted = (cell.strip() for cell in row.split("|"))
    came = asked(who, stage, None if rep == "-" else rep, at(when), None if channel == "-" else channel)
    verdict = "yes" if came.may_contact else "no"
    assert [verdict, came.reason, " ".join(came.channels) or "-", told(came.from_ms)] == wanted
    for lang in ("ja", "en"):
        assert answer_words(came, lang, TOKYO)


@pytest.mark.parametrize(
    "who, stage, rep, when, more, ja, en",
    [
        ("東京の部長", "sal", "sato", "火 10:00", {}, "可: 担当者が連絡できます（メール、電話）", "yes: the lead's rep may, by email or by phone"),
        ("東京の部長", "sal", "ito", "火 10:00", {}, "不可: 別の担当者のリードです", "no: another rep holds the lead"),
        ("東京の部長", "sal", "sato", "火 23:00", {}, "不可: 2026-11-25 06:00 JST まで、相手の時間帯では連絡を控える時間です", "no: it is a quiet hour where the person is, until 2026-11-25 06:00 JST"),
        ("東京の部長", "nurture", None, "火 10:00", {"standing": {"rule": "dormant"}}, "不可: マーケティングが育成中です。営業からの連絡はまだ控えます。長く動きがなく休眠中です", "no: marketing still nurtures the lead, away from sales calls; it is asleep: no activity for long"),
        ("東京の部長", "nurture", None, "火 10:00", {"standing": {"rule": "sunset.silent_two_years"}}, "不可: マーケティングが育成中です。営業からの連絡はまだ控えます。配信を終了しています", "no: marketing still nurtures the lead, away from sales calls; marketing has stopped writing to it"),
        ("東京の部長", "nurture", None, "火 10:00", {"standing": {"cool_down_until_ms": ms(at("金 10:00"))}}, "不可: マーケティングが育成中です。営業からの連絡はまだ控えます。2026-11-27 10:00 JST まで、差し戻し後の冷却期間中です", "no: marketing still nurtures the lead, away from sales calls; it cools down after it was handed back, until 2026-11-27 10:00 JST"),
        ("東京の部長", "sal", "sato", "火 10:00", {"tried_ms": ms(at("火 09:00"))}, "不可: 直前に連絡したばかりのため、2026-11-24 13:00 JST まで間を置きます", "no: sales tried a short while ago, and may again from 2026-11-24 13:00 JST"),
        ("東京の部長", "nurture", None, "火 10:00", {"standing": {"rule": "dormant", "cool_down_until_ms": ms(at("金 10:00"))}}, "不可: マーケティングが育成中です。営業からの連絡はまだ控えます。2026-11-27 10:00 JST まで、差し戻し後の冷却期間中です。長く動きがなく休眠中です", "no: marketing still nurtures the lead, away from sales calls; it cools down after it was handed back, until 2026-11-27 10:00 JST; it is asleep: no activity for long"),
        ("買ったリストの部長", "sal", "sato", "火 20:00", {}, "不可: 2026-11-25 09:00 JST まで、相手の時間帯では連絡を控える時間です。連絡の法的根拠（同意など）がありません", "no: it is a quiet hour where the person is, until 2026-11-25 09:00 JST; there is no ground for the contact, such as consent"),
        ("東京の部長", "sal", "sato", "火 20:00", {"tried_ms": ms(at("火 18:30"))}, "不可: 直前に連絡したばかりのため、2026-11-24 22:30 JST まで間を置きます", "no: sales tried a short while ago, and may again from 2026-11-24 22:30 JST"),
        ("東京の部長", "sal", "sato", "火 13:00", {"tried_ms": ms(at("火 09:00"))}, "可: 担当者が連絡できます（メール、電話）", "yes: the lead's rep may, by email or by phone"),
    ],
)  # fmt: skip
def test_the_answer_is_said(
    who: str, stage: str, rep: str | None, when: str, more: Any, ja: str, en: str
) -> None:
    """A salesperson reads yes or no, why, and from when."""
    came = asked(who, stage, rep, at(when), None, **more)
    assert (answer_words(came, "ja", TOKYO), answer_words(came, "en", TOKYO)) == (ja, en)


@pytest.mark.parametrize(
    "who, channel, ja, en",
    [
        ("買ったリストの部長", "email", "メール: 連絡の法的根拠（同意など）がありません（同意または取引・問い合わせ等の関係が必要、特定電子メール法 第3条）", "mail: there is no ground for the contact, such as consent (needs a yes, or that the person came to us, 特定電子メール法 第3条)"),
        ("Berlin, form", "phone", "電話: 連絡の法的根拠（同意など）がありません（事前の同意が必要、UWG § 7, GDPR Art. 6(1)(a)）", "phone: there is no ground for the contact, such as consent (needs a recorded yes, UWG § 7, GDPR Art. 6(1)(a))"),
        ("New York", "phone", "電話: 2026-11-24 23:00 JST まで、相手の時間帯では連絡を控える時間です（拒否がなければ可）", "phone: it is a quiet hour where the person is, until 2026-11-24 23:00 JST (allowed unless the person said no)"),
        ("東京の部長", "phone", "電話: 連絡できます（拒否がなければ可）", "phone: may be used (allowed unless the person said no)"),
    ],
)  # fmt: skip
def test_the_ground_is_said(who: str, channel: str, ja: str, en: str) -> None:
    """What a contact rests on is told with the law that the rulebook names."""
    one = asked(who, "sal", "sato", at("火 17:30"), channel).by_channel[0]
    assert (channel_words(one, "ja", TOKYO), channel_words(one, "en", TOKYO)) == (ja, en)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_reason_has_words(lang: Lang) -> None:
    """No reason is told as a code."""
    assert len(CODES) == len({reason_words(code, lang) for code in CODES})
    assert all("_" not in reason_words(code, lang) for code in CODES)


def test_without_rules_the_gate_is_as_it_was() -> None:
    """A rulebook without `outreach` asks for no ground and knows no quiet hours."""
    said, did = PEOPLE["買ったリストの部長"]
    person = Person(a_state(did, **said), Standing(lifecycle_stage="sal"), "sato")
    assert ask(person, None, ms(at("火 23:00")), rep="sato").channels == CHANNELS


def test_countries_have_clocks() -> None:
    """A country of several zones has all of them, a number with an area its own; the EEA has thirty countries."""
    assert len(EEA) == 30
    assert [zone.key for zone in zones_of(None, "JP", "UTC")] == ["Asia/Tokyo"]
    assert {"America/New_York", "America/Los_Angeles"} <= {zone.key for zone in zones_of(None, "US", "UTC")}
    assert [zone.key for zone in zones_of("+1 415 555 0100", "US", "UTC")] == ["America/Los_Angeles"]
    assert [zone.key for zone in zones_of("no number", None, "Asia/Tokyo")] == ["Asia/Tokyo"]


@given(
    st.sampled_from(sorted(PEOPLE)), st.sampled_from(["nurture", "mql", "sal", "sql", "won", "lost", "disqualified"]),
    st.sampled_from([None, "sato", "ito"]), st.integers(0, 14 * 24 * 60), st.sampled_from([None, *CHANNELS]),
)  # fmt: skip
def test_a_yes_is_open_and_a_time_is_right(
    who: str, stage: str, rep: str | None, minutes: int, channel: str | None
) -> None:
    """Yes names a channel that may be used; a no with a time becomes a yes at that very instant, and not before."""
    now = MONDAY + timedelta(minutes=minutes)
    came = asked(who, stage, rep, now, channel)
    assert came.may_contact is bool(came.channels)
    assert all(one.may is (one.channel in came.channels) for one in came.by_channel)
    assert came.reason == came.reasons[0]
    if came.from_ms is not None and came.reason == "quiet_hours":
        then = datetime.fromtimestamp(came.from_ms / 1000, TOKYO)
        assert asked(who, stage, rep, then, channel).may_contact
        assert not asked(who, stage, rep, then - timedelta(minutes=1), channel).may_contact


#: A quarter of an hour in ms, and the start (UTC) of the Wednesday of the table's week.
QUARTER, WEDNESDAY = 900_000, ms(datetime(2026, 11, 25, tzinfo=UTC))
NUMBERS = (
    ("+1 800 555 0123", "US"), ("+7 916 123 45 67", "RU"), ("+1 212 555 0123", "US"), ("+61 412 345 678", "AU"),
    ("+55 11 98765 4321", "BR"), ("090-1234-5678", "JP"), ("+52 55 1234 5678", "MX"), ("no number", "US"),
)  # fmt: skip
ZONES = sorted(
    {zones_of(None, country, "Asia/Tokyo") for country, _ in tables.rows("zones.tsv")}
    | {zones_of(phone, country, "Asia/Tokyo") for phone, country in NUMBERS},
    key=str,
)
HOURS = st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda span: f"{span[0]:02}:00-{span[1]:02}:30")


@pytest.mark.parametrize("channel", CHANNELS)
def test_everybody_has_an_open_half_hour_on_a_working_day(channel: str) -> None:
    """Of no country, and no number without an area, do so many clocks make one long silence."""
    for zones in ZONES:
        instants = range(WEDNESDAY, WEDNESDAY + 96 * QUARTER, QUARTER)
        open_quarters = [at_ms for at_ms in instants if silent_until(SPEC, channel, zones, at_ms) is None]
        assert len(open_quarters) >= 2, zones


@pytest.mark.parametrize(
    "phone, country, hour, is_open",
    [
        ("+7 916 123 45 67", "RU", 7, True),     # 10:00 in Moscow, 19:00 in Kamchatka: some clock allows it
        ("+7 916 123 45 67", "RU", 20, False),   # 23:00 in Moscow, 08:00 in Kamchatka: no clock does
        (None, "AU", 5, True),                   # 13:00 in Perth, 16:00 in Sydney: all clocks do
        (None, "AU", 7, False),                  # 15:00 in Perth, 18:00 in Sydney: one does not, and there are better hours
    ],
)  # fmt: skip
def test_many_clocks(phone: str | None, country: str, hour: int, is_open: bool) -> None:
    """All clocks count as long as they leave an hour together; if they do not, one that allows it is enough."""
    zones = zones_of(phone, country, "Asia/Tokyo")
    assert (silent_until(SPEC, "phone", zones, WEDNESDAY + hour * 3_600_000) is None) is is_open


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(HOURS, min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 366 * 24 * 60),
)
def test_the_end_of_a_silence_is_one(zones: Any, hours: list[str], weekends: bool, minutes: int) -> None:
    """At the instant that is told it is silent no more, on every day of the year; else no instant is told."""
    spec = OutreachSpec.model_validate({"quiet": [{"hours": hours, "weekends": weekends}]})
    now_ms = ms(MONDAY) + minutes * 60_000
    until = silent_until(spec, "phone", zones, now_ms)
    if until is None or until == NEVER:
        return
    assert until > now_ms
    assert silent_until(spec, "phone", zones, int(until)) is None
    assert silent_until(spec, "phone", zones, int(until) - 60_000) is not None


def test_a_silence_that_never_ends_has_no_instant() -> None:
    """Rules that leave no hour of the day open say no, and no time from which on; lint doubts them."""
    spec = OutreachSpec.model_validate(
        {"quiet": [{"hours": ["00:00-12:00", "12:00-00:00"], "weekends": True}]}
    )
    assert silent_until(spec, "phone", (TOKYO,), NOW_MS) == NEVER
    said, did = PEOPLE["東京の部長"]
    person = Person(a_state(did, **said), Standing(lifecycle_stage="sal"), "sato")
    came = ask(person, spec, NOW_MS, rep="sato", channel="phone")
    assert (came.may_contact, came.reason, came.from_ms) == (False, "quiet_hours", None)


@pytest.mark.parametrize(
    "country, law",
    [("FR", "GDPR Art. 6(1)(f)"), ("NO", "GDPR Art. 6(1)(f)"), ("GB", "UK GDPR"), ("CH", "UWG Art. 3")],
)
def test_nobody_is_told_the_law_of_another_country(country: str, law: str) -> None:
    """Great Britain and Switzerland are not in the EU: a rep there looks up their own law."""
    rule = basis_rule(SPEC.basis, "email", country)
    assert rule is not None
    assert rule.law.startswith(law)
