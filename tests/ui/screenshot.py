"""docs/dashboard.png and docs/dashboard-dark.png, of the demo company: python -m tests.ui.screenshot [MINUTES]

It runs for some minutes, so that there is something to see over time.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.switch.site import Site
from tests.ui.browser import BASE, Visit, launched
from tests.ui.company import company, connect, poison, spoof
from topology import isolated

DOCS = Path(__file__).resolve().parents[2] / "docs"
SIZE = {"width": 1280, "height": 1000}
PEAK = (8, 24, 52, 61, 33, 12)  # spoofed packets, minute by minute


def misbehave(site: Site, minutes: int) -> None:
    """A burst of somebody else's address among a little noise, and the life of a company."""
    chance = random.Random(7)
    quiet = max(0, minutes - len(PEAK)) // 2
    counts = [*(chance.randint(0, 3) for _ in range(quiet)), *PEAK]
    for minute in range(minutes):
        spoof(site, counts[minute] if minute < len(counts) else chance.randint(0, 2))
        poison(site, chance.randint(1, 6))
        if minute < minutes - 1:
            time.sleep(60)
    rule = {"direction": "ingress", "protocol": "tcp", "port_min": 9100, "remote_cidr": "10.20.9.0/28"}
    site.put("/v1/tenants/acme/groups/base/rules/monitoring", rule)
    connect(site)
    time.sleep(12)  # until the watch has looked again


def taken(visit: Visit, token: str, place: Path) -> None:
    visit.open()
    visit.sign_in(token)
    page = visit.page
    page.get_by_label("Tenant", exact=True).select_option("acme")
    page.get_by_role("button", name="web-1 to api-1").click()
    expect(page.locator(".told")).to_contain_text("delivered to")
    expect(page.locator("[aria-busy='true']")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    page.screenshot(path=place, full_page=True)


def main(minutes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ow-") as directory, isolated(), company(Path(directory)) as site:
        misbehave(site, minutes)
        with sync_playwright() as playwright, launched(playwright) as browser:
            for scheme, name in (("light", "dashboard.png"), ("dark", "dashboard-dark.png")):
                with Visit(browser, BASE, viewport=SIZE, color_scheme=scheme) as visit:
                    taken(visit, site.controller.token, DOCS / name)
                    print(DOCS / name)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
