"""Decline and recycle: which is which, what follows, and how many a rep may decline in a day."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routing_rules.judge import judge
from routing_rules.roster import local_midnight, next_midnight
from schemas.errors import QuotaUsedUp, RulebookError
from tests.factories import NOW_MS, a_calendar, a_compiled_book, a_rep, a_standing, a_state, a_team
from tests.fixtures.web import Web
from worker import acting, rulebook_files, rulebooks
from worker.cli.main import app
from worker.now import now
from worker.settings import settings
from worker.store.db import in_transaction

EAST = "manager: sato_kenji\n  - id: enterprise_west"


def texts_with(quota: str) -> dict[str, str]:
    """Return the shipped rulebook with a quota on its first pool."""
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    return texts | {"team.yaml": texts["team.yaml"].replace(EAST, f"declines_per_day: {quota}\n    {EAST}")}


def act(number: int, what: Any, at: datetime | None = None, **said: Any) -> acting.Answer:
    """Let whoever holds an assignment act."""
    return in_transaction(lambda c: acting.act(c, number, what, rulebooks.current(c), at or now(), **said))


def one_reps_offers(web: Web, count: int) -> list[int]:
    """Return offers of one pool that are all one rep's."""
    numbers = [web.offer(number)[0] for number in range(1, count + 1)]
    web.system.do("UPDATE tasuki.assignment SET rep = 'suzuki_haruka'")
    return numbers


@pytest.mark.parametrize(
    "reason, then", [("not_now", "nurture"), ("too_busy", "mql"), ("duplicate", "disqualified")]
)
@pytest.mark.parametrize("accepted", [False, True])
def test_what_follows_is_the_reasons(web: Web, reason: str, then: str, accepted: bool) -> None:
    """Before and after acceptance the same `then` is carried out; the record says which of the two it was."""
    number, rep = web.offer()
    if accepted:
        act(number, "accept")
    answer = act(number, "recycle" if accepted else "decline", reason=reason)
    word = "recycled" if accepted else "declined"
    stage, rule = web.system.sql("SELECT lifecycle_stage, rule FROM tasuki.lead")[0]

    assert (answer.act, answer.rep) == ("recycle" if accepted else "decline", rep)
    assert web.system.one("SELECT end_reason FROM tasuki.assignment") == word
    assert stage == then
    assert rule == f"{word}.{reason}" or then == "mql"
    assert web.system.broken() == []


def test_a_lead_that_was_handed_back_may_come_to_its_rep_again_and_a_declined_one_never(web: Web) -> None:
    """Who declined an offer is passed over for good; who worked on the lead is not, when it is ready anew."""
    number, rep = web.offer()
    act(number, "accept")
    act(number, "recycle", reason="no_response")
    declined = web.system.one(
        "SELECT count(*) FROM tasuki.assignment WHERE end_reason = 'declined' AND rep = :r", r=rep
    )
    assert declined == 0


def test_a_lead_that_a_rep_ruled_out_stays_out_either_way() -> None:
    """No rule undoes a rep's word, whether it came as a decline or after the acceptance."""
    for word in ("declined", "recycled"):
        standing = a_standing(lifecycle_stage="disqualified", rule=f"{word}.duplicate")
        judged = judge(
            a_state({"demo_request": [0]}, title="情報システム部長", employees=800),
            standing,
            a_compiled_book(),
            NOW_MS,
        )
        assert judged.verdict == "unchanged"


def test_the_quota_is_counted_by_rep_pool_and_local_day(web: Web) -> None:
    """Used up, the lead stays with its rep until the rep's midnight; hand-backs do not count."""
    rulebooks.publish(texts_with("2"), by="test", note="quota", now=now())
    numbers = one_reps_offers(web, 5)
    act(numbers[0], "accept")
    act(numbers[0], "recycle", reason="not_now")
    for number in numbers[1:3]:
        act(number, "decline", reason="too_busy")
    with pytest.raises(
        QuotaUsedUp, match=r"quota of enterprise_east is used up \(2 declined today\)"
    ) as refusal:
        act(numbers[3], "decline", reason="too_busy")
    assert refusal.value.renews_at == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert "2026-11-25 00:00 JST" in str(refusal.value)
    assert (
        web.system.one("SELECT ended_at FROM tasuki.assignment WHERE assignment_id = :a", a=numbers[3])
        is None
    )
    with pytest.raises(QuotaUsedUp):
        act(numbers[3], "decline", refusal.value.renews_at - timedelta(seconds=1), reason="too_busy")
    assert act(numbers[3], "decline", refusal.value.renews_at, reason="too_busy").act == "decline"
    act(numbers[4], "accept", refusal.value.renews_at)
    assert act(numbers[4], "decline", refusal.value.renews_at, reason="not_now").act == "recycle"


def test_two_declines_at_once_do_not_slip_past_the_quota(web: Web) -> None:
    """Of many declines of one rep at the same time exactly the quota is done."""
    rulebooks.publish(texts_with("2"), by="test", note="quota", now=now())
    numbers = one_reps_offers(web, 6)

    def decline(number: int) -> bool:
        try:
            act(number, "decline", reason="too_busy")
        except QuotaUsedUp:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(decline, numbers)) == [False] * 4 + [True] * 2


def test_a_quota_of_nought_is_allowed_and_told(web: Web) -> None:
    """Reps of such a pool cannot decline: lint says so as a warning, and the refusal in words."""
    texts = texts_with("0")
    _, warnings = rulebook_files.check(texts, NOW_MS)
    assert [str(one) for one in warnings if "declines_per_day" in str(one)] != []
    rulebooks.publish(texts, by="test", note="quota", now=now())
    number, _ = web.offer()
    with pytest.raises(QuotaUsedUp, match="cannot be declined"):
        act(number, "decline", reason="too_busy")


@pytest.mark.parametrize("quota", ["-1", "1.5", "many", "1001"])
def test_a_senseless_quota_is_refused_with_its_place(quota: str) -> None:
    """The error names file and line."""
    with pytest.raises(RulebookError, match=r"team\.yaml:\d+:\d+: pools\.0\.declines_per_day"):
        rulebook_files.check(texts_with(quota), NOW_MS)


@pytest.mark.parametrize(
    "zone, at, hours", [("Europe/London", "2026-03-29T00:00+00:00", 23), ("Europe/London", "2026-10-25T12:00+00:00", 25),
                        ("Asia/Tokyo", "2026-11-24T03:00+00:00", 24),
                        ("Atlantic/Azores", "2026-10-25T01:10+00:00", 25), ("America/Havana", "2026-11-01T05:30+00:00", 25)])  # fmt: skip
def test_a_day_ends_at_the_next_local_midnight(zone: str, at: str, hours: int) -> None:
    """Days of 23 and 25 hours are no exception, nor one whose midnight comes twice."""
    team = a_team(calendars=[a_calendar("there", zone)], ann=a_rep("ann", calendar="there"))
    rep, instant = team.reps["ann"], datetime.fromisoformat(at)

    assert next_midnight(rep, instant) - local_midnight(rep, instant) == timedelta(hours=hours)


def test_recycle_by_command(web: Web) -> None:
    """The command hands back what was accepted, and mends the mistake of using it too early."""
    number, _ = web.offer()
    command = ["handoff", "recycle", str(number), "--reason", "no_response"]
    early = CliRunner().invoke(app, command)
    act(number, "accept")
    done = CliRunner().invoke(app, [*command, "--json"])

    assert (early.exit_code, "decline it" in early.output) == (1, True)
    assert "handed back; back to nurture" in json.loads(done.stdout)["done"]


def test_tokens_by_command(web: Web, tmp_path: Path) -> None:
    """Made and shown once, listed without the secret, revoked; mistakes are refused with the mend."""
    run = CliRunner().invoke
    made = json.loads(
        run(app, ["token", "create", "crm", "--scope", "leads:read", "--rep", "sato_kenji", "--json"]).stdout
    )
    listed = json.loads(run(app, ["token", "list", "--json"]).stdout)
    wrong = {
        ("--scope", "leads:write"): "leads:read", ("--scope", "leads:read", "--rep", "nobody"): "no rep",
        ("--scope", "leads:read", "--expires", "soon"): "90d", ("--scope", "leads:read", "--expires", "0d"): "no use",
    }  # fmt: skip
    for arguments, words in wrong.items():
        refused = run(app, ["token", "create", "x", *arguments])
        assert (refused.exit_code, words in refused.output.replace("\n", " ")) == (1, True)

    assert (listed[0]["name"], listed[0]["rep"], made["token"] in str(listed)) == ("crm", "sato_kenji", False)
    header = {"Authorization": f"Bearer {made['token']}"}
    assert web.client.get("/v1/leads/1/gate", headers=header).status_code == 404
    assert run(app, ["token", "revoke", str(made["token_id"])]).exit_code == 0
    assert web.client.get("/v1/leads/1/gate", headers=header).status_code == 401
    assert run(app, ["token", "revoke", "99"]).exit_code == 1
    assert settings().web_port == 8321
