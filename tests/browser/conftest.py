"""A real browser before the product's real processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.processes.stack import Stack, running_stack

_PATIENCE = 60_000
"""How long something may take to show on a busy machine. Milliseconds."""
expect.set_options(timeout=_PATIENCE)

# Without these Chromium calls home, many times at every start.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, with a profile of its own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for the pages of a module."""
    folder: Path = tmp_path_factory.mktemp("served")
    with running_stack(folder, {"PIXTASKS_START_GATHER_RATE": "6000/minute"}) as stack:
        yield stack


class Watched:
    """A page, with what it complained about and whom it asked.

    Attributes:
        page: the page.
        complaints: errors and warnings of its console, and uncaught exceptions.
        hosts: every host and port that it sent a request to.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        if request.url.startswith(("http", "ws")):
            self.hosts.add(urlsplit(request.url).netloc)


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def watched(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Watched]:
    """A new page in a context of its own, at the width of a desk and of a phone."""
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(_PATIENCE)
    yield Watched(context.new_page())
    context.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new page in a context of its own."""
    context = chromium.new_context()
    context.set_default_timeout(_PATIENCE)
    yield context.new_page()
    context.close()
