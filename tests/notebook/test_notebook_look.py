"""How things show themselves in a notebook: nothing runs, nothing is loaded, every text is escaped, also narrow."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright
from tests.stories.workspace import ProjectFolder

import plimsoll
from plimsoll.notebook import look
from plimsoll.notebook.progress import Bar

EVIL = "<script>alert('x')</script><img src=x onerror=y>"
VOID = {"br", "img", "input", "meta"}
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Elements(HTMLParser):
    """What elements a page has, and whether each is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.broken: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)


def estimate(value: float) -> dict[str, Any]:
    return {
        "value": value, "low": value - 0.1, "high": value + 0.1, "lower": value, "upper": value, "rows": 90,
    }  # fmt: skip


def check(**fields: Any) -> dict[str, Any]:
    page = {
        "rule": EVIL, "finding": "fail", "because": EVIL, "metric": "roc_auc", "slice": EVIL,
        "candidate": estimate(0.5), "reference": estimate(0.6), "limit": -0.01, "at_least": True,
        "difference": estimate(-0.1), "p_value": 0.01, "blocking": True, "detectable": None,
    }  # fmt: skip
    return {**page, **fields}


def evil_run() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A run with its verdict and what it logged, all of whose texts are somebody's attack."""
    run = {
        "id": EVIL, "state": "failed", "error": EVIL, "started_at": "2026-11-20T10:00:00Z", "created_by": EVIL,
        "params": {EVIL: EVIL}, "steps": [{"step": EVIL, "state": "failed", "seconds": 1.5, "because": EVIL}],
    }  # fmt: skip
    champion = {"environment": EVIL, "release": EVIL, "baseline": None, "digest": EVIL}
    verdict = {
        "run": EVIL, "finding": "fail", "rows": 1000, "champions": [champion], "notes": [EVIL],
        "checks": [check(), check(candidate=None, difference=None, reference=None, blocking=False)],
    }  # fmt: skip
    curve = {
        "metric": EVIL, "source": EVIL, "points": 2, "last": 0.1, "least": 0.1, "most": 0.2, "steps": [0, 1],
        "values": [0.2, 0.1],
    }  # fmt: skip
    return run, verdict, {"curves": [curve], "params": [{"name": EVIL, "value": EVIL}]}


def pages() -> dict[str, str]:
    run, verdict, logged = evil_run()
    compared = {"name": EVIL, "run": EVIL, "release": EVIL, "state": "done", "finding": "pass", "started_at": EVIL}
    comparison = {
        "runs": [compared, compared],
        "params": [{"name": EVIL, "values": [EVIL, None]}],
        "metrics": [
            {
                "metric": EVIL, "source": EVIL, "last": [1.0, 2.0], "least": [1.0, 2.0], "most": [1.0, 2.0],
                "change": [0.0, 1.0], "curves": [[[0, 1.0]], [[0, 2.0], [1, 3.0]]],
            }
        ],
        "gates": [{"name": EVIL, "values": [0.5, None], "findings": ["pass", None]}],
        "data": [], "outputs": [],
        "runtime": [{"run": EVIL, "package": EVIL, "was": EVIL, "now": ""}],
        "code": [{"run": EVIL, "path": EVIL, "added": 1, "removed": 2, "diff": EVIL, "cut": True}],
        "notes": [EVIL],
    }  # fmt: skip
    release = {
        "name": EVIL, "digest": EVIL, "created_at": EVIL, "created_by": EVIL, "run": EVIL, "compiled": EVIL,
    }  # fmt: skip
    version = {
        "version": {"dataset": EVIL, "digest": EVIL, "rows": 3, "columns": [[EVIL, "BIGINT"]]},
        "recorded_at": EVIL, "runs": [EVIL], "releases": [EVIL], "environments": [EVIL],
    }  # fmt: skip
    return {
        "run": look.run_html(run, verdict, logged),
        "verdict": look.verdict_html(verdict),
        "plan": look.plan_html([{"step": EVIL, "cached": False, "because": EVIL}]),
        "comparison": look.comparison_html(comparison),
        "releases": look.releases_html([release]),
        "no releases": look.releases_html([]),
        "versions": look.versions_html([version]),
        "no versions": look.versions_html([]),
        "progress": Bar(line=EVIL, done=1, total=3, kept=(EVIL,))._repr_html_(),
    }


@pytest.mark.parametrize("name", pages())
def test_nothing_runs_nothing_is_loaded_and_every_element_is_closed(name: str):
    page = pages()[name]

    found = Elements(page)

    assert found.names.isdisjoint({"script", "img", "a", "link", "iframe", "object", "form"})
    assert not {one for one in found.attributes if one.startswith("on") or one in {"src", "href", "srcdoc"}}
    assert (found.open, found.broken) == ([], [])
    assert not re.search(r"url\(|@import|https?:", page.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert "<script>alert" not in page
    assert name.startswith("no ") or "&lt;script&gt;" in page


def test_each_rule_of_the_style_is_below_our_own_element():
    style = re.sub(r"\s+", " ", re.findall(r"<style>(.*?)</style>", pages()["run"], flags=re.DOTALL)[0])
    style = re.sub(r"@(?:media|container) \([^)]*\) \{", "", style)

    selectors = [one.strip() for rule in re.findall(r"([^{}]+)\{", style) for one in rule.split(",")]

    assert len(selectors) > 60
    assert [one for one in selectors if ".plimsoll" not in one] == []


@pytest.mark.story
def test_cards_fit_wide_and_narrow_and_follow_the_notebooks_theme(orders: ProjectFolder, tmp_path: Path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    first, second = plimsoll.run(), plimsoll.run(params={"strength": 0.1})
    cards = (first, first.verdict, first.compare(second), plimsoll.versions(), plimsoll.run(plan=True))
    body = "".join(card._repr_html_() for card in cards)
    place = tmp_path / "cards.html"
    place.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body data-jp-theme-light='false'>{body}</body>")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for width in (1000, 390):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(place.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            too_wide = "[...document.querySelectorAll('.card')].filter(one => one.scrollWidth > one.clientWidth).length"
            assert page.evaluate(too_wide) == 0
            assert (
                page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == "rgb(24, 33, 39)"
            )
        browser.close()
