"""Takes pictures of every page of a running server: wide and narrow, light and dark.

Run it in a project's folder while `plimsoll up` runs there: `python docs/make_screenshots.py FOLDER [PAGE…]`. It needs
the `playwright` package and a chromium on the PATH.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTHS = {"wide": 1280, "narrow": 390}
FIXED = (
    "/",
    "/runs",
    "/sweeps",
    "/releases",
    "/alerts",
    "/retrainings",
    "/audit",
    "/audit/verification",
    "/trace",
    "/docs",
)
FOUND = {
    "run": ("/runs", 'a[href^="/runs/run-"]:not([href$="verdict"])'),
    "verdict": ("/runs", 'a[href$="/verdict"]'),
    "sweep": ("/sweeps", 'a[href^="/sweeps/"]'),
    "release": ("/releases", 'a[href^="/releases/"]'),
    "environment": ("/", '.places h3 a[href^="/environments/"] >> nth=-1'),
    "monitor": ("/environments/production", 'a[href$="/monitor"]'),
    "rollout": ("/environments/production", 'a[href*="/rollouts/"]'),
    "retraining": ("/retrainings", 'a[href^="/retrainings/"]'),
}
"""Pages about one thing: on which page, and which link there, leads to it."""


def main() -> None:
    folder, only = Path(sys.argv[1]), set(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    link = _plimsoll_login()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        state = _log_in(browser, link)
        for scheme in ("light", "dark"):
            for name, width in WIDTHS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=scheme, storage_state=state,
                    base_url=link.partition("/login")[0],
                )  # fmt: skip
                page = context.new_page()
                for what, address in _addresses(page):
                    if not only or what in only:
                        page.goto(address)
                        page.wait_for_timeout(400)
                        page.screenshot(path=folder / f"{what}-{name}-{scheme}.png", full_page=True)
                context.close()
        browser.close()


def _plimsoll_login() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "login", "--json"], capture_output=True, text=True, check=True
    )
    return str(json.loads(done.stdout)["login"])


def _log_in(browser: Browser, link: str) -> StorageState:
    """The session's cookie, kept in memory only."""
    context = browser.new_context()
    context.new_page().goto(link)
    state = context.storage_state()
    context.close()
    return state


def _addresses(page: Page) -> Iterator[tuple[str, str]]:
    for address in FIXED:
        yield address.strip("/").replace("/", "-") or "overview", address
    for what, (where, link) in FOUND.items():
        page.goto(where)
        found = page.locator(link).first
        if found.count():
            yield what, str(found.get_attribute("href"))


if __name__ == "__main__":
    main()
