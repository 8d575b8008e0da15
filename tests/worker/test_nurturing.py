"""What the MA platform is told of a lead on its tracks: once for each change, in order, and only where there is one."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.system import READY, System, event
from worker import acting, rulebooks
from worker.cli.main import app
from worker.delivering import deliver_due
from worker.handing import hand_over
from worker.judging import rejudge
from worker.local.receivers import HookReceiver
from worker.now import now
from worker.settings import settings
from worker.store.db import in_transaction
from worker.sweeping import due_reviews

SECRET = "whsec_" + base64.b64encode(b"marketing automation knows it..").decode()
URL = "http://127.0.0.1:9/ma"
PERSON = {"email": "keiri@minato.example.co.jp", "title": "経理課長", "employees": 80, "country": "JP"}


@pytest.fixture
def ma(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """A Tasuki with an MA platform to instruct, which nobody calls yet."""
    use(monkeypatch, ma_url=URL, ma_secret=SECRET)
    return system


def use(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TASUKI_{name.upper()}", value)
    settings.cache_clear()


def judge(system: System, *events: Any) -> None:
    system.send(list(events))
    system.drain_here()


def told(system: System) -> list[tuple[str, str | None, str | None, str, str]]:
    """Return what stands in the outbox for the MA platform: kind, track, from, why, status."""
    return [
        tuple(row)
        for row in system.sql(
            "SELECT kind, body #>> '{track,id}', body ->> 'from', body #>> '{because,code}', status"
            " FROM tasuki.outbox WHERE receiver = 'ma' ORDER BY message_id"
        )
    ]


def review(at: datetime) -> int:
    """Judge again whom a sweep at `at` finds due."""

    def look(connection: Any) -> int:
        found = due_reviews(connection, at)
        rejudge(connection, found, rulebooks.current(connection), at)
        return len(found)

    return in_transaction(look)


def offer(system: System) -> int:
    pool = system.one("SELECT pool FROM tasuki.waiting")
    in_transaction(lambda c: hand_over(c, pool, rulebooks.current(c), now()))
    return int(system.one("SELECT assignment_id FROM tasuki.assignment WHERE ended_at IS NULL"))


def give_back(number: int, reason: str, at: datetime) -> None:
    in_transaction(lambda c: acting.act(c, number, "decline", rulebooks.current(c), at, reason=reason))


def test_without_an_address_nothing_is_written(system: System) -> None:
    """No MA platform, no instruction, and no record of stays."""
    judge(system, event(1, "lead.captured", **PERSON))
    assert told(system) == []
    assert system.one("SELECT count(*) FROM tasuki.track_stay") == 0


def test_a_held_lead_is_enrolled_once_and_moved_with_its_stage(ma: System) -> None:
    """Whatever else it does on the same track is not told; a repeat of an event tells nothing twice."""
    first = event(1, "lead.captured", **PERSON)
    judge(ma, first)
    judge(ma, first, event("1b", subject="lead-1", activity="page_view"))
    assert told(ma) == [("track_enrol", "basics", None, "chosen", "pending")]
    judge(ma, event("1c", subject="lead-1", activity="whitepaper_download"))
    assert told(ma) == [
        ("track_enrol", "basics", None, "chosen", "superseded"),
        ("track_move", "back_office_basics", "basics", "chosen", "pending"),
    ]
    sequences = [
        row[0] for row in ma.sql("SELECT (body ->> 'sequence')::int FROM tasuki.outbox ORDER BY message_id")
    ]
    assert sequences == sorted(set(sequences))
    assert ma.broken() == []


def test_ready_stops_and_a_reason_without_a_track_resumes_where_it_was(ma: System) -> None:
    """Days with sales do not count: back on its track, the lead goes on at the step that its own days make."""
    judge(
        ma, event(1, "lead.captured", **PERSON), event("1b", subject="lead-1", activity="whitepaper_download")
    )
    ma.do("UPDATE tasuki.track_stay SET entered_at = entered_at - interval '15 days'")
    judge(ma, event("1c", subject="lead-1", activity="demo_request"))
    assert told(ma)[-1][:4] == ("track_stop", None, "back_office_basics", "understands and fits")
    later = now() + timedelta(days=9)
    give_back(offer(ma), "too_early", later)

    assert told(ma)[-1][:4] == ("track_enrol", "back_office_basics", None, "declined.too_early")
    body = ma.one("SELECT body FROM tasuki.outbox WHERE receiver = 'ma' ORDER BY message_id DESC LIMIT 1")
    assert body["resume"]["days"] == pytest.approx(15, abs=0.1)
    assert body["resume"]["step"] == {
        "id": "month_end",
        "name": {"ja": "月次決算の短縮", "en": "A shorter month-end"},
    }
    assert body["because"] == {
        "code": "declined.too_early",
        "ja": "まだ情報収集の段階",
        "en": "Still reading",
    }
    assert ma.one("SELECT track FROM tasuki.v_lead") == "back_office_basics"
    review(later + timedelta(minutes=1))
    assert len(told(ma)) == 3


def test_a_reason_with_a_track_goes_there_and_its_rep_never_has_the_lead_again(ma: System) -> None:
    """Declined for its time, the lead is won back; asking anew, it goes to another rep."""
    judge(ma, event(1, "lead.captured", email="a@sakura.example.co.jp", **READY))
    assert told(ma) == []  # ready at once: never on a track
    number = offer(ma)
    first = ma.one("SELECT rep FROM tasuki.assignment")
    give_back(number, "not_now", now())
    assert told(ma)[-1][:4] == ("track_enrol", "win_back", None, "declined.not_now")
    ma.do("UPDATE tasuki.lead SET recycled_at = recycled_at - interval '1 hour'")
    judge(ma, event("1b", subject="lead-1", activity="quote_request", time="2026-11-24T10:30:00+09:00"))
    offer(ma)
    assert ma.one("SELECT rep FROM tasuki.assignment WHERE ended_at IS NULL") != first
    assert told(ma)[-1][:4] == ("track_stop", None, "win_back", "understands and fits")


def test_a_long_cool_down_hides_no_rest(ma: System) -> None:
    """Handed back for half a year, a silent lead still falls asleep on its day, and is looked at in between."""
    judge(ma, event(1, "lead.captured", email="a@sakura.example.co.jp", **READY))
    at = now()
    give_back(offer(ma), "competitor_chosen", at)
    recycled = ma.one("SELECT recycled_at FROM tasuki.lead")
    asleep = recycled + timedelta(days=120)
    while (due := ma.one("SELECT review_at FROM tasuki.lead")) < asleep - timedelta(seconds=1):
        assert review(due) == 1
    assert abs(due - asleep) < timedelta(seconds=1)
    review(due)
    assert told(ma)[-1][:4] == ("track_move", "sleepers", "win_back", "dormant")
    assert ma.one("SELECT cool_down_until FROM tasuki.lead") == recycled + timedelta(days=180)


def test_whoever_withdraws_permission_is_stopped_and_comes_back_with_it(ma: System) -> None:
    """A withdrawal of mail stops the track; permission given anew enrols again."""
    judge(ma, event(1, "lead.captured", phone="03-0000-1234", **PERSON))
    judge(ma, event("1b", "lead.consent", subject="lead-1", consent={"email": False}))
    assert told(ma)[-1][:4] == ("track_stop", None, "basics", "sunset.no_mail_permission")
    gate = ma.one("SELECT rule FROM tasuki.lead")
    assert gate == "sunset.no_mail_permission"
    judge(
        ma,
        event(
            "1c", "lead.consent", subject="lead-1", consent={"email": True}, time="2026-11-24T10:30:00+09:00"
        ),
    )
    assert told(ma)[-1][:4] == ("track_enrol", "basics", None, "chosen")
    assert ma.broken() == []


def test_the_silent_fall_asleep_to_the_instant_and_wake_by_what_they_do(ma: System) -> None:
    """A sweep a second before finds nobody, one at the instant does, a second one nobody; an act wakes."""
    judge(ma, event(1, "lead.captured", **PERSON), event("1b", subject="lead-1", activity="page_view"))
    at = ma.one("SELECT occurred_at FROM tasuki.event WHERE event_id = 'e1b'") + timedelta(days=120)
    while (due := ma.one("SELECT review_at FROM tasuki.lead")) < at:  # the looks in between
        assert review(due) == 1
    assert due == at
    assert (review(at - timedelta(seconds=1)), told(ma)[-1][1]) == (0, "basics")
    assert (review(at), review(at)) == (1, 0)
    assert told(ma)[-1][:4] == ("track_move", "sleepers", "basics", "dormant")


def test_only_its_own_act_wakes_a_sleeper(ma: System) -> None:
    """What a mail program opens does not; what the lead reads does."""
    long_ago = "2026-05-24T10:00:00+09:00"
    judge(
        ma, event(1, "lead.captured", time=long_ago, **PERSON), event("1b", subject="lead-1", time=long_ago)
    )
    judge(ma, event("1c", subject="lead-1", activity="email_open"))
    assert [row[:4] for row in told(ma)] == [("track_enrol", "sleepers", None, "dormant")]
    judge(ma, event("1d", subject="lead-1", activity="case_study_view"))
    assert told(ma)[-1][:4] == ("track_move", "back_office_basics", "sleepers", "chosen")


def test_a_lost_deal_comes_back_on_its_day_and_track(ma: System) -> None:
    """Lost for the price: held again 120 days later, on the track that the reason names, and told once."""
    judge(ma, event(1, "lead.captured", **PERSON))
    judge(ma, event("1b", "outcome.lost", subject="lead-1", opportunity="006", reason="予算オーバー（価格）"))
    lost = ma.one("SELECT occurred_at FROM tasuki.event WHERE event_id = 'e1b'")
    assert told(ma)[-1][:4] == ("track_stop", None, "basics", "outcome.lost")
    assert (review(lost + timedelta(days=119)), ma.one("SELECT lifecycle_stage FROM tasuki.lead")) == (
        0,
        "lost",
    )
    back = lost + timedelta(days=120)
    assert (review(back), review(back)) == (1, 0)
    assert ma.sql("SELECT lifecycle_stage, track, rule FROM tasuki.lead") == [
        ("nurture", "evaluation_support", "lost.price")
    ]
    assert told(ma)[-1][:4] == ("track_enrol", "evaluation_support", None, "lost.price")
    assert ma.one("SELECT review_at FROM tasuki.lead") > back


def test_a_merged_lead_is_stopped(ma: System) -> None:
    """Two leads that turn out to be one are on one track; the other is stopped."""
    judge(ma, event(1, "lead.captured", **PERSON), event(2, "lead.captured", phone="03-0000-1234"))
    done = CliRunner().invoke(app, ["lead", "merge", "lead-1", "lead-2"])
    assert done.exit_code == 0, done.output
    ((gone,),) = ma.sql("SELECT lead_id FROM tasuki.lead WHERE merged_into IS NOT NULL")
    stays = ma.sql("SELECT lead_id, left_because FROM tasuki.track_stay ORDER BY stay_id")
    assert [because for lead, because in stays if lead == gone] == ["merged"]
    assert ma.one("SELECT count(*) FROM tasuki.track_stay WHERE left_at IS NULL") == 1
    (stop,) = ma.sql("SELECT body FROM tasuki.outbox WHERE kind = 'track_stop'")
    key = ma.one("SELECT keys FROM tasuki.lead_merge")[0][1]
    assert (stop.body["lead"]["id"], stop.body["lead"]["keys"]) == (gone, [{"source": "test", "id": key}])


def test_history_stops_what_runs_and_begins_nothing(ma: System, tmp_path: Path) -> None:
    """A deal won long ago ends the track of a lead that is live; a new lead of history is told of at its next look."""
    judge(ma, event(1, "lead.captured", **PERSON))
    source = ma.one("SELECT source FROM tasuki.event")
    won = event("h", "outcome.won", subject="lead-1", opportunity="006", time="2026-11-17T10:00:00+09:00")
    other = event("i", "lead.captured", email="old@minato.example.co.jp", time="2025-11-17T10:00:00+09:00")
    file = tmp_path / "history.jsonl"
    file.write_text("\n".join(json.dumps({**one, "source": source}) for one in (won, other)))
    done = CliRunner().invoke(app, ["backfill", str(file)])
    assert done.exit_code == 0, done.output
    assert ma.one("SELECT count(*) FROM tasuki.lead") == 2
    assert [row[0] for row in told(ma)] == ["track_enrol", "track_stop"]
    assert ma.one("SELECT left_because FROM tasuki.track_stay") == "outcome.won"


def test_the_platform_gets_a_signed_webhook_with_the_lead_the_track_and_the_reason(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver checks the signature, knows a repeat by its key, and reads who goes where and why."""
    with HookReceiver() as hook:
        use(monkeypatch, ma_url=hook.url, ma_secret=hook.secret)
        judge(system, event(1, "lead.captured", **PERSON))
        done = deliver_due(now())
        again = deliver_due(now())

    assert (done.sent, done.failed, again.sent) == (1, 0, 0)
    assert hook.forged == 0
    said = next(iter(hook.bodies.values()))
    assert said["type"] == "track.enrol"
    assert said["data"]["lead"]["email"] == PERSON["email"]
    assert said["data"]["lead"]["keys"] == [{"source": "test", "id": "lead-1"}]
    assert said["data"]["track"] == {"id": "basics", "name": {"ja": "基礎講座", "en": "Basics"}}
    assert said["data"]["resume"] == {
        "days": 0,
        "step": {"id": "welcome", "name": {"ja": "はじめての方へ", "en": "Welcome"}},
    }
    assert set(hook.bodies) == {system.one("SELECT idempotency_key FROM tasuki.outbox")}


def test_leads_from_before_the_address_was_set_are_enrolled_at_their_next_look(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held before there was an MA platform to tell, a lead is told of when it is next judged, and once."""
    judge(system, event(1, "lead.captured", **PERSON))
    use(monkeypatch, ma_url=URL, ma_secret=SECRET)
    review(system.one("SELECT review_at FROM tasuki.lead"))
    assert [row[:2] for row in told(system)] == [("track_enrol", "basics")]
