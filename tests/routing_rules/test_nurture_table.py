"""Where marketing holds whom, and what each still needs: the table that marketing and sales both read."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_rules.breakdown import breakdown, section_name
from routing_rules.coming import next_words, what_comes
from routing_rules.explain import sentence
from routing_rules.facts import DAY_MS
from routing_rules.judge import judge
from routing_rules.nearest import smallest_changes
from routing_rules.nearest_words import short_words
from routing_rules.steps import place_on
from schemas.base import Lang
from schemas.lead import Deal, LeadState, Standing
from tests.factories import NOW_MS, WHO, a_compiled_book, a_state

BOOK = a_compiled_book()
TOKYO = ZoneInfo("Asia/Tokyo")
LANGS: tuple[Lang, Lang] = ("ja", "en")

#: who | did (kind days-ago ...) | since: how it came here | where it is | 引き渡しまで | until it is ready
TABLE = """
情シス部長800人 | page_view 0 | new | basics | 料金ページの閲覧1回に加えて、あと39点 | “Pricing page” once, and 39 points
情シス部長800人 | whitepaper_download 3 | new | basics | トライアル開始1回 | “Trial started” once
情シス部長800人 | pricing_view 1; webinar_attended 3 | new | evaluation_support | あと22.21点、またはトライアル開始1回 | 22.21 points, or “Trial started” once
情シス部長800人 | pricing_view 1 2; webinar_attended 3 | new | evaluation_support | あと12.85点、またはウェビナー参加1回 | 12.85 points, or “Webinar attended” once
情シス部長800人 | trial_started 5 | new | trial_coaching | あと18.77点、またはウェビナー参加1回 | 18.77 points, or “Webinar attended” once
情シス部長800人 | demo_request 8 | new | evaluation_support | あと11.6点、または資料ダウンロード1回 | 11.6 points, or “White paper” once
情シス課長100人 | webinar_registered 1 | new | back_office_basics | トライアル開始1回 | “Trial started” once
情シス担当40人 | product_login 1 2; trial_started 4 | new | trial_coaching | あと48.56点、または製品へのログイン1回 | 48.56 points, or “Log-in” once
情シス担当40人 | pricing_view 1 2; case_study_view 3 | new | evaluation_support | あと65.53点 | 65.53 points
経理課長80人 | newsletter_signup 10 | new | back_office_basics | トライアル開始1回 | “Trial started” once
経理課長80人 | whitepaper_download 2 | new | back_office_basics | トライアル開始1回 | “Trial started” once
経理課長80人 | pricing_view 2 | new | evaluation_support | あと30.64点、またはトライアル開始1回 | 30.64 points, or “Trial started” once
総務担当30人 | page_view 1 | new | basics | 料金ページの閲覧1回に加えて、あと79.03点 | “Pricing page” once, and 79.03 points
総務課長60人 | newsletter_signup 10; email_click 1 2 | new | back_office_basics | トライアル開始1回 | “Trial started” once
営業部長30人 | pricing_view 1 2 2; webinar_attended 5 | new | evaluation_support | あと44.64点 | 44.64 points
IT manager SG | pricing_view 1 | new | evaluation_support | あと40.32点 | 40.32 points
IT manager SG | page_view 1 | new | overseas_education | 料金ページの閲覧1回に加えて、あと39.03点 | “Pricing page” once, and 39.03 points
Sales manager DE | whitepaper_download 1 | new | overseas_education | トライアル開始1回 | “Trial started” once
only an address |  | new | basics | 役職が課長以上と分かることに加えて、お問い合わせ1回 | seniority known to be manager or more, and “Contact request” once
only an address | webinar_attended 0 0 | new | basics | 役職が課長以上と分かることに加えて、あと50点 | seniority known to be manager or more, and 50 points
free mail, 課長 | whitepaper_download 5 | new | back_office_basics | トライアル開始1回 | “Trial started” once
no address | pricing_view 2; webinar_attended 2 | new | evaluation_support | 連絡先の把握に加えて、あと21.92点、またはトライアル開始1回 | an address or number, and 21.92 points, or “Trial started” once
情シス部長800人 | unsubscribe 1; webinar_attended 3 | new | evaluation_support | あと71.58点 | 71.58 points
部長, mail no | page_view 1 | new | sunset.no_mail_permission | 連絡の許可に加えて、料金ページの閲覧1回 ＋ あと39.03点 | permission to be contacted, and “Pricing page” once and 39.03 points
部長, mail no, phone | pricing_view 1; webinar_attended 3 | new | sunset.no_mail_permission | あと22.21点、またはトライアル開始1回 | 22.21 points, or “Trial started” once
部長, all no | page_view 1 | new | sunset.no_mail_permission | 連絡の許可に加えて、料金ページの閲覧1回 ＋ あと39.03点 | permission to be contacted, and “Pricing page” once and 39.03 points
情シス部長800人 | whitepaper_download 119 | new | basics | 料金ページの閲覧1回に加えて、あと39.76点 | “Pricing page” once, and 39.76 points
情シス部長800人 | whitepaper_download 120 | new | sleepers | 料金ページの閲覧1回に加えて、あと39.77点 | “Pricing page” once, and 39.77 points
情シス部長800人 | whitepaper_download 729 | new | sleepers | 料金ページの閲覧1回に加えて、あと40点 | “Pricing page” once, and 40 points
情シス部長800人 | whitepaper_download 731 | new | sunset.silent_two_years | 料金ページの閲覧1回に加えて、あと40点 | “Pricing page” once, and 40 points
情シス部長800人 | whitepaper_download 150; email_open 1 | new | sleepers | 料金ページの閲覧1回に加えて、あと39.47点 | “Pricing page” once, and 39.47 points
情シス部長800人 | whitepaper_download 150; page_view 1 | new | basics | 料金ページの閲覧1回に加えて、あと38.95点 | “Pricing page” once, and 38.95 points
情シス部長800人 | pricing_view 1; webinar_attended 3 | declined not_now 10 | win_back | 2027-01-13 以降に、あと44.66点 | from 2027-01-13 on, 44.66 points
情シス部長800人 | pricing_view 1 2; webinar_attended 1 3 | declined not_now 10 | win_back | 2027-01-13 以降に、あと39.16点、またはトライアル開始1回 | from 2027-01-13 on, 39.16 points, or “Trial started” once
情シス部長800人 | pricing_view 1; webinar_attended 3 | declined not_now 61 | evaluation_support | あと22.21点、またはトライアル開始1回 | 22.21 points, or “Trial started” once
経理課長80人 | whitepaper_download 2 | declined too_early 3 | back_office_basics | 2026-12-05 以降に、トライアル開始1回 | from 2026-12-05 on, “Trial started” once
経理課長80人 | whitepaper_download 2 | declined no_budget 30 | win_back | 2027-01-23 以降に、トライアル開始1回 | from 2027-01-23 on, “Trial started” once
総務課長60人 | pricing_view 3 | recycled no_response 5 | evaluation_support | 2026-12-10 以降に、あと34.66点、またはトライアル開始1回 | from 2026-12-10 on, 34.66 points, or “Trial started” once
営業部長5000人 | page_view 3 | recycled competitor_chosen 100 | win_back | 2027-02-12 以降に、料金ページの閲覧1回に加えて、あと39.94点 | from 2027-02-12 on, “Pricing page” once, and 39.94 points
情シス部長800人 | whitepaper_download 150 | declined not_now 30 | win_back | 2026-12-24 以降に、料金ページの閲覧1回に加えて、あと39.97点 | from 2026-12-24 on, “Pricing page” once, and 39.97 points
情シス部長800人 | whitepaper_download 30 | lost 他社に決定 10 | unchanged: outcome.lost | - | -
情シス部長800人 | whitepaper_download 300 | lost 他社に決定 271 | win_back | 料金ページの閲覧1回に加えて、あと40点 | “Pricing page” once, and 40 points
情シス部長800人 | pricing_view 300 | lost 予算がつかず（価格） 119 | unchanged: outcome.lost | - | -
情シス部長800人 | pricing_view 300 | lost 予算がつかず（価格） 121 | evaluation_support | 料金ページの閲覧1回に加えて、あと40点 | “Pricing page” once, and 40 points
経理課長80人 | page_view 200 | lost no reason 181 | win_back | トライアル開始1回 | “Trial started” once
情シス部長800人 | demo_request 0 | new | ready: understands and fits | - | -
competitor CIO | demo_request 0 | new | disqualify: competitor | - | -
学生 | whitepaper_download 1 | new | disqualify: student | - | -
"""


def lead(who: str, what: str, since: str) -> tuple[LeadState, Standing]:
    """Return a lead of the table: what it did, and how it came where it is."""
    did = {}
    for part in filter(None, (one.strip() for one in what.split(";"))):
        kind, *days = part.split()
        did[kind] = [float(day) for day in days]
    state = a_state(did, **WHO[who])
    how, _, rest = since.partition(" ")
    if how == "new":
        return state, Standing()
    said, _, days_ago = rest.rpartition(" ")
    at_ms = NOW_MS - int(days_ago) * DAY_MS
    if how == "lost":
        state = msgspec.structs.replace(state, deals={"crm:1": Deal(at_ms, "lost", reason=said)})
        return state, Standing(lifecycle_stage="lost", rule="outcome.lost")
    reason = BOOK.reasons[said]
    track = reason.track or "back_office_basics"
    until = at_ms + reason.cool_down * 1_000
    standing = Standing("nurture", track, 1, at_ms, until, rule=f"{how}.{said}")
    return state, standing


def came(who: str, what: str, since: str) -> list[str]:
    """Return where a lead is held (or what else became of it), and what it needs in both languages."""
    state, standing = lead(who, what, since)
    judged = judge(state, standing, BOOK, NOW_MS)
    ways = smallest_changes(state, standing, BOOK, NOW_MS)
    where = judged.track or judged.reasons.rule or "-"
    if judged.verdict in ("ready", "disqualify", "unchanged"):
        where = f"{judged.verdict}: {judged.reasons.rule}"
    return [where, *(short_words(ways, BOOK, lang) or "-" for lang in LANGS)]


@pytest.mark.parametrize("row", [line for line in TABLE.splitlines() if line])
def test_where_it_is_held_and_what_it_needs(row: str) -> None:
    """Each line is a lead: where it is held, and in both languages what would make it sales-ready."""
    who, what, since, *wanted = (cell.strip() for cell in row.split("|"))
    assert came(who, what, since) == wanted


def told(who: str, what: str, since: str, lang: Lang) -> list[str]:
    """Return a decision as it is read: the sentence, then the table line by line."""
    state, standing = lead(who, what, since)
    judged = judge(state, standing, BOOK, NOW_MS)
    ways = smallest_changes(state, standing, BOOK, NOW_MS)
    rows = breakdown(judged, ways, what_comes(judged, state, standing, BOOK, NOW_MS), BOOK, lang, TOKYO)
    lines = [
        f"{section_name(row.section, lang)} {row.what}" + ("" if row.points is None else f" {row.points:g}")
        for row in rows
    ]
    return [sentence(judged, BOOK, lang), *lines]


@pytest.mark.parametrize(
    "who, what, since, ja, en",
    [
        ("情シス部長800人", "pricing_view 1; webinar_attended 3", "new",
         ["適合 情報システム部門 (30/100) 30", "適合 = 情報システムの決裁者、A（判明 100%） 100", "関心 ウェビナー参加 18.11", "関心 料金ページの閲覧 9.68", "関心 = 関心度 27.79", "検討段階 比較・検討", "規則 トラック「比較・検討の支援」", "不足 関心度: 50以上が必要 (現在 27.79、あと 22.21)", "引き渡しの近道 あと22.21点", "引き渡しの近道 トライアル開始1回", "今後 2026-12-01 09:01 動きがなくても再判定", "今後 2027-03-23 10:00 動きがなければ休眠トラックへ", "今後 2028-11-22 10:00 動きがなければ配信終了", "今後 新しい行動があればすぐに再判定"],
         ["fit Works in IT (30/100) 30", "fit = IT decision maker, A (100% known) 100", "engagement Webinar attended 18.11", "engagement = engagement 27.79", "stage Evaluation", "rule track “Evaluation support”", "missing engagement: needs at least 50 (now 27.79, 22.21 short)", "shortest way 22.21 points", "shortest way “Trial started” once", "next 2026-12-01 09:01: judged again even if nothing happens", "next 2027-03-23 10:00: asleep, unless it does something", "next judged again at once when it does anything"]),
        ("情シス部長800人", "unsubscribe 1; webinar_attended 3", "new",
         ["関心 配信停止 -39.69", "関心 下限・上限による調整 21.58", "関心 = 関心度 0", "引き渡しの近道 あと71.58点"],
         ["engagement Unsubscribed -39.69", "engagement held at its floor or ceiling 21.58", "engagement = engagement 0", "shortest way 71.58 points"]),
        ("情シス部長800人", "demo_request 0", "new",
         ["規則 理解が進み、ターゲットに合う", "規則 → インサイドセールス（規則: 商談希望は最優先）", "規則 手持ちが最も少ない担当者、SLA「最優先」", "今後 プールの担当者へ打診: インサイドセールス"],
         ["rule Understands and fits", "rule → Inside Sales (rule: Asked to talk: first of all)", "rule whoever has the most room, SLA “Hot”", "next offered to a rep of the pool: Inside Sales"]),
        ("部長, all no", "page_view 1", "new",
         ["規則 配信停止の申し出", "不足 連絡手段: 必要", "引き渡しの近道 連絡の許可 ＋ 料金ページの閲覧1回 ＋ あと39.03点"],
         ["rule Asked us not to write", "missing permitted contact channel: needed", "shortest way permission to be contacted and “Pricing page” once and 39.03 points"]),
        ("情シス部長800人", "whitepaper_download 120", "new",
         ["規則 長期間動きなし（休眠）", "規則 トラック「休眠フォロー」", "今後 2028-07-26 10:00 動きがなければ配信終了"],
         ["rule no activity for long (dormant)", "rule track “Sleepers”", "next 2028-07-26 10:00: marketing stops writing, unless it does something"]),
        ("情シス部長800人", "pricing_view 1; webinar_attended 3", "declined not_now 10",
         ["規則 トラック「再育成（営業からの差し戻し）」", "不足 冷却期間: 2027-01-13 まで", "引き渡しの近道 2027-01-13 以降に、あと44.66点", "引き渡しの近道 お問い合わせ1回", "今後 2027-01-13 10:00 冷却期間が終わり、営業へ引き渡せるようになる"],
         ["rule track “Win back”", "missing cool-down until 2027-01-13", "shortest way from 2027-01-13 on, 44.66 points", "next 2027-01-13 10:00: the cool-down ends, and sales may have it again"]),
        ("情シス部長800人", "whitepaper_download 30", "lost 他社に決定 10",
         ["規則 CRM: 失注", "今後 2027-08-11 10:00 育成に戻る"], ["rule CRM: lost", "next 2027-08-11 10:00: back to nurture"]),
        ("情シス部長800人", "pricing_view 300", "lost 予算がつかず（価格） 121",
         ["規則 価格・予算", "規則 トラック「比較・検討の支援」"], ["rule Price or budget", "rule track “Evaluation support”"]),
        ("competitor CIO", "demo_request 0", "new",
         ["規則 競合企業", "今後 判明している情報が変わるまで対象外のまま"], ["rule Competitor", "next stays out until what is known of it changes"]),
        ("only an address", "", "new",
         ["適合 = 情報システムの決裁者、D（判明 0%） 0", "関心 = 関心度 0", "引き渡しの近道 役職が課長以上と分かること ＋ お問い合わせ1回"],
         ["fit = IT decision maker, D (0% known) 0", "shortest way seniority known to be manager or more and “Contact request” once"]),
    ],
)  # fmt: skip
def test_a_decision_is_a_sentence_and_a_table(
    who: str, what: str, since: str, ja: list[str], en: list[str]
) -> None:
    """Which points from what, which rule, what is missing, what would do and what comes next, in both languages."""
    for lang, wanted in zip(LANGS, (ja, en), strict=True):
        lines = told(who, what, since, lang)
        assert [line for line in wanted if line not in lines] == [], lines


KINDS = st.sampled_from([*BOOK.source.scoring.activities, "own_kind"])
DID = st.dictionaries(KINDS, st.lists(st.integers(0, 200).map(float), max_size=4), max_size=5)


@given(
    DID,
    st.sampled_from(sorted(WHO)),
    st.sampled_from(["new", "declined not_now 10", "lost 価格 5", "lost 価格 200"]),
)
def test_the_points_of_the_table_add_up(did: Any, who: str, since: str) -> None:
    """The lines of fit and of engagement each add up to the line that sums them; nothing is said that is not so."""
    what = "; ".join(f"{kind} {' '.join(map(str, days))}" for kind, days in did.items() if days)
    state, standing = lead(who, what, since)
    judged = judge(state, standing, BOOK, NOW_MS)
    rows = breakdown(judged, [], what_comes(judged, state, standing, BOOK, NOW_MS), BOOK, "en", TOKYO)
    for section, total in (("fit", judged.fit), ("engagement", judged.engagement)):
        *parts, last = [row.points or 0.0 for row in rows if row.section == section]
        assert last == total
        assert round(sum(parts), 2) == total
    for lang in LANGS:
        words = " ".join(told(who, what, since, lang))
        assert not re.search(r"[{}]|None", words)


@given(
    DID,
    st.sampled_from(sorted(WHO)),
    st.sampled_from(["new", "declined not_now 10", "lost 価格 5", "lost 価格 200"]),
)
def test_what_is_announced_comes_to_the_instant(did: Any, who: str, since: str) -> None:
    """If nothing happens, at each announced instant the judgement is another, and a moment before it is not yet."""
    what = "; ".join(f"{kind} {' '.join(map(str, days))}" for kind, days in did.items() if days)
    state, standing = lead(who, what, since)
    judged = judge(state, standing, BOOK, NOW_MS)
    for one in what_comes(judged, state, standing, BOOK, NOW_MS):
        if one.what not in ("falls_asleep", "sunset", "comes_back") or one.at_ms is None:
            continue
        before, then = (judge(state, standing, BOOK, at, None) for at in (one.at_ms - 1, one.at_ms))
        wanted = {"falls_asleep": "dormant", "sunset": f"sunset.{one.name}"}.get(one.what)
        if wanted is None:
            assert (before.lifecycle_stage, then.lifecycle_stage == "lost") == ("lost", False)
        elif then.lifecycle_stage == "nurture" and not (then.reasons.rule or "").startswith("sunset.no_mail"):
            assert (before.reasons.rule == wanted, then.reasons.rule == wanted) == (False, True)
        assert next_words(one, BOOK, "ja", TOKYO)


@given(
    DID,
    st.sampled_from(sorted(WHO)),
    st.sampled_from(["new", "declined not_now 10", "lost 価格 5", "lost 価格 200"]),
)
def test_nobody_misses_the_instant(did: Any, who: str, since: str) -> None:
    """The next look is never after the instant at which rest begins or ends."""
    what = "; ".join(f"{kind} {' '.join(map(str, days))}" for kind, days in did.items() if days)
    state, standing = lead(who, what, since)
    judged = judge(state, standing, BOOK, NOW_MS)
    dated = [
        one.at_ms
        for one in what_comes(judged, state, standing, BOOK, NOW_MS)
        if one.what != "offered" and one.at_ms
    ]
    if dated:
        assert judged.review_at_ms == min(dated)


@pytest.mark.parametrize(
    "days, step",
    [(0, "law"), (13.9, "law"), (14, "month_end"), (34.9, "month_end"), (35, "cases"), (900, "cases")],
)
def test_the_place_on_a_track_is_told_by_the_days_on_it(days: float, step: str) -> None:
    """A step begins on its day; the last one goes on; a track without steps has no place."""
    track = next(one for one in BOOK.source.nurture.tracks if one.id == "back_office_basics")
    place = place_on(track.steps, int(days * 86_400))
    assert place is not None
    assert place.id == step
    assert place_on([], 5) is None
