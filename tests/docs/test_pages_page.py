"""The page about the pages names every one of them, and none that is not there."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

from plimsoll.server.pages import PAGES
from plimsoll.server.pages.forms import FORMS
from plimsoll.server.pages.live import MOST_READERS, SHARE
from plimsoll.server.sessions import LIFETIME, LINK_LIFETIME

TEXT = (REPOSITORY / "docs" / "pages.md").read_text()


def test_every_page_has_its_row():
    named = {
        path for row in re.findall(r"^\| (`/.*?) \|", TEXT, flags=re.MULTILINE) for path in re.findall("`(.+?)`", row)
    }
    assert named == {page.path for page in PAGES} | {"/docs"}


def test_every_button_is_named():
    words = {"approve", "withdraw", "deploy", "pause", "resume", "promote", "abort", "rollback", "stop", "acknowledge",
             "resolve", "cancel", "retrainings"}  # fmt: skip
    assert {form.path.rpartition("/")[2] for form in FORMS} == words
    for word in words - {"rollback", "retrainings"}:
        assert re.search(rf"\| [^|]*\b{word}\b[^|]*\|$", TEXT, flags=re.MULTILINE), word


def test_the_figures_are_those_of_the_code():
    assert f"{MOST_READERS} pages are kept live at most" in TEXT
    assert f"{SHARE - 1} of {SHARE} parts of its time" in TEXT
    assert (LINK_LIFETIME.total_seconds(), LIFETIME.total_seconds()) == (600, 12 * 3600)
