"""The other pages, and what holds on every screen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.switch.site import Site
from tests.ui.browser import BASE, PHONE, Visit, card
from tests.ui.company import connect
from tests.ui.judging import FAINT, NAMELESS

pytestmark = pytest.mark.switch
PLAN = """\
version: 1
tenants:
  acme:
    groups:
      cache: {rules: {from-web: {in: tcp/6379, from: group:web}, from-api: {in: tcp/6379, from: group:api}}}
"""


# -- a port, a switch


def test_a_ports_page_tells_its_rules_with_hits_its_flows_its_drops_and_its_connections(
    site: Site, seen: Visit
) -> None:
    connect(site)
    seen.open("#/port/umbrella/vm-9")
    page = seen.page

    expect(card(page, "vm-9")).to_contain_text("10.20.2.9")
    expect(card(page, "Effective rules").get_by_role("row", name=re.compile("default.*[0-9]+ .*ago"))).to_be_visible()
    expect(card(page, "Connections").first).to_contain_text("10.20.255.254:10000")
    expect(card(page, "Flows on the switch")).to_contain_text("nw_src=10.20.2.9")
    page.get_by_label("To", exact=True).fill("ip:192.0.2.1")
    page.get_by_role("button", name="Trace").click()
    expect(page.locator(".told")).to_contain_text("ALLOW")


def test_ports_are_found_by_state_and_by_address(seen: Visit) -> None:
    seen.open("#/ports?state=down")
    rows = seen.page.get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("interface_missing")
    seen.page.get_by_label("State").select_option("")
    seen.page.get_by_label("Tenant", exact=True).select_option("acme")
    seen.page.get_by_label("Find").fill("10.20.0.11")

    expect(rows).to_have_count(2)
    rows.nth(1).get_by_role("link", name="web-1").click()
    expect(seen.page).to_have_url(f"{BASE}/ui/#/port/acme/web-1")


def test_a_switch_page_tells_its_state_and_its_warnings(seen: Visit) -> None:
    card(seen.page, "Topology").get_by_role("link", name="host-2", exact=True).click()

    expect(seen.page.get_by_role("heading", name="host-2")).to_be_visible()
    expect(seen.page.get_by_text("is in force")).to_be_visible()


# -- planning


def test_a_plan_shows_who_can_newly_reach_whom_and_changes_nothing(site: Site, seen: Visit) -> None:
    before = site.controller.get("/v1/tenants/acme/groups/cache")
    seen.page.get_by_role("link", name="Plan").click()
    seen.page.get_by_label(re.compile("^Configuration")).fill(PLAN)
    seen.page.get_by_role("button", name="Plan", exact=True).click()

    table = card(seen.page, "Who can newly reach whom").get_by_role("table")
    expect(table.get_by_role("row", name=re.compile("acme group:web .*cache.* tcp.6379 deny allow"))).to_be_visible()
    expect(card(seen.page, "The plan")).to_contain_text("+ add 1")
    expect(card(seen.page, "The plan")).to_contain_text('{"plan_id":"pl-')
    expect(card(seen.page, "Flows per switch").get_by_role("row")).not_to_have_count(0)
    assert site.controller.get("/v1/tenants/acme/groups/cache") == before


def test_every_problem_of_a_configuration_is_told_where_it_is(seen: Visit) -> None:
    seen.open("#/plan")
    seen.page.get_by_label(re.compile("^Configuration")).fill(
        '{"version": 1, "tenants": {"acme": {"grups": {}}}, "x": 1}'
    )
    seen.page.get_by_role("button", name="Plan", exact=True).click()

    alert = seen.page.get_by_role("alert")
    expect(alert).to_contain_text("grups")
    expect(alert.get_by_role("listitem")).to_have_count(2)
    seen.errors.clear()  # the browser tells of the 422


def test_markup_in_a_name_stays_text(site: Site, seen: Visit) -> None:
    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    site.controller.put("/v1/switches/0000000000000003", {"name": "host-3", "description": evil})
    seen.open("#/switch/0000000000000003")

    expect(seen.page.get_by_text(evil)).to_be_visible()
    assert seen.page.locator("main img, main b").count() == 0


# -- every screen, on a phone and in the dark

SCREENS = ("#/", "#/ports/acme", "#/port/acme/web-1", "#/plan", "#/switch/0000000000000001")


def test_no_screen_is_wider_than_a_phone(site: Site, browser: Browser) -> None:
    with Visit(browser, BASE, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        visit.open()
        assert visit.overflow() <= 0
        visit.sign_in(site.controller.token)
        for screen in SCREENS:
            visit.open(screen)
            settled(visit)
            assert visit.overflow() <= 0, screen
        assert (visit.errors, visit.foreign) == ([], [])


def test_it_follows_the_systems_theme_until_one_is_chosen(site: Site, browser: Browser) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    with Visit(browser, BASE, color_scheme="dark") as visit:
        visit.open()
        visit.sign_in(site.controller.token)
        dark = visit.page.evaluate(back)
        visit.page.emulate_media(color_scheme="light")
        light = visit.page.evaluate(back)
        assert dark != light
        theme = visit.page.get_by_role("button", name=re.compile("^Theme"))
        theme.click()
        theme.click()
        assert visit.page.evaluate(back) == dark
        visit.page.reload()
        expect(visit.page.get_by_role("grid")).to_be_visible()
        assert visit.page.evaluate(back) == dark
        assert (visit.errors, visit.foreign) == ([], [])


def test_on_every_screen_fields_have_names_and_words_can_be_told_from_their_background(seen: Visit) -> None:
    for screen in SCREENS:
        seen.open(screen)
        settled(seen)
        assert seen.page.evaluate(NAMELESS) == [], screen
        assert seen.page.locator("h1").count() == 1, screen
        for scheme in ("dark", "light"):
            seen.page.emulate_media(color_scheme=scheme)
            assert seen.page.evaluate(FAINT) == [], (screen, scheme)


def settled(visit: Visit) -> None:
    expect(visit.page.locator("[aria-busy='true']")).to_have_count(0)
