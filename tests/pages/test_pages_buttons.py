"""Buttons in a real browser, with script and without: each does what it says and leaves its audit event."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.stories.workspace import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

WITH_SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


def told(page, text, *, good=True):
    """The message of the page after a button."""
    expect(page.get_by_role("status" if good else "alert").filter(has_text=text)).to_be_visible()


@WITH_SCRIPT
def test_an_approver_says_yes_and_takes_it_back(visit, latest_event, script):
    page = visit("/releases/orders@3", who="grace", java_script_enabled=script)
    expect(page.get_by_role("link", name="Deploy to")).to_have_count(0)
    row = page.locator("#standing-production")
    expect(row).to_contain_text("not approved")
    row.get_by_label("Comment for the record").fill("looks <b>good</b>")
    row.get_by_role("button", name="Approve for production").click()
    told(page, "orders@3 has your approval for production.")
    expect(row).to_contain_text("grace said yes")
    expect(row).to_contain_text("looks <b>good</b>")
    event = latest_event("release_approved")
    assert (event["actor"], event["subject"], event["detail"]["comment"]) == ("grace", "orders@3", "looks <b>good</b>")
    row.get_by_role("button", name="Withdraw approval for production").click()
    told(page, "Your approval of orders@3 for production is withdrawn.")
    assert latest_event("approval_withdrawn")["actor"] == "grace"
    expect(row).to_contain_text("not approved")


def test_an_author_is_told_why_not_and_gets_no_button(visit):
    page = visit("/releases/orders@3", who="ada")
    row = page.locator("#standing-production")
    expect(row).to_contain_text("one of its authors")
    expect(row.get_by_role("button")).to_have_count(0)


def test_a_viewer_sees_everything_and_gets_no_button(world, visit):
    page = visit("/environments/production", who="vera")
    expect(page.locator("#live_orders")).to_contain_text("Needs the role operator in production.")
    for path in (
        "/environments/production", f"/environments/production/rollouts/{world.under_way()}", "/releases/orders@3",
        "/environments/production/do/abort", "/alerts", "/retrainings",
    ):  # fmt: skip
        page.goto(path)
        buttons = page.locator("main").get_by_role("button").all_text_contents()
        assert set(buttons) <= {"Filter"}, path


def test_a_plan_says_what_is_missing_and_offers_no_deployment(world, visit):
    world.under_way()
    page = visit("/releases/orders@3", who="olga")
    page.get_by_role("link", name="Deploy to production…").click()
    expect(page.get_by_role("heading", name="What is missing")).to_be_visible()
    expect(page.locator("main")).to_contain_text("rollout.under_way")
    expect(page.get_by_role("button", name="Deploy orders@3")).to_have_count(0)


@WITH_SCRIPT
def test_a_rollout_is_paused_and_goes_on(world, visit, latest_event, script):
    rollout = world.under_way()
    page = visit("/environments/production", who="olga", java_script_enabled=script)
    page.get_by_role("link", name="Rollout of orders@2").click()
    orders = page.locator("#live_orders")
    orders.get_by_label("Reason").fill("lunch")
    orders.get_by_role("button", name="Pause").click()
    told(page, "The order to pause is recorded")
    until(lambda: world.standing("production") == "paused", of="the pause")
    event = latest_event("rollout_ordered")
    assert (event["actor"], event["detail"]["order"], event["detail"]["why"]) == ("olga", "pause", "lunch")
    page.goto(f"/environments/production/rollouts/{rollout}")
    expect(page.locator(".title")).to_contain_text("paused")
    page.get_by_role("button", name="Resume").click()
    until(lambda: world.standing("production") == "stage", of="the stage")
    assert latest_event("rollout_ordered")["detail"]["order"] == "resume"


def test_what_cannot_be_undone_asks_for_a_reason_first(world, visit, latest_event):
    page = visit(f"/environments/production/rollouts/{world.under_way()}", who="olga")
    before = latest_event("rollout_ordered")["number"]
    page.get_by_role("link", name="Promote now…").click()
    expect(page.get_by_role("heading", name="Promote the rollout of orders@2")).to_be_visible()
    expect(page.locator("main")).to_contain_text("without further evidence")
    page.get_by_role("button", name="Promote the rollout of orders@2").click()
    assert page.evaluate("document.querySelector('#why').matches(':invalid')")
    page.get_by_role("link", name="Not now").click()
    expect(page).to_have_url(f"{world.up.address}/environments/production")
    assert latest_event("rollout_ordered")["number"] == before


def test_a_release_is_deployed_rolled_back_and_stopped(world, visit, latest_event):
    page = visit("/releases/orders@2", who="olga")
    page.get_by_role("link", name="Deploy to quick…").click()
    expect(page.get_by_role("heading", name="What would be done")).to_be_visible()
    page.get_by_role("button", name="Deploy orders@2 to quick").click()
    told(page, "orders@2 begins to come to quick.")
    expect(page).to_have_url(f"{world.up.address}/environments/quick")
    assert (latest_event("rollout_started")["actor"], latest_event("rollout_started")["subject"]) == (
        "olga",
        "orders@2",
    )
    world.wait_live("quick", "orders@2")
    expect(page.locator("#live_head")).to_contain_text("orders@2 since", timeout=15_000)
    until(lambda: world.standing("quick") == "promoted", of="the end of the rollout")

    page.get_by_role("link", name="Roll back…").click()
    page.get_by_label("Which release").select_option("orders@1")
    page.get_by_label("Reason").fill("it was too quick")
    page.get_by_role("button", name="Roll quick back").click()
    told(page, "quick goes back.")
    world.wait_live("quick", "orders@1")
    assert latest_event("rollout_started")["actor"] == "olga"
    assert "it was too quick" in world.call("rollouts.show", environment="quick")["turns"][0]["sentence"]

    page.get_by_role("link", name="Stop…").click()
    page.get_by_label("Reason").fill("the trial is over")
    page.get_by_role("button", name="Stop quick").click()
    told(page, "quick is told to run nothing.")
    event = latest_event("deployment_changed")
    assert (event["actor"], event["detail"]["wanted"], event["detail"]["why"]) == (
        "olga",
        "stopped",
        "the trial is over",
    )
    expect(page.locator(".title")).to_contain_text("stopped", timeout=15_000)


def test_an_alert_is_acknowledged_and_resolved(world, visit, latest_event):
    page = visit("/alerts", who="olga")
    card = page.locator(".alert").filter(has_text="Column: price")
    card.get_by_text("Answer…").click()
    card.get_by_label("Reason").fill("a new price list")
    card.get_by_role("button", name="Acknowledge").click()
    told(page, "you see to the alert")
    event = latest_event("alert_acknowledged")
    assert (event["actor"], event["detail"]["why"]) == ("olga", "a new price list")
    card = page.locator(f"#{event['detail']['alert']}")
    expect(card).to_contain_text("acknowledged by olga")
    card.get_by_text("Answer…").click()
    card.get_by_label("Reason").fill("the list is known")
    card.get_by_role("button", name="Resolve").click()
    told(page, "The alert is over")
    assert latest_event("alert_resolved")["detail"]["why"] == "the list is known"


def test_a_retraining_is_asked_for_and_called_off(world, visit, latest_event):
    page = visit("/retrainings", who="olga")
    page.get_by_label("Whose live release").select_option("production")
    page.get_by_label("Reason, for the record").fill("prices have changed")
    page.get_by_role("button", name="Retrain").click()
    told(page, "The retraining is asked for.")
    event = latest_event("retraining_requested")
    assert event["actor"] == "olga"
    page.locator("#live_retrainings a.mono").first.click()
    expect(page.locator("#live_head")).to_contain_text("prices have changed")
    page.get_by_role("textbox", name="Reason").fill("on second thoughts")
    page.get_by_role("button", name="Cancel this retraining").click()
    told(page, "The retraining is called off.")
    assert latest_event("retraining_ended")["actor"] == "olga"


def test_a_refused_order_is_told_with_its_cure(visit):
    page = visit("/environments/quick/do/abort", who="olga")
    page.get_by_label("Reason").fill("there is none")
    page.get_by_role("button", name="Abort the rollout").click()
    told(page, "rollout", good=False)


def test_the_record_is_verified_by_a_button(visit):
    page = visit("/audit", who="vera")
    page.get_by_role("link", name="Verify the record").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The record is whole")


def test_a_rollout_is_aborted(world, visit, latest_event):
    rollout = world.under_way()
    page = visit(f"/environments/production/rollouts/{rollout}", who="olga")
    page.get_by_role("link", name="Abort…").click()
    page.get_by_label("Reason").fill("enough seen")
    page.get_by_role("button", name="Abort the rollout of orders@2").click()
    told(page, "The order to abort is recorded")
    until(lambda: world.standing("production") == "rolled back", of="the way back")
    event = latest_event("rollout_ordered")
    assert (event["actor"], event["detail"]["order"], event["detail"]["why"]) == ("olga", "abort", "enough seen")
    page.goto(f"/environments/production/rollouts/{rollout}")
    expect(page.locator(".title")).to_contain_text("rolled back")
    expect(page.locator(".stages .failed")).to_have_count(1)
