"""Every page in a real browser, wide and narrow, light and dark: no complaint, nothing cut off, usable by everybody."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, expect

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PAGES = {
    "overview": "/",
    "runs": "/runs",
    "run": "/runs/{good}",
    "failed run": "/runs/{failed}",
    "sweeps": "/sweeps",
    "sweep": "/sweeps/latest",
    "comparison": "/compare?runs={good},{failed}&all=1",
    "verdict": "/runs/{good}/verdict",
    "releases": "/releases",
    "release": "/releases/orders@2",
    "release to approve": "/releases/orders@3",
    "plan": "/releases/orders@3/deploy?environment=production",
    "environment": "/environments/production",
    "nothing deployed": "/environments/nowhere/do/stop",
    "rollout": "/environments/production/rollouts/{rollout}",
    "order": "/environments/production/do/abort",
    "way back": "/environments/production/do/rollback",
    "monitor": "/environments/production/monitor",
    "alerts": "/alerts?state=all",
    "retraining": "/retrainings",
    "audit": "/audit",
    "verification": "/audit/verification",
    "trace": "/trace?subject={prediction}",
    "API": "/docs",
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}


def address(world, name):
    return PAGES[name].format(
        good=world.runs["good 1"], failed=world.runs["failed"], rollout=world.under_way(), prediction=world.prediction
    )


def violations(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_in_every_size_and_light(world, visit, name):
    page = visit(address(world, name))
    page.watch.forgiven = ("404",) if name == "nothing deployed" else ()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{name} is {overflow} px wider than {width}"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if name != "API" or (width, scheme) in ((1280, "light"), (390, "dark")):  # two seconds each, for its length
                assert violations(page) == [], f"{width} {scheme}"


def test_the_looks_find_what_they_look_for(visit):
    page = visit("/runs")
    page.evaluate("document.querySelector('h1').style.color = '#dddddd'")
    page.evaluate("document.querySelector('main').style.minWidth = '2000px'")
    assert [rule for rule, _ in violations(page)] == ["color-contrast"]
    assert page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    assert any("Content Security Policy" in one for one in page.watch.complaints)
    page.evaluate("console.warn('no')")
    with pytest.raises(Error, match="ERR_"):
        page.goto("http://127.0.0.1:9/")
    assert [
        part for part in ("elsewhere: http://127.0.0.1:9/", "console: no") if part not in page.watch.complaints
    ] == []
    page.watch.complaints.clear()


def test_the_login_is_sound_too_and_leads_to_the_page_that_was_asked_for(world, browser):
    page = browser.new_context(base_url=world.up.address).new_page()
    page.goto("/audit?subject=orders%401")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    page.get_by_label("Your token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    assert violations(page) == []
    page.goto("/audit?subject=orders%401")
    page.get_by_label("Your token").fill(world.tokens["vera"])
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{world.up.address}/audit?subject=orders%401")
    page.context.close()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("overview", ["production", "Rollout of orders@2", "All runs", "The whole record"]),
        ("release to approve", ["Deploy to staging…", "Deploy to production…"]),
        ("rollout", ["Pause", "Promote now…", "Abort…"]),
        ("environment", ["Roll back…", "Stop…"]),
        ("order", ["Abort the rollout of orders@2", "Not now"]),
        ("alerts", ["Filter", "Answer…"]),
        ("audit", ["Filter", "Verify the record"]),
    ],
)
def test_the_main_actions_are_reached_by_keyboard_and_the_way_is_seen(world, visit, name, wanted):
    page = visit(address(world, name))
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one);
                return { name: one.textContent.trim(), body: one === document.body,
                         seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
            }"""
        )
        if at["body"]:
            break
        assert at["seen"], f"no focus is seen on {at['name']!r}"
        reached.append(at["name"])
    assert reached[0] == "Skip to the content"
    assert [one for one in wanted if one not in reached] == []
    assert not page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count()


def test_the_skip_link_leads_to_the_content(visit):
    page = visit("/runs")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_what_is_known_is_shown(world, visit):
    world.under_way()
    page = visit("/")
    expect(page.locator("#place-production")).to_contain_text("orders@1")
    expect(page.locator("#place-production")).to_contain_text("Rollout of orders@2")
    expect(page.locator("#live_alerts")).to_contain_text("has drifted")
    page.goto(f"/runs/{world.runs['failed']}")
    expect(page.locator("#log-features")).to_contain_text("about to fail")
    expect(page.locator("#live_graph .graph .wide .bad")).to_have_count(1)
    page.goto(f"/runs/{world.runs['good 1']}/verdict")
    expect(page.locator("svg.span")).to_have_count(1)
    page.goto("/sweeps/latest")
    expect(page.locator("main")).to_contain_text("ZeroDivisionError")
    expect(page.locator(".plots .wide circle")).to_have_count(3)
    page.goto("/releases/orders@1")
    for text in ("grace said yes", "slices look right", "python==", "production"):
        expect(page.locator("main")).to_contain_text(text)
    page.goto(f"/trace?subject={world.prediction}")
    kinds = page.locator(".stations .kind").all_text_contents()
    assert {"prediction", "release", "approval", "run", "commit", "data", "runtime", "verdict"} <= set(kinds)
    page.goto("/environments/production/monitor")
    expect(page.locator("#column-price")).to_contain_text("drifted")
    page.locator("#values-price summary").click()
    bars = page.get_by_role("img", name="price: shares of its bins, in the reference and lately")
    expect(bars.locator("visible=true").first).to_be_visible()
