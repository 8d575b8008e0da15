"""Health, readiness and metrics: they tell what is wrong, soon, and hold no secret."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.fixtures.system import event
from tests.fixtures.web import Web
from worker import health
from worker.logs import ALLOWED_KEYS
from worker.settings import settings
from worker.store.db import engine
from worker.web import app as web_app
from worker.web import metrics, serve
from worker.web.app import create_app


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look anew at every request."""
    monkeypatch.setattr("worker.web.health._GOOD_FOR_S", 0.0)
    monkeypatch.setattr(metrics, "GOOD_FOR_S", 0.0)


def numbers(web: Web) -> dict[str, float]:
    """Return the gauges."""
    text = web.client.get("/metrics").text
    return {name: float(value) for name, value in re.findall(r"^tasuki_(\w+) (\S+)$", text, re.MULTILINE)}


def test_alive_and_ready(web: Web) -> None:
    """All is well: 200 for both, from any host name."""
    assert web.client.get("/healthz", headers={"Host": "10-0-0-1.pod"}).json() == {"status": "ok"}
    ready = web.client.get("/readyz", headers={"Host": "web:8321"})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "wrong": {}})


def test_not_ready_names_what_is_wrong(web: Web) -> None:
    """A store that is away, an old schema, no rulebook: 503 with each, while the process stays alive."""
    web.system.do("DELETE FROM tasuki.rulebook_current")
    web.system.do("UPDATE tasuki.alembic_version SET version_num = '20261123_first'")
    both = web.client.get("/readyz")
    assert both.status_code == 503
    assert "tasuki rules publish" in both.json()["wrong"]["rulebook"]
    assert "tasuki db upgrade" in both.json()["wrong"]["schema"]
    web.system.servers.kill_valkey()
    web.system.servers.kill_postgres()
    engine().dispose()
    away = web.client.get("/readyz")
    alive = web.client.get("/healthz")
    home = web.client.get("/", headers={"Accept-Language": "en"})
    web.system.servers.start_postgres()
    web.system.servers.start_valkey()
    engine().dispose()

    assert away.status_code == 503
    assert "does not answer" in away.json()["wrong"]["database"]
    assert "does not answer" in away.json()["wrong"]["queue"]
    assert away.elapsed < timedelta(seconds=10)
    assert alive.status_code == 200
    assert (home.status_code, home.text.count("look at this")) == (200, 4)


def test_metrics_tell_what_waits(web: Web) -> None:
    """Each gauge is the count of its rows; a store that is away leaves its numbers out and is named."""
    web.offer()
    web.system.send([event(50), b"not json"])
    web.system.drain_here()
    web.system.send([event(51), event(52)])
    web.system.do(
        "UPDATE tasuki.clock SET due_at = due_at - interval '1 year', next_at = next_at - interval '1 year'"
    )
    web.system.do("UPDATE tasuki.outbox SET created_at = created_at - interval '1 hour'")
    found = numbers(web)
    told = {name: found[name] for name in ("stream_backlog", "stream_pending", "waiting_leads", "parked_leads",
            "running_clocks", "overdue_clocks", "outbox_pending", "quarantine_open")}  # fmt: skip

    assert told == {"stream_backlog": 2, "stream_pending": 0, "waiting_leads": 0, "parked_leads": 0, "running_clocks": 1,
                    "overdue_clocks": 1, "outbox_pending": 1, "quarantine_open": 1}  # fmt: skip
    assert found["outbox_oldest_seconds"] == pytest.approx(3600, abs=60)
    web.system.servers.kill_valkey()
    away = web.client.get("/metrics").text
    web.system.servers.start_valkey()
    assert 'tasuki_store_up{store="queue"} 0.0' in away
    assert 'tasuki_store_up{store="database"} 1.0' in away
    assert "tasuki_stream_backlog " not in away


def test_metrics_count_requests_by_route_and_never_by_secret(web: Web) -> None:
    """A link's path is counted under its template."""
    path = web.link(*web.offer())
    web.client.get(path)
    text = web.client.get("/metrics").text

    assert 'tasuki_http_requests_total{method="GET",route="/l/{token}",status="200"} 1.0' in text
    assert path.removeprefix("/l/") not in text
    for number in range(3):
        web.client.request(f"MADEUP{number}", path)
    assert "MADEUP" not in web.client.get("/metrics").text


def test_a_fault_of_ours_is_logged_by_its_type_and_told_without_detail(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an exception says may quote a lead: nobody outside reads it, and no log does."""

    def fail(*_: object) -> None:
        raise RuntimeError("hanako@sakura.example.co.jp")

    monkeypatch.setattr("worker.web.leads.look_at_held", fail)
    answer = web.client.get("/v1/leads/1", headers=web.token())

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:tasuki:problem:failed")
    assert "hanako" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert {"what", "error_type"} <= ALLOWED_KEYS


def test_it_serves_below_a_path(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy under /tasuki, links and styles lead there, whether or not the proxy takes the path off."""
    path = web.link(*web.offer())
    monkeypatch.setenv("TASUKI_PUBLIC_URL", "https://leads.example.com/tasuki")
    settings.cache_clear()
    with TestClient(create_app(), base_url="http://localhost") as client:
        for prefix in ("", "/tasuki"):
            page = client.get(prefix + path)
            assert (page.status_code, 'href="/tasuki/static/tasuki.css"' in page.text) == (200, True)
            assert client.get(f"{prefix}/static/tasuki.css").status_code == 200


def test_proxies_are_believed_only_where_they_are_named(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default a forwarded address is only a header; and no request is ever logged with its path."""
    default = serve.config("127.0.0.1", 0)
    monkeypatch.setenv("TASUKI_WEB_PROXIES", "10.0.0.0/8")
    settings.cache_clear()
    named = serve.config("127.0.0.1", 0)

    assert (default.proxy_headers, default.access_log) == (False, False)
    assert (named.proxy_headers, named.forwarded_allow_ips) == (True, "10.0.0.0/8")


def test_the_threads_are_fewer_than_the_connections(web: Web) -> None:
    """A request that holds a connection may need a second, once for each rulebook: it must find one."""
    pool = engine().pool
    assert pool.size() + pool._max_overflow > web_app._THREADS  # type: ignore[attr-defined]
    assert health.ready() == dict.fromkeys(("database", "schema", "rulebook", "queue"))
