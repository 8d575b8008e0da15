"""A real Chromium against the web as it is served. Where there is none, these tests say so and are skipped."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.testclient import TestClient

from tests.fixtures.system import System, eventually
from tests.fixtures.web import Web
from worker.app import use_broker
from worker.local.servers import free_port
from worker.settings import settings
from worker.web.app import create_app
from worker.web.serve import config

CHROMIUM: Final = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS: Final = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless. No browser is downloaded."""
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: `apt-get install chromium fonts-noto-cjk`, or name one in CHROMIUM")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def served(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Base URL of the web, served over a real socket as `tasuki web` does."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("TASUKI_PUBLIC_URL", base)
    settings.cache_clear()
    use_broker()
    server = uvicorn.Server(config("127.0.0.1", port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, "the web listens")
    yield base
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def site(served: str, system: System) -> Web:
    """The Tasuki behind the served web; links are whole URLs."""
    return Web(system, TestClient(create_app(), base_url=served))


@pytest.fixture
def person(browser: Browser, served: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A person's window on a small screen; whatever a page asks for comes from the web itself."""
    lang = getattr(request, "param", "ja")
    context = browser.new_context(locale=lang, viewport={"width": 480, "height": 820})
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    yield page
    assert [url for url in asked if not url.startswith(served)] == []
    assert [text for text in errors if "Failed to load resource" not in text] == []
    context.close()


@pytest.fixture
def look(tmp_path: Path) -> Path:
    """Folder of the pictures that a test takes; TASUKI_PICTURES names one that stays."""
    chosen = os.environ.get("TASUKI_PICTURES")
    folder = Path(chosen) if chosen else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder
