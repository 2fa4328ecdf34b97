"""One world and one browser for all tests of pages, and a page that fails its test for whatever it complains about."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.pages.world import World, make_world

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    """Everything that pages can show; made only where there is a browser to show it."""
    made = make_world(tmp_path_factory.mktemp("pages"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test skips where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


class Watch:
    """What a page did that it must not: complaints on its console, requests elsewhere, answers that failed."""

    def __init__(self, page: Page, address: str) -> None:
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = ()
        host = urlsplit(address).netloc
        page.on("console", lambda said: self._note(said.type in ("error", "warning"), f"console: {said.text}"))
        page.on("pageerror", lambda error: self._note(True, f"error: {error}"))
        page.on(
            "request",
            lambda asked: self._note(
                urlsplit(asked.url).netloc != host and not asked.url.startswith("data:"), f"elsewhere: {asked.url}"
            ),
        )
        page.on("response", lambda got: self._note(got.status >= 400, f"{got.status}: {got.url}"))

    def _note(self, bad: bool, text: str) -> None:
        if bad:
            self.complaints.append(text)

    def check(self) -> None:
        left = [one for one in self.complaints if not any(part in one for part in self.forgiven)]
        assert left == []


OpenPage = Callable[..., Page]


def session_of(address: str, token: str) -> Any:
    """The cookie of a new session, as a browser is given it."""
    place = urlsplit(address)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=20)
    try:
        connection.request("POST", "/login", urlencode({"token": token}))
        set_cookie = str(connection.getresponse().getheader("set-cookie"))
    finally:
        connection.close()
    name, _, value = set_cookie.partition(";")[0].partition("=")
    return {"name": name, "value": value, "url": address, "sameSite": "Strict", "httpOnly": True}


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """Cookies by whose they are."""
    return {}


@pytest.fixture
def visit(world: World, browser: Browser, sessions: dict[str, Any]) -> Iterator[OpenPage]:
    """Opens a page as somebody: `visit("/runs", who="vera")`. Whatever the page complains about fails the test."""
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def opening(path: str, *, who: str = "ada", fresh: bool = False, address: str = "", **settings: Any) -> Page:
        """fresh: in a session of its own, which the test may end. address: of another server."""
        base = address or world.up.address
        context = browser.new_context(
            **{"base_url": base, "reduced_motion": "reduce", "viewport": {"width": 1280, "height": 900}, **settings}
        )
        contexts.append(context)
        if fresh or address or who not in sessions:
            sessions[who] = session_of(base, world.tokens.get(who, who))
        context.add_cookies([sessions[who]])
        page = context.new_page()
        page.set_default_timeout(15_000)
        watch = Watch(page, base)
        watches.append(watch)
        page.watch = watch  # type: ignore[attr-defined]
        page.goto(path)
        return page

    yield opening
    for context in contexts:
        context.close()
    for watch in watches:
        watch.check()


@pytest.fixture
def latest_event(world: World) -> Callable[[str], dict[str, Any]]:
    """The newest audit event of an action."""

    def latest(action: str) -> dict[str, Any]:
        return world.events(action=action, limit=1)[0]

    return latest
