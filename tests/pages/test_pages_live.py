"""Pages that keep themselves up to date, in a real browser: what others do is seen without a reload, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from playwright.sync_api import expect
from tests.pages.world import World
from tests.server.conftest import plimsoll, start, write_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SOON_MS = 20_000


def marked(page):
    """Leave a mark that a reload would wipe out."""
    page.evaluate("window.here = 'still'")
    return page


def is_the_same(page):
    return page.evaluate("window.here") == "still"


def ready(page):
    expect(page.locator("#liveness")).to_have_text("This page keeps itself up to date.", timeout=SOON_MS)


def test_a_run_of_another_process_is_seen_step_by_step(world, visit):
    page = marked(visit("/runs", who="vera"))
    ready(page)
    rows = page.locator("#live_runs tbody tr")
    before = rows.count()
    with subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "run", "--param", "strength=0.7"], cwd=world.project.root,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        expect(rows).to_have_count(before + 1, timeout=SOON_MS)
        assert is_the_same(page)
        one = marked(page.context.new_page())
        one.goto(str(rows.first.locator("a").first.get_attribute("href")))
        expect(one.locator(".title")).to_contain_text("done", timeout=SOON_MS)
        expect(one.locator("#step-scorer")).to_contain_text("done", timeout=SOON_MS)
        expect(one.locator("#live_head")).to_contain_text("pass", timeout=SOON_MS)
        assert process.wait(60) == 0
    expect(rows.first).to_contain_text("pass", timeout=SOON_MS)
    assert is_the_same(page)


def test_a_rollout_is_seen_on_the_overview_and_on_its_own_page(world, visit):
    overview = marked(visit("/", who="vera"))
    page = marked(visit(f"/environments/production/rollouts/{world.under_way()}", who="vera"))
    ready(overview)
    ready(page)
    world.call("rollouts.order", who="olga", environment="production", order="pause", why="to be seen")
    expect(page.locator(".title")).to_contain_text("paused", timeout=SOON_MS)
    expect(page.locator("#live_turns")).to_contain_text("to be seen", timeout=SOON_MS)
    expect(overview.locator("#place-production")).to_contain_text("paused", timeout=SOON_MS)
    expect(overview.locator("#live_audit tbody tr").first).to_contain_text("rollout", timeout=SOON_MS)
    world.call("rollouts.order", who="olga", environment="production", order="resume")
    expect(page.locator(".title")).to_contain_text("stage", timeout=SOON_MS)
    assert is_the_same(page)
    assert is_the_same(overview)


def test_what_somebody_has_opened_typed_and_focused_stays(world, visit):
    page = marked(visit("/audit", who="vera"))
    ready(page)
    page.locator("#live_events details summary").nth(3).click()
    opened = page.locator("#live_events details[open]")
    name = opened.get_attribute("id")
    page.get_by_label("About").fill("half a wo")
    page.locator("#live_events details summary").nth(5).focus()
    focused = page.evaluate("document.activeElement.closest('tr').id")
    newest = page.locator("#live_events tbody tr").first.get_attribute("id")
    world.call("tokens.create", who="vera")
    expect(page.locator("#live_events tbody tr").first).not_to_have_id(str(newest), timeout=SOON_MS)
    expect(page.locator(f"#{name}")).to_have_attribute("open", "")
    expect(page.get_by_label("About")).to_have_value("half a wo")
    assert page.evaluate("document.activeElement.closest('tr').id") == focused
    assert is_the_same(page)


def test_a_form_that_is_being_filled_in_stays(world, visit):
    page = visit(f"/environments/production/rollouts/{world.under_way()}", who="olga")
    ready(page)
    page.get_by_label("Reason").fill("because I")
    looked = page.locator("#live_head time").last.get_attribute("datetime")
    expect(page.locator("#live_head time").last).not_to_have_attribute("datetime", str(looked), timeout=SOON_MS)
    expect(page.get_by_label("Reason")).to_have_value("because I")
    expect(page.get_by_label("Reason")).to_be_focused()


def test_a_hidden_page_asks_for_nothing_and_catches_up(world, visit):
    page = visit("/audit", who="vera")
    ready(page)
    page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });
                   document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    newest = page.locator("#live_events tbody tr").first.get_attribute("id")
    world.call("tokens.create", who="vera")
    page.wait_for_timeout(2000)
    expect(page.locator("#live_events tbody tr").first).to_have_id(str(newest))
    page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', { value: false, configurable: true });
                   document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    expect(page.locator("#live_events tbody tr").first).not_to_have_id(str(newest), timeout=SOON_MS)


def test_a_revoked_token_ends_the_page(world: World, visit):
    made = world.call("tokens.create", who="vera")
    page = visit("/", who=made["token"])
    ready(page)
    page.watch.forgiven = ("401",)
    world.call("tokens.revoke", who="vera", token=made["id"])
    expect(page.locator("#connection")).to_contain_text("You were logged out", timeout=SOON_MS)
    page.get_by_role("link", name="Load the page again").click()
    expect(page.get_by_label("Your token")).to_be_visible()


def test_the_end_of_a_session_in_another_tab_is_told(visit):
    page = visit("/runs", who="vera", fresh=True)
    ready(page)
    other = page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_label("Your token")).to_be_visible()
    expect(page.locator("#connection")).to_contain_text("You were logged out", timeout=SOON_MS)


def test_a_server_that_goes_away_is_told_and_one_that_comes_back_asks_for_a_login(tmp_path, visit):
    folder = write_project(tmp_path / "project")
    up = start(folder)
    try:
        made = plimsoll(folder, "tokens", "create", "--json").stdout
        page = visit("/runs", who=made.partition('"token": "')[2].partition('"')[0], address=up.address)
        page.watch.forgiven = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE",
                               "ERR_CONNECTION_RESET", "401")  # fmt: skip
        ready(page)
        assert up.end(signal.SIGTERM) == 0
        up.process.stdout.close()
        expect(page.locator("#connection")).to_contain_text("Connection lost", timeout=SOON_MS)
        expect(page.locator("h1")).to_have_text("Runs")
        up = start(folder, port=up.port)
        expect(page.locator("#connection")).to_contain_text("You were logged out", timeout=40_000)
    finally:
        up.process.kill()
        up.process.wait()
        up.process.stdout.close()
