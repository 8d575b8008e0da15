"""Each statement of a press, of a mint and of an act over HTTP fails once; nothing is half done, and then it is whole."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures.web import Web, form_of
from tests.system.test_every_statement import Failure, failing, snapshot
from worker import links, rulebooks
from worker.now import now
from worker.store.db import in_transaction


def rows(web: Web) -> dict[str, list[Any]]:
    """Return everything that was decided, and the links."""
    held = "SELECT assignment_id, rep, purpose, used_at IS NULL FROM tasuki.link_token"
    return {**snapshot(web.system), "link_token": sorted(map(repr, web.system.sql(held)))}


def each_statement_fails(web: Web, how: str, press: Callable[[], int]) -> int:
    """Press until it gets through; after each failure all is as before. Return how many statements there are."""
    before = rows(web)
    for k in range(1, 60):
        failure = Failure(how, k)
        with failing(failure):
            status = press()
        if not failure.met:
            assert status == 200
            return k - 1
        if status == 200:  # the statement was the page's or the poke's, after the commit: it is whole
            pytest.fail(f"statement {k} failed and nobody noticed")
        assert status == (503 if how == "cut" else 500)
        assert rows(web) == before, f"statement {k} failed, and something is left"
    pytest.fail("it never gets through")


@pytest.mark.parametrize("how", ["data error", "cut"])
@pytest.mark.parametrize(
    "purpose, fields", [("accept", {}), ("contacted", {}), ("decline", {"reason": "not_now"})]
)
def test_a_press_is_all_or_nothing(web: Web, how: str, purpose: str, fields: dict[str, str]) -> None:
    """The link is used if and only if the act was done."""
    path = web.link(*web.offer(), purpose)
    form = form_of(web.client.get(path).text)
    in_transaction(rulebooks.current)
    statements = each_statement_fails(web, how, lambda: int(web.press(path, form, **fields).status_code))

    assert statements > 8
    assert web.system.sql("SELECT act, count(*) FROM tasuki.act GROUP BY 1") == [(purpose, 1)]
    after = [("contacted", True)] if purpose == "accept" else []
    assert web.system.sql("SELECT purpose, used_at IS NULL FROM tasuki.link_token ORDER BY 2") == [
        (purpose, False), *after,
    ]  # fmt: skip
    assert web.system.broken() == []


@pytest.mark.parametrize("how", ["data error", "cut"])
def test_an_act_over_http_is_all_or_nothing(web: Web, how: str) -> None:
    """Recycle, which moves the most rows."""
    number, _ = web.offer()
    token = web.token()
    web.client.post(f"/v1/assignments/{number}/accept", headers=token)
    path = f"/v1/assignments/{number}/recycle"
    body = {"reason": "no_response"}
    statements = each_statement_fails(
        web, how, lambda: int(web.client.post(path, headers=token, json=body).status_code)
    )

    assert statements > 8
    assert web.system.broken() == []


def test_minting_takes_a_fixed_number_of_statements(web: Web) -> None:
    """However many links: one clears up, one inserts; and a batch that fails leaves none."""
    number, rep = web.offer()
    for count in (1, 120):
        failure = Failure("data error", 99)
        wanted = [(number, rep if one == 0 else f"r{one}", "accept") for one in range(count)]
        with failing(failure):
            made = in_transaction(lambda connection, w=wanted: links.mint(connection, w, now()))  # type: ignore[misc]
        assert (len(made), 99 - failure.left) == (count, 2)


@pytest.mark.parametrize(
    "path, status, wait",
    [("/intake/hubspot", 503, "300000"), ("/intake/brevo", 429, "300"), ("/intake/x", 503, "300")],
)
def test_without_sources_webhooks_are_told_to_come_again(web: Web, path: str, status: int, wait: str) -> None:
    """Neither 404 nor 401: platforms drop the event or switch the webhook off at those."""
    answer = web.client.post(path, content=b"{}")

    assert (answer.status_code, answer.headers["Retry-After"]) == (status, wait)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert "TASUKI_SOURCES" in answer.json()["detail"]
    assert web.client.get(path).status_code == status
