"""The HTTP API: what a token may do, what an act answers, and that the document says the same."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.web import WHO, Web
from worker import now, tokens
from worker.store.db import in_transaction
from worker.web.guard import MAX_BODY_BYTES
from worker.web.problems import TYPE, TYPES

WHY = {"reason": "not_now"}


def problem(answer: Any) -> tuple[int, str]:
    """Return status and type of a problem; fail when it is none."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said = answer.json()
    assert {"type", "title", "status", "detail"} <= said.keys()
    assert said["status"] == answer.status_code
    name = said["type"].removeprefix(TYPE)
    assert name in TYPES
    return answer.status_code, name


def test_acts_are_done_and_repeats_say_so(web: Web) -> None:
    """Accept and contact, each twice: the second changes nothing and is no error."""
    number, rep = web.offer()
    token = web.token()

    def post(what: str) -> Any:
        answer = web.client.post(f"/v1/assignments/{number}/{what}", headers=token)
        assert answer.status_code == 200
        return answer.json()

    accepted = post("accept")
    due = web.system.one("SELECT due_at FROM tasuki.clock WHERE next_at IS NOT NULL")
    assert (accepted["rep"], accepted["act"], accepted["repeated"], accepted["clock"]) == (
        rep,
        "accept",
        False,
        "contact",
    )
    assert datetime.fromisoformat(accepted["due_at"]) == due
    again = post("accept")
    assert (again["repeated"], "already accepted" in again["done"]) == (True, True)
    assert (post("contacted")["clock"], post("contacted")["repeated"]) == (None, True)
    assert web.system.sql("SELECT act FROM tasuki.act ORDER BY act_id") == [("accept",), ("contacted",)]
    assert web.system.broken() == []


@pytest.mark.parametrize(
    "before, what, done",
    [((), "decline", "decline"), (("accept",), "recycle", "recycle"), (("accept",), "decline", "recycle")],
)
def test_a_lead_is_given_back_once(web: Web, before: tuple[str, ...], what: str, done: str) -> None:
    """Decline answers an offer, recycle hands back; the repeat of a lost answer says that it is done already."""
    number, _ = web.offer()
    token = web.token()
    for act in before:
        web.client.post(f"/v1/assignments/{number}/{act}", headers=token)
    first = web.client.post(
        f"/v1/assignments/{number}/{what}", headers=token, json={**WHY, "note": "四月から"}
    ).json()
    second = web.client.post(f"/v1/assignments/{number}/{what}", headers=token, json=WHY).json()

    assert (first["act"], first["repeated"], second["act"], second["repeated"]) == (done, False, done, True)
    assert web.system.one("SELECT end_note FROM tasuki.assignment") == "not_now: 四月から"
    assert web.system.sql("SELECT act FROM tasuki.act WHERE reason IS NOT NULL") == [(done,)]
    assert web.system.broken() == []


def test_what_cannot_be_done_is_a_problem_of_its_own_type(web: Web) -> None:
    """Each no has a type that a program can go by, and its facts as members."""
    number, rep = web.offer()
    token = web.token()
    path = f"/v1/assignments/{number}"
    early = web.client.post(f"{path}/recycle", headers=token, json=WHY)
    nobody = web.client.post("/v1/assignments/999999/accept", headers=token)
    reason = web.client.post(f"{path}/decline", headers=token, json={"reason": "because"})
    other = next(one for one in ("suzuki_haruka", "ito_misaki") if one != rep)
    not_yours = web.client.post(f"{path}/accept", headers=web.token(rep=other))
    web.client.post(f"{path}/decline", headers=token, json=WHY)
    late = web.client.post(f"{path}/accept", headers=token)

    assert problem(early) == (409, "refused")
    assert problem(nobody) == (404, "not-found")
    assert (problem(reason), "not_now" in reason.json()["reasons"]) == ((422, "reason-needed"), True)
    assert (problem(not_yours), rep in not_yours.text) == ((403, "not-yours"), False)
    assert problem(late) == (409, "overtaken")
    assert (late.json()["end_reason"], late.json()["now_with"]) == ("declined", None)
    assert web.system.one("SELECT count(*) FROM tasuki.act") == 1


@pytest.mark.parametrize(
    "path, body",
    [
        ("1/decline", None), ("1/decline", {}), ("1/decline", {"reason": 5}), ("1/decline", {**WHY, "score": 100}),
        ("1/decline", {**WHY, "note": "x" * 1001}), ("1/decline", [WHY]), ("0/accept", None), ("-1/accept", None),
        ("one/accept", None), ("99999999999999999999/accept", None),
    ],
)  # fmt: skip
def test_a_wrong_request_names_the_field_and_quotes_nothing(web: Web, path: str, body: Any) -> None:
    """Of the wrong form: 422 with the fields, never what was sent."""
    answer = web.client.post(f"/v1/assignments/{path}", headers=web.token(), json=body)

    assert problem(answer) == (422, "invalid-request")
    assert answer.json()["errors"][0]["field"]
    assert "xxx" not in answer.text


def test_a_body_is_bounded(web: Web) -> None:
    """At the limit it is read, above it is refused, with its length told or not."""
    token = web.token() | {"Content-Type": "application/json"}
    path = f"/v1/assignments/{web.offer()[0]}/decline"
    most = json.dumps({**WHY, "note": ""}).encode().ljust(MAX_BODY_BYTES)

    def chunks(body: bytes) -> Any:
        yield body[:1000]
        yield body[1000:]

    assert problem(web.client.post(path, headers=token, content=most + b" ")) == (413, "too-large")
    assert problem(web.client.post(path, headers=token, content=chunks(most + b" "))) == (413, "too-large")
    assert web.client.post(path, headers=token, content=chunks(most)).status_code == 200


def test_who_has_no_token_gets_nothing(web: Web) -> None:
    """None, unknown, damaged, revoked, expired, of another scope: each is refused and told apart only as far as it may be."""
    number, _ = web.offer()
    good = web.token("leads:read")
    secret = good["Authorization"].removeprefix("Bearer ")
    for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": f"Bearer {secret[:-1]}"},
                    {"Authorization": "Bearer tasuki_"}, {"Authorization": f"Bearer {secret}A"}):  # fmt: skip
        answer = web.client.get(f"/v1/leads/{number}", headers=headers)
        assert problem(answer) == (401, "no-token")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert web.client.get("/v1/leads/" + WHO["email"], headers=good).status_code == 200
    other = web.client.post(f"/v1/assignments/{number}/accept", headers=good)
    assert (problem(other), other.json()["scope"]) == ((403, "scope-missing"), "assignments:write")
    web.system.do("UPDATE tasuki.api_token SET expires_at = '2026-11-24T00:00:00Z'")
    assert problem(web.client.get(f"/v1/leads/{number}", headers=good)) == (401, "no-token")
    revoked = web.token("leads:read")
    in_transaction(lambda connection: tokens.revoke(connection, 2, now.now()))
    assert problem(web.client.get(f"/v1/leads/{number}", headers=revoked)) == (401, "no-token")
    assert web.system.one("SELECT count(*) FROM tasuki.act") == 0


def test_a_token_is_kept_as_a_hash_and_its_use_is_noted_now_and_then(web: Web) -> None:
    """The token stands in no row; many uses in a minute are one write."""
    web.offer()
    token = web.token("leads:read")
    secret = token["Authorization"].removeprefix("Bearer ")
    for _ in range(5):
        web.client.get(f"/v1/leads/{WHO['email']}", headers=token)
    noted = web.system.one("SELECT last_used_at FROM tasuki.api_token")
    web.client.get(f"/v1/leads/{WHO['email']}", headers=token)
    assert web.system.one("SELECT last_used_at FROM tasuki.api_token") == noted
    late = noted + timedelta(minutes=2)
    assert in_transaction(lambda connection: tokens.find(connection, secret, late)) is not None

    assert web.system.one("SELECT last_used_at FROM tasuki.api_token") == late
    assert secret not in repr(web.system.sql("SELECT * FROM tasuki.api_token"))


def test_a_reps_token_reads_only_what_the_rep_holds(web: Web) -> None:
    """Another's lead, and one in nurture, is not there; the gate answers for this rep alone."""
    number, rep = web.offer()
    other = next(one for one in ("suzuki_haruka", "ito_misaki") if one != rep)
    mine, theirs = web.token(rep=rep), web.token(rep=other)
    path = "/v1/leads/" + WHO["email"]

    assert web.client.get(path, headers=mine).json()["assignments"][0]["assignment_id"] == number
    assert problem(web.client.get(path, headers=theirs)) == (404, "not-found")
    assert web.client.get(f"{path}/gate", headers=mine).json()["may_contact"] is True
    assert web.client.get(f"{path}/gate", headers=theirs).json()["reason"] == "held_by_another_rep"
    assert problem(web.client.get(f"{path}/gate?rep={rep}", headers=theirs)) == (403, "not-yours")
    web.client.post(f"/v1/assignments/{number}/decline", headers=mine, json=WHY)
    assert problem(web.client.get(path, headers=mine)) == (404, "not-found")
    held = web.client.get(f"{path}/gate?lang=ja", headers=mine).json()
    assert {name: held[name] for name in ("may_contact", "reason", "channels", "track", "by_channel")} == {
        "may_contact": False, "reason": "held_in_nurture", "channels": [], "track": "win_back", "by_channel": [],
    }  # fmt: skip
    assert (held["reasons"], held["from"] is None) == (["held_in_nurture", "cooling_down"], False)
    assert held["words"].startswith(
        "不可: マーケティングが育成中です。営業からの連絡はまだ控えます。2027-01-23 11:00 JST まで、差し戻し後の冷却期間中です"
    )
    assert problem(web.client.get(f"{path}/gate?channel=fax", headers=mine))[0] == 422


def test_a_held_lead_says_what_it_needs_and_each_decision_is_explained(web: Web) -> None:
    """What would make it ready, what comes next, and every decision in a sentence and a table, in both languages."""
    number, rep = web.offer()
    mine, all_of_it = web.token("leads:read", rep=rep), web.token("leads:read", "assignments:write")
    path = "/v1/leads/" + WHO["email"]
    assert web.client.get(path, headers=mine).json()["nurture"] is None
    web.client.post(f"/v1/assignments/{number}/decline", headers=all_of_it, json=WHY)
    held = web.client.get(path, headers=all_of_it).json()["nurture"]
    assert held["track_name"] == {"ja": "再育成（営業からの差し戻し）", "en": "Win back"}
    assert held["recycle_count"] == 1
    assert held["needs"]["ja"].startswith("2027-01-23 以降に、")
    assert {"review", "cool_down_ends", "falls_asleep", "any_event"} <= {one["what"] for one in held["next"]}
    assert all(one["ja"] and one["en"] for name in ("missing", "ways", "next") for one in held[name])
    for lang, ready, declined in (
        ("ja", "により営業へ引き渡します", "辞退: 今は時期ではない。現在: マーケティングで育成中。"),
        ("en", "Ready for sales by rule", "declined: Not now. Now: held in nurture."),
    ):
        told = web.client.get(f"{path}/explain?lang={lang}", headers=all_of_it).json()
        assert told["now"]["sentence"]
        assert {"fit", "engagement", "stage", "rule", "missing", "way", "next"} == {
            r["section"] for r in told["now"]["table"]
        }
        assert ready in told["decisions"][0]["sentence"]
        assert told["decisions"][-1]["sentence"].endswith(declined)
    assert problem(web.client.get(f"{path}/explain", headers=mine)) == (404, "not-found")


def test_the_document_says_what_the_code_does(web: Web) -> None:
    """Each answer that these calls give stands in /openapi.json, with its media type and its fields."""
    document = web.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(document["paths"]) == {
        "/v1/assignments/{assignment_id}/accept", "/v1/assignments/{assignment_id}/decline",
        "/v1/assignments/{assignment_id}/contacted", "/v1/assignments/{assignment_id}/recycle",
        "/v1/leads/{lead}", "/v1/leads/{lead}/gate", "/v1/leads/{lead}/explain", "/v1/events", "/v1/outcomes",
        "/healthz", "/readyz",
    }  # fmt: skip
    number, _ = web.offer()
    token = web.token()
    calls: list[tuple[str, str, str, Any, dict[str, str]]] = [
        ("post", "/v1/assignments/{assignment_id}/recycle", str(number), WHY, token),
        ("post", "/v1/assignments/{assignment_id}/accept", str(number), None, token),
        ("post", "/v1/assignments/{assignment_id}/contacted", "no", None, token),
        ("post", "/v1/assignments/{assignment_id}/contacted", str(number), None, {}),
        ("post", "/v1/assignments/{assignment_id}/decline", "999", WHY, token),
        ("post", "/v1/assignments/{assignment_id}/decline", str(number), WHY, web.token("leads:read")),
        ("get", "/v1/leads/{lead}", WHO["email"], None, token), ("get", "/v1/leads/{lead}", "nobody", None, token),
        ("get", "/v1/leads/{lead}/gate", WHO["email"], None, token),
        ("get", "/v1/leads/{lead}/explain", WHO["email"], None, token), ("get", "/healthz", "", None, {}),
        ("get", "/readyz", "", None, {}),
        ("post", "/v1/events", "", [{"id": "1"}], token), ("post", "/v1/events", "", 5, token),
        ("post", "/v1/outcomes", "", [], token), ("post", "/v1/outcomes", "", [], {}),
    ]  # fmt: skip
    for method, template, value, body, headers in calls:
        path = template.replace("{assignment_id}", value).replace("{lead}", value)
        answer = web.client.request(method, path, json=body, headers=headers)
        said = document["paths"][template][method]["responses"][str(answer.status_code)]["content"]
        media = answer.headers["content-type"].partition(";")[0]
        fields = schemas[said[media]["schema"]["$ref"].rpartition("/")[2]]
        assert set(fields.get("required", [])) <= answer.json().keys(), path
        if not fields.get("additionalProperties") and media == "application/json":
            assert answer.json().keys() == fields["properties"].keys(), path


def test_the_docs_page_shows_every_call_and_asks_nothing_outside(web: Web) -> None:
    """It is made of the same document, without a script."""
    page = web.client.get("/docs").text
    for path in web.client.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page
    assert all(f"<code>{name}</code>" in page for name in TYPES)
    assert "<script" not in page
    assert "https://" not in page


def test_unknown_paths_are_told_to_programs_and_to_people(web: Web) -> None:
    """A program gets a problem, a browser a page."""
    assert problem(web.client.get("/v1/nothing")) == (404, "not-found")
    assert problem(web.client.get("/nothing")) == (404, "not-found")
    page = web.client.get("/nothing", headers={"Accept": "text/html", "Accept-Language": "ja"})
    assert (page.status_code, "そのページはありません" in page.text) == (404, True)


def test_the_page_in_docs_says_the_same(web: Web) -> None:
    """docs/http.md has a row for each call and each type of problem, and for none that there is not."""
    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    paths = web.client.get("/openapi.json").json()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    gauges = set(re.findall(r"`(tasuki_\w+)`", text))
    scraped = web.client.get("/metrics").text

    assert calls <= said
    assert {one for one in said if " /" in one} <= calls
    assert set(TYPES) <= said
    assert {
        one for one in gauges if f"# TYPE {one} " not in scraped and f"# TYPE {one}" not in scraped
    } == set()
