"""The dashboard in a real browser, on a real controller with three switches. Each visit must end without a complaint of
the console, and without a request to anybody else (see `Visit`)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.switch.site import Site
from tests.ui.browser import BASE, Visit, card
from tests.ui.company import connect, spoof

pytestmark = pytest.mark.switch


def matrix(page: Page, tenant: str) -> Locator:
    page.get_by_label("Tenant", exact=True).select_option(tenant)
    grid = page.get_by_role("grid", name=re.compile(f" in {tenant},"))
    expect(grid).to_be_visible()
    return grid


# -- signing in


def test_a_token_becomes_a_cookie_that_no_script_can_read_and_nothing_else_keeps_it(site: Site, visit: Visit) -> None:
    visit.open()
    visit.sign_in(site.controller.token)

    (cookie,) = visit.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    kept = visit.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert site.controller.token not in kept
    assert visit.page.get_by_label("Token").count() == 0


def test_a_wrong_token_is_refused_in_words_and_the_right_one_works_after_it(site: Site, visit: Visit) -> None:
    visit.open()
    visit.page.get_by_label("Token").fill("ow_wrong")
    visit.page.get_by_role("button", name="Sign in").click()

    expect(visit.page.get_by_role("alert")).to_contain_text("not known")
    (told,) = visit.errors  # the browser itself tells of each 401
    assert "401" in told
    visit.errors.clear()
    visit.sign_in(site.controller.token)


def test_signing_out_ends_the_session_on_the_controller_too(site: Site, visit: Visit) -> None:
    visit.open()
    visit.sign_in(site.controller.token)
    (cookie,) = visit.context.cookies()
    visit.page.locator(".who summary").click()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_label("Token")).to_be_focused()

    answer = visit.context.request.get(f"{BASE}/v1/whoami", headers={"Cookie": f"ow_session={cookie['value']}"})
    assert answer.status == 401
    visit.page.reload()
    expect(visit.page.get_by_label("Token")).to_be_visible()


def test_the_session_reads_and_plans_and_does_nothing_else(seen: Visit) -> None:
    tried = (
        """async ([method, path, headers]) => (await fetch(path, {method, headers, body: '{"version": 1}'})).status"""
    )
    json, own = {"Content-Type": "application/json"}, {"X-Ovswarden-Session": "1"}

    assert seen.page.evaluate(tried, ["PUT", "/v1/tenants/acme", json | own]) == 403
    assert seen.page.evaluate(tried, ["DELETE", "/v1/tenants/acme", own]) == 403
    assert seen.page.evaluate(tried, ["POST", "/v1/config:apply", json | own]) == 403
    assert seen.page.evaluate(tried, ["POST", "/v1/config:plan", json]) == 403
    assert seen.page.evaluate(tried, ["POST", "/v1/config:plan", json | own]) == 200
    seen.errors.clear()  # the browser tells of each 403


# -- the overview


def test_the_strip_answers_whether_all_is_in_force(seen: Visit) -> None:
    status = card(seen.page, re.compile("^Everything is in force at revision [0-9]+$"))

    expect(status).to_contain_text("3 / 3")
    expect(status).to_contain_text("in step")
    expect(status.get_by_role("link", name="53 active")).to_be_visible()
    expect(status).to_contain_text("hooli 86")


def test_a_cell_of_the_matrix_opens_its_trace(seen: Visit) -> None:
    grid = matrix(seen.page, "acme")
    cell = grid.get_by_role("button", name="web-1 to api-1: tcp/8080")
    expect(cell).to_have_text("8080")
    cell.click()

    trace = card(seen.page, "Who may reach whom").locator(".told")
    expect(trace).to_contain_text("ALLOW")
    expect(trace).to_contain_text("rule api/from-web")
    grid.get_by_role("button", name="web-1 to db-1: nothing").click()
    expect(trace).to_contain_text("DENY")
    expect(trace).to_contain_text("db/from-api (acme/db-1): the other end")


def test_the_switch_itself_is_asked_if_wanted(seen: Visit) -> None:
    matrix(seen.page, "acme").get_by_role("button", name="api-1 to web-1: tcp/80, tcp/443").click()
    seen.page.get_by_label("ask the switch, too").check()
    seen.page.get_by_role("button", name="Trace").click()

    expect(seen.page.locator(".told")).to_contain_text("ofproto/trace: agrees")


def test_the_matrix_is_one_tab_stop_and_arrow_keys_go_over_its_holes(seen: Visit) -> None:
    grid = matrix(seen.page, "acme")
    expect(grid.locator("[tabindex='0']")).to_have_count(1)
    grid.get_by_role("button", name="api-1 to api-2: nothing").focus()
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("ArrowRight")
    expect(grid.get_by_role("button", name="api-1 to api-3: nothing")).to_be_focused()
    seen.page.keyboard.press("ArrowDown")
    expect(grid.get_by_role("button", name="api-2 to api-3: nothing")).to_be_focused()
    seen.page.keyboard.press("ArrowDown")  # api-3 itself is a hole
    seen.page.keyboard.press("Enter")

    expect(grid.get_by_role("button", name="bastion to api-3: tcp/22")).to_be_focused()
    expect(seen.page.locator(".told")).to_contain_text("ALLOW")


def test_by_group_a_cell_traces_between_two_of_its_ports(seen: Visit) -> None:
    matrix(seen.page, "acme")
    seen.page.get_by_label("Rows and columns").select_option("group")
    seen.page.get_by_role("button", name="web to api: tcp/8080").click()

    expect(seen.page.locator(".told")).to_contain_text("rule api/from-web")


def test_the_fill_names_the_fullest_zone_first(site: Site, seen: Visit) -> None:
    connect(site)
    first = card(seen.page, "Conntrack fill per tenant").get_by_role("listitem").first

    expect(first).to_contain_text("hooli")
    expect(first).to_contain_text("172 / 200")
    expect(first.get_by_role("meter")).to_have_attribute("aria-valuenow", "172")


def test_a_live_event_appears_without_a_reload(site: Site, seen: Visit) -> None:
    expect(seen.page.get_by_text("live", exact=True)).to_be_visible()
    seen.page.evaluate("window.stayed = true")
    site.controller.put("/v1/tenants/acme/groups/just-made", {})

    feed = seen.page.get_by_role("log")
    expect(feed.get_by_text("group.created").first).to_be_visible()
    expect(feed.get_by_text("acme/just-made").first).to_be_visible()
    assert seen.page.evaluate("window.stayed") is True


def test_spoofed_packets_show_in_the_strip_the_chart_and_the_feed(site: Site, seen: Visit) -> None:
    spoof(site, 23)

    expect(seen.page.get_by_role("log").get_by_text("spoof.drop").first).to_be_visible(timeout=25_000)
    drops = card(seen.page, "Spoof drops per minute, by reason")
    expect(drops.locator("canvas")).to_be_visible(timeout=15_000)
    expect(drops.get_by_role("listitem")).to_contain_text("IPv4 source 23")
    strip = card(seen.page, re.compile("in force"))
    expect(strip.get_by_role("link", name="umbrella/vm-9")).to_be_visible(timeout=15_000)


def test_every_port_is_a_dot_that_leads_to_it(seen: Visit) -> None:
    topology = card(seen.page, "Topology")

    expect(topology.locator("a .dot")).to_have_count(54)
    expect(topology.locator("a .dot.down")).to_have_count(1)
    topology.get_by_role("link", name="umbrella/vm-9: active").click()
    expect(seen.page.get_by_role("heading", name="vm-9")).to_be_visible()


def test_every_card_has_its_curl_line_one_click_away(seen: Visit) -> None:
    buttons = seen.page.get_by_role("button", name="curl")
    assert buttons.count() == 6
    for button in buttons.all():
        button.click()
        line = seen.page.locator(f"#{button.get_attribute('aria-controls')} pre")
        expect(line).to_contain_text("curl -s")
        expect(line).to_contain_text(f"'{BASE}/v1/")
        assert "ow_" not in line.inner_text()
